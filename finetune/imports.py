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
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from arena.errors import WorkspaceError
from arena.facts import Fact, FactClass, load_facts
from arena.scoring import normalised
from finetune.book import alone
from finetune.columns import USUAL, Columns, Example, by_fact, examples_of, id_of, same_wording
from finetune.tables import TOLD, Table, read_table
from finetune.verify import chance, digest

LONG_ANSWER = 8
"""Words. A reply is right when it holds an accepted answer whole; few replies hold one of this length."""


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
    examples, unused = examples_of(table, columns, source)
    with alone(questions):
        book = _Book(table, questions, hold_out, hold_out_facts, seed)
        for number, line, fact in table.own:
            book.add_own(number, line, fact)
        for group in by_fact(examples, table).values():
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

    def add(self, examples: Sequence[Example]) -> None:
        """Rows of one fact: what is not there yet of their wordings."""
        first = examples[0]
        id = first.id or id_of(first)
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
                "No trained fact has a held-out wording, and training asks for some: let a model write them "
                "(`python -m finetune reword WORKSPACE --url ... --model ...`), or give facts three wordings or more "
                "(columns 'question 2', 'question 3') and a hold_out above 0."
            )

    def _append(self, fact: Fact, line: str, number: int) -> None:
        self.lines.append(line)
        self._new.append(fact)
        self._remember(fact, f"{self.table.place} {number}")

    def _remember(self, fact: Fact, place: str) -> None:
        self._facts[fact.id], self._places[fact.id] = fact, place
        for wording in _wordings(fact):
            self._answers.setdefault(same_wording(wording), normalised(fact.answer))

    def _taken(self, number: int, id: str) -> None:
        self.table.faults[number] = f"id '{id}' is used in {self._places[id]} for something else: give it another"

    def _fresh(self, example: Example) -> Iterator[str]:
        for wording in example.wordings:
            answer = self._answers.get(same_wording(wording))
            if answer is None:
                self._answers[same_wording(wording)] = normalised(example.answer)
                yield wording
            elif answer == normalised(example.answer):
                self._known += 1
            else:
                self._contradicting.append(f"{self.table.place} {example.number}, {wording[:80]}")

    def _class(self, example: Example) -> FactClass:
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


def _says(fact: Fact, example: Example) -> bool:
    documents = (example.document,) if example.document else ()
    same = normalised(fact.answer) == normalised(example.answer) and fact.documents == documents
    return same and example.kind in ("", fact.kind)


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
