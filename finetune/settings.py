"""How an adapter is trained: one frozen value per run, written into the model card and the checkpoints.

Also where that value comes from: the options of a command, the `[training]` table of a workspace, the defaults.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from arena.errors import WorkspaceError
from arena.workspace import open_workspace, settings_from

ALL_LINEAR = "all-linear"
Flags = Mapping[str, Any]
"""The options that were given, by the names of the settings."""

OPTIONS = {
    "epochs": "How often every sample is shown.",
    "learning_rate": "At its highest, after the warm-up.",
    "batch_size": "Steps of the data that the optimiser takes at once: 1 on a CPU, more pays on a GPU.",
    "rank": "Of the LoRA.",
    "alpha": "Of the LoRA: its part is scaled by alpha / rank.",
    "rslora": "Scale by alpha / sqrt(rank) instead.",
    "dropout": "Share of a LoRA's inputs left out while training, from 0 to under 1.",
    "targets": f"Modules that get a LoRA: {ALL_LINEAR}, or names as in q_proj,v_proj.",
    "quantize": "Train on the base model in 4 bits (QLoRA); needs an NVIDIA GPU and bitsandbytes.",
    "patience": "End after so many evaluations without a lower held-out loss and keep the best weights; 0: never.",
    "replay": "Weight of keeping near the base model on texts of its own, against forgetting; 0: not at all.",
    "replay_share": "Share of the run, its last part, whose steps replay; 1: all of them.",
    "seed": "Decides the order of the samples.",
}
"""What a command may set, with its help. Each is a field of `TrainingSettings`."""


@dataclass(frozen=True)
class TrainingSettings:
    """LoRA and optimiser settings.

    Sources: rank 16, alpha twice the rank and all linear layers from "LoRA Without Regret"
    (Thinking Machines, 2025); a learning rate of 1e-3 for a 135M model, ten times that of full fine-tuning,
    from the same and from the LoRA packing paper (2502.14502); epochs and warm-up tuned on the demo.

    `epochs`: times that every sample is shown. `batch_size`: how many steps of the data, as a command makes them, the
    optimiser takes at once. `warmup_share`: of all steps. `checkpoint_steps`: steps between two.
    `targets`: "all-linear" (all but the output head) or names of modules with commas between. `rslora`: the LoRA's part
    is scaled by alpha / sqrt(rank) (Kalajdzievski 2023, 2312.03732) instead of alpha / rank, for high ranks.
    `quantize`: the base in 4-bit NF4 with double quantization (QLoRA, 2305.14314), on CUDA only.
    `patience`: evaluations on held-out wordings without a lower loss after which the run ends; 0 for never.
    `replay`: what a nat that the adapter departs from the base, on texts that the base wrote (replay.py), counts beside
    a nat of what is learnt; 0 leaves them out. `replay_share`: of the steps, the last ones, that read such a text:
    facts first and replay afterwards costs fewer of the facts than replay from the beginning (docs/measured.md).

    Raises:
        WorkspaceError: a value that cannot be trained with.
    """

    epochs: float = 1.2
    learning_rate: float = 1e-3
    batch_size: int = 1
    warmup_share: float = 0.03
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    seed: int = 42
    checkpoint_steps: int = 50
    targets: str = ALL_LINEAR
    rslora: bool = False
    quantize: bool = False
    patience: int = 0
    replay: float = 0.0
    replay_share: float = 1.0

    def __post_init__(self) -> None:
        self._wanted(self.epochs > 0, "epochs", "above 0 (left out, the command chooses)")
        self._wanted(self.learning_rate > 0, "learning_rate", "above 0, as in 0.001")
        for name in ("batch_size", "rank", "alpha", "checkpoint_steps"):
            self._wanted(getattr(self, name) >= 1, name, "at least 1")
        self._wanted(0 < self.replay_share <= 1, "replay_share", "above 0 and at most 1 (--replay 0 leaves replay out)")
        for name in ("dropout", "warmup_share"):
            self._wanted(0 <= getattr(self, name) < 1, name, "at least 0 and under 1")
        for name in ("seed", "patience", "replay"):
            self._wanted(getattr(self, name) >= 0, name, "0 or more")
        names = self.target_names
        written = all(names) and (len(names) == 1 or ALL_LINEAR not in names)
        self._wanted(written, "targets", f"{ALL_LINEAR}, or names of modules with commas between, as in q_proj,v_proj")

    @property
    def target_names(self) -> list[str]:
        return [name.strip() for name in self.targets.split(",")]

    def _wanted(self, right: bool, name: str, rule: str) -> None:
        if not right:
            option = f" (--{name.replace('_', '-')}, or" if name in OPTIONS else " ("
            raise WorkspaceError(
                f"training.{name} is {getattr(self, name)!r}: it must be {rule}{option} {name} under [training] in "
                "workspace.toml)."
            )


def chosen(flags: Flags, workspace: Path | None = None, **defaults: Any) -> TrainingSettings:
    """The settings of a run: a flag wins over the workspace's `[training]` table, the table over the command's own
    `defaults`, these over the dataclass's.

    Raises:
        WorkspaceError: the table names what is no setting, or a value cannot be trained with.
        ArenaError: 4 bits are wanted, and this machine cannot.
    """
    table = open_workspace(workspace).table("training") if workspace is not None else {}
    settings = replace(settings_from(TrainingSettings, "training", {**defaults, **table}), **flags)
    if settings.quantize:
        from finetune.precision import require_four_bits  # imports torch

        require_four_bits()
    return settings


def training_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a Typer command the `OPTIONS`; it gets those that were given as its argument `flags`, by name."""
    types = {item.name: item.type for item in fields(TrainingSettings)}
    own = inspect.signature(command, eval_str=True)
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[types[name] | None, typer.Option(help=text, show_default=False)],  # type: ignore[operator]
        )
        for name, text in OPTIONS.items()
    ]

    @functools.wraps(command)
    def called(**values: Any) -> None:
        flags = {name: values.pop(name) for name in OPTIONS if name in values}
        command(**values, flags={name: value for name, value in flags.items() if value is not None})

    kept = [item for name, item in own.parameters.items() if name != "flags"]
    signature = own.replace(parameters=[*kept, *options])
    called.__signature__ = signature  # type: ignore[attr-defined]
    called.__annotations__ = {name: item.annotation for name, item in signature.parameters.items()} | {"return": None}
    return called
