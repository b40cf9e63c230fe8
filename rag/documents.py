"""Which files a folder of documents has, what is in them, and each parsed; what cannot be used has a reason instead.

What a zip archive holds are documents of their own, named "archive.zip/folder/name.md". Names and texts are without
characters that no reader sees. Does not follow links to folders or out of the folder, and passes over files whose name
begins with a dot or `~$`.
"""

import errno
import hashlib
import logging
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from arena.errors import WorkspaceError
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
PASSED_OVER = (".", "~$")
NAMED = 10
"""Page numbers in one message."""
Found = TypeVar("Found")
Progress = Callable[[str, int, int], None]
"""What is being done, how many are done, how many there are."""


@dataclass(frozen=True)
class Scanned:
    """A file as it was found. `digest` is the hash of its content or, for one that is left out without being read,
    the reason; `size` in bytes. `hides`: it is a folder that cannot be looked into."""

    name: str
    path: Path
    size: int
    digest: str
    left_out: str | None = None
    hides: bool = False


def scan(folder: Path, max_megabytes: int) -> list[Scanned]:
    """Every file below `folder`, and every folder that is not looked into, sorted by name. Reads each that may be used,
    and keeps none in memory."""
    found = []
    for name, path, refused in _entries(folder):
        if refused:
            reason = f"a folder that cannot be looked into ({refused}): allow it with chmod u+rx"
            found.append(replace(left_out(name, path, reason), hides=True))
            continue

        def looked_at(path: Path = path) -> tuple[int, str]:
            check_file(folder, path, max_megabytes)
            with path.open("rb") as file:
                return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()

        seen = attempt(name, looked_at)
        if isinstance(seen, Skipped):
            found.append(left_out(name, path, seen.reason))
        else:
            found.append(Scanned(name, path, *seen))
    return found


def left_out(name: str, path: Path, reason: str) -> Scanned:
    """A file that is not used, for a reason that is no part of its content."""
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    return Scanned(name, path, size, f"left out: {reason}", reason)


def hidden_from(scanned: Sequence[Scanned]) -> Callable[[str], bool]:
    """Tells whether the file of a name may be there all the same: in a folder that cannot be looked into."""
    folders = tuple(f"{found.name}/" for found in scanned if found.hides)
    return lambda name: name.startswith(folders)


