"""How well retrieval alone tells questions that the documents answer from those that they do not, for a threshold under
which nobody is asked. Runs no language model, and no judge: `finetune calibrate` fits that one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from rag.documents import Progress
from rag.index import Index, silent
from rag.measure import asked, roc_auc
from rag.retrieve import different, ranked

SIGNALS = {
    "best": "score of the best sentence",
    "gap": "how much higher it is than the next one's that says something else",
    "support": "share of the question's known words, by rarity, that it holds",
}
KEPT = (0.99, 0.95, 0.9, 0.8, 0.5)
"""Thresholds are told that leave these shares of answerable questions to be answered."""


@dataclass(frozen=True)
class AbstentionReport:
    """`answerable` and `unanswerable`: one row of `SIGNALS` per question. Under a threshold one abstains."""

    answerable: numpy.ndarray
    unanswerable: numpy.ndarray

    def auc(self) -> dict[str, float]:
        """By signal the chance that an answerable question's is higher than an unanswerable one's."""
        sides = zip(SIGNALS, self.answerable.T, self.unanswerable.T, strict=True)
        return {name: roc_auc(list(yes), list(no)) for name, yes, no in sides}

    def thresholds(self) -> dict[str, list[tuple[float, float, float]]]:
        """By signal, for each of `KEPT`: threshold, and the shares of answerable and unanswerable questions below."""
        table = {}
        for name, yes, no in zip(SIGNALS, self.answerable.T, self.unanswerable.T, strict=True):
            limits = [float(numpy.quantile(yes, 1 - kept, method="higher")) for kept in KEPT]
            table[name] = [(limit, float((yes < limit).mean()), float((no < limit).mean())) for limit in limits]
        return table

    def __str__(self) -> str:
        lines = [f"{len(self.answerable)} answerable, {len(self.unanswerable)} unanswerable questions"]
        auc = self.auc()
        for name, rows in self.thresholds().items():
            lines.append(f"\n{name}: {SIGNALS[name]}; ROC AUC {auc[name]:.3f}")
            lines.append("  threshold   answerable abstained   unanswerable abstained")
            lines += [f"  {limit:9.3f}{yes:23.1%}{no:25.1%}" for limit, yes, no in rows]
        return "\n".join(lines)


def abstention_report(
    index: Index, questions: Sequence[dict[str, Any]], wording: str = "held_out", progress: Progress = silent
) -> AbstentionReport:
    """Asks every wording of that kind.

    Raises:
        WorkspaceError: no such wordings, or none of answerable or of unanswerable questions.
    """
    rows: dict[bool, list[tuple[float, ...]]] = {True: [], False: []}
    wordings = asked(questions, wording, both_sides=True)
    for done, (question, text) in enumerate(wordings):
        progress("asking", done, len(wordings))
        rows[question["class"] != "unanswerable"].append(signals(index, text))
    progress("asking", len(wordings), len(wordings))
    return AbstentionReport(numpy.array(rows[True]), numpy.array(rows[False]))


def signals(index: Index, question: str) -> tuple[float, ...]:
    """The `SIGNALS` of one question, all 0 in an empty index."""
    found = ranked(index, question)
    if not found.sentences:
        return (0.0,) * len(SIGNALS)
    best, *others = different(index, found.sentences, 2)
    following = float(found.scores[others[0]]) if others else 0.0
    score = float(found.scores[best])
    return score, score - following, float(index.sentence_words.coverage(question)[best])
