"""Direct preference optimisation (DPO, Rafailov et al. 2023) of an adapter on pairs of answers, by TRL; resumable.

Does not know where the pairs come from (votes.py). Tells, on held-out pairs, whether the better answer became likelier.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, disable_progress_bars
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback
from trl import DPOConfig, DPOTrainer  # type: ignore[attr-defined]

from arena.errors import AdapterMismatch, Stopped, WorkspaceError
from finetune.branches import IGNORED, Sample, collate, grouped
from finetune.callbacks import Progress, Report, StopOnRequest, device_name, log_lines, losses_by_step
from finetune.disk import alone, checkpoint_of
from finetune.precision import has_bf16
from finetune.train import keep_freed_memory
from finetune.votes import Row

PAIRS_AT_ONCE = 2
"""They are four rows, and a question may have 2,000 characters: more at once could fill a small machine. A step of the
optimiser takes `accumulated` times as many."""


@dataclass(frozen=True)
class DpoSettings:
    """Of one DPO run. A learning rate of 5e-6 for a LoRA and beta 0.1 are what TRL 1.16 uses (its scripts/dpo.py and
    DPOConfig). Supervised loss on the chosen answers keeps them from growing less likely together with the rejected
    ones (RPO, Pang et al. 2024); its weight, three epochs and the warm-up are habit, not tuned here."""

    epochs: float = 3
    learning_rate: float = 5e-6
    beta: float = 0.1
    supervised_weight: float = 0.2
    warmup_share: float = 0.1
    accumulated: int = 4
    seed: int = 42
    checkpoint_steps: int = 25


@dataclass(frozen=True)
class DpoResult:
    """What a run measured. `losses`: (step, loss). The rest are (pairs, of so many held-out pairs): in `before` and
    `after` the chosen answer is likelier than the rejected one as a whole, which favours short answers; in `favoured`
    training has moved the two apart in the right direction, whichever is likelier (DPO's reward accuracy)."""

    steps: int
    seconds: float
    device: str
    losses: tuple[tuple[int, float], ...]
    before: tuple[int, int]
    after: tuple[int, int]
    favoured: tuple[int, int]

    def figures(self) -> dict[str, tuple[int, int]]:
        """(pairs, of so many) by name, for people."""
        return {
            "held-out pairs, preferred answer likelier before": self.before,
            "held-out pairs, preferred answer likelier after": self.after,
            "held-out pairs, moved towards the preferred answer": self.favoured,
        }


def train_dpo(
    base: Path,
    adapter: Path,
    rows: Sequence[Row],
    held_out: Sequence[Row],
    work: Path,
    settings: DpoSettings,
    report: Report,
) -> tuple[Any, DpoResult]:
    """Train the adapter on, and return (PEFT model with that one adapter, result); the folder `adapter` is only read.
    Checkpoints go to `work`; when it holds one made from the same adapter, rows and settings, the run goes on there.

    Raises:
        WorkspaceError: no rows.
        AdapterMismatch: there is no adapter, or it does not fit the base.
        Stopped: SIGTERM came; the same call goes on.
    """
    if not rows:
        raise WorkspaceError("No preferences to train on: vote for the left or the right answer first.")
    model = _trainable(base, adapter)
    with alone(work):
        return _train_dpo(model, base, adapter, rows, held_out, work, settings, report)


def _train_dpo(
    model: Any,
    base: Path,
    adapter: Path,
    rows: Sequence[Row],
    held_out: Sequence[Row],
    work: Path,
    settings: DpoSettings,
    report: Report,
) -> tuple[Any, DpoResult]:
    keep_freed_memory()
    disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    log = work / "log.jsonl"
    last = resumable_dpo(work, adapter, rows, settings)
    if last is None:
        log.unlink(missing_ok=True)
    request = StopOnRequest()
    trainer = DPOTrainer(
        model=model,
        args=_arguments(work, settings),
        train_dataset=Dataset.from_list(list(rows)),
        processing_class=tokenizer,
        callbacks=[Progress(report, log), request],
    )
    trainer.remove_callback(PrinterCallback)
    with request:
        trainer.train(resume_from_checkpoint=last)
    if request.asked:
        raise Stopped(f"Stopped at step {trainer.state.global_step}, with a checkpoint: the same command goes on.")
    report(f"comparing {len(held_out)} held-out pairs before and after")
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)  # measured in full precision
    # TRL copied the adapter as it was to "ref"; left on the model, it would be saved with the trained one.
    model.set_adapter("ref")
    before = margins(model, tokenizer, held_out)
    model.set_adapter("default")
    after = margins(model, tokenizer, held_out)
    model.delete_adapter("ref")
    lines = log_lines(log)
    pairs = len(held_out)
    return model, DpoResult(
        steps=trainer.state.global_step,
        seconds=sum(line["seconds"] for line in lines),
        device=device_name(),
        losses=losses_by_step(lines),
        before=(sum(margin > 0 for margin in before), pairs),
        after=(sum(margin > 0 for margin in after), pairs),
        favoured=(sum(new > old for old, new in zip(before, after, strict=True)), pairs),
    )


