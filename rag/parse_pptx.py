"""PowerPoint: a heading per slide, then its text, tables and speaker notes. Leaves out pictures, charts, footers, and
shapes that are hidden or wholly beside the slide. Does not notice white text, for it may stand on a picture, or text
that is covered.
"""

import io
from collections.abc import Iterable, Iterator
from typing import Any

from pptx import Presentation
from pptx.enum.shapes import MSO_SHAPE_TYPE, PP_PLACEHOLDER
from pptx.slide import Slide

from rag.blocks import Block, Unreadable, rows_as_blocks

RUNNING = {PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.SLIDE_NUMBER, PP_PLACEHOLDER.HEADER}


def parse_pptx(data: bytes) -> tuple[str, list[Block]]:
    """Title (the first slide's, else the property) and blocks. A heading is "slide 3: its title"; hidden slides
    count and are read, as PowerPoint numbers them."""
    try:
        presentation = Presentation(io.BytesIO(data))
        slides = list(presentation.slides)
    except Exception as error:
        raise Unreadable(
            f"damaged: {type(error).__name__}: {error}; open it in PowerPoint and save it again"
        ) from error
    title = _slide_title(slides[0]) if slides else ""
    blocks: list[Block] = []
    for number, slide in enumerate(slides, 1):
        own = _slide_title(slide)
        # The title of the presentation stands above every passage anyway.
        heading = f"slide {number}: {own}" if own and own != title else f"slide {number}"
        # A slide that is only a title says that title, or nothing would be found of it.
        below = list(_slide_blocks(slide)) or ([Block(own)] if own else [])
        if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame):
            said = [Block(text) for text in map(_squeezed, notes.text.split("\n")) if text]
            below += [Block("speaker notes", "heading", level=2), *said] if said else []
        blocks += [Block(heading, "heading", level=1), *below] if below else []
    return title or _squeezed(presentation.core_properties.title or ""), blocks


def _slide_title(slide: Slide) -> str:
    shape = slide.shapes.title
    return _squeezed(shape.text_frame.text) if shape is not None else ""


def _slide_blocks(slide: Slide) -> Iterator[Block]:
    title = slide.shapes.title
    for shape in _flat(slide.shapes):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if shape.is_placeholder and shape.placeholder_format.type in RUNNING:
            continue
        if _unseen(shape, slide):
            continue
        if getattr(shape, "has_table", False):
            yield from rows_as_blocks(_rows(shape.table))
        elif shape.has_text_frame:
            texts = [text for paragraph in shape.text_frame.paragraphs if (text := _squeezed(paragraph.text))]
            listed = shape.is_placeholder and len(texts) > 1
            yield from (Block(text, "item" if listed else "paragraph") for text in texts)


def _flat(shapes: Iterable[Any]) -> Iterator[Any]:
    """Shapes in reading order (the order a screen reader takes), those of groups in their place."""
    for shape in shapes:
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
            yield from _flat(shape.shapes)
        else:
            yield shape


def _unseen(shape: Any, slide: Slide) -> bool:
    if shape._element._nvXxPr.cNvPr.get("hidden") in ("1", "true"):
        return True
    # Shapes of a group are placed in the group's own measure, and some have the place of their layout.
    if shape._element.getparent() is not slide.shapes._spTree or shape.left is None or shape.width is None:
        return False
    page = slide.part.package.presentation_part.presentation
    across = shape.left + shape.width <= 0 or shape.left >= (page.slide_width or shape.left + 1)
    return bool(across or shape.top + shape.height <= 0 or shape.top >= (page.slide_height or shape.top + 1))


def _rows(table: Any) -> list[list[str]]:
    """The cells' texts; a merged cell's in every place that it covers."""
    rows = [[_squeezed(cell.text) for cell in row.cells] for row in table.rows]
    for down, row in enumerate(table.rows):
        for across, cell in enumerate(row.cells):
            if cell.is_merge_origin:
                for below in rows[down : down + cell.span_height]:
                    width = len(below[across : across + cell.span_width])
                    below[across : across + width] = [rows[down][across]] * width
    return rows


def _squeezed(text: str) -> str:
    return " ".join(text.split())
