"""Matching by words: BM25 scores, and how much of a question's weight a text covers. Knows no meaning."""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

import bm25s
import numpy
import Stemmer

WORD = r"(?u)\b\w+\b"
"""Single characters count: "version B", "error 3"."""


class Lexicon:
    """An index over texts. Kept in memory: it is made faster than it is read from disk."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._size = len(texts)
        tokens = [_words(text) for text in texts]
        self._bm25 = None
        if any(tokens):
            self._bm25 = bm25s.BM25()
            self._bm25.index(tokens, show_progress=False)
        holding: dict[str, list[int]] = defaultdict(list)
        for place, words in enumerate(tokens):
            for word in set(words):
                holding[word].append(place)
        self._holding = {word: numpy.array(places) for word, places in holding.items()}

    def bm25(self, question: str) -> numpy.ndarray:
        """One score per text, 0 and up."""
        words = [word for word in _words(question) if word in self._holding]
        if self._bm25 is None or not words:
            return numpy.zeros(self._size, dtype=numpy.float32)
        return numpy.asarray(self._bm25.get_scores(words), dtype=numpy.float32)

    def coverage(self, question: str) -> numpy.ndarray:
        """Share of the question's words that each text holds, each word weighted by its rarity; 0 to 1.
        A word that no text holds counts fully: it is what the documents do not speak of."""
        covered = numpy.zeros(self._size, dtype=numpy.float32)
        total = 0.0
        for word in set(_words(question)):
            places = self._holding.get(word)
            weight = float(numpy.log(1 + self._size / (1 + (0 if places is None else len(places)))))
            total += weight
            if places is not None:
                covered[places] += weight
        return covered / total if total else covered


@lru_cache(maxsize=1)
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")


def _words(text: str) -> list[str]:
    # PyStemmer objects are not shared between threads at once by the device's lease: one answer at a time.
    found = bm25s.tokenize(
        [text], token_pattern=WORD, stopwords="en", stemmer=_stemmer(), return_ids=False, show_progress=False
    )
    return list(found[0])
