"""How often 95 % intervals hold the truth, over simulated studies: `python -m tests.benchmarks.coverage [STUDIES]`.

A study: prompts with a taste of their own, people with a leaning of their own, a win rate that is known, ties dropped.
Printed are, for each design, the coverage of the interval that the headline uses, of Wilson's as if votes were
independent and, for one design, as it takes long, of the bootstrap; the coverage of Bradley-Terry strengths, of the
logistic model's effects and of Krippendorff's alpha; how often the headline's rule calls a winner where there is none
when looked at again and again; and whether "about n more votes" suffice.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from arena import bradley_terry, clustered, sequential
from arena.judgements import LEFT, RIGHT, TIE, Judgements
from standings import effects, intervals
from standings.bootstrap import bootstrap
from standings.headline import verdict
from standings.people import alpha
from tests.standings.examples import judgements

STUDIES = 1000
TIES = 0.2
"""Of all votes."""
POINTS, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
"""Gauss-Hermite quadrature: to average over what is normally distributed."""


@dataclass(frozen=True)
class Design:
    """`each` of `people` judge each prompt, a fifth of votes being ties. Spreads are standard deviations of
    log-odds."""

    prompts: int
    people: int
    each: int
    prompt_spread: float
    person_spread: float

    def __str__(self) -> str:
        return (
            f"{self.prompts} prompts, {self.each} of {self.people} people each, spread {self.prompt_spread} by prompt, "
            f"{self.person_spread} by person"
        )


USUAL = Design(100, 6, 3, 1.0, 0.3)
DESIGNS = (
    USUAL,
    Design(60, 6, 3, 1.0, 0.3),
    Design(200, 10, 3, 1.0, 0.3),
    Design(120, 12, 3, 1.0, 0.3),
    Design(40, 3, 3, 1.0, 0.3),
    Design(100, 6, 1, 1.0, 0.3),
    Design(100, 6, 3, 0.0, 0.0),
    Design(100, 6, 3, 1.0, 0.6),
    Design(40, 3, 3, 1.0, 0.6),
)
AGREED = (USUAL, Design(200, 10, 3, 1.0, 0.3), Design(100, 6, 3, 1.0, 0.6), Design(40, 3, 3, 1.0, 0.6))
"""Those for which alpha is looked at."""
TERMS = np.array([0.4, 0.15, 0.3, 0.3])
"""Log-odds of the logistic model's terms: preference, side, twice the length, more citations."""
Study = tuple[np.ndarray, np.ndarray, np.ndarray]


def middle(rate: float, spread: float) -> float:
    """The log-odds around which effects of this spread give `rate` on average."""
    low, high = -8.0, 8.0
    for _ in range(60):
        centre = (low + high) / 2
        low, high = (centre, high) if averaged(centre, spread) < rate else (low, centre)
    return low


def averaged(odds: np.ndarray | float, spread: float) -> np.ndarray:
    """The chance at these log-odds, averaged over effects of this spread."""
    chances = 1 / (1 + np.exp(-(np.asarray(odds)[..., None] + spread * POINTS)))
    return np.asarray((chances * WEIGHTS).sum(axis=-1) / WEIGHTS.sum())


