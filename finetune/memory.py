"""Whether a training fits the memory of its device, and what is given up if it does not: exactness, then speed.

An estimate, made before the model is loaded: a GPU that runs out ends the run, and a CPU that does has the process
killed. What is free is measured. Does not load anything (precision.py), and does not look whether a base that goes to a
GPU passes through the machine's own memory.
"""

import ctypes
import gc
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
import torch

from arena.errors import ArenaError
from finetune.branches import Group, Step, packed
from finetune.callbacks import processes
from finetune.files import write_beside
from finetune.precision import device, without_weights
from finetune.settings import TrainingSettings

Form = Literal["fp32", "bf16", "4 bits"]
"""Of the base's weights."""
USED = 0.9
"""Of what is free: the allocator's own loss, and what else grows meanwhile."""
FP32, BF16, FOUR_BITS = 4.0, 2.0, 0.52
"""Bytes to a weight; 4 bits with their constants."""
TRAINED = 20.0
"""Bytes to a weight of the LoRA: itself, its gradient, Adam's two moments, and what processes share it in."""
WIDTHS, INNER = 13, 4
"""What autograd keeps of a token in one layer, in numbers of fp32: so many times the hidden size (of two norms, the
attention's inputs and outputs, and the inputs of its LoRAs) and the inner size of the MLP. Counted on a Llama layer
with LoRAs on all linear modules (the test compares)."""
SHORTER = 0.75
"""Of that where it is computed in bf16: norms and what a layer adds to stay in fp32."""
SCORED, REPLAYED = 4, 10
"""Numbers for each entry of the logits of a learnt token (as computed, in fp32, their log-softmax and the gradient) and
of a replayed one (the base's, too)."""
CGROUP = Path("/sys/fs/cgroup")
"""Where a container sees its own limit, in the second version of control groups."""


@dataclass(frozen=True)
class Memory:
    """What was decided: the form of the base's weights, and the activations of each layer computed again going back
    instead of kept (gradient checkpointing, Chen et al. 2016, 1604.06174), for a third more time. `needed` and `free`:
    bytes, of the choice and of what the device has."""

    form: Form = "fp32"
    recompute: bool = False
    needed: float = 0.0
    free: float = 0.0

    @property
    def shortened(self) -> bool:
        return self.form == "bf16"

    @property
    def given_up(self) -> str:
        """In a sentence; empty where nothing is."""
        given = ["the base model's weights are in bf16"] * self.shortened
        given += ["activations are computed again instead of kept, which is slower"] * self.recompute
        return f"To fit {self.free / 1e9:.1f} GB of free memory {' and '.join(given)}." if given else ""

    def __str__(self) -> str:
        """What to tell before the run, empty where nothing is given up and it fits."""
        told = self.given_up
        if self.needed > USED * self.free:
            told += f" This run may still need about {self.needed / 1e9:.1f} GB, and end for want of it."
        return told.strip()


@dataclass(frozen=True)
class Demand:
    """What one process needs. `weights` of the base, `linear` of them in the linear modules of its `layers`; the rest
    in bytes: of the LoRA, of the activations of one layer and of every layer's input, and of the logits."""

    weights: int
    linear: int
    layers: int
    trained: float
    layer: float
    inputs: float
    scored: float

    def needed(self, form: Form, recompute: bool, bf16: bool) -> float:
        """Bytes in all. Where fp32 weights are computed in bf16 autograd also keeps their bf16 copies."""
        held = (self.weights - self.linear) * (BF16 if form == "bf16" else FP32)
        held += self.linear * {"fp32": FP32, "bf16": BF16, "4 bits": FOUR_BITS}[form]
        copies = self.linear * BF16 / self.layers if form == "4 bits" or (form == "fp32" and bf16) else 0.0
        layer = self.layer * (SHORTER if bf16 else 1.0)
        kept = copies + layer
        if not recompute:
            kept = self.layers * layer + (copies if form == "4 bits" else self.layers * copies)
        return held + self.trained + self.scored + kept + (self.inputs if recompute else 0.0)


