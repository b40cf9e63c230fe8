"""One training run: rows in, adapter folder out. TRL's SFTTrainer with a PEFT LoRA, resumable after a kill.

Covers: the run and its arguments, progress, stopping on request. Does not cover: what the rows say (examples.py,
reader.py), how the base is loaded (precision.py) and fits (memory.py), what is minimised (loss.py), what lies on disk
(disk.py) and how good the result is (check.py, judging.py).

Started by `accelerate launch -m finetune train WORKSPACE` every GPU has a process, and each takes its own steps of the
data: with n of them the optimiser takes n steps at once, in an nth as many. Tried with two processes on a
CPU, not on several GPUs.
"""

import ctypes
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from accelerate.utils import broadcast_object_list
from datasets import Dataset
from peft import PeftModel, load_peft_weights, set_peft_model_state_dict
from trl import SFTConfig  # type: ignore[attr-defined]

from arena.errors import Stopped
from finetune.branches import Branch, Group, Step, collate, packed
from finetune.callbacks import (
    Patience,
    Progress,
    Report,
    StopOnRequest,
    device_name,
    log_lines,
    processes,
)
from finetune.disk import alone, resumable
from finetune.loss import AnswerLossTrainer
from finetune.memory import Memory, memory_for, told_when_full
from finetune.precision import Precision, decided, load_base, lora, same_form
from finetune.settings import TrainingSettings

Found = TypeVar("Found")
LOG = "log.jsonl"


@dataclass(frozen=True)
class TrainingResult:
    """What a run measured about itself. Losses: mean nats per learnt token, by weight, without what replay
    adds; seconds: of this process. `kept`: the step whose weights the model has: the last one, or with patience that of
    the lowest held-out loss."""

    steps: int
    kept: int
    seconds: float
    tokens: int
    device: str
    precision: Precision
    memory: Memory
    training_losses: tuple[tuple[int, float], ...]
    held_out_losses: tuple[tuple[int, float], ...]


def as_dataset(steps: Sequence[Step]) -> Dataset:
    """The steps in their fixed order, in the form TRL takes."""
    # By hand: dataclasses.asdict copies every token id, which took longer than making the samples.
    return Dataset.from_list(
        [
            {
                "groups": [
                    {"prefix": group.prefix, "branches": [vars(branch) for branch in group.branches]} for group in step
                ]
            }
            for step in steps
        ]
    )


def as_step(row: dict[str, Any]) -> Step:
    return [
        Group(
            tuple(group["prefix"]),
            tuple(
                Branch(
                    tuple(branch["prompt"]),
                    tuple(branch["heard"]),
                    tuple(branch["answer"]),
                    branch["taught"],
                    branch["replayed"],
                )
                for branch in group["branches"]
            ),
        )
        for group in row["groups"]
    ]


def train(
    base: Path,
    training: Sequence[Step],
    held_out: Sequence[Step],
    work: Path,
    settings: TrainingSettings,
    evaluate_every: int,
    report: Report,
    began: Path | None = None,
) -> tuple[Any, TrainingResult]:
    """Train a LoRA on `base`, a new one or the adapter `began`, and return (PEFT model, result). Checkpoints go to
    `work`; when it holds one made with the same settings and steps, the run goes on from there with optimiser,
    scheduler, data order, precision and form of the base's weights. `evaluate_every`: steps of one process. With
    patience the model comes back with the weights that had the lowest loss on `held_out`, of those that were evaluated.

    Raises:
        Stopped: SIGTERM came; the same call goes on. Call it from the main thread, where signals arrive.
        WorkspaceError: a target module that the model does not have.
        AdapterMismatch: `began` is a LoRA of another form than the settings'.
        ArenaError: another run works in the same folder, 4 bits are wanted and this machine cannot, or the GPU's memory
            ran out.
    """
    # One process alone locks: the others write nothing.
    with alone(work) if processes().is_main_process else nullcontext(), told_when_full(settings):
        return _train(base, training, held_out, work, settings, evaluate_every, report, began)


