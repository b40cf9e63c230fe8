"""Splits a document into chunks that fit the embedder, and each chunk into sentences.

A sentence belongs to exactly one chunk, and chunks never cross a heading, a lead or a page. Sentences are
verbatim parts of the chunk's text, so that a page can highlight them.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from langchain_text_splitters import RecursiveCharacterTextSplitter

from arena.sentences import split_sentences
from rag.blocks import Block, Document

CountTokens = Callable[[Sequence[str]], list[int]]

LONGEST_QUESTION = 30
PREFIX = re.compile(r"^(?:Q|A|Question|Answer)\s*[:.]\s+")


@dataclass(frozen=True)
class Chunk:
    """`context` is the title and the headings above it; `location` is what a person would look for."""

    document: str
    location: str
    context: str
    text: str
    sentences: tuple[str, ...]


def split_document(document: Document, max_tokens: int, count_tokens: CountTokens) -> list[Chunk]:
    """Chunks of at most `max_tokens` word pieces, headings not counted, in reading order."""
    chunks = []
    for headings, page, blocks in _sections(document):
        context = " > ".join([document.title, *headings])
        location = ", ".join(filter(None, [f"page {page}" if page else "", " > ".join(headings)]))
        for text, sentences in _packed(blocks, max_tokens, count_tokens):
            chunks.append(Chunk(document.name, location or document.title, context, text, sentences))
    return chunks


def _sections(document: Document) -> Iterator[tuple[list[str], int | None, list[Block]]]:
    """Neighbouring blocks under the same headings, lead and page."""
    path: list[tuple[int, str]] = []
    lead = ""
    key: tuple[list[str], int | None] | None = None
    held: list[Block] = []
    for block in document.blocks:
        text = PREFIX.sub("", block.text)
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
        held.append(Block(text, block.kind, block.level, block.page))
    if held and key:
        yield *key, held


def _asks(block: Block, text: str) -> bool:
    """A question standing alone says nothing by itself: it introduces its answer."""
    return block.kind == "paragraph" and text.endswith("?") and len(text.split()) <= LONGEST_QUESTION


def _packed(
    blocks: Sequence[Block], max_tokens: int, count_tokens: CountTokens
) -> Iterator[tuple[str, tuple[str, ...]]]:
    units = [
        (number, piece) for number, block in enumerate(blocks) for piece in _pieces(block, max_tokens, count_tokens)
    ]
    sizes = count_tokens([piece for _, piece in units])
    text, sentences, total, last = "", list[str](), 0, -1
    for (number, piece), size in zip(units, sizes, strict=True):
        if sentences and total + size > max_tokens:
            yield text, tuple(sentences)
            text, sentences, total = "", [], 0
        text = f"{text}{' ' if number == last else chr(10)}{piece}" if text else piece
        sentences.append(piece)
        total, last = total + size, number
    if sentences:
        yield text, tuple(sentences)


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
