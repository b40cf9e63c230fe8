"""Characters that no reader sees: taken out of documents, for they can carry what only a model reads.

Goes: format characters (zero-width ones, directions and their overrides, Unicode tags), variation selectors, control
characters. Stays: the joiners between letters of scripts that are written with them, and between emoji. A flag that is
spelt in tags (Scotland's) becomes the plain one. Does not know look-alikes: Cyrillic "о" stays beside Latin "o".
"""

import re
import sys
import unicodedata
from dataclasses import replace

from rag.blocks import Block

VISIBLE_FORMATS = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
"""Arabic, Syriac and Kaithi signs that are of the category of the invisible but are drawn."""
SELECTORS = {0x34F, 0x115F, 0x1160, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
"""Variation selectors, and the fillers of Hangul, which are blank."""
JOINERS = {0x200C, 0x200D}
_SPACES = {0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x1C, 0x1D, 0x1E, 0x1F, 0x85}
_GOES: dict[int, None] = {
    code: None
    for code in range(sys.maxunicode + 1)
    if (unicodedata.category(chr(code)) in ("Cc", "Cf") or code in SELECTORS)
    and code not in VISIBLE_FORMATS | JOINERS | _SPACES
}
_GOES |= dict.fromkeys(range(917504, 917632))
_MAYBE = re.compile(r"[^\t\n\x0b-\r\x1c-\x1f -~\xa1-\xac\xae-\u02ff]")
"""Most texts hold nothing but these and are left alone."""
_STRAY_JOINER = re.compile(
    "(?<![^\x00-\u024f\u2000-\u206f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\u024f\u2000-\u206f])"
)


def visible(text: str) -> str:
    """What a reader sees of it. Half a surrogate pair, of a broken file name, becomes a replacement character."""
    if not _MAYBE.search(text):
        return text
    return re.sub("[\ud800-\udfff]", "\ufffd", _STRAY_JOINER.sub("", text.translate(_GOES)))


def visible_block(block: Block) -> Block:
    """The block with what a reader sees of its text; spaces that then meet become one."""
    text = visible(block.text)
    lines = [" ".join(line.split()) for line in (text.split("\n") if block.kind == "lines" else [text])]
    return block if text == block.text else replace(block, text="\n".join(lines).strip())
