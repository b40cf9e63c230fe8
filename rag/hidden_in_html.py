"""What a page hides from its reader is taken out of it: text that only a program sees may be meant for a program.

Judged by inline styles, the `hidden` attribute, old colour attributes and the page's own style sheets: not displayed,
not visible, transparent, too small, out of sight, clipped away, or in the colour of what is behind it. What a script
would unfold (dialogs, tabs, menus, an FAQ folded by style) goes with it; a closed `details` stays, for a reader opens
it. Does not see: style sheets from outside and rules within @media, text that something else covers, colours that a
picture makes. Beside such a style sheet or picture the background is not taken to be known.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bs4 import BeautifulSoup, Tag
from bs4.element import CData, NavigableString
from soupsieve import SelectorSyntaxError

NEVER_SHOWN = ["object", "canvas", "video", "audio", "datalist", "noframes", "noembed", "progress", "meter"]
"""Elements whose text is for browsers that do not know them."""
SMALLEST = 2.0
"""Pixels; a smaller letter cannot be read."""
FAINTEST = 0.05
FAR = -999.0
"""Pixels to the left or above: further out than any page begins."""
SAME_COLOUR = 16
"""Largest difference per channel, of 255, that is not to be told apart."""
MOST_TRIES = 1_000_000
"""Rules that say something about sight, times elements: some seconds. Beyond, the page's style sheets are not read."""
PIXELS = {"px": 1.0, "pt": 4 / 3, "em": 16.0, "rem": 16.0, "cm": 37.8, "mm": 3.78, "in": 96.0, "vw": 12.0, "vh": 8.0}
NAMED = {"white": "#fff", "black": "#000", "snow": "#fffafa", "ivory": "#fffff0", "whitesmoke": "#f5f5f5"}
RELEVANT = re.compile(
    r"display|visibility|opacity|font|color|background|position|left|right|top|bottom|indent|clip|width|height|"
    r"overflow|transform|margin|animation|filter"
)
FONT_SIZE = re.compile(r"(?:^|\s)(0*\.?0+|\d*\.?\d+(?:px|pt|r?em|%|cm|mm|in|vw|vh))(?=\s|/|$)")
"""In the shorthand `font`, where only the size may be a zero without a unit."""
IMPORTANT = "!important"
COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.S)
OTHER_RULES = re.compile(r"@(?:media|import|supports|layer|container|scope)", re.I)
OFFSETS = ("left", "right", "top", "bottom", "margin-left", "text-indent")

Colour = tuple[int, int, int]
Style = dict[str, str]


@dataclass(frozen=True)
class Look:
    """How text in an element looks: what is inherited. A colour or background that cannot be told is None."""

    visible: bool = True
    pixels: float = 16.0
    colour: Colour | None = (0, 0, 0)
    background: Colour | None = (255, 255, 255)
    transparent: bool = False

    @property
    def unseen(self) -> bool:
        if not self.visible or self.pixels < SMALLEST or self.transparent:
            return True
        if self.colour is None or self.background is None:
            return False
        return all(abs(one - other) <= SAME_COLOUR for one, other in zip(self.colour, self.background, strict=True))


def drop_hidden(soup: BeautifulSoup) -> None:
    """Take out of `soup` what its reader does not see."""
    for tag in soup(NEVER_SHOWN):
        tag.decompose()
    sheets, whole = _sheet_styles(soup)
    page = Look() if whole else Look(background=None)
    looks: dict[int, Look] = {id(soup): page}
    unseen: list[Tag | NavigableString] = [text for text in soup.find_all(string=True) if isinstance(text, CData)]
    for tag in soup.find_all(True):
        if id(tag.parent) not in looks:
            continue  # it goes with what it stands in
        told = _over(sheets.get(id(tag), {}), _attributes(tag))
        told = _over(_declarations(str(tag.get("style") or "")), told)
        style = {name: value.replace(IMPORTANT, "").strip() for name, value in told.items()}
        if _boxed_away(tag, style):
            unseen.append(tag)
            continue
        look = looks[id(tag)] = _look(style, looks[id(tag.parent)])
        if look.unseen:
            unseen += [child for child in tag.children if type(child) is NavigableString]
    for part in unseen:
        part.extract()


