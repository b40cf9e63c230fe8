"""Ask, stream, stop, vote, reveal, reload, permalink: in a browser, on scripted contestants."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.end_to_end.pages import ask, hide_names, vote, wait_for_both

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


def test_both_answers_stream_side_by_side_with_timings_and_passages(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    ask(page, "How many watts?")
    wait_for_both(page)
    expect(page.locator("#a_body")).to_contain_text("The fine-tuned answer")
    expect(page.locator("#b_body strong")).to_have_text("11 watts")
    expect(page.locator("#b_details")).to_contain_text("Technical data > Power")
    for pane in ("#a_details", "#b_details"):
        for name in ("Queue", "Retrieval", "First token", "Total", "Speed", "Prompt", "Answer"):
            expect(page.locator(pane).get_by_text(name, exact=True)).to_be_visible()


def test_text_grows_while_it_is_written(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    ask(page, "A slow one?")
    lengths = set()
    for _ in range(40):
        lengths.add(len(page.locator("#a_body").inner_text() + page.locator("#b_body").inner_text()))
        page.wait_for_timeout(100)
    page.get_by_role("button", name="Stop").click()
    assert len(lengths) >= 5


def test_passages_stand_before_the_first_token(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    # Records, in the browser, how the pane looked when passages first appeared.
    page.evaluate(
        """() => { window.first = null; new MutationObserver(() => {
          if (window.first === null && document.querySelector('#b_details .passages'))
            window.first = document.querySelector('#b_body').innerText;
        }).observe(document.body, {subtree: true, childList: true, characterData: true}); }"""
    )
    ask(page, "How many watts?")
    wait_for_both(page)
    assert "11 watts" not in (page.evaluate("window.first") or "11 watts")


def test_stop_while_running_keeps_the_text_and_allows_no_vote(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    ask(page, "A slow one?")
    expect(page.locator(".pane .text").first).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Stop")).to_be_hidden(timeout=5000)
    expect(page.locator("#announcement")).to_contain_text("Stopped")
    expect(page.locator(".pane .text").first).to_be_visible()
    for button in ("A is better", "Tie", "Both bad", "B is better"):
        expect(page.get_by_role("button", name=button)).to_be_disabled()
    expect(page.get_by_role("button", name="Ask both")).to_be_enabled()


def test_stop_while_queued_behind_somebody_else(fast_server: str, open_page: OpenPage) -> None:
    first, second = open_page(fast_server), open_page(fast_server)
    ask(first, "A slow one?")
    ask(second, "How many watts?")
    expect(second.locator("#a_body")).to_contain_text("ahead in the queue")
    second.get_by_role("button", name="Stop").click()
    expect(second.get_by_role("button", name="Stop")).to_be_hidden(timeout=5000)
    expect(second.locator("#announcement")).to_contain_text("Stopped")
    first.get_by_role("button", name="Stop").click()
    expect(first.get_by_role("button", name="Stop")).to_be_hidden(timeout=5000)
    ask(second, "How many watts?")
    wait_for_both(second)


def test_a_closed_tab_frees_the_device_for_the_next(fast_server: str, open_page: OpenPage) -> None:
    first, second = open_page(fast_server), open_page(fast_server)
    ask(first, "A slow one?")
    expect(first.locator(".pane .text").first).to_be_visible()
    first.close()
    ask(second, "How many watts?")
    wait_for_both(second, 10)


def test_a_failing_side_leaves_the_other_answer_and_no_vote(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    ask(page, "Please fail")
    expect(page.locator("#b_body")).to_contain_text("The generator ran out of memory")
    expect(page.locator("#a_body")).to_contain_text("11 watts")
    expect(page.locator("#announcement")).to_contain_text("cannot be voted on")
    expect(page.locator("#vote_left")).to_be_disabled()


def test_blind_hides_names_until_the_vote_and_then_reveals_them(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    hide_names(page)
    ask(page, "How many watts?")
    wait_for_both(page)
    for pane in ("a", "b"):
        expect(page.locator(f"#{pane}_head")).to_contain_text("hidden until you vote")
        expect(page.locator(f"#{pane}_details")).to_be_hidden()
    assert "[1]" not in page.locator(".panes").first.inner_text()
    vote(page, "Tie", "equally short")
    heads = {page.locator(f"#{pane}_head h2").inner_text() for pane in ("a", "b")}
    assert {head.split(maxsplit=1)[1] for head in heads} == {"Fine-tuned", "RAG"}
    expect(page.locator(".passages").first).to_be_visible()
    expect(page.locator("#vote_text")).to_contain_text("names hidden")


def test_a_vote_shows_in_the_history_by_permalink_and_after_a_reload(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    ask(page, "Which pump is on the permalink?")
    wait_for_both(page)
    vote(page, "B is better", "has a source")
    link = page.get_by_role("link", name="Link to this comparison").get_attribute("href")
    assert re.fullmatch(r"\?comparison=[0-9a-f]{32}", link)
    other = open_page(f"{fast_server}/{link}")
    for _ in range(2):
        expect(other.locator("#history_question")).to_contain_text("Which pump is on the permalink?")
        expect(other.locator("#history_b_body")).to_contain_text("11 watts")
        expect(other.locator("#history_b_details")).to_contain_text("Technical data > Power")
        expect(other.locator("#history_a_details")).to_contain_text("First token")
        expect(other.locator("#history_votes")).to_contain_text("B is better (RAG)")
        expect(other.locator("#history_votes")).to_contain_text("has a source")
        other.reload()


def test_the_history_finds_by_text_and_opens_in_place(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    ask(page, "Something about zebras?")
    wait_for_both(page)
    page.get_by_role("tab", name="History").click()
    page.get_by_label("Find").press_sequentially("ZEBRAS")
    expect(page.locator("#recent li")).to_have_count(1)
    page.locator("#recent a").click()
    expect(page.locator("#history_question")).to_contain_text("zebras")
    assert "?comparison=" in page.url
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator("#question")).to_contain_text("zebras")
    expect(page).not_to_have_url(re.compile("comparison"))


def test_the_name_is_remembered_after_a_reload(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    ask(page, "How many watts?")
    wait_for_both(page)
    page.get_by_label("Your name, remembered here").fill("Ada")
    vote(page, "Tie")
    page.reload()
    expect(page.locator("#annotator textarea, #annotator input")).to_have_value("Ada")


def test_follow_ups_and_a_new_comparison(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    ask(page, "First question?")
    wait_for_both(page)
    ask(page, "Second question?")
    expect(page.locator("#a_details")).to_contain_text("saw 1 earlier question")
    expect(page.locator("#earlier")).to_contain_text("Earlier in this conversation: 1 question")
    wait_for_both(page)
    page.get_by_role("button", name="New comparison").click()
    expect(page.locator("#question")).not_to_contain_text("Second question?")
    ask(page, "Third question?")
    wait_for_both(page)
    expect(page.locator("#a_details")).not_to_contain_text("saw")


def test_an_example_fills_the_box_and_enter_asks(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    page.get_by_role("button", name="Who founded the company?").click()
    expect(page.get_by_label("Your question")).to_have_value("Who founded the company?")
    page.get_by_label("Your question").press("Enter")
    wait_for_both(page)


def test_equal_sides_and_empty_prompts_get_a_message(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    page.get_by_role("button", name="Ask both").click()
    expect(page.get_by_role("alert")).to_contain_text("The prompt is empty")
    page.get_by_label("Side A").click()
    page.get_by_role("option", name="RAG").click()
    expect(page.locator("#a_head")).to_contain_text("RAG")
    page.get_by_label("Your question").fill("How?")
    page.get_by_role("button", name="Ask both").click()
    expect(page.get_by_role("alert")).to_contain_text("Both sides are “RAG”")
    expect(page.get_by_label("Your question")).to_have_value("How?")
