"""What frames a web page and is not what it says: navigation, headers, footers, cookie notices, links to share.

Told by elements and ARIA roles, and where a page has neither by its own names for its parts, as Readability does
(github.com/mozilla/readability, `unlikelyCandidates`); but a name alone condemns only a short notice about cookies: of
any other part most must be links, and it must not be most of the page. What is left out in error is missing from every
answer, what is left in costs little, so in doubt it stays.
"""

import re

from bs4 import BeautifulSoup, Tag

ELEMENTS = ["nav", "header", "footer", "aside", "script", "style", "noscript", "template", "form", "svg", "iframe"]
ROLES = ["navigation", "banner", "contentinfo", "search"]
MENU_ROLES = ["menu", "menubar", "toolbar"]
FRAMING = re.compile(
    r"(?:^|[-_\s])(?:nav|navbar|navigation|menu|submenu|breadcrumbs?|sidebar|footer|header|masthead|toc|pager|"
    r"pagination|related|share|sharing|social|skip|toolbar|topbar|widget)(?:$|[-_\s])",
    re.I,
)
NOTICE = re.compile(r"(?:cookies?|consent|gdpr)[\w-]*?(?:banner|notice|popup|modal|overlay)(?:$|[-_])", re.I)
MOSTLY = 0.6
"""Share of a part's characters that are in links, from which it is taken for a list of them."""
FEW = 3
"""Links that a part with a heading has at least, to be a list of them."""
SHORT = 600
"""Characters of the longest notice."""
PARTS = ["div", "section", "ul", "ol"]
"""Elements that a page is made of; others are made of text, whatever they are named."""
CONTENT = ["main", "article", "h1"]
HEADINGS = ["h2", "h3", "h4", "h5", "h6"]
TEXT = ["h1", *HEADINGS, "p", "li", "td", "th", "dt", "dd", "pre", "blockquote"]


def drop_boilerplate(soup: BeautifulSoup) -> None:
    """Take out of `soup` what frames it."""
    for tag in soup(ELEMENTS):
        # The header of an article holds its heading; only the page's own is boilerplate.
        if tag.name != "header" or not tag.find_parent(["article", "main"]):
            tag.decompose()
    most = _length(soup.body or soup) / 2
    for tag in soup.find_all(lambda tag: _frames(tag, most)):
        if not tag.decomposed:
            tag.decompose()


def _frames(tag: Tag, most: float) -> bool:
    """`most`: characters above which a part is not what frames a page, but the page."""
    loose = tag.name in ("a", "span") and tag.parent is not None and tag.parent.name == "body"
    if not (loose or tag.name in PARTS) or tag.find(CONTENT) or tag.find_parent(TEXT):
        return False
    role = str(tag.get("role", "")).lower()
    if role in ROLES:
        return True
    names = [str(tag.get("id") or ""), *(tag.get("class") or [])]
    notice = any(NOTICE.match(name) for name in names)
    framing = role in MENU_ROLES or FRAMING.search(" ".join(names))
    length = _length(tag) if notice or framing else 0
    if not length or length > most:
        return False
    if notice and length <= SHORT:
        return True
    if not framing:
        return False
    links = [tag] if tag.name == "a" else tag.find_all("a")
    # The head of a section may be a link to itself, and named a header.
    enough = len(links) >= FEW or not tag.find(HEADINGS)
    return enough and sum(map(_length, links)) >= MOSTLY * length


def _length(tag: Tag) -> int:
    return len(tag.get_text(strip=True))
