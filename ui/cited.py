"""An answer as HTML with its citations: a mark behind each sentence, and what has a source marked itself.

Does not cover: finding sources (arena/citations.py), which sentences get a number (arena/marks.py), how passages are
shown (render.py).
"""

import re
from collections.abc import Sequence

from arena.citations import Citation
from arena.marks import in_markup
from ui.markdown import markdown_html

_ENTITY = re.compile("&#(?:x0*e00[0-3]|0*5734[4-7]);", re.I)
"""Markdown makes private characters of these."""


def cited_html(text: str, found: Sequence[Citation], highlighted: bool = False) -> str:
    """The answer with a mark after each sentence. `highlighted`: a sentence that has a source is marked itself as well,
    where it begins with a letter or digit and crosses no element. Markdown lets private characters pass; the text's own
    are replaced."""
    text = text.translate(dict.fromkeys(range(0xE000, 0xE004), "�"))
    text = _ENTITY.sub(lambda entity: "�".ljust(len(entity[0])), text)
    for citation in reversed(found):
        if citation.verdict == "refusal" or in_markup(text, citation.end):
            continue
        start, number = citation.start, citation.number or 0
        end = _before_emphasis(text, start, citation.end)
        inside = text[start:end]
        if highlighted and number and not in_markup(text, start):
            inside = _bounded(inside)
        text = f"{text[:start]}{inside}\ue000{number}\ue001{text[end:]}"
    shown = re.sub("%EE%80%80\\d+%EE%80%81|%EE%80%8[23]", "", markdown_html(text))  # in a link's address
    shown = re.sub("<[^>]*>", lambda tag: re.sub("\ue000\\d+\ue001|[\ue002\ue003]", "", tag[0]), shown)
    shown = re.sub("\ue002([^\ue002\ue003]*)\ue003", lambda sentence: _as_cited(sentence[1]), shown)
    shown = re.sub("[\ue002\ue003]", "", shown)
    return re.sub("\ue000(\\d+)\ue001", lambda mark: mark_html(int(mark[1])), shown)


def _before_emphasis(text: str, start: int, end: int) -> int:
    """Where the mark of `text[start:end]` goes: between a full stop and the stars that close an emphasis, for behind
    them it would keep them from closing it. After a letter they close it anyway."""
    place = start + len(text[start:end].rstrip("*_"))
    return place if place > start and text[place - 1] in ".!?:;,)\"'…" else end


def _bounded(sentence: str) -> str:
    """The sentence between private characters; they stand behind its opening emphasis if that goes on past it.
    Unchanged if it begins with what may be markup: before an underscore, a private character would be a letter."""
    emphasis = sentence[: len(sentence) - len(sentence.lstrip("*_"))]
    before = emphasis if emphasis and sentence.count(emphasis) == 1 else ""
    if not sentence[len(emphasis) :][:1].isalnum() or ("_" in emphasis and not before):
        return sentence
    return f"{before}\ue002{sentence[len(before) :]}\ue003"


def _as_cited(markup: str) -> str:
    """A sentence, unless it begins or ends within an element that it does not hold whole."""
    open_ones: list[str] = []
    for closing, name in re.findall(r"<(/?)(\w+)", markup):
        if not closing:
            open_ones += [name] if name != "br" else []
        elif not open_ones or open_ones.pop() != name:
            return markup
    return markup if open_ones else f'<span class="cited">{markup}</span>'


def mark_html(number: int) -> str:
    """The number of a source; 0 stands for none."""
    if number:
        return f'<sup class="cite" aria-label="source {number}">{number}</sup>'
    return ' <small class="unsupported">not found in the passages</small>'
