"""The model card: what an adapter was made from and what was measured. TRL's own says neither for a local base."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from finetune.settings import TrainingSettings

if TYPE_CHECKING:  # each brings its own libraries, and a card is of one of them
    from finetune.dpo import DpoResult, DpoSettings
    from finetune.embedder import EmbedderResult, EmbedderSettings
    from finetune.train import TrainingResult


class About(NamedTuple):
    """What an adapter of the embedder is for, and where that ends."""

    purpose: str
    limits: str


EMBEDDER = About(
    "LoRA adapter of RAG's embedder: it brings a question near the sentence that answers it, however asked.",
    "made for short sentences that state facts",
)
RETRIEVER = About(
    "LoRA adapter of RAG's embedder, for questions alone: it was taught where the answers to this workspace's "
    "training questions stand, and no answer.",
    "made for these documents; facts that were not among the training questions gain less, or nothing",
)
TRAINING = "Training: "
TABLE = ("| what | right | asked | share |", "|---|---|---|---|")


def card(
    title: str,
    purpose: str,
    identity: Mapping[str, Any],
    data: str,
    settings: TrainingSettings,
    result: "TrainingResult",
    figures: Mapping[str, tuple[int, int]],
) -> str:
    """Markdown. `figures` are (right, asked) by name, measured at the end of this run."""
    lines = [
        *_opening(title, purpose, identity, "sft, trl", figures),
        f"{TRAINING}{result.steps} steps, {result.tokens:,} tokens, "
        f"{result.seconds / 60:.0f} minutes on {result.device}. Computed in {result.precision}.",
        *filter(None, [result.memory.given_up]),
        *([f"Kept: the weights of step {result.kept}."] if result.kept != result.steps else []),
        "",
        *_losses(result),
        "## Made from",
        "",
        f"- Data: {data}",
        *_made_from(identity, settings),
        "",
        "Losses are nats per learnt token, by weight, without what replay adds; where samples of a question are "
        "compared, half the nats that it costs to tell the right one apart come to it.",
        "Limits: a small model; it knows what it was trained on and nothing else.",
    ]
    return "\n".join(lines) + "\n"


def with_checkup(card: str, found: str) -> str:
    """The card with what `check` found at its end, in the place of what it found before."""
    title, _, rest = found.partition("\n")
    heading = f"#{title}"
    return f"{card.partition(heading)[0].rstrip()}\n\n{heading}\n{rest}"


def dpo_card(title: str, identity: Mapping[str, Any], pairs: int, settings: "DpoSettings", result: "DpoResult") -> str:
    """Markdown, of an adapter that was trained on by votes."""
    purpose = "LoRA adapter trained on with what people preferred (DPO): the fine-tuned one, moved towards their votes."
    lines = [
        *_opening(title, purpose, identity, "dpo, trl", result.figures()),
        f"{TRAINING}{result.steps} steps, {result.seconds / 60:.0f} minutes on {result.device}.",
        "",
        "## Made from",
        "",
        f"- Data: {pairs} pairs of answers, the preferred one and the other",
        *_made_from(identity, settings),
        "",
        "Limits: a vote compares two systems, one of which may have read documents; what won need not be right.",
    ]
    return "\n".join(lines) + "\n"


def embedder_card(
    about: About,
    title: str,
    base: str,
    data: str,
    settings: "EmbedderSettings",
    result: "EmbedderResult",
    figures: Mapping[str, tuple[int, int]],
) -> str:
    """Markdown, of an adapter of the embedder; a retriever's figures are of its rehearsal."""
    lines = [
        *_opening(title, about.purpose, {"base_model": base}, "sentence-transformers", figures),
        f"{TRAINING}{result.steps} steps, {result.pairs:,} pairs, {result.seconds / 60:.0f} minutes on "
        f"{result.device}.",
        *(f"Loss {loss:.3f} at step {step}." for step, loss in (*result.losses[:1], *result.losses[-1:])),
        "",
        "## Made from",
        "",
        f"- Data: {data}",
        f"- Base model: {base}",
        *_settings(settings),
        "",
        f"Limits: English; {about.limits}.",
    ]
    return "\n".join(lines) + "\n"


def _opening(
    title: str, purpose: str, identity: Mapping[str, Any], kind: str, figures: Mapping[str, tuple[int, int]]
) -> list[str]:
    return [
        "---",
        "library_name: peft",
        f"base_model: {identity['base_model']}",
        f"tags: [lora, {kind}]",
        "---",
        f"# {title}",
        "",
        purpose,
        "",
        "## Measured",
        "",
        *_table(figures),
        "",
    ]


def trained_as(adapter: Path) -> str:
    """What an adapter's card says of its training, for the card of one that was trained on from it."""
    try:
        lines = (adapter / "README.md").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line for line in lines if line.startswith(TRAINING)), "without a card")


def measured_again(told: str, figures: Mapping[str, tuple[int, int]]) -> str:
    """A card with other figures in its table, everything else as it was."""
    lines = told.splitlines()
    first = lines.index(TABLE[0])
    rest = next(
        place for place in range(first, len(lines) + 1) if not "".join(lines[place : place + 1]).startswith("|")
    )
    return "\n".join([*lines[:first], *_table(figures), *lines[rest:]]) + "\n"


def _table(figures: Mapping[str, tuple[int, int]]) -> list[str]:
    return [
        *TABLE,
        *(
            f"| {name} | {right} | {asked} | {right / asked:.1%} |" if asked else f"| {name} | 0 | 0 | - |"
            for name, (right, asked) in figures.items()
        ),
    ]


def _made_from(identity: Mapping[str, Any], settings: "TrainingSettings | DpoSettings") -> list[str]:
    return [
        f"- Base model: {identity['base_model']}, fingerprint `{identity['base_fingerprint']}`, "
        f"shape {identity['shape']}",
        *_settings(settings),
    ]


def _settings(settings: "TrainingSettings | DpoSettings | EmbedderSettings") -> list[str]:
    return [f"- {name.replace('_', ' ')}: {value}" for name, value in asdict(settings).items()]


def _losses(result: "TrainingResult") -> list[str]:
    if not result.held_out_losses:
        return []
    training = dict(result.training_losses)
    rows = ["| step | loss, training wording | loss, held out |", "|---|---|---|"]
    for step, loss in result.held_out_losses:
        nearest = max((s for s in training if s <= step), default=None)
        rows.append(f"| {step} | {training[nearest]:.3f} | {loss:.3f} |" if nearest else f"| {step} | - | {loss:.3f} |")
    return [*rows, ""]
