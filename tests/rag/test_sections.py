"""Chunks and sentences."""

from pathlib import Path

import pytest

from rag.blocks import Block, Document
from rag.build import chunk_text
from rag.embedder import SentenceEmbedder
from rag.index import open_or_build
from rag.parse_html import parse_markdown
from rag.parse_text import parse_text
from rag.sections import Chunk, source_text, split_document, split_sentences
from tests.rag.bags import Bags


def words(texts: object) -> list[int]:
    return [len(text.split()) for text in texts]  # type: ignore[attr-defined]


def split(text: str, limit: int = 180) -> list[Chunk]:
    title, blocks = parse_markdown(text.encode())
    return split_document(Document("a.md", title, tuple(blocks)), limit, words)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It costs 2.5 euros. Order two.", ["It costs 2.5 euros.", "Order two."]),
        ("Ask Dr. Brunn or Mr. Oll. They know.", ["Ask Dr. Brunn or Mr. Oll.", "They know."]),
        ("See fig. 3 for details. It is old.", ["See fig. 3 for details.", "It is old."]),
        ("Wait for 25 min. The lamp cools down.", ["Wait for 25 min.", "The lamp cools down."]),
        ("The shop opens at 9. Bring your badge.", ["The shop opens at 9.", "Bring your badge."]),
        ("Use e.g. Brass. It shines well.", ["Use e.g. Brass.", "It shines well."]),
        ("J. Oll signed it. Nobody else did.", ["J. Oll signed it.", "Nobody else did."]),
        ("No. There is no kit. Buy a new one.", ["No. There is no kit.", "Buy a new one."]),
        ('He said "stop it now." Then he left.', ['He said "stop it now."', "Then he left."]),
        ("one without an end", ["one without an end"]),
    ],
)
def test_sentences_are_split_where_they_end(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_a_chunk_knows_the_headings_above_it() -> None:
    chunks = split("# Lamps\n\nAll lamps.\n\n## Glass\n\n### Weight\n\nIt weighs nine.\n\n## Brass\n\nIt shines.")
    assert [(chunk.location, chunk.context) for chunk in chunks] == [
        ("Lamps", "Lamps"),
        ("Glass > Weight", "Lamps > Glass > Weight"),
        ("Brass", "Lamps > Brass"),
    ]


def test_a_chunk_knows_where_in_the_text_it_stands() -> None:
    title, blocks = parse_markdown(
        b"# Lamps\n\nQ: Is it heavy?\n\nA: It weighs nine. It  weighs nine.\nIt shines.\n\n| Lamp | Price |\n"
        b"|---|---|\n| Brass | 80 |\n| Glass | 95 |\n\n## Care\n\nIt weighs nine."
    )
    document = Document("a.md", title, tuple(blocks))
    source = source_text(document)
    chunks = split_document(document, 7, words)
    assert len(chunks) >= 4
    for before, chunk in zip([None, *chunks], chunks, strict=False):
        assert source[chunk.start : chunk.end].split() == chunk.text.split()
        assert before is None or before.end <= chunk.start
    assert "It weighs nine." in source[chunks[-1].start :] and chunks[-1].context == "Lamps > Care"


def test_long_headings_leave_less_room_so_that_the_embedder_reads_the_end() -> None:
    text = "It weighs nine. " * 120
    sizes = []
    for heading in ("Lamps", "Lamps of all the works " * 40):
        document = Document("a.md", "A", (Block(heading.strip(), "heading", 2), Block(text.strip())))
        chunks = split_document(document, 180, words)
        sizes.append(max(len(chunk.text.split()) for chunk in chunks))
        assert sizes[-1] + len(chunks[0].context.split()) <= 253
    assert sizes[0] > 170 and 30 < sizes[1] <= 52


@pytest.mark.parametrize("longest", [64, 128])
def test_an_embedder_that_reads_less_has_shorter_chunks(longest: int) -> None:
    for heading in ("Lamps", "Lamps of all the works of the town in the year"):
        document = Document("a.md", "A", (Block(heading, "heading", 2), Block("It weighs nine. " * 120)))
        chunks = split_document(document, 180, words, longest)
        sizes = [len(f"{chunk.context} {chunk.text}".split()) for chunk in chunks]
        assert longest - 8 < max(sizes) <= longest - 3


def test_what_an_embedder_reads_decides_how_documents_are_split(tmp_path: Path) -> None:
    class Short(Bags):
        longest = 20

    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text("The lamp weighs nine kilograms. " * 10)
    usual, short = open_or_build(tmp_path, Bags()), open_or_build(tmp_path, Short())
    assert len(usual.chunks) == 1
    assert max(len(chunk_text(chunk).split()) for chunk in short.chunks) <= 17


def test_pages_are_named_and_not_crossed() -> None:
    blocks = (Block("Intro", "heading", 2, 1), Block("First page.", page=1), Block("Second page.", page=2))
    chunks = split_document(Document("a.pdf", "A", blocks), 100, words)
    assert [chunk.location for chunk in chunks] == ["page 1, Intro", "page 2, Intro"]


def test_a_question_standing_alone_introduces_its_answer_and_is_no_sentence() -> None:
    chunks = split("# FAQ\n\n**Can I swim?**\n\nOnly in summer.\n\nIs it deep?\n\nVery deep indeed.")
    assert [(chunk.context, chunk.sentences) for chunk in chunks] == [
        ("FAQ > Can I swim?", ("Only in summer.",)),
        ("FAQ > Is it deep?", ("Very deep indeed.",)),
    ]


def test_a_question_without_an_answer_and_a_heading_without_a_text_are_text_themselves() -> None:
    assert [chunk.text for chunk in split("Can I swim?\n\nIs it deep?")] == ["Can I swim?\nIs it deep?"]
    chunks = split(
        "# Shop\n\n## Closed on 24 December\n\n## Prices\n\n### Lamps\n\n**Are they dear?**\n\n**Brass lamps**\n\n"
        "80 euros.\n\n### Oil\n\n## Ask us"
    )
    assert [(chunk.location, chunk.sentences) for chunk in chunks] == [
        ("Shop", ("Closed on 24 December",)),
        ("Prices > Lamps", ("Are they dear?",)),
        ("Prices > Lamps > Brass lamps", ("80 euros.",)),
        ("Prices", ("Oil",)),
        ("Shop", ("Ask us",)),
    ]


def test_a_table_row_is_a_sentence_that_names_its_columns() -> None:
    (chunk,) = split("| Lamp | Price |\n|---|---|\n| Brass | 80 euros |\n| Glass | 95 euros |")
    assert chunk.sentences == ("Lamp: Brass; Price: 80 euros", "Lamp: Glass; Price: 95 euros")


def test_a_table_begins_a_chunk_where_the_one_before_has_no_room_for_all_of_it() -> None:
    before, rows = (
        "One two three four five six.",
        "| Lamp | Price |\n|---|---|\n| Brass | 80 euros |\n| Glass | 95 euros |",
    )
    first, second = split(f"{before}\n\n{rows}\n\nLast.", limit=12)
    assert first.sentences == (before,)
    assert second.sentences == ("Lamp: Brass; Price: 80 euros", "Lamp: Glass; Price: 95 euros", "Last.")


def test_a_table_that_no_chunk_can_hold_is_parted_between_rows() -> None:
    rows = "".join(f"| Brass {number} | 80 euros |\n" for number in range(4))
    first, second, third = split(f"One two three.\n\n| Lamp | Price |\n|---|---|\n{rows}", limit=14)
    assert first.sentences == ("One two three.", "Lamp: Brass 0; Price: 80 euros")
    assert len(second.sentences) == 2 and len(third.sentences) == 1


def test_list_items_are_sentences_of_their_own() -> None:
    (chunk,) = split("Bring these:\n\n- a badge\n- two photos")
    assert chunk.sentences == ("Bring these:", "a badge", "two photos")


def test_chunks_stay_within_the_limit_and_lose_nothing(embedder: SentenceEmbedder) -> None:
    sentences = [f"Lamp number {number} hangs in the hall of the old harbour office." for number in range(60)]
    document = Document("a.txt", "Lamps", (Block(" ".join(sentences)),))
    chunks = split_document(document, 100, embedder.count_tokens)
    assert max(embedder.count_tokens([chunk.text for chunk in chunks])) <= 100
    assert [sentence for chunk in chunks for sentence in chunk.sentences] == sentences


def test_a_sentence_longer_than_a_chunk_is_cut(embedder: SentenceEmbedder) -> None:
    long = ", ".join(f"lamp {number}" for number in range(200))
    chunks = split_document(Document("a.txt", "Lamps", (Block(long),)), 50, embedder.count_tokens)
    assert len(chunks) > 5
    assert max(embedder.count_tokens([chunk.text for chunk in chunks])) <= 50


def test_every_sentence_stands_in_its_chunk_word_for_word() -> None:
    chunks = split("# A\n\nOne is here. Two is there.\n\n- item one\n- item two\n\nThree ends it.", limit=6)
    assert len(chunks) > 1
    assert all(sentence in chunk.text for chunk in chunks for sentence in chunk.sentences)


def test_plain_text_headings_wrapped_lines_and_key_values() -> None:
    text = (
        "SALES MEETING\n\nPlace: the Heron Room\nMinutes: Ada\n\n1. OPENING\n\n"
        "The survey was repeated in spring and all of the growers were\nsatisfied with it. The desk was thanked.\n"
    )
    title, blocks = parse_text(text.encode())
    assert title == "SALES MEETING"
    assert [(block.kind, block.text) for block in blocks] == [
        ("heading", "SALES MEETING"),
        ("paragraph", "Place: the Heron Room"),
        ("paragraph", "Minutes: Ada"),
        ("heading", "1. OPENING"),
        (
            "paragraph",
            "The survey was repeated in spring and all of the growers were satisfied with it. The desk was thanked.",
        ),
    ]
