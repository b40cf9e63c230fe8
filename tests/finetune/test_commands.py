"""The commands as a person types them, on a tiny model."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arena.errors import ArenaError
from finetune import judge_commands, reader, wiring
from finetune.__main__ import app


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    if isinstance(done.exception, ArenaError):
        return 1, str(done.exception)
    return done.exit_code, done.output


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "ossa.md").write_text("# Ossa\n\nThe Ossa 4 weighs 3 kg.\n")
    row = {
        "id": "weight",
        "class": "trained",
        "document": "ossa.md",
        "questions": {"training": ["How heavy is the Ossa 4?"], "held_out": ["What does an Ossa 4 weigh?"]},
        "answer": "The Ossa 4 weighs 3 kg.",
        "accepted": ["3 kg"],
    }
    (tmp_path / "questions.jsonl").write_text(json.dumps(row) + "\n")
    return tmp_path


def test_a_preview_shows_what_is_learnt_and_trains_nothing(workspace: Path, tiny_model: Path) -> None:
    code, told = run("train", str(workspace), "--base-model", str(tiny_model), "--preview")
    assert code == 0 and "learnt" in told and "samples" in told
    assert "How" not in told.split("Tokens in a sample")[1]
    assert not (workspace / "runs").exists() and not (workspace / "adapters").exists()


@pytest.mark.slow
def test_the_hybrid_is_previewed_with_what_the_index_brings(
    workspace: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = reader.load_records()[:13]  # of which one is held out; embedding all takes minutes
    monkeypatch.setattr(reader, "load_records", lambda: few)
    code, told = run("hybrid", str(workspace), "--base-model", str(tiny_model), "--preview", "--epochs", "0.5")
    assert code == 0 and "1 documents" in told and "retrieving for 1 of 1 facts" in told


def test_an_export_without_an_adapter_names_the_folder(workspace: Path, tiny_model: Path) -> None:
    code, told = run("export", str(workspace), str(workspace / "merged"), "--base-model", str(tiny_model))
    assert code == 1 and str(workspace / "adapters" / "fine-tuned") in told
    assert not (workspace / "merged").exists()


def test_a_wrong_address_is_said_before_anything_is_read(workspace: Path) -> None:
    code, told = run("examples", str(workspace), "--url", "localhost", "--model", "big")
    assert code == 1 and "not the address of a model" in told
    assert not (workspace / "index").exists()


def test_questions_that_a_team_has_are_imported_once(workspace: Path) -> None:
    table = workspace / "ours.csv"
    table.write_text("frage,answer\nWho sells the Ossa 4?,The Ossa 4 is sold by Bruno.\n")
    code, told = run("import", str(workspace), str(table))
    assert code == 1 and "has no column" in told and "frage" in told
    for wanted in ("1 fact added", "Nothing added"):
        code, told = run("import", str(workspace), str(table), "--question", "frage")
        assert code == 0 and wanted in told
    assert len((workspace / "questions.jsonl").read_text().splitlines()) == 2


def test_a_hybrid_cannot_begin_with_an_adapter_that_is_not_there(workspace: Path, tiny_model: Path) -> None:
    code, told = run("hybrid", str(workspace), "--base-model", str(tiny_model), "--onward")
    assert code == 1 and "finetune train" in told


def asked_about(workspace: Path, names: list[str]) -> None:
    """A document with a sentence to each name, and a fact with evidence to each."""
    said = {name: f"The {name} lamp weighs {number + 2} kg." for number, name in enumerate(names)}
    (workspace / "documents" / "lamps.md").write_text("# Lamps\n\n" + "\n\n".join(said.values()) + "\n")
    rows = [
        {
            "id": name,
            "class": "trained",
            "document": "lamps.md",
            "questions": {"training": [f"Weight of the {name} one?", f"{name}, kilograms"], "held_out": [f"{name}?"]},
            "answer": sentence,
            "accepted": [f"{number + 2} kg"],
            "evidence": [sentence],
        }
        for number, (name, sentence) in enumerate(said.items())
    ]
    (workspace / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.slow
def test_a_retriever_is_rehearsed_measured_and_written_for_the_next_start(workspace: Path) -> None:
    asked_about(workspace, ["Ossa", "Brill", "Tarn", "Velm", "Quor", "Dask"])
    code, told = run("retriever", str(workspace), "--epochs", "3")
    assert code == 0, told
    assert "rehearsal, other facts, nearest, before: " in told and "rehearsal, other facts, nearest: " in told
    adapter = workspace / "adapters" / "retriever"
    assert "12 wordings of 6 facts" in (adapter / "README.md").read_text()
    rehearsed = workspace / "runs" / "retriever" / "rehearsal" / "adapter"
    assert "10 wordings of 5 facts" in (rehearsed / "README.md").read_text()
    weights = [(folder / "adapter_model.safetensors").read_bytes() for folder in (adapter, rehearsed)]
    assert weights[0] != weights[1]


def test_calibrating_a_trained_retriever_takes_its_rehearsal(workspace: Path) -> None:
    (workspace / "adapters" / "retriever").mkdir(parents=True)
    code, told = run("calibrate", str(workspace))
    assert code == 1 and f"python -m finetune retriever {workspace}" in told and "rehearsal" in told


@pytest.fixture
def tiny_reader(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reader on the tiny model, in the shipped one's place."""
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    from finetune.disk import write_adapter
    from finetune.precision import lora
    from finetune.settings import TrainingSettings

    folder = tmp_path_factory.mktemp("reader") / "reader"
    plain = AutoModelForCausalLM.from_pretrained(tiny_model)
    write_adapter(get_peft_model(plain, lora(plain, TrainingSettings())), folder, wiring.identity(tiny_model), "card")
    shutil.copy(judge_commands.READER / "calibration.json", folder)
    monkeypatch.setattr(judge_commands, "READER", folder)
    return folder


