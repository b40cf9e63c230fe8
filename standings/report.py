"""Everything that the votes say, put together: `report(judgements, filters)` and the headline."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from arena import bradley_terry, clustered
from arena.judgements import BOTH_BAD, TIE, Bools, Filters, Ints, Judgements, Version
from arena.standings import Headline, Options, Ranking, Rate, Report, Split, Strength
from standings import effects, intervals, people, timing
from standings.bootstrap import bootstrap
from standings.headline import headline

WIN, LOSS = 0, 1


def report(judgements: Judgements, filters: Filters) -> Report:
    """All figures of the page. Pure: the same votes and filters say the same."""
    kept = filters.kept(judgements)
    pair = _pair(judgements, kept, filters)
    options = _options(judgements)
    if pair is None:
        return Report(filters, len(judgements), Headline("no votes"), options=options)
    first, second = pair
    votes = kept.where(kept.of_pair(first, second))
    decided = votes.where(votes.outcome < TIE)
    latencies = timing.latencies(kept)
    total = Sides.of(votes, first).split("all")
    names = kept.contestants[first], kept.contestants[second]
    both = [each for each in latencies if each.contestant in names]
    wins = (decided.winner == first).astype(float)
    return Report(
        filters=filters,
        all_votes=len(judgements),
        headline=headline(votes, first, second, timing.speed(both)),
        first=names[0],
        second=names[1],
        total=total,
        wilson=total.wilson,
        bootstrap=bootstrap(wins, decided.prompt, decided.annotator),
        sign_test=intervals.sign_test(total.wins, total.losses),
        ties=share(votes, TIE),
        both_bad=share(votes, BOTH_BAD),
        groups=groups(judgements, filters, votes, first, second),
        effects=effects.effects(decided, first),
        ranking=ranking(kept),
        alpha=people.alpha(votes),
        annotators=people.annotators(votes, first, second),
        reasons=reasons(votes, first, second),
        latencies=latencies,
        contended=len(kept.contended),
        mixed=mixed(votes),
        options=options,
    )


@dataclass(frozen=True)
class Sides:
    """A pair's votes in the four columns that a split needs: 22 would be copied for each of a hundred groups. `said` is
    WIN or LOSS of the first contestant, TIE or BOTH_BAD."""

    said: Ints
    prompt: Ints
    annotator: Ints

    @classmethod
    def of(cls, votes: Judgements, first: int) -> "Sides":
        undecided = votes.outcome >= TIE
        said = np.where(undecided, votes.outcome, np.where(votes.winner == first, WIN, LOSS))
        return cls(said, votes.prompt, votes.annotator)

    def split(self, name: str, chosen: Ints | Bools | slice = slice(None)) -> Split:
        """The chosen votes counted."""
        said, prompt, annotator = self.said[chosen], self.prompt[chosen], self.annotator[chosen]
        wins, losses, ties, bad = (int(count) for count in np.bincount(said, minlength=4))
        rate = None
        if wins + losses:
            decided = said < TIE
            values = (said[decided] == WIN).astype(float)
            rate = intervals.clustered_rate(clustered.mean(values, prompt[decided], annotator[decided]))
        return Split(name, wins, losses, ties, bad, rate, intervals.wilson(wins, wins + losses))


def share(votes: Judgements, outcome: int) -> Rate | None:
    """How often all these votes say so, with the interval that allows for shared prompts and people."""
    if not len(votes):
        return None
    said = (votes.outcome == outcome).astype(float)
    return intervals.clustered_rate(clustered.mean(said, votes.prompt, votes.annotator))


def groups(
    judgements: Judgements, filters: Filters, votes: Judgements, first: int, second: int
) -> dict[str, Sequence[Split]]:
    """By class, wording, topic, document and version; by form, of votes in the queue, which balances it; and with names
    hidden or shown, whatever the filter says of it."""
    sides = Sides.of(votes, first)
    found: dict[str, Sequence[Split]] = {}
    for title, names, codes in (
        ("class", votes.kinds, votes.kind),
        ("wording", votes.wordings, votes.wording),
        ("topic", votes.topics, votes.topic),
        ("document", votes.documents, votes.document),
    ):
        found[title] = [sides.split(names[code] or "not stated", codes == code) for code in np.unique(codes)]
    found["version"] = _by_version(votes, sides, first)
    forms = ("as written", votes.queued & ~votes.plain), ("made alike", votes.queued & votes.plain)
    found["form"] = [sides.split(form, chosen) for form, chosen in forms if chosen.any()]
    named = []
    for how, title in (("blind", "names hidden"), ("open", "names shown")):
        every = replace(filters, votes=how).kept(judgements)
        named.append(Sides.of(every.where(every.of_pair(first, second)), first).split(title))
    found["names"] = [each for each in named if each.votes]
    return found


def ranking(votes: Judgements) -> Ranking:
    """Bradley-Terry over all pairs, for three or more contestants. Both bad judges quality, not preference: left
    out."""
    compared = votes.where(votes.outcome != BOTH_BAD)
    present = np.unique(np.concatenate([compared.left, compared.right]))
    if len(present) < 3:
        return Ranking(note="Only two contestants have votes: their win rate says it all.")
    left, right = np.searchsorted(present, compared.left), np.searchsorted(present, compared.right)
    won_right = compared.winner == compared.right
    winners, losers = np.where(won_right, right, left), np.where(won_right, left, right)
    weights = np.where(compared.outcome == TIE, bradley_terry.HALF_A_WIN, 1.0)
    found = bradley_terry.strengths(
        winners, losers, weights, compared.prompt, compared.annotator, contestants=len(present)
    )
    if found is None:
        return Ranking(
            votes=len(compared), note="Some contestants never met, not even through others: no common scale."
        )
    appearances = np.bincount(left, minlength=len(present)) + np.bincount(right, minlength=len(present))
    strengths = []
    for place in np.argsort(-found.strengths):
        name = votes.contestants[present[place]]
        # θ is against the mean of all; against the mean of the others it is k / (k - 1) times as far.
        scale = len(present) / (len(present) - 1)
        rate = intervals.logistic_rate(
            float(found.strengths[place]) * scale,
            float(found.errors[place]) * scale,
            max(float(found.freedom[place]), 1.0),
            int(appearances[place]),
        )
        strengths.append(Strength(name, rate.share, rate.low, rate.high, rate.votes))
    return Ranking(tuple(strengths), found.helped, len(compared))


def reasons(votes: Judgements, first: int, second: int) -> dict[str, dict[str, int]]:
    """By what was chosen, how often each reason was given: a contestant's name, "tie" or "both bad"."""
    winner, outcome = votes.winner, votes.outcome
    chosen = {votes.contestants[first]: winner == first, votes.contestants[second]: winner == second}
    chosen |= {"tie": outcome == TIE, "both bad": outcome == BOTH_BAD}
    found = {}
    for name, own in chosen.items():
        masks = votes.reasons[own]
        given = {reason: int(np.count_nonzero(masks >> bit & 1)) for bit, reason in enumerate(votes.reason_names)}
        found[name] = {reason: count for reason, count in given.items() if count}
    return {name: given for name, given in found.items() if given}


