"""The base model, ready to be trained on: in fp32 or 4 bits (QLoRA), where its LoRA goes, and whether bf16 is faster.

What autocast multiplies in is decided apart from the form of the weights: fp32, 4-bit, or bf16 where memory is short
(memory.py). Does not train.
"""

import importlib.util
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig

from arena.errors import AdapterMismatch, ArenaError, WorkspaceError
from finetune.callbacks import processes
from finetune.settings import ALL_LINEAR, TrainingSettings

ROWS, MULTIPLICATIONS = {"cpu": 512, "cuda": 16384}, {"cpu": 2e9, "cuda": 1e12}
"""Of one pass of the measurement: tokens (a step on the demo has some 365, and 60 more with replay), and
multiplications going forward, at most. Big models are timed on fewer tokens, so that all of it stays well under a
second on two cores. A GPU gets more of both: with 512 tokens an H200 spent its time on starting kernels, took fp32 for
the faster one, and then trained the reader at a quarter of the speed. (The larger numbers were not tried on a GPU.)"""
PASSES = 3
GAIN = 0.95
"""Of fp32's time bf16 must stay under: a difference within the noise must not decide, and fp32 is the more exact."""


@dataclass(frozen=True)
class Precision:
    """What was decided, and the seconds that one layer took forward and back; None where nothing was measured, because
    the device has no bf16."""

    bf16: bool
    fp32_seconds: float | None = None
    bf16_seconds: float | None = None

    def __str__(self) -> str:
        if self.fp32_seconds is None or self.bf16_seconds is None:
            return "fp32, this device has no bf16"
        taken = f"a layer takes {self.bf16_seconds * 1e3:.1f} ms in bf16, {self.fp32_seconds * 1e3:.1f} ms in fp32"
        return f"{'bf16' if self.bf16 else 'fp32'}: {taken}"


def decided(base: Path, file: Path, resumed: bool) -> Precision:
    """What is faster for this model here. A resumed run keeps what its beginning decided, which is in `file`: other
    numbers would lead to other losses."""
    if resumed and file.is_file():
        return Precision(**json.loads(file.read_text()))
    found = measured(layer_shapes(base), device())
    file.write_text(json.dumps(asdict(found)) + "\n")
    return found


def device() -> str:
    """What torch computes on here, by its name for it."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def has_bf16(device: str) -> bool:
    """In hardware: emulated it would be slower than fp32."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def half(device: str) -> torch.autocast:
    """Computes in bf16 where the device has it. Emulated it took three times as long as fp32 here."""
    return torch.autocast(device, dtype=torch.bfloat16, enabled=has_bf16(device))


def without_weights(base: Path) -> Any:
    """The model's modules with their shapes; no weights are read."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base, local_files_only=True))  # type: ignore[no-untyped-call]


def layer_shapes(base: Path) -> list[tuple[int, int]]:
    """(outputs, inputs) of the linear modules of the model's first layer."""
    layer = without_weights(base).model.layers[0]
    return [(part.out_features, part.in_features) for part in layer.modules() if isinstance(part, torch.nn.Linear)]


def measured(shapes: Sequence[tuple[int, int]], device: str) -> Precision:
    """Time matrix products of these shapes, forward and back to their inputs, as a LoRA's frozen base does them: the
    weights in fp32, and cast each time where autocast is on. The least of a few passes, in turns, counts: what else
    runs on the machine slows some of them."""
    if not has_bf16(device):
        return Precision(False)
    rows = max(16, min(ROWS[device], int(MULTIPLICATIONS[device] / sum(high * wide for high, wide in shapes))))
    weights = [torch.ones(shape, device=device) for shape in shapes]
    inputs = [torch.ones(rows, wide, device=device, requires_grad=True) for _, wide in shapes]

    def seconds(bf16: bool) -> float:
        began = time.perf_counter()
        for given, weight in zip(inputs, weights, strict=True):
            with torch.autocast(device, dtype=torch.bfloat16, enabled=bf16):
                out = torch.nn.functional.linear(given, weight)
            torch.autograd.grad(out, given, torch.ones_like(out))
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    for bf16 in (False, True):  # the first pass of each allocates
        seconds(bf16)
    pairs = [(seconds(False), seconds(True)) for _ in range(PASSES)]
    single, short = (min(times) for times in zip(*pairs, strict=True))
    return Precision(short < GAIN * single, single, short)


