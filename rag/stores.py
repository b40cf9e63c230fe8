"""LangChain vector stores with a server behind them, opened by address: pgvector and Qdrant.

Opens, checks, lists and deletes; says in words what is wrong. Which passages belong in one is decided in `sync.py`. The
libraries are extras (requirements-stores.txt) and only imported here, when one is opened. Qdrant without a server is
refused: its client keeps a folder's points with pickle (qdrant_client/local/persistence.py), and whoever can write such
a file has code run where it is read.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from arena.errors import ArenaError, IndexUnavailable, WorkspaceError
from rag.address import Address

INSTALL = "pip install -r requirements-stores.txt"
PATIENCE = 10
"""Seconds that a server may take to answer a call or a greeting."""
AT_ONCE = 10_000
"""Points that are listed with one call."""
ROWS = """SELECT langchain_id::text, langchain_metadata->>'part' IS NULL FROM "{}" """
WIDTH = "SELECT atttypmod FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = 'embedding'"
EXTENSION = "SELECT installed_version FROM pg_available_extensions WHERE name = 'vector'"


def passage_id(part: str, number: int) -> str:
    """The name of a part's passage in any store. Qdrant takes nothing but UUIDs."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{part}/{number}"))


class Store(Protocol):
    """One collection of passages. `langchain` is the store that any LangChain program can search, too."""

    address: Address
    collection: str
    langchain: VectorStore

    def ids(self) -> set[str]:
        """Of all passages that are in it."""
        ...

    def similarity(self, score: float) -> float:
        """The cosine that the store's score stands for."""
        ...

    def close(self) -> None: ...


class Known(Embeddings):
    """Vectors that are there already, for a library that insists on embedding what it is handed."""

    def __init__(self) -> None:
        self.vectors: Mapping[str, numpy.ndarray] = {}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.vectors[text].tolist() for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def open_store(address: Address, collection: str, width: int | None) -> Store | None:
    """The collection at this address. When there is none it is made, for vectors of `width` numbers; without a width
    there is None.

    Raises:
        IndexUnavailable: the server is missing, or what is there is not for these vectors.
        WorkspaceError: a package is missing.
    """
    opener = open_postgresql if address.kind == "postgresql" else open_qdrant
    with in_words(address):
        return opener(address, collection, width)


def add(store: Store, documents: Sequence[Document], vectors: numpy.ndarray, ids: Sequence[str]) -> None:
    """Add passages, or put them in the place of those with the same ids."""
    known = store.langchain.embeddings
    assert isinstance(known, Known)
    known.vectors = {document.page_content: row for document, row in zip(documents, vectors, strict=True)}
    with in_words(store.address):
        store.langchain.add_documents(list(documents), ids=list(ids))


def delete(store: Store, ids: Sequence[str]) -> None:
    """Delete passages; those that are not there are no error."""
    with in_words(store.address):
        store.langchain.delete(list(ids))


def nearest(store: Store, vector: numpy.ndarray, count: int) -> list[tuple[str, float]]:
    """The ids of the nearest passages and their cosines, best first."""
    with in_words(store.address):
        found = store.langchain.similarity_search_with_score_by_vector(vector.tolist(), k=count)  # type: ignore
    return [
        (passage_id(held.metadata["part"], held.metadata["number"]), store.similarity(score)) for held, score in found
    ]


class Postgresql:
    """A table made by LangChain's `PGVectorStore`. Searched exactly: nobody made an index in it."""

    def __init__(self, address: Address, collection: str, engine: Any, langchain: VectorStore) -> None:
        self.address, self.collection = address, collection
        self._engine, self.langchain = engine, langchain

    def ids(self) -> set[str]:
        with in_words(self.address), _connection(self.address) as connection:
            rows = connection.execute(ROWS.format(self.collection)).fetchall()
        return _all_ours(rows, self.address, self.collection)

    def similarity(self, score: float) -> float:
        return 1 - score  # pgvector's <=> is the cosine distance

    def close(self) -> None:
        self._engine._run_as_sync(self._engine.close())