def _sheet_styles(soup: BeautifulSoup) -> tuple[dict[int, Style], bool]:
    """What the page's own style sheets say of each element, and whether nothing else may say more."""
    sheet = "\n".join(sheet.get_text() for sheet in soup("style") if _on_screen(sheet))
    linked = any("stylesheet" in str(link.get("rel", "")).lower() for link in soup("link"))
    whole = not linked and not OTHER_RULES.search(sheet)
    rules = list(_rules(sheet))
    if len(rules) * (100 + len(soup(True))) > MOST_TRIES:
        return {}, False
    found: dict[int, Style] = {}
    for selector, style in sorted(rules, key=lambda rule: _specificity(rule[0])):
        try:
            for tag in soup.select(selector):
                found[id(tag)] = _over(style, found.get(id(tag), {}))
        except (SelectorSyntaxError, NotImplementedError):
            whole = False
    return found, whole


def _on_screen(sheet: Tag) -> bool:
    """Whether a style sheet counts for a reader who has scripts on and does not print."""
    media = str(sheet.get("media") or "all").lower()
    return ("all" in media or "screen" in media) and sheet.find_parent(["noscript", "template", "svg"]) is None


def _rules(sheet: str) -> Iterator[tuple[str, Style]]:
    """(selector, declarations) of the plain rules that say something about sight."""
    sheet = COMMENT.sub("", re.sub(r"<!--|-->", "", sheet))
    sheet = re.sub(r"@[^{};@]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}|@[^{};@]*;", "", sheet)
    for selector, _, body in (rule.partition("{") for rule in sheet.split("}")):
        style = {name: value for name, value in _declarations(body).items() if RELEVANT.search(name)}
        if style:
            # A comma within brackets (:is(a, b)) parts no selectors.
            yield from ((one.strip(), style) for one in ([selector] if "(" in selector else selector.split(",")))


def _specificity(selector: str) -> tuple[int, int, int]:
    """How exact a selector is, roughly: identifiers, then classes with attributes and states, then elements."""
    classes = len(re.findall(r"[.\[]|(?<!:):(?!:)", selector))
    return selector.count("#"), classes, len(re.findall(r"(?:^|[\s>+~])[a-z]", selector))


def _over(above: Style, below: Style) -> Style:
    """Both, where they differ the first, unless only the second is important."""
    kept = {name for name, value in below.items() if IMPORTANT in value and IMPORTANT not in above.get(name, IMPORTANT)}
    return below | {name: value for name, value in above.items() if name not in kept}


def _declarations(text: str) -> Style:
    pairs = (part.partition(":") for part in COMMENT.sub("", text).lower().split(";"))
    return {
        name.strip(): re.sub(r"!\s*important", IMPORTANT, value).strip() for name, _, value in pairs if value.strip()
    }


def _attributes(tag: Tag) -> Style:
    """What the attributes of before style sheets say."""
    style: Style = {}
    if tag.has_attr("hidden") or tag.has_attr("popover") or (tag.name == "dialog" and not tag.has_attr("open")):
        style["display"] = "none"
    if tag.name == "font" and tag.get("color"):
        style["color"] = str(tag["color"]).lower()
    if tag.name == "body" and tag.get("text"):
        style["color"] = str(tag["text"]).lower()
    if tag.get("bgcolor"):
        style["background-color"] = str(tag["bgcolor"]).lower()
    if tag.get("background"):
        style["background"] = "url(picture)"
    return style


def _boxed_away(tag: Tag, style: Style) -> bool:
    """Nothing in the element can be seen, whatever its own elements say."""
    if style.get("display") == "none" or style.get("content-visibility") == "hidden":
        return True
    through = [style.get("opacity", "1"), *re.findall(r"opacity\(\s*([\d.]+%?)\s*\)", style.get("filter", ""))]
    if min(map(_number, through)) < FAINTEST and not any("animation" in name for name in style):
        return True
    placed = style.get("position") in ("absolute", "fixed", "relative")
    moved = [*(style.get(name, "") for name in OFFSETS if placed or "-" in name), *_moves(style.get("transform", ""))]
    if any(_pixels(value, 0.0) <= FAR for value in moved):
        return True
    if re.search(r"scale[xy]?\(\s*0*\.?0+\s*[,)]", style.get("transform", "")):
        return True
    clip = style.get("clip-path", "")
    if re.match(r"inset\(\s*(?:[5-9]\d|100)%\s*\)|circle\(\s*0", clip):
        return True
    if placed and re.match(r"rect\((?:\s*[01](?:px)?\s*,?){4}\)", style.get("clip", "")):
        return True
    sizes = [style[name] for name in ("width", "height", "max-width", "max-height") if name in style]
    return style.get("overflow", "") in ("hidden", "clip") and any(
        _pixels(size, 99.0) <= 1 and (not size.endswith("%") or _number(size) == 0) for size in sizes
    )


