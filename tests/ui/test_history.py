"""The History page's handlers."""

from arena.comparison import Choice
from arena.errors import StorageError
from tests.ui.pages import Page
from ui.history import HistoryPage


def opened(page: Page) -> HistoryPage:
    return HistoryPage(page.history, page.settings)


def test_a_stored_comparison_opens_with_answers_timings_passages_and_votes() -> None:
    page = Page()
    page.ask()
    page.vote(Choice.RIGHT, "has a source")
    shown = "".join(opened(page).open(page.history.recent()[0].id))
    for text in ("How many watts?", "tuned says eleven", "[1]", "manual.pdf", "99 tokens", "has a source", "ann"):
        assert text in shown


def test_the_list_is_newest_first_and_filtered_by_text() -> None:
    page = Page()
    page.ask("About pumps?")
    page.ask("About lamps?")
    listed = opened(page).find("")
    assert listed.index("About lamps?") < listed.index("About pumps?")
    assert "About lamps?" not in opened(page).find("PUMPS")
    assert "Nothing matches" in opened(page).find("no such words")


def test_an_unknown_permalink_says_so() -> None:
    assert "There is no such comparison" in opened(Page()).open("../../etc/passwd")[0]


def test_a_database_in_trouble_is_reported_not_raised() -> None:
    page = Page()
    page.ask()
    page.history.trouble = StorageError("The database is locked: close the other program.")
    assert "database is locked" in opened(page).find("")
    assert "database is locked" in opened(page).open("x")[0]


def test_a_click_that_carries_anything_else_opens_nothing() -> None:
    class Event:
        def __init__(self, data: object) -> None:
            self._data = data

    for data in (None, "x", {"id": 7}, {"id": ["x"]}, {}):
        assert opened(Page()).open_clicked(Event(data)) == [""] * 9  # type: ignore[arg-type]
