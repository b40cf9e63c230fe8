"""A document's part of the index: its chunks, their vectors, its sentences' vectors; packed for a file and back.

The document's name is not in it, so that a file that is only moved costs nothing. Does not write or embed.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy

from rag.sections import Chunk

UNIT_LENGTH_TOLERANCE = 1e-3
"""A vector of float32 is not exactly of length 1."""


@dataclass(frozen=True, eq=False)
class Part:
    """`vectors` has one row per chunk, `sentence_vectors` one per sentence; the chunks' `document` is empty. `source`:
    the text that they are taken from; `note`: what of the document was not read, in words."""

    chunks: tuple[Chunk, ...]
    vectors: numpy.ndarray
    sentence_vectors: numpy.ndarray
    source: str = ""
    note: str = ""

    def packed(self) -> bytes:
        """The content of its file: an npz, in which each array has a checksum; equal parts are packed alike."""
        rows = [{name: value for name, value in asdict(chunk).items() if name != "document"} for chunk in self.chunks]
        file = io.BytesIO()
        numpy.savez(
            file,
            chunks=_bytes(rows),
            source=_bytes(self.source),
            note=_bytes(self.note),
            vectors=self.vectors,
            sentence_vectors=self.sentence_vectors,
        )
        return file.getvalue()

    def fault(self) -> str | None:
        """What is wrong with it: rows that do not match, or vectors that cannot be compared."""
        sentences = sum(len(chunk.sentences) for chunk in self.chunks)
        for vectors, wanted, things in (
            (self.vectors, len(self.chunks), "passages"),
            (self.sentence_vectors, sentences, "sentences"),
        ):
            if vectors.ndim != 2 or len(vectors) != wanted:
                return f"has vectors of shape {vectors.shape} for {wanted} {things}"
            if not numpy.isfinite(vectors).all():
                return f"has vectors of {things} that are not finite"
        if self.vectors.shape[1] != self.sentence_vectors.shape[1]:
            return f"has vectors of {self.vectors.shape[1]} and of {self.sentence_vectors.shape[1]} numbers"
        lengths = numpy.linalg.norm(self.vectors, axis=1)
        if (numpy.abs(lengths - 1) > UNIT_LENGTH_TOLERANCE).any():
            worst = lengths[numpy.argmax(numpy.abs(lengths - 1))]
            return f"has a vector of length {worst:.3f} where 1 is right"
        return None


def unpacked(data: bytes) -> Part | str:
    """The part in a file's content, or what is wrong with it."""
    try:
        with numpy.load(io.BytesIO(data), allow_pickle=False) as held:
            rows = json.loads(held["chunks"].tobytes())
            source, note = (str(json.loads(held[name].tobytes())) for name in ("source", "note"))
            part = Part(_chunks(rows), held["vectors"], held["sentence_vectors"], source, note)
        return part.fault() or part
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        return f"was damaged ({type(error).__name__})"


def _bytes(value: object) -> numpy.ndarray:
    return numpy.frombuffer(json.dumps(value).encode(), dtype=numpy.uint8)


def _chunks(rows: Sequence[dict[str, object]]) -> tuple[Chunk, ...]:
    return tuple(Chunk(document="", **{**row, "sentences": tuple(row["sentences"])}) for row in rows)  # type: ignore
