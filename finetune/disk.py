"""What a run keeps on disk: its folder, which is one run's alone, checkpoints to go on from, the adapter at the end.

Written beside and then renamed, so that a kill leaves nothing half done; what the disk refuses is said in words.
"""

import errno
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from transformers.trainer_utils import get_last_checkpoint

from arena.errors import ArenaError
from finetune.branches import HEARD_WEIGHT, Step
from finetune.loss import COMPARISON_WEIGHT
from finetune.settings import TrainingSettings

REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
"""What a full disk, and a folder that may not be written, answer."""


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
