"""What frames a web page and is not what it says: navigation, headers, footers, cookie notices, links to share.

Told by elements and ARIA roles, and where a page has neither by its own names for its parts, as Readability does
(github.com/mozilla/readability, `unlikelyCandidates`); but a name alone condemns only a short notice about cookies: of
any other part most must be links, and it must not be most of the page. What is left out in error is missing from every
answer, what is left in costs little, so in doubt it stays.
"""

import re

from bs4 import BeautifulSoup, Tag

ELEMENTS = ["nav", "header", "footer", "aside", "script", "style", "noscript", "template", "svg", "iframe"]
FIELDS = ["input", "select", "option", "textarea"]
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
MOST_PARTS = 1000
"""Parts so named, or forms, that are looked into: in a page of very many, each inside the last, it would take for
ever."""
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
    for field in soup(FIELDS):
        if not field.decomposed and field.find_parent("form"):
            field.decompose()
    most = _length(soup.body or soup) / 2
    for number, form in enumerate(soup("form")):
        # Around the whole page, as ASP.NET's are, it is the page.
        if form.decomposed:
            continue
        if number < MOST_PARTS and (form.find(CONTENT) or _length(form) > most):
            form.unwrap()
        else:
            form.decompose()
    named = soup.find_all(_named)
    most = _length(soup.body or soup) / 2
    for tag in named[:MOST_PARTS]:
        if not tag.decomposed and _frames(tag, most):
            tag.decompose()


def _named(tag: Tag) -> bool:
    """Whether it says of itself that it may be a frame. Cheap, as every element is asked."""
    role = str(tag.get("role", "")).lower()
    return (
        role in ROLES or role in MENU_ROLES or any(NOTICE.match(name) or FRAMING.search(name) for name in _names(tag))
    )


def _names(tag: Tag) -> list[str]:
    return [str(tag.get("id") or ""), *(tag.get("class") or [])]


def _frames(tag: Tag, most: float) -> bool:
    """`most`: characters above which a part is not what frames a page, but the page."""
    loose = tag.name in ("a", "span") and tag.parent is not None and tag.parent.name == "body"
    if not (loose or tag.name in PARTS) or tag.find(CONTENT) or tag.find_parent(TEXT):
        return False
    role, length = str(tag.get("role", "")).lower(), _length(tag)
    if role in ROLES:
        return True
    if not length or length > most:
        return False
    if length <= SHORT and any(NOTICE.match(name) for name in _names(tag)):
        return True
    if role not in MENU_ROLES and not any(FRAMING.search(name) for name in _names(tag)):
        return False
    links = [tag] if tag.name == "a" else tag.find_all("a")
    # The head of a section may be a link to itself, and named a header.
    enough = len(links) >= FEW or not tag.find(HEADINGS)
    return enough and sum(map(_length, links)) >= MOSTLY * length


def _length(tag: Tag) -> int:
    return len(tag.get_text(strip=True))
