"""What a report says in a sentence, and a view's filters as a link. Pure, and without HTML: the terminal says the
same."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from arena.judgements import Filters, Version, moments
from arena.standings import Annotator, Headline, Rate, Report, Speed

Namer = Callable[[str], str]
"""From a contestant to what people call it."""

MARK = "results"
"""The part of the address that opens this page; its value says which votes count."""
VOTES = {"blind": "names hidden", "open": "names shown", "all": "all votes"}
_TEXTS = {"class": "kind", "topic": "topic", "document": "document", "wording": "wording", "since": "since"}
_TEXTS |= {"until": "until"}
LONGEST = 200
NONE = "–"
BOOTSTRAP_WANTS = "wants two prompts and votes for either side"


def percent(share: float) -> str:
    """Whole percents; never a rounded-up certainty."""
    rounded = round(share * 100)
    if rounded == 100 and share < 1:
        return "over 99 %"
    return "under 1 %" if rounded == 0 and share > 0 else f"{rounded} %"


def interval(rate: Rate) -> str:
    """Its 95 % interval in whole percents."""
    return f"{rate.low * 100:.0f}–{rate.high * 100:.0f} %"


def counted(number: int, one: str, many: str = "") -> str:
    """ "1 vote", "2 votes"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def verdict(headline: Headline, name: Namer) -> tuple[str, str]:
    """Two sentences, without and with their doubts: who is ahead, and how sure that is."""
    if headline.state == "no votes" or not headline.leader:
        return "No votes yet.", ""
    if headline.rate is None:
        return "Undecided.", f"None of {counted(headline.votes, 'vote')} prefers one side: all are ties or both bad."
    leader, rate = name(headline.leader), headline.rate
    found = f"{leader} is preferred in {percent(rate.share)} of decided votes (95 % interval {interval(rate)})"
    if headline.state == "ahead":
        return f"{found}.", "Enough to say so."
    if headline.state == "equal":
        return "No difference worth choosing by.", f"{found}."
    more = (
        f"About {headline.further:,} more votes would tell, if that rate holds."
        if headline.further
        else "So close that a million more votes might not tell."
    )
    return "Undecided.", f"{found}. {more}"


def rests_on(headline: Headline) -> str:
    """How many votes, of how many people, on how many prompts."""
    decided = headline.rate.votes if headline.rate else 0
    text = (
        f"{counted(headline.votes, 'vote')} ({decided:,} of them decided) from "
        f"{counted(headline.people, 'person', 'people')} on {counted(headline.prompts, 'prompt')}."
    )
    return text + (" One person's view, however many votes." if headline.people == 1 else "")


def speed(found: Speed | None, name: Namer) -> str:
    """Who is faster, from uncontended answers alone."""
    if found is None:
        return ""
    of = f"(median of {counted(found.answers, 'answer')} that had the machine to themselves)"
    if found.times < 1.05:
        return f"Both take about equally long {of}."
    return f"{name(found.faster)} is {found.times:.1f} times faster {of}."


def sentence(report: Report, name: Namer) -> str:
    """The whole headline in one line."""
    said = [*verdict(report.headline, name), speed(report.headline.speed, name)]
    if report.headline.votes:
        said.append(rests_on(report.headline))
    return " ".join(each for each in said if each)


def warning(mixed: Mapping[str, list[Version]], name: Namer) -> str:
    """Said when votes on several versions of a contestant are counted together."""
    if not mixed:
        return ""
    several = ", ".join(f"{len(versions)} of {name(contestant)}" for contestant, versions in mixed.items())
    return f"These votes are on several versions ({several}): choose one under Filters to judge what you would ship."


def p_value(p: float | None) -> str:
    """As papers write it."""
    return NONE if p is None else "< 0.001" if p < 0.001 else f"= {p:.3f}"


def sign_test(report: Report) -> str:
    """ "" without votes for either side."""
    if report.total is None or report.sign_test is None:
        return ""
    p, votes = p_value(report.sign_test), report.total.decided
    return f"Exact sign test, votes taken as independent: p {p} ({votes:,} votes)."


def consistency(each: Annotator, first: str) -> Sequence[tuple[str, str]]:
    """What is known of an annotator: (title, figure) each. `first`: what the first contestant is called."""
    return (
        ("Votes", f"{each.votes:,}"),
        (first, _share_of(each.rate, each.paired)),
        ("Left side", _share_of(each.left, each.decided)),
        ("Agrees", _share_of(each.agreement, each.compared)),
        ("Repeats same", f"{each.repeated:,} of {each.repeats:,}" if each.repeats else NONE),
        ("Hasty", f"{each.hasty:,} of {each.votes:,}"),
        ("Seconds", f"{each.seconds:.0f} ({counted(each.clocked, 'vote')})" if each.seconds is not None else NONE),
    )


def reasons_given(report: Report, name: Namer) -> Sequence[tuple[str, int, Mapping[str, int]]]:
    """(what was chosen, the votes for it, times by reason) each."""
    if report.total is None:
        return ()
    total = report.total
    rows = {report.first: (name(report.first), total.wins), report.second: (name(report.second), total.losses)}
    rows |= {"tie": ("tie", total.ties), "both bad": ("both bad", total.both_bad)}
    return [(*rows[chosen], given) for chosen, given in report.reasons.items()]


def _share_of(share: float | None, number: int) -> str:
    return NONE if share is None else f"{percent(share)} of {number:,}"


def by_contestant(report: Report) -> dict[str, list[Version]]:
    """The versions that are mixed, of each contestant."""
    found: dict[str, list[Version]] = {}
    for version in report.mixed:
        found.setdefault(version.contestant, []).append(version)
    return found


def link(filters: Filters) -> str:
    """The address of a view, from "?" on: only what is not as usual, so that links stay short."""
    parts: list[tuple[str, str]] = [(MARK, filters.votes)]
    if filters.pair:
        parts.append(("pair", "~".join(filters.pair)))
    parts += [(key, getattr(filters, field)) for key, field in _TEXTS.items() if getattr(filters, field)]
    if filters.annotator:
        parts.append(("annotator", str(filters.annotator)))
    if filters.versions:
        parts.append(("versions", "~".join(filters.versions)))
    if not filters.hasty:
        parts.append(("hasty", "out"))
    return "?" + urlencode(parts)


def filters_from(query: Mapping[str, str]) -> Filters | None:
    """The filters a link names; None when it leads elsewhere. What cannot be read is as usual: links get cut."""
    if MARK not in query:
        return None
    votes = query[MARK] if query[MARK] in VOTES else "blind"
    texts: dict[str, Any] = {field: query.get(key, "")[:LONGEST] for key, field in _TEXTS.items()}
    pair = tuple(query.get("pair", "")[:LONGEST].split("~"))
    versions = tuple(each for each in query.get("versions", "")[:LONGEST].split("~") if each)
    place = query.get("annotator", "")[:6]
    return Filters(
        **texts,
        votes=votes,
        pair=pair if len(pair) == 2 and all(pair) else (),
        annotator=int(place) if place.isascii() and place.isdigit() else 0,
        versions=versions,
        hasty=query.get("hasty") != "out",
    )


def unreadable_days(filters: Filters) -> str:
    """What to say of days that are no days; "" when all is well."""
    for text, limits in ((filters.since, moments(filters.since, "")), (filters.until, moments("", filters.until))):
        if text.strip() and limits == moments("", ""):
            return no_day(text)
    return ""


def no_day(text: str) -> str:
    """What to say of it."""
    return f"“{text.strip()[:30]}” is not a day: write it like 2026-05-31."
