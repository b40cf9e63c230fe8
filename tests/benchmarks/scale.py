"""`python -m tests.benchmarks.scale`: searching passage vectors from a thousand to a million, ours against raw FAISS.

Vectors are drawn around real ones: the embedder's, of practice sentences, each with noise that leaves it at a cosine of
about 0.8 to where it was drawn. Questions are real practice questions. Both sides answer the same questions in turn,
one at a time, on one thread; recall is against looking at all vectors.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import faiss
import numpy
import psutil
import typer

from finetune.reader import load_records
from rag.embedder import open_embedder
from rag.vectors import Approximate, opened, recall

SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUESTIONS, BEST = 300, 10
NOISE = 0.75
"""Length of the noise that is added to a vector of length 1: cosine 1 / √(1 + 0.75²) = 0.8."""


def real() -> tuple[numpy.ndarray, numpy.ndarray]:
    """(vectors of practice sentences, vectors of practice questions)."""
    records, embedder = load_records(), open_embedder()
    sentences = list(dict.fromkeys(text for record in records for text in record.sentences))
    asked = [wordings[-1] for record in records for _, wordings in record.questions]
    return embedder.encode(sentences), embedder.encode(asked[:: len(asked) // QUESTIONS][:QUESTIONS])


def drawn(around: numpy.ndarray, count: int) -> numpy.ndarray:
    chance = numpy.random.default_rng(0)
    made = numpy.empty((count, around.shape[1]), dtype=numpy.float32)
    for start in range(0, count, 50_000):
        part = made[start : start + 50_000]
        noise = chance.normal(size=part.shape).astype(numpy.float32)
        noise *= NOISE / numpy.linalg.norm(noise, axis=1, keepdims=True)
        part[:] = around[chance.integers(0, len(around), len(part))] + noise
        part /= numpy.linalg.norm(part, axis=1, keepdims=True)
    return made


def seconds(search: Callable[[numpy.ndarray], object], question: numpy.ndarray) -> float:
    began = time.perf_counter()
    search(question)
    return time.perf_counter() - began


def quantiles(times: Sequence[float]) -> str:
    return f"{1000 * statistics.median(times):.2f} / {1000 * statistics.quantiles(times, n=20)[-1]:.2f} ms"


def one_size(rows: numpy.ndarray, asked: numpy.ndarray, folder: Path) -> None:
    file = folder / f"vectors-{len(rows)}.faiss"
    began = time.perf_counter()
    opened(file, lambda: rows, len(rows))
    built, before = time.perf_counter() - began, psutil.Process().memory_info().rss
    began = time.perf_counter()
    ours = opened(file, lambda: rows, len(rows))
    loaded, held = time.perf_counter() - began, psutil.Process().memory_info().rss - before
    if isinstance(ours, Approximate):
        raw = ours.inverted
        kind = f"{raw.nlist} lists, {raw.nprobe} of them searched"
    else:
        raw, kind = ours, "all looked at"
    exact = faiss.IndexFlatIP(rows.shape[1])
    exact.add(rows)
    best = exact.search(asked, BEST)[1]
    del exact
    found = numpy.concatenate([ours.search(question[None], BEST)[1] for question in asked])
    times: list[tuple[float, float]] = []
    for number, question in enumerate(asked):
        sides = [lambda query: ours.search(query, BEST), lambda query: raw.search(query, BEST)]
        told = [seconds(sides[side], question[None]) for side in ((0, 1) if number % 2 else (1, 0))]
        times.append((told[0], told[1]) if number % 2 else (told[1], told[0]))
    mine, theirs = zip(*times, strict=True)
    ratio = statistics.median(mine) / statistics.median(theirs)
    print(
        f"{len(rows):>9,} vectors, {kind}: made in {built:.1f} s, opened in {loaded:.3f} s (+{held / 1e6:.0f} MB), "
        f"p50 / p95 {quantiles(mine)}, raw FAISS {quantiles(theirs)}: {ratio:.2f} x; recall@{BEST} "
        f"{recall(found, best):.3f}",
        flush=True,
    )


def main(largest: int = typer.Option(SIZES[-1], help="Leave out sizes over this.")) -> None:
    around, asked = real()
    faiss.omp_set_num_threads(2)  # for building; a search of one question takes one thread
    for size in SIZES:
        if size <= largest:
            with tempfile.TemporaryDirectory() as folder:
                one_size(drawn(around, size), asked, Path(folder))


if __name__ == "__main__":
    typer.run(main)
