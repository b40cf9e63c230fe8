"""Builds the demo's PDF and DOCX documents from their Markdown sources: `python demo/make_documents.py`.

The results are committed; this is run again only when a source in `demo/sources/` is edited. Understands
what those sources use: headings, paragraphs, `-` lists and tables. Not a general converter.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from docx import Document
from docx.shared import Pt
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import cm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

DEMO = Path(__file__).parent
Block = tuple[str, str | list[list[str]]]


def blocks(markdown: str) -> Iterator[Block]:
    """("h1" | "h2" | "h3" | "text" | "item", text) and ("table", rows), in order."""
    for chunk in re.split(r"\n\s*\n", markdown.strip()):
        lines = [line.strip() for line in chunk.splitlines() if line.strip()]
        paragraph: list[str] = []
        rows: list[list[str]] = []
        for line in lines:
            heading = re.match(r"(#{1,3}) (.*)", line)
            if heading:
                yield f"h{len(heading[1])}", heading[2]
            elif line.startswith("|"):
                cells = [cell.strip() for cell in line.strip("|").split("|")]
                if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                    rows.append(cells)
            elif line.startswith("- "):
                yield "item", line[2:]
            else:
                paragraph.append(line)
        if rows:
            yield "table", rows
        if paragraph:
            yield "text", " ".join(paragraph)


def plain(text: str) -> str:
    return text.replace("**", "").replace("`", "")


def write_docx(parts: list[Block], target: Path) -> None:
    document = Document()
    document.styles["Normal"].font.size = Pt(11)
    for kind, content in parts:
        if isinstance(content, list):
            table = document.add_table(rows=0, cols=len(content[0]), style="Light Grid Accent 1")
            for row in content:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = plain(text)
        elif kind.startswith("h"):
            document.add_heading(plain(content), level=int(kind[1]))
        else:
            document.add_paragraph(plain(content), style="List Bullet" if kind == "item" else None)
    document.save(str(target))


def write_pdf(parts: list[Block], target: Path) -> None:
    styles = getSampleStyleSheet()
    names = {"h1": "Heading1", "h2": "Heading2", "h3": "Heading3", "text": "BodyText", "item": "BodyText"}
    flow: list[Flowable] = []
    for kind, content in parts:
        if isinstance(content, list):
            table = Table([[Paragraph(plain(cell), styles["BodyText"]) for cell in row] for row in content])
            table.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.grey)]))
            flow += [table, Spacer(1, 0.3 * cm)]
        else:
            flow.append(Paragraph(plain(content), styles[names[kind]], bulletText="•" if kind == "item" else None))
    # invariant: the same source gives the same bytes, so that a rebuild shows no change.
    title = next((content for kind, content in parts if kind == "h1" and isinstance(content, str)), target.stem)
    margins = {"leftMargin": 2.2 * cm, "rightMargin": 2.2 * cm}
    SimpleDocTemplate(str(target), pagesize=A4, title=title, invariant=1, **margins).build(flow)


def main() -> None:
    writers = {".pdf": write_pdf, ".docx": write_docx}
    for source in sorted((DEMO / "sources").rglob("*.md")):
        relative = source.relative_to(DEMO / "sources").with_suffix("")
        target = DEMO / "documents" / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        writers[target.suffix](list(blocks(source.read_text(encoding="utf-8"))), target)
        print(target.relative_to(DEMO))


if __name__ == "__main__":
    main()
