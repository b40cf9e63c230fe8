"""The retriever's training on a workspace: questions learn to come near the sentences that answer them there.

Only the side of the questions is trained; the documents' vectors stay as they are, and so does the index (query-side
fine-tuning: DensePhrases, Lee et al. 2021). Each of a fact's training wordings is to be nearer to the fact's evidence
than to the evidence of all other facts. What no fact rests on is never pushed away, for it may answer what nobody
asked yet. No answer is learnt: the adapter knows where to look. Does not search: rag/ loads it (rag/embedder.py).
"""

import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy
import torch
from torch.nn import functional

from arena.errors import WorkspaceError
from arena.facts import Fact
from arena.scoring import normalised
from finetune.callbacks import Report
from finetune.disk import alone, name_base, put_in_place
from finetune.embedder import BROUGHT, EmbedderResult, EmbedderSettings, encoded, train_adapter

EVERY_FACT, EVERY_WORDING = 5, 8
"""A rehearsal leaves every fifth fact out, and every eighth wording of the others: on them is measured what the
training brings for new facts and new wordings, and RAG's judge is weighed. Then all are trained on."""
LEAST_STEPS = 60
"""So many at least, when nobody says how many epochs: a few dozen wordings make few batches."""
FILE = "arena.json"


@dataclass(frozen=True)
class RetrieverSettings(EmbedderSettings):
    """Of one run. `epochs`: 0 for two, or as many as make `LEAST_STEPS`. `passage_weight`: what it counts to find the
    passage, against 1 for the sentence. Chosen on facts and wordings of the demo's training questions that were left
    out."""

    epochs: int = 0
    learning_rate: float = 2e-3
    batch: int = 64
    passage_weight: float = 0.5


@dataclass(frozen=True)
class Corpus:
    """What is searched: sentences with a unit vector each (sentences, width) and the passage that each stands in; unit
    vectors of the passages (passages, width)."""

    sentences: tuple[str, ...]
    sentence_vectors: numpy.ndarray
    parents: numpy.ndarray
    passage_vectors: numpy.ndarray


@dataclass(frozen=True)
class Sought:
    """Wordings of a question; for each sentence of its evidence the places in the corpus that say so."""

    wordings: tuple[str, ...]
    evidence: tuple[tuple[int, ...], ...]


def rehearsal(facts: Sequence[Fact]) -> tuple[list[Fact], list[Fact], list[Fact]]:
    """(to train on, the same facts in other wordings, other facts): training wordings of facts with evidence."""
    usable = [fact for fact in facts if fact.trained_on and fact.answerable and fact.evidence]
    others = usable[EVERY_FACT - 1 :: EVERY_FACT]
    kept = [fact for number, fact in enumerate(usable) if (number + 1) % EVERY_FACT]
    new = [replace(fact, training=fact.training[EVERY_WORDING - 1 :: EVERY_WORDING]) for fact in kept]
    left = [
        replace(fact, training=tuple(text for place, text in enumerate(fact.training) if (place + 1) % EVERY_WORDING))
        for fact in kept
    ]
    return left, [fact for fact in new if fact.training], others


def sought(facts: Sequence[Fact], corpus: Corpus) -> list[Sought]:
    """What these facts' training wordings are to find; facts whose evidence does not stand in the corpus, all of it,
    are left out."""
    said = [f" {normalised(text)} " for text in corpus.sentences]
    found = []
    for fact in facts:
        if not (fact.trained_on and fact.answerable and fact.evidence):
            continue
        wanted = [f" {normalised(text)} " for text in fact.evidence]
        evidence = tuple(tuple(place for place, text in enumerate(said) if each in text) for each in wanted)
        if all(evidence):
            found.append(Sought(fact.trained_on, evidence))
    return found


