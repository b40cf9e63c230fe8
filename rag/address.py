"""Where passage vectors are: `faiss` (in this process), or the URL of a server. Reads and checks the URL only.

What a URL holds that nobody should read (a password, an API key) never leaves here in a message or an identity.
"""

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from arena.errors import WorkspaceError

Kind = Literal["faiss", "postgresql", "qdrant"]

HERE = "faiss"
SCHEMES: dict[str, Kind] = {"postgresql+psycopg": "postgresql", "postgresql": "postgresql", "qdrant": "qdrant"}
SECRETS = ("password", "sslpassword")
"""What libpq also takes after the question mark."""
COLLECTION = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,59}")
"""PostgreSQL cuts names after 63 bytes."""
FORMS = '"faiss", "postgresql+psycopg://user@host/database" or "qdrant://host:6333"'


@dataclass(frozen=True)
class Address:
    """`place` tells a person where it is. `url` is what the client is given, without `options` that are ours:
    `collection` ("" for the workspace's own name) and, for Qdrant, `https`; its `key` stands where a password does."""

    kind: Kind
    place: str = ""
    collection: str = ""
    url: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    key: str = field(default="", repr=False)
    https: bool | None = None

    def hidden(self, text: str) -> str:
        """The text without what is secret."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def address_of(url: str) -> Address:
    """What `[rag] vector_store` says.

    Raises:
        WorkspaceError: not one of the forms. Its text holds no password.
    """
    if url == HERE:
        return Address("faiss")
    try:
        parts = urlsplit(url)
        kind = SCHEMES[parts.scheme]
        port = parts.port
    except (KeyError, ValueError):
        raise WorkspaceError(f"rag.vector_store is '{without_credentials(url)}': use {FORMS}.") from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    secrets = _secrets(parts, options)
    collection = options.pop("collection", "")
    if collection and not COLLECTION.fullmatch(collection):
        raise WorkspaceError(
            f"rag.vector_store names the collection '{collection}': use letters, digits, - and _, at most 60, "
            "and begin with a letter."
        )
    host = (parts.hostname or "") + (f":{port}" if port else "")
    if kind == "postgresql":
        return _postgresql(parts, options, host, collection, secrets)
    return _qdrant(parts, options, host, collection, secrets)


def without_credentials(url: str) -> str:
    """The URL with nothing between its scheme and the last @, and nothing after the question mark."""
    return re.sub(r"^([\w+.-]*:(?://)?)?.*@", r"\1", url).partition("?")[0]


def _postgresql(
    parts: SplitResult, options: dict[str, str], host: str, collection: str, secrets: tuple[str, ...]
) -> Address:
    if not parts.path.strip("/"):
        raise WorkspaceError(
            f"rag.vector_store is '{without_credentials(parts.geturl())}', which names no database: use {FORMS}."
        )
    place = f"{host or options.get('host', 'this machine')}{parts.path}"
    url = parts._replace(scheme="postgresql+psycopg", query=urlencode(options), fragment="").geturl()
    if not parts.netloc:  # geturl leaves the slashes out
        url = url.replace("postgresql+psycopg:/", "postgresql+psycopg:///", 1)
    return Address("postgresql", place, collection, url, secrets)


def _qdrant(
    parts: SplitResult, options: dict[str, str], host: str, collection: str, secrets: tuple[str, ...]
) -> Address:
    if not host and parts.path.strip("/"):
        raise WorkspaceError(
            f"rag.vector_store is the folder {unquote(parts.path)}, which Qdrant's client fills with pickles: reading "
            'one can run code. Name a Qdrant server (qdrant://host:6333), or set it to "faiss", which needs no server.'
        )
    wrong = sorted(options.keys() - {"https"}) or ([] if host else ["no host"])
    if wrong or options.get("https", "true") not in ("true", "false"):
        raise WorkspaceError(
            f"rag.vector_store is '{without_credentials(parts.geturl())}' with {', '.join(wrong or ['https'])}: use "
            "qdrant://host:6333, and after a question mark collection=NAME and https=true or https=false."
        )
    https = options["https"] == "true" if "https" in options else None
    return Address("qdrant", host, collection, host, secrets, unquote(parts.password or ""), https)


def _secrets(parts: SplitResult, options: dict[str, str]) -> tuple[str, ...]:
    """As written and as meant, the longest first, so that no rest of one is left."""
    held = [parts.password or "", *(options.get(name, "") for name in SECRETS)]
    return tuple(sorted({form for text in held if text for form in (text, unquote(text))}, key=len, reverse=True))
