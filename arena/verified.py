"""The hybrid contestant: what the fine-tuned model remembers, if it is sure or the documents say the same; else RAG.

The two fail apart. A fine-tuned model answers everything, and invents what it was never taught; it is less sure of its
words then (as in Kadavath et al. 2022), and no sentence of the documents says what it says (checked afterwards, as in
RARR, Gao et al. 2023), or one that answers another question, which RAG's judge can tell. What it is not believed is
asked of the documents, with a judge that is never laxer than RAG's own. A composition of two contestants: knows neither
models nor indexes.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from arena.contestant import Contestant, StopSignal
from arena.errors import WorkspaceError
from arena.events import Event, Failed, Finished, Note, Passage, Retrieved, Token, Working
from arena.question import Question
from arena.scoring import abstained

NO_CERTAINTY = 1e-6
"""Added to the surprise at a word, in nats: its logarithm is what counts, and a model can be all but certain."""

LEAST_CHANCE = 1e-4
"""A judge's probability counts as no nearer to 0 or 1 than this."""

FILE = "hybrid.json"
"""In a workspace: when its hybrid believes its memory, as `fit-hybrid` found."""

WEIGHTS = ("sureness", "support", "answered", "constant")
"""What is fitted, by the names in `VerifiedSettings` and in the file."""


@dataclass(frozen=True)
class Support:
    """What the documents say to an answer: passages that say the same, one for each of its sentences, and the
    probability that what they say answers the question. None of it unless every sentence is said."""

    passages: tuple[Passage, ...] = ()
    answers: float = 0.0


Signs = tuple[float, float, float]


def signs(surprise: float | None, support: Support) -> Signs:
    """What tells whether a remembered answer is right: minus the logarithm of `surprise`, the mean nats a token; 1 if
    every sentence of it has a source; the log-odds that the source answers the question, 0 without one. A model that
    does not tell its surprise counts as quite unsure, so that only what is supported can be believed."""
    sure = -math.log((1.0 if surprise is None else max(0.0, surprise)) + NO_CERTAINTY)
    if not support.passages:
        return sure, 0.0, 0.0
    odds = min(1 - LEAST_CHANCE, max(LEAST_CHANCE, support.answers))
    return sure, 1.0, math.log(odds / (1 - odds))


@dataclass(frozen=True)
class VerifiedSettings:
    """When memory is believed: `sureness`, `support`, `answered` and `constant` are a logistic regression's weights of
    the three `signs` and of 1. A workspace's own are in its `FILE`. These are for one without: fitted on the demo's
    answers to training wordings that its judge was not taught (346, known) and to other than the held-out wordings of
    facts in documents only (134 answered, unknown): AUC 0.97 there, 0.92 without the judge. With another judge than a
    workspace's own, whose probabilities are lower, they were not tried. `believed`: the probability that memory needs.
    `judged_below`: what RAG's judge needs when memory is not believed.

    Raises:
        WorkspaceError: a probability outside 0 to 1.
    """

    sureness: float = 0.944
    support: float = 2.562
    answered: float = 0.872
    constant: float = -6.055
    believed: float = 0.6
    judged_below: float = 0.6

    def __post_init__(self) -> None:
        for name in ("believed", "judged_below"):
            if not 0 <= getattr(self, name) <= 1:
                raise WorkspaceError(f"hybrid.{name} is {getattr(self, name)}: it is a probability, from 0 to 1.")

    def probability(self, surprise: float | None, support: Support) -> float:
        """That a remembered answer is right."""
        return self.chance(signs(surprise, support))

    def chance(self, told: Signs) -> float:
        """The same of its signs."""
        sure, supported, answered = told
        logit = self.constant + self.sureness * sure + self.support * supported + self.answered * answered
        return 1 / (1 + math.exp(-logit))

    def as_identity(self) -> dict[str, str]:
        """Every value as text, for the answer's identity."""
        return {f"hybrid.{name}": str(value) for name, value in asdict(self).items()}


def made_for(memory: Mapping[str, str], documents: Mapping[str, str]) -> dict[str, str]:
    """Of the two contestants' identities what the signs depend on: not the documents, nor how answers are written."""
    own = {f"memory.{name}": value for name, value in memory.items() if name in ("adapter_hash", "base_fingerprint")}
    # What is computed with differs from machine to machine, and the fit hardly with it.
    judge = {name: each for name, each in documents.items() if name.startswith("judge.") and name != "judge.dtype"}
    search = {name: documents[name] for name in ("embedder", "query_adapter", "search") if name in documents}
    return own | judge | search


