"""Untrusted text to HTML that can do nothing: no raw HTML, no images, no scripts, no template syntax.

Model answers and documents are written by others and may carry markup meant to run or to call home. Nothing is loaded
for them; a link is followed only when clicked, leads to a web or mail address and says which.
"""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

_CITATION = re.compile(r"\s?\[\d+(?:\s*[,;–-]\s*\d+)*\]")

# `html: False` prints tags as text; without the image rule "![x](url)" becomes "!" and a link.
_renderer = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable("image")


def _web_or_mail(address: str) -> bool:
    """Other kinds start programs (search-ms:), or act on this site when they are relative."""
    return re.match(r"(?:https?://|mailto:)", address.strip(), re.I) is not None


def _link_end(self: Any, tokens: Sequence[Token], place: int, options: Any, env: Mapping[str, Any]) -> str:
    """Behind a link that is called otherwise: where it leads."""
    start = max(before for before in range(place) if tokens[before].type == "link_open")
    address = str(tokens[start].attrGet("href") or "")
    called = "".join(token.content for token in tokens[start + 1 : place]).strip()
    plain = {address, address.removeprefix("mailto:"), address.split("://", 1)[-1].rstrip("/")}
    return "</a>" if called in plain else f"</a> <small>({html.escape(address)})</small>"


_renderer.validateLink = _web_or_mail  # type: ignore[assignment, method-assign]
_renderer.add_render_rule("link_close", _link_end)


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
