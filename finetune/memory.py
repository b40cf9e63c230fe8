"""Whether a training fits the memory of its device, and what is given up if it does not: exactness, then speed.

An estimate, made before the model is loaded: a GPU that runs out ends the run, and a CPU that does has the process
killed. What is free is measured. Does not load anything (precision.py).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from finetune.branches import Step
from finetune.settings import TrainingSettings

USED = 0.9
"""Of what is free: the allocator's own loss, and what else grows meanwhile."""
FP32, BF16, FOUR_BITS = 4.0, 2.0, 0.6
"""Bytes to a weight; 4 bits with their constants, and what is left in fp32."""
TRAINED = 16.0
"""Bytes to a weight of the LoRA: itself, its gradient and Adam's two moments, all fp32."""
WIDTHS, INNER = 13, 4
"""What autograd keeps of a token in one layer, in numbers: so many times the hidden size (of two norms, the attention's
inputs and outputs, and the inputs of its LoRAs) and the inner size of the MLP. Counted on a Llama layer with LoRAs on
all linear modules (the test compares); less with bf16, which is not relied on."""
SCORED = 4
"""Numbers for each entry of a learnt token's logits: as computed, in fp32, their log-softmax and the gradient."""
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Memory:
    """What was decided: the base's weights in bf16 instead of fp32, and the activations of each layer computed again
    going back instead of kept (gradient checkpointing, Chen et al. 2016, 1604.06174), for a third more time. `needed`
    and `free`: bytes, of the choice and of what the device has."""

    bf16: bool = False
    recompute: bool = False
    needed: float = 0.0
    free: float = 0.0

    def __str__(self) -> str:
        """What to tell, empty where nothing is given up."""
        given = ["the base model's weights are in bf16"] * self.bf16
        given += ["activations are computed again instead of kept, which is slower"] * self.recompute
        told = f"To fit {self.free / 1e9:.1f} GB of free memory {' and '.join(given)}." if given else ""
        if self.needed > USED * self.free:
            told += (
                f" This run may still need about {self.needed / 1e9:.1f} GB: if it ends for want of memory, take a "
                "smaller base model, a smaller --batch-size or, on an NVIDIA GPU, --quantize."
            )
        return told.strip()


@dataclass(frozen=True)
class Demand:
    """Bytes that one process needs, by what needs them."""

    weights: int
    """How many the base has."""
    trained: float
    kept: float
    """All layers' activations."""
    layer: float
    """One layer's."""
    scored: float

    def bytes(self, per_weight: float, recompute: bool) -> float:
        """Of all. What is recomputed still needs one layer's activations at once, and every layer's input."""
        return self.weights * per_weight + self.trained + self.scored + (self.layer if recompute else self.kept)


def decided(demand: Demand, free: float, quantized: bool, bf16: bool, weights_bf16: bool | None = None) -> Memory:
    """The first that fits of: all as usual, weights in bf16 (only where it is also computed in `bf16`: elsewhere it
    would be emulated), activations recomputed, both. Where nothing fits, the least. `weights_bf16`: as a resumed run
    began, whose losses would be others."""
    half = [False, True] if bf16 and not quantized else [False]
    if weights_bf16 is not None:
        half = [weights_bf16]
    choices = [
        Memory(short, recompute, demand.bytes(FOUR_BITS if quantized else BF16 if short else FP32, recompute), free)
        for recompute in (False, True)
        for short in half
    ]
    return next((choice for choice in choices if choice.needed <= USED * free), choices[-1])


def chosen(
    base: Path, settings: TrainingSettings, steps: Sequence[Step], bf16: bool, file: Path, resumed: bool
) -> Memory:
    """What a run of these steps does here; the form of its weights is noted in `file` for when it is resumed."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    known = json.loads(file.read_text())["bf16"] if resumed and file.is_file() else None
    found = decided(demand(base, settings, steps), free(device), settings.quantize, bf16, known)
    file.write_text(json.dumps(asdict(found)) + "\n")
    return found


def fits(base: Path) -> bool:
    """Whether the model's weights can be had in fp32 here."""
    weights = demand(base, TrainingSettings(), ()).weights
    return weights * FP32 <= USED * free("cuda" if torch.cuda.is_available() else "cpu")


def demand(base: Path, settings: TrainingSettings, steps: Sequence[Step]) -> Demand:
    """Of the largest step; from the model's shapes, no weights are read."""
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base, local_files_only=True))  # type: ignore[no-untyped-call]
    config = model.config.get_text_config()
    head = model.get_output_embeddings()
    linear = [part for part in model.modules() if isinstance(part, torch.nn.Linear) and part is not head]
    tokens = settings.batch_size * max((sum(map(len, step)) for step in steps), default=0)
    learnt = settings.batch_size * max((sum(map(_learnt, step)) for step in steps), default=0)
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    layer = FP32 * tokens * (WIDTHS * config.hidden_size + INNER * inner)
    return Demand(
        weights=sum(part.numel() for part in model.parameters()),
        trained=TRAINED * settings.rank * sum(part.in_features + part.out_features for part in linear),
        kept=layer * config.num_hidden_layers,
        layer=layer + FP32 * tokens * config.hidden_size * config.num_hidden_layers,
        scored=FP32 * SCORED * learnt * config.vocab_size,
    )


def _learnt(group: Any) -> int:
    return sum(len(branch.heard) + len(branch.answer) for branch in group.branches)


def free(device: str) -> float:
    """Bytes that this process may still take: on the GPU, or here, where a container may have less than the machine."""
    if device == "cuda":
        return float(torch.cuda.mem_get_info()[0])
    return float(min(psutil.virtual_memory().available, _container()))


def _container() -> float:
    """What the control group leaves, endless without a limit."""
    try:
        most = (CGROUP / "memory.max").read_text().strip()
        taken = int((CGROUP / "memory.current").read_text())
        rows = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        taken -= int(rows["inactive_file"])  # what was read from files is given back when it is wanted
    except (OSError, ValueError, KeyError):
        return float("inf")
    return float("inf") if most == "max" else max(0.0, int(most) - taken)
