"""One training run: rows in, adapter folder out. TRL's SFTTrainer with a PEFT LoRA, resumable after a kill.

Covers: the trainer, checkpoints, progress, stopping on request, writing the adapter beside and renaming it into place.
Does not cover: what the rows say (examples.py, reader.py), how the base is loaded (precision.py) and how good the
result is (check.py, judging.py).

Started by `accelerate launch -m finetune train WORKSPACE` every GPU has a process, and each takes its own steps of the
data: with n of them the optimiser takes n steps at once, in an nth as many. Tried with two processes on a
CPU, not on several GPUs.
"""

import ctypes
import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from accelerate.utils import broadcast_object_list
from datasets import Dataset
from filelock import FileLock, Timeout
from peft import PeftModel, load_peft_weights, set_peft_model_state_dict
from safetensors import SafetensorError
from transformers.trainer_utils import get_last_checkpoint
from trl import SFTConfig, SFTTrainer  # type: ignore[attr-defined]

from arena.errors import ArenaError, Stopped
from finetune.branches import HEARD_WEIGHT, IGNORED, Branch, Group, Step, collate, packed
from finetune.callbacks import (
    EvaluationLeft,
    Patience,
    Progress,
    Report,
    StopOnRequest,
    device_name,
    log_lines,
    processes,
)
from finetune.precision import Precision, decided, load_base, lora, same_form
from finetune.settings import TrainingSettings

Found = TypeVar("Found")

REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
"""What a full disk, and a folder that may not be written, answer."""
COMPARISON_WEIGHT = 0.5
"""What telling the samples of a question apart counts, the mean cost of a learnt token counting 1."""


@dataclass(frozen=True)
class TrainingResult:
    """What a run measured about itself. Losses: mean nats per learnt token, by weight; seconds: of this process.
    `kept`: the step whose weights the model has: the last one, or with patience that of the lowest held-out loss."""

    steps: int
    kept: int
    seconds: float
    tokens: int
    device: str
    precision: Precision
    training_losses: tuple[tuple[int, float], ...]
    held_out_losses: tuple[tuple[int, float], ...]


class AnswerLossTrainer(SFTTrainer):
    """TRL's trainer with logits computed for learnt tokens only, and samples compared with each other.

    The head is a fifth of a 135M model and most tokens are prompt. TRL skips them on Triton devices only; on a CPU
    it scores every position. Same loss: mean negative log-likelihood per learnt token, weighted as the rows say. To it
    comes, where a step holds them, the listwise loss of samples whose heard end is the same (`comparison`).
    """

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        labels = inputs["labels"][:, 1:]
        counted = labels != IGNORED
        logits = self._logits(model, inputs, counted)
        targets = labels[counted]
        weights = inputs["weights"][:, 1:][counted]
        costs = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        loss = (costs * weights).sum() / weights.sum()
        if len(inputs["ends"]):
            heard = inputs["heard"][:, 1:][counted]
            loss = loss + COMPARISON_WEIGHT * comparison(costs, heard, inputs["ends"], inputs["taught"])
        mode = "train" if model.training else "eval"
        right = (logits.detach().argmax(-1) == targets)[weights == 1].float().mean().item()
        self._metrics[mode]["mean_token_accuracy"].append(right)
        return (loss, {"logits": logits}) if return_outputs else loss

    def _logits(self, model: Any, inputs: dict[str, Any], counted: torch.Tensor) -> torch.Tensor:
        """[learnt tokens, vocabulary], in the order of `counted`."""
        given = {name: inputs[name] for name in ("input_ids", "attention_mask", "position_ids")}
        if isinstance(model, torch.nn.parallel.DistributedDataParallel):
            # Its own `forward` must be called, or gradients are not shared between the processes.
            kept = counted.any(0).nonzero()[:, 0]
            shared: torch.Tensor = model(**given, use_cache=False, logits_to_keep=kept).logits
            return shared[counted[:, kept]].float()
        causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        # Accelerate wraps the model's own `forward` alone, which is not called here.
        with self.accelerator.autocast():
            hidden = causal.model(**given, use_cache=False).last_hidden_state[:, :-1]
            logits: torch.Tensor = causal.lm_head(hidden[counted]).float()
        return logits

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> Any:
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            return self.compute_loss(model, inputs).detach(), None, None

    def evaluate(self, *arguments: Any, **named: Any) -> dict[str, float]:
        try:
            found: dict[str, float] = super().evaluate(*arguments, **named)
        except EvaluationLeft:
            self.control.should_training_stop = self.control.should_save = True
            return {}
        return found