def require_four_bits() -> None:
    """Refuse what this machine cannot do.

    Raises:
        ArenaError: no CUDA device, or no bitsandbytes.
    """
    way = "leave --quantize out, or set quantize = false under [training] in workspace.toml"
    if not torch.cuda.is_available():
        raise ArenaError(f"quantize is True, but there is no CUDA device here, which 4 bits need: {way}.")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ArenaError(f"quantize is True, but bitsandbytes is missing: `pip install bitsandbytes`, or {way}.")


def load_base(base: Path, quantize: bool, precision: Precision, shortened: bool = False) -> Any:
    """The base model to train on: in fp32, in bf16 (`shortened`), or in 4 bits on this process's GPU (tried on an
    NVIDIA H200 with bitsandbytes 0.50).

    Raises:
        ArenaError: 4 bits are wanted, and this machine cannot.
    """
    if not quantize:
        form = torch.bfloat16 if shortened else torch.float32
        return AutoModelForCausalLM.from_pretrained(base, dtype=form, local_files_only=True)
    require_four_bits()
    from peft import prepare_model_for_kbit_training

    four_bits = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if precision.bf16 else torch.float32,
    )
    model = AutoModelForCausalLM.from_pretrained(
        base,
        dtype=torch.float32,
        quantization_config=four_bits,
        device_map={"": processes().local_process_index},
        local_files_only=True,
    )
    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)  # type: ignore[no-untyped-call]


def placed(model: Any) -> Any:
    """On the GPU if there is one; in 4 bits it is there already."""
    if getattr(model, "is_loaded_in_4bit", False):
        return model
    return model.to(device())


def lora(model: Any, settings: TrainingSettings) -> LoraConfig:
    """PEFT's form of the settings.

    Raises:
        WorkspaceError: a target that is no linear module of this model, which PEFT would pass over in silence.
    """
    head = model.get_output_embeddings()
    linear = [name for name, part in model.named_modules() if isinstance(part, torch.nn.Linear) and part is not head]
    known = sorted({name.rpartition(".")[2] for name in linear})
    unknown = [name for name in settings.target_names if name not in (ALL_LINEAR, *known)]
    if unknown:
        raise WorkspaceError(
            f"training.targets names {', '.join(unknown)}, which this model does not have: use {ALL_LINEAR}, or some "
            f"of {', '.join(known)}."
        )
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=ALL_LINEAR if settings.target_names == [ALL_LINEAR] else settings.target_names,
        use_rslora=settings.rslora,
        task_type="CAUSAL_LM",
    )


def same_form(own: Any, settings: TrainingSettings, began: Path) -> None:
    """An adapter that is trained on keeps its form: another one in the settings would be passed over in silence."""
    form: dict[str, Any] = {
        "rank": own.r,
        "alpha": own.lora_alpha,
        "dropout": own.lora_dropout,
        "rslora": own.use_rslora,
    }
    wanted = {name: getattr(settings, name) for name in form}
    if settings.target_names != [ALL_LINEAR]:
        form["targets"] = ",".join(sorted(own.target_modules))
        wanted["targets"] = ",".join(sorted(settings.target_names))
    if wanted != form:
        told = ", ".join(f"{name} {form[name]} and not {wanted[name]}" for name in form if form[name] != wanted[name])
        raise AdapterMismatch(
            f"The adapter in {began} has {told}: give the same, by options or under [training] in workspace.toml, or "
            "train a new adapter."
        )
