"""Makes the parts of an index: what is known by its hash is taken over, the rest is parsed, split and embedded.

Each document is embedded by itself, in batches that no other document shares: the same text in another batch gives
slightly other numbers, and an index that grew must be the one that a build from scratch gives. Does not lock, does
not decide which index is current (`store.py`) and does not search.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy

from arena.errors import IndexUnavailable
from rag.blocks import Document, Skipped
from rag.documents import Progress, Scanned, attempt, contents, hidden_from, is_archive, left_out, parse_document
from rag.embedder import Embedder, longest_read
from rag.parts import Part
from rag.sections import Chunk, source_text, split_document
from rag.settings import Settings
from rag.store import File, Held, Manifest, Stamp, load_part

FORMAT = "9"
"""Raise it when parsing, splitting, what is embedded or a part's file changes, so that old indexes are rebuilt."""
ENCODE_AT_ONCE = 8
"""Texts of about the same length, for what is shorter is computed as if it were as long. A document seldom has many:
batches of 64 take twice as long over the demo, these as long as when all documents share them (one core)."""
EMBEDDING = "embedding passages and sentences"


def shape_of(embedder: Embedder, settings: Settings) -> str:
    """Everything but the documents that decides what is in an index."""
    return json.dumps([*_part_shape(embedder, settings), settings.max_file_megabytes])


def chunk_text(chunk: Chunk) -> str:
    """What is embedded and matched for a chunk: without its headings a paragraph may not name its subject."""
    return f"{chunk.context}\n{chunk.text}"


@dataclass(frozen=True)
class Chunked:
    """A document that awaits its vectors."""

    chunks: tuple[Chunk, ...]
    source: str
    note: str


@dataclass
class Build:
    """One build. `folder` is the index's, `old` its manifest so far, `keep` is handed each new part's key and file
    content as soon as there is one. Afterwards `embedded` is the number of
    documents for which nothing was there yet."""

    folder: Path
    old: Manifest | None
    embedder: Embedder
    settings: Settings
    keep: Callable[[str, bytes], None]
    progress: Progress
    parts: dict[str, Part] = field(default_factory=dict, init=False)
    embedded: int = field(default=0, init=False)
    _stamps: dict[str, Stamp] = field(default_factory=dict, init=False)
    _to_embed: dict[str, Chunked] = field(default_factory=dict, init=False)

    def manifest(self, scanned: Sequence[Scanned]) -> Manifest:
        """The index of these files, with `parts` filled. Digests are of what was read, should it have changed since.

        Raises:
            IndexUnavailable: the embedder gives vectors that cannot be compared.
        """
        shape = shape_of(self.embedder, self.settings)
        old = self.old.files if self.old and self.old.shape == shape else ()
        known = {(PurePosixPath(file.name).name, file.digest): file for file in old}
        files: list[File] = []
        for done, found in enumerate(scanned):
            self.progress("reading documents", done, len(scanned))
            files += self._file(found, known)
        may_be_there = hidden_from(scanned)
        files += (file for file in old if may_be_there(file.name) and self._has_all_of(file))
        files.sort(key=lambda file: file.name)
        self.progress("reading documents", len(scanned), len(scanned))
        self._embed()
        documents = [held.part for file in files for held in file.documents]
        self.embedded = sum(key in self._to_embed for key in documents)
        return Manifest(shape, tuple(files), {key: self._stamps[key] for key in documents})

    def _file(self, found: Scanned, known: Mapping[tuple[str, str], File]) -> Iterator[File]:
        """The file and what is in it; nothing when it is no longer there."""
        before = known.get((PurePosixPath(found.name).name, found.digest))
        key = self._key(found.name, found.digest)
        if found.left_out:
            yield _unused(found, found.left_out)
        elif before and self._has_all_of(before) and not _by_chance(before):
            yield before.renamed(found.name)
        elif not is_archive(found.name) and self._is_known(key):
            yield File(found.name, found.digest, found.size, (self._held(found.name, key, found.size),))
        else:
            data = attempt(found.name, found.path.read_bytes)
            if not isinstance(data, Skipped):
                yield self._read(found.name, data)
            elif found.path.exists():
                yield _unused(found, data.reason)

    def _read(self, name: str, data: bytes) -> File:
        documents: list[Held] = []
        skipped: list[Skipped] = []
        for content in contents(name, data, self.settings.max_file_megabytes):
            item = content if isinstance(content, Skipped) else self._document(*content)
            if isinstance(item, Held):
                documents.append(item)
            else:
                skipped.append(item)
        return File(name, hashlib.sha256(data).hexdigest(), len(data), tuple(documents), tuple(skipped))

    def _document(self, name: str, data: bytes) -> Held | Skipped:
        key = self._key(name, hashlib.sha256(data).hexdigest())
        if not self._is_known(key):
            parsed = attempt(name, lambda: parse_document(name, data))
            if isinstance(parsed, Skipped):
                return parsed
            self._to_embed[key] = self._split(parsed)
        return self._held(name, key, len(data))

    def _held(self, name: str, key: str, size: int) -> Held:
        return Held(name, key, size, (self._to_embed.get(key) or self.parts[key]).note)

    def _split(self, document: Document) -> Chunked:
        count, longest = self.embedder.count_tokens, longest_read(self.embedder)
        chunks = split_document(document, self.settings.chunk_tokens, count, longest)
        return Chunked(tuple(replace(chunk, document="") for chunk in chunks), source_text(document), document.note)

    def _key(self, name: str, digest: str) -> str:
        """What a part is made from. Of the name only the last piece: its ending chooses the parser, the rest may
        become the title."""
        made_from = [*_part_shape(self.embedder, self.settings), PurePosixPath(name).name, digest]
        return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:32]

    def _is_known(self, key: str) -> bool:
        if key not in self.parts and key not in self._to_embed:
            loaded = load_part(self.folder, key, self.old.parts.get(key) if self.old else None)
            if isinstance(loaded, str):
                return False
            self.parts[key], self._stamps[key] = loaded
        return True

    def _has_all_of(self, file: File) -> bool:
        return all(self._is_known(held.part) for held in file.documents)

    def _embed(self) -> None:
        texts = {key: _texts(chunked.chunks) for key, chunked in self._to_embed.items()}
        total, done = sum(map(len, texts.values())), 0
        for key, chunked in self._to_embed.items():
            embedded = _part(chunked.chunks, self._encoded(texts[key], done, total), self.settings)
            part = replace(embedded, source=chunked.source, note=chunked.note)
            if fault := part.fault():
                first = chunked.chunks[0].text[:60]
                raise IndexUnavailable(
                    f'The embedder {self.embedder.identity} {fault}, for "{first}": install it again, '
                    "or name another one (embedder in workspace.toml)."
                )
            data = part.packed()
            self.keep(key, data)
            self.parts[key], self._stamps[key] = part, Stamp.of(data, part)
            done += len(texts[key])
        self.progress(EMBEDDING, total, total)

    def _encoded(self, texts: Sequence[str], done: int, total: int) -> numpy.ndarray:
        """One row per text of a document; `done` of all were embedded before."""
        rows = numpy.zeros((len(texts), self.embedder.encode([]).shape[1]), dtype=numpy.float32)
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for start in range(0, len(order), ENCODE_AT_ONCE):
            self.progress(EMBEDDING, done + start, total)
            places = order[start : start + ENCODE_AT_ONCE]
            rows[places] = self.embedder.encode([texts[place] for place in places])
        return rows


