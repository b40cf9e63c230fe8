"""Language models behind an OpenAI-compatible address (vLLM, llama.cpp's server, Ollama, OpenAI itself).

Each is a LangChain `BaseChatModel`, so that what uses it does not know that it is remote. Does not hold keys: the
caller reads them from the environment.
"""

from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from arena.errors import ModelUnavailable

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

    return ChatOpenAI(
        base_url=url,
        model=model,
        # The client refuses to start without one; a local server does not look at it.
        api_key=SecretStr(key or "none"),
        temperature=0.0,
        timeout=seconds,
        max_retries=ATTEMPTS - 1,
    )
