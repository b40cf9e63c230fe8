"""Prompts for annotators from a file: JSONL or CSV, each problem with its line and what to do about it."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.annotation import QueuedPrompt, Source
from arena.errors import InvalidPrompt, WorkspaceError
from arena.question import checked_prompt

TEXT = ("prompt", "question", "text")
"""Names of the field that holds the prompt; one of them has to be there."""
OPTIONAL = ("fact", "kind", "topic", "document", "wording")
MOST_TOLD = 20


@dataclass(frozen=True)
class PromptFile:
    """`repeated`: a sentence for each line whose prompt stood above it already; it is left out."""

    prompts: tuple[QueuedPrompt, ...]
    repeated: tuple[str, ...]


def read_prompts(path: Path, added_by: str = "", name: str = "") -> PromptFile:
    """All prompts of a file, in its order. `name`: what its owner calls it, where that is not its path.

    Raises:
        WorkspaceError: no such file, another ending, not UTF-8, no column for the prompt; or, with every line that is
            wrong, not JSON, an unknown field, an empty or too long prompt. Nothing is then taken.
    """
    named = Path(name or path)
    rows = _rows(path, named)
    prompts: dict[str, tuple[int, QueuedPrompt]] = {}
    problems, repeated = [], []
    for number, row in rows:
        try:
            prompt = _prompt(row, added_by)
        except (ValueError, InvalidPrompt) as error:
            problems.append(f"line {number}: {error}")
            continue
        if prompt.text in prompts:
            repeated.append(f"line {number}: the same prompt as line {prompts[prompt.text][0]}, left out")
        else:
            prompts[prompt.text] = (number, prompt)
    if problems:
        more = f"\n  and {len(problems) - MOST_TOLD} more" if len(problems) > MOST_TOLD else ""
        told = "\n  ".join(problems[:MOST_TOLD])
        raise WorkspaceError(f"{named}: nothing was imported. Correct these and import again:\n  {told}{more}")
    if not prompts:
        raise WorkspaceError(
            f"{named} holds no prompts: put one JSON object a line there, or CSV with a column 'prompt'."
        )
    return PromptFile(tuple(prompt for _, prompt in prompts.values()), tuple(repeated))


def _rows(path: Path, named: Path) -> Iterator[tuple[int, Any]]:
    """(line number, what stands there) for each line that is not blank; what is wrong with one is a `ValueError`."""
    readers = {".jsonl": _json_rows, ".csv": _csv_rows}
    read = readers.get(named.suffix.lower())
    if read is None:
        raise WorkspaceError(f"{named} ends in '{named.suffix}': use {' or '.join(readers)}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise WorkspaceError(f"{named} is not UTF-8 (byte {error.start}): save it as UTF-8.") from None
    except OSError as error:
        raise WorkspaceError(f"{named} cannot be read ({error.strerror}): check the name and the rights.") from None
    return read(named, text)


def _json_rows(named: Path, text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except json.JSONDecodeError as error:
            yield number, ValueError(f"not JSON ({error.msg} at column {error.colno})")
        except (ValueError, RecursionError):
            yield number, ValueError("a number or a nesting that has no end")


def _csv_rows(named: Path, text: str) -> Iterator[tuple[int, Any]]:
    """Separated by what the first line has most of: commas, semicolons or tabs."""
    first = text.partition("\n")[0]
    reader = csv.DictReader(
        io.StringIO(text), delimiter=max(",;\t", key=first.count), restkey="", skipinitialspace=True
    )
    try:
        columns = [str(name).strip().lower() for name in reader.fieldnames or ()]
    except csv.Error as error:
        raise WorkspaceError(f"{named}, line 1: it cannot be read ({error}): put the columns' names there.") from None
    reader.fieldnames = columns
    if not set(columns) & set(TEXT):
        found = ", ".join(columns) or "none"
        raise WorkspaceError(
            f"{named}, line 1: no column for the prompt (there are: {found}). Call one of them 'prompt' there."
        )
    try:
        for row in reader:
            if row.pop("", None):
                told = "more cells than columns: put a prompt that holds a separator in quotes"
                yield reader.line_num, ValueError(told)
            elif any((value or "").strip() for value in row.values()):
                yield reader.line_num, {name: value or "" for name, value in row.items()}
    except csv.Error as error:
        yield reader.line_num, ValueError(f"cannot be read ({error}): a quote that is never closed?")


def _prompt(row: Any, added_by: str) -> QueuedPrompt:
    """Raises `ValueError` or `InvalidPrompt` with what is wrong."""
    if isinstance(row, ValueError):
        raise row
    if not isinstance(row, Mapping):
        raise ValueError('one JSON object a line is needed, like {"prompt": "How long is the warranty?"}')
    named = [name for name in TEXT if name in row]
    if not named:
        raise ValueError(f"no field 'prompt' (there are: {', '.join(row) or 'none'})")
    unknown = [name for name in row if name not in (*TEXT, *OPTIONAL)]
    if unknown:
        raise ValueError(f"unknown field '{unknown[0]}': use {named[0]}, {', '.join(OPTIONAL)}")
    if wrong := [name for name, value in row.items() if not isinstance(value, str)]:
        raise ValueError(f"field '{wrong[0]}' is {row[wrong[0]]!r}; it must be a text")
    more = {name: row[name].strip() for name in OPTIONAL if name in row}
    return QueuedPrompt(checked_prompt(row[named[0]]), Source.IMPORTED, added_by=added_by, **more)
