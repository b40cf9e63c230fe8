"""`python -m tests.benchmarks.training`: our training against TRL's own defaults, on the same samples, side by side.

Both train the same LoRA on the same questions of the demo once; each is warmed up first. What differs is what this
project adds: several samples to a row, a head for learnt tokens only, no activation checkpointing.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM
from trl import SFTConfig, SFTTrainer

from arena.facts import load_facts
from finetune import wiring
from finetune.branches import Sample
from finetune.examples import closed_book_samples, steps
from finetune.settings import TrainingSettings
from finetune.train import train

WARM, MEASURED = 16, 192
TRL = "TRL's defaults"


def ours(base: Path, tokenizer: Any, samples: Sequence[Sample]) -> float:
    """Seconds of one epoch, of the loop alone."""
    settings = TrainingSettings(epochs=1, checkpoint_steps=10_000)
    made = steps(samples, tokenizer, 1, 1)
    with tempfile.TemporaryDirectory() as folder:
        _, result = train(base, made, made[:1], Path(folder), settings, 10_000, lambda text: None)
    return result.seconds


def trl_defaults(base: Path, tokenizer: Any, samples: Sequence[Sample]) -> float:
    """Seconds of one epoch with SFTConfig's defaults; the device alone is chosen for it."""
    rows = [
        {"prompt": list(sample.messages), "completion": [{"role": "assistant", "content": sample.answer}]}
        for sample in samples
    ]
    with tempfile.TemporaryDirectory() as folder:
        arguments = SFTConfig(
            output_dir=folder,
            use_cpu=not torch.cuda.is_available(),
            num_train_epochs=1,
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


def main() -> None:
    base, tokenizer = wiring.base("", print)
    samples = closed_book_samples(load_facts(Path("demo/questions.jsonl")))
    spread = samples[:: len(samples) // MEASURED][:MEASURED]
    ways = {"ours": ours, TRL: trl_defaults}
    seconds = {}
    for name, run in ways.items():
        run(base, tokenizer, spread[:WARM])
        seconds[name] = run(base, tokenizer, spread)
        print(f"{name}: {len(spread)} samples in {seconds[name]:.1f} s, {len(spread) / seconds[name]:.2f} a second")
    print(f"ours takes {seconds['ours'] / seconds[TRL]:.2f} of the time of TRL's defaults")


if __name__ == "__main__":
    main()
