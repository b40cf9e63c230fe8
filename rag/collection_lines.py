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
    """Numbered from 1, one at a time: a corpus may be larger than the memory. Unpacks what ends in .gz. `strict`:
    bytes that are not UTF-8 are an error.

    Raises:
        CollectionError: the disk refuses, the file is damaged, or a line is not UTF-8.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                encoding, errors = "utf-8-sig" if number == 1 else "utf-8", "strict" if strict else "replace"
                try:
                    yield number, line.decode(encoding, errors).rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise bad(path, number, f"byte {error.start + 1} is not UTF-8", "save the file as UTF-8") from error
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise CollectionError(f"{path} is damaged ({error}): get the file again.") from error
    except OSError as error:
        raise CollectionError(f"{path} cannot be read ({error.strerror}): allow it with chmod u+r.") from error


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
