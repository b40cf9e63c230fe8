"""An adapter merged into its base model: a folder that transformers, vLLM or llama.cpp load without peft.

Covers: merging, the proof that the merged weights answer as base and adapter do, the model card, a GGUF file by
llama.cpp's converter, a private repository on the Hugging Face Hub.
Does not cover: finding the base model, quantising below 8 bits, serving what is exported.
"""

import hashlib
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from httpx import HTTPError
from huggingface_hub import HfApi, ModelCard
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]
from peft import PeftModel
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

from arena.errors import AdapterMismatch, ArenaError, WorkspaceError
from arena.prompts import closed_book_messages

Report = Callable[[str], None]
CONVERTER = "convert_hf_to_gguf.py"
GGUF_TYPES = ("f32", "f16", "bf16", "q8_0")
SHARD = "2GB"
TOLERANCE = 0.05
"""How far the logits may be from those of base and adapter, as a share of their size: rounding the weights to bf16
moves each by up to 0.4 %, which adds up over the layers."""


class Hub(Protocol):
    """The part of `huggingface_hub.HfApi` that is used here."""

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> Any: ...

    def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> Any: ...


@dataclass(frozen=True)
class Exported:
    """What was made. `gguf` is None when none was asked for, or the converter was not found."""

    folder: Path
    gguf: Path | None = None
    repository: str | None = None


def export(
    adapter: Path,
    base: Path,
    target: Path,
    identity: Mapping[str, Any],
    gguf: str | None = None,
    push_to: str | None = None,
    report: Report = lambda _: None,
    converter: Path | None = None,
    llama_cpp: Path | None = None,
    hub: Hub | None = None,
) -> Exported:
    """Merge `adapter` into `base` and write the model to `target`, a folder that is not there yet or empty.

    Args:
        identity: of `base`, as it was written into the adapter's arena.json when that was trained.
        gguf: the type of the GGUF file's weights, one of `GGUF_TYPES`.
        push_to: "owner/name" on the Hub. It is made private; one that exists stays as visible as it is.
        converter: llama.cpp's converter; without it, it is looked for on PATH, then in `llama_cpp`.

    Raises:
        WorkspaceError: `target` is in use, or an argument cannot be right. Nothing is written.
        AdapterMismatch: no or a damaged adapter, or one of another base. Nothing is written.
        ArenaError: the merged weights are not base and adapter together, or cannot be written: nothing is left. The
            converter or the Hub failed: the merged weights stay, and what comes after is not done.
    """
    target = target.resolve()
    _check_arguments(target, gguf, push_to, converter)
    provenance = _provenance(adapter, identity)
    card = _card(adapter, provenance)
    report(f"merging {adapter} into {identity['base_model']}")
    _write_merged(adapter, base, target, provenance, card)
    report(f"Merged: {target} ({sum(file.stat().st_size for file in target.iterdir()) / 1e6:.1f} MB)")
    file = _make_gguf(target, gguf, converter, llama_cpp, report) if gguf else None
    if push_to:
        _push(target, push_to, hub or HfApi(), report)
    return Exported(target, file, push_to)


def _check_arguments(target: Path, gguf: str | None, push_to: str | None, converter: Path | None) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise WorkspaceError(f"{target} is there already and not empty: choose another place, or delete it.")
    if gguf is not None and gguf not in GGUF_TYPES:
        raise WorkspaceError(
            f"'{gguf}' is not a type that {CONVERTER} makes: use one of {', '.join(GGUF_TYPES)}. "
            "For smaller ones run llama.cpp's llama-quantize on the f16 file."
        )
    if converter is not None and not converter.is_file():
        raise WorkspaceError(f"No {CONVERTER} at {converter}: give the path of that file in a clone of llama.cpp.")
    if push_to is not None:
        try:
            validate_repo_id(push_to)
        except HFValidationError as error:
            raise WorkspaceError(f"'{push_to}' cannot be a repository: {error} Use owner/name.") from error


