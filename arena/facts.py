"""The workspace's questions: facts with their wordings, answers and evidence, read from `questions.jsonl`.

One JSON object a line. `class` says what may be expected: "trained" facts are in the training data and in the
documents, "documents only" facts are never trained on, "unanswerable" ones are nowhere. Held-out wordings are
never trained on, whatever the class; those that are oblique on purpose (riddles, hints, labels) are kept apart, so
that both kinds can be told apart in every figure.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from arena.errors import WorkspaceError

FactClass = Literal["trained", "documents only", "unanswerable"]
CLASSES: tuple[FactClass, ...] = ("trained", "documents only", "unanswerable")


@dataclass(frozen=True)
class Fact:
    """One atomic fact. `evidence` are the sentences that state it, the one holding the answer last; two of
    them when it takes two passages. `rejected` are values of look-alikes that make an answer wrong."""

    id: str
    kind: FactClass
    documents: tuple[str, ...]
    training: tuple[str, ...]
    held_out: tuple[str, ...]
    answer: str
    accepted: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    oblique: tuple[str, ...] = ()

    @property
    def answerable(self) -> bool:
        return self.kind != "unanswerable"

    @property
    def trained_on(self) -> tuple[str, ...]:
        """The wordings that training may use: none for facts that live in documents only."""
        return () if self.kind == "documents only" else self.training


def load_facts(path: Path) -> list[Fact]:
    """Read `questions.jsonl`.

    Raises:
        WorkspaceError: no such file, not UTF-8, or, with the line number: not JSON, a missing or wrong field, a
            duplicate id.
    """
    if not path.is_file():
        raise WorkspaceError(f"No questions at {path}: put one JSON object a line there (docs/own-documents.md).")
    facts: list[Fact] = []
    seen: dict[str, int] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise WorkspaceError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8.") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            fact = fact_from(json.loads(line))
        except json.JSONDecodeError as error:
            raise WorkspaceError(f"{path}, line {number}: not JSON ({error.msg} at column {error.colno}).") from None
        except (KeyError, TypeError, ValueError) as error:
            raise WorkspaceError(f"{path}, line {number}: {error}") from None
        if fact.id in seen:
            raise WorkspaceError(
                f"{path}, line {number}: id '{fact.id}' is already used on line {seen[fact.id]}; give it another."
            )
        seen[fact.id] = number
        facts.append(fact)
    return facts


def fact_from(row: Any) -> Fact:
    """One line's object as a fact. Raises `ValueError` with what is missing or wrong."""
    if not isinstance(row, dict):
        raise ValueError("a line must be one JSON object")
    for field in ("id", "class", "questions", "answer"):
        if field not in row:
            raise ValueError(f"field '{field}' is missing")
    kind = row["class"]
    if kind not in CLASSES:
        raise ValueError(f"class '{kind}' is unknown: use one of {', '.join(CLASSES)}")
    questions = row["questions"]
    if not isinstance(questions, dict):
        raise ValueError('"questions" must be {"training": [...], "held_out": [...]}, and "oblique" if you like')
    fact = Fact(
        id=str(row["id"]),
        kind=cast(FactClass, kind),
        documents=_documents(row),
        training=_strings(questions, "training"),
        held_out=_strings(questions, "held_out"),
        answer=str(row["answer"]),
        accepted=_strings(row, "accepted"),
        rejected=_strings(row, "rejected"),
        evidence=_strings(row, "evidence"),
        oblique=_strings(questions, "oblique"),
    )
    if fact.answerable and not fact.accepted:
        raise ValueError(f"fact '{fact.id}' has no accepted answers: without them no answer can be right")
    if not (fact.training or fact.held_out or fact.oblique):
        raise ValueError(f"fact '{fact.id}' has no question wordings")
    return fact


def _documents(row: Mapping[str, Any]) -> tuple[str, ...]:
    several = _strings(row, "documents")
    return several or ((str(row["document"]),) if row.get("document") else ())


def _strings(row: Mapping[str, Any], field: str) -> tuple[str, ...]:
    value = row.get(field) or []
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"field '{field}' must be a list of texts, not {value!r}")
    return tuple(value)
