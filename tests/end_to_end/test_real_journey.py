"""The whole way on real models: app.py on the demo workspace, in a browser."""

import json
import sqlite3
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.end_to_end.pages import ask, hide_names, vote, wait_for_both

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]
OpenPage = Callable[..., Any]
WATCH = """() => {
    window.seen = [];
    const look = () => ["#a_body", "#b_body", ".passages"].forEach((where) => {
        const text = document.querySelector(where)?.innerText || "";
        const last = window.seen.findLast(([place]) => place === where);
        if (!last || last[1] !== text) window.seen.push([where, text]);
    });
    new MutationObserver(look).observe(document.body, {childList: true, subtree: true, characterData: true});
}"""
"""Keeps what the panes and the passages said, in the order in which they did."""
QUESTION = "How many watts does the Fernlight 200 draw in normal operation?"
PATIENCE = 300.0


def wait_until_ready(server: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        health = json.load(urllib.request.urlopen(f"{server}/healthz", timeout=10))
        if health["ready"]:
            return
        assert "failed" not in {part["status"] for part in health["parts"].values()}, health
        assert time.monotonic() < deadline, health
        time.sleep(1)


def test_ask_stream_vote_reveal_reload_permalink(real_server: str, real_workspace: Path, open_page: OpenPage) -> None:
    page = open_page(real_server)
    wait_until_ready(real_server)
    expect(page.locator("#status")).to_contain_text("Ready", timeout=15_000)
    hide_names(page)
    ask(page, QUESTION)
    wait_for_both(page, PATIENCE)
    expect(page.locator("#a_head")).to_contain_text("hidden until you vote")
    vote(page, "Tie", "checked by a test")
    expect(page.locator(".passages li").first).to_be_visible()
    for pane in ("#a_details", "#b_details"):
        expect(page.locator(pane)).to_contain_text("tokens/s")
    assert "11" in page.locator(".panes").first.inner_text()
    link = page.get_by_role("link", name="Link to this comparison").get_attribute("href")
    page.goto(f"{real_server}/{link}")
    for _ in range(2):
        expect(page.locator("#history_question")).to_contain_text(QUESTION)
        expect(page.locator("#history_votes")).to_contain_text("checked by a test")
        expect(page.locator("#history_votes")).to_contain_text("names hidden")
        page.reload()
    with closing(sqlite3.connect(real_workspace / "arena.sqlite")) as database:
        rows = database.execute(
            "SELECT question, choice, reason FROM vote JOIN comparison ON comparison.id = vote.comparison"
        )
        assert rows.fetchall() == [(QUESTION, "tie", "checked by a test")]


def test_real_answers_grow_while_they_are_written_after_their_passages(real_server: str, open_page: OpenPage) -> None:
    page = open_page(real_server)
    wait_until_ready(real_server)
    page.evaluate(WATCH)
    ask(page, QUESTION)
    wait_for_both(page, PATIENCE)
    seen = page.evaluate("() => window.seen")
    for pane in ("#a_body", "#b_body"):
        texts = {text for where, text in seen if where == pane and text}
        assert len([text for text in texts if any(other != text and other.startswith(text) for other in texts)]) >= 2
    answer = [text for where, text in seen if where == "#b_body" and text][-1]
    found = next(place for place, (where, text) in enumerate(seen) if where == ".passages" and text)
    begun = next(
        place for place, (where, text) in enumerate(seen) if where == "#b_body" and text and answer.startswith(text)
    )
    assert found <= begun


def test_stop_ends_real_models_within_seconds(real_server: str, open_page: OpenPage) -> None:
    page = open_page(real_server)
    wait_until_ready(real_server)
    ask(page, "Tell me everything about the service manual, step by step.")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Stop")).to_be_hidden(timeout=10_000)
    expect(page.get_by_role("button", name="Ask both")).to_be_enabled()


def test_nobody_outside_this_machine_is_asked_for_anything(
    real_server: str, asked_for: Path, open_page: OpenPage
) -> None:
    page = open_page(real_server)
    wait_until_ready(real_server)
    ask(page, QUESTION)
    wait_for_both(page, PATIENCE)
    assert set(asked_for.read_text().splitlines()) == {"watching"}
