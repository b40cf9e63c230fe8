"""Phone width, dark mode, and axe without violations in every state."""

from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.end_to_end.pages import ask, hide_names, vote, wait_for_both

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Any) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate("axe.run().then(result => result.violations)")
    return [f"{one['id']}: {node['html'][:160]} {node['failureSummary']}" for one in found for node in one["nodes"]]


def knowledge_states(page: Any) -> Iterator[str]:
    """Opens the Knowledge page and goes through what it can look like."""
    page.get_by_role("tab", name="Knowledge").click()
    expect(page.locator("#knowledge_list")).to_contain_text("service-manual.pdf")
    expect(page.locator("#knowledge_add")).to_be_visible()
    yield "looked at"
    page.locator("#knowledge_rebuild").click()
    expect(page.locator("#knowledge_indexing progress")).to_be_visible()
    yield "indexing"
    page.locator("#knowledge_add").click()
    expect(page.locator("#knowledge_notice")).to_contain_text("Choose files first")
    page.locator("#knowledge_uploads input[type=file]").set_input_files(
        [{"name": f"a-name-without-any-{'end' * 30}.md", "mimeType": "text/markdown", "buffer": b"x"}]
    )
    expect(page.locator("#knowledge_uploads")).to_contain_text("a-name")
    yield "refused, with a file chosen"
    page.locator("#knowledge_list button").first.click()
    expect(page.locator("#knowledge_document")).to_contain_text("11 watts")
    page.locator("#knowledge_delete").click()
    expect(page.locator("#knowledge_doomed")).to_contain_text("for good?")
    page.get_by_label("What to search for").fill("How many watts?")
    page.get_by_role("button", name="Only in some documents").click()
    expect(page.get_by_label("Types")).to_be_visible()
    page.locator("#knowledge_search").click()
    expect(page.locator("#knowledge_found .chosen")).to_be_visible()
    yield "opened, asked, searched"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(fast_server: str, open_page: OpenPage, scheme: str) -> None:
    page = open_page(fast_server, scheme=scheme)
    found = {"idle": violations(page)}
    ask(page, "A slow one?")
    expect(page.locator(".pane .text").first).to_be_visible()
    found["running"] = violations(page)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    found["stopped"] = violations(page)
    hide_names(page)
    ask(page, "How many watts?")
    wait_for_both(page)
    found["hidden"] = violations(page)
    vote(page, "Tie")
    found["revealed"] = violations(page)
    page.get_by_role("button", name="Ask both").click()
    expect(page.get_by_role("alert")).to_contain_text("empty")
    found["refused"] = violations(page)
    page.get_by_role("tab", name="History").click()
    page.locator("#recent a").first.click()
    expect(page.locator("#history_votes")).to_contain_text("Tie")
    found["history"] = violations(page)
    page.get_by_role("tab", name="Training").click()
    expect(page.locator("#training_state")).to_contain_text("step 400 of 777")
    for plot in ("#training_right", "#training_plot"):
        expect(page.locator(f"{plot} canvas, {plot} svg.marks").first).to_be_visible()
    found["training"] = violations(page)
    found |= {f"knowledge, {state}": violations(page) for state in knowledge_states(page)}
    broken = [f"{state}: {one}" for state, all_of_it in found.items() for one in all_of_it]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_never_scrolls_sideways(fast_server: str, open_page: OpenPage, scheme: str) -> None:
    page = open_page(fast_server, width=390, height=844, scheme=scheme)

    def fits() -> bool:
        return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))

    assert fits()
    ask(page, "How many watts? " + "averylongwordwithoutanyspace" * 10)
    wait_for_both(page)
    assert fits()
    vote(page, "A is better")
    assert fits()
    page.get_by_role("tab", name="History").click()
    page.locator("#recent a").first.click()
    expect(page.locator("#history_votes")).to_contain_text("A is better")
    assert fits()
    page.get_by_role("tab", name="Training").click()
    expect(page.locator("#training_state")).to_contain_text("step 400 of 777")
    assert fits()
    for state in knowledge_states(page):
        assert fits(), state


def test_on_a_phone_the_votes_stay_in_reach_while_reading(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server, width=390, height=600)
    ask(page, "How many watts?")
    wait_for_both(page)
    page.evaluate("document.querySelector('#voting').scrollIntoView({block: 'start'})")
    page.evaluate("document.querySelector('#question').scrollIntoView({block: 'start'})")
    page.wait_for_timeout(200)
    bottom = page.evaluate("document.querySelector('#vote_bar').getBoundingClientRect().bottom")
    assert 0 < bottom <= 600


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_page_follows_the_systems_colours(fast_server: str, open_page: OpenPage, scheme: str, dark: bool) -> None:
    page = open_page(fast_server, scheme=scheme)
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = (int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
    assert (red + green + blue < 200) == dark


def test_there_is_one_h1_and_changes_are_announced(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator("#announcement[role=status][aria-live=polite]")).to_have_count(1)
    expect(page.locator("#notice[role=alert]")).to_have_count(1)
