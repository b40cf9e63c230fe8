"""A report as HTML: the headline first, then each figure with its plot, its table and the votes it rests on. Pure."""

from arena.standings import Ranking, Rate, Report
from ui.markdown import escaped
from ui.results_plots import Row, durations, shares, stacked
from ui.results_tables import latency_table, person_html, rates_table, reasons_table, splits_table
from ui.results_words import (
    BOOTSTRAP_WANTS,
    Namer,
    by_contestant,
    counted,
    p_value,
    reasons_given,
    rests_on,
    sign_test,
    speed,
    verdict,
    warning,
)

TITLES = {
    "class": "By class of question",
    "wording": "By wording",
    "topic": "By topic",
    "document": "By document",
    "version": "By version",
    "form": "As written or made alike",
    "names": "With names hidden or shown",
}
FEW = 12
"""Groups of one kind that are shown at once; the rest is in the table."""


def figures_html(report: Report, name: Namer, names_shown: bool) -> str:
    """Everything under the headline. `names_shown`: to somebody who may know the annotators' names."""
    if report.total is None or not report.total.votes:
        return ""
    sections = [
        sure_html(report, name),
        groups_html(report, name),
        ranking_html(report.ranking, name),
        speed_html(report, name),
        effects_html(report, name),
        reasons_html(report, name),
        people_html(report, name, names_shown),
        reading_html(),
    ]
    return f'<div class="results">{"".join(sections)}</div>'


def empty_html(report: Report) -> str:
    """Nothing to count yet, and what to do about it."""
    if not report.all_votes:
        return (
            '<div class="results"><section class="lead"><p class="verdict">No votes yet.</p><p>Ask a question on the '
            "Compare page, read both answers and say which is better. Hide the names while you do: only then do votes "
            "judge answers and not names. The first figures are here with the first vote.</p></section></div>"
        )
    others = counted(report.all_votes, "vote is", "votes are")
    return (
        '<div class="results"><section class="lead"><p class="verdict">No votes match the filters.</p>'
        f"<p>{escaped(others)} left out. Usually only votes cast with the names hidden count. "
        '<a href="?results=all">Count all votes</a></p></section></div>'
    )


def headline_html(report: Report, name: Namer) -> str:
    """Who is ahead, by how much, how sure; or that there is nothing to count yet."""
    if report.total is None or not report.total.votes:
        return empty_html(report)
    said, doubt = verdict(report.headline, name)
    faster = speed(report.headline.speed, name)
    mixed = warning(by_contestant(report), name)
    bar = stacked(report.total, name(report.first), name(report.second))
    return (
        f'<div class="results"><section class="lead"><p class="verdict">{_kept_together(escaped(said))}</p>'
        f'<p class="doubt">{escaped(" ".join(each for each in (doubt, faster) if each))}</p>'
        f'<p class="rests">{escaped(rests_on(report.headline))} {escaped(_counted_votes(report))}</p>'
        + (f'<p class="note">{escaped(mixed)}</p>' if mixed else "")
        + f"{bar}</section></div>"
    )


def sure_html(report: Report, name: Namer) -> str:
    """The same rate with three intervals, the sign test, and ties and both bad as their own axis."""
    if report.total is None:
        return ""
    first, second, total = name(report.first), name(report.second), report.total
    rows = [
        Row("by prompt and person", total.rate, counted(total.decided, "vote"), strong=True),
        Row("bootstrap (cautious)", report.bootstrap, counted(total.decided, "vote"), BOOTSTRAP_WANTS),
        Row("as if independent", report.wilson, counted(total.decided, "vote")),
    ]
    quality = [
        Row("tie", report.ties, counted(total.votes, "vote")),
        Row("both bad", report.both_bad, counted(total.votes, "vote")),
    ]
    return (
        f"<section><h2>How sure is it?</h2><p>{escaped(first)} against {escaped(second)}, ties and “both bad” left "
        "out. Votes on one prompt, and votes by one person, resemble each other; the first interval allows for "
        f"that, and the headline uses it. {sign_test(report)}</p>"
        + shares(f"Share of decided votes that prefer {first}", rows, (f"{second} preferred", f"{first} preferred"))
        + "<h3>Ties and both bad</h3><p>A tie is about preference; “both bad” is about quality: neither answer "
        f"would do. Shares of all {total.votes:,} votes.</p>"
        + shares("Share of ties and of both bad among all votes", quality, ("none", "all"), sided=False)
        + rates_table(rows + quality)
        + "</section>"
    )


def groups_html(report: Report, name: Namer) -> str:
    """The pair's rate in each group, where there is more than one."""
    first, second = name(report.first), name(report.second)
    parts = []
    for key, title in TITLES.items():
        splits = sorted(report.groups.get(key, ()), key=lambda split: -split.votes)
        if len(splits) < 2:
            continue
        rows = [Row(split.name, split.rate, counted(split.decided, "vote")) for split in splits[:FEW]]
        plot = shares(f"{title}: share of decided votes that prefer {first}", rows, (second, first))
        parts.append(f"<h3>{title}</h3>{plot}{splits_table(splits, first, second)}")
    if not parts:
        return ""
    return (
        f"<section><h2>Where {escaped(first)} wins and where not</h2><p>Each line is a group of its own; of twenty "
        f"intervals one misses by chance.</p>{''.join(parts)}</section>"
    )


