"""The hybrid contestant: what the fine-tuned model remembers, if it is sure or the documents say the same; else RAG.

The two fail apart. A fine-tuned model answers everything, and invents what it was never taught; it is less sure of its
words then (as in Kadavath et al. 2022), and no sentence of the documents says what it says (checked afterwards, as in
RARR, Gao et al. 2023). What it is not believed is asked of the documents, with a judge that must be surer than RAG's
own. A composition of two contestants: knows neither models nor indexes.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from arena.contestant import Contestant, StopSignal
from arena.errors import WorkspaceError
from arena.events import Event, Failed, Finished, Note, Passage, Retrieved, Token, Working
from arena.question import Question

NO_CERTAINTY = 1e-6
"""Added to the surprise at a word, in nats: its logarithm is what counts, and a model can be all but certain."""


@dataclass(frozen=True)
class VerifiedSettings:
    """When memory is believed: `sureness`, `support` and `constant` are a logistic regression's weights of minus the
    logarithm of the mean surprise at a token of the answer (nats), of whether every sentence of it has a source, and of
    1. Fitted on the demo's answers to training wordings (known) and to questions about facts in documents only
    (unknown): AUC 0.88 there. `believed`: the probability that memory needs. `judged_below`: what RAG's judge needs
    when memory is not believed.

    Raises:
        WorkspaceError: a probability outside 0 to 1.
    """

    sureness: float = 1.184
    support: float = 1.849
    constant: float = -7.78
    believed: float = 0.6
    judged_below: float = 0.6

    def __post_init__(self) -> None:
        for name in ("believed", "judged_below"):
            if not 0 <= getattr(self, name) <= 1:
                raise WorkspaceError(f"hybrid.{name} is {getattr(self, name)}: it is a probability, from 0 to 1.")

    def probability(self, surprise: float | None, supported: bool) -> float:
        """That a remembered answer is right. `surprise`: mean nats a token; None when the model does not tell, which
        counts as quite unsure, so that only what is supported can be believed."""
        sure = -math.log((1.0 if surprise is None else max(0.0, surprise)) + NO_CERTAINTY)
        return 1 / (1 + math.exp(-(self.constant + self.sureness * sure + self.support * supported)))

    def as_identity(self) -> dict[str, str]:
        """Every value as text, for the answer's identity."""
        return {f"hybrid.{name}": str(value) for name, value in asdict(self).items()}


class Documents(Contestant, Protocol):
    """A contestant that answers from documents, and can tell which of them say what an answer says."""

    def supporting(self, answer: str) -> tuple[Passage, ...]:
        """Passages that say it, one for each sentence of the answer; none unless every sentence has one."""
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
        passages, believed = self.check(said, end.surprise)
        # What was cut off, or repeats itself, can be sure of its words and is no answer.
        if believed >= self.settings.believed and end.reason == "end":
            yield Retrieved(passages)
            yield from notes
            support = "and the documents say the same" if passages else "though no sentence of the documents says so"
            yield Note(f"From memory: {believed:.0%} sure, {support}.")
            yield Token(said)
            yield end
            return
        yield Note(f"Memory was not believed ({believed:.0%} sure): the documents were asked.")
        for event in self.documents.answer(question, stop):
            if isinstance(event, Finished):
                # What was remembered is not in the answer: its tokens were read, so to speak.
                event = replace(event, prompt_tokens=event.prompt_tokens + end.prompt_tokens + end.answer_tokens)
            yield event

    def check(self, said: str, surprise: float | None) -> tuple[tuple[Passage, ...], float]:
        """What says the same, and the probability that memory is right."""
        passages = self.documents.supporting(said)
        return passages, self.settings.probability(surprise, bool(passages)) if said.strip() else 0.0

    def answers(
        self,
        texts: Sequence[str],
        remembered: Callable[[Sequence[str]], Sequence[tuple[str, float]]],
        looked_up: Callable[[Sequence[str]], Sequence[str]],
    ) -> list[str]:
        """Many questions at once, for accuracy: `remembered` gives memory's answers with their surprise, `looked_up`
        the answers of the documents' contestant."""
        found: list[str | None] = [
            said if self.check(said, surprise)[1] >= self.settings.believed else None
            for said, surprise in remembered(texts)
        ]
        asked = [text for text, said in zip(texts, found, strict=True) if said is None]
        rest = iter(looked_up(asked) if asked else [])
        return [next(rest) if said is None else said for said in found]
