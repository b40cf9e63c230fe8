"""Passage vectors in this process: all of them looked at while that is fast enough, an inverted file past that.

The inverted file (FAISS's IVF-Flat: vectors in lists around centres, a search looks into the nearest lists) is derived
from the parts of an index: when it is missing or cannot be opened, it is made again. It is opened by memory-mapping, so
that opening costs no reading; whether it is as it was written, which the hash at its end tells, is `verify`'s to look
at. Does not know documents or sentences.
"""

import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faiss
import numpy

log = logging.getLogger(__name__)

EXACT_UP_TO = 50_000
"""Vectors that are all looked at. Of 384 numbers they are 77 MB; a fifth of them takes 1 ms (docs/measured.md)."""
LISTS_PER_ROOT = 4
"""Lists per square root of the number of vectors: the low end of what FAISS advises (wiki, "Guidelines to choose an
index": 4 to 16 times), for building costs as much as there are lists."""
SAMPLED_PER_LIST = 64
"""Vectors that centres are learnt from, per list; FAISS advises 30 to 256."""
RECALL, OF_BEST = 0.955, 10
"""Share of the 10 best that a search must find on average: so many lists are looked into. A little above the 0.95 that
is asked for, since the questions it is measured with are not the ones that will come."""
TRIED, BETWEEN = 200, 4
"""Questions that the number of lists is chosen with, each in the middle of so many vectors drawn at random. Questions
that people ask lie further from passages than these from each other: of practice questions among 100,000 passages, 64
lists of 1,264 find 92 % and 128 find 96 %; of middles of four vectors 90 and 96 %, of three 97 and 99, of near ones
all."""
SEED = 0
SEAL = b"sha256:"
SEALED = len(SEAL) + 64
"""Bytes at the end of a file, behind what FAISS reads: the hash of all before them, in hexadecimal."""


@dataclass(frozen=True)
class Approximate:
    """Searches an inverted file. `places` are the rows of it that count, in the order in which they are numbered;
    None: all."""

    inverted: faiss.IndexIVF
    places: numpy.ndarray | None = None
    _numbers: numpy.ndarray | None = field(default=None, repr=False)

    @property
    def ntotal(self) -> int:
        return int(self.inverted.ntotal) if self.places is None else len(self.places)

    def search(
        self, query: numpy.ndarray, count: int, /, within: numpy.ndarray | None = None
    ) -> tuple[numpy.ndarray, numpy.ndarray]:
        """(cosines, places), each of shape (1, found), best first; fewer than `count` when the lists that are looked
        into hold no more. With `within`, a mask, every list is: a filter never hides what passes it."""
        parameters = _looking_into(self.inverted.nlist if within is not None else self._lists(count))
        wanted = within if self.places is None else self._rows(within)
        if wanted is not None:
            selected = faiss.IDSelectorBatch(numpy.flatnonzero(wanted))
            parameters.sel = selected
        similar, rows = self.inverted.search(numpy.ascontiguousarray(query, numpy.float32), count, params=parameters)
        held = rows[0] >= 0
        found = rows[0][held]
        return similar[:, held], (found if self._numbers is None else self._numbers[found])[None, :]

    def kept(self, wanted: numpy.ndarray, /) -> "Approximate":
        """Without those that are not `wanted`; the file stays as it is."""
        rows = numpy.flatnonzero(wanted) if self.places is None else self.places[wanted]
        numbers = numpy.full(self.inverted.ntotal, -1, dtype=numpy.int64)
        numbers[rows] = numpy.arange(len(rows))
        return Approximate(self.inverted, rows, numbers)

    def _lists(self, count: int) -> int:
        """As many as were chosen for the 10 best, more when more are asked for than these hold on average of what
        counts."""
        average = self.ntotal / self.inverted.nlist
        return min(self.inverted.nlist, max(self.inverted.nprobe, int(2 * count / max(average, 1)) + 1))

    def _rows(self, within: numpy.ndarray | None) -> numpy.ndarray:
        rows = numpy.zeros(self.inverted.ntotal, dtype=bool)
        assert self.places is not None
        rows[self.places if within is None else self.places[within]] = True
        return rows


def _looking_into(lists: int) -> faiss.SearchParametersIVF:
    parameters = faiss.SearchParametersIVF()
    parameters.nprobe = lists
    return parameters


Vectors = faiss.Index | Approximate


