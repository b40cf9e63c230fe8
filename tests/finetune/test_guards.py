"""Each classic failure is found, and its finding says what to do."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from arena.prompts import closed_book_messages
from finetune.branches import Sample
from finetune.guards import (
    LONGEST_ANSWER,
    adapter_changes_answers,
    end_of_turn_learnt,
    same_base,
    same_prompt,
    same_template,
    template_digest,
)

MESSAGES = closed_book_messages("How heavy is the Ossa 4?")
SAMPLES = [Sample(tuple(closed_book_messages(text)), "3 kg.") for text in ("How heavy?", "How big?")]
BASE = {"base_model": "tiny", "shape": "llama 32", "base_fingerprint": "abc"}


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model)


@pytest.fixture
def adapted(tiny_model: Path) -> Any:
    """A LoRA with random B: it changes everything."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    return get_peft_model(base, config)


def matrices(model: Any) -> list[Any]:
    return [weight for name, weight in model.named_parameters() if "lora_B" in name]


def test_an_adapter_that_moves_the_logits_passes(adapted: Any, tokenizer: Any) -> None:
    found = adapter_changes_answers(adapted, tokenizer, MESSAGES)
    assert found.passed and "none of 14 LoRA B matrices is zero" in found.detail
    assert str(found).startswith("passed: the adapter changes what the model says. Logits move by up to ")


def test_a_layer_that_was_not_trained_is_named(adapted: Any, tokenizer: Any) -> None:
    torch.nn.init.zeros_(matrices(adapted)[3])
    found = adapter_changes_answers(adapted, tokenizer, MESSAGES)
    assert not found.passed and "1 of 14 LoRA B matrices are all zeros, for example" in found.detail
    assert "layers.0.self_attn.o_proj.lora_B.default.weight" in found.detail
    assert str(found).startswith("FAILED: ")


def test_an_adapter_too_weak_to_matter_fails(adapted: Any, tokenizer: Any) -> None:
    for weight in matrices(adapted):
        torch.nn.init.constant_(weight, 1e-9)
    found = adapter_changes_answers(adapted, tokenizer, MESSAGES)
    assert not found.passed and "raise the learning rate" in found.detail


def test_an_adapter_of_no_numbers_fails(adapted: Any, tokenizer: Any) -> None:
    torch.nn.init.constant_(matrices(adapted)[0], float("nan"))
    found = adapter_changes_answers(adapted, tokenizer, MESSAGES)
    assert not found.passed and "Lower the learning rate" in found.detail


def test_an_adapter_without_lora_matrices_fails(tiny_model: Path, tokenizer: Any) -> None:
    from peft import IA3Config, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    other = get_peft_model(base, IA3Config(target_modules=["k_proj"], feedforward_modules=[]))
    found = adapter_changes_answers(other, tokenizer, MESSAGES)
    assert not found.passed and "no LoRA matrices" in found.detail


def favour(token: int, from_step: int = 0) -> Any:
    """A hook on the head that makes this token the likeliest, in answers from that step on."""
    step = -1

    def hook(module: Any, inputs: Any, logits: torch.Tensor) -> torch.Tensor:
        nonlocal step
        step += 1
        logits[..., token] += 1e4 if step >= from_step else -1e4
        return logits

    return hook


def test_answers_that_end_by_themselves_pass(adapted: Any, tokenizer: Any) -> None:
    adapted.get_output_embeddings().register_forward_hook(favour(tokenizer.eos_token_id, LONGEST_ANSWER - 1))
    found = end_of_turn_learnt(adapted, tokenizer, [MESSAGES] * 3)
    assert found.passed and found.detail == "3 of 3 answers end by themselves within 64 tokens."


def test_answers_that_run_on_fail(adapted: Any, tokenizer: Any) -> None:
    adapted.get_output_embeddings().register_forward_hook(favour(tokenizer.eos_token_id, LONGEST_ANSWER))
    found = end_of_turn_learnt(adapted, tokenizer, [MESSAGES])
    assert not found.passed and found.detail.startswith("0 of 1 answers end by themselves")
    assert "whether '<|im_end|>' is learnt" in found.detail


