"""The History page's handlers."""

from dataclasses import replace

from arena.annotation import TASK
from arena.comparison import Choice
from arena.errors import StorageError
from arena.people import Role
from tests.ui.pages import REQUEST, Page, everybody_is
from ui.history import HistoryPage


def opened(page: Page) -> HistoryPage:
    return HistoryPage(page.history, page.settings, page.rights)


def test_a_stored_comparison_opens_with_answers_timings_passages_and_votes() -> None:
    page = Page()
    page.ask()
    page.vote(Choice.RIGHT, "has a source")
    shown = "".join(opened(page).open(page.history.recent()[0].id, REQUEST))
    for text in ("How many watts?", "tuned says eleven", "[1]", "manual.pdf", "99 tokens", "has a source", "ann"):
        assert text in shown


def test_the_list_is_newest_first_and_filtered_by_text() -> None:
    page = Page()
    page.ask("About pumps?")
    page.ask("About lamps?")
    listed = opened(page).find("", REQUEST)
    assert listed.index("About lamps?") < listed.index("About pumps?")
    assert "About lamps?" not in opened(page).find("PUMPS", REQUEST)
    assert "Nothing matches" in opened(page).find("no such words", REQUEST)


def test_an_unknown_permalink_says_so() -> None:
    assert "There is no such comparison" in opened(Page()).open("../../etc/passwd", REQUEST)[0]


def test_a_database_in_trouble_is_reported_not_raised() -> None:
    page = Page()
    page.ask()
    page.history.trouble = StorageError("The database is locked: close the other program.")
    assert "database is locked" in opened(page).find("", REQUEST)
    assert "database is locked" in opened(page).open("x", REQUEST)[0]


def test_a_click_that_carries_anything_else_opens_nothing() -> None:
    class Event:
        def __init__(self, data: object) -> None:
            self._data = data

    for data in (None, "x", {"id": 7}, {"id": ["x"]}, {}):
        assert opened(Page()).open_clicked(REQUEST, Event(data)) == [""] * 9  # type: ignore[arg-type]


def test_who_may_not_see_the_list_opens_what_they_have_the_id_of_without_peoples_names() -> None:
    page = Page(rights=everybody_is(Role.ANNOTATOR, history=Role.ANNOTATOR))
    page.ask(name="Ada")
    page.vote(Choice.RIGHT, "has a source", name="Grace")
    compared = page.history.recent()[0].id
    assert all(name in "".join(opened(page).open(compared, REQUEST)) for name in ("Ada", "Grace"))
    page.rights = everybody_is(Role.VISITOR, history=Role.ANNOTATOR, signs_in=True)
    listed = opened(page).find("", REQUEST)
    assert "How many watts?" not in listed and "takes an annotator" in listed
    shown = "".join(opened(page).open(compared, REQUEST))
    assert "has a source" in shown and "Ada" not in shown and "Grace" not in shown


def test_who_may_nothing_opens_nothing() -> None:
    page = Page()
    page.ask()
    page.rights = everybody_is(None, signs_in=True)
    notice, *rest = opened(page).open(page.history.recent()[0].id, REQUEST)
    assert "sign in" in notice and rest == [""] * 8


def test_a_pair_for_annotators_promises_no_name_for_a_vote() -> None:
    page = Page()
    page.ask(blind=True)
    asked = page.history.recent()[0]
    page.history.save(replace(asked, id="queued", versions={TASK: "t1"}))
    for compared, told in ((asked.id, "hidden until somebody votes"), ("queued", "name not shown")):
        shown = "".join(opened(page).open(compared, REQUEST))
        assert shown.count(told) == 2 and "until you vote" not in shown
