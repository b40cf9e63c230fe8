"""The embedder's training: MiniLM learns to bring a question near the sentence that answers it, however it is asked.

Out of the box it finds what shares a meaning, and people ask in situations, hints and labels. A LoRA on the practice
records' questions and sentences (contrastive, with the sentences beside it as negatives: InfoNCE, van den Oord et al.
2018; sentence-transformers' MultipleNegativesRankingLoss) teaches the way of asking, and nothing of a workspace. Does
not search: rag/ loads the adapter (rag/embedder.py).
"""

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from datasets import Dataset
from peft import LoraConfig, set_peft_model_state_dict
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch.utils.data import BatchSampler, SequentialSampler
from transformers import PrinterCallback

from arena.errors import Stopped
from finetune.callbacks import Progress, Report, StopOnRequest, device_name, log_lines, losses_by_step
from finetune.disk import alone, checkpoint_of, name_base, put_in_place
from finetune.precision import device
from finetune.reader import Record
from finetune.train import keep_freed_memory

TARGETS = ("query", "key", "value", "dense")
"""All linear modules of a BERT layer."""
BROUGHT = 12
"""Of so many sentences that are nearest to a question the right one is to be one: RAG's judge reads as many."""


@dataclass(frozen=True)
class EmbedderSettings:
    """Of one run. `batch`: pairs of question and sentence to a step; each question's negatives are the sentences of the
    others, and as many that no question of the batch asks for. `scale`: what cosines are multiplied by, the loss's own
    default. Epochs and learning rate were tuned on practice records that were held out."""

    epochs: int = 1
    learning_rate: float = 7e-4
    warmup_share: float = 0.05
    rank: int = 16
    alpha: int = 32
    batch: int = 48
    scale: float = 20.0
    seed: int = 42
    checkpoint_steps: int = 50


@dataclass(frozen=True)
class EmbedderResult:
    """What a run measured about itself: `losses` are (step, loss)."""

    steps: int
    seconds: float
    pairs: int
    device: str
    losses: tuple[tuple[int, float], ...]


