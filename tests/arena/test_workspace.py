"""A workspace folder: laid out, opened, and refused in words when the disk or its files are not as they should be."""

import tempfile
from pathlib import Path

import pytest

from arena.errors import StorageError, WorkspaceError
from arena.evaluation import Notebook
from arena.facts import load_facts
from arena.workspace import create_workspace, open_workspace
from tests.storage.conftest import without_privileges


def test_what_was_laid_out_can_be_opened(tmp_path: Path) -> None:
    advice = create_workspace(tmp_path / 'my "own"')
    opened = open_workspace(tmp_path / 'my "own"')
    assert opened.name == "my own" and opened.documents.is_dir() and opened.questions.is_file()
    assert str(opened.path) in advice


def test_a_place_that_cannot_be_written_to_is_refused_in_words() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        with without_privileges(), pytest.raises(WorkspaceError, match="mine cannot be laid out .*choose a place"):
            create_workspace(Path(folder) / "mine")


def test_a_folder_that_holds_something_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").touch()
    with pytest.raises(WorkspaceError, match="not empty: choose another place"):
        create_workspace(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe\x00"])
def test_settings_that_are_not_toml_are_refused_by_name(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "workspace.toml").write_bytes(content)
    with pytest.raises(WorkspaceError, match=r"workspace\.toml cannot be read: .*Correct it, or delete it"):
        open_workspace(tmp_path)


def test_settings_that_may_not_be_read_are_refused_by_name() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        settings = Path(folder) / "workspace.toml"
        settings.touch(0o000)
        with without_privileges(), pytest.raises(WorkspaceError, match=r"workspace\.toml cannot be read .*chmod u\+r"):
            open_workspace(Path(folder))


def test_questions_in_another_encoding_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_bytes('{"id": "ä"}'.encode("latin-1"))
    with pytest.raises(WorkspaceError, match=r"questions\.jsonl is not UTF-8 \(byte 8\): save it as UTF-8"):
        load_facts(path)


def test_a_disk_that_refuses_an_evaluations_answer_says_so_and_keeps_those_before(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "evaluation.jsonl"
    Notebook(path).put("rag", {}, "first?", "yes")
    full = Notebook(path)
    full.path = Path("/dev/full")
    with pytest.raises(StorageError, match="/dev/full .No space left on device.*free some space"):
        full.put("rag", {}, "second?", "no")
    assert full.get("rag", {}, "second?") is None
    assert Notebook(path).get("rag", {}, "first?") == "yes"
