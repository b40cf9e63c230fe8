"""People and their sign-ins: who gets in, when that ends, and what the file gives away."""

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from arena.errors import NotAllowed, StorageError
from arena.people import NOBODY, Person, Role
from storage import DatabasePeople, open_people, passwords
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


@pytest.fixture(scope="module")
def inhabited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; each test has a copy."""
    path = tmp_path_factory.mktemp("inhabited") / "arena.sqlite"
    people_in(path).add("Ada", PASSWORD, Role.ADMIN)
    return path


@pytest.fixture
def people(inhabited: Path, path: Path, calendar: Calendar) -> DatabasePeople:
    return people_in(Path(shutil.copy(inhabited, path)), now=calendar)


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


def test_two_admins_who_demote_each_other_leave_one(people: DatabasePeople) -> None:
    people.add("Ben", PASSWORD, Role.ADMIN)
    start = threading.Barrier(2)

    def demote(name: str) -> None:
        start.wait()
        people_in(people.database.path).change(name, role=Role.VISITOR)

    with ThreadPoolExecutor(2) as pool:
        failures = [done.exception() for done in [pool.submit(demote, name) for name in ("Ada", "Ben")]]
    assert sorted(str(type(one)) for one in failures) == sorted([str(type(None)), str(NotAllowed)])
    assert [person.role for person in people.all()].count(Role.ADMIN) == 1


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


def test_the_file_holds_neither_passwords_nor_tokens(people: DatabasePeople) -> None:
    token = people.sign_in("Ada", PASSWORD)
    kept = people.database.path.read_bytes()
    assert b"Ada" in kept and token.encode() not in kept and PASSWORD.encode() not in kept


def test_the_cost_of_a_password_is_what_is_documented() -> None:
    hashed = Cost().hashed(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.matches(PASSWORD, hashed)
    assert not passwords.matches(PASSWORD, Cost().nobodys)


def test_the_same_password_never_looks_the_same() -> None:
    assert CHEAP.hashed(PASSWORD) != CHEAP.hashed(PASSWORD)


def test_people_are_kept(people: DatabasePeople) -> None:
    assert open_people(people.database.path).all() == [Person("Ada", Role.ADMIN)]


def test_a_file_that_is_gone_is_said_in_words(people: DatabasePeople, path: Path) -> None:
    path.unlink()
    with pytest.raises(StorageError, match="could not be opened"):
        people.signed_in("x")
