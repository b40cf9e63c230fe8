"""A DPO run on a tiny real model: what becomes likelier, what is written, what is resumed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from arena.errors import AdapterMismatch, WorkspaceError
from finetune.branches import tokenized
from finetune.disk import write_adapter
from finetune.dpo import DpoResult, DpoSettings, margins, resumable_dpo, train_dpo
from finetune.votes import Preference, Row, dpo_rows

BASE = {"base_model": "some/base", "shape": "llama 32 2 2 259", "base_fingerprint": "0123456789abcdef"}
SETTINGS = DpoSettings(epochs=4, learning_rate=2e-2, accumulated=2, checkpoint_steps=4)


def preference(question: str, chosen: str = "Yes.", rejected: str = "No.") -> Preference:
    return Preference(question, chosen, rejected, "rag", "fine-tuned", True, "Ann", "1")


def loaded(base: Path, adapter: Path) -> Any:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), str(adapter))


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model)


@pytest.fixture(scope="module")
def adapter(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    target = tmp_path_factory.mktemp("adapters") / "fine-tuned"
    write_adapter(get_peft_model(model, config), target, BASE, "card")
    return target


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return dpo_rows([preference(f"Is it {n}?", f"No, {n}!", f"Ja, {n}.") for n in range(12)], 1, 0)[0]


@pytest.fixture(scope="module")
def run(
    tiny_model: Path, adapter: Path, rows: list[Row], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, DpoResult, Path, list[str]]:
    work, said = tmp_path_factory.mktemp("work"), list[str]()
    model, result = train_dpo(tiny_model, adapter, rows, rows[:5], work, SETTINGS, said.append)
    return model, result, work, said


Run = tuple[Any, DpoResult, Path, list[str]]


def test_a_margin_is_the_difference_of_the_whole_answers_log_likelihoods(
    tiny_model: Path, adapter: Path, rows: list[Row], tokenizer: Any
) -> None:
    from finetune.branches import Sample

    model = loaded(tiny_model, adapter).eval()

    def likelihood(said: str) -> float:
        prompt, _, spoken = tokenized(Sample(tuple(rows[0]["prompt"]), said), tokenizer)
        with torch.inference_mode():
            told = model(torch.tensor([prompt + spoken])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        return float(told[range(len(spoken)), spoken].sum())

    (margin,) = margins(model, tokenizer, rows[:1])
    assert margin == pytest.approx(likelihood("No, 0!") - likelihood("Ja, 0."), abs=1e-3)


def test_the_chosen_answers_become_likelier(
    run: Run, tiny_model: Path, adapter: Path, rows: list[Row], tokenizer: Any
) -> None:
    model, result, _, said = run
    before = margins(loaded(tiny_model, adapter), tokenizer, rows)
    after = margins(model, tokenizer, rows)
    assert all(new > old for old, new in zip(before, after, strict=True))
    assert max(before) < 0 < min(after)
    assert (result.before, result.after, result.favoured) == ((0, 5), (5, 5), (5, 5))
    assert result.steps == 12 and result.seconds > 0
    assert [step for step, _ in result.losses] == [5, 10]
    assert result.losses[-1][1] < result.losses[0][1]
    assert said[0].startswith("step 5 of 12, loss ") and said[-1].startswith("comparing 5 held-out pairs")


def test_the_written_folder_holds_one_adapter_which_loads(
    run: Run, tiny_model: Path, rows: list[Row], tokenizer: Any, tmp_path: Path
) -> None:
    model, _, work, _ = run
    assert (work / "checkpoint-12" / "ref").is_dir()  # what must not reach the adapter's folder
    target = tmp_path / "preferred"
    write_adapter(model, target, BASE, "card")
    assert {file.name for file in target.iterdir()} == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "arena.json",
    }
    again = loaded(tiny_model, target)
    assert list(again.peft_config) == ["default"]
    assert margins(again, tokenizer, rows[:1]) == pytest.approx(margins(model, tokenizer, rows[:1]), abs=0.2)


def test_a_checkpoint_names_the_base_by_its_folder_so_that_nobody_asks_the_network(run: Run, tiny_model: Path) -> None:
    config = json.loads((run[2] / "checkpoint-12" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny_model)


def test_a_killed_run_goes_on_to_the_same_end(
    run: Run, tiny_model: Path, adapter: Path, rows: list[Row], tokenizer: Any, tmp_path: Path
) -> None:
    whole, result, work, _ = run
    resumed = Path(shutil.copytree(work, tmp_path / "work"))
    shutil.rmtree(resumed / "checkpoint-12")  # as if it had been killed after step 10
    said: list[str] = []
    model, again = train_dpo(tiny_model, adapter, rows, rows[:5], resumed, SETTINGS, said.append)
    assert said[0].startswith("step 10 of 12")
    assert (again.steps, again.before, again.after) == (result.steps, result.before, result.after)
    assert [step for step, _ in again.losses] == [5, 10]
    assert margins(model, tokenizer, rows) == pytest.approx(margins(whole, tokenizer, rows), abs=0.1)


@pytest.mark.parametrize("changed", ["nothing", "rows", "settings", "adapter"])
def test_only_the_same_run_is_resumed(changed: str, adapter: Path, rows: list[Row], tmp_path: Path) -> None:
    own = Path(shutil.copytree(adapter, tmp_path / "fine-tuned"))
    assert resumable_dpo(tmp_path, own, rows, SETTINGS) is None
    checkpoint = tmp_path / "checkpoint-6"
    checkpoint.mkdir()
    (checkpoint / "trainer_state.json").write_text("{}")
    if changed == "adapter":
        (own / "adapter_model.safetensors").write_bytes(b"other weights")
    settings = replace(SETTINGS, beta=0.2) if changed == "settings" else SETTINGS
    last = resumable_dpo(tmp_path, own, rows[:-1] if changed == "rows" else rows, settings)
    assert last == (str(checkpoint) if changed == "nothing" else None)
    assert checkpoint.exists() == (changed == "nothing")


def test_without_rows_or_an_adapter_the_way_out_is_named(
    tiny_model: Path, adapter: Path, rows: list[Row], tmp_path: Path
) -> None:
    def train(folder: Path, training: list[Row]) -> None:
        train_dpo(tiny_model, folder, training, [], tmp_path / "work", SETTINGS, lambda text: None)

    with pytest.raises(WorkspaceError, match="No preferences to train on: vote"):
        train(adapter, [])
    with pytest.raises(AdapterMismatch, match="No adapter in .*nowhere: train one"):
        train(tmp_path / "nowhere", rows)
    own = Path(shutil.copytree(adapter, tmp_path / "fine-tuned"))
    config = json.loads((own / "adapter_config.json").read_text())
    (own / "adapter_config.json").write_text(json.dumps(config | {"r": 5}))
    with pytest.raises(AdapterMismatch, match=r"(?s)cannot be loaded .*train it again"):
        train(own, rows)
    assert not (tmp_path / "work").exists()
