"""The index on disk: one folder per generation, complete or not there. No pickle: faiss, npy and JSON.

A generation is written beside its place and renamed into it, so a kill leaves the old one or the new one.
"""

import hashlib
import json
import logging
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy

from rag.blocks import Skipped
from rag.sections import Chunk

log = logging.getLogger(__name__)

CHUNKS, VECTORS, SENTENCES, MANIFEST = "chunks.json", "chunks.faiss", "sentences.npy", "manifest.json"
NOT_THERE = "there was none"
UNFINISHED = "building-"
ABANDONED = 3600.0
"""Seconds after which an unfinished generation is nobody's."""


@dataclass(frozen=True)
class Stored:
    """What a generation holds."""

    chunks: tuple[Chunk, ...]
    vectors: faiss.Index
    sentence_vectors: numpy.ndarray
    skipped: tuple[Skipped, ...]
    documents: int


def load(folder: Path, identity: str) -> Stored | str:
    """The generation of this identity, or why it cannot be used."""
    generation = folder / identity
    if not generation.is_dir():
        return "documents, settings or embedder changed" if _generations(folder) else NOT_THERE
    try:
        manifest = json.loads((generation / MANIFEST).read_text(encoding="utf-8"))
        for name, checksum in manifest["checksums"].items():
            if _checksum(generation / name) != checksum:
                return f"{name} was damaged"
        return _read(generation, manifest)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        log.warning("index %s cannot be read: %s", generation, error)
        return f"it could not be read ({type(error).__name__})"


def save(folder: Path, identity: str, stored: Stored) -> str | None:
    """Write the generation and remove all others. None when saved, else why the disk refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder, ignore_cleanup_errors=True) as room:
            new = Path(room) / "new"
            new.mkdir()
            _write(new, identity, stored)
            # Out of the way first: a folder cannot be renamed over one that is not empty.
            if (folder / identity).exists():
                (folder / identity).rename(Path(room) / "damaged")
            new.rename(folder / identity)
    except (OSError, RuntimeError) as error:
        log.warning("index not saved in %s: %s", folder, error)
        return str(getattr(error, "strerror", None) or error)
    for other in folder.iterdir():
        # What is being built may belong to another process; what a kill left behind is old.
        if other.name != identity and (not other.name.startswith(UNFINISHED) or _age(other) > ABANDONED):
            shutil.rmtree(other, ignore_errors=True)
    return None


def _generations(folder: Path) -> list[Path]:
    found = folder.iterdir() if folder.is_dir() else []
    return [path for path in found if path.is_dir() and not path.name.startswith(UNFINISHED)]


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _read(generation: Path, manifest: dict[str, Any]) -> Stored:
    rows = json.loads((generation / CHUNKS).read_text(encoding="utf-8"))
    chunks = tuple(Chunk(**{**row, "sentences": tuple(row["sentences"])}) for row in rows)
    vectors = faiss.read_index(str(generation / VECTORS))
    sentence_vectors = numpy.load(generation / SENTENCES, allow_pickle=False)
    if vectors.ntotal != len(chunks) or len(sentence_vectors) != sum(len(chunk.sentences) for chunk in chunks):
        raise ValueError("the files do not belong together")
    skipped = tuple(Skipped(**row) for row in manifest["skipped"])
    return Stored(chunks, vectors, sentence_vectors, skipped, int(manifest["documents"]))


def _write(folder: Path, identity: str, stored: Stored) -> None:
    rows = [asdict(chunk) for chunk in stored.chunks]
    (folder / CHUNKS).write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    faiss.write_index(stored.vectors, str(folder / VECTORS))
    numpy.save(folder / SENTENCES, stored.sentence_vectors, allow_pickle=False)
    manifest = {
        "identity": identity,
        "documents": stored.documents,
        "skipped": [asdict(item) for item in stored.skipped],
        "checksums": {name: _checksum(folder / name) for name in (CHUNKS, VECTORS, SENTENCES)},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
