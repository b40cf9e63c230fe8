"""Figures beside adapters: `figures.json`, how many questions of each kind one answered right when its training had
ended; `checkup.json`, what `check` found of all of them and of the base.

Does not ask the questions (making.py and checkup.py do) and imports nothing heavy: a page reads them.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from arena.workspace import open_workspace

FILE = "figures.json"
CHECKUP = "checkup.json"
WEIGHTS = "adapter_model.safetensors"
TRAINED = ("fine-tuned", "hybrid")
"""The adapters that a checkup examines."""
Counts = dict[str, tuple[int, int]]
"""(right, asked) by the kind's name in the model card."""


def figures_text(made_from: Mapping[str, Any], figures: Mapping[str, tuple[int, int]]) -> str:
    """What the file holds: what the run was made from, and (right, asked) by name."""
    return json.dumps({"made_from": made_from, "figures": figures}, indent=2) + "\n"


def figures_of(adapter: Path, made_from: Mapping[str, Any]) -> Counts | None:
    """The figures beside an adapter, if it was made from just this; None where there are none or others."""
    made, figures = _read(adapter)
    return figures if made == json.loads(json.dumps(made_from)) else None


def examined(adapter: Path) -> Counts:
    """The figures beside an adapter, whatever it was made from; none where there are none that can be read."""
    return _read(adapter)[1]


def _read(adapter: Path) -> tuple[Any, Counts]:
    try:
        row = json.loads((adapter / FILE).read_text(encoding="utf-8"))
        return row["made_from"], _counts(row["figures"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None, {}


def checkup_text(weights: Mapping[str, str], figures: Mapping[str, Counts], told: Mapping[str, Sequence[str]]) -> str:
    """What `checkup.json` holds: by contestant its figures and what else is to be told of it; by adapter the digest of
    the weights that were examined."""
    found = {name: {"figures": counts, "told": list(told.get(name, ()))} for name, counts in figures.items()}
    return json.dumps({"weights": dict(weights), "contestants": found}, indent=2) + "\n"


def weights_of(adapter: Path) -> str:
    """The digest of an adapter's weights; empty where there are none, or of another form."""
    try:
        found = (adapter / WEIGHTS).stat()
        return _digest(adapter / WEIGHTS, found.st_mtime_ns, found.st_size)
    except OSError:
        return ""


def served(workspace: Path) -> dict[str, Path]:
    """Where the adapters are that the app answers with and a checkup examines, by contestant, there or not: the
    workspace's own, or what `[adapters]` in workspace.toml names."""
    named = open_workspace(workspace).table("adapters") if workspace.is_dir() else {}
    return {name: workspace / str(named.get(name, f"adapters/{name}")) for name in TRAINED}


def checked(adapters: Path, examined: Mapping[str, Path]) -> dict[str, tuple[Counts, tuple[str, ...]]]:
    """By contestant its figures and sentences from the last checkup in `adapters`; nothing if one of the `examined`
    adapters came, went or was trained again since then, or the file cannot be read."""
    try:
        row = json.loads((adapters / CHECKUP).read_text(encoding="utf-8"))
        there = {name: digest for name, path in examined.items() if (digest := weights_of(path))}
        if there != row["weights"]:
            return {}
        return {
            str(name): (_counts(found["figures"]), tuple(map(str, found["told"])))
            for name, found in row["contestants"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return {}


def _counts(figures: Mapping[str, Any]) -> Counts:
    return {str(name): (int(right), int(asked)) for name, (right, asked) in figures.items()}


@lru_cache(maxsize=8)
def _digest(path: Path, mtime_ns: int, size: int) -> str:
    """Once for each state of a file: a page asks every few seconds while something is trained."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
