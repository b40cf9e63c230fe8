"""Stop, a closed tab, and a contestant that does not listen."""

import asyncio
import time

import pytest

from arena.events import Token, Working
from tests.fakes import Hang, Pause
from tests.ui.pages import REQUEST, Page

ENDLESS = [Working(), *[step for _ in range(500) for step in (Token("word "), Pause(0.02))]]


async def stopped_by_cancelling(page: Page, after: float) -> None:
    task = asyncio.create_task(page.stream())
    await asyncio.sleep(after)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    page.sent.append(await page.handlers.settle(page.session, REQUEST))


def test_stop_is_never_lost_in_fifty_tries() -> None:
    async def fifty() -> None:
        for number in range(50):
            page = Page(tuned=ENDLESS, rag=ENDLESS)
            page.begin()
            await stopped_by_cancelling(page, after=number * 0.004)
            assert not page.session.busy and not page.votes_open
            (kept,) = page.history.recent()
            assert all(answer.reason == "stopped" for answer in kept.answers.values())

    asyncio.run(asyncio.wait_for(fifty(), 120))


def test_the_stop_button_alone_ends_it_too() -> None:
    async def run(page: Page) -> None:
        task = asyncio.create_task(page.stream())
        await asyncio.sleep(0.2)
        page.sent.append(page.handlers.press_stop(page.session, REQUEST)[1:])
        await asyncio.wait_for(task, 5)

    page = Page(tuned=ENDLESS, rag=ENDLESS)
    page.begin()
    asyncio.run(run(page))
    assert "Stopped" in page.now and "word" in page.now and not page.votes_open


def test_a_queued_question_is_stopped_before_it_began_and_handed_back() -> None:
    page = Page()
    page.begin("Keep me?")
    prompt, *rest = page.handlers.press_stop(page.session, REQUEST)
    page.sent.append(rest)
    asyncio.run(page.stream())
    assert prompt == "Keep me?" and "Stopped before it began" in page.now
    assert page.tuned.asked == [] and list(page.history.recent()) == []


def test_a_question_waiting_for_the_device_is_stopped_at_once() -> None:
    first, second = Page(tuned=ENDLESS, rag=ENDLESS), Page()
    second.handlers.runner.devices.update(first.handlers.runner.devices)

    async def run() -> None:
        first.begin()
        long = asyncio.create_task(first.stream())
        await asyncio.sleep(0.2)
        second.handlers.runner.devices.update(first.handlers.runner.devices)
        second.begin()
        began = time.monotonic()
        await stopped_by_cancelling(second, after=0.3)
        assert time.monotonic() - began < 8
        assert "1 ahead in the queue" in second.seen or "2 ahead in the queue" in second.seen
        first.handlers.press_stop(first.session, REQUEST)
        await asyncio.wait_for(long, 10)

    asyncio.run(run())
    assert second.tuned.asked == []


def test_a_contestant_that_ignores_stop_does_not_hold_the_page() -> None:
    hang = Hang()
    page = Page(tuned=[Working(), Token("half "), hang], rag=[Working(), Token("half "), hang])
    page.begin()
    began = time.monotonic()
    asyncio.run(stopped_by_cancelling(page, after=0.3))
    assert time.monotonic() - began < 8
    assert "Stopped" in page.now and not page.session.busy
    hang.release()


def test_a_closed_tab_stops_the_run_and_keeps_what_was_said() -> None:
    async def run(page: Page) -> None:
        frames = page.handlers.ask(page.session, REQUEST)
        await anext(frames)
        await asyncio.sleep(0.2)
        await frames.aclose()

    page = Page(tuned=ENDLESS, rag=ENDLESS)
    page.begin()
    asyncio.run(run(page))
    assert page.session.asking is not None and page.session.asking.finished.wait(5)
    (kept,) = page.history.recent()
    assert any("word" in answer.text for answer in kept.answers.values()) and not kept.complete


def test_a_silent_contestant_still_wakes_the_page() -> None:
    page = Page(tuned=[Working(), Pause(3), Token("x")])
    frames: list[float] = []
    page.begin()
    asyncio.run(page.stream(lambda page: frames.append(time.monotonic())))
    assert max(later - earlier for earlier, later in zip(frames, frames[1:], strict=False)) < 2.6
