"""Roles, names, passwords, and the settings of a workspace about people."""

from typing import Any

import pytest

from arena.errors import NotAllowed, WorkspaceError
from arena.people import (
    MIN_PASSWORD,
    Mode,
    PeopleSettings,
    Person,
    Role,
    checked_name,
    checked_password,
    name_key,
    new_password,
)
from arena.workspace import settings_from


def test_each_role_may_what_those_before_it_may() -> None:
    may = {role: [needed for needed in Role if Person("x", role).may(needed)] for role in Role}
    assert may == {
        Role.VISITOR: [Role.VISITOR],
        Role.ANNOTATOR: [Role.VISITOR, Role.ANNOTATOR],
        Role.ADMIN: [Role.VISITOR, Role.ANNOTATOR, Role.ADMIN],
    }


def test_without_a_role_or_with_anothers_password_one_may_nothing() -> None:
    for person in (Person("x", None), Person("x", Role.ADMIN, must_change=True)):
        assert not any(person.may(role) for role in Role)


@pytest.mark.parametrize(
    ("one", "other"), [("Ada", "ADA"), ("Jose\u0301", "JOS\u00c9"), ("ﬁona", "FIONA"), ("ß", "SS")]
)
def test_case_and_unicode_form_do_not_tell_names_apart(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize("name", ["", "  ", "a" * 61, "a\nb", "a\u202eb", "(visitor 1)", "-x", "\x00"])
def test_a_name_that_is_not_seen_as_it_is_is_refused(name: str) -> None:
    with pytest.raises(NotAllowed, match="name"):
        checked_name(name)
    assert checked_name("  Zoë 2 ") == "Zoë 2"


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", f"has 5 characters; it takes {MIN_PASSWORD}"),
        ("a" * 300, "the limit is 200"),
        ("abababababababab", "guessed at once"),
        ("margaretmargaretMARGARET", "guessed at once"),
    ],
)
def test_a_password_that_is_guessed_is_refused(password: str, said: str) -> None:
    with pytest.raises(NotAllowed, match=said):
        checked_password(password, "Margaret")


def test_a_made_password_is_long_enough_and_never_the_same() -> None:
    made = {new_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(checked_password(one, "x")) == 23 for one in made)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"mode": "closed"}, "people.mode is 'closed'; use one of 'open', 'accounts', 'hub'"),
        ({"results": "boss"}, "people.results is 'boss'; use one of 'visitor', 'annotator', 'admin'"),
        ({"hours": 0.0}, "people.hours is 0.0; it must be a number over 0"),
        ({"prompts_per_minute": -1}, "people.prompts_per_minute is -1"),
        ({"admins": "ada"}, "people.admins is 'ada'; it must be of type list of texts"),
        ({"admins": [1]}, "must be of type list of texts"),
        ({"visitors": "no"}, "must be of type bool"),
    ],
)
def test_a_setting_that_means_nothing_is_named_with_what_there_is(table: dict[str, Any], said: str) -> None:
    with pytest.raises(WorkspaceError, match=said):
        settings_from(PeopleSettings, "people", table)


def test_a_list_of_admins_is_read() -> None:
    assert settings_from(PeopleSettings, "people", {"admins": ["ada", "org:acme"]}).admins == ("ada", "org:acme")


def test_the_hub_holds_on_a_space_alone_and_there_by_itself() -> None:
    assert PeopleSettings().on(space=False) is Mode.OPEN
    assert PeopleSettings().on(space=True) is Mode.HUB
    assert PeopleSettings(mode="accounts").on(space=True) is Mode.ACCOUNTS
    with pytest.raises(WorkspaceError, match='use "accounts" here'):
        PeopleSettings(mode="hub").on(space=False)
