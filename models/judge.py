"""The local engine as a judge of sentences: how likely each one answers the question.

One pass tells two things about a sentence, whose errors differ: the verdict of a pointwise reranker (monoT5,
Nogueira et al. 2020), and how likely the question is after the sentence (query likelihood; UPR, Sachan et al. 2022).
With the score that retrieval found it by they are weighed as `calibration.json` says, beside the adapter or, for the
reader, in the workspace: once to find the best sentence, and once to tell whether that one answers
(finetune/judging.py).
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from arena.errors import ModelUnavailable
from arena.prompts import JUDGEMENTS, judge_messages
from models.engine import Engine, Reading
from models.weights import adapter_hash

FILE = "calibration.json"


RIVALRY = 20.0
"""What scores are multiplied by before a text's is compared with all single sentences'; as in finetune/judging.py."""


@dataclass(frozen=True)
class Weights:
    """The weights of a logistic regression: of the verdict's logit, of how much likelier the question is after this
    text than after all single sentences judged with it together (a log-ratio), of the score that retrieval found it by,
    of that score's share of all single sentences' (a log-ratio, sharpened by `RIVALRY`), and a constant."""

    verdict: float = 1.0
    likelihood: float = 0.0
    retrieval: float = 0.0
    rivals: float = 0.0
    constant: float = 0.0

    def logit(self, signs: Sequence[float]) -> float:
        weights = (self.verdict, self.likelihood, self.retrieval, self.rivals)
        return self.constant + sum(weight * sign for weight, sign in zip(weights, signs, strict=True))


@dataclass(frozen=True)
class Calibration:
    """`order` tells which text is the best one, `accept` the probability that this one answers."""

    order: Weights = Weights()
    accept: Weights = Weights()

    def probabilities(self, readings: Sequence[Reading], found: Sequence[float], singles: int) -> list[float]:
        """For each reading of a text found by these scores the probability that it answers, the highest for the best
        one of the first `singles`, which are compared with, and of the others likewise."""
        heard = [reading.likelihood for reading in readings]
        sharp = [RIVALRY * score for score in found]
        likelihood, rivals = _log_sum(heard[:singles]), _log_sum(sharp[:singles])
        signs = [
            (reading.verdict, reading.likelihood - likelihood, score, RIVALRY * score - rivals)
            for reading, score in zip(readings, found, strict=True)
        ]
        chances = [_logistic(self.accept.logit(each)) for each in signs]
        for kind in (range(singles), range(singles, len(signs))):
            if not kind:
                continue
            best = max(kind, key=lambda place: self.order.logit(signs[place]))
            below = math.nextafter(chances[best], 0.0)
            for place in kind:
                if place != best:
                    chances[place] = min(chances[place], below)
        return chances

    def as_identity(self) -> dict[str, str]:
        """Every weight as text, for the answer's identity."""
        return {
            f"calibration_{use}_{name}": str(value)
            for use, weights in asdict(self).items()
            for name, value in weights.items()
        }


def _log_sum(logarithms: Sequence[float]) -> float:
    most = max(logarithms)
    return most + math.log(sum(math.exp(each - most) for each in logarithms))


def _logistic(logit: float) -> float:
    return 1 / (1 + math.exp(-min(500, max(-500, logit))))


def load_calibration(adapter: Path) -> Calibration:
    """The calibration beside an adapter; the bare verdict where there is none.

    Raises:
        ModelUnavailable: a file that does not hold the weights.
    """
    path = adapter / FILE
    if not path.is_file():
        return Calibration()
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        weighed = ({each.name: float(row[use][each.name]) for each in fields(Weights)} for use in ("order", "accept"))
        return Calibration(*(Weights(**weights) for weights in weighed))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(
            f"The judge's calibration in {path} cannot be read ({error!r}): run `python -m finetune weigh` (or, in a "
            "workspace, `calibrate`) again, or restore the file."
        ) from error


def workspace_calibration(folder: Path, adapter: Path, query_adapter: str = "") -> Calibration | None:
    """The calibration in `folder` (a workspace, or its own judge's adapter) that was fitted to a workspace; None
    without one, or when it was fitted to another adapter, or to what a search finds with other vectors of questions.

    Raises:
        ModelUnavailable: a file that does not hold the weights.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = None  # read again below, which says what is wrong
    if isinstance(told, dict) and told:
        made_for = told.get("adapter_hash"), told.get("query_adapter", "")
        if made_for != (adapter_hash(adapter), query_adapter):
            return None
    return load_calibration(folder)


class LocalJudge:
    """One adapter of a local engine, asked about sentences. `identity` says which, and how it weighs."""

    def __init__(self, engine: Engine, adapter: str, calibration: Calibration | None = None) -> None:
        self._engine, self._adapter = engine, adapter
        self._calibration = calibration or Calibration()
        self._read: dict[tuple[str, str], Reading] = {}
        self.identity = engine.identities[adapter] | self._calibration.as_identity()

    def scores(
        self, question: str, sentences: Sequence[tuple[str, float]], twos: Sequence[tuple[str, float]] = ()
    ) -> list[float]:
        """For each sentence, and then for each two of them in one text, all with the score they were found by, the
        probability, 0 to 1, that it answers."""
        if not sentences:
            return []
        texts = [text for text, _ in (*sentences, *twos)]
        # Judged again with twos, the single sentences are not read again.
        # A question that is asked anew is: its time is to be that of an answer alone.
        known = {key: reading for key, reading in self._read.items() if key[0] == question} if twos else {}
        fresh = [text for text in dict.fromkeys(texts) if (question, text) not in known]
        if fresh:
            conversations = [judge_messages(question, text) for text in fresh]
            openings = [judge_messages("", text) for text in fresh]
            readings = self._engine.read(conversations, openings, JUDGEMENTS, self._adapter)
            known |= {(question, text): reading for text, reading in zip(fresh, readings, strict=True)}
        self._read = known
        found = [score for _, score in (*sentences, *twos)]
        return self._calibration.probabilities([known[question, text] for text in texts], found, len(sentences))
