"""Annotating in a browser: with keys only, then with a thumb, on a queue filled and answered as the real one is."""

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
NO_MOUSE = "primaryHoverType=1,availableHoverTypes=1,primaryPointerType=1,availablePointerTypes=1"
"""Blink's settings for a machine that is reached from afar."""
PROMPTS = 15


@pytest.fixture(scope="module")
def annotate_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("annotate"), free_port()
    command = [sys.executable, "-m", "tests.end_to_end.annotate_app", str(port), str(folder), str(PROMPTS)]
    yield from serve(command, port, folder / "log", 60)


def sit_down(page: Any) -> None:
    page.get_by_role("tab", name="Annotate").click()
    expect(page.locator("#annotate_pair")).to_contain_text("How many watts")
    expect(page.locator("#annotate_left")).to_have_attribute("data-key", "1")


def question(page: Any) -> str:
    return str(page.locator("#annotate_pair p.question").inner_text())


def step(page: Any, act: Callable[[], None]) -> None:
    """Do something that leads to another pair, and wait for that."""
    before = question(page)
    act()
    expect(page.locator("#annotate_pair p.question")).not_to_have_text(before)


def test_keys_are_shown_where_the_browser_knows_of_no_mouse_and_not_on_a_touch_screen(
    annotate_server: str, open_page: OpenPage, launch: Callable[..., Any]
) -> None:
    keys = "getComputedStyle(document.querySelector('#annotate_left'), '::before').content"
    browser = launch(f"--blink-settings={NO_MOUSE}")
    page = open_page(annotate_server, context=browser)
    sit_down(page)
    assert page.evaluate("matchMedia('(hover: none)').matches")
    expect(page.locator("#annotate_help_open")).to_be_visible()
    assert page.evaluate(keys).startswith('"1"') and "cannot tell, skip" in page.locator("#annotate_hint").inner_text()
    tablet = browser.new_context(viewport={"width": 900, "height": 900}, has_touch=True, is_mobile=True)
    touched = open_page(annotate_server, context=tablet)
    sit_down(touched)
    expect(touched.locator("#annotate_help_open")).to_be_hidden()
    assert touched.evaluate(keys) == "none"
    browser.close()


def test_ten_votes_an_undo_and_a_skip_with_nothing_but_keys(annotate_server: str, open_page: OpenPage) -> None:
    page = open_page(annotate_server)
    sit_down(page)
    press = page.keyboard.press
    press("?")
    expect(page.locator("#annotate_help")).to_be_visible()
    press("1")  # a vote neither on what is behind the help
    press("Escape")
    expect(page.locator("#annotate_help")).to_be_hidden()

    press("n")
    page.keyboard.type("see 1 and 2")  # typing is no voting
    press("Escape")
    press("c")
    press("m")
    press("c")  # taken back
    expect(page.locator("#annotate_reasons input:checked")).to_have_count(1)
    first = question(page)
    step(page, lambda: press("1"))
    expect(page.locator("#annotate_saved")).to_contain_text("Saved: A is better")
    expect(page.locator("#annotate_reasons input:checked")).to_have_count(0)
    expect(page.locator("#annotate_note textarea, #annotate_note input")).to_have_value("")

    press("u")
    expect(page.locator("#annotate_pair p.question")).to_have_text(first)
    expect(page.locator("#annotate_saved")).to_contain_text("Opened again: A is better")
    expect(page.locator("#annotate_reasons input:checked")).to_have_count(1)
    expect(page.locator("#annotate_note textarea, #annotate_note input")).to_have_value("see 1 and 2")
    step(page, lambda: press("2"))
    expect(page.locator("#annotate_progress")).to_contain_text(f"1 of {PROMPTS}")

    press("s")
    expect(page.locator("#annotate_skipping")).to_be_visible()
    step(page, lambda: press("2"))
    expect(page.locator("#annotate_saved")).to_contain_text("Skipped: the question is unclear")
    expect(page.locator("#annotate_skipping")).to_be_hidden()

    for number in range(9):
        step(page, lambda key="1342"[number % 4]: press(key))
    # The twelfth pair is one to judge again, and may have been laid ready: then there is one more.
    told = re.compile(rf"10 of ({PROMPTS - 1}|{PROMPTS}) for you · 10 of {PROMPTS * 3}")
    expect(page.locator("#annotate_progress")).to_contain_text(told)
    assert "fine-tuned" not in page.locator("#annotate_pair").inner_html().lower()

    here = question(page)
    page.reload()
    sit_down(page)
    assert question(page) == here  # what was on the screen is still reserved
    expect(page.locator("#annotate_progress")).to_contain_text("10 of")
    page.get_by_role("button", name="My last votes").click()
    page.locator("#annotate_past button").last.click()
    expect(page.locator("#annotate_pair p.question")).to_have_text(first)
    step(page, lambda: press("k"))

    step(page, lambda: [press("3") for _ in range(3)])  # three quick presses are one vote
    expect(page.locator("#annotate_progress")).to_contain_text("11 of")
    page.reload()
    sit_down(page)
    expect(page.locator("#annotate_progress")).to_contain_text("11 of")