def ranking_html(ranking: Ranking, name: Namer) -> str:
    """Three or more contestants on one scale."""
    if not ranking.strengths:
        return ""
    rows = [
        Row(name(each.contestant), Rate(each.chance, each.low, each.high, each.votes), counted(each.votes, "vote"))
        for each in ranking.strengths
    ]
    helped = (
        " Somebody never lost or never won: half a win each way was added, or there would be no end to the strength."
        if ranking.helped
        else ""
    )
    return (
        "<section><h2>All contestants</h2><p>The chance to be preferred to an average one of the others "
        f"(Bradley-Terry, a tie is half a win), from {counted(ranking.votes, 'vote')} on all pairs; “both bad” left "
        f"out.{helped}</p>"
        + shares("Chance to be preferred to an average other contestant", rows, ("never", "always"))
        + rates_table(rows)
        + "</section>"
    )


def speed_html(report: Report, name: Namer) -> str:
    """How long answers take."""
    if not report.latencies:
        return ""
    left_out = (
        f" {counted(report.contended, 'answer is', 'answers are')} left out: other work used the machine meanwhile."
        if report.contended
        else ""
    )
    return (
        "<section><h2>Speed</h2><p>Seconds from the contestant’s turn to the end of its answer: the mark is the "
        "median, the box the middle half, the line the middle 90 %, the dot the median first token. Only answers "
        "that had the machine to themselves; of the filters only days and versions apply."
        f"{left_out}</p>{durations(report.latencies, name)}" + latency_table(report.latencies, name) + "</section>"
    )


def effects_html(report: Report, name: Namer) -> str:
    """Side, length, citations."""
    first = name(report.first)
    rows = []
    for each in report.effects:
        votes = f"p {p_value(each.p)}, {counted(each.rate.votes, 'vote')}" if each.rate else ""
        label = f"{first}, on even terms" if each.name == "On even terms" else each.name
        rows.append(Row(label, each.rate, votes, each.note))
    if not any(row.rate for row in rows):
        why = "".join(f"<p>Not to be told yet: {escaped(row.missing)}.</p>" for row in rows)
        return f"<section><h2>What else moves votes</h2>{why}</section>" if why else ""
    return (
        "<section><h2>What else moves votes</h2><p>How often an answer is preferred that differs from the other in "
        "this alone (logistic model, errors clustered by prompt and person). At 50 % it makes no difference. The "
        f"first line is the preference for {escaped(first)} with side, length and citations evened out. Length and "
        "citations are those on the screen: pairs made alike are equally long and show no citations.</p>"
        + shares("Preference when only one thing differs", rows, ("never preferred", "always preferred"))
        + rates_table(rows)
        + "</section>"
    )


def reasons_html(report: Report, name: Namer) -> str:
    """What people gave as a reason."""
    if report.total is None or not report.reasons:
        return ""
    reasons = sum(sum(given.values()) for given in report.reasons.values())
    return (
        f"<section><h2>Reasons given</h2><p>{counted(reasons, 'reason')} in {counted(report.total.votes, 'vote')}, "
        "by what was chosen; a vote may give several, or none.</p>"
        + reasons_table(reasons_given(report, name))
        + "</section>"
    )


def people_html(report: Report, name: Namer, names_shown: bool) -> str:
    """Agreement, and each annotator."""
    if report.alpha:
        alpha = report.alpha
        said = (
            f"Krippendorff’s alpha is <b>{alpha.alpha:.2f}</b> (95 % interval {alpha.low:.2f} to {alpha.high:.2f}), "
            f"from {counted(alpha.votes, 'vote')} on {counted(alpha.pairs, 'pair')} that at least two people judged. "
            "1 is full agreement, 0 what chance would bring; under 0.67 people see different things in the answers, "
            "and the figures above are an average over them."
        )
    else:
        said = "No two people have judged the same pairs differently enough to tell how far they agree."
    rows = "".join(person_html(each, name(report.first), names_shown) for each in report.annotators)
    head = "".join(
        f'<th scope="col" class="number">{escaped(title)}</th>'
        for title in ("Votes", name(report.first), "Left side", "Agrees", "Repeats same", "Hasty", "Seconds")
    )
    return (
        f"<section><h2>The annotators</h2><p>{said}</p><details><summary>Each annotator’s consistency</summary>"
        f'<table class="listed"><thead><tr><th scope="col">Who</th>{head}</tr></thead><tbody>{rows}</tbody></table>'
        "<p>“Left side”: decided votes for what stood left. “Agrees”: with others’ votes on the same pair. “Repeats "
        "same”: of these pairs those shown a second time, sides swapped, that got the same choice. “Seconds”: the "
        "median from showing to choosing.</p></details></section>"
    )


def reading_html() -> str:
    """How the words of the headline are meant."""
    return (
        '<section class="reading"><details><summary>How to read this page</summary><p>“Enough to say so” wants more '
        "than an interval that leaves out 50 %: looked at again and again, such an interval leaves it out by chance "
        "sooner or later. The rule here stays right however often somebody looks (a test by betting, after Robbins "
        "1970). “About n more votes would tell” takes today’s rate for the truth and means a chance of 80 %. "
        "Intervals are for one look. They allow for votes that resemble each other by prompt and person; in "
        "simulated studies with three people or more they held the truth in 94 to 97 % of "
        "cases.</p></details></section>"
    )


def _kept_together(text: str) -> str:
    """Without line breaks inside an interval or before a percent sign."""
    return text.replace(" %", "\u00a0%").replace("–", "–\u2060")


def _counted_votes(report: Report) -> str:
    how = {
        "blind": "Only votes cast with the names hidden count.",
        "open": "Only votes cast with the names shown count.",
        "all": "Votes with names hidden and shown are counted together.",
    }
    return how[report.filters.votes]
