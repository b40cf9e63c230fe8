"""Presentations, tables, books and archives: what is read, where it is said to stand, and what is left out."""

import io
import struct
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import docx
import pytest
from openpyxl import Workbook
from pptx import Presentation
from pptx.util import Inches

from rag import archives, parse_docx, parse_table
from rag.blocks import Document, Unreadable
from rag.index import fingerprint
from rag.sections import Chunk, split_document
from rag.settings import Settings
from tests.rag.examples import load_documents
from tests.rag.test_documents import everything, has_a_way_out, load

Parts = dict[str, str | bytes]


def zipped(parts: Parts) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return held.getvalue()


def saved(document: Any) -> bytes:
    held = io.BytesIO()
    document.save(held)
    return held.getvalue()


def deck() -> Any:
    """Two slides: a title slide, and one with a list, a table, a group and notes."""
    presentation = Presentation()
    first = presentation.slides.add_slide(presentation.slide_layouts[0])
    first.shapes.title.text = "Harbour lamps"
    first.placeholders[1].text = "For the sales meeting"
    second = presentation.slides.add_slide(presentation.slide_layouts[1])
    second.shapes.title.text = "Glass\vlamp"
    second.placeholders[1].text = "It weighs nine kilograms\nIt is made in Fenmoor"
    table = second.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for place, text in enumerate(["Lamp", "Price", "Glass", "95 euros"]):
        table.cell(place // 2, place % 2).text = text
    group = second.shapes.add_group_shape()
    group.shapes.add_textbox(Inches(1), Inches(5), Inches(4), Inches(1)).text_frame.text = "Grouped words."
    second.notes_slide.notes_text_frame.text = "Mention the Calendar Crew."
    return presentation


def prices(*rows: list[Any], title: str = "Prices") -> Workbook:
    book = Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    return book


def book(**changes: str | bytes | None) -> Parts:
    """An EPUB of two chapters, the second in two files; `changes` replace parts, None takes one away."""
    parts: dict[str, str | bytes | None] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<metadata><dc:title>The lamp keeper</dc:title></metadata><manifest>"
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        '<item id="c" href="text/z%20last.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="b" href="text/b.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="a" href="text/x.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="nav"/><itemref idref="a"/><itemref idref="c"/><itemref idref="b"/></spine></package>',
        "OEBPS/nav.xhtml": '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><body>'
        '<nav epub:type="toc"><ol><li><a href="text/x.xhtml">Dawn</a></li>'
        '<li><a href="text/z%20last.xhtml#top">Dusk</a></li></ol></nav></body></html>',
        "OEBPS/text/x.xhtml": '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>'
        "<section><header><h1>Dawn</h1></header><p>The lamp goes out.</p><h2>Oil</h2><p>Two litres remain.</p>"
        "<aside><p>A note on oil.</p></aside></section></body></html>",
        "OEBPS/text/z last.xhtml": "<html><body><p>The lamp is lit.</p></body></html>",
        "OEBPS/text/b.xhtml": "<html><body><h3>Wick</h3><p>The wick is trimmed.</p></body></html>",
        **changes,
    }
    return {name: content for name, content in parts.items() if content is not None}


def one(folder: Path, name: str, data: bytes) -> Document:
    (folder / name).write_bytes(data)
    documents, skipped = load(folder)
    assert not skipped
    return documents[name]


def chunks(document: Document) -> list[Chunk]:
    return split_document(document, 180, lambda texts: [len(text.split()) for text in texts])


def located(document: Document) -> list[tuple[str, str]]:
    """What a person is shown: location and text."""
    return [(chunk.location, chunk.text) for chunk in chunks(document)]


def test_a_presentation_is_read_slide_by_slide_with_tables_groups_and_notes(tmp_path: Path) -> None:
    document = one(tmp_path, "deck.pptx", saved(deck()))
    assert document.title == "Harbour lamps"
    assert located(document) == [
        ("slide 1", "For the sales meeting"),
        (
            "slide 2: Glass lamp",
            "It weighs nine kilograms\nIt is made in Fenmoor\nLamp: Glass; Price: 95 euros\nGrouped words.",
        ),
        ("slide 2: Glass lamp > speaker notes", "Mention the Calendar Crew."),
    ]


