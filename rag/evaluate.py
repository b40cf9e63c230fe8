"""How good the search for passages is on a test collection whose right documents are known: nDCG, recall, MRR.

The collection is split, embedded and ranked as a workspace's documents are; its sentences are not embedded. The
measures are ir_measures', which has trec_eval's own code. Does not read collections (`collection.py`).
"""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy

from arena.errors import CollectionError
from rag import store
from rag.blocks import Block, Document
from rag.build import chunk_text
from rag.collection import Collection
from rag.collection_lines import Entry
from rag.documents import Progress
from rag.embedder import Embedder, longest_read
from rag.index import Index, Report, silent
from rag.parts import Part
from rag.retrieve import passage_scores
from rag.sections import LONGEST, Chunk, split_document
from rag.settings import Settings
from rag.vectors import searchable

FORMAT = "2"
"""Raise it when a collection is split or embedded in another way."""
MEASURES = ("nDCG@10", "R@10", "R@100", "RR@10")
"""ir_measures' names: R is recall, RR averaged over queries is MRR."""
DEPTH = 100
"""How many documents a query brings: as deep as the measures look."""
AT_ONCE = 256
"""Documents whose vectors are one file; what a killed run loses."""
Run = Mapping[str, Mapping[str, float]]
"""By query, the documents found and their scores."""


@dataclass(frozen=True)
class Evaluation:
    """`measures` by ir_measures' names, averaged over `queries` queries; `seconds` of one query, embedding it included.
    `unknown`: judged documents that are not in the collection, which nothing can find. `notes`: the collection's."""

    collection: str
    embedder: str
    documents: int
    passages: int
    queries: int
    unknown: int
    seconds: float
    measures: dict[str, float]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            f"{self.collection}: {self.documents:,} documents in {self.passages:,} passages, {self.queries:,} judged "
            f"queries, {1000 * self.seconds:.0f} ms each; embedder {self.embedder}"
        ]
        lines += self.notes
        if self.unknown:
            lines.append(f"{self.unknown:,} judged documents are not in the collection, and count as not found")
        return "\n".join([*lines, *(f"{name:8}{value:7.4f}" for name, value in self.measures.items())])

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def collection_index(
    collection: Collection,
    folder: Path,
    embedder: Embedder,
    settings: Settings | None = None,
    progress: Progress = silent,
) -> Index:
    """An index over the passages alone, read from `folder` as far as it was embedded before, each chunk's `document`
    being its name in the collection. The folder may be shared: what is in it is named by its content."""
    settings = settings or Settings()
    longest = longest_read(embedder)
    # The usual length is not told, so that what was embedded before it could be another is found.
    shape = json.dumps([FORMAT, embedder.identity, settings.chunk_tokens, *([longest] if longest < LONGEST else [])])
    chunks: list[Chunk] = []
    vectors = [embedder.encode([])]
    total, digest, began = len(collection.documents), hashlib.sha256(shape.encode()), time.monotonic()
    doing = f"embedding {collection.name}"
    with store.Writer(folder, lambda: progress("waiting for another process that embeds into this folder", 0, 1)) as to:
        for start in range(0, total, AT_ONCE):
            progress(doing, start, total)
            entries = collection.documents[start : start + AT_ONCE]
            content = json.dumps([asdict(entry) for entry in entries])
            key = hashlib.sha256((shape + content).encode()).hexdigest()[:32]
            digest.update(key.encode())
            loaded = store.load_part(folder, key)
            part = _embedded(entries, embedder, settings) if isinstance(loaded, str) else loaded[0]
            if isinstance(loaded, str):
                to.part(key, part.packed())
            chunks += (replace(chunk, document=chunk.location) for chunk in part.chunks)
            vectors.append(part.vectors)
        progress(doing, total, total)
    report = Report("built", "", total, len(chunks), 0, (), time.monotonic() - began, saved=to.refused is None)
    return Index(
        identity=digest.hexdigest()[:20],
        embedder=embedder,
        settings=settings,
        chunks=tuple(chunks),
        vectors=searchable(numpy.concatenate(vectors)),
        sentence_vectors=vectors[0],
        report=report,
        documents=folder,
        manifest=store.Manifest(shape, (), {}),
    )


