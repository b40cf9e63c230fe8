"""Loads a folder of documents; a file that cannot be used is left out with its reason, the rest goes in.

What a zip archive holds are documents of their own, named "archive.zip/folder/name.md". Names and texts are without
characters that no reader sees. Does not follow links out of the folder, and passes over files whose name begins with a
dot or `~$`.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from rag.archives import Member, members
from rag.blocks import Block, Document, Skipped, Unreadable
from rag.invisible import visible, visible_block
from rag.parse_docx import parse_docx
from rag.parse_epub import parse_epub
from rag.parse_html import parse_html, parse_markdown
from rag.parse_pdf import parse_pdf
from rag.parse_pptx import parse_pptx
from rag.parse_table import parse_csv, parse_xlsx
from rag.parse_text import parse_text
from rag.sniff import check_content

log = logging.getLogger(__name__)

PARSERS: dict[str, Callable[[bytes], tuple[str, list[Block]]]] = {
    ".md": parse_markdown,
    ".html": parse_html,
    ".htm": parse_html,
    ".txt": parse_text,
    ".pdf": parse_pdf,
    ".docx": parse_docx,
    ".pptx": parse_pptx,
    ".xlsx": parse_xlsx,
    ".csv": parse_csv,
    ".tsv": parse_csv,
    ".epub": parse_epub,
}
ARCHIVE = ".zip"
Found = TypeVar("Found")
Progress = Callable[[str, int, int], None]
"""What is being done, how many are done, how many there are."""


@dataclass(frozen=True)
class Loaded:
    """The documents and what was left out, both in the order of their names."""

    documents: tuple[Document, ...]
    skipped: tuple[Skipped, ...]


def document_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and path of every file below `folder`, sorted; nothing when the folder is not there."""
    found = sorted(
        (visible(path.relative_to(folder).as_posix()), path) for path in folder.rglob("*") if not path.is_dir()
    )
    for name, path in found:
        if not any(part.startswith((".", "~$")) for part in Path(name).parts):
            yield name, path


def load_documents(folder: Path, max_megabytes: int, progress: Progress) -> Loaded:
    """Every file below `folder`, parsed or skipped."""
    files = list(document_files(folder))
    found: list[Document | Skipped] = []
    for done, (name, path) in enumerate(files):
        progress("reading documents", done, len(files))
        data = _attempt(name, lambda path=path: file_bytes(folder, path, max_megabytes))  # type: ignore[misc]
        if isinstance(data, Skipped):
            found.append(data)
        elif PurePosixPath(name).suffix.lower() == ARCHIVE:
            found += _archived(name, data, max_megabytes)
        else:
            found.append(_attempt(name, lambda name=name, data=data: parse_document(name, data)))  # type: ignore[misc]
    progress("reading documents", len(files), len(files))
    return Loaded(
        tuple(item for item in found if isinstance(item, Document)),
        tuple(item for item in found if isinstance(item, Skipped)),
    )


def file_bytes(folder: Path, path: Path, max_megabytes: int) -> bytes:
    """The content of one file.

    Raises:
        Unreadable: with the reason for a person.
        OSError: the file system refuses.
    """
    _check_ending(path.name, {*PARSERS, ARCHIVE})
    if not path.resolve().is_relative_to(folder.resolve()):
        raise Unreadable("a link out of the documents folder: copy the file into it")
    if not path.is_file():
        raise Unreadable("not a file, or a link to nothing")
    megabytes = path.stat().st_size / 1_000_000
    if megabytes > max_megabytes:
        raise Unreadable(f"{megabytes:.0f} MB; the limit is {max_megabytes} MB (rag.max_file_megabytes)")
    return path.read_bytes()


def parse_document(name: str, data: bytes) -> Document:
    """The document in `data`, which is no archive. Raises `Unreadable` with the reason for a person."""
    path = PurePosixPath(name)
    ending = path.suffix.lower()
    check_content(ending, data)
    title, parsed = PARSERS[ending](data)
    blocks = tuple(block for block in map(visible_block, parsed) if block.text)
    if not any(block.kind != "heading" for block in blocks):
        raise Unreadable("no text in it")
    return Document(name, visible(title) or path.stem.replace("-", " ").replace("_", " "), blocks)


def _archived(name: str, data: bytes, max_megabytes: int) -> Iterator[Document | Skipped]:
    """What an archive holds, parsed or skipped one by one; a single `Skipped` when it cannot be opened."""

    def opened() -> list[Member]:
        check_content(ARCHIVE, data)
        return list(members(data, max_megabytes))

    found = _attempt(name, opened)
    if isinstance(found, Skipped):
        yield found
        return
    for member in found:
        full = f"{name}/{visible(member.name)}"
        yield _attempt(full, lambda full=full, member=member: _parse_member(full, member))  # type: ignore[misc]


def _parse_member(name: str, member: Member) -> Document:
    if PurePosixPath(name).suffix.lower() == ARCHIVE:
        raise Unreadable("an archive within an archive: unpack it into the documents folder")
    _check_ending(name, PARSERS)
    return parse_document(name, member.read())


def _check_ending(name: str, known: Collection[str]) -> None:
    ending = PurePosixPath(name).suffix
    if ending.lower() not in known:
        raise Unreadable(f"unsupported ending '{ending}': use {', '.join([*PARSERS, ARCHIVE])}")


def _attempt(name: str, work: Callable[[], Found]) -> Found | Skipped:
    try:
        return work()
    except Unreadable as reason:
        return Skipped(name, str(reason))
    except OSError as error:
        return Skipped(name, f"unreadable: {error.strerror or error}")
    except Exception as error:
        # Parsers meet everything; one file must not take the others down.
        log.exception("%s could not be parsed", name)
        return Skipped(name, f"damaged: {type(error).__name__} while reading it")