def test_an_empty_slide_and_the_chapters_of_a_book_of_pictures_are_no_text(tmp_path: Path) -> None:
    presentation = deck()
    presentation.slides.add_slide(presentation.slide_layouts[6])
    assert "slide 3" not in everything(one(tmp_path, "deck.pptx", saved(presentation)))
    picture = '<html><body><img src="a.png"/></body></html>'
    pages: dict[str, Any] = {f"OEBPS/text/{name}.xhtml": picture for name in ("x", "b", "z last")}
    (tmp_path / "book.epub").write_bytes(zipped(book(**pages)))
    assert load(tmp_path)[1]["book.epub"].startswith("no text in it")


def test_a_merged_cell_of_a_slide_counts_for_every_row_it_covers(tmp_path: Path) -> None:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    table = slide.shapes.add_table(3, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for place, text in enumerate(["Works", "Lamp", "Fenmoor", "Glass", "", "Brass"]):
        table.cell(place // 2, place % 2).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    document = one(tmp_path, "works.pptx", saved(presentation))
    assert everything(document).split("\n")[1:] == ["Works: Fenmoor; Lamp: Glass", "Works: Fenmoor; Lamp: Brass"]


def test_every_row_of_a_sheet_names_its_columns_and_where_it_stands(tmp_path: Path) -> None:
    workbook = prices(
        ["Price list of the harbour works"],
        [],
        [None, "Product", "Weight", None, "Remark"],
        [None, "Ossa 4", "3 kg"],
        [],
        [None, "Ossa 5", "12 kg", None, "sold\nout"],
    )
    hidden = workbook.create_sheet("Hidden")
    hidden.append(["nobody sees this"])
    hidden.sheet_state = "hidden"
    workbook.create_sheet("Empty")
    assert located(one(tmp_path, "price-list.xlsx", saved(workbook))) == [
        ("sheet Prices, row 1", "Price list of the harbour works"),
        ("sheet Prices, row 4", "Product: Ossa 4; Weight: 3 kg"),
        ("sheet Prices, row 6", "Product: Ossa 5; Weight: 12 kg; Remark: sold out"),
    ]


def test_values_are_written_as_the_sheet_shows_them(tmp_path: Path) -> None:
    workbook = prices(["What", "Value"])
    formats = {
        "date": (datetime(2026, 3, 4), "yyyy-mm-dd"),
        "time": (datetime(2026, 3, 4, 7, 30), "yyyy-mm-dd hh:mm"),
        "whole": (3.0, "General"),
        "sum": (0.1 + 0.2, "General"),
        "share": (0.15, "0.0%"),
        "euros": (80, '#,##0.00 "€"'),
        "local": (95, "#,##0.00 [$€-407];[Red]-#,##0.00"),
        "dollars": (7.5, "$#,##0.00"),
        "weight": (9, '0.0" kg"'),
        "true": (True, "General"),
    }
    for row, (name, (value, number_format)) in enumerate(formats.items(), 2):
        workbook.active.cell(row, 1, name)
        workbook.active.cell(row, 2, value).number_format = number_format
    workbook.active.append(["broken", "#N/A"])
    texts = [text.removeprefix("What: ") for _, text in located(one(tmp_path, "values.xlsx", saved(workbook)))]
    assert texts == [
        "date; Value: 2026-03-04",
        "time; Value: 2026-03-04 07:30",
        "whole; Value: 3",
        "sum; Value: 0.3",
        "share; Value: 15%",
        "euros; Value: 80 €",
        "local; Value: 95 €",
        "dollars; Value: $7.5",
        "weight; Value: 9 kg",
        "true; Value: TRUE",
        "broken",
    ]


def test_merged_cells_count_for_all_they_cover_and_a_header_of_two_rows_is_joined(tmp_path: Path) -> None:
    workbook = prices(
        ["All prices without tax"],
        ["Lamp", "Price", None],
        [None, "new", "used"],
        ["Brass", 80, 40],
        [None, 75, 35],
    )
    for place in ("A1:C1", "A2:A3", "B2:C2", "A4:A5"):
        workbook.active.merge_cells(place)
    assert [text for _, text in located(one(tmp_path, "merged.xlsx", saved(workbook)))] == [
        "All prices without tax",
        "Lamp: Brass; Price new: 80; Price used: 40",
        "Lamp: Brass; Price new: 75; Price used: 35",
    ]


def test_a_second_table_below_the_first_has_its_own_header(tmp_path: Path) -> None:
    rows = "Lamp,Price\nBrass,80\n\nTown,Works\nAldergate,2\nFenmoor,1\n"
    assert located(one(tmp_path, "two.csv", rows.encode())) == [
        ("row 2", "Lamp: Brass; Price: 80"),
        ("row 5", "Town: Aldergate; Works: 2"),
        ("row 6", "Town: Fenmoor; Works: 1"),
    ]


@pytest.mark.parametrize(
    ("rows", "texts"),
    [
        ("Lamp,2025,2026\nBrass,80,85\n", ["Lamp: Brass; 2025: 80; 2026: 85"]),
        ("Ossa 4,3 kg\nOssa 5,12 kg\n", ["Ossa 4; 3 kg", "Ossa 5; 12 kg"]),
        ("Lamp,3 months\nBrass,12\n", ["Lamp: Brass; 3 months: 12"]),
        ("Brass lamp\nGlass lamp\n", ["Brass lamp", "Glass lamp"]),
        ("Lamp,Colour\nBrass,yellow\n", ["Lamp: Brass; Colour: yellow"]),
        ("Lamp,Price\n", ["Lamp; Price"]),
        (",Lamp,Price\n0,Brass,80\n", ["0; Lamp: Brass; Price: 80"]),
        ("Question,Answer\nHow heavy?,Nine kilograms\n", ["How heavy?; Answer: Nine kilograms"]),
    ],
)
def test_the_header_is_found_or_there_is_none(rows: str, texts: list[str], tmp_path: Path) -> None:
    assert [text for _, text in located(one(tmp_path, "a.csv", rows.encode()))] == texts


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
def test_delimiter_and_encoding_of_a_csv_are_found(delimiter: str, encoding: str, tmp_path: Path) -> None:
    rows = [["Gerät", "Größe", "Ort"], ["Ossa 4", '"3,5 m; hoch | breit"', "Köln"], ["Ossa 5", '"4,5 m"', "Fürth"]]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    assert located(one(tmp_path, "a.csv", text.encode(encoding))) == [
        ("row 2", "Gerät: Ossa 4; Größe: 3,5 m; hoch | breit; Ort: Köln"),
        ("row 3", "Gerät: Ossa 5; Größe: 4,5 m; Ort: Fürth"),
    ]


def test_decimal_commas_do_not_split_a_csv_with_semicolons(tmp_path: Path) -> None:
    text = "Lamp;Weight\nBrass;4,5\nGlass;9,2\n"
    assert everything(one(tmp_path, "a.csv", text.encode())).endswith("Lamp: Glass; Weight: 9,2")
    text = "sep=;\nLamp;Weight, about\nBrass;4,5\n"
    assert everything(one(tmp_path, "a.csv", text.encode())).endswith("Lamp: Brass; Weight, about: 4,5")


def test_a_quote_that_is_never_closed_does_not_swallow_the_rows_after_it(tmp_path: Path) -> None:
    text = 'Lamp,Size\nBrass,"3 inches\nGlass,"4 inches,\nor five"\nSteel,"five"ish\n'
    assert located(one(tmp_path, "a.csv", text.encode())) == [
        ("row 2", "Lamp: Brass; Size: 3 inches"),
        ("row 3", "Lamp: Glass; Size: 4 inches, or five"),
        ("row 4", "Lamp: Steel; Size: fiveish"),
    ]


def test_a_long_row_is_cut_between_columns_and_every_part_says_what_it_is_about(tmp_path: Path) -> None:
    header = ["Lamp", *(f"Property {number}" for number in range(40))]
    row = ["Brass", *(f"a value of {number} words" for number in range(40))]
    found = located(one(tmp_path, "a.csv", "\n".join(map(",".join, (header, row))).encode()))
    parts = [part for _, text in found for part in text.split("\n")]
    assert len(parts) > 2
    assert {location for location, _ in found} == {"row 2"}
    assert all(part.startswith("Lamp: Brass; Property ") for part in parts)


def test_a_book_is_read_in_the_order_of_its_spine_below_its_chapters(tmp_path: Path) -> None:
    document = one(tmp_path, "book.epub", zipped(book()))
    assert document.title == "The lamp keeper"
    assert located(document) == [
        ("Dawn", "The lamp goes out."),
        ("Dawn > Oil", "Two litres remain.\nA note on oil."),
        ("Dusk", "The lamp is lit."),
        ("Dusk > Wick", "The wick is trimmed."),
    ]


def test_a_book_with_an_old_table_of_contents_or_none_has_its_chapters_too(tmp_path: Path) -> None:
    old = (
        '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel><text>Night</text></navLabel>'
        '<content src="text/z%20last.xhtml"/></navPoint></navMap></ncx>'
    )
    package = str(book()["OEBPS/book.opf"]).replace(
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>',
        '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>',
    )
    changes: dict[str, Any] = {"OEBPS/book.opf": package, "OEBPS/nav.xhtml": None}
    assert ("Night", "The lamp is lit.") in located(
        one(tmp_path, "a.epub", zipped(book(**changes, **{"OEBPS/toc.ncx": old})))
    )
    assert located(one(tmp_path, "a.epub", zipped(book(**changes))))[0] == ("Dawn", "The lamp goes out.")


def test_the_members_of_an_archive_are_documents_of_their_own(tmp_path: Path) -> None:
    parts: Parts = {
        "inner/name.md": "# Lamps\n\nThey shine.",
        "prices.csv": "Lamp,Price\nBrass,80\n",
        "deck.pptx": saved(deck()),
        "book.epub": zipped(book()),
        "photo.jpg": b"\xff\xd8\xff",
        "empty.txt": "",
        "more.zip": zipped({"a.txt": "deeper"}),
        "wrong.docx": saved(deck()),
        ".hidden.md": "hidden",
        "__MACOSX/._name.md": "hidden",
    }
    (tmp_path / "archive.zip").write_bytes(zipped(parts))
    (tmp_path / "good.md").write_text("This one is fine.")
    documents, skipped = load(tmp_path)
    assert list(documents) == [
        "archive.zip/book.epub",
        "archive.zip/deck.pptx",
        "archive.zip/inner/name.md",
        "archive.zip/prices.csv",
        "good.md",
    ]
    assert documents["archive.zip/inner/name.md"].title == "Lamps"
    assert documents["archive.zip/prices.csv"].title == "prices"
    assert [(name.removeprefix("archive.zip/"), reason[:25]) for name, reason in skipped.items()] == [
        ("empty.txt", "empty: copy it here again"),
        ("more.zip", "an archive within an arch"),
        ("photo.jpg", "unsupported ending '.jpg'"),
        ("wrong.docx", "misnamed: ends in .docx b"),
    ]


def test_a_text_in_an_archive_may_begin_like_a_zip_file(tmp_path: Path) -> None:
    assert one(tmp_path, "note.txt", b"PK is short for Peter Kell.").title
    (tmp_path / "a.zip").write_bytes(zipped({"note.txt": "PK is short for Peter Kell."}))
    assert "a.zip/note.txt" in load(tmp_path)[0]


def test_names_that_lead_out_of_an_archive_are_harmless(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    names = ["../../etc/up.md", "/root.md", "C:\\disk.md", "a/./b\n.md", "Übersicht.md"]
    (folder / "a.zip").write_bytes(zipped({name: f"Text of {number}." for number, name in enumerate(names)}))
    documents, skipped = load(folder)
    assert sorted(documents) == [
        "a.zip/a/b .md",
        "a.zip/disk.md",
        "a.zip/etc/up.md",
        "a.zip/root.md",
        "a.zip/Übersicht.md",
    ]
    assert skipped == {}
    assert [path.name for path in tmp_path.rglob("*")] == ["documents", "a.zip"]


def test_two_members_that_come_to_one_name_are_not_mixed_up(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"../a.md": "First.", "a.md": "Second."}))
    documents, skipped = load(tmp_path)
    assert list(documents) == list(skipped) == ["a.zip/a.md"]
    assert "a second file of this name" in skipped["a.zip/a.md"]


def test_encrypted_and_damaged_members_and_links_are_skipped_and_the_rest_goes_in(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.md")
    link.external_attr = 0o120777 << 16
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in ("damaged.md", "good.md", "secret.md", "strange.md"):
            archive.writestr(name, f"The text of {name}")
        archive.writestr(link, "/etc/hostname")
    data = bytearray(held.getvalue())
    data[data.index(b"The text of damaged")] = ord("X")
    entry = data.index(b"secret.md", data.index(archives.ENTRY)) - 46
    data[entry + 8] |= 1
    entry = data.index(b"strange.md", data.index(archives.ENTRY)) - 46
    data[entry + 10 : entry + 12] = struct.pack("<H", 97)
    (tmp_path / "a.zip").write_bytes(data)
    documents, skipped = load(tmp_path)
    assert list(documents) == ["a.zip/good.md"]
    assert [(name.removeprefix("a.zip/"), reason.split(":")[0].split(" (")[0]) for name, reason in skipped.items()] == [
        ("damaged.md", "damaged"),
        ("link.md", "a link"),
        ("secret.md", "encrypted"),
        ("strange.md", "packed in an unknown way"),
    ]


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bomb.zip").write_bytes(zipped({"a.txt": b"0" * 600_000, "b.txt": b"0" * 600_000}))
    monkeypatch.setattr(archives, "MAX_UNPACKED", 1_000_000)
    documents, skipped = load(tmp_path)
    assert not documents
    assert "unpacks to 1,200,000 bytes; the limit is 1,000,000" in skipped["bomb.zip"]


def test_office_files_in_an_archive_count_as_what_they_unpack_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = docx.Document()
    document.add_paragraph("word " * 100_000)
    with zipfile.ZipFile(io.BytesIO(saved(document))) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    monkeypatch.setattr(archives, "MAX_UNPACKED", int(2.5 * size))
    (tmp_path / "a.zip").write_bytes(zipped({f"{number}.docx": saved(document) for number in range(3)}))
    documents, skipped = load(tmp_path)
    assert list(documents) == ["a.zip/0.docx", "a.zip/1.docx"]
    assert "the archive's files unpack to more than" in skipped["a.zip/2.docx"]


@pytest.mark.parametrize(("allowed", "reason"), [(3, "5 files in it; the limit is 3"), (2, "more than 2 files")])
def test_an_archive_of_too_many_files_is_refused(
    allowed: int, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", allowed)
    (tmp_path / "many.zip").write_bytes(zipped({f"{number}.md": "text" for number in range(5)}))
    assert reason in load(tmp_path)[1]["many.zip"]


def test_a_member_over_the_limit_for_files_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"large.txt": b"word " * 300_000, "small.txt": "Fine."}))
    loaded = load_documents(tmp_path, 1)
    assert [document.name for document in loaded.documents] == ["a.zip/small.txt"]
    assert "limit is 1 MB" in loaded.skipped[0].reason and has_a_way_out(loaded.skipped[0].reason)


