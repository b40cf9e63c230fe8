"""What a training gives up where memory is short: decided from the model's shapes, and the same losses for it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from arena.errors import ArenaError
from arena.prompts import closed_book_messages
from finetune import memory
from finetune import train as training_module
from finetune.branches import Sample, collate, packed
from finetune.examples import steps
from finetune.memory import USED, Demand, Memory, chosen, decided, demand, fits, free
from finetune.precision import lora
from finetune.settings import TrainingSettings
from finetune.train import train
from tests.tiny import make_tiny_model

EIGHT_BILLION = Demand(weights=8_000_000_000, trained=1e9, kept=20e9, layer=2e9, scored=1e9)


@pytest.mark.parametrize(
    ("gigabytes", "bf16", "quantized", "found"),
    [
        (80, True, False, (False, False)),
        (48, True, False, (True, False)),  # weights first: it costs no time
        (24, True, False, (True, True)),
        (48, False, False, (False, True)),  # weights that nothing multiplies in bf16 would be emulated
        (32, True, True, (False, False)),  # 4 bits
        (16, True, True, (False, True)),
        (4, True, False, (True, True)),  # the least there is
    ],
)
def test_weights_are_shortened_before_activations_are_recomputed(
    gigabytes: int, bf16: bool, quantized: bool, found: tuple[bool, bool]
) -> None:
    made = decided(EIGHT_BILLION, gigabytes * 1e9, quantized, bf16)
    assert (made.bf16, made.recompute) == found
    assert (made.needed <= USED * gigabytes * 1e9) == (gigabytes > 4)


def test_what_is_given_up_is_told_and_a_run_that_may_fail_too() -> None:
    assert str(decided(EIGHT_BILLION, 80e9, False, True)) == ""
    told = str(decided(EIGHT_BILLION, 24e9, False, True))
    assert told.startswith("To fit 24.0 GB of free memory the base model's weights are in bf16 and activations are")
    assert "may still need" not in told
    short = str(decided(EIGHT_BILLION, 4e9, True, True))
    assert "activations are computed again" in short and "weights are in bf16" not in short
    assert "may still need about 8.8 GB: if it ends for want of memory, take a smaller base model" in short


def test_a_resumed_run_keeps_the_form_of_its_weights() -> None:
    """Other weights would lead to other losses; what is recomputed leads to the same."""
    assert decided(EIGHT_BILLION, 80e9, False, True, weights_bf16=True).bf16
    kept = decided(EIGHT_BILLION, 48e9, False, True, weights_bf16=False)
    assert not kept.bf16 and kept.recompute


def samples(tokenizer: Any) -> Any:
    many = [Sample(tuple(closed_book_messages(f"Which is number {n}?")), f"It is {n}.") for n in range(16)]
    return steps(many, tokenizer, 10, 1)


def test_a_run_notes_the_form_of_its_weights(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = samples(AutoTokenizer.from_pretrained(tiny_model))
    file, settings = tmp_path / "memory.json", TrainingSettings()
    assert not chosen(tiny_model, settings, made, True, file, resumed=False).bf16
    wanted = demand(tiny_model, settings, made)
    monkeypatch.setattr(memory, "free", lambda _: wanted.bytes(memory.BF16, True) / USED + 1)
    assert not chosen(tiny_model, settings, made, True, file, resumed=True).bf16
    assert chosen(tiny_model, settings, made, True, file, resumed=False).bf16
    assert json.loads(file.read_text())["recompute"]


@pytest.mark.parametrize("hidden", [64, 256])
def test_what_autograd_keeps_is_as_estimated(hidden: int, tmp_path: Path) -> None:
    base = make_tiny_model(tmp_path, hidden)
    tokenizer = AutoTokenizer.from_pretrained(base)
    step, settings = samples(tokenizer)[0], TrainingSettings()
    model = AutoModelForCausalLM.from_pretrained(base)
    from peft import get_peft_model

    tuned = get_peft_model(model, lora(model, settings))
    batch = collate(packed(step), tokenizer.pad_token_id)
    kept: dict[int, int] = {}
    weights = {part.untyped_storage().data_ptr() for part in tuned.parameters()}

    def count(found: torch.Tensor) -> torch.Tensor:
        place = found.untyped_storage()
        if place.data_ptr() not in weights:
            kept[place.data_ptr()] = place.nbytes()
        return found

    given = {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids")}
    with torch.autograd.graph.saved_tensors_hooks(count, lambda found: found):
        tuned.get_base_model().model(**given, use_cache=False)
    estimated = demand(base, settings, [step]).kept * batch["input_ids"].numel() / sum(map(len, step))
    assert 0.75 < estimated / sum(kept.values()) < 1.35


def test_recomputing_changes_no_loss(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = samples(AutoTokenizer.from_pretrained(tiny_model))

    def run(name: str, found: Memory) -> tuple[Any, list[str]]:
        said: list[str] = []
        monkeypatch.setattr(training_module, "memory_for", lambda *_: found)
        settings = TrainingSettings(epochs=1, rank=4, learning_rate=1e-2)
        model, result = train(tiny_model, made, made[:1], tmp_path / name, settings, 1000, said.append)
        assert model.get_base_model().is_activation_checkpointing == found.recompute
        return result, said

    usual, nothing = run("usual", Memory(free=1e9))
    again, told = run("again", Memory(recompute=True, free=1e9))
    short, _ = run("short", Memory(bf16=True, free=1e9))
    assert [loss for _, loss in again.training_losses] == pytest.approx([loss for _, loss in usual.training_losses])
    assert again.held_out_losses[-1][1] == pytest.approx(usual.held_out_losses[-1][1])
    assert short.training_losses[-1][1] == pytest.approx(usual.training_losses[-1][1], rel=0.05)
    assert any("computed again instead of kept" in text for text in told)
    assert not any("To fit" in text for text in nothing)


def test_a_gpu_that_runs_out_is_told_with_the_way_out(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ...")

    monkeypatch.setattr(training_module.AnswerLossTrainer, "train", full)
    made = samples(AutoTokenizer.from_pretrained(tiny_model))
    with pytest.raises(ArenaError, match=r"ran out \(CUDA out of memory\): .*; or take --quantize"):
        train(tiny_model, made, made[:1], tmp_path, TrainingSettings(), 1000, print)


def test_a_container_may_have_less_than_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=8e9))
    assert free("cpu") == 8e9  # no control group
    (tmp_path / "memory.max").write_text("3000000000\n")
    (tmp_path / "memory.current").write_text("1500000000\n")
    (tmp_path / "memory.stat").write_text("anon 1000000000\ninactive_file 500000000\n")
    assert free("cpu") == 2e9
    (tmp_path / "memory.max").write_text("max\n")
    assert free("cpu") == 8e9


def test_a_base_too_big_for_fp32_is_known_beforehand(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fits(tiny_model)
    monkeypatch.setattr(memory, "free", lambda _: 1000.0)
    assert not fits(tiny_model)