def _provenance(adapter: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """The adapter's arena.json, and which adapter it was; refused unless it was trained on the base of `identity`."""
    for name in ("adapter_model.safetensors", "adapter_config.json", "arena.json"):
        if not (adapter / name).is_file():
            raise AdapterMismatch(
                f"No adapter in {adapter}: {name} is missing. Train one with `python -m finetune train` (or `reader`)."
            )
    try:
        trained = json.loads((adapter / "arena.json").read_text(encoding="utf-8"))
        fingerprint, name, shape = trained["base_fingerprint"], trained["base_model"], trained["shape"]
    except (ValueError, KeyError, TypeError) as error:
        raise AdapterMismatch(f"{adapter / 'arena.json'} is damaged ({error!r}): train the adapter again.") from error
    if fingerprint != identity["base_fingerprint"]:
        raise AdapterMismatch(
            f"The adapter in {adapter} was trained on {name} ({shape}, fingerprint {fingerprint}); the base model here "
            f"is {identity['base_model']} ({identity['shape']}, fingerprint {identity['base_fingerprint']}). "
            "Merging needs the very weights it was trained on: give those, or train it again on these."
        )
    digest = hashlib.sha256((adapter / "adapter_model.safetensors").read_bytes()).hexdigest()[:16]
    return {**trained, "merged_adapter": adapter.resolve().name, "adapter_hash": digest, "dtype": "bfloat16"}


def _card(adapter: Path, provenance: Mapping[str, Any]) -> str:
    """The adapter's model card, as that of a model that needs no peft."""
    file = adapter / "README.md"
    try:
        card: Any = ModelCard(file.read_text(encoding="utf-8") if file.is_file() else f"---\n---\n# {adapter.name}\n")
    except Exception as error:  # YAML's errors have no common base with the others
        raise AdapterMismatch(f"{file} is damaged: its first lines are no model card ({error}). Mend them.") from error
    card.data.library_name = "transformers"
    card.data.pipeline_tag = "text-generation"
    card.data.base_model = provenance["base_model"]
    card.data["base_model_relation"] = "finetune"
    card.data.tags = [tag for tag in card.data.tags or [] if tag not in ("lora", "peft")]
    title, _, rest = card.text.lstrip().partition("\n")
    note = (
        f"This is the base model with the adapter described here (weights `{provenance['adapter_hash']}`) merged into "
        "it, in bfloat16: it loads with transformers alone. The figures were measured before merging."
    )
    card.text = f"{title}\n\n{note}\n{rest}"
    return str(card)


def _write_merged(adapter: Path, base: Path, target: Path, provenance: Mapping[str, Any], card: str) -> None:
    """Merge in full precision, write beside `target`, prove what was written, rename it into place."""
    tokenizer: Any = AutoTokenizer.from_pretrained(base, local_files_only=True)
    ids = tokenizer.apply_chat_template(
        closed_book_messages("What do you know?"), add_generation_prompt=True, return_tensors="pt", return_dict=True
    )["input_ids"]
    plain: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    before = _logits(plain, ids)
    try:
        adapted: Any = PeftModel.from_pretrained(plain, str(adapter))
    except Exception as error:
        raise AdapterMismatch(f"The adapter in {adapter} cannot be loaded ({error}): train it again.") from error
    wanted = _logits(adapted, ids)
    merged = adapted.merge_and_unload().to(torch.bfloat16)
    beside = target.with_name(f".{target.name}.tmp")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        merged.save_pretrained(beside, max_shard_size=SHARD)
        tokenizer.save_pretrained(beside)
        (beside / "arena.json").write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")
        (beside / "README.md").write_text(card, encoding="utf-8")
        del plain, adapted, merged
        written = AutoModelForCausalLM.from_pretrained(beside, dtype=torch.float32, local_files_only=True)
        _prove(_logits(written, ids), wanted, before)
        if target.exists():
            target.rmdir()  # it is empty
        beside.replace(target)
    except (OSError, SafetensorError) as error:  # a full disk is a SafetensorError
        raise ArenaError(
            f"The merged model could not be written to {target} ({error}): choose a place that can be written to and "
            "has the space of the base model."
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _logits(model: Any, ids: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = model.eval()(input_ids=ids).logits.float()
    return logits


def _prove(written: torch.Tensor, wanted: torch.Tensor, before: torch.Tensor) -> None:
    """The written model's logits are those of base and adapter, and nearer to them than those are to the base's."""
    size = float(wanted.norm())
    error, change = float((written - wanted).norm()) / size, float((wanted - before).norm()) / size
    if error <= TOLERANCE and error < change / 2:  # false for NaN
        return
    raise ArenaError(
        f"The merged weights do not carry the adapter: on a short prompt their logits are {error:.2%} from those of "
        f"base and adapter, which are {change:.2%} from the base's. Allowed are {TOLERANCE:.0%}, and less than half of "
        "what the adapter changes. Nothing was written. If it changes next to nothing, train it longer; else install "
        "the version of peft that adapter_config.json names."
    )


def _make_gguf(target: Path, kind: str, converter: Path | None, llama_cpp: Path | None, report: Report) -> Path | None:
    """`target`/NAME-KIND.gguf, by llama.cpp's converter; None, and said, where that is not found."""
    file, beside = target / f"{target.name}-{kind}.gguf", target / ".gguf.tmp"
    options = ["--outtype", kind, "--outfile"]
    command = _converter(converter, llama_cpp)
    if command is None:
        by_hand = shlex.join(["python", f"llama.cpp/{CONVERTER}", str(target), *options, str(file)])
        report(
            f"No GGUF was made: {CONVERTER} is not on PATH{f' and not in {llama_cpp}' if llama_cpp else ''}. "
            "The merged weights are complete. Get it with `git clone --depth 1 https://github.com/ggml-org/llama.cpp`; "
            f"then: {by_hand}"
        )
        return None
    report(f"converting to GGUF ({kind}) with {command[-1]}")
    try:
        done = subprocess.run(
            [*command, str(target), *options, str(beside)], capture_output=True, text=True, errors="replace"
        )
        if done.returncode == 0 and beside.is_file():
            return beside.replace(file)
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        failure = f"it ended with {done.returncode}" + (f" and said last:\n{said}" if said else " and said nothing")
    except OSError as error:
        failure = f"it could not be run or its file not be written: {error}"
    finally:
        beside.unlink(missing_ok=True)
    raise ArenaError(
        f"No GGUF was made by {command[-1]}: {failure}\nThe merged weights are in {target}. "
        f"When that is mended: {shlex.join([*command, str(target), *options, str(file)])}"
    )


def _converter(given: Path | None, llama_cpp: Path | None) -> list[str] | None:
    """The command: one on PATH brings its own interpreter, a file in a clone of llama.cpp is run by this one."""
    if given is None:
        if found := shutil.which(CONVERTER):
            return [found]
        if llama_cpp is not None and (llama_cpp / CONVERTER).is_file():
            given = llama_cpp / CONVERTER
    return None if given is None else [sys.executable, str(given)]


def _push(target: Path, repository: str, hub: Hub, report: Report) -> None:
    report(f"uploading {target} to {repository}")
    try:
        hub.create_repo(repository, private=True, exist_ok=True)
        hub.upload_folder(repo_id=repository, folder_path=target, commit_message="Merged model")
    except (OSError, HTTPError, ValueError, RuntimeError) as error:  # no token, refused, no network, broken off
        raise ArenaError(
            f"Nothing was published at {repository} ({type(error).__name__}: {error}). The export stays in {target}. "
            "Sign in with `hf auth login` (a token that may write), see that the network is there and HF_HUB_OFFLINE "
            f"is not set, then: {shlex.join(['hf', 'upload', '--private', repository, str(target), '.'])}"
        ) from error
    report(f"Published: {repository} (private, unless it was there and public)")
