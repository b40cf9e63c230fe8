"""In a browser: a vote is saved at once and backed up when the place answers, and everything can be downloaded."""

import csv
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from arena.annotation import QueuedPrompt, Source
from storage import DATABASE_FILE, DatabaseQueue, open_database
from tests.end_to_end.conftest import free_port, serve
from tests.end_to_end.pages import ask, vote, wait_for_both
from tests.end_to_end.test_looks import violations
from tests.storage.examples import pair

pytestmark = pytest.mark.browser


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    (folder / "there").mkdir(parents=True)
    (folder / "there" / "votes").touch()  # a file where the folder belongs: nothing can be put there
    (folder / "workspace.toml").write_text(f'[votes]\nelsewhere = "{folder}/there"\n')
    return folder


@pytest.fixture
def kept_server(workspace: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "tests.end_to_end.kept_app", str(port), str(workspace)]
    yield from serve(command, port, workspace / "log", 60)


def test_saved_and_backed_up_are_told_apart_and_all_of_it_can_be_downloaded(
    kept_server: str, open_page: Callable[..., Any], workspace: Path, tmp_path: Path
) -> None:
    page = open_page(kept_server, width=390, height=844, scheme="dark")
    page.get_by_role("tab", name="History").click()
    page.locator("#export summary").click()
    with page.expect_popup() as told:
        page.get_by_role("link", name="SFT").click()
    expect(told.value.locator("body")).to_contain_text("Nothing was exported: No rows")
    told.value.close()
    page.get_by_role("tab", name="Compare").click()
    ask(page, "=How many watts?")
    wait_for_both(page)
    expect(page.locator("#kept")).to_be_empty()
    vote(page, "A is better")
    expect(page.locator("#kept")).to_contain_text("Saved here, not yet backed up. 1 vote saved, 0 of them backed up")
    assert not violations(page)
    (workspace / "there" / "votes").unlink()
    expect(page.locator("#kept")).to_have_text("Saved and backed up.", timeout=30_000)
    assert len(list((workspace / "there" / "votes").glob("*/*.json"))) == 1

    page.get_by_role("tab", name="History").click()
    expect(page.get_by_role("link", name="CSV").first).to_be_visible()
    assert not violations(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").first.click()
    download.value.save_as(tmp_path / "votes.zip")
    with zipfile.ZipFile(tmp_path / "votes.zip") as packed, packed.open("votes.csv") as file:
        (row,) = csv.DictReader(TextIOWrapper(file, "utf-8-sig"))
    assert (row["question"], row["preferred"]) == ("'=How many watts?", "fine-tuned")


def test_annotators_see_how_many_votes_are_saved_and_how_many_of_them_backed_up(
    kept_server: str, open_page: Callable[..., Any], workspace: Path
) -> None:
    queue = DatabaseQueue(open_database(workspace / DATABASE_FILE))
    texts = [f"How many watts does number {place} draw?" for place in range(3)]
    queue.add([QueuedPrompt(text, Source.IMPORTED) for text in texts], [("fine-tuned", "rag")])
    while waiting := queue.next_task():
        queue.answered(waiting[0].id, pair(waiting[1]))
    page = open_page(kept_server)
    page.get_by_role("tab", name="Annotate").click()
    expect(page.locator("#annotate_pair")).to_contain_text("How many watts")
    expect(page.locator("#annotate_kept")).to_be_empty()
    page.locator("#annotate_left").click()
    expect(page.locator("#annotate_saved")).to_contain_text("Saved: A is better")
    expect(page.locator("#annotate_kept")).to_contain_text("In all: 1 vote saved, 0 of them backed up")
    assert not violations(page)
    (workspace / "there" / "votes").unlink()
    expect(page.locator("#annotate_kept")).to_have_text("In all: 1 vote saved and backed up.", timeout=60_000)
    (file,) = (workspace / "there" / "votes").glob("*/*.json")
    assert "ballot" in [record["table"] for record in json.loads(file.read_text())["records"]]
