"""The same passages as with FAISS, from a real PostgreSQL with pgvector and from Qdrant's client without its server."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from arena.errors import ArenaError, IndexUnavailable, WorkspaceError
from rag import stores, sync
from rag.contestant import RagContestant
from rag.embedder import SentenceEmbedder
from rag.index import Index, open_or_build
from rag.retrieve import passage_columns, search
from rag.settings import Settings
from rag.stores import Store, add
from tests.rag.examples import LAMPS, ScriptedModel, ask, passages
from tests.rag.indexing_process import ToyEmbedder
from tests.rag.test_contestant import GENERATOR, HEAVY
from tests.rag.test_upkeep import run
from tests.servers import PASSWORD, QUOTED, needs

QUESTIONS = (HEAVY, "How many days off do I get?", "In which town is the glass lamp made?", "!!!")
Opener = Callable[..., Index]


@pytest.fixture(params=["postgresql", "qdrant"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty collection."""
    if request.param == "qdrant":
        needs("langchain_qdrant")
        server = in_memory()
        monkeypatch.setattr(stores, "_server", lambda address: server)
        return "qdrant://qdrant.example:6333"
    needs("langchain_postgres", "psycopg")
    return f"{request.getfixturevalue('postgresql')}?collection={tmp_path.name[-40:]}"


def in_memory() -> Any:
    """What a server does, by Qdrant's own client in memory: without files, and outliving who opens and closes it."""
    from qdrant_client import QdrantClient

    class Server(QdrantClient):
        def close(self, *_: Any, **__: Any) -> None:
            pass

    return Server(":memory:")


@pytest.fixture
def opened(workspace: Path, embedder: SentenceEmbedder, url: str) -> Iterator[Opener]:
    """Opens the workspace's index in the store, one at a time."""
    held: list[Index] = []

    def opener(embedder: Any = embedder, **settings: Any) -> Index:
        close()
        held.append(open_or_build(workspace, embedder, Settings(vector_store=url, **settings)))
        return held[-1]

    def close() -> None:
        while held:
            store_of(held.pop()).close()

    opener.close = close  # type: ignore[attr-defined]
    yield opener
    close()


def store_of(index: Index) -> Store:
    assert isinstance(index.vectors, sync.Elsewhere)
    return index.vectors.store


def sent_and_removed(index: Index) -> list[int]:
    return [int(word) for word in index.report.stored.rpartition(": ")[2].split() if word.isdigit()]


def test_the_same_is_found_as_with_faiss(workspace: Path, embedder: SentenceEmbedder, opened: Opener) -> None:
    (workspace / "documents" / "copy").mkdir()
    (workspace / "documents" / "copy" / "lamps.md").write_text(LAMPS)  # one part, two documents
    here, there = open_or_build(workspace, embedder), opened()
    assert (there.identity, there.chunks) == (here.identity, here.chunks)
    for question in QUESTIONS:
        assert search(there, question) == search(here, question)
        for column, wanted in zip(passage_columns(there, question), passage_columns(here, question), strict=True):
            assert numpy.allclose(column, wanted, atol=1e-5)


def test_a_search_within_some_documents_finds_all_that_is_in_them(embedder: SentenceEmbedder, opened: Opener) -> None:
    index = opened()
    within = numpy.array([chunk.document == "holidays.txt" for chunk in index.chunks])
    assert isinstance(index.vectors, sync.Elsewhere)
    _, places = index.vectors.search(embedder.encode([HEAVY]), 3, within)
    assert places.tolist() == [numpy.flatnonzero(within).tolist()]


def test_only_what_changed_is_sent(workspace: Path, opened: Opener) -> None:
    documents = workspace / "documents"
    assert sent_and_removed(opened()) == [4, 0]
    assert sent_and_removed(opened()) == [0, 0]
    (documents / "holidays.txt").write_text("HOLIDAYS\n\nEvery employee has 33 days of paid holiday a year.")
    assert sent_and_removed(opened()) == [1, 1]
    (documents / "lamps.md").rename(documents / "a.md")
    assert sent_and_removed(opened())[0] > 0  # a name may be a title
    (documents / "a.md").unlink()
    index = opened()
    assert sent_and_removed(index)[1] > 0
    assert store_of(index).ids() == set(sync.passage_ids(index.manifest))


def test_another_way_to_split_replaces_all(opened: Opener) -> None:
    before = len(store_of(opened()).ids())
    sent, removed = sent_and_removed(opened(chunk_tokens=20))
    assert sent > removed == before


