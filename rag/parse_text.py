"""Plain text: headings by their look (capitals or underlined), lists, wrapped lines joined again."""

import re

from rag.blocks import Block
from rag.sniff import decoded

WRAPPED_AT = 60
"""A line shorter than this that ends without a full stop was ended on purpose: an address, a key and value."""
ITEM = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)]|[a-z]\))\s+(?=\S)")
SENTENCE_END = (".", "!", "?", ":", ";")


def parse_text(data: bytes) -> tuple[str, list[Block]]:
    """Title (the first heading or a short first line) and blocks."""
    lines = [line.rstrip() for line in decoded(data).split("\n")]
    blocks: list[Block] = []
    paragraph: list[str] = []
    for place, line in enumerate(lines):
        following = lines[place + 1] if place + 1 < len(lines) else ""
        if re.fullmatch(r"\s*[=\-_*]{3,}\s*", line):
            continue
        if not line.strip():
            _flush(paragraph, blocks)
        elif level := _heading_level(line, following):
            _flush(paragraph, blocks)
            blocks.append(Block(line.strip(), "heading", level=level))
        else:
            if paragraph and not _continues(paragraph[-1], line):
                _flush(paragraph, blocks)
            paragraph.append(line)
    _flush(paragraph, blocks)
    title = next((block.text for block in blocks[:1] if block.kind == "heading" or len(block.text) < 80), "")
    return title, blocks


def _heading_level(line: str, following: str) -> int:
    """0 when it is none. Underlined with `=` is 1, with `-` is 2; capitals are 2."""
    if re.fullmatch(r"={3,}\s*", following):
        return 1
    if re.fullmatch(r"-{3,}\s*", following):
        return 2
    letters = [character for character in line if character.isalpha()]
    capitals = len(letters) >= 3 and all(character.isupper() for character in letters)
    return 2 if capitals and len(line) <= 100 and not line.rstrip().endswith((".", ";", ",")) else 0


def _continues(previous: str, line: str) -> bool:
    if ITEM.match(line) or previous.endswith(SENTENCE_END):
        return False
    return len(previous) >= WRAPPED_AT or line.lstrip()[:1].islower()


def _flush(paragraph: list[str], blocks: list[Block]) -> None:
    if paragraph:
        text = " ".join(" ".join(paragraph).split())
        item = ITEM.match(text)
        blocks.append(Block(text[item.end() :], "item") if item else Block(text))
        paragraph.clear()
