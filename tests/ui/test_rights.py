"""Who may change things: this machine only."""

from types import SimpleNamespace

import pytest

from arena.errors import NotAllowed
from arena.people import Person, Role
from ui.rights import Rights, open_to_all, this_machine_only

HERE = {"host": "localhost:7860"}


@pytest.mark.parametrize(
    ("listening", "headers", "may"),
    [
        ("127.0.0.1", HERE, True),
        ("127.0.0.1", {"host": "127.0.0.1:7860"}, True),
        ("::1", {"host": "[::1]:7860"}, True),
        ("127.0.0.1", HERE | {"origin": "http://localhost:7860"}, True),
        ("0.0.0.0", HERE, False),
        ("", HERE, False),
        ("127.0.0.1", {"host": "evil.example:7860"}, False),
        ("127.0.0.1", {}, False),
        ("127.0.0.1", HERE | {"x-forwarded-for": "203.0.113.9"}, False),
        ("127.0.0.1", HERE | {"origin": "https://evil.example"}, False),
        ("127.0.0.1", HERE | {"origin": "http://localhost:3000"}, False),
        ("127.0.0.1", HERE | {"origin": "null"}, False),
    ],
)
def test_only_this_machine_may_and_only_from_the_apps_own_pages(
    listening: str, headers: dict[str, str], may: bool
) -> None:
    assert this_machine_only(SimpleNamespace(server_name=listening))(SimpleNamespace(headers=headers)) is may


def test_before_it_listens_nobody_may() -> None:
    assert not this_machine_only(object())(SimpleNamespace(headers=HERE))


def request(**headers: str) -> SimpleNamespace:
    return SimpleNamespace(headers={name.replace("_", "-"): value for name, value in headers.items()})


OPEN = open_to_all(SimpleNamespace(server_name="127.0.0.1"))


def test_where_nobody_signs_in_all_may_vote_and_this_machine_may_do_everything() -> None:
    here, elsewhere = request(host="localhost:7860"), request(host="localhost:7860", x_forwarded_for="203.0.113.9")
    assert OPEN.require(here, Role.ADMIN) == Person(role=Role.ADMIN)
    assert OPEN.require(elsewhere, Role.ANNOTATOR) == Person(role=Role.ANNOTATOR)
    with pytest.raises(NotAllowed, match="only in a browser on the machine that the app runs on"):
        OPEN.require(elsewhere, Role.ADMIN)


def test_a_typed_name_counts_only_where_nobody_signs_in() -> None:
    signed_in = Rights(lambda _: Person("Ada", Role.ANNOTATOR), signs_in=True)
    nobody = Rights(lambda _: Person(), signs_in=True)
    assert [rights.name(request(), "  mallory ") for rights in (OPEN, signed_in, nobody)] == ["mallory", "Ada", ""]
    assert OPEN.name(request(), {"a": 1}) == ""


@pytest.mark.parametrize(
    ("person", "needed", "said"),
    [
        (Person(), Role.ANNOTATOR, "takes an annotator: sign in"),
        (Person(role=None), Role.VISITOR, "takes a visitor: sign in"),
        (Person("Ada", Role.ANNOTATOR), Role.ADMIN, "You are annotator here, and this takes an admin"),
        (Person("Ada", None), Role.VISITOR, "have no role here"),
        (Person("Ada", Role.ADMIN, must_change=True), Role.VISITOR, "Choose a password of your own first"),
    ],
)
def test_who_may_not_is_told_what_to_do_about_it(person: Person, needed: Role, said: str) -> None:
    rights = Rights(lambda _: person, signs_in=True)
    assert not rights.may(request(), needed)
    with pytest.raises(NotAllowed, match=said):
        rights.require(request(), needed)
