"""Matching by words: BM25 scores, and how much of a question's weight a text covers. Knows no meaning."""

import threading
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property, lru_cache

import bm25s
import numpy
import Stemmer

WORD = r"(?u)\b\w+\b"
"""Single characters count: "version B", "error 3"."""


_LOCK = threading.Lock()
"""A PyStemmer object must not be used by two threads at once."""


class Lexicon:
    """An index over texts. Kept in memory: it is made faster than it is read from disk."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._tokens = [_words(text) for text in texts]
        holding: dict[str, list[int]] = defaultdict(list)
        for place, words in enumerate(self._tokens):
            for word in set(words):
                holding[word].append(place)
        self._holding = {word: numpy.array(places) for word, places in holding.items()}

    @cached_property
    def _bm25(self) -> bm25s.BM25:
        index = bm25s.BM25()
        index.index(self._tokens, show_progress=False)
        return index

    def bm25(self, question: str) -> numpy.ndarray:
        """One score per text, 0 and up."""
        words = [word for word in _words(question) if word in self._holding]
        if not words:
            return numpy.zeros(len(self._tokens), dtype=numpy.float32)
        return numpy.asarray(self._bm25.get_scores(words), dtype=numpy.float32)

    def coverage(self, question: str) -> numpy.ndarray:
        """Share of the question's known words that each text holds, each weighted by its rarity; 0 to 1."""
        words = {word for word in _words(question) if word in self._holding}
        return self._held(words) / max(sum(map(self._rarity, words)), 1e-9)

    def shared(self, text: str, without: str) -> numpy.ndarray:
        """Summed rarity of the words that each text has in common with `text`, those of `without` left out."""
        return self._held({word for word in set(_words(text)) - set(_words(without)) if word in self._holding})

    def _held(self, words: set[str]) -> numpy.ndarray:
        weights = numpy.zeros(len(self._tokens), dtype=numpy.float32)
        for word in words:
            weights[self._holding[word]] += self._rarity(word)
        return weights

    def _rarity(self, word: str) -> float:
        return float(numpy.log(1 + len(self._tokens) / (1 + len(self._holding[word]))))


@lru_cache(maxsize=1)
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")


def _words(text: str) -> list[str]:
    with _LOCK:
        found = bm25s.tokenize(
            [text], token_pattern=WORD, stopwords="en", stemmer=_stemmer(), return_ids=False, show_progress=False
        )
    return list(found[0])
