"""`export`, `import`, `backup`, `backups` and `restore`, as a person types them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app import cli
from storage import DATABASE_FILE, open_history
from storage.elsewhere import Folder
from storage.outbox import Outbox
from tests.storage.contents import fill
from tests.storage.examples import answered, pair, vote_on


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "questions.jsonl").touch()
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_votes_go_from_one_workspace_to_another_and_are_not_doubled(workspace: Path, tmp_path: Path) -> None:
    fill(open_history(workspace / DATABASE_FILE))
    done = run("export", tmp_path / "all.zip", "--workspace", workspace, "--format", "jsonl")
    assert "3 comparison, 6 answer" in done.output, done.output
    other = tmp_path / "other"
    other.mkdir()
    assert (
        "added: 3 comparison, 2 vote, 3 vote history"
        in run("import", tmp_path / "all.zip", "--workspace", other).output
    )
    again = run("import", tmp_path / "all.zip", "--workspace", other).output
    assert "added: nothing" in again and "here already: " in again


def test_what_was_sent_elsewhere_can_be_imported_too(workspace: Path, tmp_path: Path) -> None:
    history = open_history(tmp_path / "sender.sqlite")
    voted = fill(history)
    Outbox(history.database, Folder(tmp_path / "there")).send()
    for told in ("added: 1 comparison, 2 vote, 3 vote history", "added: nothing"):
        assert told in run("import", tmp_path / "there", "--workspace", workspace).output
    here = open_history(workspace / DATABASE_FILE)
    assert list(here.votes(voted.id)) == list(history.votes(voted.id))


def test_with_pseudonyms_two_exports_name_the_same_person_alike(workspace: Path, tmp_path: Path) -> None:
    fill(open_history(workspace / DATABASE_FILE))
    for name in ("one.jsonl", "two.jsonl"):
        done = run("export", tmp_path / name, "--workspace", workspace, "--anonymous")
        assert "Names are pseudonyms" in done.output, done.output
    assert (tmp_path / "one.jsonl").read_text() == (tmp_path / "two.jsonl").read_text()
    assert '"Ann"' not in (tmp_path / "one.jsonl").read_text()
    assert (workspace / "pseudonyms.key").stat().st_mode & 0o077 == 0


def test_without_a_key_nothing_is_exported_rather_than_names(workspace: Path, tmp_path: Path) -> None:
    fill(open_history(workspace / DATABASE_FILE))
    key = workspace / "pseudonyms.key"
    key.touch()  # the disk was full just then
    done = run("export", tmp_path / "one.jsonl", "--workspace", workspace, "--anonymous")
    assert done.exit_code == 1 and "holds no key" in done.output and not (tmp_path / "one.jsonl").exists()


@pytest.mark.parametrize(("kind", "names"), [("dpo", "prompt chosen rejected"), ("kto", "prompt completion label")])
def test_pairs_for_a_training_have_trls_columns(workspace: Path, tmp_path: Path, kind: str, names: str) -> None:
    fill(open_history(workspace / DATABASE_FILE))
    done = run("export", tmp_path / "rows.jsonl", "--workspace", workspace, "--format", kind)
    assert done.exit_code == 0, done.output
    for line in (tmp_path / "rows.jsonl").read_text().splitlines():
        assert list(json.loads(line)) == names.split()


def test_the_way_to_train_on_exported_pairs_is_one_that_from_votes_can_read(workspace: Path, tmp_path: Path) -> None:
    history = open_history(workspace / DATABASE_FILE)
    compared = pair().with_answers({name: answered(name, f"{name} says so.") for name in ("rag", "fine-tuned")})
    history.save(compared)
    history.cast(vote_on(compared))
    command = f"python -m finetune from-votes {workspace} --pairs {tmp_path / 'rows.jsonl'}"
    for name, told in (
        ("rows.jsonl", f"To train on them: {command}\n"),
        (
            "rows.parquet",
            f"To train on them here, export them to {tmp_path / 'rows.jsonl'} instead, and then: {command}\n",
        ),
    ):
        done = run("export", tmp_path / name, "--workspace", workspace, "--format", "dpo")
        assert (tmp_path / name).is_file() and done.output.endswith(told), done.output


def test_what_cannot_be_done_is_said_and_ends_with_one(workspace: Path, tmp_path: Path) -> None:
    for words, told in (
        (("export", tmp_path / "votes.xls"), "unknown ending"),
        (("export", tmp_path / "out", "--format", "xml"), "no format 'xml'"),
        (("import", tmp_path / "missing.csv"), "cannot be read"),
        (("restore", tmp_path / "missing.sqlite"), "There is no file"),
    ):
        done = run(*words, "--workspace", workspace)
        assert done.exit_code == 1 and told in done.output


def test_a_backup_is_made_listed_and_restored(workspace: Path) -> None:
    fill(open_history(workspace / DATABASE_FILE))
    assert "No backup in" in run("backups", "--workspace", workspace).output
    made = run("backup", "--workspace", workspace).output.strip()
    assert made in run("backups", "--workspace", workspace).output
    (workspace / DATABASE_FILE).unlink()
    assert f"Restored from {made}: 3 comparisons." in run("restore", made, "--workspace", workspace).output
    again = run("restore", made, "--workspace", workspace).output
    assert "What was there before is" in again and "before-restore" in again


def test_with_a_server_the_way_to_back_it_up_is_told(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann:secret@db.example/votes")
    for words in (("backup",), ("backups",), ("restore", "x")):
        done = run(*words, "--workspace", workspace)
        assert done.exit_code == 1 and "pg_dump" in done.output and "secret" not in done.output
