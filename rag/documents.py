"""Loads a folder of documents; a file that cannot be used is left out with its reason, the rest goes in.

Does not follow links out of the folder, and passes over files whose name begins with a dot or `~$`.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rag.blocks import Block, Document, Skipped, Unreadable
from rag.parse_docx import parse_docx
from rag.parse_html import parse_html, parse_markdown
from rag.parse_pdf import parse_pdf
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
}
Progress = Callable[[str, int, int], None]
"""What is being done, how many are done, how many there are."""


@dataclass(frozen=True)
class Loaded:
    """The documents and what was left out, both in the order of their names."""

    documents: tuple[Document, ...]
    skipped: tuple[Skipped, ...]


def document_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and path of every file below `folder`, sorted; nothing when the folder is not there."""
    found = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if not path.is_dir())
    for name, path in found:
        if not any(part.startswith((".", "~$")) for part in Path(name).parts):
            yield name, path


def load_documents(folder: Path, max_megabytes: int, progress: Progress) -> Loaded:
    """Every file below `folder`, parsed or skipped."""
    files = list(document_files(folder))
    documents, skipped = [], []
    for done, (name, path) in enumerate(files):
        progress("reading documents", done, len(files))
        try:
            documents.append(load_document(folder, name, path, max_megabytes))
        except Unreadable as reason:
            skipped.append(Skipped(name, str(reason)))
        except OSError as error:
            skipped.append(Skipped(name, f"unreadable: {error.strerror or error}"))
        except Exception as error:
            # Parsers meet everything; one file must not take the others down.
            log.exception("%s could not be parsed", name)
            skipped.append(Skipped(name, f"damaged: {type(error).__name__} while reading it"))
    progress("reading documents", len(files), len(files))
    return Loaded(tuple(documents), tuple(skipped))


def load_document(folder: Path, name: str, path: Path, max_megabytes: int) -> Document:
    """One file.

    Raises:
        Unreadable: with the reason for a person.
        OSError: the file system refuses.
    """
    parser = PARSERS.get(path.suffix.lower())
    if parser is None:
        raise Unreadable(f"unsupported ending '{path.suffix}': use {', '.join(PARSERS)}")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise Unreadable("a link out of the documents folder: copy the file into it")
    if not path.is_file():
        raise Unreadable("not a file, or a link to nothing")
    megabytes = path.stat().st_size / 1_000_000
    if megabytes > max_megabytes:
        raise Unreadable(f"{megabytes:.0f} MB; the limit is {max_megabytes} MB (rag.max_file_megabytes)")
    data = path.read_bytes()
    check_content(path.suffix.lower(), data)
    title, blocks = parser(data)
    if not any(block.text for block in blocks if block.kind != "heading"):
        raise Unreadable("no text in it")
    return Document(name, title or path.stem.replace("-", " ").replace("_", " "), tuple(blocks))
