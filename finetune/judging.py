"""How well an adapter judges sentences, and how the signs that tell are weighed.

A judged sentence has a verdict (the logit of yes against no), a likelihood (of the question after the sentence), and
the score that retrieval found it by. Two logistic regressions make something of them: one tells which sentence answers,
if one does, the other whether the best one does. They are fitted on questions that nothing was trained on, where too
few have no answer each of them once more without the sentences that answer it, measured on other questions and kept in
`calibration.json`, beside the adapter or, of the reader, in a workspace (models/judge.py).
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy
import torch
from sklearn.linear_model import LogisticRegression

from arena.errors import WorkspaceError
from arena.facts import Fact
from arena.prompts import JUDGEMENTS
from finetune.branches import Sample, collate, grouped
from finetune.precision import half
from finetune.reader import Asked

THRESHOLDS = (0.1, 0.16, 0.25, 0.35, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 0.95)
"""Where the trade-off between answers accepted and near misses refused is told."""
RIVALRY = 20.0
"""What scores are multiplied by before a text's is compared with those of all single sentences: the sharpness that the
retriever's cosines are trained with."""
Features = numpy.ndarray
"""(texts, 4): the verdict's logit; how much likelier the question is after this text than after all single sentences
together (a log-ratio); retrieval's score; the score's share of all single sentences' (a log-ratio, sharpened by
`RIVALRY`). As models/judge.py has them; a test keeps the two alike."""
ABSOLUTE = 3
"""So many features say something of a text by itself: whether the best one answers does not depend on its rivals."""


@dataclass(frozen=True)
class Judged:
    """One question of the exam: what was read of its texts (texts, 2) and the scores they were found by, which of them
    answers, and which are single sentences."""

    read: numpy.ndarray
    found: numpy.ndarray
    right: numpy.ndarray
    single: numpy.ndarray
    answerable: bool
    chain: bool

    @property
    def features(self) -> Features:
        return compared(self.read, self.single, self.found)


@dataclass(frozen=True)
class Weights:
    """Of a logistic regression."""

    verdict: float
    likelihood: float
    retrieval: float
    rivals: float
    constant: float

    def logits(self, features: Features) -> numpy.ndarray:
        weights = numpy.array([self.verdict, self.likelihood, self.retrieval, self.rivals])
        told: numpy.ndarray = features @ weights + self.constant
        return told


@dataclass(frozen=True)
class Calibration:
    """`order` tells which text is the best, `accept` whether that one answers, as `calibration.json` holds them."""

    order: Weights
    accept: Weights

    def probabilities(self, features: Features) -> numpy.ndarray:
        """Of each text that it answers, were it the best one."""
        told: numpy.ndarray = 1 / (1 + numpy.exp(-self.accept.logits(features)))
        return told

    def best(self, features: Features, kind: numpy.ndarray) -> int:
        """The best one of a kind."""
        return int(numpy.where(kind, self.order.logits(features), -numpy.inf).argmax())

    def as_rows(self) -> dict[str, dict[str, float]]:
        return {"order": asdict(self.order), "accept": asdict(self.accept)}


def accepting(calibration: str) -> Weights:
    """What tells, in a `calibration.json`, whether the best one answers."""
    return Weights(**json.loads(calibration)["accept"])


def judge(model: Any, tokenizer: Any, asked: Iterable[Asked], report: Callable[[str], None]) -> list[Judged]:
    """Read every sentence of every question."""
    model.eval()
    judged = []
    for done, question in enumerate(asked, 1):
        read = readings(model, tokenizer, question.samples)
        single = numpy.array(question.single)
        right = numpy.array([sample.answer == JUDGEMENTS[0] for sample in question.samples])
        found = numpy.array(question.found)
        judged.append(Judged(read, found, right, single, question.answerable, question.chain))
        if done % 50 == 0:
            report(f"judging: {done} questions")
    return judged


def compared(read: numpy.ndarray, single: numpy.ndarray, found: numpy.ndarray) -> Features:
    """Features of readings (texts, 2) of texts found by these scores."""
    ratio = read[:, 1] - numpy.logaddexp.reduce(read[single, 1])
    sharp = RIVALRY * found
    return numpy.stack([read[:, 0], ratio, found, sharp - numpy.logaddexp.reduce(sharp[single])], axis=1)


def knocked_out(question: Judged) -> Judged | None:
    """The question without what answers it, as if the documents did not say; None where they do not, or where nothing
    else was found."""
    left = ~question.right
    if question.chain or left.all() or not (left & question.single).any():
        return None
    return Judged(question.read[left], question.found[left], question.right[left], question.single[left], False, False)