def mixed(votes: Judgements) -> tuple[Version, ...]:
    """The versions in these votes, where a contestant has more than one."""
    present = [votes.versions[code] for code in np.unique(np.concatenate([votes.left_version, votes.right_version]))]
    ids: dict[str, set[str]] = {}
    for version in present:
        ids.setdefault(version.contestant, set()).add(version.id)
    several = [version for version in present if len(ids[version.contestant]) > 1]
    return tuple({(version.contestant, version.id): version for version in several}.values())


def _by_version(votes: Judgements, sides: Sides, first: int) -> list[Split]:
    """Of the first contestant's versions; one alone is no group."""
    codes = np.where(votes.left == first, votes.left_version, votes.right_version)
    ids = np.array([version.id for version in votes.versions])[codes]
    names = np.unique(ids)
    return [sides.split(str(name), ids == name) for name in names] if len(names) > 1 else []


def _pair(judgements: Judgements, kept: Judgements, filters: Filters) -> tuple[int, int] | None:
    """The pair asked for, or the one with the most votes that count. None where the one asked for is no pair here:
    another one's figures would be taken for it."""
    names = judgements.contestants
    if filters.pair:
        known = [names.index(name) for name in dict.fromkeys(filters.pair) if name in names]
        return (known[0], known[1]) if len(known) == len(filters.pair) == 2 else None
    votes = kept if len(kept) else judgements
    if not len(votes):
        return None
    counted = _pairs(votes)
    return max(counted, key=lambda pair: counted[pair])


def _pairs(votes: Judgements) -> dict[tuple[int, int], int]:
    size = len(votes.contestants)
    low, high = np.minimum(votes.left, votes.right), np.maximum(votes.left, votes.right)
    keys, counts = np.unique(low.astype(np.int64) * size + high, return_counts=True)
    return {(int(key // size), int(key % size)): int(count) for key, count in zip(keys, counts, strict=True)}


def _options(judgements: Judgements) -> Options:
    names = judgements.contestants
    pairs = sorted(_pairs(judgements).items(), key=lambda each: -each[1])

    def counted(texts: Sequence[str], codes: np.ndarray) -> tuple[tuple[str, int], ...]:
        counts = np.bincount(codes, minlength=len(texts))
        return tuple((text, int(count)) for text, count in zip(texts, counts, strict=True) if text and count)

    sides = np.concatenate([judgements.left_version, judgements.right_version])
    counts = np.bincount(sides, minlength=len(judgements.versions))
    return Options(
        pairs=tuple(((names[first], names[second]), count) for (first, second), count in pairs),
        kinds=counted(judgements.kinds, judgements.kind),
        topics=counted(judgements.topics, judgements.topic),
        documents=counted(judgements.documents, judgements.document),
        wordings=counted(judgements.wordings, judgements.wording),
        annotators=counted(judgements.annotators, judgements.annotator),
        versions=_versions(zip(judgements.versions, counts, strict=True)),
    )


def _versions(counted: Iterable[tuple[Version, int]]) -> tuple[tuple[Version, int], ...]:
    """Newest first; those stored in another order of parts are one."""
    found: dict[tuple[str, str], tuple[Version, int]] = {}
    for version, count in counted:
        known = found.get((version.contestant, version.id), (version, 0))
        found[version.contestant, version.id] = (
            min(known[0], version, key=lambda each: each.first),
            known[1] + int(count),
        )
    used = [each for each in found.values() if each[1]]
    return tuple(sorted(used, key=lambda each: (each[0].contestant, each[0].first), reverse=True))
