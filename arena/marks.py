"""Which of an answer's citations are shown as a number behind their sentence.

A sentence without a source gets none, and neither does one in a table, in a block of code or in a link's definition,
where a mark would break the Markdown. Does not cover: finding sources (arena/citations.py), how a mark looks (ui/).
"""

import re
from collections.abc import Iterable

from arena.citations import Citation


def marked(text: str, found: Iterable[Citation]) -> tuple[Citation, ...]:
    """Of the citations `found` in an answer's text those that get a mark, in order."""
    return tuple(each for each in found if each.number is not None and not in_markup(text, each.end))


def in_markup(text: str, place: int) -> bool:
    """Whether this place of a Markdown text is in a table, in a block of code or in a link's definition."""
    line = text[text.rfind("\n", 0, place) + 1 :].partition("\n")[0].lstrip()
    fences = sum(row.lstrip().startswith(("```", "~~~")) for row in text[:place].split("\n"))
    return fences % 2 == 1 or bool(re.match(r"\||```|~~~|\[[^\]]+\]:", line))
