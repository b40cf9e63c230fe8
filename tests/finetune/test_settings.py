"""Where a training's settings come from, and which are refused."""

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from arena.errors import ArenaError, WorkspaceError
from finetune import precision
from finetune.settings import OPTIONS, Flags, TrainingSettings, chosen, training_options


def workspace(folder: Path, table: str) -> Path:
    (folder / "workspace.toml").write_text(f"[training]\n{table}\n")
    return folder


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0.0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("rank", 0),
        ("alpha", -1),
        ("checkpoint_steps", 0),
        ("dropout", 1.0),
        ("warmup_share", -0.1),
        ("patience", -1),
        ("seed", -1),
        ("targets", ""),
        ("targets", "q_proj,,v_proj"),
        ("targets", "all-linear,q_proj"),
    ],
)
def test_a_value_that_cannot_be_trained_with_is_told_with_the_way_out(name: str, value: Any) -> None:
    with pytest.raises(WorkspaceError) as error:
        TrainingSettings(**{name: value})
    told = str(error.value)
    assert told.startswith(f"training.{name} is {value!r}: it must be ") and f"{name} under [training]" in told
    assert (f"--{name.replace('_', '-')}," in told) == (name in OPTIONS)


def test_what_nobody_sets_is_what_the_shipped_adapters_were_trained_with(tmp_path: Path) -> None:
    assert chosen({}) == chosen({}, tmp_path) == TrainingSettings()
    known = {"epochs": 1.2, "learning_rate": 1e-3, "batch_size": 1, "warmup_share": 0.03}
    known |= {
        "rank": 16,
        "alpha": 32,
        "dropout": 0.0,
        "seed": 42,
        "checkpoint_steps": 50,
        "targets": "all-linear",
        "rslora": False,
        "quantize": False,
    }
    assert vars(TrainingSettings()) == known | {"patience": 0, "replay": 0.0, "replay_share": 1.0}


def test_a_flag_wins_over_the_table_and_the_table_over_the_commands_defaults(tmp_path: Path) -> None:
    folder = workspace(tmp_path, "epochs = 3\nrank = 8\nrslora = true\ntargets = 'q_proj,v_proj'")
    found = chosen({"rank": 4}, folder, epochs=2.5, learning_rate=8e-4)
    assert (found.epochs, found.rank, found.learning_rate, found.rslora) == (3, 4, 8e-4, True)
    assert found.target_names == ["q_proj", "v_proj"] and found.alpha == 32
    assert not chosen({"rslora": False}, folder).rslora


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("ranks = 8", "training.ranks is not a setting"),
        ("rank = 0", "training.rank is 0: it must be at least 1"),
        ("rank = true", "training.rank is True; it must be of type int"),
        ("rslora = 1", "training.rslora is 1; it must be of type bool"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(table: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=told):
        chosen({}, workspace(tmp_path, table))


def test_four_bits_are_refused_where_they_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision.torch.cuda, "is_available", lambda: False)
    with pytest.raises(ArenaError, match="quantize is True, but there is no CUDA device here.*leave --quantize out"):
        chosen({"quantize": True})
    monkeypatch.setattr(precision.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(precision.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ArenaError, match="bitsandbytes is missing: `pip install bitsandbytes`, or leave --quantize"):
        chosen({"quantize": True})


def test_a_command_gets_the_options_that_were_given_and_no_others() -> None:
    app, got = typer.Typer(), []

    @app.command()
    @training_options
    def command(where: str, flags: Flags) -> None:
        got.append((where, dict(flags)))

    given = ["here", "--rank", "4", "--targets", "q_proj", "--no-rslora", "--learning-rate", "2e-4", "--epochs", "0"]
    assert CliRunner().invoke(app, given).exit_code == 0
    flags = {"rank": 4, "targets": "q_proj", "rslora": False, "learning_rate": 2e-4, "epochs": 0.0}
    assert got == [("here", flags)]
    assert CliRunner().invoke(app, ["here"]).exit_code == 0 and got[1] == ("here", {})
    assert CliRunner().invoke(app, ["here", "--rank", "many"]).exit_code == 2


def test_zero_epochs_are_as_many_as_each_fact_needs(tiny_model: Path, tmp_path: Path) -> None:
    import json

    from finetune.__main__ import app

    row = {"id": "a", "class": "trained", "document": "a.md", "answer": "It is 3 kg.", "accepted": ["3 kg"]}
    row |= {"questions": {"training": ["How heavy?"], "held_out": ["What weight?"]}}
    (tmp_path / "questions.jsonl").write_text(json.dumps(row) + "\n")
    preview = ["train", str(tmp_path), "--base-model", str(tiny_model), "--preview"]
    left_out, zero, one = (
        CliRunner().invoke(app, [*preview, *more]).output for more in ([], ["--epochs", "0"], ["--epochs", "1"])
    )
    assert left_out == zero != one
