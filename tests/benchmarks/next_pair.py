"""`python -m tests.benchmarks.next_pair`: how long an annotator waits for the next pair, in Chromium.

On the browser tests' Annotate page, "1" is pressed again and again. The page itself takes the time from the key to
another question (performance.now and a MutationObserver: no polling counts, nor what the browser then takes to paint).
In turn with it the same key does the same on a bare Gradio page, which no page of Gradio's can be quicker than. Then
somebody new votes ten times with the mouse alone, from opening the address on, with some seconds to read each pair.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import expect, sync_playwright

from tests.end_to_end.conftest import BROWSERS, free_port, serve

PROMPTS = 40
VOTES = 10
"""By clicks."""
READING = 8.0
STARTING = 120.0
BETWEEN = 500
"""Milliseconds between two presses. Whoever reads takes longer; the page lays the pair after the next one ready."""

QUESTION = "#annotate_pair p.question"
WATCH = """([selector, button]) => {
  const text = () => document.querySelector(selector)?.textContent ?? '';
  let before = null, pressed = 0;
  window.waits = [];
  document.addEventListener('keydown', () => { before = text(); pressed = performance.now(); }, true);
  if (button) document.addEventListener('keydown', () => document.getElementById(button).click());
  new MutationObserver(() => {
    const now = text();
    if (before === null || now === '' || now === before) return;
    window.waits.push(performance.now() - pressed);
    before = null;
  }).observe(document.body, { childList: true, characterData: true, subtree: true });
}"""
"""`button`: what a key presses where the page has no keys of its own."""


@contextmanager
def served(folder: Path, module: str, *arguments: object) -> Iterator[str]:
    """The address of a server process."""
    port = free_port()
    command = [sys.executable, "-m", module, str(port), *map(str, arguments)]
    yield from serve(command, port, folder / f"{module}.log", STARTING)


@contextmanager
def chromium() -> Iterator[Any]:
    executable = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        raise SystemExit("No Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM to its path.")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()


def new_page(browser: Any) -> Any:
    """In a fresh profile: for the app, a person of its own."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    return context.new_page()


def sit_down(page: Any, address: str) -> None:
    """Open the Annotate page, and wait for the first pair."""
    page.goto(address)
    # A name in the box means that the page's load events have run.
    page.wait_for_function("document.querySelector('#annotator input, #annotator textarea')?.value")
    page.get_by_role("tab", name="Annotate").click()
    page.locator(QUESTION).wait_for()
    page.locator("#annotate_left[data-key='1']").wait_for()


def by_keys(browser: Any, address: str, bare: str, presses: int) -> tuple[list[float], list[float]]:
    """Milliseconds from a key to the next pair; and on the bare page, at `bare`, to the next text."""
    ours, floor = new_page(browser), new_page(browser)
    sit_down(ours, address)
    ours.evaluate(WATCH, [QUESTION, ""])
    floor.goto(bare)
    floor.locator("#next").wait_for()
    floor.evaluate(WATCH, ["#text p", "next"])
    for number in range(presses):
        for page in (ours, floor):
            page.wait_for_timeout(BETWEEN)
            page.keyboard.press("1")
            page.wait_for_function("number => window.waits.length > number", arg=number, polling=20)
    waits = ours.evaluate("window.waits"), floor.evaluate("window.waits")
    for page in (ours, floor):
        page.context.close()
    return waits


def by_clicks(browser: Any, address: str, votes: int, reading: float) -> float:
    """Seconds from opening the address to the pair after the last vote. `reading`: seconds before each."""
    page = new_page(browser)
    question = page.locator(QUESTION)
    began = time.monotonic()
    sit_down(page, address)
    for _ in range(votes):
        before = question.inner_text()
        page.wait_for_timeout(reading * 1000)
        page.locator("#annotate_left").click()
        expect(question).not_to_have_text(before, timeout=20_000)
    seconds = time.monotonic() - began
    page.context.close()
    return seconds


def told(what: str, waits: Sequence[float]) -> str:
    nine_tenths = statistics.quantiles(waits, n=10, method="inclusive")[8]
    return f"{what}: median {statistics.median(waits):.0f} ms, p90 {nine_tenths:.0f} ms, {len(waits)} presses"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=PROMPTS, help="Pairs in the queue; one fewer is pressed.")
    parser.add_argument("--reading", type=float, default=READING, help="Seconds before each vote by click.")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        served(Path(name), "tests.end_to_end.annotate_app", name, asked.prompts) as address,
        served(Path(name), "tests.benchmarks.bare_page") as bare,
        chromium() as browser,
    ):
        ours, floor = by_keys(browser, address, bare, asked.prompts - 1)
        print(told("from a key to the next pair", ours))
        print(told("from a key to the next text of a bare Gradio page", floor), flush=True)
        seconds = by_clicks(browser, address, VOTES, asked.reading)
        reading = VOTES * asked.reading
        print(f"{VOTES} votes by clicks, with opening the page: {seconds:.1f} s, {reading:.0f} of them reading")


if __name__ == "__main__":
    main()
