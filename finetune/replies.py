"""JSON out of what a model said, read leniently: whatever surrounds it, and however it is nested.

Does not know what the objects should hold (verify.py).
"""

import json
import re
from typing import Any

JSON_BEGINS = re.compile(r"[\[{]")
BROKEN_ENDS = re.compile(r"[}\n]|$")
NESTED = re.compile(r"[\[{\s]+")


def json_items(reply: str) -> tuple[list[Any], list[str]]:
    """(What the reply holds in JSON, the pieces that are broken). Prose, code fences, arrays, an object around an
    array, a reasoning model's thoughts and trailing commas are looked through."""
    text = re.sub(r"<think>.*?</think>", "", reply, flags=re.DOTALL)
    text = re.sub(r",(\s*[\]}])", r"\1", text)
    decoder = json.JSONDecoder(strict=False)
    items: list[Any] = []
    broken: list[str] = []
    place, any_json = 0, False
    while found := JSON_BEGINS.search(text, place):
        try:
            value, place = decoder.raw_decode(text, found.start())
            items += _flat(value)
            any_json = True
        except RecursionError:  # deeper than anything meant: not to be tried again from each bracket
            place = NESTED.match(text, found.start()).end()  # type: ignore[union-attr]
        except ValueError:
            place = found.end()
            if found[0] == "{":  # A broken array is looked into: its objects may be whole.
                end = BROKEN_ENDS.search(text, place)
                place = end.end() if end else len(text)
                broken.append(text[found.start() : place].strip())
    return items, broken if any_json or broken else [text.strip()]


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [inner for item in value for inner in _flat(item)]
    if isinstance(value, dict) and not {"question", "wording"} & value.keys():
        return _flat([inner for inner in value.values() if isinstance(inner, list)]) or [value]
    return [value]


def text_of(item: Any, name: str) -> str:
    """The field as text on one line; "" when it is missing or neither text nor a number."""
    value = item.get(name) if isinstance(item, dict) else None
    text = str(value) if isinstance(value, str | int | float) else ""
    return " ".join(text.encode(errors="replace").decode().split())  # Half an escaped emoji cannot be written.