def _moves(transform: str) -> list[str]:
    return [
        value.strip() for inside in re.findall(r"translate\w*\(([^)]*)\)", transform) for value in inside.split(",")
    ]


def _look(style: Style, above: Look) -> Look:
    look = above
    if "visibility" in style and style["visibility"] != "inherit":
        look = replace(look, visible=style["visibility"] not in ("hidden", "collapse"))
    size = style.get("font-size") or next(iter(FONT_SIZE.findall(style.get("font", ""))), "")
    if size:
        look = replace(look, pixels=_pixels(size, above.pixels, above.pixels))
    paint = style.get("background-color") or style.get("background", "")
    painted = style.get("background", "") + style.get("background-image", "")
    if "url(" in painted or "gradient" in painted or _translucent(paint):
        look = replace(look, background=None)
    elif paint and not re.fullmatch(r"(none|transparent|inherit|initial|unset).*", paint) and not _clear(paint):
        look = replace(look, background=_colour(paint))
    if (colour := style.get("color", "")) and colour not in ("inherit", "currentcolor"):
        # Letters cut out of their background are seen, although they have no colour of their own.
        filled = "text" in style.get("background-clip", "") + style.get("-webkit-background-clip", "")
        look = replace(
            look,
            colour=None if _translucent(colour) else _colour(colour),
            transparent=not filled and (colour == "transparent" or _clear(colour)),
        )
    if style.get("position") in ("absolute", "fixed") and not paint:
        look = replace(look, background=None)  # it may stand on anything
    return look


def _number(text: str) -> float:
    found = re.match(r"-?\d*\.?\d+", text)
    return float(found[0]) / (100 if "%" in text else 1) if found else 1.0


def _pixels(text: str, otherwise: float, of: float = 16.0) -> float:
    """A CSS length; `of` is what `em` and per cent are of."""
    found = re.match(r"(-?\d*\.?\d+)\s*([a-z%]*)", text)
    if not found:
        return otherwise
    number, unit = float(found[1]), found[2]
    if unit in ("em", "%"):
        return number * of / (100 if unit == "%" else 1)
    return number * PIXELS.get(unit, 1.0)


def _translucent(colour: str) -> bool:
    """Has an opacity that lets something through, but not all."""
    found = re.match(r"(?:rgb|hsl)a?\([^)]*[,/]\s*(\d*\.?\d+)(%?)\s*\)", colour)
    if not found or len(re.findall(r"[\d.]+", colour)) != 4 or _clear(colour):
        return False
    return float(found[1]) / (100 if found[2] else 1) < 1


def _clear(colour: str) -> bool:
    """Has an opacity, and it is nothing."""
    found = re.match(r"(?:rgb|hsl)a?\([^)]*[,/]\s*(\d*\.?\d+)%?\s*\)", colour)
    parts = len(re.findall(r"[\d.]+", colour))
    return bool(found and parts == 4 and float(found[1]) < FAINTEST) or bool(re.match(r"#(\w{3}0|\w{6}0\w)$", colour))


def _colour(text: str) -> Colour | None:
    """The first colour in it, None when it is none that is known here."""
    for name, value in NAMED.items():
        text = re.sub(rf"\b{name}\b", value, text)
    if found := re.search(r"#([0-9a-f]{6}|[0-9a-f]{3})\b", text):
        digits = found[1] if len(found[1]) == 6 else "".join(digit * 2 for digit in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if found := re.search(r"rgba?\(\s*([\d.]+)(%?)[\s,]+([\d.]+)%?[\s,]+([\d.]+)", text):
        red, green, blue = (min(255, round(float(found[n]) * (2.55 if found[2] else 1))) for n in (1, 3, 4))
        return red, green, blue
    return None
