"""A team's own questions and answers into a workspace's `questions.jsonl` (its format: arena/facts.py).

Reads .jsonl (a question a line, chats, or that format itself), .csv, .xlsx and folders of Hugging Face `datasets`.

- One fact: rows with the same id; without ids, rows with the same answer (normalised), document and class, when the
  answer is at least three words long. "Yes" or "12 V" answers many questions: such rows stay facts of their own.
- One wording, whatever its case, spacing and closing mark, is there once: what `questions.jsonl` or an earlier row has
  is not added again, with another answer neither.
- Classes: a row's own, else by hash of (seed, answer, document), so that two rows that say the same share it. A fact
  that is not "trained" is asked in held-out wordings only, so that all of its wordings go there.
- Held out of three wordings or more: those whose hash of (seed, id, wording) says so; of the first three at least one,
  and never all. Which ones are held out therefore stays when others come after them.

Lines that are there already stay byte for byte: new wordings of their facts are added as a fact of their own.
Does not read documents, does not word questions anew, and does not judge whether an answer is true.
"""

import json
import re
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from arena.errors import WorkspaceError
from arena.facts import CLASSES, Fact, FactClass, load_facts
from arena.prompts import DOCUMENTS_DO_NOT_SAY
from arena.scoring import normalised
from finetune.book import alone
from finetune.tables import TOLD, Table, as_text, read_table
from finetune.verify import chance, digest

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
LONG_ANSWER = 8
"""Words. A reply is right when it holds an accepted answer whole; few replies hold one of this length."""


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
class ImportReport:
    """What was added, in facts and wordings; `known` wordings were there already. `str()` tells it to a person."""

    facts: int
    documents_only: int
    training: int
    held_out: int
    known: int
    remarks: tuple[str, ...]

    def __str__(self) -> str:
        added = (
            f"{_count(self.facts, 'fact')} added ({self.documents_only} of class 'documents only'): "
            f"{_count(self.training, 'wording')} for training, {self.held_out} held out."
        )
        known = [f"{_count(self.known, 'wording')} already there."] if self.known else []
        return "\n".join([added if self.facts else "Nothing added.", *known, *self.remarks])


@dataclass(frozen=True)
class _Example:
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
        return (*self.content, _same(self.wordings[0]) if alone else "")


def import_examples(
    source: Path,
    questions: Path,
    columns: Columns = USUAL,
    hold_out: float = 0.2,
    hold_out_facts: float = 0.1,
    seed: int = 42,
    skip_faulty: bool = False,
) -> ImportReport:
    """Add what `source` holds to `questions`, all of it or nothing. `hold_out`: the share of a fact's wordings that
    training does not see; `hold_out_facts`: the share of the facts with a document that it sees nothing of. With
    `skip_faulty`, faulty rows are left out and reported.

    Raises:
        WorkspaceError: a file that is missing, empty, or not what its suffix says; no such column; faulty rows (the
            first ten, with the total); `questions` malformed, not writable, or being written by another run.
    """
    for name, share in (("hold_out", hold_out), ("hold_out_facts", hold_out_facts)):
        if not 0 <= share <= 1:
            raise WorkspaceError(f"{name} is {share}: it must be a share from 0 to 1.")
    table = read_table(source)
    examples, unused = _examples(table, columns, source)
    with alone(questions):
        book = _Book(table, questions, hold_out, hold_out_facts, seed)
        for number, line, fact in table.own:
            book.add_own(number, line, fact)
        for group in _grouped(examples, table).values():
            book.add(group)
        if table.faults and not skip_faulty:
            raise WorkspaceError(
                f"{source}: {_count(len(table.faults), 'faulty row')}, nothing was added. Correct what is said below, "
                f"or leave these rows out (--skip-faulty).\n{table.told()}"
            )
        if book.lines:
            _write(questions, book.lines)
    return book.report(unused)


