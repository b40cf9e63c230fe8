"""What a reader of the file does not see is not in the index; what a reader sees stays."""

import io
import re
from pathlib import Path

import docx
import pytest
from docx.oxml.ns import qn
from docx.oxml.parser import OxmlElement
from docx.shared import Pt, RGBColor
from pptx import Presentation
from pptx.util import Inches
from pypdf import PdfWriter
from reportlab.lib.colors import white
from reportlab.pdfgen.canvas import Canvas

from rag.documents import document_files, parse_document
from rag.invisible import visible


def read(name: str, data: str | bytes) -> str:
    """Everything that a document says, title included."""
    document = parse_document(name, data.encode() if isinstance(data, str) else data)
    return "\n".join([document.title, *(block.text for block in document.blocks)])


HIDDEN = [
    '<p style="display:none">SECRET</p>',
    '<p style="DISPLAY : NONE !important">SECRET</p>',
    '<p style="display:/* */none">SECRET</p>',
    '<p style="visibility:hidden">SECRET</p>',
    "<div hidden><p>SECRET</p></div>",
    '<p style="opacity:0.01">SECRET</p>',
    '<p style="font-size:0">SECRET</p>',
    '<p style="font-size:1px">SECRET</p>',
    '<p style="font:0.1em serif">SECRET</p>',
    '<p style="font:0/0 a">SECRET</p>',
    '<p style="font:bold 0/1.5em serif">SECRET</p>',
    '<p style="filter:opacity(0)">SECRET</p>',
    "<style>.x {filter: blur(1px) opacity(0%)}</style><p class=x>SECRET</p>",
    "<dialog><p>SECRET</p></dialog>",
    "<div popover id=a><p>SECRET</p></div>",
    "<progress value=1>SECRET</progress><meter value=1>SECRET</meter>",
    '<p style="color:white">SECRET</p>',
    '<p style="color:#fefefe">SECRET</p>',
    '<p style="color: rgb(255, 255, 255)">SECRET</p>',
    '<p style="color:rgba(0,0,0,0)">SECRET</p>',
    '<p style="color:transparent">SECRET</p>',
    '<div style="background:#000"><p style="color:#000">SECRET</p></div>',
    '<font color="white">SECRET</font>',
    '<table bgcolor="black"><tr><td>SECRET</td></tr></table>',
    '<p style="position:absolute;left:-9999px">SECRET</p>',
    '<p style="text-indent:-9999px">SECRET</p>',
    '<p style="transform: translateX(-9999px)">SECRET</p>',
    '<p style="transform: scale(0)">SECRET</p>',
    '<p style="position:absolute;clip:rect(0,0,0,0)">SECRET</p>',
    '<p style="clip-path: inset(50%)">SECRET</p>',
    '<p style="height:0;overflow:hidden">SECRET</p>',
    "<style>.x {display:none}</style><p class=x>SECRET</p>",
    "<style>p{color:#123} div .y, .z { font-size : 0 }</style><div><b class=y>SECRET</b></div>",
    "<style>.x {display:block} p.x {display:none}</style><p class=x>SECRET</p>",
    "<style>#a {display:block} .x {display:none !important}</style><p id=a class=x style='display:flex'>SECRET</p>",
    "<!-- SECRET -->",
    "<![CDATA[SECRET]]>",
    '<img alt="SECRET" title="SECRET" src="x.png">',
    '<a href="x" title="SECRET" aria-label="SECRET" data-note="SECRET">here</a>',
    "<object>SECRET</object><canvas>SECRET</canvas><video>SECRET</video>",
    "".join(chr(0xE0000 + ord(c)) for c in "SECRET"),
]


@pytest.mark.parametrize("markup", HIDDEN)
def test_what_a_page_hides_is_not_read(markup: str) -> None:
    page = f"<html><head><title>Lamps</title></head><body><p>Before.</p>{markup}<p>After.</p></body></html>"
    text = read("a.html", page)
    assert "SECRET" not in text and "Before." in text and "After." in text


