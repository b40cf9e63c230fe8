"""The LangChain chain: search text, passages, prompt, answer. Streamed, each key comes as soon as it is known,
so the passages are there before the first token. The model is any chat model; nothing here knows which.
"""

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import Runnable, RunnableBranch, RunnableConfig, RunnableLambda, RunnablePassthrough

from arena.prompts import DOCUMENTS_DO_NOT_SAY
from rag.budget import Prompt, fitted
from rag.follow_ups import search_text
from rag.index import Index
from rag.passages import SentenceRetriever
from rag.retrieve import Judge
from rag.settings import Settings


def build_chain(
    index: Index, model: BaseChatModel, judge: Judge | None = None, rewriter: BaseChatModel | None = None
) -> Runnable[dict[str, Any], dict[str, Any]]:
    """Takes `question` and `history` (a sequence of `Turn`); adds `search_text`, `documents`, `prompt`
    (a `Prompt`) and `answer` (an AI message, streamed in chunks). A list `streams` may be given: the model's stream is
    put into it, for whoever wants it to end at once. Closing the chain's own is not enough for that: generators
    inside of generators are let go of when Python pleases (3.13: seconds later)."""
    settings, limit = index.settings, needed(index.settings, judge)

    def fit(given: dict[str, Any]) -> Prompt:
        return fitted(model, settings, given["question"], given["documents"], given["history"], judge is not None)

    retriever = SentenceRetriever(index=index, judge=judge)

    def generate(given: dict[str, Any], config: RunnableConfig) -> Iterator[AIMessageChunk]:
        stream = model.stream(list(given["prompt"].messages), config)
        given.get("streams", []).append(stream)
        yield from stream

    return (
        RunnablePassthrough.assign(
            search_text=lambda given: search_text(given["question"], given["history"], settings.follow_ups, rewriter)
        )
        .assign(documents=itemgetter("search_text") | retriever)
        .assign(prompt=RunnableLambda(fit))
        .assign(
            answer=RunnableBranch(
                (lambda given: too_far(given["documents"], limit), _abstain()), RunnableLambda(generate)
            )
        )
    )


def needed(settings: Settings, judge: Judge | None) -> float:
    """The score that the best sentence needs for the model to be asked."""
    return settings.abstain_below if judge is None else settings.judged_below


def too_far(documents: Sequence[Document], limit: float) -> bool:
    """Nothing was found that is worth reading."""
    return max((document.metadata["score"] for document in documents), default=float("-inf")) < limit


def _abstain() -> Runnable[Any, AIMessageChunk]:
    said = AIMessageChunk(content=DOCUMENTS_DO_NOT_SAY, response_metadata={"finish_reason": "end"})
    return RunnableLambda(lambda _: said)