def document_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and path of every file below `folder`, and of every link to a folder, which is not followed, sorted; nothing
    when the folder is not there.

    Raises:
        WorkspaceError: `folder` cannot be looked into.
    """
    yield from ((name, path) for name, path, refused in _entries(folder) if not refused)


def _entries(folder: Path) -> list[tuple[str, Path, str]]:
    """The same, and the folders that the disk refuses to look into, with its reason."""
    found: list[tuple[str, Path, str]] = []

    def noted(path: Path, refused: str = "") -> None:
        name = _named(path.relative_to(folder).as_posix())
        if not any(part.startswith(PASSED_OVER) for part in PurePosixPath(name).parts):
            found.append((name, path, refused))

    def refuse(error: OSError) -> None:
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return
        path, refused = Path(error.filename), error.strerror or str(error)
        if path == folder:
            raise WorkspaceError(f"{folder} cannot be looked into ({refused}): allow it with chmod u+rx.") from error
        noted(path, refused)

    for place, folders, files in os.walk(folder, onerror=refuse):
        if not os.access(place, os.X_OK):  # names can be read, but nothing that they name
            refuse(PermissionError(errno.EACCES, os.strerror(errno.EACCES), place))
            folders[:] = []
            continue
        folders[:] = [name for name in folders if not name.startswith(PASSED_OVER)]
        links = (name for name in folders if Path(place, name).is_symlink())
        for name in (*links, *files):
            noted(Path(place, name))
    return sorted(found)


def _named(raw: str) -> str:
    """A name without characters that nobody sees; where it had some, marked, so that no other file is called so."""
    shown = visible(raw)
    if shown == raw:
        return raw
    path = PurePosixPath(shown)
    mark = hashlib.sha256(raw.encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return (path.parent / f"{path.stem}~{mark}{path.suffix}").as_posix()


def check_file(folder: Path, path: Path, max_megabytes: int) -> None:
    """That a file may be read, told without reading it.

    Raises:
        Unreadable: with the reason for a person.
        OSError: the file system refuses.
    """
    if path.is_symlink() and path.is_dir():
        raise Unreadable("a link to a folder, which is not followed: copy the folder itself here")
    _check_ending(path.name, {*PARSERS, ARCHIVE})
    if not path.resolve().is_relative_to(folder.resolve()):
        raise Unreadable("a link out of the documents folder: copy the file into it")
    if not path.is_file():
        raise Unreadable("not a file, or a link to nothing: copy the file itself here")
    megabytes = path.stat().st_size / 1_000_000
    if megabytes > max_megabytes:
        raise Unreadable(
            f"{megabytes:.0f} MB; the limit is {max_megabytes} MB (rag.max_file_megabytes): split it, or raise that"
        )


def contents(name: str, data: bytes, max_megabytes: int) -> Iterator[tuple[str, bytes] | Skipped]:
    """Name and bytes of each document that a file holds: itself, or one by one what is in an archive. A single
    `Skipped` when an archive cannot be opened."""
    if not is_archive(name):
        yield name, data
        return

    def opened() -> list[Member]:
        check_content(ARCHIVE, data)
        return list(members(data, max_megabytes))

    found = attempt(name, opened)
    if isinstance(found, Skipped):
        yield found
        return
    for member in found:
        full = f"{name}/{visible(member.name)}"
        read = attempt(full, lambda full=full, member=member: _member_bytes(full, member))  # type: ignore[misc]
        yield read if isinstance(read, Skipped) else (full, read)


def is_archive(name: str) -> bool:
    """Whether a file of this name holds documents of their own."""
    return PurePosixPath(name).suffix.lower() == ARCHIVE


def parse_document(name: str, data: bytes) -> Document:
    """The document in `data`, which is no archive. Raises `Unreadable` with the reason for a person."""
    path = PurePosixPath(name)
    ending = path.suffix.lower()
    check_content(ending, data)
    title, parsed = PARSERS[ending](data)
    blocks = tuple(block for block in map(visible_block, parsed) if block.text)
    pictures, captioned = (
        [block.page for block in parsed if block.kind == kind and block.page] for kind in ("picture", "captioned")
    )
    if all(block.kind == "heading" and block.text == title for block in blocks):
        raise Unreadable("no text in it: add some (pictures are not read), or delete it")
    title = visible(title) or path.stem.replace("-", " ").replace("_", " ")
    return Document(name, title, blocks, _not_read(pictures, captioned))


def _not_read(pictures: Sequence[int], captioned: Sequence[int]) -> str:
    notes = []
    if pictures:
        notes.append(f"{_pages(pictures)} and not read: run text recognition (OCR) over the file and add it again")
    if captioned:
        told = f"{_pages(captioned)} but for a few words, which were read"
        notes.append(f"{told}: where it shows more text, run text recognition (OCR) and add it again")
    return "; ".join(notes)


def _pages(numbers: Sequence[int]) -> str:
    listed = ", ".join([*map(str, numbers[:NAMED]), *(["…"] if len(numbers) > NAMED else [])])
    return f"page {listed} is a picture" if len(numbers) == 1 else f"{len(numbers)} pages are pictures ({listed})"


def attempt(name: str, work: Callable[[], Found]) -> Found | Skipped:
    """The result of `work`, or why the document of this name is left out. What nobody foresaw is logged in full."""
    try:
        return work()
    except Unreadable as reason:
        return Skipped(name, str(reason))
    except OSError as error:
        return Skipped(name, f"unreadable: {error.strerror or error}; allow it with chmod u+r, or copy it here again")
    except Exception as error:
        # Parsers meet everything; one file must not take the others down.
        log.exception("%s could not be parsed", name)
        return Skipped(name, f"damaged: {type(error).__name__} while reading it; open it and save it again")


def _member_bytes(name: str, member: Member) -> bytes:
    if is_archive(name):
        raise Unreadable("an archive within an archive: unpack it into the documents folder")
    _check_ending(name, PARSERS)
    return member.read()


def _check_ending(name: str, known: Collection[str]) -> None:
    ending = PurePosixPath(name).suffix
    if ending.lower() not in known:
        raise Unreadable(f"unsupported ending '{ending}': use {', '.join([*PARSERS, ARCHIVE])}")
