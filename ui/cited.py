"""An answer as HTML with its citations: a mark behind each sentence, and what has a source marked itself.

Does not cover: finding sources (arena/citations.py), which sentences get a number (arena/marks.py), how passages are
shown (render.py).
"""

import re
from collections.abc import Sequence

from arena.citations import Citation
from arena.marks import in_markup
from ui.markdown import markdown_html


def cited_html(text: str, found: Sequence[Citation], highlighted: bool = False) -> str:
    """The answer with a mark after each sentence; `highlighted`: what has a source is marked itself, too, as it is in
    its passage. Markdown lets private characters pass; the text's own are put out."""
    text = text.translate(dict.fromkeys(range(0xE000, 0xE004), "�"))
    for citation in reversed(found):
        if citation.verdict == "refusal" or in_markup(text, citation.end):
            continue
        start, end, number = citation.start, citation.end, citation.number or 0
        while text[end - 1] in "*_" and end > start:
            end -= 1  # a mark behind "**" would leave the emphasis open
        inside = text[start:end]
        if highlighted and number and not in_markup(text, start):
            inside = _bounded(inside)
        text = f"{text[:start]}{inside}\ue000{number}\ue001{text[end:]}"
    shown = re.sub("%EE%80%80\\d+%EE%80%81|%EE%80%8[23]", "", markdown_html(text))  # in a link's address
    shown = re.sub("<[^>]*>", lambda tag: re.sub("\ue000\\d+\ue001|[\ue002\ue003]", "", tag[0]), shown)
    shown = re.sub("\ue002([^\ue002\ue003]*)\ue003", lambda sentence: _as_cited(sentence[1]), shown)
    shown = re.sub("[\ue002\ue003]", "", shown)
    return re.sub("\ue000(\\d+)\ue001", lambda mark: mark_html(int(mark[1])), shown)


def _bounded(sentence: str) -> str:
    """The sentence between private characters, behind an emphasis that goes on after it; as it is where it begins with
    what may be markup."""
    emphasis = re.match(r"[*_]*", sentence)[0]  # type: ignore[index]
    if not sentence[len(emphasis) :][:1].isalnum():
        return sentence
    before = emphasis if emphasis and sentence.count(emphasis) == 1 else ""
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
