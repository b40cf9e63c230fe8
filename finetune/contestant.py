"""The closed-book contestants: a chat model asked without documents. `fine-tuned` and the control `base` differ
only in the model handed in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, convert_to_messages

from arena.contestant import StopSignal
from arena.events import Event, Finished, Note, StopReason, Token, Working
from arena.prompts import PROMPT_VERSION, closed_book_messages
from arena.question import Question, Turn


@dataclass(frozen=True)
class ClosedBook:
    """Answers from the weights alone. `model_identity` says which weights; `context_tokens` is prompt and answer."""

    name: str
    model: BaseChatModel
    model_identity: Mapping[str, str]
    device: str = "local"
    context_tokens: int = 2048
    answer_tokens: int = 96

    @property
    def identity(self) -> Mapping[str, str]:
        return {**self.model_identity, "prompt_version": PROMPT_VERSION}

    def messages(self, text: str, history: Sequence[Turn] = ()) -> list[BaseMessage]:
        """What the model sees; also for measuring accuracy in batches."""
        return convert_to_messages(closed_book_messages(text, history))

    def answer(self, question: Question, stop: StopSignal) -> Iterator[Event]:
        yield Working()
        history, room = list(question.history), self.context_tokens - self.answer_tokens
        messages = self.messages(question.text, history)
        while (taken := self.model.get_num_tokens_from_messages(messages)) > room and history:
            history.pop(0)
            messages = self.messages(question.text, history)
        if len(history) < len(question.history):
            yield Note(f"{len(question.history) - len(history)} earlier turns were dropped to fit the context.")
        if taken > room:
            yield Note(f"The question alone takes {taken} tokens, more than the {room} that fit: ask a shorter one.")
        whole: AIMessageChunk | None = None
        for chunk in self.model.stream(messages):
            if stop.is_set():
                break
            if isinstance(chunk, AIMessageChunk):
                whole = chunk if whole is None else whole + chunk
            if chunk.content:
                yield Token(str(chunk.content))
        usage = (whole.usage_metadata if whole else None) or {"input_tokens": 0, "output_tokens": 0}
        told = whole.response_metadata if whole else {}
        reason: StopReason = "stopped" if stop.is_set() else told.get("finish_reason", "end")
        yield Finished(usage["input_tokens"], usage["output_tokens"], reason, told.get("surprise"))