def fitted(path: Path, made_of: Mapping[str, str]) -> dict[str, float] | None:
    """The weights in `path`; None where there are none, or they were fitted to something else than `made_of`.

    Raises:
        WorkspaceError: a file that does not hold them.
    """
    if not path.is_file():
        return None
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        weights = {name: float(row["weights"][name]) for name in WEIGHTS}
        if not all(map(math.isfinite, weights.values())):
            raise ValueError("a weight is not a number")
        return weights if row["made_for"] == dict(made_of) else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkspaceError(
            f"What the hybrid believes, in {path}, cannot be read ({error!r}): run `python app.py fit-hybrid` again, "
            "or delete the file."
        ) from error


class Documents(Contestant, Protocol):
    """A contestant that answers from documents, and can tell which of them say what an answer says."""

    def support(self, question: Question, answer: str) -> Support:
        """What the documents say to this answer."""
        ...


@dataclass(frozen=True)
class Verified:
    """Memory first, documents if it is not believed."""

    name: str
    memory: Contestant
    documents: Documents
    settings: VerifiedSettings = VerifiedSettings()

    @property
    def device(self) -> str:
        return self.documents.device

    @property
    def identity(self) -> Mapping[str, str]:
        own = {f"memory.{name}": value for name, value in self.memory.identity.items()}
        return {**self.documents.identity, **own, **self.settings.as_identity()}

    def answer(self, question: Question, stop: StopSignal) -> Iterator[Event]:
        """Working, then memory's answer as one token, or what the documents' contestant yields."""
        yield Working("remembering")
        said, end, notes = "", Finished(), []
        for event in self.memory.answer(question, stop):
            if isinstance(event, Token):
                said += event.text
                yield Working("remembering")  # a sign of life: nothing is shown before it was checked
            elif isinstance(event, Finished):
                end = event
            elif isinstance(event, Note):
                notes.append(event)
            elif isinstance(event, Failed):
                yield event
                return
            elif not isinstance(event, Working):
                yield event
        if stop.is_set():
            yield replace(end, reason="stopped")
            return
        yield Working("looking for documents that say the same")
        support, believed = self.check(question, said, end.surprise)
        if stop.is_set():
            yield replace(end, reason="stopped")
            return
        # What was cut off, or repeats itself, can be sure of its words and is no answer.
        if believed >= self.settings.believed and end.reason == "end":
            yield Retrieved(support.passages)
            yield from notes
            said_there = "and the documents say the same" if support.passages else "though no sentence found says so"
            yield Note(f"From memory: {believed:.0%} sure, {said_there}.")
            yield Token(said)
            yield end
            return
        if abstained(said):
            yield Note("Memory does not know: the documents were asked.")
        else:
            yield Note(f"Memory was not believed ({believed:.0%} sure): the documents were asked.")
        for event in self.documents.answer(question, stop):
            if isinstance(event, Finished):
                # What was remembered is not in the answer: its tokens were read, so to speak.
                event = replace(event, prompt_tokens=event.prompt_tokens + end.prompt_tokens + end.answer_tokens)
            yield event

    def check(self, question: Question, said: str, surprise: float | None) -> tuple[Support, float]:
        """What says the same, and the probability that memory is right: 0 where it says that it does not know, which
        documents may."""
        if not said.strip() or abstained(said):
            return Support(), 0.0
        support = self.documents.support(question, said)
        return support, self.settings.probability(surprise, support)

    def answers(
        self,
        texts: Sequence[str],
        remembered: Callable[[Sequence[str]], Sequence[tuple[str, float]]],
        looked_up: Callable[[Sequence[str]], Sequence[str]],
    ) -> list[str]:
        """Many questions at once, for accuracy: `remembered` gives memory's answers with their surprise, `looked_up`
        the answers of the documents' contestant."""
        found: list[str | None] = [
            said if self.check(Question(text), said, surprise)[1] >= self.settings.believed else None
            for text, (said, surprise) in zip(texts, remembered(texts), strict=True)
        ]
        asked = [text for text, said in zip(texts, found, strict=True) if said is None]
        rest = iter(looked_up(asked) if asked else [])
        return [next(rest) if said is None else said for said in found]