def drawn(design: Design, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    """(prompts, people, what both add to the log-odds, whether the vote is no tie), a value each for every vote."""
    taste = generator.normal(0, design.prompt_spread, design.prompts)
    leaning = generator.normal(0, design.person_spread, design.people)
    prompts = np.repeat(np.arange(design.prompts), design.each)
    people = np.concatenate([generator.permutation(design.people)[: design.each] for _ in range(design.prompts)])
    return prompts, people, taste[prompts] + leaning[people], generator.random(len(prompts)) > TIES


def study(design: Design, centre: float, generator: np.random.Generator) -> Study:
    """(1 where the first was preferred, prompts, people), in the order in which the votes came."""
    prompts, people, own, decided = drawn(design, generator)
    chance = 1 / (1 + np.exp(-(centre + own[decided])))
    return (generator.random(len(chance)) < chance).astype(float), prompts[decided], people[decided]


def coverage(design: Design, rate: float, studies: int, seed: int = 0, boot: bool = False) -> dict[str, float]:
    """The share of studies whose interval holds `rate`, by kind of interval."""
    generator = np.random.default_rng(seed)
    centre = middle(rate, float(np.hypot(design.prompt_spread, design.person_spread)))
    held: dict[str, list[bool]] = {}
    for number in range(studies):
        values, prompts, people = study(design, centre, generator)
        found = {"clustered": intervals.clustered_rate(clustered.mean(values, prompts, people))}
        found["wilson"] = intervals.wilson(int(values.sum()), len(values))  # type: ignore[assignment]
        if boot:
            found["bootstrap"] = bootstrap(values, prompts, people, number)  # type: ignore[assignment]
        for name, interval in found.items():
            held.setdefault(name, []).append(interval.low <= rate <= interval.high)
    return {name: float(np.mean(each)) for name, each in held.items()}


def strengths_coverage(studies: int, seed: int = 0) -> float:
    """Of Bradley-Terry strengths of three contestants, USUAL otherwise; the truth is what ever more votes lead to."""
    generator = np.random.default_rng(seed)
    truth = np.array([0.5, 0.1, -0.6])
    pairs = np.array([(0, 1), (0, 2), (1, 2)])
    spread = float(np.hypot(USUAL.prompt_spread, USUAL.person_spread))
    limit = np.zeros((3, 3))
    for first, second in pairs:
        limit[first, second] = averaged(truth[first] - truth[second], spread)
        limit[second, first] = 1 - limit[first, second]
    expected = bradley_terry.fit(limit)
    held = []
    for _ in range(studies):
        taste = generator.normal(0, USUAL.prompt_spread, (USUAL.prompts, 3))
        leaning = generator.normal(0, USUAL.person_spread, (USUAL.people, 3))
        prompts = np.repeat(np.arange(USUAL.prompts), 3)
        people = np.concatenate([generator.permutation(USUAL.people)[:3] for _ in range(USUAL.prompts)])
        met = generator.integers(3, size=len(prompts))
        first, second = pairs[met].T
        odds = truth[first] - truth[second] + taste[prompts, met] + leaning[people, met]
        won = generator.random(len(prompts)) < 1 / (1 + np.exp(-odds))
        found = bradley_terry.strengths(
            np.where(won, first, second), np.where(won, second, first), np.ones(len(won)), prompts, people, 3
        )
        assert found is not None
        reach = np.array([intervals.quantile(freedom) for freedom in found.freedom]) * found.errors
        held.append(np.abs(found.strengths - expected) <= reach)
    return float(np.mean(held))


def effects_coverage(studies: int, seed: int = 0) -> dict[str, float]:
    """By term of the logistic model, USUAL otherwise; the truth is what ever more votes lead to."""
    generator = np.random.default_rng(seed)
    limit = effects_limit(generator)
    held: dict[str, list[bool]] = {}
    for _ in range(studies):
        prompts, people, own, decided = drawn(USUAL, generator)
        votes = replace(ballots(prompts[decided], generator), annotator=people[decided].astype(np.int32))
        odds = _terms(votes) @ TERMS + own[decided]
        preferred = generator.random(len(votes)) < 1 / (1 + np.exp(-odds))
        outcome = np.where(preferred == (votes.left == 0), LEFT, RIGHT).astype(np.int32)
        for effect, truth in zip(effects.effects(replace(votes, outcome=outcome), 0), limit, strict=False):
            if effect.rate is not None:
                inside = effect.rate.low <= sequential.odds(float(truth)) <= effect.rate.high
                held.setdefault(effect.name, []).append(inside)
    return {name: float(np.mean(each)) for name, each in held.items()}


def ballots(prompts: np.ndarray, generator: np.random.Generator) -> Judgements:
    """Votes on these prompts, still without an outcome, as the queue shows pairs: sides by chance, every second pair
    made alike. On each prompt the first contestant's answer has a length of its own, and citations in four of five."""
    count, asked = len(prompts), int(prompts.max()) + 1
    first_left, plain = generator.random(count) < 0.5, generator.random(count) < 0.5
    first, second = np.where(plain, 100, generator.lognormal(5, 0.5, (2, asked))[:, prompts])
    cites = (generator.random(asked) < 0.8)[prompts] & ~plain
    return judgements(
        np.zeros(count),
        prompt=prompts,
        plain=plain,
        left=~first_left,
        right=first_left,
        left_length=np.where(first_left, first, second),
        right_length=np.where(first_left, second, first),
        left_citations=cites & first_left,
        right_citations=cites & ~first_left,
    )


def effects_limit(generator: np.random.Generator, votes: int = 50_000) -> np.ndarray:
    """The coefficients that fit very many votes' chances best, once tastes and leanings are averaged out: nearer to
    zero than TERMS (Newton's method)."""
    design = _terms(ballots(np.arange(votes), generator))
    chances = averaged(design @ TERMS, float(np.hypot(USUAL.prompt_spread, USUAL.person_spread)))
    found = np.zeros(len(TERMS))
    for _ in range(30):
        fitted = 1 / (1 + np.exp(-design @ found))
        curvature = design.T @ (design * (fitted * (1 - fitted))[:, None])
        found += np.linalg.solve(curvature, design.T @ (chances - fitted))
    return found


def _terms(votes: Judgements) -> np.ndarray:
    return np.column_stack(list(effects.terms(votes, 0).values()))


def alpha_coverage(design: Design, studies: int, seed: int = 0, rate: float = 0.64) -> float:
    """Of Krippendorff's alpha over first, second and tie; the truth is that of ever more prompts and people."""
    generator = np.random.default_rng(seed)
    centre = middle(rate, float(np.hypot(design.prompt_spread, design.person_spread)))
    # By prompt, people averaged out: two votes on it are independent then.
    first = averaged(centre + design.prompt_spread * POINTS, design.person_spread) * (1 - TIES)
    shares = np.stack([first, 1 - TIES - first, np.full(len(first), TIES)])
    weights = WEIGHTS / WEIGHTS.sum()
    observed, expected = 1 - (shares**2).sum(axis=0) @ weights, 1 - ((shares @ weights) ** 2).sum()
    truth, held = 1 - observed / expected, []
    for _ in range(studies):
        prompts, people, own, decided = drawn(design, generator)
        preferred = generator.random(len(own)) < 1 / (1 + np.exp(-(centre + own)))
        outcome = np.where(decided, np.where(preferred, LEFT, RIGHT), TIE)
        found = alpha(judgements(outcome, comparison=prompts, prompt=prompts, annotator=people))
        held.append(found is not None and found.low <= truth <= found.high)
    return float(np.mean(held))


def alarms(design: Design, studies: int, looks: Sequence[int], seed: int = 0) -> tuple[float, float]:
    """Of studies without any difference, how many are called ahead at some look: by the interval alone, by the rule."""
    generator = np.random.default_rng(seed)
    alone = ruled = 0
    for _ in range(studies):
        values, prompts, people = study(design, 0.0, generator)
        order = generator.permutation(len(values))
        by_interval = by_rule = False
        for look in looks:
            seen = order[:look]
            won = values[seen] if values[seen].mean() >= 0.5 else 1 - values[seen]
            found = verdict(clustered.mean(won, prompts[seen], people[seen]))
            by_interval |= found.rate.low > 0.5
            by_rule |= found.state == "ahead"
        alone, ruled = alone + by_interval, ruled + by_rule
    return alone / studies, ruled / studies


def suffices(rate: float, studies: int, seed: int = 0) -> float:
    """How often the votes that `further_votes` asks for do say who is ahead, if `rate` is the truth."""
    generator = np.random.default_rng(seed)
    votes = sequential.further_votes(rate, 0.0) or 0
    shares = generator.binomial(votes, rate, studies) / votes
    return float(np.mean([sequential.enough(share, votes) and share > 0.5 for share in shares]))


def main(studies: int = STUDIES) -> None:
    print(f"{studies:,} studies each; how many 95 % intervals hold the truth, in percent")
    for design in DESIGNS:
        for rate in (0.5, 0.64):
            found = coverage(design, rate, studies, boot=design == USUAL)
            figures = ", ".join(f"{name} {share:.1%}" for name, share in found.items())
            print(f"{design}, win rate {rate:.0%}: {figures}", flush=True)
    print(f"Bradley-Terry, three contestants, {USUAL}: {strengths_coverage(studies):.1%}")
    for name, share in effects_coverage(studies).items():
        print(f"Logistic model, {USUAL}, “{name}”: {share:.1%}", flush=True)
    for design in AGREED:
        print(f"Krippendorff's alpha, {design}: {alpha_coverage(design, studies):.1%}", flush=True)
    looks = range(20, 401, 10)
    for design in (Design(600, 200, 1, 0.0, 0.0), Design(100, 6, 6, 1.0, 0.3)):
        alone, ruled = alarms(design, studies, looks)
        print(f"No difference, a look every 10 votes up to 400, {design}: interval alone {alone:.1%}, rule {ruled:.1%}")
    for rate in (0.55, 0.6, 0.7):
        votes = sequential.further_votes(rate, 0.0)
        print(f"Win rate {rate:.0%}: {votes} independent votes say so in {suffices(rate, studies):.1%} of studies")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES)
