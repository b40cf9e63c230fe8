"""What retrieval alone reaches on a workspace's held-out questions. Does not run any language model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy

from arena.errors import WorkspaceError
from arena.scoring import contains
from rag.documents import Progress
from rag.index import Index, silent
from rag.retrieve import search

PASSAGE_DEPTHS = (1, 3, 5, 8)
SENTENCE_DEPTHS = (1, 3, 5, 8, 10)


@dataclass
class Group:
    """Counts of one class of questions: in how many all evidence stood among the first n. `answer` counts those
    where a sentence that was shown holds an accepted answer, be it the evidence or not."""

    questions: int = 0
    passages: dict[int, int] = field(default_factory=dict)
    sentences: dict[int, int] = field(default_factory=dict)
    answer: int = 0

    def shares(self) -> dict[str, float]:
        """Each count as a share of the questions."""
        counts = {f"passages@{depth}": count for depth, count in self.passages.items()}
        counts |= {f"sentences@{depth}": count for depth, count in self.sentences.items()}
        return {name: count / max(self.questions, 1) for name, count in {**counts, "answer": self.answer}.items()}


@dataclass(frozen=True)
class RetrievalReport:
    """`groups` by class, those whose answer takes two passages apart. `auc` is the chance that an answerable
    question's best sentence scores above an unanswerable one's: 0.5 is no help. `answerable` and `unanswerable`
    are the lowest, 1st, 5th, 50th and 95th percentile of that score. `missed` are questions without all
    evidence among the sentences shown."""

    groups: dict[str, Group]
    auc: float
    answerable: tuple[float, ...]
    unanswerable: tuple[float, ...]
    below_threshold: dict[str, float]
    missed: tuple[str, ...]

    def __str__(self) -> str:
        lines = []
        for name, group in self.groups.items():
            shares = "  ".join(f"{label} {share:.1%}" for label, share in group.shares().items())
            lines.append(f"{name} ({group.questions} questions): {shares}")
        for name, values in (("answerable", self.answerable), ("unanswerable", self.unanswerable)):
            told = ", ".join(f"{value:.3f}" for value in values)
            lines.append(f"best score, {name} (lowest, 1 %, 5 %, 50 %, 95 %): {told}")
        below = ", ".join(f"{name} {share:.1%}" for name, share in self.below_threshold.items())
        return "\n".join([*lines, f"AUC of the best score: {self.auc:.3f}; below the threshold: {below}"])


def load_questions(path: Path) -> list[dict[str, Any]]:
    """The lines of a `questions.jsonl`.

    Raises:
        WorkspaceError: no such file, or a line that is not JSON.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise WorkspaceError(f"The questions in {path} cannot be read: {error}") from error


def retrieval_report(
    index: Index, questions: Sequence[dict[str, Any]], wording: str = "held_out", progress: Progress = silent
) -> RetrievalReport:
    """Runs every wording of that kind through `search`."""
    groups: dict[str, Group] = {}
    best: dict[bool, list[float]] = {True: [], False: []}
    missed: list[str] = []
    wordings = asked(questions, wording)
    for done, (question, text) in enumerate(wordings):
        progress("asking", done, len(wordings))
        found = search(index, text)
        answerable = question["class"] != "unanswerable"
        best[answerable].append(found.best)
        if not answerable:
            continue
        name = question["class"] + (", two passages" if len(question["evidence"]) > 1 else "")
        group = groups.setdefault(name, Group())
        if not _count(group, index, question, found.passages, found.sentences):
            missed.append(text)
    progress("asking", len(wordings), len(wordings))
    limit = index.settings.abstain_below
    below = {
        name: float(numpy.mean(numpy.array(best[kind]) < limit)) if best[kind] else 0.0
        for name, kind in (("answerable", True), ("unanswerable", False))
    }
    return RetrievalReport(
        groups, roc_auc(best[True], best[False]), _spread(best[True]), _spread(best[False]), below, tuple(missed)
    )


def asked(
    questions: Sequence[dict[str, Any]], wording: str, both_sides: bool = False
) -> list[tuple[dict[str, Any], str]]:
    """Every question with each of its wordings of that kind.

    Raises:
        WorkspaceError: there are none; or, when `both_sides` are wanted, none of answerable or unanswerable questions.
    """
    found = [(question, text) for question in questions for text in question["questions"].get(wording, [])]
    if not found:
        raise WorkspaceError(f"No '{wording}' wordings in questions.jsonl: ask for held_out, oblique or training.")
    unanswerable = sum(question["class"] == "unanswerable" for question, _ in found)
    if both_sides and unanswerable in (0, len(found)):
        lacking = "answerable" if unanswerable else "unanswerable"
        raise WorkspaceError(f"No '{wording}' wordings of {lacking} questions in questions.jsonl: add some.")
    return found


def _count(
    group: Group, index: Index, question: dict[str, Any], passages: Sequence[int], sentences: Sequence[int]
) -> bool:
    """Adds one question to the group; True when the sentences hold all evidence."""
    documents = question.get("documents") or [question["document"]]
    passage_texts = [(index.chunks[place].document, index.chunks[place].text) for place in passages]
    shown = [index.sentences[place] for place in sentences]
    sentence_texts = [(index.chunks[sentence.chunk].document, sentence.text) for sentence in shown]

    def holds(texts: Sequence[tuple[str, str]]) -> bool:
        return all(
            any(document in documents and contains(text, evidence) for document, text in texts)
            for evidence in question["evidence"]
        )

    group.questions += 1
    for depth in PASSAGE_DEPTHS:
        group.passages[depth] = group.passages.get(depth, 0) + holds(passage_texts[:depth])
    for depth in sorted({*SENTENCE_DEPTHS, index.settings.sentences}):
        if depth <= index.settings.sentences:
            group.sentences[depth] = group.sentences.get(depth, 0) + holds(sentence_texts[:depth])
    group.answer += any(contains(text, accepted) for _, text in sentence_texts for accepted in question["accepted"])
    return holds(sentence_texts)


def roc_auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The share of pairs in the right order, ties counting half. 0.5 when a side is empty."""
    from sklearn.metrics import roc_auc_score  # sentence-transformers brings it

    if not positive or not negative:
        return 0.5
    truth = [1] * len(positive) + [0] * len(negative)
    return float(roc_auc_score(truth, [*positive, *negative]))


def _spread(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in numpy.percentile(values, (0, 1, 5, 50, 95))) if values else ()
