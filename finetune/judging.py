"""How well an adapter judges sentences, and how the signs that tell are weighed.

A judged sentence has a verdict (the logit of yes against no), a likelihood (of the question after the sentence), and
the score that retrieval found it by. A logistic regression makes one probability of them, fitted on what a search
brings from practice records that were held out of training; it is measured on other held-out records and shipped
beside the adapter (`calibration.json`, read in models/judge.py).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import torch
from sklearn.linear_model import LogisticRegression

from arena.errors import WorkspaceError
from arena.facts import Fact
from arena.prompts import JUDGEMENTS
from finetune.branches import Sample, collate, grouped
from finetune.reader import Asked

THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7)
"""Where the trade-off between answers accepted and near misses refused is told."""
Features = numpy.ndarray
"""(texts, 3): the verdict's logit; how much likelier the question is after this text than after all single sentences
together (a log-ratio); retrieval's score. As models/judge.py has them; a test keeps the two alike."""


@dataclass(frozen=True)
class Judged:
    """One question of the exam: the features of its texts, which of them answers, and which are single sentences."""

    features: Features
    right: numpy.ndarray
    single: numpy.ndarray
    answerable: bool
    chain: bool


@dataclass(frozen=True)
class Calibration:
    """Weights of the logistic regression, as `calibration.json` holds them."""

    verdict: float
    likelihood: float
    retrieval: float
    constant: float

    def probabilities(self, features: Features) -> numpy.ndarray:
        weights = numpy.array([self.verdict, self.likelihood, self.retrieval])
        told: numpy.ndarray = 1 / (1 + numpy.exp(-(features @ weights + self.constant)))
        return told


def judge(model: Any, tokenizer: Any, asked: Iterable[Asked], report: Callable[[str], None]) -> list[Judged]:
    """Read every sentence of every question."""
    model.eval()
    judged = []
    for done, question in enumerate(asked, 1):
        read = readings(model, tokenizer, question.samples)
        single = numpy.array(question.single)
        right = numpy.array([sample.answer == JUDGEMENTS[0] for sample in question.samples])
        judged.append(
            Judged(compared(read, single, question.found), right, single, question.answerable, question.chain)
        )
        if done % 50 == 0:
            report(f"judging: {done} questions")
    return judged


def compared(read: numpy.ndarray, single: numpy.ndarray, found: Sequence[float]) -> Features:
    """Features of readings (texts, 2) of texts found by these scores."""
    ratio = read[:, 1] - numpy.logaddexp.reduce(read[single, 1])
    return numpy.stack([read[:, 0], ratio, numpy.array(found)], axis=1)


def readings(model: Any, tokenizer: Any, samples: Sequence[Sample]) -> numpy.ndarray:
    """(samples, 2): the verdict's logit, and the log-likelihood in nats of what the sample's opening leaves out."""
    yes, no = (tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in JUDGEMENTS)
    group = grouped(samples, tokenizer)
    batch = collate([[group]], tokenizer.pad_token_id)
    given = {name: batch[name].to(model.device) for name in ("input_ids", "attention_mask", "position_ids")}
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    with torch.inference_mode(), torch.autocast(model.device.type, dtype=torch.bfloat16):
        hidden = causal.model(**given, use_cache=False).last_hidden_state[0]
    read, start = [], len(group.prefix)
    for branch in group.branches:
        begins, heard = start + len(branch.prompt), branch.heard
        # The head is a fifth of a small model: only for the positions that are looked at.
        with torch.inference_mode(), torch.autocast(model.device.type, dtype=torch.bfloat16):
            told = causal.lm_head(hidden[begins - 1 : begins + len(heard)]).float()
        ends = torch.tensor(heard, dtype=torch.long, device=told.device)
        likelihood = (
            -torch.nn.functional.cross_entropy(told[:-1], ends, reduction="sum") if heard else told.new_zeros(())
        )
        read.append((float(told[-1, yes] - told[-1, no]), float(likelihood)))
        start += len(branch)
    return numpy.array(read)


def halves(facts: Sequence[Fact]) -> tuple[list[Fact], list[Fact]]:
    """Every other fact that training may use, of each class: to fit on, and to count on. Without "evidence" it is not
    known which sentence answers."""
    known = (fact for fact in facts if fact.trained_on and (fact.evidence or not fact.answerable))
    taught = sorted(known, key=lambda fact: not fact.answerable)
    return taught[::2], taught[1::2]


def calibrate(judged: Sequence[Judged]) -> Calibration:
    """Fit on every text of these questions; without a penalty, four weights on thousands of texts.

    Raises:
        WorkspaceError: no question, or none of the texts answers, or all do.
    """
    if len({answers for question in judged for answers in question.right}) < 2:
        raise WorkspaceError(
            f"Nothing to fit on: of {len(judged)} questions no text that a search brings is known to answer, or"
            " all are. "
            'Needed are facts of class "trained" with training wordings and "evidence", sentences of the documents.'
        )
    features = numpy.concatenate([question.features for question in judged])
    right = numpy.concatenate([question.right for question in judged])
    fitted = LogisticRegression(C=1e6, max_iter=1000).fit(features, right)
    return Calibration(*(round(float(weight), 4) for weight in (*fitted.coef_[0], fitted.intercept_[0])))


def counts(judged: Sequence[Judged], calibration: Calibration) -> dict[str, tuple[int, int]]:
    """(right, asked) by what is counted: the right sentence (or the right two, where it takes two) comes first; it is
    what is accepted at a threshold, in the order of serving; nothing is accepted where nothing answers."""
    found: dict[str, list[bool]] = {}
    for question in judged:
        if question.chain and question.single.all():
            continue  # twos were not asked about
        chances = calibration.probabilities(question.features)
        wanted = "two sentences" if question.chain else "sentence"
        if question.answerable:
            kind = question.single != question.chain
            found.setdefault(f"right {wanted} first", []).append(bool(question.right[_best(chances, kind)]))
        for limit in THRESHOLDS:
            accepted = _accepted(chances, question.single, limit)
            if question.answerable:
                right = accepted is not None and bool(question.right[accepted])
                found.setdefault(f"right {wanted} accepted at {limit}", []).append(right)
            else:
                found.setdefault(f"nothing accepted at {limit}", []).append(accepted is None)
    return {name: (sum(values), len(values)) for name, values in sorted(found.items())}


def _accepted(chances: numpy.ndarray, single: numpy.ndarray, limit: float) -> int | None:
    """The text that serving would show: the best single sentence that passes, else the best two that do."""
    for kind in (single, ~single):
        if kind.any() and chances[_best(chances, kind)] >= limit:
            return _best(chances, kind)
    return None


def _best(chances: numpy.ndarray, kind: numpy.ndarray) -> int:
    return int(numpy.where(kind, chances, -1.0).argmax())
