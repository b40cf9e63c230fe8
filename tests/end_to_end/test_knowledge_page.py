"""The Knowledge page in a browser, over real documents and a real index."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.end_to_end.conftest import free_port, serve
from tests.rag.examples import tiny_workspace

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]
WALNUT = b"# Tables\n\n## Walnut\n\nThe walnut table weighs 30 kilograms. `<img src=x onerror='window.hacked=1'>`"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_workspace(tmp_path_factory.mktemp("knowledge") / "tiny")


@pytest.fixture(scope="module")
def shelf_server(workspace: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "tests.end_to_end.knowledge_app", str(port), str(workspace)]
    yield from serve(command, port, workspace.parent / "log", 60)


def opened(page: Any) -> Any:
    page.get_by_role("tab", name="Knowledge").click()
    expect(page.locator("#knowledge_list")).to_contain_text("lamps.md")
    return page


def upload(page: Any, *files: dict[str, Any]) -> None:
    page.locator("#knowledge_uploads input[type=file]").set_input_files(list(files))
    for file in files:
        expect(page.locator("#knowledge_uploads")).to_contain_text(file["name"].split(".")[-1])
    page.locator("#knowledge_add").click()


def named(name: str, data: bytes) -> dict[str, Any]:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def test_a_document_is_uploaded_indexed_read_found_and_deleted(
    shelf_server: str, open_page: OpenPage, workspace: Path
) -> None:
    page = opened(open_page(shelf_server))
    upload(page, named("tables.md", WALNUT), named("film.mov", b"x"))
    expect(page.locator("#knowledge_news")).to_contain_text("Added: tables.md.")
    expect(page.locator("#knowledge_news")).to_contain_text("film.mov: unsupported ending '.mov'")
    expect(page.locator("#knowledge_indexing progress")).to_be_visible()
    page.reload()
    opened(page)
    row = page.locator("#knowledge_list tr", has_text="tables.md")
    expect(row).to_contain_text("Indexed")
    expect(page.locator("#knowledge_indexing")).to_contain_text("up to date: 4 documents")

    row.get_by_role("button").press("Enter")
    expect(page.locator("#knowledge_document")).to_contain_text("Tables > Walnut")
    expect(page.locator("#knowledge_document")).to_contain_text("<img src=x onerror=")
    expect(page.locator("#knowledge_document h2")).to_be_focused()

    page.get_by_label("What to search for").fill("How much does the walnut table weigh?")
    page.get_by_label("What to search for").press("Enter")
    first = page.locator("#knowledge_found tbody tr").first
    expect(first).to_contain_text("tables.md")
    expect(first.locator("td")).to_have_count(3)
    expect(page.locator("#knowledge_found .chosen")).to_contain_text("The walnut table weighs 30 kilograms.")

    page.get_by_role("button", name="Only in some documents").click()
    page.get_by_label("Names, folders or patterns").fill("lamp*")
    page.get_by_label("Names, folders or patterns").press("Enter")
    expect(page.locator("#knowledge_found")).not_to_contain_text("tables.md")
    expect(first).to_contain_text("lamps.md")
    page.get_by_label("Names, folders or patterns").fill("")
    page.get_by_label("Types").fill("tiff")
    page.locator("#knowledge_search").click()
    expect(page.locator("#knowledge_found")).to_contain_text("There is no type 'tiff': use one of")
    page.get_by_label("Types").fill("")

    page.locator("#knowledge_delete").click()
    expect(page.locator("#knowledge_doomed")).to_contain_text("Delete tables.md for good?")
    page.locator("#knowledge_keep").click()
    expect(page.locator("#knowledge_doomed")).to_be_hidden()
    page.locator("#knowledge_delete").click()
    page.locator("#knowledge_really").click()
    expect(page.locator("#knowledge_news")).to_contain_text("tables.md is deleted")
    expect(page.locator("#knowledge_list")).not_to_contain_text("tables.md")
    assert not (workspace / "documents" / "tables.md").exists()
    page.locator("#knowledge_search").click()
    expect(page.locator("#knowledge_found tbody tr").first).to_be_visible()
    expect(page.locator("#knowledge_found")).not_to_contain_text("tables.md")
    assert page.evaluate("window.hacked") is None


def test_a_name_that_is_there_is_replaced_only_after_the_tick(
    shelf_server: str, open_page: OpenPage, workspace: Path
) -> None:
    page = opened(open_page(shelf_server))
    upload(page, named("holidays.txt", b"HOLIDAYS\n\nEvery employee has 32 days of paid holiday a year.\n"))
    expect(page.locator("#knowledge_notice")).to_contain_text("There already: holidays.txt")
    assert "31 days" in (workspace / "documents" / "holidays.txt").read_text()
    page.get_by_label("Replace documents of the same name").check()
    page.locator("#knowledge_add").click()
    expect(page.locator("#knowledge_news")).to_contain_text("Added: holidays.txt")
    expect(page.locator("#knowledge_notice")).to_be_empty()
    assert "32 days" in (workspace / "documents" / "holidays.txt").read_text()
    expect(page.get_by_label("Replace documents of the same name")).not_to_be_checked()


def test_behind_a_proxy_one_can_look_and_search_and_nothing_else(
    shelf_server: str, browser: Any, open_page: OpenPage
) -> None:
    context = browser.new_context(extra_http_headers={"X-Forwarded-For": "203.0.113.9"})
    page = opened(open_page(shelf_server, context=context))
    expect(page.locator("#knowledge_note")).to_contain_text("You can look and search")
    expect(page.locator("#knowledge_add")).to_be_hidden()
    assert page.locator("#knowledge_list button").count() == 0
    page.get_by_label("What to search for").fill("How heavy is the glass lamp?")
    page.locator("#knowledge_search").click()
    expect(page.locator("#knowledge_found tbody tr").first).to_contain_text("lamps.md")
    context.close()