def first_that_fits(demand: Demand, free: float, forms: Sequence[Form], bf16: bool) -> Memory:
    """Of: these forms of the weights in their order, then the same with activations recomputed; the last where none
    fits. `bf16`: whether it is computed in that. `free`: bytes."""
    choices = [
        Memory(form, recompute, demand.needed(form, recompute, bf16), free)
        for recompute in (False, True)
        for form in forms
    ]
    return next((choice for choice in choices if choice.needed <= USED * free), choices[-1])


def forms(quantized: bool, bf16: bool) -> Sequence[Form]:
    """What the weights may be in, the best first: in bf16 only where that is also computed in, and not emulated."""
    if quantized:
        return ("4 bits",)
    return ("fp32", "bf16") if bf16 else ("fp32",)


def memory_for(
    base: Path, settings: TrainingSettings, steps: Sequence[Step], bf16: bool, file: Path, resumed: bool
) -> Memory:
    """What a run of these steps does here. `file` notes the form of the weights, which a resumed run keeps: others
    would lead to other losses, as what is recomputed does not."""
    allowed = forms(settings.quantize, bf16)
    if resumed:
        allowed = (json.loads(file.read_text())["form"] if file.is_file() else allowed[0],)
    found = first_that_fits(demand(base, settings, steps), free(), allowed, bf16)
    if not resumed:
        write_beside(file, json.dumps({"form": found.form}) + "\n")
    return found


def fits(base: Path) -> bool:
    """Whether the model's weights can be had in fp32 here."""
    return bool(sum(part.numel() for part in without_weights(base).parameters()) * FP32 <= USED * free())


def demand(base: Path, settings: TrainingSettings, steps: Sequence[Step]) -> Demand:
    """Of the largest batch; from the model's shapes, no weights are read."""
    model = without_weights(base)
    config = model.config.get_text_config()
    head = model.get_output_embeddings()
    linear = [part for part in model.modules() if isinstance(part, torch.nn.Linear) and part is not head]
    size = settings.batch_size
    batches = [steps[i : i + size] for i in range(0, len(steps), size)]
    rows = [[sum(map(len, row)) for step in batch for row in packed(step)] for batch in batches]
    tokens = max((len(lengths) * max(lengths) for lengths in rows), default=0)
    entries = max((sum(_entries(group) for step in batch for group in step) for batch in batches), default=0)
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    return Demand(
        weights=sum(part.numel() for part in model.parameters()),
        linear=sum(part.weight.numel() for part in linear),
        layers=config.num_hidden_layers,
        trained=TRAINED * settings.rank * sum(part.in_features + part.out_features for part in linear),
        layer=FP32 * tokens * (WIDTHS * config.hidden_size + INNER * inner),
        inputs=FP32 * tokens * config.hidden_size * config.num_hidden_layers,
        scored=FP32 * entries * config.vocab_size,
    )


def _entries(group: Group) -> int:
    kinds = [(REPLAYED if branch.replayed else SCORED, branch) for branch in group.branches]
    return sum(numbers * (len(branch.heard) + len(branch.answer)) for numbers, branch in kinds)


def free() -> float:
    """Bytes that each process of this run may still take: of the fullest GPU, or of this machine, where a container may
    have less. What this process no longer uses is given back first."""
    gc.collect()
    count = processes().num_processes
    if device() == "cuda":
        torch.cuda.empty_cache()
        used = range(min(count, torch.cuda.device_count()))
        return float(min(torch.cuda.mem_get_info(number)[0] for number in used))
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return float(min(psutil.virtual_memory().available, _container()) / count)


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


@contextmanager
def told_when_full(settings: TrainingSettings) -> Iterator[None]:
    """Raises `ArenaError` with the ways out when the GPU's memory runs out."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        ways = ["--quantize"] * (not settings.quantize)
        ways += ["a smaller --batch-size"] * (settings.batch_size > 1)
        raise ArenaError(
            f"The GPU's memory ran out ({str(error).partition('. ')[0]}): stop what else uses it, and the same command "
            f"goes on from its last checkpoint; or take {', '.join([*ways, 'a smaller base model'])}."
        ) from error
