"""Untrusted text to HTML that can do nothing: no raw HTML, no images, no scripts, no template syntax.

Model answers and documents are written by others and may carry markup meant to run or to call home.
"""

import html
import re

from markdown_it import MarkdownIt

_CITATION = re.compile(r"\s?\[\d+(?:\s*[,;–-]\s*\d+)*\]")

# `html: False` prints tags as text; without the image rule "![x](url)" becomes "!" and a link.
_renderer = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable("image")


def escaped(text: str) -> str:
    """Plain text as HTML. Braces are escaped too: the page's template engine must find none."""
    return without_braces(html.escape(text, quote=True))


def without_braces(markup: str) -> str:
    """The same HTML with no brace left in it."""
    return markup.replace("{", "&#123;").replace("}", "&#125;")


def markdown_html(text: str) -> str:
    """Markdown as safe HTML. Links open in a new tab and tell the other side nothing about this page."""
    markup = _renderer.render(text).replace("<a href=", '<a target="_blank" rel="noopener noreferrer nofollow" href=')
    # A heading inside an answer must not look or read like a heading of the page.
    markup = re.sub(r"<(/?)h[1-6]>", lambda match: f"<{match[1]}h4>", markup)
    return without_braces(markup)


def without_citations(text: str) -> str:
    """The text without marks like [1] or [2, 3]: they would give away which side looked things up."""
    return _CITATION.sub("", text)