class _Book:
    """The facts that are there, and those to be added."""

    def __init__(self, table: Table, questions: Path, hold_out: float, hold_out_facts: float, seed: int) -> None:
        self.table, self.hold_out, self.hold_out_facts, self.seed = table, hold_out, hold_out_facts, seed
        self.lines: list[str] = []
        self._new: list[Fact] = []
        self._known = 0
        self._contradicting: list[str] = []
        self._facts: dict[str, Fact] = {}
        self._places: dict[str, str] = {}
        self._answers: dict[str, str] = {}
        for fact in load_facts(questions) if questions.is_file() else ():
            self._remember(fact, questions.name)

    def add_own(self, number: int, line: str, fact: Fact) -> None:
        old = self._facts.get(fact.id)
        if old is None:
            self._append(fact, line, number)
        elif old == fact:
            self._known += len(_wordings(fact))
        else:
            self._taken(number, fact.id)

    def add(self, examples: Sequence[_Example]) -> None:
        """Rows of one fact: what is not there yet of their wordings."""
        first = examples[0]
        id = first.id or _named(first)
        old = self._facts.get(id)
        if old and first.id and not _says(old, first):
            for example in examples:
                self._taken(example.number, id)
            return
        wordings = [wording for example in examples for wording in self._fresh(example)]
        if not wordings:
            return
        kind = cast(FactClass, first.kind or (old.kind if old else self._class(first)))
        while id in self._facts:
            id = f"{id}-{digest(wordings[0])[:6]}"
        accepted = dict.fromkeys(text for example in examples for text in example.accepted)
        training, held_out = self._divided(id, kind, wordings)
        fact = Fact(
            id=id,
            kind=kind,
            documents=(first.document,) if first.document else (),
            training=training,
            held_out=held_out,
            answer=first.answer,
            accepted=tuple(accepted) if kind != "unanswerable" else (),
        )
        self._append(fact, _line(fact), first.number)

    def report(self, unused: Sequence[str]) -> ImportReport:
        return ImportReport(
            facts=len(self._new),
            documents_only=sum(fact.kind == "documents only" for fact in self._new),
            training=sum(len(fact.training) for fact in self._new),
            held_out=sum(len(fact.held_out) + len(fact.oblique) for fact in self._new),
            known=self._known,
            remarks=tuple(self._remarks(unused)),
        )

    def _remarks(self, unused: Sequence[str]) -> Iterator[str]:
        if self.table.faults:
            yield f"{_count(len(self.table.faults), 'faulty row')} left out:\n{self.table.told()}"
        if self.table.later:
            pairs = _count(self.table.later, "later pair")
            yield f"{pairs} of conversations left out: they lean on what was said before."
        if unused:
            yield f"Columns not used: {', '.join(unused)}."
        if several := self._contradicting:
            more = f" and {len(several) - TOLD} more" if len(several) > TOLD else ""
            wordings = _count(len(several), "wording")
            yield f"{wordings} left out, already there with another answer: {'; '.join(several[:TOLD])}{more}."
        if long := sum(fact.answerable and _shortest(fact) >= LONG_ANSWER for fact in self._new):
            yield (
                f"{_count(long, 'fact')} with long answers only: a reply is right when it holds all of these words "
                f"in a row. Put the few that matter into a column 'accepted'."
            )
        if self._new and self.hold_out_facts and not any(fact.documents for fact in self._new):
            yield "No fact names a document (column 'document'): none was kept for class 'documents only'."
        trained = [fact for fact in self._facts.values() if fact.kind == "trained" and fact.training]
        if trained and not any(fact.held_out or fact.oblique for fact in trained):
            yield (
                "No trained fact has a held-out wording, and training asks for some: give facts three wordings or "
                "more (columns 'question 2', 'question 3'), and a hold_out above 0."
            )

    def _append(self, fact: Fact, line: str, number: int) -> None:
        self.lines.append(line)
        self._new.append(fact)
        self._remember(fact, f"{self.table.place} {number}")

    def _remember(self, fact: Fact, place: str) -> None:
        self._facts[fact.id], self._places[fact.id] = fact, place
        for wording in _wordings(fact):
            self._answers.setdefault(_same(wording), normalised(fact.answer))

    def _taken(self, number: int, id: str) -> None:
        self.table.faults[number] = f"id '{id}' is used in {self._places[id]} for something else: give it another"

    def _fresh(self, example: _Example) -> Iterator[str]:
        for wording in example.wordings:
            answer = self._answers.get(_same(wording))
            if answer is None:
                self._answers[_same(wording)] = normalised(example.answer)
                yield wording
            elif answer == normalised(example.answer):
                self._known += 1
            else:
                self._contradicting.append(f"{self.table.place} {example.number}, {wording[:80]}")

    def _class(self, example: _Example) -> FactClass:
        untrained = example.document and chance(self.seed, *example.content) < self.hold_out_facts
        return "documents only" if untrained else "trained"

    def _divided(self, id: str, kind: str, wordings: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(training, held out)"""
        if kind != "trained":
            return (), tuple(wordings)
        if len(wordings) < 3 or not self.hold_out:
            return tuple(wordings), ()
        drawn = {wording: chance(self.seed, id, wording) for wording in wordings}
        lowest, _, highest = sorted(wordings[:3], key=drawn.__getitem__)
        held = {wording for wording in wordings if drawn[wording] < self.hold_out}
        held = (held | {lowest}) - {highest}
        return tuple(w for w in wordings if w not in held), tuple(w for w in wordings if w in held)


def _examples(table: Table, columns: Columns, source: Path) -> tuple[list[_Example], list[str]]:
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


def _example(number: int, row: Mapping[str, Any], found: Mapping[str, str], wordings: Sequence[str]) -> _Example:
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
    return _Example(number, cells.get("id", ""), asked, answer, accepted, cells.get("document", ""), kind)


def _grouped(examples: Iterable[_Example], table: Table) -> dict[tuple[str, ...], list[_Example]]:
    groups: dict[tuple[str, ...], list[_Example]] = {}
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


def _named(example: _Example) -> str:
    """An id: readable, and the same in every run."""
    *_, question = example.key
    words = unicodedata.normalize("NFKD", question or example.answer).encode("ascii", "ignore").decode().lower()
    return f"{'-'.join(re.findall(r'[a-z0-9]+', words))[:40].strip('-')}-{digest(*example.key)[:10]}".lstrip("-")


def _says(fact: Fact, example: _Example) -> bool:
    documents = (example.document,) if example.document else ()
    same = normalised(fact.answer) == normalised(example.answer) and fact.documents == documents
    return same and example.kind in ("", fact.kind)


def _same(wording: str) -> str:
    """Two wordings that are equal in this are one. Marks inside it count: C++ is not C#."""
    return " ".join(wording.casefold().split()).rstrip("?.! ")


def _wordings(fact: Fact) -> tuple[str, ...]:
    return (*fact.training, *fact.held_out, *fact.oblique)


def _shortest(fact: Fact) -> int:
    return min(len(normalised(text).split()) for text in fact.accepted)


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _line(fact: Fact) -> str:
    row = {
        "id": fact.id,
        "class": fact.kind,
        "document": fact.documents[0] if fact.documents else None,
        "questions": {"training": fact.training, "held_out": fact.held_out},
        "answer": fact.answer,
        "accepted": fact.accepted,
    }
    return json.dumps(row, ensure_ascii=False)


def _write(questions: Path, lines: Sequence[str]) -> None:
    """Beside it, then renamed into place."""
    path = questions.resolve()
    before = path.read_bytes() if path.is_file() else b""
    between = "\n" if before and not before.endswith(b"\n") else ""
    beside = path.with_name(f".{path.name}.tmp")
    try:
        beside.write_bytes(before + (between + "\n".join(lines) + "\n").encode())
        if path.is_file():
            shutil.copymode(path, beside)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise WorkspaceError(
            f"{questions} cannot be written ({error.strerror}): nothing was added. Free some space or make it writable."
        ) from error
