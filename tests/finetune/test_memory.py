"""What a training gives up where memory is short: decided from the model's shapes, and the same losses for it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from arena.errors import ArenaError
from arena.prompts import closed_book_messages
from finetune import memory
from finetune import train as training_module
from finetune.branches import Sample, collate, packed
from finetune.examples import steps
from finetune.memory import (
    USED,
    Demand,
    Form,
    Memory,
    demand,
    first_that_fits,
    fits,
    forms,
    free,
    memory_for,
    told_when_full,
)
from finetune.precision import lora
from finetune.settings import TrainingSettings
from finetune.train import train
from tests.tiny import make_tiny_model

EIGHT_BILLION = Demand(
    weights=8_000_000_000, linear=7_000_000_000, layers=32, trained=1e9, layer=6e8, inputs=1e9, scored=1e9
)
"""In GB, computed in bf16: fp32 34 + 14 (copies in bf16) + 14 of activations, bf16 18 + 14, 4 bits 10 + 15."""


def choice(gigabytes: float, bf16: bool = True, quantized: bool = False) -> Memory:
    return first_that_fits(EIGHT_BILLION, gigabytes * 1e9, forms(quantized, bf16), bf16)


@pytest.mark.parametrize(
    ("gigabytes", "bf16", "quantized", "form", "recompute"),
    [
        (80, True, False, "fp32", False),
        (64, True, False, "bf16", False),  # weights first: it costs no time
        (64, False, False, "fp32", False),  # without copies in bf16
        (24, True, False, "bf16", True),
        (48, False, False, "fp32", True),  # weights that nothing multiplies in bf16 would be emulated
        (32, True, True, "4 bits", False),
        (16, True, True, "4 bits", True),
        (4, True, False, "bf16", True),  # the least there is
    ],
)
def test_weights_are_shortened_before_activations_are_recomputed(
    gigabytes: int, bf16: bool, quantized: bool, form: Form, recompute: bool
) -> None:
    found = choice(gigabytes, bf16, quantized)
    assert (found.form, found.recompute) == (form, recompute)
    assert (found.needed <= USED * gigabytes * 1e9) == (gigabytes > 4)


def test_what_is_given_up_is_told_and_a_run_that_may_fail_too() -> None:
    assert str(choice(80)) == ""
    told = str(choice(24))
    assert told.startswith("To fit 24.0 GB of free memory the base model's weights are in bf16 and activations are")
    assert "may still need" not in told
    short = str(choice(4, quantized=True))
    assert "activations are computed again" in short and "weights are in bf16" not in short
    assert short.endswith("This run may still need about 11.5 GB, and end for want of it.")


QUANTIZED = TrainingSettings(quantize=True, batch_size=4)


def lora_of(base: Path) -> Any:
    return lora(AutoModelForCausalLM.from_pretrained(base), TrainingSettings())


def samples(tokenizer: Any) -> Any:
    many = [Sample(tuple(closed_book_messages(f"Which is number {n}?")), f"It is {n}.") for n in range(16)]
    return steps(many, tokenizer, 10, 1)


def test_a_resumed_run_keeps_the_form_of_its_weights(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other weights would lead to other losses; what is recomputed leads to the same."""
    made = samples(AutoTokenizer.from_pretrained(tiny_model))
    file, settings = tmp_path / "memory.json", TrainingSettings()

    def found(resumed: bool) -> tuple[Form, bool]:
        memory = memory_for(tiny_model, settings, made, True, file, resumed)
        return memory.form, memory.recompute

    plenty = memory.free
    assert found(resumed=False) == ("fp32", False)
    wanted = demand(tiny_model, settings, made)
    monkeypatch.setattr(memory, "free", lambda: wanted.needed("bf16", True, True) / USED + 1)
    assert found(resumed=True) == ("fp32", True)
    file.unlink()  # begun before it was noted
    assert found(resumed=True) == ("fp32", True)
    assert found(resumed=False) == ("bf16", True) and json.loads(file.read_text()) == {"form": "bf16"}
    monkeypatch.setattr(memory, "free", plenty)
    assert found(resumed=True) == ("bf16", False)


@pytest.mark.parametrize("hidden", [64, 256])
@pytest.mark.parametrize("bf16", [False, True])
def test_what_autograd_keeps_is_as_estimated(hidden: int, bf16: bool, tmp_path: Path) -> None:
    base = make_tiny_model(tmp_path, hidden)
    tokenizer = AutoTokenizer.from_pretrained(base)
    step, settings = samples(tokenizer)[0], TrainingSettings()
    tuned = get_peft_model(AutoModelForCausalLM.from_pretrained(base), lora_of(base))
    batch = collate(packed(step), tokenizer.pad_token_id)
    kept: dict[int, int] = {}
    weights = {part.untyped_storage().data_ptr() for part in tuned.parameters()}

    def count(found: torch.Tensor) -> torch.Tensor:
        place = found.untyped_storage()
        if place.data_ptr() not in weights:
            kept[place.data_ptr()] = place.nbytes()
        return found

    given = {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids")}
    hooks = torch.autograd.graph.saved_tensors_hooks(count, lambda found: found)
    with hooks, torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        tuned.get_base_model().model(**given, use_cache=False)
    needs = demand(base, settings, [step])
    estimated = needs.layers * needs.layer * (memory.SHORTER if bf16 else 1) + needs.linear * memory.BF16 * bf16
    assert 0.7 < estimated / sum(kept.values()) < 1.5


def test_what_is_padded_counts_and_the_largest_batch_alone(tiny_model: Path) -> None:
    made = samples(AutoTokenizer.from_pretrained(tiny_model))
    small, settings = made[:4], TrainingSettings()
    one = demand(tiny_model, settings, small)
    assert demand(tiny_model, settings, [*small, [*made[4], *made[5], *made[6]]]).layer > 2 * one.layer
    assert demand(tiny_model, TrainingSettings(batch_size=2), small).scored > 1.5 * one.scored


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
    short, _ = run("short", Memory("bf16", free=1e9))
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
    with pytest.raises(ArenaError, match=r"ran out \(CUDA out of memory\): .*; or take --quantize, a smaller base"):
        train(tiny_model, made, made[:1], tmp_path, TrainingSettings(), 1000, print)
    with pytest.raises(ArenaError, match="or take a smaller --batch-size, a smaller base"), told_when_full(QUANTIZED):
        full()


def test_a_container_may_have_less_than_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=8e9))
    assert free() == 8e9  # no control group
    (tmp_path / "memory.max").write_text("3000000000\n")
    (tmp_path / "memory.current").write_text("1500000000\n")
    (tmp_path / "memory.stat").write_text("anon 1000000000\ninactive_file 500000000\n")
    assert free() == 2e9
    (tmp_path / "memory.max").write_text("max\n")
    assert free() == 8e9


def test_a_base_too_big_for_fp32_is_known_beforehand(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fits(tiny_model)
    monkeypatch.setattr(memory, "free", lambda: 1000.0)
    assert not fits(tiny_model)
