"""The whole way on real models: app.py on the demo workspace, in a browser."""

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.end_to_end.pages import ask, hide_names, vote, wait_for_both

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]
OpenPage = Callable[..., Any]
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


def test_ask_stream_vote_reveal_reload_permalink(real_server: str, open_page: OpenPage) -> None:
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


def test_stop_ends_real_models_within_seconds(real_server: str, open_page: OpenPage) -> None:
    page = open_page(real_server)
    wait_until_ready(real_server)
    ask(page, "Tell me everything about the service manual, step by step.")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Stop")).to_be_hidden(timeout=10_000)
    expect(page.get_by_role("button", name="Ask both")).to_be_enabled()