def _train(
    base: Path,
    training: Sequence[Step],
    held_out: Sequence[Step],
    work: Path,
    settings: TrainingSettings,
    evaluate_every: int,
    report: Report,
    began: Path | None,
) -> tuple[Any, TrainingResult]:
    keep_freed_memory()
    pad = json.loads((base / "config.json").read_text())["pad_token_id"]
    log = work / LOG
    begins = agreed(lambda: _beginning(base, training, work, settings, began))
    report(f"Computing in {begins.precision}.")
    if str(begins.memory):
        report(str(begins.memory))
    model, config = load_base(base, settings.quantize, begins.precision, begins.memory.shortened), None
    if began is None:
        config = lora(model, settings)
    else:
        model = PeftModel.from_pretrained(model, str(began), is_trainable=True)
        same_form(model.peft_config["default"], settings, began)
    request, main = StopOnRequest(), processes().is_main_process
    trainer = AnswerLossTrainer(
        model=model,
        args=_arguments(work, settings, evaluate_every, begins),
        train_dataset=as_dataset(training),
        eval_dataset=as_dataset(held_out),
        data_collator=lambda found: collate([row for step in found for row in packed(as_step(step))], pad),
        peft_config=config,
        callbacks=[*([Progress(report, log)] if main else []), request, Patience(settings.patience, report)],
    )
    trainer.replay = settings.replay
    with request:
        trainer.train(resume_from_checkpoint=begins.checkpoint)
    if request.asked:
        steps = f"step {trainer.state.global_step} of {trainer.state.max_steps}"
        raise Stopped(f"Stopped at {steps}, with a checkpoint: the same command goes on from there.")
    kept = trainer.state.global_step
    if settings.patience and trainer.state.best_global_step:
        kept = trainer.state.best_global_step
        weights = load_peft_weights(str(work / f"checkpoint-{kept}"), device="cpu")
        set_peft_model_state_dict(trainer.model, weights)
    processes().wait_for_everyone()
    lines = log_lines(log)
    return trainer.model, TrainingResult(
        steps=trainer.state.global_step,
        kept=kept,
        seconds=sum(line["seconds"] for line in lines),
        tokens=sum(len(group) for step in training for group in step),
        device=device_name(),
        precision=begins.precision,
        memory=begins.memory,
        training_losses=tuple((line["step"], line["loss"]) for line in lines if "loss" in line),
        held_out_losses=tuple((line["step"], line["eval_loss"]) for line in lines if "eval_loss" in line),
    )


@dataclass(frozen=True)
class _Beginning:
    """Where a run goes on, None for the start, and how it computes."""

    checkpoint: str | None
    precision: Precision
    memory: Memory


def _beginning(
    base: Path, training: Sequence[Step], work: Path, settings: TrainingSettings, began: Path | None
) -> _Beginning:
    last = resumable(work, settings, training, began)
    if last is None:
        (work / LOG).unlink(missing_ok=True)
    precision = decided(base, work / "precision.json", last is not None)
    memory = memory_for(base, settings, training, precision.bf16, work / "memory.json", last is not None)
    return _Beginning(last, precision, memory)


def _arguments(work: Path, settings: TrainingSettings, evaluate_every: int, begins: _Beginning) -> SFTConfig:
    again = begins.memory.recompute
    return SFTConfig(
        output_dir=str(work),
        use_cpu=not torch.cuda.is_available(),
        bf16=begins.precision.bf16,
        activation_checkpointing=again,
        activation_checkpointing_kwargs={"use_reentrant": False} if again else None,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=1,
        num_train_epochs=1,
        train_sampling_strategy="sequential",
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_share,
        max_length=None,
        eval_strategy="steps",
        eval_steps=max(1, evaluate_every // (processes().num_processes * settings.batch_size)),
        save_strategy="steps",
        save_steps=settings.checkpoint_steps,
        save_total_limit=2,
        logging_steps=10,
        disable_tqdm=True,
        report_to="none",
        seed=settings.seed,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )


def agreed(find: Callable[[], Found]) -> Found:
    """What the main process finds, in every process: it alone writes a run's files."""
    found: list[Any] = [find() if processes().is_main_process else None]
    first: Found = broadcast_object_list(found)[0]
    return first


def keep_freed_memory() -> None:
    """Ask glibc to keep freed blocks: giving each activation back to the system costs a fifth of the time."""
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return
    # No block from mmap, however large (its threshold cannot be set above 32 MB); never trim; grow in large strides.
    for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 1 << 28)):
        libc.mallopt(option, value)
