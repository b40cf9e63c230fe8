"""The closed-book contestant: what is asked of the model, and what gives way when it is too much."""

import threading
from collections.abc import Sequence
from typing import Any

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage

from arena.events import Finished, Note, Token
from arena.question import Question, Turn
from finetune.contestant import ClosedBook


class Counting(GenericFakeChatModel):
    """Counts a token a word, and keeps what it was sent."""

    sent: list[Any] = []

    def get_num_tokens_from_messages(self, messages: Sequence[BaseMessage], tools: Any = None) -> int:
        return sum(len(str(message.text).split()) for message in messages)

    def stream(self, input: Any, *given: Any, **named: Any) -> Any:
        self.sent.append(input)
        return super().stream(input, *given, **named)


def asked(question: Question, context_tokens: int = 40) -> tuple[list[str], list[str], str]:
    """(what the model was sent, the notes, what was said)"""
    model = Counting(messages=iter([AIMessage("Eleven watts.")]), sent=[])
    side = ClosedBook("fine-tuned", model, {}, context_tokens=context_tokens, answer_tokens=10)
    events = list(side.answer(question, threading.Event()))
    assert isinstance(events[-1], Finished)
    said = "".join(event.text for event in events if isinstance(event, Token))
    return [str(m.text) for m in model.sent[0]], [e.text for e in events if isinstance(e, Note)], said


def test_a_follow_up_is_asked_with_what_went_before() -> None:
    sent, notes, said = asked(Question("And the other?", (Turn("How many watts?", "Nine."),)))
    assert sent[1:] == ["How many watts?", "Nine.", "And the other?"] and not notes and said == "Eleven watts."


def test_the_oldest_turns_give_way_to_the_context_and_it_is_said() -> None:
    turns = tuple(Turn(f"Question {number} " + "word " * 8, "Nine.") for number in range(3))
    sent, notes, _ = asked(Question("And now?", turns))
    assert not any("Question 0" in text for text in sent) and any("Question 2" in text for text in sent)
    assert notes == ["1 earlier turns were dropped to fit the context."]


def test_a_question_that_does_not_fit_alone_is_asked_and_it_is_said() -> None:
    _, notes, said = asked(Question("word " * 50))
    assert notes == ["The question alone takes 55 tokens, more than the 30 that fit: ask a shorter one."]
    assert said == "Eleven watts."
