"""Text of a PDF that its reader does not see is taken out while pypdf reads the page.

Noticed: text without ink (render mode 3 or 7), fully transparent, smaller than a point, outside the page, or white with
nothing but white under it. A page that holds images as large as a scan keeps its text without ink: that is how text
recognition stores what the image shows, so a lie behind a scan is not noticed. Nor are: text that something else is
drawn over, coloured text on the same colour, clipped text, layers that are switched off.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from pypdf import PageObject
from pypdf.generic import ArrayObject, TextStringObject

SMALLEST = 1.0
"""Points."""
WHITE = 0.97
"""Every channel from here on is white on paper."""
FAINTEST = 0.05
SCAN = 400_000
"""Pixels: A4 at 70 dots an inch has 480,000."""
MOST_PAINTED = 5_000
"""Coloured areas of a page; a page of more is a drawing, and white text on it is left alone."""
NO_INK = (3, 7)
MARGIN = 2.0
SHOWS = (b"Tj", b"TJ", b"'", b'"')
FILLS = (b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*")
ENDS = (*FILLS, b"S", b"s", b"n")
CORNERS = {b"m": (0,), b"l": (0,), b"c": (0, 2, 4), b"v": (0, 2), b"y": (0, 2)}

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""


@dataclass(frozen=True)
class State:
    """What q saves and Q brings back: is the fill white, how are letters drawn, at what size."""

    white: bool = False
    space: str = "/DeviceGray"
    mode: int = 0
    opacity: float = 1.0
    size: float = 0.0
    bitmap: bool = False
    """A Type 3 font has a scale of its own: its size says nothing."""


def is_scan(page: PageObject) -> bool:
    """Whether the images that a page may draw are together as large as one of a whole page; it need not draw them."""
    return _pixels(_resolved(page.get("/Resources")) or {}) >= SCAN


class Unseen:
    """Visitors for `extract_text`: `before` empties the strings that would not be seen; `after` must follow along."""

    def __init__(self, page: PageObject) -> None:
        box = page.cropbox
        self._page: Box = tuple(map(float, (box.left, box.bottom, box.right, box.top)))  # type: ignore[assignment]
        self._state, self._saved = State(), list[State]()
        self._outside: list[tuple[Any, list[float], State, int]] = []
        self._resources = _resolved(page.get("/Resources")) or {}
        self._scanned = is_scan(page)
        self._base = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
        self._path: list[tuple[float, float]] = []
        self._painted: list[Box] = []

    def before(self, operator: bytes, operands: Any, matrix: list[float], text_matrix: list[float]) -> None:
        """Called before each operator."""
        try:
            matrix = _times(matrix, self._base)
            if operator in SHOWS:
                if self._hidden(operands, _times(text_matrix, matrix)):
                    _empty(operator, operands)
            elif operator == b"Do":
                self._enter(str(operands[0]), matrix)
            elif operator in ENDS:
                self._paint(operator in FILLS)
            else:
                self._follow(operator, operands, matrix)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError):
            pass  # a damaged operator: pypdf passes over it, too

    def after(self, operator: bytes, operands: Any, matrix: list[float], text_matrix: list[float]) -> None:
        """Called after each operator: what a form has set ends with it."""
        if operator == b"Do" and self._outside:
            self._resources, self._base, self._state, saved = self._outside.pop()
            del self._saved[saved:]

    def _hidden(self, operands: Any, matrix: list[float]) -> bool:
        state = self._state
        if state.mode in NO_INK and not self._scanned:
            return True
        if state.opacity < FAINTEST:
            return True
        size = state.size * math.hypot(matrix[2], matrix[3])
        if abs(size) < SMALLEST and not state.bitmap:
            return True
        x, y = matrix[4], matrix[5]
        letters = _letters(operands)
        scale = abs(state.size) * letters
        if not state.bitmap and self._off_page(x, y, x + scale * matrix[0], y + scale * matrix[1], abs(size)):
            return True
        return state.white and state.mode in (0, 4) and not self._coloured(x, y + size / 4)

    def _off_page(self, x: float, y: float, end_x: float, end_y: float, size: float) -> bool:
        """Wholly on one side of the page; the end is estimated on the far side of where the text ends."""
        left, bottom, right, top = self._page
        margin = MARGIN + size
        return (
            max(x, end_x) < left - MARGIN
            or min(x, end_x) > right + MARGIN
            or max(y, end_y) < bottom - margin
            or min(y, end_y) > top + MARGIN
        )

    def _coloured(self, x: float, y: float) -> bool:
        """Something that is not white has been painted there, or so much that it is not kept."""
        return len(self._painted) > MOST_PAINTED or any(
            left - 1 <= x <= right + 1 and bottom - 1 <= y <= top + 1 for left, bottom, right, top in self._painted
        )

    def _follow(self, operator: bytes, operands: Any, matrix: list[float]) -> None:
        state = self._state
        if operator == b"q":
            self._saved.append(state)
        elif operator == b"Q":
            self._state = self._saved.pop()
        elif operator == b"Tr":
            self._state = replace(state, mode=int(operands[0]))
        elif operator == b"Tf":
            font = _resolved(_resolved(self._resources.get("/Font"))[operands[0]])
            self._state = replace(state, size=float(operands[1]), bitmap=font.get("/Subtype") == "/Type3")
        elif operator in (b"g", b"rg", b"k"):
            self._state = replace(state, white=_white(operands))
        elif operator == b"cs":
            self._state = replace(state, white=False, space=self._space(str(operands[0])))
        elif operator in (b"sc", b"scn"):
            self._state = replace(state, white=bool(state.space) and _white(operands))
        elif operator == b"gs":
            told = _resolved(_resolved(self._resources.get("/ExtGState"))[operands[0]])
            self._state = replace(state, opacity=float(told.get("/ca", state.opacity)))
        elif operator == b"re":
            x, y, width, height = map(float, operands[:4])
            self._path += [_moved(px, py, matrix) for px in (x, x + width) for py in (y, y + height)]
        elif operator in CORNERS:
            self._path += [_moved(float(operands[n]), float(operands[n + 1]), matrix) for n in CORNERS[operator]]
        elif operator in (b"sh", b"INLINE IMAGE"):
            self._painted.append(self._page)

    def _paint(self, filled: bool) -> None:
        path, self._path = self._path, []
        if filled and path and not self._state.white and self._state.opacity >= FAINTEST:
            across, up = zip(*path, strict=True)
            self._painted.append((min(across), min(up), max(across), max(up)))

    def _enter(self, name: str, matrix: list[float]) -> None:
        """An image is painted; a form is drawn with what is set here and its own resources."""
        self._outside.append((self._resources, self._base, self._state, len(self._saved)))
        thing = _resolved(_resolved(self._resources.get("/XObject"))[name])
        if thing.get("/Subtype") == "/Image":
            corners = [_moved(x, y, matrix) for x in (0.0, 1.0) for y in (0.0, 1.0)]
            across, up = zip(*corners, strict=True)
            self._painted.append((min(across), min(up), max(across), max(up)))
            return
        own = [float(_resolved(value)) for value in thing.get("/Matrix", (1, 0, 0, 1, 0, 0))]
        self._base = _times(own, matrix)
        self._resources = _resolved(thing.get("/Resources")) or self._resources

    def _space(self, name: str) -> str:
        """The kind of a colour space in which the largest values are white, "" of any other."""
        space = _resolved((_resolved(self._resources.get("/ColorSpace")) or {}).get(name, name))
        kind = str(_resolved(space[0]) if isinstance(space, list) else space)
        return kind if kind in ("/DeviceGray", "/DeviceRGB", "/DeviceCMYK", "/CalGray", "/CalRGB", "/ICCBased") else ""


def _resolved(value: Any) -> Any:
    return value.get_object() if hasattr(value, "get_object") else value


def _pixels(resources: Any, depth: int = 2) -> int:
    """Of all images here and in the forms here together: some scanners cut a page into strips."""
    total = 0
    for thing in map(_resolved, (_resolved(resources.get("/XObject")) or {}).values()):
        if thing.get("/Subtype") == "/Image":
            total += int(thing.get("/Width", 0)) * int(thing.get("/Height", 0))
        elif depth and (own := _resolved(thing.get("/Resources"))):
            total += _pixels(own, depth - 1)
    return total


def _white(operands: Any) -> bool:
    """One or three channels of light, or four of ink."""
    values = [float(value) for value in operands]
    if len(values) == 4:
        return all(value <= 1 - WHITE for value in values)
    return len(values) in (1, 3) and all(value >= WHITE for value in values)


def _letters(operands: Any) -> int:
    parts = operands[0] if operands and isinstance(operands[0], list) else operands
    return sum(len(part) for part in parts if isinstance(part, str | bytes))


def _empty(operator: bytes, operands: Any) -> None:
    operands[-1] = ArrayObject() if operator == b"TJ" else TextStringObject("")


def _times(first: list[float], second: list[float]) -> list[float]:
    a, b, c, d, e, f = first
    g, h, i, j, k, m = second
    return [a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m]


def _moved(x: float, y: float, matrix: list[float]) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return x * a + y * c + e, x * b + y * d + f