LAMPS = ["Ossa", "Brill", "Tarn", "Velm", "Quor", "Dask", "Ferro", "Hult", "Iven", "Jarl"]


def test_a_judge_is_shown_what_it_would_learn_from_what_the_search_brings(
    workspace: Path, tiny_model: Path, tiny_reader: Path
) -> None:
    asked_about(workspace, LAMPS)
    code, told = run("judge", str(workspace), "--base-model", str(tiny_model), "--preview")
    assert code == 0, told
    assert "learnt" in told and "samples" in told
    assert not (workspace / "runs").exists() and not (workspace / "adapters").exists()


@pytest.mark.slow
def test_a_judge_is_rehearsed_measured_weighed_and_written(
    workspace: Path, tiny_model: Path, tiny_reader: Path
) -> None:
    asked_about(workspace, LAMPS)
    command = ("judge", str(workspace), "--base-model", str(tiny_model), "--wordings", "2")
    code, told = run(*command)
    assert code == 0, told
    adapter, rehearsed = workspace / "adapters" / "judge", workspace / "runs" / "judge" / "rehearsal" / "adapter"
    card = (adapter / "README.md").read_text()
    assert "rehearsal, other facts, right sentence first" in card and "20 training questions" in card
    assert "16 training questions" in (rehearsed / "README.md").read_text()
    fitted = json.loads((adapter / "calibration.json").read_text())
    assert fitted["adapter_hash"] == wiring.adapter_hash(adapter) and fitted["query_adapter"] == ""
    assert not (workspace / "calibration.json").exists()  # that would be the reader's
    (adapter / "calibration.json").unlink()
    code, told = run("calibrate", str(workspace), "--base-model", str(tiny_model))
    assert code == 0, told
    again = json.loads((adapter / "calibration.json").read_text())
    assert again["adapter_hash"] == fitted["adapter_hash"]
    assert again["accept"]["verdict"] == pytest.approx(fitted["accept"]["verdict"], rel=0.05)
    # Other questions: what the rehearsal left out is no longer what it would leave out.
    asked_about(workspace, LAMPS[1:])
    code, told = run("calibrate", str(workspace), "--base-model", str(tiny_model))
    assert code == 1 and "other questions" in told and f"finetune judge {workspace}" in told


def test_a_judge_that_could_not_be_measured_is_not_trained(
    workspace: Path, tiny_model: Path, tiny_reader: Path
) -> None:
    asked_about(workspace, LAMPS[:4])
    code, told = run("judge", str(workspace), "--base-model", str(tiny_model))
    assert code == 1 and "Nothing to measure on" in told
    assert not (workspace / "runs").exists()


def test_a_judge_goes_on_from_a_reader_of_its_own_base(workspace: Path, tiny_model: Path) -> None:
    asked_about(workspace, LAMPS)
    code, told = run("judge", str(workspace), "--base-model", str(tiny_model))
    assert code == 1 and "The adapter in" in told and "was trained on" in told


def test_calibrating_a_trained_judge_takes_its_rehearsal(workspace: Path) -> None:
    (workspace / "adapters" / "judge").mkdir(parents=True)
    code, told = run("calibrate", str(workspace))
    assert code == 1 and f"python -m finetune judge {workspace}" in told and "rehearsal" in told


def test_a_retriever_without_evidence_says_what_is_needed(workspace: Path) -> None:
    code, told = run("retriever", str(workspace))
    assert code == 1 and '"evidence"' in told
    assert not (workspace / "adapters").exists()
