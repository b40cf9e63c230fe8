"""What a contestant knows: asked in trained words, in new ones, the other way round, and about what nobody taught it.

Counts with arena's own scoring and rows (`arena.evaluation`), so that the figures are those of `--evaluate`, with
intervals, the signs of overfitting, and a verdict in plain English. Does not generate: a function that answers is
handed in. What the model has forgotten is forgetting.py's matter.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scipy.stats import binomtest

from arena.errors import WorkspaceError
from arena.evaluation import SPLITS, Asked, good, questions
from arena.facts import Fact
from arena.scoring import abstained, is_right, normalised

REVERSED = "reversed"
"""Asked for what the fact is about, given its value: "What weighs 3 kg?" for "The Ossa 4 weighs 3 kg."."""
TRAINED, HELD_OUT, OBLIQUE, DOCUMENTS_ONLY, _, UNANSWERABLE = SPLITS
TAUGHT = (TRAINED, HELD_OUT, OBLIQUE)
PART = 64
"""Questions between two reports of progress."""

KNOWS, HALF = 0.9, 0.5
GAP, ONE_WAY = 10.0, 30.0
"""Points from which trained wordings are better known than new ones, and facts better than their reversal."""
SAME_FACTS, SAME_SHARE = 3, 0.05
REFUSES = 0.1

WIDTH, SIDE_BY_SIDE = 100, 3
CELL = WIDTH // (SIDE_BY_SIDE + 1)


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    count: int
    asked: int

    @property
    def value(self) -> float | None:
        return self.count / self.asked if self.asked else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval after Wilson (1927); everything is possible where nothing was asked."""
        if not self.asked:
            return 0.0, 1.0
        low, high = binomtest(self.count, self.asked).proportion_ci(confidence_level=0.95, method="wilson")
        return float(low), float(high)

    def __str__(self) -> str:
        """For example "210/216 97% (94-99)"; "-" where nothing was asked."""
        if self.value is None:
            return "-"
        low, high = self.interval
        return f"{self.count}/{self.asked} {self.value:.0%} ({100 * low:.0f}-{100 * high:.0f})"


@dataclass(frozen=True)
class Knowledge:
    """`counts` by row: good of asked, as `arena.evaluation.good` tells. `same` are the facts that got one and the same
    wrong answer, `same_answer` (the answer explosion of a model that was trained too hard); `refused` are the
    questions about taught facts that were answered with "I do not know" or nothing; `frequent`, of all answers, those
    that are the commonest one, right or wrong."""

    counts: Mapping[str, Share]
    same_answer: str
    same: Share
    refused: Share
    frequent: Share = Share(0, 0)

    @property
    def gap(self) -> float | None:
        """Points by which trained wordings are better known than held-out ones: the sign of overfitting."""
        trained, held_out = self.counts[TRAINED].value, self.counts[HELD_OUT].value
        return None if trained is None or held_out is None else _points(trained, held_out)

    @property
    def asked(self) -> dict[str, tuple[int, int]]:
        """(right, asked) by row, of what was asked at all."""
        return {name: (share.count, share.asked) for name, share in self.counts.items() if share.asked}


Reversed = Mapping[str, Sequence[tuple[str, Sequence[str]]]]
"""Fact id -> (question, accepted answers)."""


def reversed_questions(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[tuple[str, Sequence[str]]]]:
    """The field "reversed" of the rows of questions.jsonl, where they have it: [{"question": ..., "accepted": [...]}].

    Raises:
        WorkspaceError: with the fact's id, when the field has another form.
    """
    found: dict[str, list[tuple[str, Sequence[str]]]] = {}
    for row in rows:
        given = row.get("reversed") or []
        try:
            if not isinstance(given, list):
                raise TypeError
            for item in given:
                found.setdefault(str(row["id"]), []).append(_turned(item["question"], item["accepted"]))
        except (KeyError, TypeError):
            raise WorkspaceError(
                f"Fact '{row.get('id')}': \"reversed\" holds {given!r}; "
                'write [{"question": "What weighs 3 kg?", "accepted": ["Ossa 4"]}].'
            ) from None
    return found


def _turned(question: Any, accepted: Any) -> tuple[str, Sequence[str]]:
    texts = [question, *accepted]
    if isinstance(accepted, str) or len(texts) < 2 or not all(isinstance(text, str) and text.strip() for text in texts):
        raise TypeError
    return question, tuple(accepted)


