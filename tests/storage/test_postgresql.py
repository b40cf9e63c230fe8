"""What is PostgreSQL's alone: addresses, refusals in words, and upgrades in a database that others use too."""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from arena.annotation import QueuedPrompt, Source
from arena.comparison import Choice
from arena.errors import StorageError
from storage import DatabaseQueue, chosen, engine, migrate, open_database, open_history, tables
from storage.exports import export, import_
from storage.place import Server, place_of
from storage.queue import LOCK
from tests.servers import PASSWORD, QUOTED
from tests.storage.contents import prompt
from tests.storage.examples import pair, vote_on

NewDatabase = Callable[[], str]


@pytest.fixture
def server(new_server_database: NewDatabase) -> str:
    return new_server_database()


@pytest.fixture
def empty(votes_server: str, request: pytest.FixtureRequest) -> str:
    """A database in which nothing is yet."""
    name = f"empty_{abs(hash(request.node.name))}"
    with sa.create_engine(votes_server, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return f"{votes_server.rpartition('/')[0]}/{name}"


def execute(address: str, *statements: str) -> None:
    with sa.create_engine(address).begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_the_environment_wins_over_the_workspace_and_its_file_comes_last() -> None:
    folder = Path("demo")
    assert chosen("sqlite:///a.sqlite", folder, {"DATABASE_URL": "postgresql://db/votes"}) == "postgresql://db/votes"
    assert chosen("sqlite:///a.sqlite", folder, {}) == "sqlite:///a.sqlite"
    assert chosen(None, folder, {"DATABASE_URL": ""}) == folder / "arena.sqlite"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_an_address_is_shown_without_user_and_password(scheme: str) -> None:
    place = place_of(f"{scheme}://ann:{QUOTED}@db.example:5433/votes?password={QUOTED}")
    assert isinstance(place, Server) and place.url.drivername == "postgresql+psycopg"
    assert str(place) == "db.example:5433/votes" and PASSWORD not in repr(place) and QUOTED not in repr(place)


@pytest.mark.parametrize("rest", ["ann:secret@host", "ann:secret@host:port/votes", "ann:sec@ret@host:5432/"])
def test_an_address_that_cannot_be_read_is_refused_without_its_password(rest: str) -> None:
    with pytest.raises(StorageError, match="use sqlite.*postgresql://user@host/database") as error:
        open_history(f"postgresql://{rest}")
    assert "sec" not in str(error.value)


def test_without_its_client_the_way_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    with pytest.raises(StorageError, match="db.example/votes needs PostgreSQL's client: pip install -r requirements-s"):
        open_history("postgresql://db.example/votes")


def test_a_server_that_does_not_answer_is_named_with_what_to_check() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, not listening: refused at once
        address = f"127.0.0.1:{held.getsockname()[1]}/votes"
        with pytest.raises(StorageError, match="does not answer .*Check that the server runs") as error:
            open_history(f"postgresql://ann:secret@{address}")
    assert address in str(error.value) and "secret" not in str(error.value)


def test_a_wrong_password_is_not_shown(server: str) -> None:
    with pytest.raises(StorageError, match="user, password and database in the address are right") as error:
        open_history(server.replace(QUOTED, "wrong%2Fone"))
    assert "wrong/one" not in str(error.value) and "wrong%2Fone" not in str(error.value)


def test_a_server_lost_under_a_running_app_fails_the_health_check_and_comes_back(server: str) -> None:
    history = open_history(server)
    compared = pair()
    history.save(compared)
    name = server.rpartition("/")[2]
    killed = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    execute(server.rpartition("/")[0] + "/postgres", killed)
    assert history.cast(vote_on(compared)).annotator == "Ann"  # a dropped connection is made anew
    execute(server.rpartition("/")[0] + "/postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", killed)
    assert "does not answer" in history.check()
    execute(server.rpartition("/")[0] + "/postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert history.check() == "ready"
    history.database.close()


def test_a_database_that_can_only_be_read_says_so(server: str) -> None:
    history = open_history(server)
    name = server.rpartition("/")[2]
    execute(server, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    history.database.close()
    with pytest.raises(StorageError, match="can only be read, not written"):
        history.save(pair())
    assert "can only be read" in history.check() and list(history.recent()) == []
    history.database.close()


def test_the_tables_are_what_the_revisions_make(server: str) -> None:
    history = open_history(server)
    with history.engine.begin() as connection:
        command.check(migrate.configuration(connection))
    history.database.close()


def test_one_step_down_and_up_again_keeps_votes_and_their_triggers(server: str) -> None:
    history = open_history(server)
    compared = pair()
    history.save(compared)
    cast = history.cast(vote_on(compared, reason="both right"))
    with history.engine.begin() as connection:
        command.downgrade(migrate.configuration(connection), "0001")
    history.database.close()
    again = open_history(server)
    assert list(again.votes(compared.id)) == [cast]
    for change in ("UPDATE vote_history SET reason = ''", "DELETE FROM vote_history", "TRUNCATE vote_history CASCADE"):
        with pytest.raises(sa.exc.IntegrityError, match="append-only"), again.engine.begin() as connection:
            connection.exec_driver_sql(change)
    again.database.close()


def test_all_the_way_down_leaves_nothing(server: str) -> None:
    history = open_history(server)
    with history.engine.begin() as connection:
        command.downgrade(migrate.configuration(connection), "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
        assert not connection.exec_driver_sql("SELECT 1 FROM pg_proc WHERE proname = 'refuse_change'").all()
    history.database.close()


def test_many_that_start_at_once_make_the_tables_once(empty: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        histories = list(pool.map(open_history, [empty] * 4))
    assert [history.check() for history in histories] == ["ready"] * 4
    for history in histories:
        history.database.close()


def test_other_tables_in_the_database_are_left_alone_and_ours_of_others_are_refused(empty: str) -> None:
    execute(empty, "CREATE TABLE langchain_pg_embedding (id text)")
    open_history(empty).database.close()
    execute(empty, "DROP TABLE alembic_version")
    with pytest.raises(StorageError, match=r"another program's database \(it holds"):
        open_history(empty)


def test_a_database_from_a_newer_version_is_left_as_it_is(server: str) -> None:
    execute(server, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError, match="newer version of this program .revision 9999.*Update the program"):
        open_history(server)


def test_a_vote_waits_for_whoever_changes_its_comparison(server: str) -> None:
    history = open_history(server)
    compared = pair()
    history.save(compared)
    done = threading.Event()

    def vote() -> None:
        history.cast(vote_on(compared, choice=Choice.TIE))
        done.set()

    with history.database.writing() as connection:
        connection.execute(sa.text("SELECT * FROM comparison FOR UPDATE"))
        voter = threading.Thread(target=vote)
        voter.start()
        assert not done.wait(0.2)
    voter.join(10)
    assert done.is_set() and len(history.votes(compared.id)) == 1
    history.database.close()


def test_votes_cast_during_an_import_wait_for_it_and_are_kept(server: str, tmp_path: Path) -> None:
    here, there = open_history(server), open_history(tmp_path / "there.sqlite")
    compared = pair()
    for site in (here, there):
        site.save(compared)
    for number in range(20):
        there.cast(vote_on(compared, f"there {number}"))
    export(there.database, tmp_path / "there.jsonl")
    with ThreadPoolExecutor(6) as pool:
        cast = pool.map(lambda number: here.cast(vote_on(compared, f"here {number}")), range(40))
        merged = import_(here.database, tmp_path / "there.jsonl")
        assert len(list(cast)) == 40
    assert merged.added["vote"] == 20 and len(here.votes(compared.id)) == len(here.vote_history(compared.id)) == 60
    here.database.close()


def test_an_import_waits_for_who_fills_the_queue_and_doubles_no_prompt(server: str, tmp_path: Path) -> None:
    there, here = open_database(tmp_path / "there.sqlite"), open_database(server)
    prompts, pairs = [QueuedPrompt("Why?", Source.IMPORTED)], [("fine-tuned", "rag")]
    DatabaseQueue(there).add(prompts, pairs)
    export(there, tmp_path / "there.jsonl")
    with ThreadPoolExecutor(1) as pool:
        with here.writing() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            connection.execute(sa.insert(tables.prompt), prompt("here", text="Why?"))
            merging = pool.submit(import_, here, tmp_path / "there.jsonl")
            with pytest.raises(TimeoutError):
                merging.result(0.3)
        merged = merging.result(20)
    assert (merged.kept["prompt"], merged.added["task"]) == (1, 1)
    here.close()
