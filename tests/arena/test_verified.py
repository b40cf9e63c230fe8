"""The hybrid: when memory is believed, what is shown then, and what happens otherwise."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from arena.contestant import StopSignal
from arena.errors import WorkspaceError
from arena.events import Event, Failed, Finished, Note, Passage, Retrieved, Token, Waiting, Working
from arena.question import Question
from arena.verified import Support, Verified, VerifiedSettings

SURE, UNSURE = 0.0005, 0.05
"""Nats a token: the medians on the demo are about 0.001 for what was learnt and 0.02 for what is invented."""
PASSAGE = Passage("lamps.md", "Lamps", "The lamp weighs 4 kg.", 1.0, ("The lamp weighs 4 kg.",))
LOOKED_UP = Passage("lamps.md", "Prices", "The lamp costs 9 crowns.", 0.9)


@dataclass
class Memory:
    """Says what it is told to, as a token a word."""

    said: str
    surprise: float | None
    name: str = "fine-tuned"
    device: str = "here"

    @property
    def identity(self) -> Mapping[str, str]:
        return {"adapter": "a"}

    def answer(self, question: Question, stop: StopSignal) -> Iterator[Event]:
        yield Working()
        for word in self.said.split():
            yield Token(word + " ")
        yield Finished(10, 4, "end", self.surprise)


@dataclass
class Documents:
    """A documents' contestant that supports only one sentence, which answers the question as likely as it is told."""

    supported: str = ""
    answers: float = 0.9
    name: str = "rag"
    device: str = "here"
    asked: int = 0

    @property
    def identity(self) -> Mapping[str, str]:
        return {"index": "i"}

    def support(self, question: Question, answer: str) -> Support:
        return Support((PASSAGE,), self.answers) if answer.strip() == self.supported else Support()

    def answer(self, question: Question, stop: StopSignal) -> Iterator[Event]:
        self.asked += 1
        yield Working("searching")
        yield Retrieved((LOOKED_UP,))
        yield Token("It costs 9 crowns.")
        yield Finished(100, 7)


def events(memory: Memory, documents: Documents, settings: VerifiedSettings | None = None) -> list[Event]:
    hybrid = Verified("hybrid", memory, documents, settings or VerifiedSettings())
    return list(hybrid.answer(Question("How heavy?"), threading.Event()))


def told(found: list[Event]) -> str:
    return "".join(event.text for event in found if isinstance(event, Token)).strip()


def test_memory_that_is_sure_and_supported_is_shown_with_what_supports_it() -> None:
    documents = Documents(supported="It weighs 4 kg.")
    found = events(Memory("It weighs 4 kg.", SURE), documents)
    assert told(found) == "It weighs 4 kg." and documents.asked == 0
    assert [event.passages for event in found if isinstance(event, Retrieved)] == [(PASSAGE,)]
    assert any(isinstance(event, Note) and "documents say the same" in event.text for event in found)
    assert found[-1] == Finished(10, 4, "end", SURE)
    first = next(place for place, event in enumerate(found) if isinstance(event, Token))
    assert any(isinstance(event, Retrieved) for event in found[:first])


def test_memory_that_is_unsure_and_unsupported_is_not_shown_and_the_documents_are_asked() -> None:
    documents = Documents()
    found = events(Memory("It weighs 5 kg.", UNSURE), documents)
    assert told(found) == "It costs 9 crowns." and documents.asked == 1
    assert [event.passages for event in found if isinstance(event, Retrieved)] == [(LOOKED_UP,)]
    assert found[-1] == Finished(114, 7)  # what was remembered was read, not written
    assert any(isinstance(event, Note) and "not believed" in event.text for event in found)


def test_what_the_documents_say_to_another_question_supports_nothing() -> None:
    documents = Documents(supported="It weighs 4 kg.", answers=0.01)
    assert told(events(Memory("It weighs 4 kg.", UNSURE), documents)) == "It costs 9 crowns."


def test_memory_that_does_not_know_asks_the_documents_however_sure_of_its_words() -> None:
    documents = Documents(supported="I do not know.", answers=1.0)
    found = events(Memory("I do not know.", 0.0), documents)
    assert told(found) == "It costs 9 crowns."
    assert Note("Memory does not know: the documents were asked.") in found


