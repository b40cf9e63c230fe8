"""What goes in, what is left out and why."""

import io
import os
import re
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pytest
from pypdf import PdfWriter

from rag.blocks import Document, Skipped
from rag.documents import attempt
from rag.parse_html import parse_html
from tests.rag.examples import WORKS, load_documents


def write_pdf(path: Path, password: str = "", algorithm: str = "RC4-128") -> None:
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    if password:
        writer.encrypt(password, algorithm=algorithm)
    writer.write(path)


def text_pdf(*pages: list[tuple[int, int, int, str]]) -> bytes:
    """A PDF written by hand: per page, lines of size, x, y and text."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    kids = []
    for lines in pages:
        shown = "\n".join(f"BT /F1 {size} Tf 1 0 0 1 {x} {y} Tm ({words}) Tj ET" for size, x, y, words in lines)
        objects.append(f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream")
        font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {len(objects)} 0 R "
            f"/Resources << /Font << /F1 {font} >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    out, places = io.BytesIO(b""), []
    out.write(b"%PDF-1.4\n")
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1"))
    start = out.tell()
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode())
    out.write(f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF".encode())
    return out.getvalue()


def write_docx_without_body(path: Path) -> None:
    docx.Document().save(str(path))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["word/document.xml"] = parts["word/document.xml"].replace(b"w:body>", b"w:other>")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def load(folder: Path) -> tuple[dict[str, Document], dict[str, str]]:
    loaded = load_documents(folder)
    return {item.name: item for item in loaded.documents}, {item.name: item.reason for item in loaded.skipped}


ADVICE = (
    *("add", "allow", "convert", "copy", "delete", "double", "export", "get", "give", "keep", "open", "pack", "put"),
    *("remove", "rename", "run", "save", "split", "unpack", "use"),
)


def has_a_way_out(reason: str) -> bool:
    """Whether the last clause, behind a colon or semicolon, tells a person to do something."""
    _, *clauses = re.split("[:;] ", reason)
    return bool(clauses) and clauses[-1].partition(" ")[0] in ADVICE


def everything(document: Document) -> str:
    return "\n".join(block.text for block in document.blocks)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty.txt": (lambda path: path.write_bytes(b""), "empty"),
    "blank.md": (lambda path: path.write_bytes(b" \n\t\n"), "empty"),
    "binary.txt": (lambda path: path.write_bytes(bytes(range(256)) * 20), "binary"),
    "controls.txt": (lambda path: path.write_bytes(b"\x01\x02\x03\x04\x05 text " * 50), "binary"),
    "encrypted.pdf": (lambda path: write_pdf(path, "secret"), "encrypted"),
    "modern.pdf": (lambda path: write_pdf(path, "secret", "AES-256"), "encrypted"),
    "scanned.pdf": (write_pdf, "no text in it"),
    "text.pdf": (lambda path: path.write_text("This is only text."), "misnamed"),
    "image.txt": (
        lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50)),
        "misnamed: ends in .txt but is a PNG",
    ),
    "page.md": (lambda path: path.write_text("<!DOCTYPE html><html><p>Hello.</p></html>"), "rename it to .html"),
    "old.docx": (
        lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)),
        "encrypted, or an old",
    ),
    "cut.docx": (lambda path: path.write_bytes(b"PK\x03\x04 and no more"), "damaged"),
    "cut.pdf": (lambda path: path.write_bytes(b"%PDF-1.7\n and no more"), "damaged"),
    "russian.txt": (lambda path: path.write_bytes("Лампа весит девять килограммов.".encode("cp1251")), "neither UTF-8"),
    "utf16.txt": (lambda path: path.write_bytes("no mark".encode("utf-16-le")), "without a byte-order mark"),
    "table.ods": (lambda path: path.write_bytes(b"PK\x03\x04"), "unsupported ending '.ods'"),
    "nothing.html": (lambda path: path.write_text("<html><nav>Home</nav></html>"), "no text in it"),
    "nested.html": (lambda path: path.write_text("<div>" * 5000 + "deep"), "damaged"),
    "charset.html": (lambda path: path.write_bytes(b'<meta charset="undefined"><p>caf\xe9 \x9d</p>'), "damaged"),
    "bodiless.docx": (write_docx_without_body, "damaged"),
    "away.md": (lambda path: path.symlink_to("/etc/hostname"), "a link out of the documents folder"),
    "folder": (lambda path: path.symlink_to("/etc"), "a link to a folder, which is not followed"),
    "lost.md": (lambda path: path.symlink_to(path.parent / "nowhere"), "a link to nothing"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_skipped_with_its_reason_and_the_rest_goes_in(name: str, tmp_path: Path) -> None:
    make, reason = BAD[name]
    make(tmp_path / name)
    (tmp_path / "good.md").write_text("# Good\n\nThis one is fine.")
    documents, skipped = load(tmp_path)
    assert list(documents) == ["good.md"]
    assert list(skipped) == [name]
    assert reason in skipped[name]
    assert has_a_way_out(skipped[name])


@pytest.mark.parametrize("reason", ["empty", "damaged: EOFError: no more", "no text in it: none", "open it", "empty: "])
def test_a_reason_alone_is_no_way_out(reason: str) -> None:
    assert not has_a_way_out(reason)


def test_what_the_disk_refuses_and_what_nobody_foresaw_have_a_way_out() -> None:
    def fail(error: Exception) -> Skipped:
        def work() -> None:
            raise error

        found = attempt("a.md", work)
        assert isinstance(found, Skipped)
        return found

    assert fail(PermissionError(13, "Permission denied")).reason.startswith("unreadable: Permission denied; allow it")
    assert fail(MemoryError()).reason == "damaged: MemoryError while reading it; open it and save it again"


def test_a_zip_named_docx_is_misnamed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.docx", "w") as archive:
        archive.writestr("note.txt", "hello")
    reason = load(tmp_path)[1]["archive.docx"]
    assert "misnamed" in reason and has_a_way_out(reason)


def test_a_file_over_the_limit_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_bytes(b"word " * 300_000)
    loaded = load_documents(tmp_path, 1)
    assert "limit is 1 MB" in loaded.skipped[0].reason and has_a_way_out(loaded.skipped[0].reason)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_each_encoding_gives_the_same_text(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Das Café öffnet um 7 Uhr – für 3 €.".encode(encoding))
    documents, _ = load(tmp_path)
    assert everything(documents["a.txt"]) == "Das Café öffnet um 7 Uhr – für 3 €."


def test_html_leaves_out_navigation_header_footer_and_scripts(tmp_path: Path) -> None:
    (tmp_path / "works.html").write_text(WORKS)
    document = load(tmp_path)[0]["works.html"]
    assert document.title == "Our works"
    text = everything(document)
    assert "stand in the town of Aldergate" in text
    assert not any(word in text for word in ("Home page", "header", "Imprint", "tracking"))


FRAMED = """<html><body><div id="top-nav"><a href="/">Home</a> | <a href="/prices">Prices</a></div>
<div role="navigation"><p>You are in: Lamps</p></div>
<ul class="breadcrumb"><li><a href="/">Start</a></li><li><a href="/lamps">Lamps</a></li></ul>
<div class="cookie-banner"><p>This page keeps cookies. Press Agree.</p></div>
<div class="content"><div class="page-header"><h2><a href="#power">Power</a></h2></div>
<p>The lamp draws 11 watts, as <a href="/tests">the tests say</a>.</p>
<div class="menu"><p>The canteen serves soup on Mondays. <a href="/canteen">All days</a></p></div>
<section id="cookie-policy"><h2>Cookies in the browser</h2><p>{long}</p></section>
<h3 class="footer"><a href="#end">The end</a></h3><p>It is guaranteed for 3 years.</p></div>
<div class="related widget"><h3>Read on</h3><a href="1">One lamp</a> <a href="2">Two</a> <a href="3">More</a></div>
<div class="footer"><p>Call 0123 when the lamp is broken.</p></div></body></html>"""


def test_a_page_that_names_its_parts_itself_loses_what_frames_it_and_no_sentence() -> None:
    policy = "We keep one cookie for a year. " * 30
    _, blocks = parse_html(FRAMED.replace("{long}", policy).encode())
    assert [block.text for block in blocks] == [
        "Power",
        "The lamp draws 11 watts, as the tests say.",
        "The canteen serves soup on Mondays. All days",
        "Cookies in the browser",
        policy.strip(),
        "The end",
        "It is guaranteed for 3 years.",
        "Call 0123 when the lamp is broken.",
    ]


KEPT = {
    '<h2><a class="toc-backref" href="#i">Installation</a></h2>': "Installation",
    '<p>See <a class="related" href="m">the manual of 2026</a> before use.</p>': "See the manual of 2026 before use.",
    '<dl><dt><a class="widget" href="w">Widget 300</a></dt></dl>': "Widget 300",
    '<table><tr><th>At</th><th>To</th></tr><tr><td class="related"><a href="b">B</a></td><td>C</td></tr></table>': (
        "At: B; To: C"
    ),
    '<p id="consent">Consent must be given in writing.</p>': "Consent must be given in writing.",
    '<section id="consent-form"><h2>Consent</h2></section>': "Consent",
    '<div class="cookie-bar">Oat cookie bar, 2 euros</div>': "Oat cookie bar, 2 euros",
    '<div class="cookie-notices-of-1900">A baker left them.</div>': "A baker left them.",
    '<div role="menu"><p>Leek soup, 4 euros</p></div>': "Leek soup, 4 euros",
    '<div role="dialog"><p>Ask the nurse first.</p></div>': "Ask the nurse first.",
}


@pytest.mark.parametrize(("part", "text"), KEPT.items())
def test_text_is_never_taken_for_a_frame_by_its_name(part: str, text: str) -> None:
    _, blocks = parse_html(f"<body>{part}<p>{'The rest of a page. ' * 9}</p></body>".encode())
    assert blocks[0].text == text


def test_a_long_name_takes_no_time() -> None:
    page = f'<div class="{"cookie" + "a" * 5000}"><p>Soup</p></div>' * 20
    began = time.monotonic()
    assert len(parse_html(page.encode())[1]) == 20
    assert time.monotonic() - began < 20  # for ever, where the pattern tries all ways to part the name


def test_a_page_is_not_taken_for_its_frame() -> None:
    for name in ("has-cookie-banner", "cookie-notice", "menu"):
        _, blocks = parse_html(
            f'<div class="{name}"><p><a href="s">Soup</a></p><p><a href="t">Tea</a></p></div>'.encode()
        )
        assert [block.text for block in blocks] == ["Soup", "Tea"]


def test_a_form_around_the_whole_page_is_the_page() -> None:
    fields = f'<input value="x"><select>{"<option>Oslo</option>" * 50}</select><textarea>Hm</textarea>'
    menu = f"<nav>{'<p>Go there</p>' * 20}</nav>"
    for body in ("<h1>Soup</h1><p>Leek.</p>", "<h2><button>How dear?</button></h2><p>Leek soup costs 4 euros.</p>"):
        page = f'<body>{menu}<form action="a.aspx">{fields}{body}</form><p>Bye.</p></body>'
        _, blocks = parse_html(page.encode())
        assert [block.text for block in blocks][-2:] == [body.split("<p>")[1].removesuffix("</p>"), "Bye."]
        assert blocks[0].text in ("Soup", "How dear?") and "Oslo" not in str(blocks) and "Hm" not in str(blocks)
    _, blocks = parse_html(f"<body><p>{'Soup. ' * 9}</p><form><p>Your name</p>{fields}</form></body>".encode())
    assert [block.text for block in blocks] == [("Soup. " * 9).strip()]


def test_html_in_its_declared_encoding_is_read(tmp_path: Path) -> None:
    page = '<html><head><meta charset="iso-8859-2"></head><body><p>Łódź leży w Polsce.</p></body></html>'
    (tmp_path / "a.html").write_bytes(page.encode("iso-8859-2"))
    assert everything(load(tmp_path)[0]["a.html"]) == "Łódź leży w Polsce."


def test_word_headings_and_tables_are_kept(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_heading("Prices", 1)
    document.add_heading("Lamps", 2)
    document.add_paragraph("All prices include tax.")
    table = document.add_table(2, 2)
    for place, text in enumerate(["Lamp", "Price", "Brass lamp", "80 euros"]):
        table.cell(place // 2, place % 2).text = text
    document.save(str(tmp_path / "prices.docx"))
    loaded = load(tmp_path)[0]["prices.docx"]
    assert loaded.title == "Prices"
    assert [(block.kind, block.text) for block in loaded.blocks] == [
        ("heading", "Prices"),
        ("heading", "Lamps"),
        ("paragraph", "All prices include tax."),
        ("row", "Lamp: Brass lamp; Price: 80 euros"),
    ]


def control(content: str, properties: str = "") -> str:
    return f"<w:sdt><w:sdtPr>{properties}</w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>"


def written(words: str, tag: str = "w:t") -> str:
    return f'<w:r><{tag} xml:space="preserve">{words}</{tag}></w:r>'


def test_a_word_document_is_read_as_it_is_once_its_changes_are_accepted_and_its_fields_filled_in(
    tmp_path: Path,
) -> None:
    fee = (
        written("The fee is ")
        + f"<w:del>{written('20', 'w:delText')}</w:del><w:moveFrom>{written('50')}</w:moveFrom>"
        + f"<w:ins>{control(written('30'))}</w:ins>{written(' euros.')}"
    )
    asks = control(written("Click to enter a text."), "<w:showingPlcHdr/>")
    contents = '<w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj>'
    row = "<w:tr>{}</w:tr>"
    cell = "<w:tc><w:p>{}</w:p></w:tc>"
    rows = row.format(cell.format(written("Lamp")) + cell.format(written("Price"))) + control(
        row.format(control(cell.format(written("Brass"))) + cell.format(f"<w:ins>{written('80')}</w:ins>{asks}"))
    )
    body = (
        control(f"<w:p>{written('Fees')}</w:p>", contents)
        + control(f"<w:p>{fee}</w:p><w:p>{asks}</w:p>")
        + f"<w:tbl><w:tblPr/><w:tblGrid/>{rows}</w:tbl>"
    )
    docx.Document().save(str(tmp_path / "fees.docx"))
    with zipfile.ZipFile(tmp_path / "fees.docx") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["word/document.xml"] = parts["word/document.xml"].replace(b"<w:body>", f"<w:body>{body}".encode())
    with zipfile.ZipFile(tmp_path / "fees.docx", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert everything(load(tmp_path)[0]["fees.docx"]) == "The fee is 30 euros.\nLamp: Brass; Price: 80"


def test_a_document_of_headings_is_read_and_one_that_only_has_a_title_is_not(tmp_path: Path) -> None:
    (tmp_path / "closed.md").write_text("# Notices\n\n## Closed on 24 December")
    (tmp_path / "title.md").write_text("# Notices")
    documents, skipped = load(tmp_path)
    assert list(documents) == ["closed.md"] and skipped["title.md"].startswith("no text in it")


def test_of_a_git_checkout_its_documents_are_read_and_nothing_of_git(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
        alone = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        alone["GIT_CONFIG_GLOBAL"] = os.devnull
        subprocess.run(["git", *who, *words], cwd=tmp_path, env=alone, check=True, capture_output=True)

    git("init", "origin")
    (tmp_path / "origin" / "guide.md").write_text("# Guide\n\nThe lamp is made of brass.")
    (tmp_path / "origin" / ".gitignore").write_text("build/")
    git("-C", "origin", "add", ".")
    git("-C", "origin", "commit", "-m", "A secret message")
    git("clone", "origin", "documents/checkout")
    documents, skipped = load(tmp_path / "documents")
    assert list(documents) == ["checkout/guide.md"] and skipped == {}


def test_pdf_headings_pages_tables_and_paragraphs_over_the_page_break(tmp_path: Path) -> None:
    first = [
        (20, 50, 700, "Service manual"),
        (10, 50, 670, "The fuse is rated at"),
        (10, 50, 658, "six amperes. Never bridge"),
    ]
    second = [
        (10, 50, 700, "a blown fuse."),
        (14, 50, 670, "Prices"),
        (10, 50, 650, "Part"),
        (10, 200, 650, "Price"),
        (10, 50, 638, "Fuse"),
        (10, 200, 638, "2 euros"),
    ]
    (tmp_path / "manual.pdf").write_bytes(text_pdf(first, second))
    loaded = load(tmp_path)[0]["manual.pdf"]
    assert loaded.title == "Service manual"
    assert [(block.kind, block.page, block.text) for block in loaded.blocks] == [
        ("heading", 1, "Service manual"),
        ("paragraph", 1, "The fuse is rated at six amperes. Never bridge a blown fuse."),
        ("heading", 2, "Prices"),
        ("row", 2, "Part: Fuse; Price: 2 euros"),
    ]


def test_pdf_lines_that_run_along_all_pages_are_left_out(tmp_path: Path) -> None:
    pages = [
        [(8, 50, 780, "Orlin Ltd"), (10, 50, 700, f"Only {word} here."), (8, 50, 20, f"Page {number} of 3")]
        for number, word in enumerate(["brass", "glass", "steel"], 1)
    ]
    (tmp_path / "a.pdf").write_bytes(text_pdf(*pages))
    assert everything(load(tmp_path)[0]["a.pdf"]) == "Only brass here.\nOnly glass here.\nOnly steel here."


def test_a_pdf_table_with_a_centred_header_keeps_it(tmp_path: Path) -> None:
    rows = [("Lamp", 80, "Price", 230), ("Brass", 50, "80 euros", 200), ("Glass", 50, "95 euros", 200)]
    lines = [(10, x, 700 - 12 * place, words) for place, row in enumerate(rows) for words, x in (row[:2], row[2:])]
    (tmp_path / "a.pdf").write_bytes(text_pdf(lines))
    assert everything(load(tmp_path)[0]["a.pdf"]) == "Lamp: Brass; Price: 80 euros\nLamp: Glass; Price: 95 euros"


def grid(*rows: tuple[str, ...], top: int = 700) -> list[tuple[int, int, int, str]]:
    """The lines of a table in a PDF."""
    return [
        (10, 50 + 150 * across, top - 12 * down, words)
        for down, row in enumerate(rows)
        for across, words in enumerate(row)
    ]


def test_a_pdf_table_that_goes_on_on_the_next_page_keeps_its_header(tmp_path: Path) -> None:
    first = [(10, 50, 730, "All prices include tax."), *grid(("Lamp", "Price"), ("Brass", "80 euros"))]
    second = grid(("Glass", "95 euros"), ("Steel", "70 euros"))
    third = [*grid(("Tin", "60 euros")), (10, 50, 600, "No more lamps are made.")]
    (tmp_path / "a.pdf").write_bytes(text_pdf(first, second, third))
    loaded = load(tmp_path)[0]["a.pdf"]
    assert [(block.page, block.text) for block in loaded.blocks] == [
        (1, "All prices include tax."),
        (1, "Lamp: Brass; Price: 80 euros"),
        (2, "Lamp: Glass; Price: 95 euros"),
        (2, "Lamp: Steel; Price: 70 euros"),
        (3, "Lamp: Tin; Price: 60 euros"),
        (3, "No more lamps are made."),
    ]


@pytest.mark.parametrize("header", [("Lamp", "Price"), ("Town", "Works")])
def test_a_pdf_table_at_the_top_of_a_page_with_a_header_has_its_own(header: tuple[str, str], tmp_path: Path) -> None:
    first = [(10, 50, 730, "All prices include tax."), *grid(("Lamp", "Price"), ("Brass", "80"), ("Glass", "95"))]
    (tmp_path / "a.pdf").write_bytes(text_pdf(first, grid(header, ("Fenmoor", "2"), ("Aldergate", "3"))))
    assert everything(load(tmp_path)[0]["a.pdf"]).split("\n")[1:] == [
        "Lamp: Brass; Price: 80",
        "Lamp: Glass; Price: 95",
        f"{header[0]}: Fenmoor; {header[1]}: 2",
        f"{header[0]}: Aldergate; {header[1]}: 3",
    ]


@pytest.mark.parametrize("mark", ["\\177", "\\267", "-", "o", "1.", "(b)"])
def test_a_pdf_list_is_items_and_no_table(mark: str, tmp_path: Path) -> None:
    said = ["Brass is polished", "weekly.", "Glass is washed monthly.", "Steel rusts.", "Ask the works."]
    at = [(90, 700), (90, 688), (90, 676), (90, 664), (50, 652)]
    marks = [(10, 75, y, mark) for y in (700, 676, 664)]
    lines = [*((10, *place, words) for place, words in zip(at, said, strict=True)), *marks]
    (tmp_path / "a.pdf").write_bytes(text_pdf(sorted(lines, key=lambda line: (-line[2], line[1]))))
    loaded = load(tmp_path)[0]["a.pdf"]
    assert [(block.kind, block.text) for block in loaded.blocks] == [
        ("item", "Brass is polished weekly."),
        ("item", "Glass is washed monthly."),
        ("item", "Steel rusts."),
        ("paragraph", "Ask the works."),
    ]


def test_a_minus_or_a_section_before_a_number_begins_no_item_of_a_pdf_list(tmp_path: Path) -> None:
    lines = [
        (10, x, y, words) for y, sign in ((700, "-"), (676, "\\247")) for x, words in ((50, sign), (56, f"{y} C."))
    ]
    (tmp_path / "a.pdf").write_bytes(text_pdf(lines))
    assert everything(load(tmp_path)[0]["a.pdf"]) == "- 700 C. \xa7 676 C."


def test_an_item_of_a_pdf_list_may_hold_its_bullet_and_go_on_on_the_next_page(tmp_path: Path) -> None:
    first = [(10, 50, 700, "Clean them:"), (10, 60, 680, "\\225 brass weekly,"), (10, 60, 668, "\\225 glass on the")]
    (tmp_path / "a.pdf").write_bytes(text_pdf(first, [(10, 68, 700, "first of a month.")]))
    assert [(block.kind, block.text) for block in load(tmp_path)[0]["a.pdf"].blocks] == [
        ("paragraph", "Clean them:"),
        ("item", "brass weekly,"),
        ("item", "glass on the first of a month."),
    ]


def test_a_pdf_table_whose_rows_are_numbered_stays_one(tmp_path: Path) -> None:
    rows = grid(("No.", "Lamp", "Price"), ("1.", "Brass", "80 euros"), ("2.", "Glass", "95 euros"))
    (tmp_path / "a.pdf").write_bytes(text_pdf(rows))
    assert everything(load(tmp_path)[0]["a.pdf"]) == (
        "No.: 1.; Lamp: Brass; Price: 80 euros\nNo.: 2.; Lamp: Glass; Price: 95 euros"
    )


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_a_pdf_that_only_forbids_printing_is_read(algorithm: str, tmp_path: Path) -> None:
    writer = PdfWriter(clone_from=io.BytesIO(text_pdf([(10, 50, 700, "Readable all the same.")])))
    writer.encrypt("", "owner", algorithm=algorithm)
    writer.write(tmp_path / "open.pdf")
    assert everything(load(tmp_path)[0]["open.pdf"]) == "Readable all the same."


def test_names_keep_their_folders_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "leave.md").write_text("Leave is good.")
    (tmp_path / ".DS_Store").write_bytes(b"\x00\x01")
    documents, skipped = load(tmp_path)
    assert list(documents) == ["people/leave.md"]
    assert skipped == {}
