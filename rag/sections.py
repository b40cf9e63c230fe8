"""Splits a document into chunks that fit the embedder, and each chunk into sentences.

A sentence belongs to exactly one chunk, and chunks never cross a heading, a lead or a page; a table that fits into one
stays whole. Sentences are verbatim parts of the chunk's text, and a chunk knows where in the document's text it stands,
so that a page can highlight both. A heading or a lead that introduces nothing is a sentence itself: no text is in no
chunk.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from langchain_text_splitters import RecursiveCharacterTextSplitter

from arena.sentences import split_sentences
from rag.blocks import Block, Document

CountTokens = Callable[[Sequence[str]], list[int]]
Said = tuple[list[str], int | None, Block, int]
"""Headings above a block, its page, itself, and the place of its text in the document's."""

LONGEST_QUESTION = 30
BETWEEN = "\n\n"
LONGEST = 256
"""Word pieces that the usual embedder reads of a text, special ones included."""
ASIDE = 3
"""Of these, its two special ones and what joins headings and text."""
LEAST = 40
"""Word pieces of text that a chunk has room for, however long its headings are; less with an embedder that reads
little."""
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


def split_document(
    document: Document, max_tokens: int, count_tokens: CountTokens, longest: int = LONGEST
) -> list[Chunk]:
    """Chunks of at most `max_tokens` word pieces, headings not counted, in reading order; of fewer where they and their
    headings together would be cut off by the embedder, which reads `longest`."""
    chunks = []
    embedded = max(longest - ASIDE, 1)
    least = max(min(LEAST, embedded // 3), 1)
    for headings, page, blocks in _sections(document):
        context = " > ".join([document.title, *headings])
        location = ", ".join(filter(None, [f"page {page}" if page else "", " > ".join(headings)]))
        room = min(max_tokens, max(embedded - count_tokens([context])[0], least))
        for text, sentences, start, end in _packed(blocks, room, count_tokens):
            chunks.append(Chunk(document.name, location or document.title, context, text, sentences, start, end))
    return chunks


def _sections(document: Document) -> Iterator[tuple[list[str], int | None, list[tuple[Block, int]]]]:
    """Neighbouring blocks under the same headings, lead and page, each with the place of its text in the document's."""
    for (headings, page), said in groupby(_said(document), key=lambda each: each[:2]):
        yield headings, page, [(block, place) for _, _, block, place in said]


def _said(document: Document) -> Iterator[Said]:
    """What is not above something else: every block but the headings and leads that others stand under."""
    path: list[tuple[int, str]] = []
    lead = ""
    waiting: Said | None = None  # the last heading or lead, as long as nothing stands under it
    begins = 0
    for block in document.blocks:
        text = PREFIX.sub("", block.text)
        place, begins = begins + len(block.text) - len(text), begins + len(block.text) + len(BETWEEN)
        block = replace(block, text=text)
        leads = block.kind == "lead" or _asks(block, text)
        if waiting and not _stands_under(waiting[2], block, leads):
            yield waiting
        waiting = None
        if block.kind == "heading":
            path = [(level, heading) for level, heading in path if level < block.level]
            if text != document.title:
                waiting = [heading for _, heading in path], block.page, block, place
                path.append((block.level, text))
            lead = ""
            continue
        headings = [heading for _, heading in path]
        if leads:
            waiting, lead = (headings, block.page, block, place), text
            continue
        yield headings + ([lead] if lead else []), block.page, block, place
    if waiting:
        yield waiting


def _stands_under(above: Block, block: Block, leads: bool) -> bool:
    """Whether a heading or lead introduces the block that follows it."""
    if block.kind == "heading":
        return above.kind == "heading" and above.level < block.level
    return above.kind == "heading" or not leads


def _asks(block: Block, text: str) -> bool:
    """A question standing alone says nothing by itself: it introduces its answer."""
    return block.kind == "paragraph" and text.endswith("?") and len(text.split()) <= LONGEST_QUESTION


def _packed(
    blocks: Sequence[tuple[Block, int]], max_tokens: int, count_tokens: CountTokens
) -> Iterator[tuple[str, tuple[str, ...], int, int]]:
    """Texts, their sentences, and where they begin and end."""
    units = [
        (before, piece, place, block.kind == "row")
        for block, begins in blocks
        for before, piece, place in _placed(block, _pieces(block, max_tokens, count_tokens), begins)
    ]
    sizes = count_tokens([piece for _, piece, *_ in units])
    wanted = _room(sizes, [row for *_, row in units], max_tokens)
    text, sentences, total, start, end = "", list[str](), 0, 0, 0
    for (before, piece, place, _), size, room in zip(units, sizes, wanted, strict=True):
        if sentences and total + room > max_tokens:
            yield text, tuple(sentences), start, end
            text, sentences, total = "", [], 0
        start = start if sentences else place
        text = f"{text}{before}{piece}" if text else piece
        sentences.append(piece)
        total, end = total + size, place + len(piece)
    if sentences:
        yield text, tuple(sentences), start, end


def _room(sizes: Sequence[int], rows: Sequence[bool], max_tokens: int) -> list[int]:
    """What must be free in a chunk for each piece to go there: its own size, and for the first of a table's rows that
    of the whole table, so that it is not parted. One that no chunk can hold is parted between rows."""
    wanted = list(sizes)
    for in_table, together in groupby(range(len(sizes)), key=rows.__getitem__):
        places = list(together)
        table = sum(sizes[place] for place in places)
        if in_table and table <= max_tokens:
            wanted[places[0]] = table
    return wanted


def _placed(block: Block, pieces: Sequence[str], begins: int) -> Iterator[tuple[str, str, int]]:
    """Each piece with what parts it from the one before and its place, that of the block's text being `begins`."""
    text, after, before = block.text, 0, "\n"
    for piece in pieces:
        place = max(text.find(piece, after), after)
        if after and block.kind == "lines" and "\n" in text[after:place]:
            before = text[after:place]
        yield before, piece, begins + place
        after, before = place + len(piece), " "


def _pieces(block: Block, max_tokens: int, count_tokens: CountTokens) -> list[str]:
    """The block's sentences; a table row is one, none goes over the end of a line that is to be kept; what alone
    exceeds the limit is cut at commas or words."""
    if block.kind == "lines":
        sentences = [said for line in block.text.split("\n") for said in split_sentences(line.strip())]
    else:
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