def readings(model: Any, tokenizer: Any, samples: Sequence[Sample]) -> numpy.ndarray:
    """(samples, 2): the verdict's logit, and the log-likelihood in nats of what the sample's opening leaves out."""
    yes, no = (tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in JUDGEMENTS)
    group = grouped(samples, tokenizer)
    batch = collate([[group]], tokenizer.pad_token_id)
    given = {name: batch[name].to(model.device) for name in ("input_ids", "attention_mask", "position_ids")}
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    with torch.inference_mode(), half(model.device.type):
        hidden = causal.model(**given, use_cache=False).last_hidden_state[0]
    read, start = [], len(group.prefix)
    for branch in group.branches:
        begins, heard = start + len(branch.prompt), branch.heard
        # The head is a fifth of a small model: only for the positions that are looked at.
        with torch.inference_mode(), half(model.device.type):
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


def calibrate(judged: Sequence[Judged], accept: Weights | None = None, knock_out: bool = True) -> Calibration:
    """Fit on every text of these questions, as they are and, `knock_out`, without what answers them, too; without a
    penalty, a few weights on thousands of texts. `accept`: what tells whether the best one answers, if it was fitted
    elsewhere.

    Raises:
        WorkspaceError: no question, or none of the texts answers, or all do.
    """
    questions = list(judged)
    if knock_out:
        questions += [out for question in judged if (out := knocked_out(question)) is not None]
    if len({answers for question in questions for answers in question.right}) < 2:
        raise WorkspaceError(
            f"Nothing to fit on: of {len(judged)} questions no text that a search brings is known to answer, or"
            " all are. "
            'Needed are facts of class "trained" with training wordings and "evidence", sentences of the documents.'
        )
    features = [question.features for question in questions]
    order = _fitted(numpy.concatenate(features), numpy.concatenate([question.right for question in questions]))
    calibration = Calibration(order, accept or order)
    if accept is not None:
        return calibration
    best = [
        (own[place], question.right[place])
        for own, question in zip(features, questions, strict=True)
        for kind in (question.single, ~question.single)
        if kind.any()
        for place in [calibration.best(own, kind)]
    ]
    right = numpy.array([answers for _, answers in best])
    if right.all() or not right.any():
        return calibration
    return Calibration(order, _fitted(numpy.array([own for own, _ in best]), right, ABSOLUTE))


def _fitted(features: Features, right: numpy.ndarray, first: int = ABSOLUTE + 1) -> Weights:
    fitted = LogisticRegression(C=1e6, max_iter=3000).fit(features[:, :first], right)
    told = [float(weight) for weight in fitted.coef_[0]] + [0.0] * (ABSOLUTE + 1 - first)
    verdict, likelihood, retrieval, rivals = (round(weight, 4) for weight in told)
    return Weights(verdict, likelihood, retrieval, rivals, round(float(fitted.intercept_[0]), 4))


def counts(judged: Sequence[Judged], calibration: Calibration) -> dict[str, tuple[int, int]]:
    """(right, asked) by what is counted: the right sentence (or the right two, where it takes two) comes first; it is
    what is accepted at a threshold, in the order of serving; nothing is accepted where nothing answers."""
    found: dict[str, list[bool]] = {}
    for question in judged:
        if question.chain and question.single.all():
            continue  # twos were not asked about
        features = question.features
        chances = calibration.probabilities(features)
        wanted = "two sentences" if question.chain else "sentence"
        if question.answerable:
            kind = question.single != question.chain
            found.setdefault(f"right {wanted} first", []).append(bool(question.right[calibration.best(features, kind)]))
        for limit in THRESHOLDS:
            accepted = _accepted(calibration, features, chances, question.single, limit)
            if question.answerable:
                right = accepted is not None and bool(question.right[accepted])
                found.setdefault(f"right {wanted} accepted at {limit}", []).append(right)
            else:
                found.setdefault(f"nothing accepted at {limit}", []).append(accepted is None)
    return {name: (sum(values), len(values)) for name, values in sorted(found.items())}


def _accepted(
    calibration: Calibration, features: Features, chances: numpy.ndarray, single: numpy.ndarray, limit: float
) -> int | None:
    """The text that serving would show: the best single sentence if it passes, else the best two if they do."""
    for kind in (single, ~single):
        if kind.any() and chances[best := calibration.best(features, kind)] >= limit:
            return best
    return None
