"""The lines of a test collection's files and what is made of them, with errors that name file and line.

Does not know any way to write a collection (`collection_texts.py`, `collection_trec.py`).
"""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from arena.errors import CollectionError


@dataclass(frozen=True)
class Entry:
    """A document of a collection, or a query; `title` or `text` may be empty."""

    name: str
    title: str
    text: str


Seen = dict[str, tuple[Path, int]]
"""In which file and line each name stands."""


def lines(path: Path, strict: bool = True) -> Iterator[tuple[int, str]]:
    """Numbered from 1, one at a time: a corpus may be larger than the memory. Unpacks what ends in .gz. A line that is
    not UTF-8 is read as Windows-1252, as older collections are written, else as Latin-1; `not_utf8` counts such lines.
    `strict`: one that has zeros, too, is an error.

    Raises:
        CollectionError: the disk refuses, the file is damaged, or a line is UTF-16.
    """
    for number, line in _raw(path):
        told = _decoded(line, "utf-8-sig" if number == 1 else "utf-8")
        if told is None and strict and b"\0" in line:
            raise bad(path, number, "not UTF-8", "save the file as UTF-8")
        told = _decoded(line, "cp1252") if told is None else told
        yield number, (line.decode("latin-1") if told is None else told).rstrip("\r\n")


def not_utf8(path: Path) -> int:
    """How many lines of it are not UTF-8. Raises as `lines` does."""
    return sum(_decoded(line, "utf-8") is None for _, line in _raw(path))


def _raw(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield from enumerate(file, 1)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise CollectionError(f"{path} is damaged ({error}): get the file again.") from error
    except OSError as error:
        raise CollectionError(f"{path} cannot be read ({error.strerror}): allow it with chmod u+r.") from error


def _decoded(line: bytes, encoding: str) -> str | None:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return None


def bad(path: Path, number: int, fault: str, fix: str) -> CollectionError:
    return CollectionError(f"{path}, line {number}: {fault}: {fix}.")


def new(entry: Entry, path: Path, number: int, seen: Seen) -> Entry:
    """The entry, its name noted in `seen`.

    Raises:
        CollectionError: the name was there.
    """
    if entry.name in seen:
        before, line = seen[entry.name]
        place = f"line {line}" if before == path else f"line {line} of {before.name}"
        raise bad(path, number, f"{entry.name} was already in {place}", "give each its own name, or take one out")
    seen[entry.name] = path, number
    return entry
