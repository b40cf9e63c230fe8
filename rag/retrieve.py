"""From a question to passages and the sentences in them that a small model should read.

Passages are ranked by meaning and words (min-max average of FAISS and BM25 scores, which beats reciprocal rank fusion
on CISI (docs/measured.md), as on 16 of 18 BEIR sets in Pyserini's figures); sentences by their mixed
vectors and words. A query costs one embedding. A filter is applied before anything is ranked, not to what was found.
Does not know what is done with the result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import faiss
import numpy

from arena.scoring import normalised
from rag.duplicates import distinct
from rag.filters import Filter
from rag.index import Index

SEARCH_VERSION = "6"
"""Raise it when the same index would find something else, or show it otherwise: it is in every answer's identity."""
DENSE_CANDIDATES = 1000
"""How many passages FAISS is asked for; those further away count as not alike at all."""
BRIDGE_STARTS, BRIDGE_ENDS = 3, 3
"""How many of the best sentences may be the first of two, and how many others are tried with each."""
LINK_NEARNESS = 4.0
"""What nearness to the question (a cosine) counts against the summed rarity of the words two sentences share. With it
the second sentence is among the first three in 85 % instead of 79 % (demo, training wordings of two-passage facts)."""
COPIES = 4
"""Times as many of the best passages as are wanted are looked through for copies of each other, at least."""
NAMED = 8
"""Times as many are looked through for other places that say the same as what is shown, at most."""
RECIPROCAL = 60
"""What is added to a rank in reciprocal rank fusion: the value of its paper."""
SENTENCES_AT_ONCE = 200_000
"""Sentences that are all compared with the question: 300 MB, as many as passages of `vectors.EXACT_UP_TO` hold."""
PASSAGES_OF_MANY = 500
"""The best passages whose sentences are compared where there are more."""
NEAREST_PER_SENTENCE = 8
"""Per sentence to be shown, how many of the nearest ones may be chosen outside the best passages."""


@dataclass(frozen=True)
class Found:
    """Places in the index, best first: `passages` by the fused score, `sentences` as chosen for the reader,
    with `scores` of the same length. `together`: the sentences answer only together. `unused`: passages whose sentences
    were looked at too and not chosen, with their best one's score. `near`: more of the best passages, among which
    those are that say the same as another. `best` is the highest score of a chosen sentence,
    0.0 in an empty index."""

    passages: tuple[int, ...]
    sentences: tuple[int, ...]
    scores: tuple[float, ...]
    together: bool = False
    unused: tuple[tuple[int, float], ...] = ()
    near: tuple[int, ...] = ()

    @property
    def best(self) -> float:
        return max(self.scores, default=0.0)


class Judge(Protocol):
    """Whoever can tell whether a sentence answers a question."""

    @property
    def identity(self) -> Mapping[str, str]:
        """What is needed to get the same judge again."""
        ...

    def scores(
        self, question: str, sentences: Sequence[tuple[str, float]], twos: Sequence[tuple[str, float]] = ()
    ) -> Sequence[float]:
        """For each sentence, and then for each two of them in one text, all with the score they were found by, the
        probability, 0 to 1, that it answers."""
        ...


@dataclass(frozen=True)
class Ranked:
    """Before anybody judges: places of `passages` and of those `sentences` that may be chosen, best first; of every
    sentence of the index its score and its nearness to the question alone, both -inf when a filter leaves it out, or
    when it stands in a copy. Of passages that say the same the best one is there; the others are among the `most`."""

    passages: tuple[int, ...]
    sentences: tuple[int, ...]
    scores: numpy.ndarray
    near: numpy.ndarray
    most: tuple[int, ...] = ()


def search(index: Index, question: str, judge: Judge | None = None, where: Filter | None = None) -> Found:
    """The `passages` best passages and the `sentences` best sentences for the question, of the documents that `where`
    leaves; fewer only when there are no more. With a judge, the `candidates` best sentences by vectors and words are
    put before it, then if need be twos of them, and its scores decide."""
    settings, found = index.settings, ranked(index, question, where)
    if not found.passages:
        return Found((), (), ())
    if judge is not None:
        return _judged(index, question, found, judge)
    order, scores = found.sentences, found.scores
    bridges = min(settings.bridges, settings.sentences - 1)
    chosen = different(index, order, settings.sentences - bridges)
    linked = scores
    if bridges:
        linked = scores + settings.bridge_weight * index.sentence_words.shared(
            index.sentences[order[0]].text, without=question
        )
    chosen = different(index, [*chosen, *_downwards(linked)], settings.sentences)
    # Bridges come last: what they score by themselves says little about their use.
    within = [place for place in order if index.sentences[place].chunk in found.passages]
    rest = _unused(index, chosen, {place: float(scores[place]) for place in within})
    told = tuple(float(scores[place]) for place in chosen)
    return Found(found.passages, tuple(chosen), told, unused=rest, near=found.most)