@pytest.mark.parametrize(("running_on", "passed"), [(1, True), (2, False)])
def test_one_of_twenty_may_run_on(running_on: int, passed: bool, tokenizer: Any) -> None:
    class Scripted(torch.nn.Module):
        """Runs on after the first conversations, and ends its turn after all others."""

        device, left = torch.device("cpu"), running_on

        def generate(self, input_ids: torch.Tensor, **_: Any) -> torch.Tensor:
            ends = torch.full((len(input_ids), 1), tokenizer.eos_token_id)
            ends[: self.left], self.left = 5, 0
            return torch.cat([input_ids, ends], 1)

    assert end_of_turn_learnt(Scripted(), tokenizer, [MESSAGES] * 20).passed is passed


def test_the_same_prompt_passes(tokenizer: Any) -> None:
    def serve(messages: Any) -> list[int]:
        text = tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=False)
        found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    found = same_prompt(SAMPLES, tokenizer, serve)
    assert found.passed and found.detail == "2 prompts are the same, token for token."
    assert not same_prompt([], tokenizer, serve).passed


def test_a_prompt_that_differs_is_shown_where_it_does(tokenizer: Any) -> None:
    def serve(messages: Any) -> Any:
        asked = [{"role": "system", "content": "Answer in one long sentence."}, *messages[1:]]
        return tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=True, return_dict=False)

    found = same_prompt(SAMPLES, tokenizer, serve)
    assert not found.passed and "training saw ' in one short se'" in found.detail
    assert "serving sends ' in one long sen'" in found.detail and "same system message" in found.detail


def test_a_prompt_cut_short_differs_where_it_ends(tokenizer: Any) -> None:
    def serve(messages: Any) -> Any:
        return tokenizer.apply_chat_template(list(messages), tokenize=True, return_dict=False)

    found = same_prompt(SAMPLES, tokenizer, serve)
    assert not found.passed and found.detail.count("<|im_start|>") == 1


def test_a_template_that_rewrites_the_prompt_fails(tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    other = AutoTokenizer.from_pretrained(tiny_model)
    other.chat_template = "{{ messages | length }}" + other.chat_template
    found = same_prompt(SAMPLES, other, lambda messages: [])
    assert not found.passed and "Use a chat template that only appends" in found.detail


def adapter(folder: Path, text: str) -> Path:
    (folder / "arena.json").write_text(text)
    return folder


def test_an_adapter_of_the_same_base_passes_whatever_its_folder_is_called(tmp_path: Path) -> None:
    trained = adapter(tmp_path, json.dumps(BASE | {"prompt": "4"}))
    assert same_base(trained, BASE | {"base_model": "copy", "prompt": "4"}).passed


@pytest.mark.parametrize(("field", "value"), [("base_fingerprint", "xyz"), ("shape", "llama 64"), ("prompt", "3")])
def test_an_adapter_of_another_base_is_told_apart(field: str, value: str, tmp_path: Path) -> None:
    trained = adapter(tmp_path, json.dumps(BASE | {"prompt": "4", field: value}))
    found = same_base(trained, BASE | {"prompt": "4"})
    assert not found.passed and f"{field.replace('_', ' ')} '{value}', here" in found.detail
    assert "Train it again on this base model" in found.detail


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_identity_fails(text: str, tmp_path: Path) -> None:
    found = same_base(adapter(tmp_path, text), BASE)
    assert not found.passed and "arena.json" in found.detail and "train the adapter again" in found.detail


def test_a_missing_identity_fails(tmp_path: Path) -> None:
    assert "cannot be read" in same_base(tmp_path, BASE).detail


def test_a_template_that_was_edited_after_the_training_is_found(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    own = AutoTokenizer.from_pretrained(tiny_model)
    (tmp_path / "arena.json").write_text(json.dumps({"template": template_digest(own)}))
    assert same_template(tmp_path, own).passed
    own.chat_template += " "
    found = same_template(tmp_path, own)
    assert not found.passed and "changed since the training" in found.detail
    (tmp_path / "arena.json").write_text("{}")
    before = same_template(tmp_path, own)
    assert before.passed and "Not known" in before.detail
