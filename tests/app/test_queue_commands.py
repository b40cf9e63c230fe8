"""`app.py queue ...`, as typed: fill, look, retry; what is wrong is said with its line and the way out."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app import cli
from arena.comparison import Comparison
from arena.question import Turn
from arena.workspace import open_workspace
from commands.queue import queue_of
from storage import DATABASE_FILE, open_history

FACT = {
    "id": "power",
    "class": "trained",
    "document": "controllers/manual.pdf",
    "questions": {"training": ["Watts?"], "held_out": ["How much power?"], "oblique": ["Its appetite?"]},
    "answer": "11 watts",
    "accepted": ["11 watts"],
}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "documents").mkdir()
    (tmp_path / "questions.jsonl").write_text(json.dumps(FACT))
    return tmp_path


def queue(*arguments: str | Path, workspace: Path) -> Result:
    return CliRunner().invoke(cli, ["queue", *map(str, arguments), "--workspace", str(workspace)])


def state(workspace: Path) -> dict[str, object]:
    return dict(json.loads(queue("status", "--json", workspace=workspace).stdout))


def test_import_queues_a_file_once_and_says_what_it_left_out(workspace: Path) -> None:
    file = workspace / "prompts.csv"
    file.write_text("prompt\nWho?\nWhy?\nWho?\n")
    done = queue("import", file, "--annotators", "2", workspace=workspace)
    assert done.exit_code == 0
    assert "line 4: the same prompt as line 2" in done.stderr
    assert "Prompts added: 2; pairs to answer: 2." in done.stdout and "in the background" in done.stdout
    again = queue("import", file, workspace=workspace)
    assert "Prompts added: 0 (2 were there already); pairs to answer: 0." in again.stdout
    assert (state(workspace)["waiting"], state(workspace)["wanted"]) == (2, 4)


def test_a_wrong_line_is_named_and_nothing_is_queued(workspace: Path) -> None:
    file = workspace / "prompts.jsonl"
    file.write_text('{"prompt": "Who?"}\n{"prompt": ""}\n')
    done = queue("import", file, workspace=workspace)
    assert done.exit_code == 1 and "line 2: The prompt is empty" in done.stderr
    assert state(workspace)["prompts"] == 0


@pytest.mark.parametrize(
    ("pair", "said"), [("rag,nobody", "No contestant 'nobody'"), ("rag", "not a pair"), ("rag,rag", "not a pair")]
)
def test_a_pair_that_cannot_be_asked_is_refused(workspace: Path, pair: str, said: str) -> None:
    done = queue("questions", "--pair", pair, workspace=workspace)
    assert done.exit_code == 1 and said in done.stderr


def test_questions_queues_held_out_wordings_for_each_pair(workspace: Path) -> None:
    done = queue("questions", "--pair", "rag,fine-tuned", "--pair", "base,rag", workspace=workspace)
    assert "Prompts added: 2; pairs to answer: 4." in done.stdout


def test_visitors_queues_first_questions_without_who_asked(workspace: Path) -> None:
    assert "No visitor has asked" in queue("visitors", workspace=workspace).stderr
    history = open_history(workspace / DATABASE_FILE)
    for text, more in (
        ("Asked twice?", {"asked_by": "Ann"}),
        ("Asked twice?", {"asked_by": "Ben"}),
        ("And then?", {"histories": {"rag": (Turn("Asked twice?", "Yes."),)}}),
        ("From a terminal?", {"asked_by": "command line"}),
        ("For annotators?", {"versions": {"task": "x"}}),
    ):
        history.save(Comparison(text, "fine-tuned", "rag", blind=False, **more))  # type: ignore[arg-type]
    assert "Prompts added: 1" in queue("visitors", workspace=workspace).stdout
    _, text = queue_of(open_workspace(workspace)).next_task()
    assert text == "Asked twice?"


def test_what_failed_is_told_and_put_back_in_line(workspace: Path) -> None:
    queue("questions", workspace=workspace)
    kept = queue_of(open_workspace(workspace))
    kept.failed(kept.next_task()[0].id, "rag: out of memory")
    told = queue("status", workspace=workspace).stdout
    assert "1 failed" in told and "rag: out of memory" in told and "queue retry" in told
    assert "1 back in line" in queue("retry", workspace=workspace).stdout
    assert "Nothing had failed" in queue("retry", workspace=workspace).stdout


def test_generate_without_anything_to_do_loads_nothing(workspace: Path) -> None:
    done = queue("generate", workspace=workspace)
    assert (done.exit_code, done.stdout) == (0, "No pair waits for answers.\n")


def test_settings_of_the_queue_are_checked(workspace: Path) -> None:
    (workspace / "workspace.toml").write_text('[queue]\nannotators = "many"')
    assert "queue.annotators is 'many'" in queue("status", workspace=workspace).stderr
    (workspace / "workspace.toml").write_text("[queue]\nannotators = 0")
    assert "[queue] annotators is 0" in queue("status", workspace=workspace).stderr