def _unused(index: Index, chosen: Sequence[int], looked_at: Mapping[int, float]) -> tuple[tuple[int, float], ...]:
    """Passages of sentences that were looked at, with their scores, but of those that hold a chosen one, best first."""
    best: dict[int, float] = {}
    for place, score in looked_at.items():
        chunk = index.sentences[place].chunk
        best[chunk] = max(score, best.get(chunk, score))
    held = {index.sentences[place].chunk for place in chosen}
    return tuple(
        sorted(((chunk, score) for chunk, score in best.items() if chunk not in held), key=lambda one: -one[1])
    )


def ranked(index: Index, question: str, where: Filter | None = None, stated: bool = False) -> Ranked:
    """What meaning and words bring for the question, or for what is `stated`. Costs one embedding."""
    settings = index.settings
    within = None if where is None else where.chunks(index)
    if not index.chunks or (within is not None and not within.any()):
        return Ranked((), (), numpy.zeros(0), numpy.zeros(0))
    query = (index.embedder.encode if stated else index.embedder.encode_query)([question])
    fused, words = passage_scores(index, question, query, within)
    order = _downwards(fused)
    least = settings.passages * COPIES
    passages, copies, looked_at = distinct(order, settings.passages, lambda place: index.chunks[place].text, least)
    most = order[: min(looked_at, least * NAMED)]
    near = _sentences_near(index, query[0], order[:PASSAGES_OF_MANY])
    if within is not None:
        near = numpy.where(within[index.parents], near, -numpy.inf)
    near = numpy.where(numpy.isin(index.parents, copies), -numpy.inf, near)
    scores = sentence_scores(index, question, near, words)
    allowed = numpy.isin(index.parents, passages)
    allowed[numpy.argsort(-near)[: settings.sentences * NEAREST_PER_SENTENCE]] = True
    sentences = tuple(place for place in _downwards(scores) if allowed[place])
    return Ranked(tuple(passages), sentences, scores, near, tuple(most))


def _sentences_near(index: Index, query: numpy.ndarray, passages: Sequence[int]) -> numpy.ndarray:
    """Per sentence its nearness to the question: of very many those of these passages, and -inf of the rest."""
    if len(index.sentences) <= SENTENCES_AT_ONCE:
        return numpy.asarray(index.sentence_vectors @ query)
    near = numpy.full(len(index.sentences), -numpy.inf, dtype=numpy.float32)
    places = numpy.flatnonzero(numpy.isin(index.parents, passages))
    near[places] = index.sentence_vectors[places] @ query
    return near


def candidates(index: Index, found: Ranked) -> list[int]:
    """The sentences that are put before a judge, best first."""
    return different(index, found.sentences, index.settings.candidates)


def _judged(index: Index, question: str, found: Ranked, judge: Judge) -> Found:
    """The best of the candidates by the judge's scores. When none satisfies, two together may."""
    settings, singles = index.settings, candidates(index, found)
    texts = [(index.sentences[place].text, float(found.scores[place])) for place in singles]
    scores = list(map(float, judge.scores(question, texts)))
    looked_at = dict(zip(singles, scores, strict=True))
    pairs = settings.bridges and max(scores) < settings.judged_below
    twos = _linked(index, question, singles, found.near) if pairs else []
    if twos:
        joined = [
            (" ".join(index.sentences[place].text for place in two), float(numpy.mean(found.scores[list(two)])))
            for two in twos
        ]
        # With the single ones again: a judge compares with them.
        told = list(map(float, judge.scores(question, texts, joined)))[len(texts) :]
        best = max(range(len(twos)), key=told.__getitem__)
        if told[best] >= max(settings.judged_below, settings.judged_pair_below):
            both, rest = twos[best], _unused(index, twos[best], looked_at)
            return Found(found.passages, both, (told[best],) * len(both), True, rest, found.most)
    order = sorted(range(len(singles)), key=lambda number: -scores[number])[: settings.judged_sentences]
    chosen = tuple(singles[number] for number in order)
    rest = _unused(index, chosen, looked_at)
    return Found(found.passages, chosen, tuple(scores[number] for number in order), unused=rest, near=found.most)


