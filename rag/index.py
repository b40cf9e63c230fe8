"""The index of a workspace in memory: opened when nothing has changed, else brought up to date and saved.

Does not rank anything (`retrieve.py`), does not parse or embed (`build.py`) and does not know the layout on disk
(`store.py`).
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import faiss
import numpy

from arena.errors import WorkspaceError
from rag import store
from rag.address import HERE
from rag.blocks import Skipped
from rag.build import Build, chunk_text, shape_of
from rag.documents import Progress, Scanned, document_files, hidden_from, scan
from rag.embedder import Embedder
from rag.lexical import Lexicon
from rag.parts import Part
from rag.sections import Chunk
from rag.settings import Settings
from rag.vectors import EXACT_UP_TO, opened, searchable

ARRANGING = "arranging passages for search"
WAITING = "waiting for another process that is indexing this workspace"


def silent(doing: str, done: int, total: int) -> None:
    """A progress that says nothing."""


@dataclass(frozen=True)
class Report:
    """What opening did. `saved` is False when the disk refused: the index then lives until the program ends.
    `embedded`: how many of the documents had to be. `read_in_part`: those of which something was not read. `stored`:
    what was done to a vector store elsewhere."""

    status: Literal["reused", "built", "rebuilt"]
    reason: str
    documents: int
    passages: int
    sentences: int
    skipped: tuple[Skipped, ...]
    seconds: float
    saved: bool = True
    embedded: int = 0
    stored: str = ""
    read_in_part: tuple[Skipped, ...] = ()

    def __str__(self) -> str:
        lines = [
            f"index {self.status} ({self.reason}) in {self.seconds:.1f} s: {self.documents} documents, "
            f"{self.embedded} of them embedded anew, {self.passages} passages, {self.sentences} sentences, "
            f"{len(self.skipped)} files skipped"
        ]
        lines += [self.stored] if self.stored else []
        lines += [f"  skipped {item.name}: {item.reason}" for item in self.skipped]
        lines += [f"  read in part {item.name}: {item.reason}" for item in self.read_in_part]
        return "\n".join(lines)


@dataclass(frozen=True)
class Sentence:
    """A sentence and the number of the chunk that holds it."""

    text: str
    chunk: int


class Elsewhere(Protocol):
    """Chunks that are not all looked at in this process's memory: in a vector store (`sync.py`), or in an inverted file
    (`vectors.py`)."""

    def search(
        self, query: numpy.ndarray, count: int, /, within: numpy.ndarray | None = None
    ) -> tuple[numpy.ndarray, numpy.ndarray]: ...

    def kept(self, wanted: numpy.ndarray, /) -> "Elsewhere": ...


@dataclass(frozen=True)
class Index:
    """`vectors` searches the chunks by inner product; `sentence_vectors` has one row per sentence.

    `parents` tells the number of the chunk that holds a sentence, one per sentence.
    `identity` is the hash of everything that went in: equal identities give equal answers. `documents` is the folder
    that it was made from, `manifest` tells which files are in it.
    """

    identity: str
    embedder: Embedder
    settings: Settings
    chunks: tuple[Chunk, ...]
    vectors: faiss.Index | Elsewhere
    sentence_vectors: numpy.ndarray
    report: Report
    documents: Path
    manifest: store.Manifest
    sentences: tuple[Sentence, ...] = field(init=False)
    parents: numpy.ndarray = field(init=False)
    chunk_words: Lexicon = field(init=False)
    sentence_words: Lexicon = field(init=False)

    def __post_init__(self) -> None:
        sentences = tuple(
            Sentence(text, number) for number, chunk in enumerate(self.chunks) for text in chunk.sentences
        )
        object.__setattr__(self, "sentences", sentences)
        object.__setattr__(self, "parents", numpy.array([sentence.chunk for sentence in sentences], dtype=int))
        object.__setattr__(self, "chunk_words", Lexicon([chunk_text(chunk) for chunk in self.chunks]))
        object.__setattr__(self, "sentence_words", Lexicon([sentence.text for sentence in sentences]))

    def present(self) -> "Index":
        """This index, or a new one when files that are in it were deleted since. Looks for each file on the disk."""
        held = (file.name for file in self.manifest.files if file.documents)
        missing = {name for name in held if not _is_there(self.documents / name)}
        if missing:  # names are shown without characters that nobody sees, which a file's own name may have
            missing -= {name for name, _ in document_files(self.documents)}
        return self.without(missing) if missing else self

    def without(self, files: Collection[str]) -> "Index":
        """The index that a build without these files gives. Embeds nothing, and leaves the disk alone."""
        manifest = self.manifest.without(files)
        wanted = {held.name for held in manifest.documents}
        kept = numpy.array([chunk.document in wanted for chunk in self.chunks], dtype=bool)
        chunks = tuple(chunk for chunk, keep in zip(self.chunks, kept, strict=True) if keep)
        passages, sentences = _sizes(chunks)
        return replace(
            self,
            identity=manifest.identity,
            chunks=chunks,
            vectors=_kept(self.vectors, kept),
            sentence_vectors=self.sentence_vectors[kept[self.parents]],
            manifest=manifest,
            report=replace(
                self.report,
                documents=len(manifest.documents),
                passages=passages,
                sentences=sentences,
                skipped=manifest.skipped,
                read_in_part=manifest.read_in_part,
            ),
        )


def open_or_build(
    workspace: Path, embedder: Embedder, settings: Settings | None = None, progress: Progress = silent
) -> Index:
    """The index of `workspace/documents`, read from `workspace/index`, or brought up to date and saved there: only what
    changed is parsed and embedded, and a build that was killed goes on. While another process indexes, it waits and
    tells `progress` so.

    A folder without documents gives an empty index. A disk that refuses to save leaves the index in memory. Passages
    are searched where `settings.vector_store` says, after what changed was sent there.

    Raises:
        WorkspaceError: no such workspace.
        IndexUnavailable: the embedder gives vectors that cannot be compared, or the vector store cannot be used.
    """
    settings = settings or Settings()
    index = _opened(workspace, embedder, settings, progress)
    if settings.vector_store == HERE:
        return index
    from rag.sync import in_store

    return in_store(index, workspace, progress)


def _opened(workspace: Path, embedder: Embedder, settings: Settings, progress: Progress) -> Index:
    if not workspace.is_dir():
        raise WorkspaceError(f"There is no workspace in {workspace}: lay one out with `python app.py new {workspace}`.")
    opening = _Opening(workspace, embedder, settings, progress)
    found = opening.reuse()
    if isinstance(found, Index):
        return found
    with store.Writer(workspace / "index", lambda: progress(WAITING, 0, 1)) as writer:
        # Another process may have changed the index since it was looked at, even if its lock is free by now.
        if writer.waited or opening.changed():
            found = opening.reuse()
        return found if isinstance(found, Index) else opening.build(writer, found)


def fingerprint(documents: Path, embedder: Embedder, settings: Settings) -> str:
    """Hash of names and contents of all files, the embedder, and the settings that shape the index."""
    files = [(found.name, found.digest) for found in scan(documents, settings.max_file_megabytes)]
    return store.identity_of(shape_of(embedder, settings), files)


@dataclass
class _Opening:
    """What both ways to an index need to know."""

    workspace: Path
    embedder: Embedder
    settings: Settings
    progress: Progress

    def __post_init__(self) -> None:
        self.began = time.monotonic()
        self.folder, self.documents = self.workspace / "index", self.workspace / "documents"

    def reuse(self) -> Index | str:
        """The index on disk, or why it cannot be used as it is."""
        self.scanned = scan(self.documents, self.settings.max_file_megabytes)
        self.old = store.load(self.folder)
        if isinstance(self.old, str):
            return self.old
        if self.old.shape != shape_of(self.embedder, self.settings):
            return "settings or embedder changed"
        if changes := changes_since(self.old, self.scanned):
            return counted(changes)
        parts: dict[str, Part] = {}
        for held in self.old.documents:
            loaded = store.load_part(self.folder, held.part, self.old.parts.get(held.part))
            if isinstance(loaded, str):
                return f"what was stored of {held.name} {loaded}"
            parts[held.part] = loaded[0]
        store.tidy(self.folder, self.old)
        return self._index("reused", "nothing changed", self.old, parts)

    def changed(self) -> bool:
        """Whether the index on disk is another one than was looked at."""
        return store.load(self.folder) != self.old

    def build(self, writer: store.Writer, reason: str) -> Index:
        """The index brought up to date, and saved if the disk allows."""
        old = None if isinstance(self.old, str) else self.old
        build = Build(self.folder, old, self.embedder, self.settings, writer.part, self.progress)
        manifest = build.manifest(self.scanned)
        writer.commit(manifest)
        status: Literal["built", "rebuilt"] = "built" if self.old == store.NOT_THERE else "rebuilt"
        if writer.refused:
            reason = f"{reason}; not saved: {writer.refused}"
        return self._index(status, reason, manifest, build.parts, not writer.refused, build.embedded)

    def _index(
        self,
        status: Literal["reused", "built", "rebuilt"],
        reason: str,
        manifest: store.Manifest,
        parts: Mapping[str, Part],
        saved: bool = True,
        embedded: int = 0,
    ) -> Index:
        held = [(item.name, parts[item.part]) for item in manifest.documents]
        chunks = tuple(replace(chunk, document=name) for name, part in held for chunk in part.chunks)
        none = self.embedder.encode([])
        sentence_vectors = numpy.concatenate([none, *(part.sentence_vectors for _, part in held)])
        seconds = time.monotonic() - self.began
        sizes = len(held), *_sizes(chunks)
        report = Report(
            status, reason, *sizes, manifest.skipped, seconds, saved, embedded, read_in_part=manifest.read_in_part
        )
        return Index(
            identity=manifest.identity,
            embedder=self.embedder,
            settings=self.settings,
            chunks=chunks,
            vectors=self._vectors(
                manifest, len(chunks), lambda: numpy.concatenate([none, *(part.vectors for _, part in held)])
            ),
            sentence_vectors=sentence_vectors,
            report=report,
            documents=self.documents,
            manifest=manifest,
        )

    def _vectors(
        self, manifest: store.Manifest, count: int, rows: Callable[[], numpy.ndarray]
    ) -> faiss.Index | Elsewhere:
        if self.settings.vector_store != HERE:  # they are not searched here, only sent from here
            return searchable(rows(), exact_up_to=count)
        if count > EXACT_UP_TO:
            self.progress(ARRANGING, 0, count)
        return opened(store.vectors_path(self.folder, manifest), rows, count)


def changes_since(manifest: store.Manifest, scanned: Sequence[Scanned]) -> dict[str, str]:
    """What became of the files since the index was made: "new", "changed" or "deleted" by name, without those that
    are as they were, and without those in a folder that cannot be looked into."""
    may_be_there = hidden_from(scanned)
    before = {file.name: file.digest for file in manifest.files}
    now = {found.name: found.digest for found in scanned}
    found = {name: "new" if name not in before else "changed" for name in now if before.get(name) != now[name]}
    return found | {name: "deleted" for name in before if name not in now and not may_be_there(name)}


def counted(changes: Mapping[str, str]) -> str:
    """The changes in words: "documents changed: 2 new, 1 deleted"."""
    numbers = Counter(changes.values())
    return "documents changed: " + ", ".join(f"{number} {change}" for change, number in sorted(numbers.items()))


def _kept(vectors: faiss.Index | Elsewhere, wanted: numpy.ndarray) -> faiss.Index | Elsewhere:
    if isinstance(vectors, faiss.Index):
        return searchable(vectors.reconstruct_n(0, vectors.ntotal)[wanted])
    return vectors.kept(wanted)


def _is_there(path: Path) -> bool:
    """Unless it is certainly gone: a disk that stumbles must not empty the index of a running app."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _sizes(chunks: Sequence[Chunk]) -> tuple[int, int]:
    return len(chunks), sum(len(chunk.sentences) for chunk in chunks)
