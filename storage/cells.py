"""One value of a record: as a cell of a spreadsheet that computes nothing, as JSON, and back, checked.

A spreadsheet that separates cells at ";" or at tabs, as many are set up to, finds cells and lines within ours, quoted
or not: what would begin one there is guarded, too.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from arena.errors import ImportRefused
from storage.records import Kind

FORMULAS = tuple("=+-@\t\r\n＝＋－＠")
"""What makes a spreadsheet take a cell for a formula, when it begins with it
(https://owasp.org/www-community/attacks/CSV_Injection)."""
GUARD = "'"
_LIVE = r"""(?='*"*(?:[=+\-@\t＝＋－＠]|\Z))"""
"""After a separator: a formula, guarded or not, or our cell's end, whose quote would begin a cell."""
_TO_GUARD = re.compile(rf"(?<=[;\t\r\n]){_LIVE}")
_GUARDED = re.compile(rf"(?<=[;\t\r\n]){GUARD}{_LIVE}")

_TYPES: dict[Kind, tuple[type, ...]] = {
    "text": (str,),
    "whole": (int,),
    "number": (int, float),
    "truth": (bool,),
    "moment": (datetime,),
    "json": (dict, list),
}
_WANTED: dict[Kind, str] = {
    "text": "text",
    "whole": "a whole number",
    "number": "a number",
    "truth": "true or false",
    "moment": "a moment with its zone, like 2026-03-01T12:00:00+00:00",
    "json": "a JSON list or object",
}


def as_json(value: Any) -> str:
    """Readable where UTF-8 can hold it; half a surrogate pair is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def defused(text: str) -> str:
    """A cell that no spreadsheet computes. Reversible: what begins with the guard itself gets one more."""
    inside = _TO_GUARD.sub(GUARD, text)
    return GUARD + inside if text.startswith((*FORMULAS, GUARD)) else inside


def restored(cell: str) -> str:
    """What `defused` was given."""
    return _GUARDED.sub("", cell.removeprefix(GUARD))


def as_cell(kind: Kind, nullable: bool, value: Any) -> str:
    """A value as a cell. Nothing is an empty cell; an empty text where there may be nothing is the guard alone."""
    if value is None:
        return ""
    if kind == "text":
        return GUARD if value == "" and nullable else defused(value)
    makers: dict[Kind, Callable[[Any], str]] = {
        "json": lambda given: as_json(given).replace(";", "\\u003b"),  # as good as ";" to whoever reads JSON
        "truth": lambda given: str(given).lower(),
        "moment": lambda given: given.isoformat(),
    }
    return makers.get(kind, str)(value)


def parsed(where: str, name: str, kind: Kind, nullable: bool, cell: str) -> Any:
    """What `as_cell` was given. Raises `ImportRefused` with the place, the value and what is wanted."""
    if cell == "":
        return "" if kind == "text" and not nullable else None
    try:
        return _PARSERS[kind](cell)
    except (ValueError, KeyError):
        raise ImportRefused(f"{where}: {name} is {cell[:80]!r}; it must be {_WANTED[kind]}.") from None


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found.astimezone(UTC)


_PARSERS: dict[Kind, Callable[[str], Any]] = {
    "text": restored,
    "whole": int,
    "number": float,
    "truth": lambda cell: {"true": True, "false": False}[cell.lower()],
    "moment": _moment,
    "json": json.loads,
}


def plain(value: Any) -> Any:
    """A value as JSON takes it: moments as text."""
    return value.isoformat() if isinstance(value, datetime) else value


def fitting(where: str, kind: Kind, nullable: bool, value: Any, of_all: bool) -> Any:
    """The value, if a column of this kind takes it. `of_all`: from a file of all tables. Raises `ImportRefused`."""
    if value is None and nullable:
        return None
    if value is None and kind == "text" and of_all:
        return ""  # in a file of all tables an empty cell is both
    if not isinstance(value, _TYPES[kind]) or isinstance(value, bool) != (kind == "truth"):
        raise ImportRefused(f"{where} is {value!r}; it must be {_WANTED[kind]}.")
    return value