def comparison(costs: torch.Tensor, heard: torch.Tensor, ends: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
    """How badly the likelihood of a heard end tells the sample it belongs to from the others: softmax cross-entropy
    over the samples that share it, in nats, the mean over the ends that have one such sample (listwise, RankT5, Zhuang
    et al. 2023). `costs` and `heard`: of each learnt token its negative log-likelihood and its sample's number or -1;
    `ends` and `taught`: of each sample."""
    belongs = heard >= 0
    likelihoods = costs.new_zeros(len(ends)).index_add(0, heard[belongs], -costs[belongs])
    found = []
    for end in range(int(ends.max()) + 1):
        rivals = ends == end
        if taught[rivals].sum() == 1:
            found.append(torch.logsumexp(likelihoods[rivals], 0) - likelihoods[rivals & taught][0])
    return torch.stack(found).mean() if found else costs.new_zeros(())


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
                Branch(tuple(branch["prompt"]), tuple(branch["heard"]), tuple(branch["answer"]), branch["taught"])
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
    scheduler, data order and precision. `evaluate_every`: steps of one process. With patience the model comes back with
    the weights that had the lowest loss on `held_out`, of those that were evaluated.

    Raises:
        Stopped: SIGTERM came; the same call goes on. Call it from the main thread, where signals arrive.
        WorkspaceError: a target module that the model does not have.
        AdapterMismatch: `began` is a LoRA of another form than the settings'.
        ArenaError: another run works in the same folder, or 4 bits are wanted and this machine cannot.
    """
    # One process alone locks: the others write nothing.
    with alone(work) if processes().is_main_process else nullcontext():
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
    log = work / "log.jsonl"

    def beginning() -> tuple[str | None, Precision]:
        last = resumable(work, settings, training, began)
        if last is None:
            log.unlink(missing_ok=True)
        return last, decided(base, work / "precision.json", last is not None)

    last, precision = agreed(beginning)
    report(f"Computing in {precision}.")
    model, config = load_base(base, settings.quantize, precision), None
    if began is None:
        config = lora(model, settings)
    else:
        model = PeftModel.from_pretrained(model, str(began), is_trainable=True)
        same_form(model.peft_config["default"], settings, began)
    request, main = StopOnRequest(), processes().is_main_process
    trainer = AnswerLossTrainer(
        model=model,
        args=_arguments(work, settings, evaluate_every, precision.bf16),
        train_dataset=as_dataset(training),
        eval_dataset=as_dataset(held_out),
        data_collator=lambda found: collate([row for step in found for row in packed(as_step(step))], pad),
        peft_config=config,
        callbacks=[*([Progress(report, log)] if main else []), request, Patience(settings.patience, report)],
    )
    with request:
        trainer.train(resume_from_checkpoint=last)
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
        precision=precision,
        training_losses=tuple((line["step"], line["loss"]) for line in lines if "loss" in line),
        held_out_losses=tuple((line["step"], line["eval_loss"]) for line in lines if "eval_loss" in line),
    )


def _arguments(work: Path, settings: TrainingSettings, evaluate_every: int, bf16: bool) -> SFTConfig:
    return SFTConfig(
        output_dir=str(work),
        use_cpu=not torch.cuda.is_available(),
        bf16=bf16,
        activation_checkpointing=False,
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


@contextmanager
def alone(work: Path) -> Iterator[None]:
    """Two runs in one folder would mix their checkpoints. The lock goes with the process, however it ends. What the
    disk refuses meanwhile is said in words."""
    try:
        with on_disk(work):
            work.mkdir(parents=True, exist_ok=True)
            with FileLock(work / "run.lock", timeout=0):
                yield
    except Timeout:
        raise ArenaError(f"A training is running in {work} already: wait until it has finished, or stop it.") from None


def resumable(work: Path, settings: TrainingSettings, steps: Sequence[Step], began: Path | None = None) -> str | None:
    """The last checkpoint in `work` if it was made with these settings, steps and weights of the loss, from the same
    beginning; a foreign one is cleared."""
    rows = hashlib.sha256(repr([tuple(step) for step in steps]).encode()).hexdigest()[:16]
    weights = {"heard": HEARD_WEIGHT, "comparison": COMPARISON_WEIGHT}
    run = {"settings": asdict(settings), "steps": len(steps), "rows": rows, "weights": weights}
    if began is not None:
        run["began"] = hashlib.sha256((began / "adapter_model.safetensors").read_bytes()).hexdigest()[:16]
    return checkpoint_of(work, run)


def checkpoint_of(work: Path, run: Mapping[str, Any]) -> str | None:
    """The last checkpoint in `work` that was written to its end, if `run.json` there says that it is of this run; else
    all are cleared, and what is begun is marked as this one."""
    for checkpoint in work.glob("checkpoint-*"):
        if not whole(checkpoint):
            shutil.rmtree(checkpoint)
    mark = work / "run.json"
    last: str | None = get_last_checkpoint(str(work))  # type: ignore[no-untyped-call]
    if last is not None and mark.is_file() and json.loads(mark.read_text()) == run:
        return last
    for checkpoint in work.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
    mark.write_text(json.dumps(run))
    return None


def whole(checkpoint: Path) -> bool:
    """Whether a checkpoint was written to its end: its state is what transformers writes last. A kill leaves others."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


@contextmanager
def on_disk(folder: Path) -> Iterator[None]:
    """What the disk refuses in this folder is said with the way out.

    Raises:
        ArenaError: it cannot be written, or the disk is full.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        refused = error.errno in REFUSED if isinstance(error, OSError) else "os error" in str(error)
        if not refused:
            raise
        raise ArenaError(
            f"{folder} cannot be written ({error}): free some space, or allow it with chmod u+w. The same command goes "
            "on from the last checkpoint that is whole."
        ) from error


def write_adapter(
    model: Any, target: Path, identity: dict[str, Any], card: str, files: Mapping[str, str] | None = None
) -> None:
    """Write the adapter and what belongs to it into `target`."""
    with put_in_place(target) as beside:
        model.to(torch.bfloat16).save_pretrained(beside)
        name_base(beside, identity["base_model"])
        (beside / "arena.json").write_text(json.dumps(identity, indent=2) + "\n")
        for name, text in {"README.md": card, **(files or {})}.items():
            (beside / name).write_text(text, encoding="utf-8")


def name_base(adapter: Path, name: str) -> None:
    """Write into the adapter's configuration what it was trained on, not in which folder that lay."""
    file = adapter / "adapter_config.json"
    config = json.loads(file.read_text()) | {"base_model_name_or_path": name}
    file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


@contextmanager
def put_in_place(target: Path) -> Iterator[Path]:
    """A folder to write into, which then becomes `target`: never a half-written one. What the disk refuses is said in
    words."""
    with on_disk(target.parent):
        yield from _put_in_place(target)


def _put_in_place(target: Path) -> Iterator[Path]:
    beside = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    yield beside
    old = target.with_name(f".{target.name}.old")
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)  # a kill may have left one
        target.replace(old)
    beside.replace(target)
    shutil.rmtree(old, ignore_errors=True)


def keep_freed_memory() -> None:
    """Ask glibc to keep freed blocks: giving each activation back to the system costs a fifth of the time."""
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return
    # No block from mmap, however large (its threshold cannot be set above 32 MB); never trim; grow in large strides.
    for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 1 << 28)):
        libc.mallopt(option, value)
