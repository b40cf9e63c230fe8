"""The local engine as a LangChain chat model, so that any chain can use it and none knows that it is local."""

from collections.abc import Callable, Iterator
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict

from arena.prompts import Message
from models.engine import Engine

ROLES = {"human": "user", "ai": "assistant", "system": "system"}


class LocalChatModel(BaseChatModel):
    """One adapter of a local engine ("base" for none). Closing the stream ends generation within one token;
    a `stopped` callable may be passed as well. The last chunk carries token counts and `finish_reason`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    engine: Engine
    adapter: str

    @property
    def _llm_type(self) -> str:
        return "local"

    def get_token_ids(self, text: str) -> list[int]:
        """The engine's own; without it LangChain, and code that asks whether a model can count, take GPT-2's."""
        return list(self.engine.tokenizer(text, add_special_tokens=False)["input_ids"])

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Any = None) -> int:
        return self.engine.count(as_messages(messages))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        stopped: Callable[[], bool] = lambda: False,
        **_: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for piece in self.engine.stream(as_messages(messages), self.adapter, stopped):
            chunk = AIMessageChunk(content=piece.text)
            if piece.reason is not None:
                total = piece.prompt_tokens + piece.answer_tokens
                chunk = AIMessageChunk(
                    content="",
                    usage_metadata={
                        "input_tokens": piece.prompt_tokens,
                        "output_tokens": piece.answer_tokens,
                        "total_tokens": total,
                    },
                    response_metadata={"finish_reason": piece.reason, "surprise": piece.surprise},
                    chunk_position="last",
                )
            if run_manager and piece.text:
                run_manager.on_llm_new_token(piece.text)
            yield ChatGenerationChunk(message=chunk)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> ChatResult:
        text = "".join(str(chunk.message.content) for chunk in self._stream(messages, stop, run_manager, **options))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=text))])


def as_messages(messages: list[BaseMessage]) -> list[Message]:
    """LangChain's messages as role and content; other kinds of message are not understood by a chat template."""
    return [{"role": ROLES[message.type], "content": str(message.content)} for message in messages]