def rows(records: Sequence[Record], settings: EmbedderSettings) -> list[dict[str, str]]:
    """Questions (`anchor`) with the sentence that answers (`positive`) and one beside it (`negative`), in order. The
    questions of a record come together, so that its other sentences are among the negatives; no batch holds a sentence
    twice, which would make it a negative of itself. First comes every question's first wording, then its second, and
    so on: writers go from the plain to the roundabout. What takes two sentences is left out."""
    found = []
    for epoch in range(settings.epochs):
        chance = random.Random(f"{settings.seed}-{epoch}")
        order = list(records)
        rounds = max((len(wordings) for record in records for _, wordings in record.questions), default=0)
        for turn in range(rounds):
            chance.shuffle(order)
            asked = [row for record in order for row in _asked(record, turn, chance)]
            found += asked[: len(asked) // settings.batch * settings.batch]
    return found


def _asked(record: Record, turn: int, chance: random.Random) -> list[dict[str, str]]:
    single = [(support[0], wordings) for support, wordings in record.questions if len(support) == 1]
    answers = {place for place, _ in single}
    others = [text for place, text in enumerate(record.sentences) if place not in answers] or list(record.sentences)
    chance.shuffle(others)
    return [
        {
            "anchor": wordings[turn],
            "positive": record.sentences[place],
            "negative": others[number % len(others)],
        }
        for number, (place, wordings) in enumerate(single)
        if turn < len(wordings) and others[number % len(others)] != record.sentences[place]
    ]


def train_embedder(
    base: Path, records: Sequence[Record], work: Path, settings: EmbedderSettings, report: Report
) -> tuple[Any, EmbedderResult]:
    """Train a new LoRA on the embedder in `base` and return (model, result). Checkpoints go to `work`; when it holds
    one of the same run, that run goes on.

    Raises:
        Stopped: SIGTERM came; the same call goes on.
    """
    with alone(work):
        torch.manual_seed(settings.seed)
        model = load_embedder(base)
        loss = MultipleNegativesRankingLoss(model, scale=settings.scale)
        return model, train_adapter(model, rows(records, settings), loss, work, settings, report)


def load_embedder(base: Path) -> Any:
    """As it comes, on the GPU if there is one."""
    return SentenceTransformer(str(base), device=device(), local_files_only=True)


class AdapterTrainer(SentenceTransformerTrainer):
    """Goes on with the adapter of a checkpoint alone. The library's way loads the whole model from where it came, and
    loses what was merged into its weights before."""

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        held = load_file(Path(resume_from_checkpoint) / "adapter_model.safetensors")
        weights = {name.removeprefix("base_model.model."): tensor for name, tensor in held.items()}
        told: Any = set_peft_model_state_dict(self.model.transformers_model, weights)
        assert not told.unexpected_keys, told.unexpected_keys


def train_adapter(
    model: Any, data: Sequence[dict[str, Any]], loss: Any, work: Path, settings: EmbedderSettings, report: Report
) -> EmbedderResult:
    """Put a new LoRA on `model` and train it on the rows as they come. Checkpoints go to `work`; when it holds one of
    the same run, that run goes on.

    Raises:
        Stopped: SIGTERM came; the same call goes on.
    """
    keep_freed_memory()
    torch.manual_seed(settings.seed)
    model.add_adapter(LoraConfig(r=settings.rank, lora_alpha=settings.alpha, target_modules=list(TARGETS)))
    log = work / "log.jsonl"
    mark = hashlib.sha256(json.dumps(data).encode()).hexdigest()[:16]
    last = checkpoint_of(work, {"settings": asdict(settings), "rows": mark})
    if last is None:
        log.unlink(missing_ok=True)
    request = StopOnRequest()
    trainer = AdapterTrainer(
        model=model,
        args=_arguments(work, settings, model.device.type),
        train_dataset=Dataset.from_list(list(data)),
        loss=loss,
        callbacks=[Progress(report, log), request],
    )
    trainer.remove_callback(PrinterCallback)
    with request:
        trainer.train(resume_from_checkpoint=last)
    if request.asked:
        raise Stopped(f"Stopped at step {trainer.state.global_step}, with a checkpoint: the same command goes on.")
    lines = log_lines(log)
    return EmbedderResult(
        steps=trainer.state.global_step,
        seconds=sum(line["seconds"] for line in lines),
        pairs=len(data),
        device=device_name(),
        losses=losses_by_step(lines),
    )


def in_order(dataset: Dataset, batch_size: int, drop_last: bool, **_: Any) -> BatchSampler:
    """Batches of the rows as they come."""
    return BatchSampler(SequentialSampler(dataset), batch_size, drop_last)


def _arguments(work: Path, settings: EmbedderSettings, device: str) -> SentenceTransformerTrainingArguments:
    return SentenceTransformerTrainingArguments(
        output_dir=str(work),
        use_cpu=device == "cpu",
        per_device_train_batch_size=settings.batch,
        num_train_epochs=1,
        batch_sampler=in_order,  # type: ignore[arg-type]
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=settings.warmup_share,
        save_strategy="steps",
        save_steps=settings.checkpoint_steps,
        save_total_limit=2,
        logging_steps=10,
        disable_tqdm=True,
        report_to="none",
        seed=settings.seed,
    )


def brought(model: Any, records: Sequence[Record]) -> dict[str, tuple[int, int]]:
    """(right, asked) by what is counted, among the sentences of all these records: the one that answers is the nearest,
    or one of the nearest `BROUGHT`; asked in the first wording of a record's questions, and in their last."""
    sentences = list(dict.fromkeys(text for record in records for text in record.sentences))
    place = {text: number for number, text in enumerate(sentences)}
    single = [
        (wordings, place[record.sentences[support[0]]])
        for record in records
        for support, wordings in record.questions
        if len(support) == 1
    ]
    vectors = encoded(model, sentences)
    found = {}
    for name, which in {"first wording": 0, "last wording": -1}.items():
        near = encoded(model, [wordings[which] for wordings, _ in single]) @ vectors.T
        wanted = near[numpy.arange(len(single)), [answer for _, answer in single]]
        ahead = (near > wanted[:, None]).sum(axis=1)
        found[f"nearest, {name}"] = int((ahead < 1).sum()), len(single)
        found[f"among {BROUGHT} nearest, {name}"] = int((ahead < BROUGHT).sum()), len(single)
    return found


def encoded(model: Any, texts: Sequence[str]) -> numpy.ndarray:
    """Unit vectors, float32, one row per text."""
    vectors: numpy.ndarray = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
    return vectors


def write_embedder(model: Any, target: Path, name: str, card: str) -> None:
    """Write the adapter of the embedder `name` into `target`."""
    with put_in_place(target) as beside:
        model.transformers_model.save_pretrained(beside)
        name_base(beside, name)
        (beside / "README.md").write_text(card, encoding="utf-8")
