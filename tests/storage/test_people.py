"""People and their sign-ins: who gets in, when that ends, and what a database gives away. In each kind of them."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from arena.errors import NotAllowed, StorageError
from arena.people import NOBODY, Person, Role
from storage import DatabaseHistory, DatabasePeople, open_database, open_people, passwords, tables
from storage.passwords import Cost
from tests.storage.examples import CHEAP, OTHER, PASSWORD, people_in


class Calendar:
    def __init__(self) -> None:
        self.now = datetime(2026, 9, 17, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def people(kept: DatabaseHistory, calendar: Calendar) -> DatabasePeople:
    """Ada alone, an admin."""
    made = DatabasePeople(kept.database, cost=CHEAP, now=calendar)
    made.add("Ada", PASSWORD, Role.ADMIN)
    return made


@pytest.fixture
def in_a_file(path: Path) -> DatabasePeople:
    """The same, for what is about the file."""
    made = people_in(path)
    made.add("Ada", PASSWORD, Role.ADMIN)
    return made


@pytest.fixture
def elsewhere(place: str) -> Iterator[DatabasePeople]:
    """The same people, as another process opens them."""
    opened = DatabasePeople(open_database(place), cost=CHEAP)
    yield opened
    opened.database.close()


def test_who_signs_in_is_known_by_the_token(people: DatabasePeople) -> None:
    token = people.sign_in("Ada", PASSWORD)
    assert people.signed_in(token) == Person("Ada", Role.ADMIN)
    assert people.signed_in(token + "x") == people.signed_in("") == people.signed_in("\ud800") == NOBODY
    assert people.sign_in("Ada", PASSWORD) != token


@pytest.mark.parametrize("name", ["ada", " ADA ", "Ａｄａ"])
def test_a_name_signs_in_however_it_is_spelled(people: DatabasePeople, name: str) -> None:
    assert people.signed_in(people.sign_in(name, PASSWORD)).name == "Ada"
    with pytest.raises(NotAllowed, match="somebody of the name Ada already"):
        people.add(name, OTHER, Role.ANNOTATOR)


def test_a_password_counts_whatever_form_its_accents_have(people: DatabasePeople) -> None:
    people.add("Ben", "cafe\u0301 on the corner", Role.ANNOTATOR)
    people.sign_in("Ben", "caf\u00e9 on the corner")
    with pytest.raises(NotAllowed):
        people.sign_in("Ben", "Caf\u00e9 on the corner")


def test_a_wrong_name_and_a_wrong_password_get_the_same_words_and_the_same_work(
    people: DatabasePeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    matches = passwords.matches

    def counted(password: str, hashed: str) -> bool:
        compared.append(hashed.rsplit("$", 2)[0])
        return matches(password, hashed)

    monkeypatch.setattr(passwords, "matches", counted)
    said = set()
    for name in ("Ada", "nobody", "", "x" * 10_000):
        with pytest.raises(NotAllowed) as refused:
            people.sign_in(name, OTHER)
        said.add(str(refused.value))
    assert len(said) == 1
    assert compared == ["$argon2id$v=19$m=64,t=1,p=1"] * 4


def test_a_sign_in_ends_after_its_hours(people: DatabasePeople, calendar: Calendar) -> None:
    token = people.sign_in("Ada", PASSWORD)
    calendar.now += timedelta(hours=11, minutes=59)
    assert people.signed_in(token) != NOBODY
    calendar.now += timedelta(minutes=1)
    assert people.signed_in(token) == NOBODY
    people.sign_in("Ada", PASSWORD)
    with people.database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sign_in").scalar() == 1  # the ended one is gone


def sign_out(people: DatabasePeople, token: str) -> None:
    people.sign_out(token)


def change_password(people: DatabasePeople, token: str) -> None:
    people.change("ben", password=OTHER)


def remove(people: DatabasePeople, token: str) -> None:
    people.remove("BEN")


@pytest.mark.parametrize("end", [sign_out, change_password, remove])
def test_a_sign_in_ends_at_once_with(people: DatabasePeople, end: Callable[[DatabasePeople, str], None]) -> None:
    people.add("Ben", PASSWORD, Role.ANNOTATOR)
    token, another = people.sign_in("Ben", PASSWORD), people.sign_in("Ada", PASSWORD)
    end(people, token)
    assert people.signed_in(token) == NOBODY
    assert people.signed_in(another).name == "Ada"


def test_a_new_role_holds_for_who_is_signed_in(people: DatabasePeople) -> None:
    people.add("Ben", PASSWORD, Role.ANNOTATOR)
    token = people.sign_in("Ben", PASSWORD)
    assert people.change("Ben", role=Role.VISITOR) == Person("Ben", Role.VISITOR)
    assert people.signed_in(token).role is Role.VISITOR


def test_a_password_that_others_have_seen_has_to_be_changed_before_anything_else(people: DatabasePeople) -> None:
    people.add("Ben", PASSWORD, Role.ADMIN, once=True)
    assert not people.signed_in(people.sign_in("Ben", PASSWORD)).may(Role.VISITOR)
    people.change("Ben", password=OTHER)
    assert people.signed_in(people.sign_in("Ben", OTHER)).may(Role.ADMIN)
    people.change("Ben", password=PASSWORD, once=True)
    assert people.signed_in(people.sign_in("Ben", PASSWORD)).must_change


def test_the_last_admin_stays(people: DatabasePeople) -> None:
    people.add("Ben", PASSWORD, Role.ANNOTATOR)
    with pytest.raises(NotAllowed, match="Ada is the last admin: make somebody else an admin first"):
        people.remove("Ada")
    with pytest.raises(NotAllowed, match="last admin"):
        people.change("Ada", role=Role.ANNOTATOR)
    people.change("Ada", role=Role.ADMIN)
    people.change("Ben", role=Role.ADMIN)
    people.remove("Ada")
    assert people.all() == [Person("Ben", Role.ADMIN)]


def refused(*acts: Callable[[], object]) -> list[BaseException]:
    """What those raise that are done at once and do not pass."""
    start = threading.Barrier(len(acts))

    def together(act: Callable[[], object]) -> None:
        start.wait()
        act()

    with ThreadPoolExecutor(len(acts)) as pool:
        failures = [done.exception() for done in [pool.submit(together, act) for act in acts]]
    return [failure for failure in failures if failure is not None]


def test_two_admins_who_demote_each_other_leave_one(people: DatabasePeople, elsewhere: DatabasePeople) -> None:
    people.add("Ben", PASSWORD, Role.ADMIN)
    (failure,) = refused(
        lambda: people.change("Ada", role=Role.VISITOR), lambda: elsewhere.change("Ben", role=Role.VISITOR)
    )
    assert isinstance(failure, NotAllowed)
    assert [person.role for person in people.all()].count(Role.ADMIN) == 1


def test_of_two_who_add_the_same_name_at_once_one_is_told(people: DatabasePeople, elsewhere: DatabasePeople) -> None:
    (failure,) = refused(
        lambda: people.add("Ben", OTHER, Role.VISITOR), lambda: elsewhere.add("ben", OTHER, Role.VISITOR)
    )
    assert isinstance(failure, NotAllowed) and "somebody of the name" in str(failure)
    assert [person.name.lower() for person in people.all()] == ["ada", "ben"]


def test_who_is_not_there_is_named(people: DatabasePeople) -> None:
    for act in (lambda: people.remove("Zoe"), lambda: people.change("Zoe", role=Role.ADMIN)):
        with pytest.raises(NotAllowed, match="nobody of the name 'Zoe'"):
            act()


def test_a_short_password_is_refused_and_changes_nothing(people: DatabasePeople) -> None:
    with pytest.raises(NotAllowed, match="5 characters"):
        people.add("Ben", "short", Role.ANNOTATOR)
    with pytest.raises(NotAllowed, match="5 characters"):
        people.change("Ada", password="short")
    assert [person.name for person in people.all()] == ["Ada"]
    people.sign_in("Ada", PASSWORD)


def test_the_database_holds_neither_passwords_nor_tokens(people: DatabasePeople) -> None:
    token = people.sign_in("Ada", PASSWORD)
    with people.database.reading() as connection:
        rows = [connection.execute(sa.select(table)).all() for table in tables.metadata.sorted_tables]
    assert "Ada" in repr(rows) and token not in repr(rows) and PASSWORD not in repr(rows)


def test_the_file_holds_neither_passwords_nor_tokens(in_a_file: DatabasePeople) -> None:
    token = in_a_file.sign_in("Ada", PASSWORD)
    kept = in_a_file.database.path.read_bytes()
    assert b"Ada" in kept and token.encode() not in kept and PASSWORD.encode() not in kept


def test_the_cost_of_a_password_is_what_is_documented() -> None:
    hashed = Cost().hashed(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.matches(PASSWORD, hashed)
    assert not passwords.matches(PASSWORD, Cost().nobodys)


def test_the_same_password_never_looks_the_same() -> None:
    assert CHEAP.hashed(PASSWORD) != CHEAP.hashed(PASSWORD)


def test_people_are_kept(people: DatabasePeople, place: str) -> None:
    again = open_people(place)
    assert again.all() == [Person("Ada", Role.ADMIN)]
    again.database.close()


def test_a_file_that_is_gone_is_said_in_words(in_a_file: DatabasePeople, path: Path) -> None:
    path.unlink()
    with pytest.raises(StorageError, match="could not be opened"):
        in_a_file.signed_in("x")