class NearEvidence(torch.nn.Module):
    """Minus the log-probability of the evidence among the evidence of all facts, in nats: a softmax of cosines times
    `scale`, of sentences and, weighed, of passages; of a fact with two sentences of evidence the mean."""

    def __init__(self, model: Any, corpus: Corpus, found: Sequence[Sought], settings: RetrieverSettings) -> None:
        super().__init__()
        self.model, self.settings = model, settings
        places = sorted({place for each in found for said in each.evidence for place in said})
        passages = sorted({int(corpus.parents[place]) for place in places})
        rows = {place: row for row, place in enumerate(places)}
        passage_rows = {passage: row for row, passage in enumerate(passages)}
        self.sentences = [[[rows[place] for place in said] for said in each.evidence] for each in found]
        self.passages = [
            [sorted({passage_rows[int(corpus.parents[place])] for place in said}) for said in each.evidence]
            for each in found
        ]
        self.register_buffer("sentence_vectors", torch.tensor(corpus.sentence_vectors[places]), persistent=False)
        self.register_buffer("passage_vectors", torch.tensor(corpus.passage_vectors[passages]), persistent=False)

    def forward(self, sentence_features: Any, labels: torch.Tensor) -> torch.Tensor:
        """`sentence_features`: of the questions alone; `labels`: which of `found` each asks for. As the trainer calls
        its losses."""
        (features,) = sentence_features
        asked = functional.normalize(self.model(features)["sentence_embedding"], dim=-1)
        lost = _unlikely(asked @ self._of(self.sentence_vectors, asked).T, self.sentences, labels, self.settings.scale)
        if not self.settings.passage_weight:
            return lost
        near = asked @ self._of(self.passage_vectors, asked).T
        return lost + self.settings.passage_weight * _unlikely(near, self.passages, labels, self.settings.scale)

    def _of(self, vectors: Any, like: torch.Tensor) -> torch.Tensor:
        moved: torch.Tensor = vectors.to(like)
        return moved


def _unlikely(
    near: torch.Tensor, wanted: Sequence[Sequence[Sequence[int]]], labels: torch.Tensor, scale: float
) -> torch.Tensor:
    chances = (near * scale).log_softmax(dim=-1)
    lost = [
        -torch.logsumexp(chances[row, list(said)], dim=0) / len(wanted[label])
        for row, label in enumerate(labels.tolist())
        for said in wanted[label]
    ]
    return torch.stack(lost).sum() / len(labels)


def fitting(found: Sequence[Sought], settings: RetrieverSettings) -> RetrieverSettings:
    """The settings with a batch that these wordings fill, and epochs."""
    wordings = sum(len(each.wordings) for each in found)
    batch = min(settings.batch, wordings)
    return replace(settings, batch=batch, epochs=settings.epochs or max(2, math.ceil(LEAST_STEPS * batch / wordings)))


def rows(found: Sequence[Sought], settings: RetrieverSettings) -> list[dict[str, Any]]:
    """Every wording once an epoch, in an order that the seed decides; what does not fill a batch is left out."""
    rows = []
    for epoch in range(settings.epochs):
        asked = [{"anchor": text, "label": number} for number, each in enumerate(found) for text in each.wordings]
        random.Random(f"{settings.seed}-{epoch}").shuffle(asked)
        rows += asked
    return rows[: len(rows) // settings.batch * settings.batch]


def train_retriever(
    model: Any, corpus: Corpus, found: Sequence[Sought], work: Path, settings: RetrieverSettings, report: Report
) -> EmbedderResult:
    """Put a new LoRA on the embedder `model`, which made the corpus's vectors, and train it. Checkpoints go to `work`;
    when it holds one of the same run, that run goes on.

    Raises:
        WorkspaceError: nothing to train on.
        Stopped: SIGTERM came; the same call goes on.
    """
    if len(found) < 2:
        raise WorkspaceError(
            f"Nothing to train on: {len(found)} facts of class 'trained' have training wordings and \"evidence\" that "
            "stands in the documents, word for word; two are needed at least."
        )
    settings = fitting(found, settings)
    with alone(work):
        loss = NearEvidence(model, corpus, found, settings)
        return train_adapter(model, rows(found, settings), loss, work, settings, report)


def brought(model: Any, corpus: Corpus, found: Sequence[Sought]) -> dict[str, tuple[int, int]]:
    """(right, asked) over all wordings: the sentence that answers is the nearest (of two sentences of evidence, both
    are the two nearest), and it is, or both are, among the nearest `BROUGHT`."""
    asked = [(text, each.evidence) for each in found for text in each.wordings]
    if not asked:
        return {}
    near = encoded(model, [text for text, _ in asked]) @ corpus.sentence_vectors.T
    first = within = 0
    for row, (_, evidence) in zip(near, asked, strict=True):
        ahead = [int((row > row[list(said)].max()).sum()) for said in evidence]
        first += max(ahead) < len(evidence)
        within += max(ahead) < BROUGHT
    return {"nearest": (first, len(asked)), f"among {BROUGHT} nearest": (within, len(asked))}


def write_retriever(model: Any, target: Path, name: str, embedder: str, card: str) -> None:
    """Write the adapter into `target`: made on the embedder `name`, whose vectors have the identity `embedder`."""
    with put_in_place(target) as beside:
        model.transformers_model.save_pretrained(beside)
        name_base(beside, name)
        (beside / FILE).write_text(json.dumps({"embedder": embedder}, indent=2) + "\n", encoding="utf-8")
        (beside / "README.md").write_text(card, encoding="utf-8")
