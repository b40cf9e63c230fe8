"""The local engine as a judge of sentences: how likely each one answers the question.

One pass tells two things about a sentence, whose errors differ: the verdict of a pointwise reranker (monoT5,
Nogueira et al. 2020), and how likely the question is after the sentence (query likelihood; UPR, Sachan et al. 2022).
With the score that retrieval found it by they are weighed as `calibration.json` beside the adapter says, which training
fits on practice records it held out.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from arena.errors import ModelUnavailable
from arena.prompts import JUDGEMENTS, judge_messages
from models.engine import Engine, Reading
from models.weights import adapter_hash

FILE = "calibration.json"


@dataclass(frozen=True)
class Calibration:
    """The weights of a logistic regression: of the verdict's logit, of how much likelier the question is after this
    sentence than after all single sentences judged with it together (a log-ratio), of the score that retrieval found
    it by, and a constant."""

    verdict: float = 1.0
    likelihood: float = 0.0
    retrieval: float = 0.0
    constant: float = 0.0

    def probabilities(self, readings: Sequence[Reading], found: Sequence[float], singles: int) -> list[float]:
        """For each reading of a text found by these scores the probability that it answers; the first `singles` are
        compared with."""
        alone = [reading.likelihood for reading in readings[:singles]]
        most = max(alone)
        total = most + math.log(sum(math.exp(likelihood - most) for likelihood in alone))
        return [
            1 / (1 + math.exp(-min(500, max(-500, self.constant + self.verdict * reading.verdict + others))))
            for reading, score in zip(readings, found, strict=True)
            for others in [self.likelihood * (reading.likelihood - total) + self.retrieval * score]
        ]

    def as_identity(self) -> dict[str, str]:
        """Every weight as text, for the answer's identity."""
        return {f"calibration_{name}": str(value) for name, value in asdict(self).items()}


def load_calibration(adapter: Path) -> Calibration:
    """The calibration beside an adapter; the bare verdict where there is none.

    Raises:
        ModelUnavailable: a file that does not hold four numbers.
    """
    path = adapter / FILE
    if not path.is_file():
        return Calibration()
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        return Calibration(*(float(row[name]) for name in ("verdict", "likelihood", "retrieval", "constant")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(
            f"The judge's calibration in {path} cannot be read ({error!r}): run `python -m finetune weigh` (or, in a "
            "workspace, `calibrate`) again, or restore the file."
        ) from error


def workspace_calibration(workspace: Path, adapter: Path) -> Calibration | None:
    """The calibration fitted to a workspace, None without one or when it was fitted to another adapter than this.

    Raises:
        ModelUnavailable: a file that does not hold four numbers.
    """
    path = workspace / FILE
    if not path.is_file():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = None  # read again below, which says what is wrong
    if isinstance(told, dict) and told and told.get("adapter_hash") != adapter_hash(adapter):
        return None
    return load_calibration(workspace)


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
