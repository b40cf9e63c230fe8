"""`python app.py results` on a workspace with simulated votes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli
from storage import DATABASE_FILE
from tests.simulated import seed


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voted")
    (folder / "workspace.toml").write_text('name = "Voted"\n')
    seed(folder / DATABASE_FILE, 300)
    return folder


def results(workspace: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["results", "--workspace", str(workspace), *arguments])
    return done.exit_code, done.output


def test_the_headline_and_the_tables_are_printed(workspace: Path) -> None:
    code, said = results(workspace)
    assert code == 0
    for text in ("of decided votes", "RAG against Fine-tuned", "Bradley-Terry", "class:", "alpha"):
        assert text in said


def test_json_holds_every_figure_with_its_votes(workspace: Path) -> None:
    code, said = results(workspace, "--json", "--pair", "rag,base", "--votes", "all")
    found = json.loads(said)
    assert code == 0 and (found["first"], found["second"]) == ("rag", "base")
    total = found["total"]
    assert found["headline"]["votes"] == sum(total[key] for key in ("wins", "losses", "ties", "both_bad"))
    assert found["wilson"]["votes"] == total["wins"] + total["losses"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--votes", "some"), "'some' is no kind of vote"),
        (("--pair", "rag,gpt"), "is no pair with votes"),
        (("--since", "May"), "is not a day"),
    ],
)
def test_what_cannot_be_filtered_is_named(workspace: Path, arguments: tuple[str, str], said: str) -> None:
    code, output = results(workspace, *arguments)
    assert code == 1 and said in output