def _embedded(entries: Sequence[Entry], embedder: Embedder, settings: Settings) -> Part:
    chunks = [
        replace(chunk, sentences=(), location=entry.name)
        for entry in entries
        for chunk in split_document(
            _document(entry), settings.chunk_tokens, embedder.count_tokens, longest_read(embedder)
        )
    ]
    # Texts of about the same length share a batch: what is shorter is computed as if it were as long.
    order = sorted(range(len(chunks)), key=lambda place: len(chunk_text(chunks[place])))
    vectors = numpy.zeros((len(chunks), embedder.encode([]).shape[1]), dtype=numpy.float32)
    vectors[order] = embedder.encode([chunk_text(chunks[place]) for place in order])
    return Part(tuple(chunks), vectors, vectors[:0])


def _document(entry: Entry) -> Document:
    """A document that is only a title is found by it. An item, because a paragraph that asks would be a heading."""
    return Document(entry.name, entry.title, (Block(entry.text if entry.text.strip() else entry.title, "item"),))


def run_of(index: Index, collection: Collection, limit: int | None = None, progress: Progress = silent) -> Run:
    """What the search brings for the first `limit` judged queries, a document counting as its best passage."""
    queries = list(collection.queries.items())[:limit]
    names = list(dict.fromkeys(chunk.document for chunk in index.chunks))
    number = {name: place for place, name in enumerate(names)}
    owners = numpy.array([number[chunk.document] for chunk in index.chunks])
    run: dict[str, dict[str, float]] = {}
    for done, (query, text) in enumerate(queries):
        progress("asking", done, len(queries))
        scores = numpy.zeros(len(names))  # no score is under 0
        numpy.maximum.at(scores, owners, passage_scores(index, text, index.embedder.encode_query([text]))[0])
        best = numpy.argsort(-scores, kind="stable")[: DEPTH + 1]
        found = [names[place] for place in best if not (collection.skips_own and names[place] == query)]
        run[query] = {name: round(float(scores[number[name]]), 6) for name in found[:DEPTH]}
    progress("asking", len(queries), len(queries))
    return run


def measures() -> Any:
    """ir_measures, which counts what was found.

    Raises:
        CollectionError: it is not installed.
    """
    try:
        import ir_measures
    except ImportError as error:
        raise CollectionError(
            "ir_measures, which counts what was found, is not installed: pip install -r requirements-dev.txt."
        ) from error
    return ir_measures


def measured(collection: Collection, run: Run) -> dict[str, float]:
    """Each of `MEASURES` over the queries of the run. Raises as `measures` does."""
    ir_measures = measures()
    judged = {query: dict(collection.judgements[query]) for query in run}
    wanted = [ir_measures.parse_measure(name) for name in MEASURES]
    told = ir_measures.calc_aggregate(wanted, judged, {query: dict(found) for query, found in run.items()})
    return {str(measure): float(told[measure]) for measure in wanted}


def evaluation(
    collection: Collection, index: Index, limit: int | None = None, progress: Progress = silent
) -> tuple[Evaluation, Run]:
    """Search for the judged queries, or the first `limit` of them, and count what was right."""
    began = time.monotonic()
    run = run_of(index, collection, limit, progress)
    seconds = (time.monotonic() - began) / max(len(run), 1)
    judged = {name for query in run for name in collection.judgements[query]}
    found = Evaluation(
        collection.name,
        index.embedder.identity,
        len(collection.documents),
        len(index.chunks),
        len(run),
        len(judged - {entry.name for entry in collection.documents}),
        seconds,
        measured(collection, run),
        collection.notes,
    )
    return found, run


def check_names(documents: Iterable[str], queries: Iterable[str]) -> None:
    """That a TREC run of them can be written.

    Raises:
        CollectionError: a name has blanks in it, which would part it.
    """
    for what, names in (("document", documents), ("query", queries)):
        if strange := next((name for name in names if len(name.split()) != 1), None):
            raise CollectionError(
                f"The {what} '{strange}' has blanks in its name, and a TREC run parts names by blanks: rename it in "
                "all files of the collection, or leave --run out."
            )


def write_run(run: Run, path: Path, tag: str) -> None:
    """A TREC run, `query Q0 document rank score tag` a line, which trec_eval and ir_measures read.

    Raises:
        CollectionError: a name that `check_names` refuses, or the disk refuses.
    """
    check_names((name for found in run.values() for name in found), run)
    new = path.with_name(f"{path.name}.new")
    try:
        with new.open("w", encoding="utf-8") as file:
            for query, found in run.items():
                for rank, (document, score) in enumerate(found.items(), 1):
                    file.write(f"{query} Q0 {document} {rank} {score:.6f} {tag}\n")
        new.replace(path)
    except OSError as error:
        raise CollectionError(f"{path} cannot be written ({error.strerror}): name another file with --run.") from error