def searchable(vectors: numpy.ndarray, exact_up_to: int = EXACT_UP_TO) -> Vectors:
    """Rows of length 1 to be searched by inner product; they are copied."""
    vectors = numpy.ascontiguousarray(vectors, dtype=numpy.float32)
    if len(vectors) > exact_up_to:
        return Approximate(inverted(vectors))
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def inverted(vectors: numpy.ndarray) -> faiss.IndexIVF:
    """An inverted file over these rows, with as many lists and as many of them looked into as their number asks for.
    The same rows give the same file."""
    lists = max(1, min(len(vectors), LISTS_PER_ROOT * round(len(vectors) ** 0.5)))
    chance = numpy.random.default_rng(SEED)
    centres = faiss.IndexFlatIP(vectors.shape[1])
    made = faiss.IndexIVFFlat(centres, vectors.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
    made.cp.seed, made.cp.niter, made.cp.max_points_per_centroid = SEED, 10, SAMPLED_PER_LIST
    made.cp.min_points_per_centroid = 1
    log.info("learning %d centres for %d vectors", lists, len(vectors))
    sample = chance.choice(len(vectors), min(len(vectors), lists * SAMPLED_PER_LIST), replace=False)
    made.train(vectors[numpy.sort(sample)])
    log.info("sorting %d vectors to %d centres", len(vectors), lists)
    made.add(vectors)
    made.nprobe = _enough_lists(made, vectors, chance)
    return made


def _enough_lists(made: faiss.IndexIVF, vectors: numpy.ndarray, chance: numpy.random.Generator) -> int:
    """The smallest power of two of lists that finds `RECALL` of the best."""
    exact = faiss.IndexFlatIP(vectors.shape[1])
    exact.add(vectors)
    drawn = chance.integers(0, len(vectors), (TRIED, BETWEEN))
    questions = vectors[drawn].mean(axis=1)
    questions /= numpy.maximum(numpy.linalg.norm(questions, axis=1, keepdims=True), 1e-9)
    best = exact.search(questions, min(OF_BEST, len(vectors)))[1]
    looked_into = 1
    while looked_into < made.nlist:
        parameters = _looking_into(looked_into)
        if recall(made.search(questions, best.shape[1], params=parameters)[1], best) >= RECALL:
            break
        looked_into *= 2
    return min(looked_into, int(made.nlist))


def recall(found: numpy.ndarray, best: numpy.ndarray) -> float:
    """Share of the `best` rows, shape (questions, k), that are among those `found`."""
    return float(
        numpy.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found.tolist(), best.tolist(), strict=True)])
    )


def opened(file: Path, vectors: Callable[[], numpy.ndarray], count: int, exact_up_to: int = EXACT_UP_TO) -> Vectors:
    """The vectors that `file` keeps for next time, memory-mapped; made and kept there where it is missing or damaged,
    or only made where the disk refuses. Few ones are never kept: making them is faster than a file."""
    if count <= exact_up_to:
        return searchable(vectors(), exact_up_to)
    try:
        return Approximate(_mapped(file, count))
    except (RuntimeError, OSError) as error:
        if file.exists():
            log.warning("%s cannot be used (%s): making it again", file, error)
    made = inverted(numpy.ascontiguousarray(vectors(), dtype=numpy.float32))
    try:
        new = file.with_name(f"{file.name}.new")
        faiss.write_index(made, str(new))
        with new.open("r+b") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
            written.seek(0, os.SEEK_END)
            written.write(SEAL + digest.encode())
        new.replace(file)
        return Approximate(_mapped(file, count))
    except (RuntimeError, OSError) as error:
        log.warning("%s cannot be kept (%s)", file, error)
        return Approximate(made)


def fault(file: Path, count: int) -> str | None:
    """What is wrong with a file that `opened` kept of so many vectors, in words. Reads all of it."""
    try:
        _check_seal(file)
        _mapped(file, count)
    except (RuntimeError, OSError) as error:
        return str(error)
    return None


def _mapped(file: Path, count: int) -> Any:
    """The inverted file. Raises RuntimeError or OSError where FAISS cannot read it, or it has another number."""
    read: Any = faiss.read_index(str(file), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    if read.ntotal != count:
        raise RuntimeError(f"holds {read.ntotal:,} vectors where there are {count:,}")
    return read


def _check_seal(file: Path) -> None:
    digest, left = hashlib.sha256(), file.stat().st_size - SEALED
    with file.open("rb") as written:
        while left > 0 and (piece := written.read(min(left, 1 << 20))):
            digest.update(piece)
            left -= len(piece)
        if left or written.read() != SEAL + digest.hexdigest().encode():
            raise RuntimeError("was damaged")


def rows(vectors: Any) -> numpy.ndarray | None:
    """All vectors of a FAISS index, one a row; None of a store that is elsewhere."""
    if not isinstance(vectors, faiss.Index):
        return None
    held: numpy.ndarray = vectors.reconstruct_n(0, vectors.ntotal)
    return held
