"""An embedder without a model: words thrown into buckets. Near is what shares words; enough to index and to search."""

import re
import zlib
from collections.abc import Sequence

import numpy

WIDTH = 64


class Bags:
    """`rag.embedder.Embedder`."""

    identity, query_identity = "bags-of-words", ""

    def encode_query(self, texts: Sequence[str]) -> numpy.ndarray:
        return self.encode(texts)

    def encode(self, texts: Sequence[str]) -> numpy.ndarray:
        rows = numpy.full((len(texts), WIDTH), 1e-3, dtype=numpy.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                row[zlib.crc32(word.encode()) % WIDTH] += 1
        return rows / numpy.linalg.norm(rows, axis=1, keepdims=True) if len(texts) else rows

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]