SEEN = [
    '<div style="visibility:hidden"><p style="visibility:visible">SEEN</p></div>',
    '<div style="font-size:0"><p style="font-size:16px">SEEN</p></div>',
    '<p style="background:#003; color:white">SEEN</p>',
    '<div style="background:url(a.png)"><p style="color:white">SEEN</p></div>',
    '<div style="background:steelblue"><p style="color:white">SEEN</p></div>',
    '<link rel="stylesheet" href="a.css"><p style="color:white">SEEN</p>',
    "<style>@media print {.x {display:none}}</style><p class=x>SEEN</p>",
    "<style>p.x {display:block} .x {display:none}</style><p class=x>SEEN</p>",
    "<style>.x {display:none}</style><p class=x style='display:block'>SEEN</p>",
    "<dialog open><p>SEEN</p></dialog>",
    '<p style="font:italic 700 12px/0 serif">SEEN</p>',
    '<p style="filter:opacity(60%)">SEEN</p>',
    "<details><summary>More</summary><p>SEEN</p></details>",
    '<p style="background:rgba(0,0,0,.05)">SEEN</p>',
    '<p style="color:white; background-image:linear-gradient(#000, #333)">SEEN</p>',
    "<style media=print>.x {display:none}</style><p class=x>SEEN</p>",
    "<noscript><style>.x {display:none}</style></noscript><p class=x>SEEN</p>",
    '<p style="color:transparent; -webkit-background-clip:text; background:linear-gradient(red, blue)">SEEN</p>',
    '<p style="overflow:hidden; height:1%">SEEN</p>',
    '<p style="opacity:0; animation: appear 1s forwards">SEEN</p>',
    '<img src="a.png"><p style="position:absolute; color:white">SEEN</p>',
    '<p style="font-size:80%; color:#777; opacity:.6; margin-left:-20px; overflow:hidden; width:300px">SEEN</p>',
]


@pytest.mark.parametrize("markup", SEEN)
def test_what_a_page_shows_is_read(markup: str) -> None:
    assert "SEEN" in read("a.html", f"<html><body><p>Before.</p>{markup}<p>After.</p></body></html>")


def test_a_hidden_heading_is_no_title() -> None:
    assert read("a.html", "<h1 hidden>SECRET</h1><h1>Lamps</h1><p>Brass.</p>").startswith("Lamps\n")


def test_markup_in_markdown_hides_nothing_from_the_reader_alone() -> None:
    text = read(
        "a.md", '# Lamps\n\nBrass. <span style="display:none">SECRET</span>\n\n[//]: # (SECRET)\n\n<!-- SECRET -->'
    )
    assert "SECRET" not in text and "Brass." in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ig\u200bno\u2060re\ufeff", "Ignore"),
        ("a\u202eb\u202c \u2066c\u2069", "ab c"),
        ("Lamp" + "".join(chr(0xE0000 + ord(c)) for c in "obey") + ".", "Lamp."),
        ("Lamp\ufe0f\U000e0101\U000e0102.", "Lamp."),
        ("red\x1b[31m\x07", "red[31m"),
        ("co\u00adop", "coop"),
        ("a\u200c\u200d\u200cb", "ab"),
        ("می‌خواهم", "می‌خواهم"),
        ("👩‍💻 Łódź – 3 €", "👩‍💻 Łódź – 3 €"),
    ],
)
def test_characters_that_no_reader_sees_are_taken_out(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert read("a.txt", f"The lamp.\n\nIt is {text} indeed.").endswith(f"It is {shown} indeed.")


def test_a_document_of_invisible_characters_has_no_text() -> None:
    with pytest.raises(Exception, match="no text in it"):
        parse_document("a.txt", "\u200b\u200c\u2060\u200b".encode())


def test_a_file_name_shows_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "lamps\u202efdp.\x1b[2Jmd").write_text("# Lamps")
    ((name, _),) = document_files(tmp_path)
    assert re.fullmatch(r"lampsfdp~[0-9a-f]{6}\.\[2Jmd", name)  # marked: another file may be called so in truth


def pdf(scan: bool = False) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(600, 800))

    def line(y: int, text: str, size: float = 10, mode: int = 0, x: int = 50) -> None:
        written = canvas.beginText(x, y)
        written.setFont("Helvetica", size)
        written.setTextRenderMode(mode)
        written.textLine(text)
        canvas.saveState()
        canvas.drawText(written)
        canvas.restoreState()

    line(700, "Seen plainly.")
    line(680, "WITHOUT INK", mode=3)
    line(660, "TOO SMALL", size=0.3)
    line(900, "ABOVE THE PAGE")
    line(640, "BESIDE THE PAGE", x=700)
    line(630, "LEFT OF THE PAGE", x=-900)
    canvas.saveState()
    canvas.setFillColorRGB(0.1, 0.1, 0.4)
    canvas.rect(40, 590, 300, 20, fill=1, stroke=0)
    canvas.setFillColor(white)
    line(595, "Seen on blue.")
    line(560, "WHITE ON PAPER")
    canvas.setFillColorCMYK(0, 0, 0, 0)
    line(540, "NO PRINTING INK")
    canvas.setFillAlpha(0)
    canvas.setFillColorRGB(0, 0, 0)
    line(520, "TRANSPARENT")
    canvas.restoreState()
    canvas.saveState()
    canvas.scale(0.01, 0.01)
    line(50_000, "SCALED TO NOTHING", x=5_000)
    canvas.restoreState()
    canvas.beginForm("form")
    line(480, "Seen in a form.")
    canvas.setFillColor(white)
    line(460, "WHITE IN A FORM")
    canvas.endForm()
    canvas.doForm("form")
    line(440, "Seen last.")
    if scan:
        from PIL import Image
        from reportlab.lib.utils import ImageReader

        canvas.drawImage(ImageReader(Image.new("L", (620, 877), 255)), 0, 0, 600, 800)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def test_what_a_pdf_does_not_show_is_not_read() -> None:
    text = read("a.pdf", pdf())
    for seen in ("Seen plainly.", "Seen on blue.", "Seen in a form.", "Seen last."):
        assert seen in text
    assert not any(word.isupper() and len(word) > 1 for word in text.split()), text


