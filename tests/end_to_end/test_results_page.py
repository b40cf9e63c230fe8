"""The Results page in a browser, over simulated votes in a real database."""

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.end_to_end.conftest import free_port, serve
from tests.end_to_end.test_looks import violations

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


@pytest.fixture(scope="module")
def results_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("results"), free_port()
    command = [sys.executable, "-m", "tests.end_to_end.results_app", str(port), str(folder / "arena.sqlite"), "300"]
    yield from serve(command, port, folder / "log", 60)


def choose(page: Any, label: str, option: str) -> None:
    page.locator("#results_filters").get_by_label(label).click()
    page.get_by_role("option", name=option).click()


def test_a_view_is_filtered_linked_opened_elsewhere_and_left(results_server: str, open_page: OpenPage) -> None:
    page = open_page(results_server)
    page.get_by_role("tab", name="Results").click()
    headline = page.locator("#results_headline")
    expect(headline.locator(".verdict")).to_contain_text("RAG is preferred in")
    expect(headline).to_contain_text("Only votes cast with the names hidden count")
    expect(page.locator("#results_figures")).to_contain_text("All contestants")
    expect(page.locator("#results_figures")).to_contain_text("As written or made alike")
    expect(page).to_have_url(re.compile(r"\?results=blind$"))
    page.get_by_role("button", name="Filters").click()
    choose(page, "Votes cast with", "all votes")
    expect(headline).to_contain_text("names hidden and shown")
    choose(page, "Class", "documents only")
    expect(page).to_have_url(re.compile(r"\?results=all&class=documents\+only$"))
    # Not before the filter has reached the figures, or the other page would be compared with the earlier ones.
    expect(page.locator("#results_figures")).not_to_contain_text("By class of question")
    shown = headline.locator(".results").text_content()

    other = open_page(page.url)
    expect(other.locator("#results_headline .verdict")).to_be_visible()
    assert other.locator("#results_headline .results").text_content() == shown
    other.get_by_role("tab", name="Compare").click()
    expect(other).not_to_have_url(re.compile("results|class"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_whole_and_axe_finds_nothing(results_server: str, open_page: OpenPage, scheme: str) -> None:
    page = open_page(f"{results_server}/?results=all", width=390, height=844, scheme=scheme)
    expect(page.locator("#results_figures")).to_contain_text("The annotators")
    page.evaluate("document.querySelectorAll('.results details').forEach((each) => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert not violations(page)