def examine(
    answers: Callable[[Sequence[str]], Sequence[str]],
    facts: Sequence[Fact],
    reversed_questions: Reversed,
    report: Callable[[str], None],
    limit: int | None = None,
) -> Knowledge:
    """Ask what `arena.evaluation.questions` lists (with `limit`: about so many facts of each class) and the reversed
    questions of the taught facts among them.

    Raises:
        WorkspaceError: there is nothing to ask.
    """
    asked = questions(facts, limit)
    taught = {item.fact.id: item.fact for item in asked if item.fact.kind == "trained"}
    for identity, fact in taught.items():
        for question, accepted in reversed_questions.get(identity, ()):
            turned = replace(fact, accepted=tuple(accepted), rejected=())
            asked.append(Asked(turned, question, REVERSED))
    if not asked:
        raise WorkspaceError("Nothing to ask: questions.jsonl holds no facts with wordings (docs/own-documents.md).")
    given: list[str] = []
    for start in range(0, len(asked), PART):
        given += answers([item.text for item in asked[start : start + PART]])
        report(f"asked {len(given)} of {len(asked)} questions")
    return counted(list(zip(asked, given, strict=True)))


def counted(answered: Sequence[tuple[Asked, str]]) -> Knowledge:
    """The figures of these answers."""
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for item, answer in answered:
        total[item.split] += 1
        right[item.split] += good(item, answer)
    counts = {split: Share(right[split], total[split]) for split in (*SPLITS, REVERSED)}
    about_taught = [(item, answer) for item, answer in answered if item.split in TAUGHT]
    refused = sum(abstained(answer) and not good(item, answer) for item, answer in about_taught)
    answer, facts = _most_repeated(answered)
    everything = {item.fact.id for item, _ in answered if item.fact.answerable}
    commonest = Counter(normalised(answer) for _, answer in answered).most_common(1)
    frequent = Share(commonest[0][1] if commonest else 0, len(answered))
    return Knowledge(counts, answer, Share(facts, len(everything)), Share(refused, len(about_taught)), frequent)


def _most_repeated(answered: Sequence[tuple[Asked, str]]) -> tuple[str, int]:
    """The wrong answer that the most facts got, and how many. Right ones may repeat: a fact has several wordings and
    facts may share a value. Refusals are counted apart."""
    facts: dict[str, set[str]] = {}
    wording: dict[str, str] = {}
    for item, answer in answered:
        wrong = item.fact.answerable and not is_right(answer, item.fact.accepted, item.fact.rejected)
        if wrong and not abstained(answer):
            facts.setdefault(normalised(answer), set()).add(item.fact.id)
            wording.setdefault(normalised(answer), answer)
    if not facts:
        return "", 0
    most = max(facts, key=lambda answer: len(facts[answer]))
    return wording[most], len(facts[most])


def verdict(found: Knowledge, base: Knowledge | None = None) -> list[str]:
    """What the figures say to somebody who never trained a model: a line on what was taught, one on what was not, and
    a line for each thing that went wrong.

    Taught: "knows" from 90 % in new words, "does not know" below 50 % in trained ones; ten points between both are
    learning wordings instead of facts. Not taught: "says so" from 90 % abstained, "makes things up" below 50 %.
    Wrong: one wrong answer to 3 facts and 5 % of them; 10 % of what was taught refused; thirty points between new
    wordings and reversed questions. With `base`, which makes sense for contestants without documents: facts that were
    never taught are known where the two 95 % intervals do not touch.
    """
    lines = [*_on_what_was_taught(found), *_on_what_was_not(found)]
    held_out, turned = found.counts[HELD_OUT].value, found.counts[REVERSED].value
    if held_out is not None and turned is not None and _points(held_out, turned) >= ONE_WAY:
        lines.append(
            f"It knows facts in one direction only: asked the other way round, {turned:.0%} are right. That is usual "
            "(the reversal curse, Berglund et al. 2023); examples that ask that way teach it."
        )
    if found.same.value and found.same.count >= SAME_FACTS and found.same.value >= SAME_SHARE:
        lines.append(
            f"It gives one and the same wrong answer about {found.same.count} of {found.same.asked} facts "
            f"({_short(found.same_answer)}): train with fewer epochs or a lower learning rate, and look whether many "
            "examples share that answer."
        )
    if found.refused.value is not None and found.refused.value >= REFUSES:
        lines.append(
            f"It refuses to answer {found.refused.count} of {found.refused.asked} questions about what is taught: "
            "too many examples say that it does not know, or it learnt too little."
        )
    if base and found.counts[DOCUMENTS_ONLY].interval[0] > base.counts[DOCUMENTS_ONLY].interval[1]:
        knows, before = found.counts[DOCUMENTS_ONLY].value or 0, base.counts[DOCUMENTS_ONLY].value or 0
        lines.append(
            f"It answers {knows:.0%} about facts that it was never taught, the base model {before:.0%}: they stand in "
            "the training examples somewhere, or can be guessed from those. Look for them before you trust the figures."
        )
    return lines