def test_support_an_answer_in_it_and_sureness_each_make_memory_likelier() -> None:
    settings, none = VerifiedSettings(), Support()
    answered, beside = Support((PASSAGE,), 0.9), Support((PASSAGE,), 0.1)
    for surprise in (SURE, UNSURE):
        assert settings.probability(surprise, answered) > settings.probability(surprise, beside)
        assert settings.probability(surprise, answered) > settings.probability(surprise, none)
    for support in (answered, beside, none):
        assert settings.probability(SURE, support) > settings.probability(UNSURE, support)
    assert settings.probability(0.0, Support((PASSAGE,), 1.0)) <= 1
    assert settings.probability(float("1e9"), Support((PASSAGE,), 0.0)) >= 0


def test_a_model_that_does_not_tell_how_sure_it_is_is_not_believed_by_default() -> None:
    documents = Documents(supported="It weighs 4 kg.")
    assert told(events(Memory("It weighs 4 kg.", None), documents)) == "It costs 9 crowns."
    believing = VerifiedSettings(believed=0.0)
    assert told(events(Memory("It weighs 4 kg.", None), documents, believing)) == "It weighs 4 kg."


def test_a_failing_memory_fails_the_hybrid() -> None:
    class Failing(Memory):
        def answer(self, question: Question, stop: StopSignal) -> Iterator[Event]:
            yield Working()
            yield Failed("no adapter")

    assert events(Failing("", None), Documents())[-1] == Failed("no adapter")


def test_what_memory_waits_for_is_told_and_then_it_goes_on() -> None:
    class Waits(Memory):
        def answer(self, question: Question, stop: StopSignal) -> Iterator[Event]:
            yield Waiting("loading")
            yield from super().answer(question, stop)

    found = events(Waits("It weighs 4 kg.", SURE), Documents(supported="It weighs 4 kg."))
    assert Waiting("loading") in found and told(found) == "It weighs 4 kg."


def test_stop_while_remembering_ends_it_without_asking_the_documents() -> None:
    stop, documents = threading.Event(), Documents()

    class Stopped(Memory):
        def answer(self, question: Question, stop: StopSignal) -> Iterator[Event]:
            yield Token("It ")
            stop.set()  # type: ignore[attr-defined]
            yield Finished(10, 1, "stopped")

    hybrid = Verified("hybrid", Stopped("", None), documents)
    found = list(hybrid.answer(Question("How heavy?"), stop))
    assert found[-1] == Finished(10, 1, "stopped") and documents.asked == 0


def test_stop_while_the_documents_are_looked_at_shows_nothing() -> None:
    stop = threading.Event()

    class Slow(Documents):
        def support(self, question: Question, answer: str) -> Support:
            stop.set()
            return super().support(question, answer)

    documents = Slow(supported="It weighs 4 kg.")
    hybrid = Verified("hybrid", Memory("It weighs 4 kg.", SURE), documents)
    found = list(hybrid.answer(Question("How heavy?"), stop))
    assert found[-1] == Finished(10, 4, "stopped", SURE) and not told(found) and documents.asked == 0


def test_many_questions_are_answered_as_one_by_one() -> None:
    hybrid = Verified("hybrid", Memory("", None), Documents(supported="It weighs 4 kg."))
    remembered = {"known": ("It weighs 4 kg.", SURE), "unknown": ("It weighs 5 kg.", UNSURE)}
    looked_up: list[str] = []

    def look_up(texts: list[str]) -> list[str]:
        looked_up.extend(texts)
        return [f"looked up: {text}" for text in texts]

    found = hybrid.answers(
        ["unknown", "known", "unknown"],
        lambda texts: [remembered[text] for text in texts],
        look_up,  # type: ignore[arg-type]
    )
    assert found == ["looked up: unknown", "It weighs 4 kg.", "looked up: unknown"]
    assert looked_up == ["unknown", "unknown"]


def test_both_sides_and_the_settings_are_in_its_identity() -> None:
    identity = Verified("hybrid", Memory("", None), Documents()).identity
    assert identity["index"] == "i" and identity["memory.adapter"] == "a" and identity["hybrid.believed"] == "0.6"


@pytest.mark.parametrize("name", ["believed", "judged_below"])
def test_a_probability_outside_0_to_1_is_refused_with_its_value(name: str) -> None:
    with pytest.raises(WorkspaceError, match=f"hybrid.{name} is 1.5"):
        VerifiedSettings(**{name: 1.5})