def open_postgresql(address: Address, collection: str, width: int | None) -> Store | None:
    """Makes the extension and the table where they are missing."""
    from langchain_postgres import PGEngine, PGVectorStore

    with _connection(address) as connection:
        installed = connection.execute(EXTENSION).fetchone()
        if installed is None:
            raise IndexUnavailable(
                f"The PostgreSQL server at {address.place} has no pgvector: install it there (Debian's package is "
                'postgresql-17-pgvector for version 17), or set vector_store = "faiss" under [rag] in workspace.toml.'
            )
        found = connection.execute(WIDTH, (f'"{collection}"',)).fetchone()
    if found is not None:
        _check_width(address, collection, found[0], width)
    elif width is None:
        return None
    engine = PGEngine.from_connection_string(
        address.url, connect_args={"connect_timeout": PATIENCE}, pool_pre_ping=True
    )
    if found is None and width is not None:
        engine.init_vectorstore_table(collection, width)
    return Postgresql(address, collection, engine, PGVectorStore.create_sync(engine, Known(), collection))


def _connection(address: Address) -> Any:
    import psycopg

    return psycopg.connect(address.url.replace("+psycopg", "", 1), connect_timeout=PATIENCE)


class Qdrant:
    """A collection in a Qdrant server."""

    def __init__(self, address: Address, collection: str, client: Any, langchain: VectorStore) -> None:
        self.address, self.collection = address, collection
        self._client, self.langchain = client, langchain

    def ids(self) -> set[str]:
        rows: list[tuple[str, bool]] = []
        with in_words(self.address):
            offset = None
            while True:
                points, offset = self._client.scroll(
                    self.collection, limit=AT_ONCE, offset=offset, with_payload=["metadata.part"]
                )
                rows += [(str(point.id), not (point.payload or {}).get("metadata")) for point in points]
                if offset is None:
                    return _all_ours(rows, self.address, self.collection)

    def similarity(self, score: float) -> float:
        return score

    def close(self) -> None:
        self._client.close()


def open_qdrant(address: Address, collection: str, width: int | None) -> Store | None:
    """Makes the collection where it is missing."""
    from langchain_qdrant import QdrantVectorStore
    from qdrant_client import models

    client = _server(address)
    if client.collection_exists(collection):
        vectors = client.get_collection(collection).config.params.vectors
        _check_width(address, collection, getattr(vectors, "size", 0), width)
    elif width is None:
        client.close()
        return None
    else:
        client.create_collection(collection, models.VectorParams(size=width, distance=models.Distance.COSINE))
    known = QdrantVectorStore(client, collection, Known(), validate_collection_config=False)
    return Qdrant(address, collection, client, known)


def _server(address: Address) -> Any:
    from qdrant_client import QdrantClient

    url = f"{'https' if address.https or (address.https is None and address.key) else 'http'}://{address.url}"
    return QdrantClient(url=url, api_key=address.key or None, timeout=PATIENCE, check_compatibility=False)


def _check_width(address: Address, collection: str, found: int, width: int | None) -> None:
    if width is not None and found != width:
        raise IndexUnavailable(
            f"The collection '{collection}' at {address.place} holds vectors of {found} numbers; the embedder gives "
            f"{width}. Drop it, or name another one: end rag.vector_store in ?collection=NAME."
        )


def _all_ours(rows: Sequence[tuple[str, bool]], address: Address, collection: str) -> set[str]:
    """What is not this program's would be deleted as gone from the documents."""
    foreign = [found for found, strange in rows if strange]
    if foreign:
        raise IndexUnavailable(
            f"The collection '{collection}' at {address.place} holds {len(foreign)} entries that this program did not "
            f"put there ({foreign[0]}): name another one, rag.vector_store ending in ?collection=NAME."
        )
    return {found for found, _ in rows}


@contextmanager
def in_words(address: Address) -> Iterator[None]:
    """The one place where what the libraries raise becomes an error for people, without a password. Its cause is left
    out, since that may hold one."""
    try:
        yield
    except ArenaError:
        raise
    except ImportError as error:
        raise WorkspaceError(
            f"rag.vector_store is at {address.place}, and {error.name} is not installed: run `{INSTALL}`."
        ) from None
    except Exception as error:
        said = address.hidden(str(getattr(error, "orig", None) or error)).strip() or type(error).__name__
        raise IndexUnavailable(_advice(address, type(error).__name__, " ".join(said.split())[:300])) from None


def _advice(address: Address, kind: str, said: str) -> str:
    where = f"The vector store at {address.place} ({address.kind})"
    if "permission denied to create extension" in said:
        return f"{where} has pgvector, but not in this database: have its owner run CREATE EXTENSION vector there."
    return (
        f"{where} cannot be used ({kind}: {said}). Start the server, correct rag.vector_store in workspace.toml, or "
        'set it to "faiss", which needs no server.'
    )