def _linked(index: Index, question: str, singles: Sequence[int], near: numpy.ndarray) -> list[tuple[int, ...]]:
    """Two sentences each: one of the best, and one that shares rare words with it and is near the question ("the Elm
    team approves travel" and "Ann leads the Elm team")."""
    twos: list[tuple[int, ...]] = []
    for first in singles[:BRIDGE_STARTS]:
        shared = index.sentence_words.shared(index.sentences[first].text, without=question)
        linked = shared + LINK_NEARNESS * near
        following = [place for place in _downwards(linked) if shared[place] > 0]
        _, *others = different(index, [first, *following], BRIDGE_ENDS + 1)
        twos += [(first, second) for second in others]
    return twos


def passage_scores(
    index: Index, question: str, query: numpy.ndarray, within: numpy.ndarray | None = None
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Per chunk: the fused score, and the part of it that comes from words; both 0 to 1 within a question. Of the
    chunks that are not `within`, which there must be, -inf and 0."""
    among = numpy.arange(len(index.chunks)) if within is None else numpy.flatnonzero(within)
    dense, words = numpy.zeros((2, len(index.chunks)), dtype=numpy.float32)
    similar, places = _nearest(index.vectors, query, min(len(among), DENSE_CANDIDATES), within)
    dense[places[0]] = min_max(similar[0])
    words[among] = min_max(index.chunk_words.bm25(question)[among])
    weight = index.settings.dense_weight
    if index.settings.fusion == "average":
        fused = weight * dense + (1 - weight) * words
    else:
        fused = min_max(weight * reciprocal_ranks(dense) + (1 - weight) * reciprocal_ranks(words))
    return (fused if within is None else numpy.where(within, fused, -numpy.inf)), words


def _nearest(
    vectors: Any, query: numpy.ndarray, count: int, within: numpy.ndarray | None
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Cosines and places, each of shape (1, count), of the nearest of those `within`, wherever the vectors are."""
    if within is None:
        found: tuple[numpy.ndarray, numpy.ndarray] = vectors.search(query, count)
    elif isinstance(vectors, faiss.Index):
        among = faiss.IDSelectorBatch(numpy.flatnonzero(within))
        # Its type does not know `sel`, which faiss adds in Python.
        found = vectors.search(query, count, params=faiss.SearchParameters(sel=among))  # type: ignore[call-arg]
    else:
        found = vectors.search(query, count, within)
    return found


def passage_columns(
    index: Index, question: str, where: Filter | None = None
) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Per chunk, to be looked at: the cosine, the BM25 score, and what they are fused to among what `where` leaves,
    which must be something. Costs one embedding."""
    query = index.embedder.encode_query([question])
    dense = numpy.zeros(len(index.chunks), dtype=numpy.float32)
    similar, places = index.vectors.search(query, len(index.chunks))
    dense[places[0]] = similar[0]
    within = None if where is None else where.chunks(index)
    return dense, index.chunk_words.bm25(question), passage_scores(index, question, query, within)[0]


def sentence_scores(index: Index, question: str, near: numpy.ndarray, words: numpy.ndarray) -> numpy.ndarray:
    """Per sentence: its nearness, its passage's words, its own words."""
    settings = index.settings
    covered = index.sentence_words.coverage(question)
    return numpy.asarray(
        near + settings.passage_words_weight * words[index.parents] + settings.overlap_weight * covered
    )


def min_max(scores: numpy.ndarray) -> numpy.ndarray:
    """Stretched to 0 to 1; all zeros when they are all alike."""
    low, high = float(scores.min()), float(scores.max())
    stretched: numpy.ndarray = (scores - low) / (high - low) if high > low else numpy.zeros_like(scores)
    return stretched


def reciprocal_ranks(scores: numpy.ndarray) -> numpy.ndarray:
    """1 / (60 + rank), the best being 1, of scores above 0; 0 for the others (Cormack, Clarke and Büttcher,
    "Reciprocal Rank Fusion", 2009)."""
    ranks = numpy.empty(len(scores), dtype=numpy.float32)
    ranks[numpy.argsort(-scores, kind="stable")] = numpy.arange(1, len(scores) + 1)
    return numpy.where(scores > 0, 1 / (RECIPROCAL + ranks), 0.0)


def _downwards(scores: numpy.ndarray) -> list[int]:
    """Places by falling score, without those that a filter leaves out."""
    order = numpy.argsort(-scores, kind="stable")
    return [int(place) for place in order[scores[order] > -numpy.inf]]


def different(index: Index, places: Sequence[int], wanted: int) -> list[int]:
    """The first `wanted` that say different things."""
    chosen: dict[str, int] = {}
    for place in places:
        chosen.setdefault(normalised(index.sentences[place].text), place)
        if len(chosen) >= wanted:
            break
    return list(chosen.values())[:wanted]
