"""Rows of a table as examples, a question in its wordings with its answer: which column is which, and which rows are
one fact. What is wrong with a row is noted in the table. Does not know what is in `questions.jsonl` (imports.py).
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.errors import WorkspaceError
from arena.facts import CLASSES
from arena.prompts import DOCUMENTS_DO_NOT_SAY
from arena.scoring import normalised
from finetune.tables import Table, as_text
from finetune.verify import digest

NAMES = {
    "question": ("question", "prompt", "instruction", "query", "user", "input"),
    "answer": ("answer", "response", "output", "completion", "reply", "assistant", "target"),
    "id": ("id",),
    "document": ("document",),
    "accepted": ("accepted",),
    "kind": ("class",),
}
"""What a column may be called, whatever its case, when it is not named; the first that is there counts. Beside the
question, columns of its name and a number ("question 2", "question_2") hold other wordings."""

ENOUGH_WORDS = 3
"""Of an answer that belongs to one fact: "yes" or "12 V" answers many questions."""


@dataclass(frozen=True)
class Columns:
    """The names of the columns; "" for the usual ones (`NAMES`)."""

    question: str = ""
    answer: str = ""
    id: str = ""
    document: str = ""
    accepted: str = ""
    kind: str = ""


USUAL = Columns()


@dataclass(frozen=True)
class Example:
    """A row, by its number in the table; what it leaves out is empty."""

    number: int
    id: str
    wordings: tuple[str, ...]
    answer: str
    accepted: tuple[str, ...]
    document: str
    kind: str

    @property
    def content(self) -> tuple[str, ...]:
        """What rows of one fact have in common."""
        return normalised(self.answer) or self.answer, self.document, self.kind

    @property
    def key(self) -> tuple[str, ...]:
        if self.id:
            return (self.id,)
        alone = len(normalised(self.answer).split()) < ENOUGH_WORDS
        return (*self.content, same_wording(self.wordings[0]) if alone else "")


def examples_of(table: Table, columns: Columns, source: Path) -> tuple[list[Example], list[str]]:
    """The rows, those that are faulty noted in the table, and the columns that nothing was read from."""
    if not table.rows:
        return [], []
    found = _found(table.columns, columns, source)
    numbered = re.compile(rf"{re.escape(found['question'])}[ _-]?\d+", re.IGNORECASE)
    wordings = [found["question"], *filter(numbered.fullmatch, table.columns)]
    examples = []
    for number, row in table.rows:
        try:
            examples.append(_example(number, row, found, wordings))
        except ValueError as error:
            table.faults[number] = str(error)
    return examples, [name for name in table.columns if name not in {*found.values(), *wordings}]


def _found(there: Iterable[str], columns: Columns, source: Path) -> dict[str, str]:
    """The columns that are there, by what they hold."""
    lower = {name.strip().lower(): name for name in there}
    found = {}
    for role, usual in NAMES.items():
        named = getattr(columns, role)
        names = (named,) if named else usual
        if name := next((lower[name.lower()] for name in names if name.lower() in lower), ""):
            found[role] = name
        elif named or role in ("question", "answer"):
            raise WorkspaceError(
                f"{source} has no column {' or '.join(repr(name) for name in names)}; there are "
                f"{', '.join(repr(name) for name in lower.values())}. Name the one that holds the {role}."
            )
    return found


def _example(number: int, row: Mapping[str, Any], found: Mapping[str, str], wordings: Sequence[str]) -> Example:
    cells = {role: as_text(row.get(name)) for role, name in found.items() if role != "accepted"}
    kind = cells.get("kind", "").lower()
    if kind and kind not in CLASSES:
        raise ValueError(f"class '{kind}' is unknown: use one of {', '.join(CLASSES)}")
    if not cells["question"]:
        raise ValueError(f"no question: fill column '{found['question']}'")
    answer = cells["answer"] or (DOCUMENTS_DO_NOT_SAY if kind == "unanswerable" else "")
    if not answer:
        raise ValueError(f"no answer: fill column '{found['answer']}'")
    several = row.get(found["accepted"]) if "accepted" in found else None
    parts = several if isinstance(several, list) else as_text(several).split("|")
    accepted = tuple(text for part in parts if (text := as_text(part))) or (answer,)
    if not any(map(normalised, accepted)):
        raise ValueError(f"'{accepted[0]}' has no letter or digit to know a right reply by: fill column 'accepted'")
    asked = tuple(text for name in wordings if (text := as_text(row.get(name))))
    return Example(number, cells.get("id", ""), asked, answer, accepted, cells.get("document", ""), kind)


def by_fact(examples: Iterable[Example], table: Table) -> dict[tuple[str, ...], list[Example]]:
    """The examples of each fact, those that contradict their fact's first one noted as faults."""
    groups: dict[tuple[str, ...], list[Example]] = {}
    for example in examples:
        group = groups.setdefault(example.key, [])
        if group and group[0].content != example.content:
            table.faults[example.number] = (
                f"id '{example.id}' has another answer, document or class in {table.place} {group[0].number}: give it "
                f"another id"
            )
        else:
            group.append(example)
    return groups


def id_of(example: Example) -> str:
    """An id: readable, and the same in every run."""
    *_, question = example.key
    words = unicodedata.normalize("NFKD", question or example.answer).encode("ascii", "ignore").decode().lower()
    return f"{'-'.join(re.findall(r'[a-z0-9]+', words))[:40].strip('-')}-{digest(*example.key)[:10]}".lstrip("-")


def same_wording(wording: str) -> str:
    """Two wordings that are equal in this are one. Marks inside it count: C++ is not C#."""
    return " ".join(wording.casefold().split()).rstrip("?.! ")
