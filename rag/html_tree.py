"""The tree of a page, in which an element ends where the HTML standard says it does when its end tag is left out.

Python's parser would put each `<td>` that is not closed into the one before it. Does not know what the elements mean.
"""

from typing import Any

from bs4 import BeautifulSoup, Tag

CELLS = frozenset({"td", "th"})
ROWS = CELLS | {"tr"}
GROUPS = ROWS | {"thead", "tbody", "tfoot", "caption"}
ENDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    **dict.fromkeys(CELLS, (CELLS | {"caption"}, frozenset({"table"}))),
    "tr": (ROWS | {"caption"}, frozenset({"table"})),
    **dict.fromkeys(("thead", "tbody", "tfoot"), (GROUPS, frozenset({"table"}))),
    "li": (frozenset({"li"}), frozenset({"ul", "ol", "menu", "table"})),
    **dict.fromkeys(("dt", "dd"), (frozenset({"dt", "dd"}), frozenset({"dl", "table"}))),
}
"""By the element that begins: which open ones it ends, and the element that these must be inside of (HTML standard,
"Optional tags")."""


class Tree(BeautifulSoup):
    """A page parsed by Python's own parser."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "html.parser")

    def handle_starttag(self, name: str, *told: Any, **more: Any) -> Tag | None:
        """Called by the parser where an element begins."""
        if name in ENDS:
            self.endData()  # the text so far belongs to what is ended now
            ends, within = ENDS[name]
            ended = ""
            for element in reversed(self.tagStack):
                if element.name in within:
                    break
                ended = element.name if element.name in ends else ended
            while ended and self.currentTag is not None:
                closed = self.currentTag.name
                self.popTag()
                if closed == ended:
                    break
        return super().handle_starttag(name, *told, **more)