def test_a_run_that_was_killed_goes_on(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def killed(*arguments: Any) -> None:
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(add(*arguments))

    monkeypatch.setattr(sync, "BATCH", 1)
    monkeypatch.setattr(sync, "add", killed)
    with pytest.raises(KeyboardInterrupt):
        opened()
    monkeypatch.setattr(sync, "add", add)
    assert sent_and_removed(opened()) == [1, 0]


def test_a_deleted_document_is_gone_from_answers_at_once_and_from_the_store_with_the_next_start(
    workspace: Path, embedder: SentenceEmbedder, opened: Opener
) -> None:
    index = opened()
    rag = RagContestant(index, ScriptedModel(pieces=["9 kilograms"]), GENERATOR)
    assert "lamps.md" in {passage.document for passage in passages(ask(rag, HEAVY)).passages}
    (workspace / "documents" / "lamps.md").unlink()
    assert "lamps.md" not in {passage.document for passage in passages(ask(rag, HEAVY)).passages}
    for question in QUESTIONS:  # what the store still holds takes nobody's place
        assert search(index.present(), question) == search(open_or_build(workspace, embedder), question)
    held = len(store_of(index).ids())
    after = opened()
    assert 0 < len(store_of(after).ids()) == len(after.chunks) < held


def test_the_commands_keep_the_store_in_order(workspace: Path, url: str, opened: Opener) -> None:
    (workspace / "workspace.toml").write_text(f'[rag]\nvector_store = "{url}"\n')
    index = opened()
    opened.close()  # type: ignore[attr-defined]
    assert "The index is sound: 3 documents." in run("verify", workspace)[1]
    (workspace / "documents" / "holidays.txt").unlink()
    open_or_build(workspace, index.embedder)
    assert "1 passages of documents that are gone" in run("verify", workspace)[1]
    assert "3 passages removed from the vector store" in run("delete", workspace, "lamps.md", "--yes")[1]
    code, output = run("search", workspace, "In which town are the works?")
    assert code == 0 and "Aldergate" in output and "lamps.md" not in output
    assert len(index.chunks) == 4


def test_what_another_program_put_there_is_not_deleted(opened: Opener, url: str) -> None:
    from langchain_core.documents import Document

    store = store_of(opened())
    strange = "00000000-0000-0000-0000-000000000001"
    add(store, [Document("theirs", metadata={})], numpy.ones((1, 384), dtype=numpy.float32), [strange])
    with pytest.raises(IndexUnavailable, match=r"did not put there \(00000000-.*\?collection=NAME"):
        opened()


def test_vectors_of_another_width_are_refused_with_both_numbers(opened: Opener) -> None:
    opened()
    with pytest.raises(IndexUnavailable, match="vectors of 384 numbers; the embedder gives 32.*collection=NAME"):
        opened(ToyEmbedder())


def test_a_store_that_lost_its_passages_says_how_to_fill_it(opened: Opener) -> None:
    index = opened()
    sync.delete(store_of(index), list(store_of(index).ids()))
    with pytest.raises(IndexUnavailable, match="none of the passages.*python -m rag index"):
        search(index, HEAVY)


def test_a_store_of_an_empty_workspace_is_empty(workspace: Path, opened: Opener) -> None:
    for file in (workspace / "documents").iterdir():
        file.unlink()
    index = opened()
    assert search(index, HEAVY).sentences == () and not store_of(index).ids()


def test_two_documents_with_the_same_text_in_one_batch_are_both_found(workspace: Path, opened: Opener) -> None:
    for name in ("one.txt", "two.txt"):
        (workspace / "documents" / name).write_text("TABLES\n\nThe oak table weighs 30 kilograms.")
    index = opened()
    found = search(index, "How heavy is the oak table?")
    assert {"one.txt", "two.txt"} <= {index.chunks[place].document for place in found.near}


def sql(postgresql: str, *commands: str) -> None:
    import psycopg

    with psycopg.connect(postgresql.replace("+psycopg", ""), autocommit=True) as connection:
        for command in commands:
            connection.execute(command)


@pytest.fixture
def database(postgresql: str) -> Iterator[str]:
    """The URL of a database of one's own."""
    sql(postgresql, "CREATE DATABASE fresh")
    yield postgresql.replace("/postgres", "/fresh")
    sql(postgresql, "DROP DATABASE IF EXISTS fresh WITH (FORCE)")


def test_lost_connections_are_made_anew_and_a_lost_database_is_named(
    workspace: Path, embedder: SentenceEmbedder, postgresql: str, database: str
) -> None:
    index = open_or_build(workspace, embedder, Settings(vector_store=database))
    found = search(index, HEAVY)
    sql(postgresql, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'fresh'")
    assert search(index, HEAVY) == found
    sql(postgresql, "DROP DATABASE fresh WITH (FORCE)")
    with pytest.raises(IndexUnavailable, match=r"127\.0\.0\.1:\d+/fresh.*Start the server") as failure:
        search(index, HEAVY)
    assert PASSWORD not in str(failure.value) and QUOTED not in str(failure.value)
    store_of(index).close()


def test_a_wrong_password_is_refused_without_showing_it(
    workspace: Path, embedder: SentenceEmbedder, postgresql: str
) -> None:
    wrong = Settings(vector_store=postgresql.replace(QUOTED, "wrongly"))
    with pytest.raises(IndexUnavailable, match="password authentication failed") as failure:
        open_or_build(workspace, embedder, wrong)
    assert "wrongly" not in str(failure.value)


def test_a_server_without_pgvector_says_what_to_install(
    workspace: Path, embedder: SentenceEmbedder, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "EXTENSION", stores.EXTENSION.replace("vector", "not there"))
    with pytest.raises(IndexUnavailable, match="has no pgvector: install it"):
        open_or_build(workspace, embedder, Settings(vector_store=postgresql))


def test_a_database_in_which_the_extension_cannot_be_made_says_who_can(
    workspace: Path, embedder: SentenceEmbedder, postgresql: str, database: str
) -> None:
    sql(postgresql, "CREATE ROLE guest LOGIN PASSWORD 'guest'")
    try:
        url = database.replace(f"arena:{QUOTED}", "guest:guest")
        with pytest.raises(IndexUnavailable, match="owner run CREATE EXTENSION vector"):
            open_or_build(workspace, embedder, Settings(vector_store=url))
    finally:
        sql(postgresql, "DROP ROLE guest")


@pytest.mark.parametrize("form", ["qdrant:index/qdrant", "qdrant:///var/qdrant"])
def test_a_folder_is_refused_because_of_its_pickles(form: str) -> None:
    with pytest.raises(WorkspaceError, match=r'folder .*/qdrant, .* pickle.*qdrant://host:6333.*"faiss"'):
        Settings(vector_store=form)


@pytest.mark.parametrize(
    "form", ["postgresql+psycopg://me:se%40cret@127.0.0.1:{port}/db", "qdrant://:se%40cret@127.0.0.1:{port}"]
)
def test_a_server_that_is_away_is_named_without_the_password(
    form: str, workspace: Path, embedder: SentenceEmbedder, caplog: pytest.LogCaptureFixture
) -> None:
    needs("langchain_postgres", "langchain_qdrant")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = Settings(vector_store=form.format(port=port))
    with pytest.raises(IndexUnavailable, match=rf'127\.0\.0\.1:{port}.*Start the server.*"faiss"') as failure:
        open_or_build(workspace, embedder, settings)
    seen = [str(failure.value), repr(failure.value.__cause__), repr(settings), str(settings.as_identity()), caplog.text]
    assert not any(form in text for text in seen for form in ("se@cret", "se%40cret"))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://me:secret@host/db", "'mysql://host/db': use \"faiss\""),
        ("postgresql://me:secret@host", "names no database"),
        ("postgresql://me:secret@host:port/db", "'postgresql://host:port/db'"),
        ("qdrant://", "no host"),
        ("qdrant://host?tls=yes", "with tls"),
        ("qdrant://host?https=maybe", "with https"),
        ("qdrant://host?collection=a b", "collection 'a b'"),
        ("chroma", "'chroma'"),
    ],
)
def test_a_wrong_url_is_said_at_once_and_without_the_password(url: str, said: str) -> None:
    with pytest.raises(WorkspaceError) as failure:
        Settings(vector_store=url)
    assert said in str(failure.value) and "secret" not in str(failure.value)


def test_the_usual_store_leaves_identities_as_they_were() -> None:
    assert "vector_store" not in Settings().as_identity()
    assert Settings(vector_store="qdrant://:key@host").as_identity()["vector_store"] == "qdrant"


def test_a_missing_package_is_named_with_the_command(
    workspace: Path, embedder: SentenceEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "langchain_qdrant", None)
    with pytest.raises(ArenaError, match="langchain_qdrant.*pip install -r requirements-stores.txt"):
        open_or_build(workspace, embedder, Settings(vector_store="qdrant://127.0.0.1:1"))
