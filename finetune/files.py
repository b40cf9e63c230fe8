"""Text files, written whole or not at all. Imports nothing heavy: commands use it before torch is there."""

from pathlib import Path


def write_beside(path: Path, text: str) -> None:
    """Write it beside, then rename."""
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
