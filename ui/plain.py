"""Two answers made to look alike: no formatting, no citation marks, equally long at first sight.

Half of the annotators' ballots are shown like this and half as they were written, so that the effect of form can be
measured against content: Markdown becomes one running paragraph (items, headings and cells its sentences), marks like
[1] go, links keep their text only. No word is withheld: of the longer answer, what comes after the sentence that ends
nearest to the shorter one's length is folded away, and one button under both unfolds it without saying whose it is.
What is compared at first sight is therefore equal in length, to a sentence, and the results take it as that; who wants
all of it reads all of it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from arena.sentences import split_sentences
from ui.markdown import without_citations

LEAST_FOLDED = 8
"""Words; less is not worth a button."""

_parser = MarkdownIt("commonmark").enable("table")
_MORE_MARKS = re.compile(r"\s?(?:\[\^\d+\]|【[^】]*】)")
_ENDS = (".", "!", "?", ":", ";", ",", "…", "。", "！", "？")


@dataclass(frozen=True)
class Plain:
    """What is shown, and what on request; "" where that is all."""

    text: str
    rest: str = ""


def plain_pair(left: str, right: str) -> tuple[Plain, Plain]:
    """Both answers, made alike."""
    texts = flattened(left), flattened(right)
    words = [len(text.split()) for text in texts]
    return _folded(texts[0], words[1]), _folded(texts[1], words[0])


def flattened(text: str) -> str:
    """Markdown as one paragraph of plain sentences, without citation marks."""
    tokens = _parser.parse(_MORE_MARKS.sub("", without_citations(text)))
    pieces = (" ".join(piece.split()) for piece in _pieces(tokens))
    return " ".join(piece if piece.endswith(_ENDS) else f"{piece}." for piece in pieces if piece)


def _folded(text: str, words: int) -> Plain:
    """Cut where a sentence ends nearest to `words` words; not before the first one's end."""
    sentences = split_sentences(text)
    if len(text.split()) - words < LEAST_FOLDED or len(sentences) < 2:
        return Plain(text)
    lengths = [len(" ".join(sentences[:count]).split()) for count in range(1, len(sentences) + 1)]
    count = min(range(len(sentences)), key=lambda place: abs(lengths[place] - words)) + 1
    shown, rest = " ".join(sentences[:count]), " ".join(sentences[count:])
    return Plain(shown, rest) if len(rest.split()) >= LEAST_FOLDED else Plain(text)


def _pieces(tokens: Sequence[Token]) -> Iterator[str]:
    """Each block's text; a table's row is one."""
    row: list[str] | None = None
    for token in tokens:
        if token.type == "tr_open":
            row = []
        elif token.type == "tr_close":
            yield ", ".join(cell for cell in row or [] if cell)
            row = None
        elif token.type == "inline":
            said = "".join(map(_said, token.children or []))
            if row is None:
                yield said
            else:
                row.append(said)
        elif token.type in ("fence", "code_block", "html_block"):
            yield token.content


def _said(token: Token) -> str:
    return " " if token.type in ("softbreak", "hardbreak") else token.content
