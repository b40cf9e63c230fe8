"""The classic ways in which a fine-tune goes wrong without an error, each as a check that says what to do.

An adapter that changes nothing, an end of turn that was not learnt, a prompt that differs between training and
serving, another base model than the adapter's. Does not judge answers (knowledge.py) and repairs nothing.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from arena.prompts import Message
from finetune.branches import ChatTokenizer, Sample, tokenized
from finetune.precision import half

CHANGE = 1e-3
"""The least that some logit must move; what rounding moves is far below in single precision."""
STOPS = 0.95
LONGEST_ANSWER = 64
BATCH = 16
AROUND = 8
"""Tokens shown on either side of a difference."""


@dataclass(frozen=True)
class Finding:
    """What one check found. `detail` says what to do, or what it rests on when there is nothing to do."""

    name: str
    passed: bool
    detail: str

    def __str__(self) -> str:
        return f"{'passed' if self.passed else 'FAILED'}: {self.name}. {self.detail}"


def adapter_changes_answers(model: Any, tokenizer: ChatTokenizer, messages: Sequence[Message]) -> Finding:
    """The active adapter of a `PeftModel` moves the logits after these messages, and none of its LoRA B matrices is
    still the zeros that it began with."""
    name = "the adapter changes what the model says"
    marks = [f"lora_B.{adapter}." for adapter in model.active_adapters]
    matrices = {path: weight for path, weight in model.named_parameters() if any(mark in path for mark in marks)}
    if not matrices:
        return Finding(name, False, "The model holds no LoRA matrices: load the adapter, or train one.")
    zero = [path for path, weight in matrices.items() if not weight.any()]
    if zero:
        told = f"{len(zero)} of {len(matrices)} LoRA B matrices are all zeros, for example {zero[0]}"
        return Finding(name, False, f"{told}: these layers were not trained, or not saved. Train again.")
    prompt = tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=True, return_dict=False)
    ids = torch.tensor([prompt], device=model.device)
    model.eval()
    with torch.inference_mode():
        adapted = model(input_ids=ids).logits.float()
        with model.disable_adapter():
            moved = float((adapted - model(input_ids=ids).logits.float()).abs().max())
    if math.isnan(moved):
        return Finding(name, False, "The logits are not numbers: training went astray. Lower the learning rate.")
    if moved <= CHANGE:
        advice = "raise the learning rate or the epochs, and look whether lora_alpha is 0 in adapter_config.json"
        return Finding(name, False, f"The logits move by {moved:.1g} at most, which is nothing: {advice}.")
    return Finding(name, True, f"Logits move by up to {moved:.2g}; none of {len(matrices)} LoRA B matrices is zero.")


def end_of_turn_learnt(model: Any, tokenizer: Any, conversations: Sequence[Sequence[Message]]) -> Finding:
    """At least 95 % of the answers to these end by themselves, before 64 tokens."""
    answers = greedy(model, tokenizer, conversations, LONGEST_ANSWER)
    stopped = sum(tokenizer.eos_token_id in ids for ids in answers)
    told = f"{stopped} of {len(answers)} answers end by themselves within {LONGEST_ANSWER} tokens"
    if answers and stopped / len(answers) >= STOPS:
        return Finding("the end of turn is learnt", True, f"{told}.")
    return Finding(
        "the end of turn is learnt",
        False,
        f"{told}; at least {STOPS:.0%} should. See with --preview whether {tokenizer.eos_token!r} is learnt at the end "
        "of each answer, then train longer, or on shorter answers.",
    )


def greedy(model: Any, tokenizer: Any, conversations: Sequence[Sequence[Message]], most: int) -> list[list[int]]:
    """The likeliest answer to each as token ids, padded after its end of turn, of at most so many tokens."""
    model.eval()
    answers: list[list[int]] = []
    for start in range(0, len(conversations), BATCH):
        texts = [
            tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=False)
            for messages in conversations[start : start + BATCH]
        ]
        batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
        batch = batch.to(model.device)
        with torch.inference_mode(), half(model.device.type):
            out = model.generate(
                **batch, max_new_tokens=most, do_sample=False, pad_token_id=tokenizer.pad_token_id, use_cache=True
            )
        answers += out[:, batch["input_ids"].shape[1] :].tolist()
    return answers


def same_prompt(
    samples: Sequence[Sample], tokenizer: Any, serve: Callable[[Sequence[Message]], Sequence[int]]
) -> Finding:
    """What `serve` makes of each sample's messages is what training saw, token for token."""
    name = "serving asks as training did"
    for sample in samples:
        try:
            prompt, heard, _ = tokenized(sample, tokenizer)
        except ValueError as error:
            return Finding(name, False, f"{error}. Use a chat template that only appends.")
        trained, served = [*prompt, *heard], list(serve(sample.messages))
        if trained == served:
            continue
        pairs = zip(trained, served, strict=False)
        first = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(trained), len(served)))
        there, here = (tokenizer.decode(ids[max(0, first - AROUND) : first + AROUND]) for ids in (trained, served))
        return Finding(
            name,
            False,
            f"From token {first} on, training saw {there!r} and serving sends {here!r}. Give both the same system "
            "message and the tokenizer of the base model, with add_generation_prompt and no second beginning of text.",
        )
    return Finding(name, bool(samples), f"{len(samples)} prompts are the same, token for token.")


def template_digest(tokenizer: Any) -> str:
    """What tells one chat template from another, to the byte; empty where there is none."""
    found = tokenizer.chat_template
    text = json.dumps(found, sort_keys=True) if isinstance(found, dict) else found or ""
    return hashlib.sha256(text.encode()).hexdigest()[:16] if text else ""


def same_template(adapter: Path, tokenizer: Any) -> Finding:
    """The tokenizer's chat template is, byte for byte, the one that the adapter was trained with."""
    name = "the chat template is that of the training"
    try:
        trained = json.loads((adapter / "arena.json").read_text(encoding="utf-8")).get("template")
    except (OSError, ValueError, AttributeError):
        trained = None
    if trained is None:
        return Finding(name, True, "Not known: the adapter is from before templates were noted down.")
    if trained == template_digest(tokenizer):
        return Finding(name, True, "The same, byte for byte.")
    return Finding(
        name,
        False,
        "It was changed since the training, so that questions are asked in another form than was learnt. Put the base "
        "model's tokenizer files back as they were, or train again.",
    )


def same_base(adapter: Path, base: Mapping[str, str]) -> Finding:
    """The adapter's arena.json says of its base model what this mapping says: shape, fingerprint and, if it is in the
    mapping, the version of the prompts. The name may differ: the same weights can lie in any folder."""
    name = "the adapter was trained on this base model"
    path = adapter / "arena.json"
    try:
        trained = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return Finding(name, False, f"{path} cannot be read ({error}): train the adapter again.")
    if not isinstance(trained, dict):
        return Finding(name, False, f"{path} holds {trained!r}, not an object: train the adapter again.")
    wrong = [
        f"{key.replace('_', ' ')} {trained.get(key)!r}, here {value!r}"
        for key, value in base.items()
        if key != "base_model" and trained.get(key) != value
    ]
    if wrong:
        model = trained.get("base_model")
        told = f"It was trained on {model} with {'; '.join(wrong)}"
        return Finding(name, False, f"{told}. Train it again on this base model, or give the one it was trained on.")
    return Finding(name, True, f"{trained.get('base_model')}, shape and fingerprint agree.")
