"""`python -m tests.benchmarks.reindex`: indexing many documents, and again after one in a hundred was changed.

The documents are made of practice sentences, four to a document, with the real embedder and the real disk. Told are the
documents per second, the embedder's share of that time, and the second time as a share of the first.
"""

import random
import tempfile
import time
from pathlib import Path

import numpy
import typer

from finetune.reader import load_records
from rag.embedder import SentenceEmbedder, open_embedder
from rag.index import open_or_build
from rag.retrieve import search
from rag.settings import Settings

SENTENCES = 4


class Timed(SentenceEmbedder):
    """The embedder, with the seconds spent in it."""

    spent = 0.0

    def encode(self, texts: list[str]) -> numpy.ndarray:  # type: ignore[override]
        began = time.perf_counter()
        try:
            return super().encode(texts)
        finally:
            self.spent += time.perf_counter() - began


def write(folder: Path, number: int, chance: random.Random, sentences: list[str]) -> None:
    chosen = chance.sample(sentences, SENTENCES)
    (folder / f"{number:05}.md").write_text(f"# Note {number}\n\n{' '.join(chosen)}\n", encoding="utf-8")


def main(documents: int = typer.Option(10_000, help="How many."), share: float = 0.01) -> None:
    sentences = list(dict.fromkeys(text for record in load_records() for text in record.sentences))
    chance, embedder = random.Random(0), open_embedder()
    embedder.__class__ = Timed
    assert isinstance(embedder, Timed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "documents"
        folder.mkdir()
        for number in range(documents):
            write(folder, number, chance, sentences)
        began = time.perf_counter()
        open_or_build(Path(place), embedder, Settings())
        first = time.perf_counter() - began
        inside = embedder.spent / first
        print(f"{documents:,} documents in {first:.1f} s: {documents / first:.1f} a second, embedder {inside:.0%}")
        changed = chance.sample(range(documents), round(documents * share))
        for number in changed:
            write(folder, number, chance, sentences)
        began, embedder.spent = time.perf_counter(), 0.0
        index = open_or_build(Path(place), embedder, Settings())
        again = time.perf_counter() - began
        print(
            f"{len(changed)} of them changed: {again:.1f} s, {again / first:.1%} of the first time "
            f"({embedder.spent:.1f} s in the embedder); {index.report.embedded} embedded anew"
        )
        began = time.perf_counter()
        open_or_build(Path(place), embedder, Settings())
        print(f"opened unchanged in {time.perf_counter() - began:.1f} s")
        asked = [wordings[0] for record in load_records()[:50] for _, wordings in record.questions[:1]]
        times = []
        for question in asked:
            began = time.perf_counter()
            search(index, question)
            times.append(time.perf_counter() - began)
        print(f"a question searched in {1000 * numpy.median(times):.1f} ms (p50 of {len(times)}), embedding included")


if __name__ == "__main__":
    typer.run(main)
