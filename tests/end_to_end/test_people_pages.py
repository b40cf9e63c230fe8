"""Signing in, the pages that it opens, and signing out, in a browser."""

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.end_to_end.accounts_app import PASSWORD, prepare
from tests.end_to_end.conftest import free_port, serve
from tests.end_to_end.pages import ask, vote, wait_for_both
from tests.end_to_end.test_looks import violations

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]
CHOSEN = "seven dry blue hats"
BRIGHTNESS = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((sum, one) => sum + +one, 0)"
FITS = "document.documentElement.scrollWidth <= window.innerWidth"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    workspace = prepare(tmp_path_factory.mktemp("house") / "w")
    port = free_port()
    command = [sys.executable, "-m", "tests.end_to_end.accounts_app", str(port), str(workspace)]
    yield from serve(command, port, workspace.parent / "log", 60)


def sign_in(page: Any, name: str, password: str = PASSWORD) -> None:
    """From the app's page or the form's."""
    way_in = page.locator("#account a.way-in")
    if way_in.count():
        way_in.click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def tabs(page: Any) -> list[str]:
    return [tab.inner_text() for tab in page.get_by_role("tab").all()]


def test_a_visitor_compares_at_once_and_whoever_signs_in_comes_back_to_where_they_were(
    house: str, open_page: OpenPage
) -> None:
    page = open_page(house)
    expect(page.locator("#account")).to_contain_text("Sign in")
    expect(page.get_by_role("tab", name="History")).to_be_visible()
    assert tabs(page) == ["Compare", "History"]
    ask(page, "How many watts?")
    wait_for_both(page)
    vote(page, "Tie")
    page.get_by_role("tab", name="History").click()
    expect(page.locator("#recent")).to_contain_text("takes an annotator: sign in")
    sign_in(page, "ben", "not this one")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    sign_in(page, "ben")
    expect(page.locator("#account")).to_contain_text("Signed in as Ben (annotator)")
    expect(page.get_by_role("tab", name="History")).to_have_attribute("aria-selected", "true")
    page.locator("#recent a").first.click()
    expect(page.locator("#history_votes")).to_contain_text(re.compile(r"\(visitor [0-9a-f]{6}\)"))
    assert tabs(page) == ["Compare", "History"]
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#account")).to_contain_text("Sign in")


def test_on_a_phone_the_pages_fit_and_axe_finds_nothing_in_light_and_dark(house: str, open_page: OpenPage) -> None:
    page = open_page(house, width=390)
    found: dict[str, list[str]] = {}

    def look(state: str) -> None:
        found[f"{state}, width"] = [] if page.evaluate(FITS) else ["wider than the window"]
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.wait_for_function(f"({BRIGHTNESS} < 200) === {str(scheme == 'dark').lower()}")
            found[f"{state}, {scheme}"] = violations(page)

    expect(page.locator("#account")).to_contain_text("Sign in")
    look("a visitor's page")
    sign_in(page, "Ada", "not this one")
    expect(page.get_by_role("alert")).to_be_visible()
    look("a wrong password")
    sign_in(page, "Ada")
    page.get_by_role("tab", name="People").click()
    expect(page.locator("#people_list")).to_contain_text("Ben")
    page.get_by_label("Name", exact=True).fill("Dora")
    page.locator("#people_add").click()
    expect(page.locator("#people_news[role=status]")).to_contain_text("shown only now")
    page.locator("#people_list button", has_text="Ben").click()
    expect(page.locator("#people_person h2")).to_be_focused()
    page.locator("#people_ask").click()
    expect(page.locator("#people_really")).to_be_visible()
    look("the People page")
    page.locator("#account a.way-in").click()
    expect(page.get_by_label("The present password")).to_be_focused()
    look("a new password")
    broken = [f"{state}: {one}" for state, all_of_it in found.items() for one in all_of_it]
    assert not broken, "\n".join(broken)


def test_without_scripts_one_signs_in_and_chooses_a_password_all_the_same(house: str, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(f"{house}/sign-in?back=tab%3Dhistory")
    sign_in(page, "Cleo")
    expect(page.locator("main")).to_contain_text("made by somebody else")
    page.get_by_label("The present password").fill(PASSWORD)
    page.get_by_label("A new password, at least 15 characters").fill(CHOSEN)
    page.get_by_label("The new password again").fill(CHOSEN)
    page.get_by_role("button", name="Change it").click()
    page.wait_for_url(f"{house}/?tab=history")
    (cookie,) = context.cookies()
    assert cookie["name"] == "arena" and cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    context.close()