def test_a_sheet_of_too_many_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse_table, "MAX_ROWS", 3)
    (tmp_path / "a.csv").write_text("Lamp,Price\n" + "Brass,80\n" * 3)
    (tmp_path / "a.xlsx").write_bytes(saved(prices(*[["Brass", 80]] * 4)))
    assert all("over 3 rows" in reason for reason in load(tmp_path)[1].values())
    assert len(load(tmp_path)[1]) == 2


def test_a_cell_far_away_does_not_make_the_sheet_huge(tmp_path: Path) -> None:
    workbook = prices(["Lamp", "Price"], ["Brass", 80])
    workbook.active.cell(1_048_576, 3).number_format = "0%"
    assert located(one(tmp_path, "a.xlsx", saved(workbook))) == [("sheet Prices, row 2", "Lamp: Brass; Price: 80")]


def test_a_row_number_beyond_any_sheet_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(saved(prices(["Lamp", "Price"], ["Brass", 80])))) as archive:
        parts: Parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = bytes(parts["xl/worksheets/sheet1.xml"])
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(b'<row r="2"', b'<row r="99999999999"')
    (tmp_path / "a.xlsx").write_bytes(zipped(parts))
    assert "a sheet of over" in load(tmp_path)[1]["a.xlsx"]


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def without(data: bytes, part: str) -> bytes:
    """An Office file with the part emptied."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return zipped({name: b"" if name == part else archive.read(name) for name in archive.namelist()})


PROTECTED = (
    '<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:CipherReference URI="OEBPS/text/x.xhtml"/>'
    "</encryption>"
)
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "locked.pptx": (lambda: OLD_OFFICE, "encrypted, or an old .ppt file named .pptx: remove the password"),
    "locked.xlsx": (lambda: OLD_OFFICE, "encrypted, or an old .xls file named .xlsx: remove the password"),
    "cut.pptx": (lambda: cut(saved(deck())), "damaged: cut off"),
    "cut.xlsx": (lambda: cut(saved(prices(["a"]))), "damaged: cut off"),
    "cut.epub": (lambda: cut(zipped(book())), "damaged: cut off"),
    "cut.zip": (lambda: cut(zipped({"a.md": "text " * 99})), "damaged: cut off"),
    "broken.pptx": (lambda: without(saved(deck()), "ppt/presentation.xml"), "damaged"),
    "broken.xlsx": (lambda: without(saved(prices(["a"])), "xl/workbook.xml"), "damaged"),
    "sheetless.xlsx": (lambda: without(saved(prices(["a"])), "xl/worksheets/sheet1.xml"), "damaged"),
    "packageless.epub": (lambda: zipped(book(**{"OEBPS/book.opf": None})), "its package 'OEBPS/book.opf' is not in it"),
    "broken.epub": (lambda: zipped(book(**{"META-INF/container.xml": ""})), "damaged"),
    "pageless.epub": (lambda: zipped(book(**{"OEBPS/book.opf": "<package/>"})), "lists no pages"),
    "shop.epub": (lambda: zipped(book(**{"META-INF/encryption.xml": PROTECTED})), "copy protection"),
    "blank.pptx": (lambda: saved(Presentation()), "no text in it"),
    "blank.xlsx": (lambda: saved(Workbook()), "no text in it"),
    "blank.zip": (lambda: zipped({}), "no documents in it"),
    "hidden.zip": (lambda: zipped({".a.md": "hidden"}), "no documents in it"),
    "blank.csv": (lambda: b",,\n,,\n", "no text in it"),
    "zero.epub": (lambda: b"", "empty"),
    "deck.docx": (lambda: saved(deck()), "is a PowerPoint presentation; rename it to .pptx"),
    "sheet.pptx": (lambda: saved(prices(["a"])), "is an Excel workbook; rename it to .xlsx"),
    "word.zip": (lambda: saved(docx.Document()), "is a Word document; rename it to .docx"),
    "book.zip": (lambda: zipped(book()), "is an EPUB book; rename it to .epub"),
    "sheet.csv": (lambda: saved(prices(["a"])), "is an Excel workbook; rename it to .xlsx"),
    "archive.epub": (lambda: zipped({"word/a.md": "text"}), "is a zip archive; rename it to .zip"),
    "text.zip": (lambda: b"only text", "ends in .zip but is something else"),
    "open.xlsx": (
        lambda: zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}),
        "an OpenDocument file; give it its own ending",
    ),
    "page.csv": (lambda: b"<!DOCTYPE html><html>", "rename it to .html"),
    "binary.csv": (lambda: bytes(range(256)) * 20, "binary"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_skipped_with_its_reason_and_the_rest_goes_in(name: str, tmp_path: Path) -> None:
    make, reason = BAD[name]
    (tmp_path / name).write_bytes(make())
    (tmp_path / "good.md").write_text("# Good\n\nThis one is fine.")
    documents, skipped = load(tmp_path)
    assert list(documents) == ["good.md"]
    assert list(skipped) == [name]
    assert reason in skipped[name]
    assert has_a_way_out(skipped[name])


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: cut(saved(docx.Document())), "damaged: the file ends too early"),
        (lambda: without(saved(docx.Document()), "word/document.xml"), "damaged: "),
        (lambda: zipped({"word/document.xml": "0" * 2_000_000}), "unpacks to 2,000,000 bytes; the limit is 1,000,000"),
        (lambda: saved(deck()), "misnamed: "),
    ],
    ids=["cut", "without its text", "of too much", "of another kind"],
)
def test_the_word_parser_alone_refuses_with_a_way_out(
    made: Callable[[], bytes], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parse_docx, "MAX_UNPACKED", 1_000_000)
    with pytest.raises(Unreadable, match=reason) as failure:
        parse_docx.parse_docx(made())
    assert has_a_way_out(str(failure.value))


class NamedEmbedder:
    """Has an identity and embeds nothing."""

    identity = "named"


def test_the_fingerprint_changes_with_a_member_of_an_archive(tmp_path: Path) -> None:
    def now(text: str) -> str:
        entry = zipfile.ZipInfo("a.md", (2026, 1, 1, 0, 0, 0))
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr(entry, text)
        return fingerprint(tmp_path, NamedEmbedder(), Settings())  # type: ignore[arg-type]

    assert now("It weighs 4 kilograms.") == now("It weighs 4 kilograms.") != now("It weighs 5 kilograms.")


def test_long_and_padded_numbers_keep_their_digits(tmp_path: Path) -> None:
    book = Workbook()
    sheet: Any = book.active
    sheet.append(["Product", "EAN", "Account", "Turnover"])
    sheet.append(["Ossa 4", 4006381333931, 1067, 1234567])
    sheet["B2"].number_format, sheet["C2"].number_format, sheet["D2"].number_format = "0", "00000", '0.0,,"M"'
    book.save(tmp_path / "a.xlsx")
    text = everything(load(tmp_path)[0]["a.xlsx"])
    assert "4006381333931" in text and "01067" in text and "1234567" in text and "1234567M" not in text