def test_text_behind_a_scan_is_read_for_it_is_what_the_scan_shows() -> None:
    assert "WITHOUT INK" in read("a.pdf", pdf(scan=True))


def pages(*kinds: str) -> bytes:
    """A PDF of pages that have "text", a "scan" of a page, that with a page number ("numbered") or a stamp of its own
    ("stamped"), a small "logo" or nothing."""
    from PIL import Image
    from reportlab.lib.utils import ImageReader

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(600, 800))
    for number, kind in enumerate(kinds, 1):
        if kind == "text":
            canvas.drawString(50, 700, f"The lamp on page {number} is made of brass.")
        elif kind:
            size = (62, 87) if kind == "logo" else (620, 877)
            canvas.drawImage(ImageReader(Image.new("L", size, 255)), 0, 0, *size)
        if kind == "numbered":
            canvas.drawString(280, 30, f"Page {number} of {len(kinds)}")
        if kind == "stamped":
            canvas.drawString(50, 30, f"Received on {number} May, by {'Ann' * number}.")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def test_a_scanned_page_with_a_stamp_is_named_and_the_stamp_is_read() -> None:
    stamped = parse_document("a.pdf", pages("text", "stamped", "scan", "stamped", "text"))
    assert stamped.note.startswith("page 3 is a picture and not read: run text recognition (OCR)")
    assert "; 2 pages are pictures (2, 4) but for a few words, which were read" in stamped.note
    assert "Received on 4 May, by AnnAnnAnnAnn." in [block.text for block in stamped.blocks]


def test_scanned_pages_among_others_are_named() -> None:
    mixed = parse_document("a.pdf", pages("text", "scan", "", "logo", "scan", "text"))
    assert mixed.note.startswith("2 pages are pictures (2, 5) and not read: run text recognition (OCR)")
    assert [block.page for block in mixed.blocks] == [1, 6]
    assert parse_document("a.pdf", pages("scan", "text")).note.startswith("page 1 is a picture and not read: run")
    assert (
        "12 pages are pictures (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …)"
        in parse_document("a.pdf", pages("text", *["scan"] * 12)).note
    )
    assert parse_document("a.pdf", pages("text", "", "logo")).note == ""
    assert parse_document("a.pdf", pages("text", *["numbered"] * 3)).note.startswith("3 pages are pictures (2, 3, 4)")


def test_a_cropped_page_shows_what_is_within_the_crop() -> None:
    writer = PdfWriter(clone_from=io.BytesIO(pdf()))
    writer.pages[0].cropbox.upper_right = (600, 690)
    out = io.BytesIO()
    writer.write(out)
    text = read("a.pdf", out.getvalue())
    assert "plainly" not in text and "Seen last." in text


def test_hidden_white_and_tiny_text_of_a_word_document_is_not_read() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Seen plainly. ")
    hidden, small, pale, shaded = (paragraph.add_run(text) for text in ("HIDDEN", "SMALL", "PALE", "Seen on blue."))
    hidden.font.hidden = True
    small.font.size = Pt(1)
    pale.font.color.rgb = shaded.font.color.rgb = RGBColor(255, 255, 255)
    shade = OxmlElement("w:shd")
    shade.set(qn("w:fill"), "000080")
    shaded._r.get_or_add_rPr().append(shade)
    cell = document.add_table(2, 2).cell(1, 1)
    cell.paragraphs[0].add_run("HIDDEN").font.hidden = True
    cell.paragraphs[0].add_run("Seen in a cell.")
    out = io.BytesIO()
    document.save(out)
    text = read("a.docx", out.getvalue())
    assert "Seen plainly. Seen on blue." in text and "Seen in a cell." in text
    assert not any(word in text for word in ("HIDDEN", "SMALL", "PALE"))


def test_shapes_that_are_hidden_or_beside_the_slide_are_not_read() -> None:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "Lamps"
    for left, words in ((1, "Seen plainly."), (-9, "LEFT"), (90, "RIGHT"), (1, "HIDDEN")):
        box = slide.shapes.add_textbox(Inches(left), Inches(1), Inches(2), Inches(1))
        box.text_frame.text = words
    box._element.nvSpPr.cNvPr.set("hidden", "1")
    out = io.BytesIO()
    presentation.save(out)
    text = read("a.pptx", out.getvalue())
    assert "Seen plainly." in text and not any(word in text for word in ("LEFT", "RIGHT", "HIDDEN"))
