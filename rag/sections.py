"""Splits a document into chunks that fit the embedder, and each chunk into sentences.

A sentence belongs to exactly one chunk, and chunks never cross a heading, a lead or a page. Sentences are
verbatim parts of the chunk's text, and a chunk knows where in the document's text it stands, so that a page can
highlight both.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from langchain_text_splitters import RecursiveCharacterTextSplitter

from arena.sentences import split_sentences
from rag.blocks import Block, Document

CountTokens = Callable[[Sequence[str]], list[int]]

LONGEST_QUESTION = 30
BETWEEN = "\n\n"
EMBEDDED = 253
"""Word pieces that the usual embedder reads (256), less its two special ones and what joins headings and text."""
LEAST = 40
"""Word pieces of text that a chunk has room for, however long its headings are."""
PREFIX = re.compile(r"^(?:Q|A|Question|Answer)\s*[:.]\s+")


@dataclass(frozen=True)
class Chunk:
    """`context` is the title and the headings above it; `location` is what a person would look for. `start` and `end`
    count characters of `source_text`: from its first sentence's beginning to its last one's end."""

    document: str
    location: str
    context: str
    text: str
    sentences: tuple[str, ...]
    start: int = 0
    end: int = 0


def source_text(document: Document) -> str:
    """What was read of a document, as one text: its blocks, with a blank line between two."""
    return BETWEEN.join(block.text for block in document.blocks)


def split_document(document: Document, max_tokens: int, count_tokens: CountTokens) -> list[Chunk]:
    """Chunks of at most `max_tokens` word pieces, headings not counted, in reading order; of fewer where they and their
    headings together would be cut off by the embedder."""
    chunks = []
    for headings, page, blocks in _sections(document):
        context = " > ".join([document.title, *headings])
        location = ", ".join(filter(None, [f"page {page}" if page else "", " > ".join(headings)]))
        room = min(max_tokens, max(EMBEDDED - count_tokens([context])[0], LEAST))
        for text, sentences, start, end in _packed(blocks, room, count_tokens):
            chunks.append(Chunk(document.name, location or document.title, context, text, sentences, start, end))
    return chunks


def _sections(document: Document) -> Iterator[tuple[list[str], int | None, list[tuple[Block, int]]]]:
    """Neighbouring blocks under the same headings, lead and page, each with the place of its text in the document's."""
    path: list[tuple[int, str]] = []
    lead = ""
    key: tuple[list[str], int | None] | None = None
    held: list[tuple[Block, int]] = []
    begins = 0
    for block in document.blocks:
        text = PREFIX.sub("", block.text)
        place, begins = begins + len(block.text) - len(text), begins + len(block.text) + len(BETWEEN)
        if block.kind == "heading":
            path = [(level, heading) for level, heading in path if level < block.level]
            if text != document.title:
                path.append((block.level, text))
            lead = ""
            continue
        if block.kind == "lead" or _asks(block, text):
            lead = text
            continue
        headings = [heading for _, heading in path] + ([lead] if lead else [])
        if key != (headings, block.page) and held and key:
            yield *key, held
            held = []
        key = (headings, block.page)
        held.append((Block(text, block.kind, block.level, block.page), place))
    if held and key:
        yield *key, held


def _asks(block: Block, text: str) -> bool:
    """A question standing alone says nothing by itself: it introduces its answer."""
    return block.kind == "paragraph" and text.endswith("?") and len(text.split()) <= LONGEST_QUESTION


def _packed(
    blocks: Sequence[tuple[Block, int]], max_tokens: int, count_tokens: CountTokens
) -> Iterator[tuple[str, tuple[str, ...], int, int]]:
    """Texts, their sentences, and where they begin and end."""
    units = [
        (number, piece, place)
        for number, (block, begins) in enumerate(blocks)
        for piece, place in _placed(block.text, _pieces(block, max_tokens, count_tokens), begins)
    ]
    sizes = count_tokens([piece for _, piece, _ in units])
    text, sentences, total, last, start, end = "", list[str](), 0, -1, 0, 0
    for (number, piece, place), size in zip(units, sizes, strict=True):
        if sentences and total + size > max_tokens:
            yield text, tuple(sentences), start, end
            text, sentences, total = "", [], 0
        start = start if sentences else place
        text = f"{text}{' ' if number == last else chr(10)}{piece}" if text else piece
        sentences.append(piece)
        total, last, end = total + size, number, place + len(piece)
    if sentences:
        yield text, tuple(sentences), start, end


def _placed(text: str, pieces: Sequence[str], begins: int) -> Iterator[tuple[str, int]]:
    """Each piece with its place, that of the text being `begins`."""
    after = 0
    for piece in pieces:
        after = max(text.find(piece, after), after)
        yield piece, begins + after
        after += len(piece)


def _pieces(block: Block, max_tokens: int, count_tokens: CountTokens) -> list[str]:
    """The block's sentences; a table row is one; what alone exceeds the limit is cut at commas or words."""
    sentences = [block.text] if block.kind == "row" else split_sentences(block.text)
    if max(map(len, sentences), default=0) <= max_tokens:
        return sentences  # a word piece has at least one character
    splitter = RecursiveCharacterTextSplitter(
        separators=["; ", ", ", " ", ""],
        chunk_size=max_tokens,
        chunk_overlap=0,
        keep_separator="end",
        length_function=lambda text: count_tokens([text])[0],
    )
    return [piece for sentence in sentences for piece in splitter.split_text(sentence)]
