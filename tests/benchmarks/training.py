"""`python -m tests.benchmarks.training [--speed]`: our training against TRL's own defaults, on the same samples in one
run: samples a second, and the seconds until held-out wordings are known.

Both train the same LoRA on the same questions of the demo. TRL gets the learning rate and the precision that ours
chooses, to its advantage: its own rate, 2e-5, is fifty times lower, and its bf16 is only imitated by many CPUs. What
differs is what this project does: several samples to a row, a head for learnt tokens only, no activation checkpointing,
another schedule. Replay, which TRL does not have, is left out. `--speed`: only samples a second.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, TrainerCallback
from transformers.trainer import DEFAULT_CALLBACKS
from trl import SFTConfig, SFTTrainer  # type: ignore[attr-defined]

from arena.facts import Fact, load_facts
from finetune import wiring
from finetune.branches import Sample, tokenized
from finetune.check import closed_book_accuracy
from finetune.examples import BRANCHES, ROWS, closed_book_samples, steps
from finetune.precision import decided
from finetune.settings import TrainingSettings
from finetune.train import train

WARM, MEASURED = 16, 192
FACTS, EPOCHS = 8, 2
"""What the second part trains on: so many of the demo's facts, in all their training wordings, so often."""
BAR, CHECKED = 0.9, 96
"""The share of held-out wordings that is to be known, and samples between two looks at it."""
TRL = "TRL's defaults"
SETTINGS = TrainingSettings(checkpoint_steps=10_000)


@dataclass
class Examined(TrainerCallback):
    """Ends a run when `examine` of its model reaches the bar; the time that this takes is not counted."""

    examine: Callable[[Any], float]
    samples: int
    """To a step."""
    seconds: float = 0.0
    known: list[tuple[int, float, float]] = field(default_factory=list)
    """(samples, seconds, share of held-out wordings) at each look."""

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.since = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        done = state.global_step * self.samples
        if done // CHECKED == (done - self.samples) // CHECKED:
            return
        self.seconds += time.perf_counter() - self.since
        self.known.append((done, self.seconds, self.examine(model)))
        model.train()
        control.should_training_stop |= self.known[-1][2] >= BAR
        self.since = time.perf_counter()


@contextmanager
def watched(callback: Examined | None) -> Iterator[None]:
    """Every trainer that is made meanwhile has this callback, ours and TRL's alike."""
    if callback is None:
        yield
        return
    everywhere: list[Any] = DEFAULT_CALLBACKS
    everywhere.append(callback)
    try:
        yield
    finally:
        everywhere.remove(callback)


def ours(base: Path, tokenizer: Any, samples: Sequence[Sample], epochs: int = 1, look: Examined | None = None) -> float:
    """Seconds of the loop alone."""
    made = steps(samples, tokenizer, epochs, 1)
    with tempfile.TemporaryDirectory() as folder, watched(look):
        _, result = train(base, made, made[:1], Path(folder), SETTINGS, 10_000, lambda text: None)
    return result.seconds


def trl_defaults(
    base: Path, tokenizer: Any, samples: Sequence[Sample], epochs: int = 1, look: Examined | None = None
) -> float:
    """Seconds of the loop alone, with SFTConfig's defaults but for device, precision and learning rate."""
    rows = [
        {"prompt": list(sample.messages), "completion": [{"role": "assistant", "content": sample.answer}]}
        for sample in samples
    ]
    with tempfile.TemporaryDirectory() as folder, watched(look):
        arguments = SFTConfig(
            output_dir=folder,
            use_cpu=not torch.cuda.is_available(),
            bf16=decided(base, Path(folder) / "precision.json", False).bf16,
            learning_rate=SETTINGS.learning_rate,
            num_train_epochs=epochs,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True),
            args=arguments,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
        )
        began = time.perf_counter()
        trainer.train()
        return time.perf_counter() - began


WAYS = {"ours": (ours, BRANCHES * ROWS), TRL: (trl_defaults, SFTConfig.per_device_train_batch_size)}
"""How to train, and samples to a step."""


def speed(base: Path, tokenizer: Any, facts: Sequence[Fact]) -> None:
    samples = closed_book_samples(facts)
    spread = samples[:: len(samples) // MEASURED][:MEASURED]
    # As they are written; ours computes a beginning that samples share once.
    tokens = sum(len(part) for sample in spread for part in tokenized(sample, tokenizer))
    seconds = {}
    for name, (run, _) in WAYS.items():
        run(base, tokenizer, spread[:WARM])
        seconds[name] = run(base, tokenizer, spread)
        each = f"{len(spread) / seconds[name]:.2f} samples and {tokens / seconds[name]:.0f} tokens a second"
        print(f"{name}: {len(spread)} samples in {seconds[name]:.1f} s, {each}")
    print(f"ours takes {seconds['ours'] / seconds[TRL]:.2f} of the time of TRL's defaults", flush=True)


def to_the_bar(base: Path, tokenizer: Any, facts: Sequence[Fact]) -> None:
    taught = [fact for fact in facts if fact.kind == "trained"]
    some = taught[:: len(taught) // FACTS][:FACTS]
    samples = closed_book_samples(some)

    def examine(model: Any) -> float:
        right, asked = closed_book_accuracy(model, tokenizer, some, lambda fact: fact.held_out, lambda text: None)
        return right / asked

    seconds = {}
    for name, (run, size) in WAYS.items():
        look = Examined(examine, size)
        run(base, tokenizer, samples, EPOCHS, look)
        for done, took, share in look.known:
            print(f"{name}: {done} samples, {took:.0f} s, {share:.0%} of held-out wordings")
        if look.known[-1][2] >= BAR:
            seconds[name] = look.known[-1][1]
        else:
            print(f"{name}: {BAR:.0%} were not reached")
    if len(seconds) == len(WAYS):
        print(f"to {BAR:.0%} of held-out wordings ours takes {seconds['ours'] / seconds[TRL]:.2f} of the time of {TRL}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", action="store_true")
    only_speed = parser.parse_args().speed
    base, tokenizer = wiring.base("", print)
    facts = load_facts(Path("demo/questions.jsonl"))
    speed(base, tokenizer, facts)
    if not only_speed:
        to_the_bar(base, tokenizer, facts)


if __name__ == "__main__":
    main()
