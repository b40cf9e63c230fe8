"""An index whose passage vectors are in a vector store elsewhere: kept equal to the documents, and searched there.

Words, sentences and their vectors stay in this process: the same chain with the same settings answers. Does not know
any server (`stores.py`).
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
from langchain_core.documents import Document

from arena.errors import IndexUnavailable
from rag import store as disk
from rag.address import Address, address_of
from rag.build import chunk_text
from rag.documents import Progress
from rag.index import WAITING, Index
from rag.settings import Settings
from rag.stores import Store, add, delete, nearest, open_store, passage_id

BATCH = 256
"""Passages that are sent at once: what a kill costs."""
SENDING, REMOVING = "sending passages to the vector store", "removing passages from the vector store"


class Elsewhere:
    """In place of the FAISS index: searches the passages of `ids`, one for each chunk, in a store that still holds
    `dropped` other ones."""

    def __init__(self, store: Store, ids: Sequence[str], dropped: int = 0) -> None:
        self.store, self.ids, self.dropped = store, tuple(ids), dropped
        self._places: dict[str, list[int]] = defaultdict(list)  # copies of a document share their passages
        for place, name in enumerate(self.ids):
            self._places[name].append(place)

    def search(
        self, query: numpy.ndarray, count: int, within: numpy.ndarray | None = None
    ) -> tuple[numpy.ndarray, numpy.ndarray]:
        """As FAISS does for one query: cosines and places, each of shape (1, found), best first. What the store holds
        of documents that are no longer in the index is not found. `within`, one truth value for each chunk, asks the
        store for all passages: what a person chooses documents by is not in it."""
        found = nearest(self.store, query[0], self.dropped + (count if within is None else len(self._places)))
        hits = [(score, place) for name, score in found for place in self._places.get(name, ())]
        hits = [(score, place) for score, place in hits if within is None or within[place]][:count]
        if not hits:
            raise IndexUnavailable(
                f"The collection '{self.store.collection}' at {self.store.address.place} holds none of the passages of "
                "this index: bring it up to date with `python -m rag index WORKSPACE`, and start again."
            )
        scores, places = zip(*hits, strict=True)
        return numpy.array([scores], dtype=numpy.float32), numpy.array([places], dtype=int)

    def kept(self, wanted: numpy.ndarray) -> "Elsewhere":
        """The same without the chunks that are not wanted. Deletes nothing."""
        ids = [name for name, keep in zip(self.ids, wanted, strict=True) if keep]
        return Elsewhere(self.store, ids, self.dropped + len(set(self.ids) - set(ids)))


def in_store(index: Index, workspace: Path, progress: Progress) -> Index:
    """This index, its passages searched in the store that its settings name, which is brought up to date first: what is
    new is sent, what is gone is deleted. A run that was killed goes on.

    Raises:
        IndexUnavailable: the store cannot be used; the text says how it can.
        WorkspaceError: its package is not installed.
    """
    address = address_of(index.settings.vector_store)
    name, width = collection_of(address, workspace), index.embedder.encode([]).shape[1]
    opened, ids = open_store(address, name, width), passage_ids(index.manifest)
    assert opened is not None
    try:
        sent, removed = _brought_up_to_date(index, opened, ids, workspace, progress)
    except BaseException:
        opened.close()
        raise
    said = f"vector store at {address.place}: {sent} passages sent, {removed} removed"
    return replace(index, vectors=Elsewhere(opened, ids), report=replace(index.report, stored=said))


def _brought_up_to_date(
    index: Index, opened: Store, ids: Sequence[str], workspace: Path, progress: Progress
) -> tuple[int, int]:
    """How many passages were sent and removed."""
    missing, gone = _differences(opened, ids)
    if not missing and not gone:
        return 0, 0
    with disk.Writer(workspace / "index", lambda: progress(WAITING, 0, 1)) as writer:
        if writer.waited:
            missing, gone = _differences(opened, ids)
        _send(index, opened, ids, missing, progress)
        if not _is_current(index, workspace):
            return len(missing), 0
        _remove(opened, gone, progress)
    return len(missing), len(gone)


def forget(workspace: Path, settings: Settings) -> int:
    """Delete from the store what is not in the index on the disk, and say how many passages that were."""
    manifest = disk.load(workspace / "index")
    with _opened(workspace, settings) as opened:
        if opened is None or isinstance(manifest, str):
            return 0
        gone = opened.ids() - set(passage_ids(manifest))
        _remove(opened, gone, lambda *_: None)
        return len(gone)


def faults(workspace: Path, settings: Settings) -> list[str]:
    """Where the store is not what the index says, in words."""
    manifest = disk.load(workspace / "index")
    with _opened(workspace, settings) as opened:
        if isinstance(manifest, str):
            return []
        held, wanted = opened.ids() if opened else set(), set(passage_ids(manifest))
        place = address_of(settings.vector_store).place
    found = ((len(wanted - held), "are missing"), (len(held - wanted), "of documents that are gone"))
    return [f"vector store at {place}: {number} passages {what}" for number, what in found if number]


def passage_ids(manifest: disk.Manifest) -> list[str]:
    """One for each chunk, in their order."""
    parts = [held.part for held in manifest.documents]
    return [passage_id(part, number) for part in parts for number in range(manifest.parts[part].chunks)]


def collection_of(address: Address, workspace: Path) -> str:
    """The name in the URL, else one made of the workspace's. It belongs to one workspace: what is not in its documents
    is deleted from it."""
    name = re.sub(r"\W+", "_", workspace.resolve().name.lower(), flags=re.ASCII).strip("_")
    return address.collection or f"passages_{name}"[:60]


@contextmanager
def _opened(workspace: Path, settings: Settings) -> Iterator[Store | None]:
    """The store as it is; None when nothing was ever put there."""
    address = address_of(settings.vector_store)
    opened = open_store(address, collection_of(address, workspace), None)
    try:
        yield opened
    finally:
        if opened is not None:
            opened.close()


def _differences(opened: Store, ids: Sequence[str]) -> tuple[list[int], set[str]]:
    """The places of the passages that are to be sent, and the ids of those to be deleted."""
    held = opened.ids()
    first = {name: place for place, name in reversed(list(enumerate(ids)))}
    return sorted(place for name, place in first.items() if name not in held), held - first.keys()


def _is_current(index: Index, workspace: Path) -> bool:
    """Whether no other process made a newer index meanwhile, whose passages are not to be deleted."""
    manifest = disk.load(workspace / "index")
    return not index.report.saved or isinstance(manifest, str) or manifest.identity == index.manifest.identity


def _send(index: Index, opened: Store, ids: Sequence[str], places: Sequence[int], progress: Progress) -> None:
    keys = [held.part for held in index.manifest.documents for _ in range(index.manifest.parts[held.part].chunks)]
    first = {key: place for place, key in reversed(list(enumerate(keys)))}
    local: Any = index.vectors
    for start in range(0, len(places), BATCH):
        progress(SENDING, start, len(places))
        batch = places[start : start + BATCH]
        documents = [
            Document(
                chunk_text(index.chunks[place]).replace("\0", ""),
                metadata={
                    "part": keys[place],
                    "number": place - first[keys[place]],
                    "location": index.chunks[place].location,
                },
            )
            for place in batch
        ]
        vectors = numpy.stack([local.reconstruct(place) for place in batch])
        add(opened, documents, vectors, [ids[place] for place in batch])
    progress(SENDING, len(places), len(places))


def _remove(opened: Store, gone: set[str], progress: Progress) -> None:
    names = sorted(gone)
    for start in range(0, len(names), BATCH):
        progress(REMOVING, start, len(names))
        delete(opened, names[start : start + BATCH])
    progress(REMOVING, len(names), len(names))
