"""Downloads: who may have them is asked each time, and what cannot be written is said."""

import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from arena.errors import StorageError
from arena.people import Role
from tests.ui.pages import everybody_is
from ui.exports import links_html, routes, show


class FakeExports:
    """`arena.ports.Exports`; `trouble`, when set, is raised."""

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble
        self.written: list[tuple[str, bool]] = []

    @property
    def kinds(self) -> Mapping[str, str]:
        return {"csv": "for a <spreadsheet>", "dpo": "pairs"}

    @property
    def nameless(self) -> Collection[str]:
        return ["dpo"]

    def write(self, kind: str, folder: Path, anonymous: bool = False) -> Path:
        self.written.append((kind, anonymous))
        if self.trouble:
            raise StorageError(self.trouble)
        path = folder / f"votes-{kind}.zip"
        path.write_bytes(b"everything")
        return path


def client(exports: FakeExports, role: Role = Role.ADMIN) -> TestClient:
    return TestClient(Starlette(routes=routes(exports, everybody_is(role))))


def test_an_admin_gets_the_file_and_none_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    exports = FakeExports()
    got = client(exports).get("/export/csv")
    assert (got.status_code, got.content) == (200, b"everything")
    assert 'filename="votes-csv.zip"' in got.headers["content-disposition"]
    assert client(exports).get("/export/csv?anonymous=1").status_code == 200
    assert exports.written == [("csv", False), ("csv", True)] and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("role", [Role.VISITOR, Role.ANNOTATOR])
def test_nobody_else_gets_one(role: Role, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    exports = FakeExports()
    got = client(exports, role).get("/export/csv")
    assert got.status_code == 403 and not exports.written and list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_said() -> None:
    got = client(FakeExports("the disk is full")).get("/export/csv")
    assert (got.status_code, got.text) == (409, "Nothing was exported: the disk is full")
    assert client(FakeExports()).get("/export/xls").status_code == 404


def test_the_links_are_shown_to_admins_alone_and_escaped() -> None:
    request: Any = None
    assert show(FakeExports(), everybody_is(Role.ANNOTATOR))(request) == ""
    shown = show(FakeExports(), everybody_is(Role.ADMIN))(request)
    assert shown == links_html(FakeExports()) and "&lt;spreadsheet&gt;" in shown
    assert "export/csv?anonymous=1" in shown and "export/dpo?anonymous=1" not in shown
