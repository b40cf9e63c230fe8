"""`questions.jsonl` as a file that two writers share: a person who edits it, and runs that add to it.

Covers: adding facts, joining twins, which passages are done, half-written lines, one run at a time. Does not know
where facts come from (generate.py).
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from arena.errors import WorkspaceError
from arena.facts import Fact, load_facts

ROW_BEGINS = b'{"id": "'


class Book:
    """`questions.jsonl`, and beside it which passages are done and which lines are from here. A line that a person
    wrote or edited is never touched. `cut`: half-written last lines that were taken off."""

    def __init__(self, questions: Path) -> None:
        self.path = questions.resolve()
        self.state = self.path.with_name(f"{self.path.stem}.passages.jsonl")
        with writing(self.path):
            self.cut = [text for path in (self.path, self.state) if (text := mend(path))]
            lines = self.state.read_text(encoding="utf-8").splitlines()
        try:
            states = [json.loads(line) for line in lines]
            self.done = {state["id"] for state in states}
            self._own = {mark for state in states for mark in state["lines"]}
        except (ValueError, KeyError, TypeError):
            raise WorkspaceError(
                f"{self.state} was changed by hand and cannot be read: delete it. All passages are then asked again; "
                f"no fact is added twice."
            ) from None
        self.facts = {fact.id: fact for fact in load_facts(self.path)}

    def commit(self, key: str, new: Sequence[Fact], joined: dict[str, Fact]) -> None:
        """Put a passage's facts on disk, then that it is done: whatever happens between, nothing is lost or doubled."""
        rows = [row(fact) for fact in new]
        with writing(self.path):
            rows += self._rewrite({id: fact for id, fact in joined.items() if fact != self.facts[id]})
            _append(self.path, b"".join(line + b"\n" for line in rows[: len(new)]))
            marks = [_mark(line) for line in rows]
            _append(self.state, json.dumps({"id": key, "lines": marks}).encode() + b"\n")
        self._own |= set(marks)
        self.facts |= {fact.id: fact for fact in new}

    def _rewrite(self, joined: dict[str, Fact]) -> list[bytes]:
        """Replace the lines of these facts that are as they were written here; returns the new lines."""
        if not joined:
            return []
        lines = self.path.read_bytes().split(b"\n")
        written = []
        for number, line in enumerate(lines):
            if _mark(line) in self._own and (fact := joined.get(json.loads(line)["id"])):
                lines[number] = row(fact)
                written.append(lines[number])
                self.facts[fact.id] = fact
        if written:
            replace_lines(self.path, lines)
        return written


def row(fact: Fact) -> bytes:
    """The fact as a line of `questions.jsonl`, in the order that a person reads."""
    several = len(fact.documents) > 1
    return json.dumps(
        {
            "id": fact.id,
            "class": fact.kind,
            **({"documents": fact.documents} if several else {"document": fact.documents[0]}),
            "questions": {"training": fact.training, "held_out": fact.held_out},
            "answer": fact.answer,
            "accepted": fact.accepted,
            "rejected": [],
            "evidence": fact.evidence,
        },
        ensure_ascii=False,
    ).encode(errors="replace")


def _mark(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:16]


def mend(path: Path) -> str:
    """Make sure that `path` is there and ends with a whole line: a last line from here that was not written to its end
    is cut off; whole JSON only gets its line's end. Returns what was cut, in words."""
    path.touch()
    data = path.read_bytes()
    tail = data[data.rfind(b"\n") + 1 :]
    if not tail.strip():
        return ""
    try:
        json.loads(tail)
    except ValueError:
        if tail[: len(ROW_BEGINS)] != ROW_BEGINS[: len(tail)]:
            return ""  # Not from here: load_facts says what is wrong with it.
        os.truncate(path, len(data) - len(tail))
        return f"{path.name}: cut off a last line that was written only in part: {tail.decode(errors='replace')[:80]}"
    _append(path, b"\n")
    return ""


def replace_lines(path: Path, lines: Sequence[bytes]) -> None:
    """Written beside and then renamed: whatever happens between, the file is the old one or the new one."""
    beside = path.with_name(f".{path.name}.tmp")
    beside.unlink(missing_ok=True)
    _append(beside, b"\n".join(lines))
    shutil.copymode(path, beside)
    beside.replace(path)


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be written ({error.strerror}): choose a folder that is there and has space; what was "
            f"added before is kept."
        ) from error


@contextmanager
def alone(questions: Path) -> Iterator[None]:
    """Two runs at once would add everything twice."""
    if not questions.parent.is_dir():  # FileLock would make it.
        raise WorkspaceError(f"No folder {questions.parent}: make a workspace with `python app.py new PATH`.")
    lock = FileLock(questions.with_name(f".{questions.name}.lock"), timeout=0)
    with writing(questions):
        try:
            lock.acquire()
        except Timeout:  # An OSError, too.
            raise WorkspaceError(f"Another run is adding to {questions}: wait until it is done, or stop it.") from None
    try:
        yield
    finally:
        lock.release()
