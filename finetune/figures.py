"""`figures.json`, beside an adapter: how many questions of each kind it answered right when its training had ended.

Does not ask them (making.py does) and imports nothing heavy: a page reads it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = "figures.json"
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
        figures = {str(name): (int(right), int(asked)) for name, (right, asked) in row["figures"].items()}
        return row["made_from"], figures
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, {}