def test_keys_mean_the_same_on_any_keyboard_and_with_caps_lock(annotate_server: str, open_page: OpenPage) -> None:
    page = open_page(annotate_server)
    sit_down(page)

    def press(key: str, code: str, **held: bool) -> None:
        event = {"key": key, "code": code, "bubbles": True, "cancelable": True, **held}
        page.evaluate("event => document.body.dispatchEvent(new KeyboardEvent('keydown', event))", event)

    press("C", "KeyC")
    expect(page.locator("#annotate_reasons input:checked")).to_have_count(1)
    here = question(page)
    for key, code, held in (
        ("&", "Digit1", {"ctrlKey": True}),
        ("C", "KeyC", {"altKey": True}),
        ("!", "Digit1", {"shiftKey": True}),  # a sign, on a keyboard whose digits need no Shift
        ("End", "Numpad1", {}),  # no Num Lock: it scrolls
    ):
        press(key, code, **held)
    page.wait_for_timeout(500)
    assert question(page) == here
    expect(page.locator("#annotate_reasons input:checked")).to_have_count(1)
    for key, code, held, said in (
        ("&", "Digit1", {}, "A is better"),  # AZERTY
        ("2", "Digit2", {"shiftKey": True}, "B is better"),
        ('"', "Digit3", {}, "a tie"),
        ("4", "Numpad4", {}, "both bad"),
    ):
        step(page, lambda key=key, code=code, held=held: press(key, code, **held))
        expect(page.locator("#annotate_saved")).to_contain_text(f"Saved: {said}")
    press("S", "KeyS")
    step(page, lambda: press("(", "Digit5"))
    expect(page.locator("#annotate_saved")).to_contain_text("Skipped: another reason")


def test_an_admin_fills_the_queue_on_the_page(annotate_server: str, open_page: OpenPage) -> None:
    page = open_page(annotate_server)
    sit_down(page)
    page.get_by_role("button", name="Fill the queue").click()
    expect(page.locator("#fill_state")).to_contain_text(f"{PROMPTS} prompts in the queue")
    upload = page.locator("#fill_uploads input[type=file]")
    upload.set_input_files([{"name": "mine.csv", "mimeType": "text/csv", "buffer": b"prompt\n<b>Who?</b>\n"}])
    expect(page.locator("#fill_uploads")).to_contain_text("mine")
    page.locator("#fill_add_file").click()
    expect(page.locator("#fill_news")).to_contain_text("Prompts added: 1; pairs to answer: 1.")
    expect(page.locator("#fill_state")).to_contain_text("1 waiting for answers")
    page.locator("#fill_add_visitors").click()
    expect(page.locator("#fill_notice")).to_contain_text("No visitor has asked anything yet")
    upload.set_input_files([{"name": "mine.csv", "mimeType": "text/csv", "buffer": b"prompt\n<b>Who?</b>\n"}])
    expect(page.locator("#fill_uploads")).to_contain_text("mine")
    page.locator("#fill_add_file").click()
    expect(page.locator("#fill_news")).to_contain_text("there already: <b>Who?</b>")
    assert not violations(page)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator("#fill")).to_be_hidden()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_with_a_thumb_and_for_everybody(annotate_server: str, open_page: OpenPage, width: int, scheme: str) -> None:
    page = open_page(annotate_server, width=width, height=700, scheme=scheme)
    sit_down(page)
    found = {"a pair": violations(page)}
    for _ in range(2):
        step(page, lambda: page.get_by_role("button", name="Both bad").click())
        box = page.locator("#annotate_bar").bounding_box()
        assert 0 < box["y"] + box["height"] <= 701  # in reach, however long the answers are
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    found["another"] = violations(page)
    page.get_by_role("button", name="Last pair again").click()
    expect(page.get_by_role("button", name="Keep it as it is")).to_be_visible()
    page.get_by_text("Correct", exact=True).click()
    page.get_by_role("button", name="Skip…").click()
    page.get_by_role("button", name="My last votes").click()
    expect(page.locator("#annotate_past button")).to_have_count(2)
    found["opened, skipping"] = violations(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    found["keys"] = violations(page)
    broken = [f"{state}: {one}" for state, all_of_it in found.items() for one in all_of_it]
    assert not broken, "\n".join(broken)