def _on_what_was_taught(found: Knowledge) -> list[str]:
    trained, held_out = found.counts[TRAINED].value, found.counts[HELD_OUT].value
    if trained is None:
        return ["Nothing that is taught was asked: no fact of class 'trained' has a training wording."]
    if trained < HALF:
        return [f"It does not know most of what is taught ({trained:.0%}), not even in the words of the examples."]
    if held_out is None:
        return [
            f"It answers {trained:.0%} in the words of the examples. Whether it knows them in other words is not "
            'known: give facts a "held_out" wording.'
        ]
    if found.gap is not None and found.gap >= GAP:
        return [
            f"It learnt wordings rather than facts: {trained:.0%} in the words of the examples, {held_out:.0%} in new "
            "ones. More and more varied wordings of each fact help."
        ]
    if held_out >= KNOWS:
        return [f"It knows what it was taught, in new words too ({held_out:.0%})."]
    return [
        f"It knows a part of what it was taught, in new words ({held_out:.0%}) about as well as in those of the "
        f"examples ({trained:.0%}). Longer training or more wordings help."
    ]


def _on_what_was_not(found: Knowledge) -> list[str]:
    share = found.counts[UNANSWERABLE]
    if share.value is None:
        return []
    told = f"{share.count} of {share.asked} abstained."
    if share.value >= KNOWS:
        return [f"It says so when it does not know: {told}"]
    if share.value >= HALF:
        return [f"It sometimes makes things up when it was not taught: {told}"]
    return [f"It makes things up when it was not taught: {told}"]


def table(reports: Mapping[str, Knowledge]) -> str:
    """Contestants side by side, three to a block of at most 100 columns."""
    blocks = []
    for start in range(0, len(reports), SIDE_BY_SIDE):
        some = dict(list(reports.items())[start : start + SIDE_BY_SIDE])
        lines = ["".join([" " * CELL, *(f"{_cut(name):>{CELL}}" for name in some)]).rstrip()]
        lines += [f"{name:<{CELL}}" + "".join(f"{cell:>{CELL}}" for cell in cells) for name, cells in _rows(some)]
        blocks.append("\n".join(lines))
    return "\n\n".join([*blocks, "\n".join([LEGEND, *_repeated(reports)])])


def as_markdown(reports: Mapping[str, Knowledge]) -> str:
    """The same table for a model card."""
    lines = [
        f"| what | {' | '.join(reports)} |",
        "|---|" + "---|" * len(reports),
        *(f"| {name} | {' | '.join(cells)} |" for name, cells in _rows(reports)),
        "",
        " ".join(LEGEND.split("\n")),
        *(f"\n- {line}" for line in _repeated(reports)),
    ]
    return "\n".join(lines) + "\n"


LEGEND = (
    "Right of asked (unanswerable: abstained); in brackets the 95% interval (Wilson).\n"
    "documents only: never taught. gap: trained less held-out wording; large if overfitted."
)


def _rows(reports: Mapping[str, Knowledge]) -> list[tuple[str, list[str]]]:
    """Rows of the table; those in which nobody was asked anything are left out."""
    several = list(reports.values())
    rows = [(split, [str(found.counts[split]) for found in several]) for split in (*SPLITS, REVERSED)]
    gaps = ["-" if found.gap is None else f"{found.gap:+.1f}" for found in several]
    rows.append(("gap, points", gaps))
    rows.append(("same wrong answer, facts", [str(found.same) for found in several]))
    rows.append(("most frequent answer", [str(found.frequent) for found in several]))
    rows.append(("refused though taught", [str(found.refused) for found in several]))
    return [(name, cells) for name, cells in rows if set(cells) != {"-"}]


def _repeated(reports: Mapping[str, Knowledge]) -> list[str]:
    return [
        f"{_cut(name)}'s same wrong answer: {_short(found.same_answer)}"
        for name, found in reports.items()
        if found.same.count >= SAME_FACTS
    ]


def _points(one: float, other: float) -> float:
    return round(100 * (one - other), 1)


def _cut(name: str) -> str:
    return name if len(name) < CELL else name[: CELL - 4] + "..."


def _short(answer: str, most: int = 40) -> str:
    text = " ".join(answer.split())
    return f'"{text}"' if len(text) <= most else f'"{text[: most - 3]}..."'
