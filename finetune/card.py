"""The model card: what an adapter was made from and what was measured. TRL's own says neither for a local base."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from finetune.settings import TrainingSettings
from finetune.train import TrainingResult


def card(
    title: str,
    purpose: str,
    identity: Mapping[str, Any],
    data: str,
    settings: TrainingSettings,
    result: TrainingResult,
    figures: Mapping[str, tuple[int, int]],
) -> str:
    """Markdown. `figures` are (right, asked) by name, measured at the end of this run."""
    lines = [
        "---",
        "library_name: peft",
        f"base_model: {identity['base_model']}",
        "tags: [lora, sft, trl]",
        "---",
        f"# {title}",
        "",
        purpose,
        "",
        "## Measured",
        "",
        "| what | right | asked | share |",
        "|---|---|---|---|",
        *(
            f"| {name} | {right} | {asked} | {right / asked:.1%} |" if asked else f"| {name} | 0 | 0 | - |"
            for name, (right, asked) in figures.items()
        ),
        "",
        f"Training: {result.steps} steps, {result.tokens:,} tokens, "
        f"{result.seconds / 60:.0f} minutes on {result.device}.",
        "",
        "| step | loss, training wording | loss, held out |",
        "|---|---|---|",
        *_losses(result),
        "",
        "## Made from",
        "",
        f"- Data: {data}",
        f"- Base model: {identity['base_model']}, fingerprint `{identity['base_fingerprint']}`, "
        f"shape {identity['shape']}",
        *(f"- {name.replace('_', ' ')}: {value}" for name, value in asdict(settings).items()),
        "",
        "Losses are nats per learnt token, by weight.",
        "Limits: a small model; it knows what it was trained on and nothing else.",
    ]
    return "\n".join(lines) + "\n"


def _losses(result: TrainingResult) -> list[str]:
    training = dict(result.training_losses)
    rows = []
    for step, loss in result.held_out_losses:
        nearest = max((s for s in training if s <= step), default=None)
        rows.append(f"| {step} | {training[nearest]:.3f} | {loss:.3f} |" if nearest else f"| {step} | - | {loss:.3f} |")
    return rows
