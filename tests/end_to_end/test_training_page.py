"""The Training page in a browser, over a scripted run."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


def test_a_run_goes_on_is_stopped_and_is_there_after_a_reload(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    page.get_by_role("tab", name="Training").click()
    expect(page.locator("#training_state")).to_contain_text("Stopped at step 400 of 777")
    expect(page.locator("#training_stop")).to_be_disabled()
    page.locator("#training_go_on").click()
    expect(page.locator("#training_state")).to_contain_text("Getting ready")
    expect(page.locator("#training_go_on")).to_be_disabled()
    page.reload()
    page.get_by_role("tab", name="Training").click()
    expect(page.locator("#training_state")).to_contain_text("Getting ready")
    page.locator("#training_stop").click()
    expect(page.locator("#training_state")).to_contain_text("Stopping")
