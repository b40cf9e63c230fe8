"""Language models behind an OpenAI-compatible address (vLLM, llama.cpp's server, Ollama, OpenAI itself).

Each is a LangChain `BaseChatModel`, so that what uses it does not know that it is remote. Template tokens in what it is
sent are neutralised: such servers read them as their own. Does not hold keys: the caller reads them from the
environment.
"""

from typing import Any
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from arena.errors import ModelUnavailable
from arena.prompts import neutral

PATIENCE = 120.0
"""Seconds for one answer: a large model on a busy server is slow, a dead one is noticed."""
ATTEMPTS = 3


def remote_chat_model(url: str, model: str, key: str = "", seconds: float = PATIENCE) -> BaseChatModel:
    """The model called `model` at `url` ("http://localhost:8000/v1"), greedy; `key` may be empty for a local server.

    Nothing is sent yet: a wrong address shows at the first question.

    Raises:
        ModelUnavailable: not an http address, or no model named.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ModelUnavailable(
            f"'{url}' is not the address of a model: give one like http://localhost:8000/v1 "
            "(the part before /chat/completions)."
        )
    if not model.strip():
        raise ModelUnavailable(f"Which model at {url}? Name it as the server does (its list is at {url}/models).")
    from langchain_openai import ChatOpenAI

    class Neutral(ChatOpenAI):
        """The one place that every way of asking goes through, streamed or not."""

        def _get_request_payload(self, *given: Any, **options: Any) -> dict[str, Any]:
            payload = super()._get_request_payload(*given, **options)
            # "input" is what newer models of OpenAI call them.
            for name in {"messages", "input"} & payload.keys():
                payload[name] = [{**message, "content": _neutral(message.get("content"))} for message in payload[name]]
            return payload

    return Neutral(
        base_url=url,
        model=model,
        # The client refuses to start without one; a local server does not look at it.
        api_key=SecretStr(key or "none"),
        temperature=0.0,
        timeout=seconds,
        max_retries=ATTEMPTS - 1,
    )


def _neutral(content: Any) -> Any:
    """Of a message's content: text, or a list of parts of which some hold text."""
    if isinstance(content, list):
        return [{**part, "text": neutral(part["text"])} if "text" in part else part for part in content]
    return neutral(content) if isinstance(content, str) else content
