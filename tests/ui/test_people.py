"""The People page's handlers, over a real database."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from arena.people import Person, Role
from storage import DatabasePeople
from tests.storage.examples import PASSWORD, people_in
from tests.ui.pages import REQUEST, everybody_is
from tests.ui.test_render import EVIL
from ui.people import PeoplePage, list_html


@pytest.fixture(scope="module")
def inhabited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; each test has a copy."""
    path = tmp_path_factory.mktemp("inhabited") / "arena.sqlite"
    people_in(path).add("Ada", PASSWORD, Role.ADMIN)
    return path


@pytest.fixture
def people(inhabited: Path, tmp_path: Path) -> DatabasePeople:
    return people_in(Path(shutil.copy(inhabited, tmp_path / "arena.sqlite")))


def page(people: DatabasePeople, role: Role | None = Role.ADMIN) -> PeoplePage:
    return PeoplePage(people, everybody_is(role, "Ada", signs_in=True))


def shown_password(news: str) -> str:
    (found,) = re.findall("<code>(.*?)</code>", news)
    return str(found)


def test_who_is_added_signs_in_with_the_password_shown_and_has_to_choose_another(people: DatabasePeople) -> None:
    _, notice, news, listed, box, *_ = page(people).add(" Ben ", "annotator", REQUEST)
    assert notice == box == "" and "Ben is added" in news and "has to choose a password" in listed
    signed_in = people.signed_in(people.sign_in("ben", shown_password(news)))
    assert signed_in == Person("Ben", Role.ANNOTATOR, must_change=True)
    assert shown_password(news) not in "".join(map(str, page(people).look("", REQUEST)))  # only once


def test_a_role_a_password_and_a_person_are_changed(people: DatabasePeople) -> None:
    people.add("Ben", PASSWORD, Role.VISITOR)
    event: Any = SimpleNamespace(_data={"name": "Ben"})
    chosen, *_, heading, role, opened, _ = page(people).open_clicked(REQUEST, event)
    assert chosen == "Ben" and "Ben" in heading and role["value"] == "visitor" and opened["visible"]
    assert "Ben is admin now" in page(people).change_role("Ben", "admin", REQUEST)[2]
    token = people.sign_in("Ben", PASSWORD)
    news = page(people).renew_password("Ben", REQUEST)[2]
    assert not people.signed_in(token).name and people.sign_in("Ben", shown_password(news))
    assert page(people).ask_to_remove("Ben", REQUEST)[-1] == gr.update(visible=True)
    chosen, _, news, listed, *_ = page(people).remove("Ben", REQUEST)
    assert (
        chosen == ""
        and "Ben is removed" in news
        and "Ben" not in listed
        and people.all() == [Person("Ada", Role.ADMIN)]
    )


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda one: one.add("ADA", "visitor", REQUEST), "name Ada already"),
        (lambda one: one.add("", "visitor", REQUEST), "There is no name"),
        (lambda one: one.add("Ben", "boss", REQUEST), "Choose a role"),
        (lambda one: one.add(None, "admin", REQUEST), "There is no name"),
        (lambda one: one.add("Ben", ["admin"], REQUEST), "Choose a role"),
        (lambda one: one.change_role("Ada", "visitor", REQUEST), "last admin"),
        (lambda one: one.remove("Ada", REQUEST), "last admin"),
        (lambda one: one.remove("", REQUEST), "nobody of the name"),
        (lambda one: one.renew_password("Zoe", REQUEST), "nobody of the name"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_changes(people: DatabasePeople, act: Any, said: str) -> None:
    _, notice, news, listed, *_ = act(page(people))
    assert said in notice and news == "" and "Ada" in listed
    assert people.all() == [Person("Ada", Role.ADMIN)]


@pytest.mark.parametrize("role", [None, Role.VISITOR, Role.ANNOTATOR])
def test_who_is_no_admin_sees_nobody_and_changes_nothing(people: DatabasePeople, role: Role | None) -> None:
    one = page(people, role)
    event: Any = SimpleNamespace(_data={"name": "Ada"})
    for painted in (
        one.look("Ada", REQUEST),
        one.add("Mallory", "admin", REQUEST),
        one.open_clicked(REQUEST, event),
        one.change_role("Ada", "visitor", REQUEST),
        one.renew_password("Ada", REQUEST),
        one.ask_to_remove("Ada", REQUEST),
        one.remove("Ada", REQUEST),
    ):
        chosen, notice, news, listed, _, heading, *_, opened, removing = painted
        assert chosen == news == listed == heading == "" and "takes an admin" in notice
        assert opened == removing == gr.update(visible=False)
    people.sign_in("Ada", PASSWORD)
    assert people.all() == [Person("Ada", Role.ADMIN)]


def test_names_are_escaped() -> None:
    assert "<img" not in list_html([Person(EVIL, Role.VISITOR)]) and "<script" not in list_html([Person(EVIL)])
