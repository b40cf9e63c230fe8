"""What a page may know of a workspace's documents and do with them, in the core's own words.

Does not cover: parsing, indexing and ranking (rag/desk.py has them done), how it is shown (ui/knowledge.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, Protocol

from arena.errors import ArenaError

DocumentState = Literal["indexed", "new", "changed", "deleted", "skipped"]


@dataclass(frozen=True)
class Document:
    """A document, or a file that is none. "new" and "changed" await indexing, "deleted" is in the index and no longer
    on the disk, "skipped" has a `reason`, and "indexed" has one where a part of it was not read. `file` is
    the file that holds it, which is another one for what is in an archive; `passages` is None where nobody has counted;
    `size` in bytes."""

    name: str
    state: DocumentState
    size: int
    passages: int | None = None
    reason: str = ""
    file: str = ""


@dataclass(frozen=True)
class Chunk:
    """A passage as it is in the index: `headings` stand above it, `location` is what a person would look for. In the
    document's text it stands from `start` to `end`, in characters."""

    headings: str
    location: str
    text: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class Ranked:
    """A passage that a search found: a cosine, a BM25 score, and 0 to 1, which both are fused to."""

    document: str
    location: str
    text: str
    dense: float
    words: float
    fused: float


@dataclass(frozen=True)
class Chosen:
    """A sentence that would be put before the model, with the score that decided."""

    document: str
    location: str
    text: str
    score: float


@dataclass(frozen=True)
class Found:
    """Both best first. `needed`: the score that the best sentence needs, or the model is not asked. `judged`: the
    scores are a judge's, not those of the search."""

    passages: tuple[Ranked, ...]
    sentences: tuple[Chosen, ...]
    needed: float
    judged: bool


@dataclass(frozen=True)
class Within:
    """Which documents a search may look in; what is not named does not matter. `documents`: names, folders, archives or
    patterns with * and ?, one of which must match; `types`: endings, "pdf"; `since` and `until` are inclusive."""

    documents: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None


EVERYWHERE = Within()


@dataclass(frozen=True)
class Indexing:
    """How the index is faring. `of` is 0 where nobody can tell how much there is to do; `text` is what was done, or
    why it could not be. `runs` counts what has ended, so that a page can tell that something has."""

    status: Literal["idle", "working", "done", "failed"] = "idle"
    doing: str = ""
    done: int = 0
    of: int = 0
    text: str = ""
    runs: int = 0

    @property
    def alive(self) -> bool:
        return self.status == "working"


@dataclass(frozen=True)
class Limits:
    """What may be uploaded: endings with their dot, and the largest file."""

    endings: tuple[str, ...]
    megabytes: int


@dataclass(frozen=True)
class Added:
    """What became of an upload: names as they are now, reasons in words by name, what else a person should know."""

    names: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


class AlreadyThere(ArenaError):
    """Documents of these names are there, and nobody said that they are to be replaced."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(f"There already: {', '.join(names)}.")


class KnowledgeDesk(Protocol):
    """The documents of one workspace. Indexing runs in the background, once at a time, and what it makes is what is
    answered from next. Every method raises `ArenaError` with the way out."""

    def documents(self) -> Sequence[Document]:
        """By name. Reads every file."""
        ...

    def limits(self) -> Limits: ...

    def indexing(self) -> Indexing:
        """Cheap: to be asked again and again."""
        ...

    def add(self, files: Sequence[tuple[str, Path]], replace: bool) -> Added:
        """Copy files, each with the name that its owner gave it, to the documents, and index. Raises `AlreadyThere`,
        and adds none of them, when one would be replaced and `replace` is not set."""
        ...

    def delete(self, file: str) -> None:
        """Delete a file for good, and index: no answer shows it from now on."""
        ...

    def rebuild(self) -> None:
        """Bring the index up to date."""
        ...

    def chunks(self, document: str) -> Sequence[Chunk]:
        """In reading order; none for a document that is not in the index."""
        ...

    def text(self, document: str) -> str:
        """What was read of it, of which the passages are parts; "" for a document that is not in the index."""
        ...

    def search(self, question: str, within: Within = EVERYWHERE) -> Found:
        """What would be found for a question in these documents. Waits for its turn on the device."""
        ...