def _part_shape(embedder: Embedder, settings: Settings) -> list[object]:
    shape: list[object] = [FORMAT, embedder.identity, longest_read(embedder), settings.chunk_tokens]
    return [*shape, settings.in_context_weight, settings.in_passage_weight]


def _unused(found: Scanned, reason: str) -> File:
    seen = left_out(found.name, found.path, reason)
    return File(seen.name, seen.digest, seen.size, skipped=(Skipped(seen.name, reason),))


def _by_chance(file: File) -> bool:
    """Whether something was left out that the next attempt may take in."""
    return any("MemoryError" in item.reason for item in file.skipped)


def _texts(chunks: Sequence[Chunk]) -> list[str]:
    """What is embedded: the chunks, their sentences, and their sentences under their headings."""
    held = [(chunk, text) for chunk in chunks for text in chunk.sentences]
    return [
        *map(chunk_text, chunks),
        *(text for _, text in held),
        *(f"{chunk.context}: {text}" for chunk, text in held),
    ]


def _part(chunks: tuple[Chunk, ...], encoded: numpy.ndarray, settings: Settings) -> Part:
    parents = [number for number, chunk in enumerate(chunks) for _ in chunk.sentences]
    whole, alone, in_context = numpy.split(encoded, [len(chunks), len(chunks) + len(parents)])
    return Part(chunks, whole, _mixed(alone, in_context, whole[parents], settings))


def _mixed(
    alone: numpy.ndarray, in_context: numpy.ndarray, passages: numpy.ndarray, settings: Settings
) -> numpy.ndarray:
    """One vector per sentence whose product with a question is the weighted mean of three cosines: of the
    sentence, of it under its headings, of its passage. Not made unit length again, so that the mean holds."""
    context, passage = settings.in_context_weight, settings.in_passage_weight
    return (alone + context * in_context + passage * passages) / (1 + context + passage)
