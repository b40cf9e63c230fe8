"""What a person does on the pages, in their words; used by the scripted and the real journey."""

from typing import Any

from playwright.sync_api import expect


def ask(page: Any, question: str) -> None:
    page.get_by_label("Your question").fill(question)
    page.get_by_role("button", name="Ask both").click()
    expect(page.locator("#question")).to_contain_text(question)


def wait_for_both(page: Any, seconds: float = 20) -> None:
    expect(page.locator("#vote_left")).to_be_enabled(timeout=seconds * 1000)


def vote(page: Any, button: str, reason: str = "") -> None:
    if reason:
        page.get_by_label("Why? (optional, sent with your vote)").fill(reason)
    page.get_by_role("button", name=button).click()
    expect(page.locator("#vote_text")).to_contain_text("Saved:")


def hide_names(page: Any) -> None:
    page.get_by_label("Hide which is which until I vote").check()
