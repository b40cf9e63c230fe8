"""The index of a workspace: chunks and sentences with their vectors, reused while nothing has changed.

Does not rank anything (`retrieve.py`) and does not know the layout on disk (`store.py`).
"""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import faiss
import numpy

from arena.errors import WorkspaceError
from rag import store
from rag.blocks import Skipped
from rag.documents import Progress, document_files, load_documents
from rag.embedder import Embedder
from rag.lexical import Lexicon
from rag.sections import Chunk, split_document
from rag.settings import Settings

FORMAT = "2"
"""Raise it when parsing, splitting or what is embedded changes, so that old indexes are rebuilt."""
ENCODE_AT_ONCE = 64


def silent(doing: str, done: int, total: int) -> None:
    """A progress that says nothing."""


@dataclass(frozen=True)
class Report:
    """What opening did. `saved` is False when the disk refused: the index then lives until the program ends."""

    status: Literal["reused", "built", "rebuilt"]
    reason: str
    documents: int
    passages: int
    sentences: int
    skipped: tuple[Skipped, ...]
    seconds: float
    saved: bool = True

    def __str__(self) -> str:
        lines = [
            f"index {self.status} ({self.reason}) in {self.seconds:.1f} s: {self.documents} documents, "
            f"{self.passages} passages, {self.sentences} sentences, {len(self.skipped)} files skipped"
        ]
        return "\n".join([*lines, *(f"  skipped {item.name}: {item.reason}" for item in self.skipped)])


@dataclass(frozen=True)
class Sentence:
    """A sentence and the number of the chunk that holds it."""

    text: str
    chunk: int


@dataclass(frozen=True)
class Index:
    """`vectors` searches the chunks by inner product; `sentence_vectors` has one row per sentence.

    `identity` is the hash of everything that went in: equal identities give equal answers.
    """

    identity: str
    embedder: Embedder
    settings: Settings
    chunks: tuple[Chunk, ...]
    vectors: faiss.Index
    sentence_vectors: numpy.ndarray
    report: Report
    sentences: tuple[Sentence, ...] = field(init=False)
    chunk_words: Lexicon = field(init=False)
    sentence_words: Lexicon = field(init=False)

    def __post_init__(self) -> None:
        sentences = tuple(
            Sentence(text, number) for number, chunk in enumerate(self.chunks) for text in chunk.sentences
        )
        object.__setattr__(self, "sentences", sentences)
        object.__setattr__(self, "chunk_words", Lexicon([chunk_text(chunk) for chunk in self.chunks]))
        object.__setattr__(self, "sentence_words", Lexicon([sentence.text for sentence in sentences]))


def chunk_text(chunk: Chunk) -> str:
    """What is embedded and matched for a chunk: without its headings a paragraph may not name its subject."""
    return f"{chunk.context}\n{chunk.text}"


def open_or_build(
    workspace: Path, embedder: Embedder, settings: Settings | None = None, progress: Progress = silent
) -> Index:
    """The index of `workspace/documents`, read from `workspace/index` or built and saved there.

    A folder without documents gives an empty index. A disk that refuses to save leaves the index in memory.

    Raises:
        WorkspaceError: no such workspace.
    """
    settings = settings or Settings()
    if not workspace.is_dir():
        raise WorkspaceError(f"There is no workspace in {workspace}: lay one out with `python app.py new {workspace}`.")
    began = time.monotonic()
    identity = fingerprint(workspace / "documents", embedder, settings)
    found = store.load(workspace / "index", identity)
    if isinstance(found, store.Stored):
        report = Report(
            "reused", "nothing changed", found.documents, *_sizes(found.chunks), found.skipped, _since(began)
        )
        return Index(identity, embedder, settings, found.chunks, found.vectors, found.sentence_vectors, report)
    built = _build(workspace / "documents", embedder, settings, progress)
    refused = store.save(workspace / "index", identity, built)
    status: Literal["built", "rebuilt"] = "built" if found == store.NOT_THERE else "rebuilt"
    reason = f"{found}; not saved: {refused}" if refused else found
    report = Report(
        status, reason, built.documents, *_sizes(built.chunks), built.skipped, _since(began), saved=refused is None
    )
    return Index(identity, embedder, settings, built.chunks, built.vectors, built.sentence_vectors, report)


def fingerprint(documents: Path, embedder: Embedder, settings: Settings) -> str:
    """Hash of names and contents of all files, the embedder, and the settings that shape the index."""
    digest = hashlib.sha256()
    shape: list[object] = [FORMAT, embedder.identity, settings.chunk_tokens, settings.max_file_megabytes]
    shape += [settings.in_context_weight, settings.in_passage_weight]
    digest.update(json.dumps(shape).encode())
    for name, path in document_files(documents):
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            content = f"unreadable {error.errno}"
        digest.update(json.dumps([name, content]).encode())
    return digest.hexdigest()[:20]


def _build(documents: Path, embedder: Embedder, settings: Settings, progress: Progress) -> store.Stored:
    loaded = load_documents(documents, settings.max_file_megabytes, progress)
    chunks = tuple(
        chunk
        for document in loaded.documents
        for chunk in split_document(document, settings.chunk_tokens, embedder.count_tokens)
    )
    held = [(number, text) for number, chunk in enumerate(chunks) for text in chunk.sentences]
    encoded = _encode(
        [
            *(chunk_text(chunk) for chunk in chunks),
            *(text for _, text in held),
            *(f"{chunks[number].context}: {text}" for number, text in held),
        ],
        embedder,
        progress,
    )
    whole, alone, in_context = numpy.split(encoded, [len(chunks), len(chunks) + len(held)])
    vectors = faiss.IndexFlatIP(encoded.shape[1])
    vectors.add(whole)
    mixed = _mixed(alone, in_context, whole[[number for number, _ in held]], settings)
    return store.Stored(chunks, vectors, mixed, loaded.skipped, len(loaded.documents))


def _mixed(
    alone: numpy.ndarray, in_context: numpy.ndarray, passages: numpy.ndarray, settings: Settings
) -> numpy.ndarray:
    """One vector per sentence whose product with a question is the weighted mean of three cosines: of the
    sentence, of it under its headings, of its passage. Not made unit length again, so that the mean holds."""
    context, passage = settings.in_context_weight, settings.in_passage_weight
    return (alone + context * in_context + passage * passages) / (1 + context + passage)


def _encode(texts: Sequence[str], embedder: Embedder, progress: Progress) -> numpy.ndarray:
    parts = [embedder.encode([])]
    for start in range(0, len(texts), ENCODE_AT_ONCE):
        progress("embedding passages and sentences", start, len(texts))
        parts.append(embedder.encode(texts[start : start + ENCODE_AT_ONCE]))
    progress("embedding passages and sentences", len(texts), len(texts))
    return numpy.ascontiguousarray(numpy.concatenate(parts), dtype=numpy.float32)


def _sizes(chunks: Sequence[Chunk]) -> tuple[int, int]:
    return len(chunks), sum(len(chunk.sentences) for chunk in chunks)


def _since(began: float) -> float:
    return time.monotonic() - began
