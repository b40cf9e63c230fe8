"""Tables, lists and preformatted text of a page, however its markup is written."""

import pytest

from rag.blocks import Block, Document
from rag.parse_html import parse_html
from rag.sections import source_text, split_document


def read(page: str) -> list[tuple[str, str]]:
    """Kind and text of each block."""
    return [(block.kind, block.text) for block in parse_html(page.encode())[1]]


def texts(page: str) -> list[str]:
    return [text for _, text in read(page)]


def test_rows_that_begin_with_a_heading_are_named_by_it() -> None:
    page = "<table>{}<tr><th>Weight</th><td>4 kg</td></tr><tr><th>Sizes:</th><td>30 cm</td><td>40 cm</td></tr></table>"
    assert read(page.format("")) == [("row", "Weight: 4 kg"), ("row", "Sizes: 30 cm; 40 cm")]
    titled = page.format("<caption>All lamps</caption><tr><th colspan=3>Brass lamp</th></tr>")
    assert texts(titled) == ["All lamps", "Brass lamp", "Weight: 4 kg", "Sizes: 30 cm; 40 cm"]
    headed = page.format("<tr><th></th><th>usual</th><th>large</th></tr>")
    assert texts(headed) == ["Weight; usual: 4 kg", "Sizes:; usual: 30 cm; large: 40 cm"]


def test_a_merged_cell_counts_for_all_rows_and_columns_that_it_covers() -> None:
    page = (
        "<table><tr><th rowspan=2>Lamp</th><th colspan=2>Price</th></tr><tr><th>new</th><th>used</th></tr>"
        "<tr><td rowspan=2>Brass</td><td>80</td><td>40</td></tr><tr><td colspan=2>75</td></tr>"
        "<tr><td colspan=3>Only on order</td></tr><tr><td>Glass</td><td>95</td></tr></table>"
    )
    assert texts(page) == [
        "Lamp: Brass; Price new: 80; Price used: 40",
        "Lamp: Brass; Price new: 75; Price used: 75",
        "Only on order",
        "Lamp: Glass; Price new: 95",
    ]


@pytest.mark.parametrize("span", ["0", "99999", "-1", "many", ""])
def test_no_span_makes_a_page_grow_without_bounds(span: str) -> None:
    long = "It is made of brass. " * 20
    rows = f"<tr><th>Lamp<th>Text<tr><td>Brass<td rowspan='{span}' colspan='{span}'>{long}" + "<tr><td>Tin" * 200
    assert len(" ".join(texts(f"<table>{rows}</table>"))) < 3 * len(long) + 200 * len("Lamp: Tin ")


def test_cells_that_are_merged_over_and_over_do_not_fill_a_page_with_millions() -> None:
    rows = "<tr>" + "<td rowspan=0 colspan=50>x" * 60 + "<tr><td>y" * 2000  # 6 million places in 26 kB
    assert sum(map(len, texts(f"<table>{rows}</table>"))) < 2_000_000


def test_end_tags_may_be_left_out() -> None:
    page = (
        "<table><thead><tr><th>Lamp<th>Price<tbody><tr><td>Brass<td>80<tr><td>Glass<td>95</table>"
        "<ul><li>A badge<li>Photos<ul><li>Two</ul><li>A pen</ul><dl><dt>Oil<dd>Two litres.<dt>Wick<dd>One.</dl>"
    )
    assert read(page) == [
        ("row", "Lamp: Brass; Price: 80"),
        ("row", "Lamp: Glass; Price: 95"),
        ("item", "A badge"),
        ("paragraph", "Photos"),
        ("item", "Two"),
        ("item", "A pen"),
        ("lead", "Oil"),
        ("paragraph", "Two litres."),
        ("lead", "Wick"),
        ("paragraph", "One."),
    ]


def test_a_cell_without_end_does_not_hide_the_next_one_and_a_table_may_stand_in_a_cell() -> None:
    hidden = "<table><tr><th>Lamp<th>Price<tr><td hidden>Brass<td>80<tr><td>Glass<td>95</table>"
    assert texts(hidden) == ["Lamp: 80", "Lamp: Glass; Price: 95"]
    nested = "<table><tr><td>Sizes <table><tr><td>30<td>40</table><td>Brass</table>"
    assert parse_html(nested.encode())[1] == [Block("Sizes 3040 Brass")]


def test_a_cell_beyond_the_header_is_not_lost() -> None:
    page = "<table><tr><th>{}</th></tr><tr><td>Brass</td><td>80</td></tr><tr><td>Glass</td><td>95</td><td>old</td></tr>"
    assert texts(page.format("Lamp</th><th>Price")) == ["Lamp: Brass; Price: 80", "Lamp: Glass; Price: 95; old"]
    assert texts(page.format("Prices"))[0] == "Prices"


def test_preformatted_text_keeps_its_line_breaks_and_each_line_is_a_sentence() -> None:
    _, blocks = parse_html(b"<p>Set:</p><pre><code>\n[lamp]\n  colour = brass\n\n  hours = 9</code></pre><p>Done.</p>")
    document = Document("a.html", "Setting up", tuple(blocks))
    (chunk,) = split_document(document, 100, lambda texts: [len(text.split()) for text in texts])
    assert chunk.text == "Set:\n[lamp]\n  colour = brass\n\n  hours = 9\nDone."
    assert chunk.sentences == ("Set:", "[lamp]", "colour = brass", "hours = 9", "Done.")
    assert source_text(document)[chunk.start : chunk.end].split() == chunk.text.split()


def test_preformatted_prose_that_was_only_wrapped_stays_in_sentences() -> None:
    mail = (
        "Dear all,\n\nthe survey was repeated in spring, and all of the growers were\nsatisfied with it. "
        "Thanks.\n\nAnn\nBrunn\n"
    )
    assert texts(f"<pre>{mail}</pre>") == [
        "Dear all,\n\nthe survey was repeated in spring, and all of the growers were satisfied with it. Thanks."
        "\n\nAnn\nBrunn"
    ]