def margins(model: Any, tokenizer: Any, rows: Iterable[Row]) -> list[float]:
    """By how much the chosen answer of each row is likelier than the rejected one, in nats, with their ends of turn."""
    model.eval()
    found = []
    for row in rows:
        answers = [row[side][0]["content"] for side in ("chosen", "rejected")]
        group = grouped([Sample(tuple(row["prompt"]), answer) for answer in answers], tokenizer)
        batch = {name: value.to(model.device) for name, value in collate([[group]], tokenizer.pad_token_id).items()}
        given = {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids")}
        counted = batch["labels"][:, 1:] != IGNORED
        with torch.inference_mode():
            logits = model(**given, use_cache=False).logits[:, :-1][counted].float()
        costs = torch.nn.functional.cross_entropy(logits, batch["labels"][:, 1:][counted], reduction="none")
        end = len(group.branches[0].answer)
        found.append(float(costs[end:].sum() - costs[:end].sum()))
    return found


def _trainable(base: Path, adapter: Path) -> Any:
    """The base with the adapter, trainable, under PEFT's name "default": the only one that TRL makes a reference of."""
    if not (adapter / "adapter_model.safetensors").is_file():
        raise AdapterMismatch(f"No adapter in {adapter}: train one with `python -m finetune train` first.")
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    try:
        adapted = PeftModel.from_pretrained(model, str(adapter), is_trainable=True)
    except Exception as error:  # torch, safetensors and peft raise their own kinds
        raise AdapterMismatch(f"The adapter in {adapter} cannot be loaded ({error}): train it again.") from error
    # By its Hub name, PEFT would ask the network for the base's config at every checkpoint.
    adapted.peft_config["default"].base_model_name_or_path = str(base)
    return adapted


def _arguments(work: Path, settings: DpoSettings) -> DPOConfig:
    cuda = torch.cuda.is_available()
    return DPOConfig(
        output_dir=str(work),
        use_cpu=not cuda,
        bf16=cuda or has_bf16("cpu"),
        activation_checkpointing=False,
        per_device_train_batch_size=PAIRS_AT_ONCE,
        gradient_accumulation_steps=settings.accumulated,
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_share,
        beta=settings.beta,
        loss_type=["sigmoid", "sft"],
        loss_weights=[1.0, settings.supervised_weight],
        max_length=None,
        eval_strategy="no",
        save_strategy="steps",
        save_steps=settings.checkpoint_steps,
        save_total_limit=2,
        logging_steps=5,
        disable_tqdm=True,
        report_to="none",
        seed=settings.seed,
    )


def resumable_dpo(work: Path, adapter: Path, rows: Sequence[Row], settings: DpoSettings) -> str | None:
    """The last checkpoint in `work` if it was made from this adapter with these rows and settings; a foreign one is
    cleared."""
    run = {
        "settings": asdict(settings),
        "rows": hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16],
        "adapter": hashlib.sha256((adapter / "adapter_model.safetensors").read_bytes()).hexdigest()[:16],
    }
    return checkpoint_of(work, run)
