"""What frames a web page and is not what it says: navigation, headers, footers, cookie notices, links to share.

Told by elements and ARIA roles, and where a page has neither by its own names for its parts, as Readability does
(github.com/mozilla/readability, `unlikelyCandidates`); but a name alone does not condemn text: most of the part must be
links, or it is a short notice about cookies. What is left out in error is missing from every answer, what is left in
costs little, so in doubt it stays.
"""

import re

from bs4 import BeautifulSoup, Tag

ELEMENTS = ["nav", "header", "footer", "aside", "script", "style", "noscript", "template", "form", "svg", "iframe"]
ROLES = ["navigation", "banner", "contentinfo", "search", "menu", "menubar", "toolbar", "dialog", "alertdialog"]
FRAMING = re.compile(
    r"(?:^|[-_\s])(?:nav|navbar|navigation|menu|submenu|breadcrumbs?|sidebar|footer|header|masthead|toc|pager|"
    r"pagination|related|share|sharing|social|skip|toolbar|topbar|widget)(?:$|[-_\s])",
    re.I,
)
NOTICE = re.compile(r"(?:^|[-_\s])(?:cookies?|consent|gdpr)(?:$|[-_\s])", re.I)
MOSTLY = 0.6
"""Share of a part's characters that are in links, from which it is taken for a list of them."""
FEW = 3
"""Links that a part with a heading has at least, to be a list of them."""
SHORT = 600
"""Characters of the longest notice."""
CONTENT = ["main", "article", "h1"]
HEADINGS = ["h2", "h3", "h4", "h5", "h6"]


def drop_boilerplate(soup: BeautifulSoup) -> None:
    """Take out of `soup` what frames it."""
    for tag in soup(ELEMENTS):
        # The header of an article holds its heading; only the page's own is boilerplate.
        if tag.name != "header" or not tag.find_parent(["article", "main"]):
            tag.decompose()
    for tag in soup.find_all(_frames):
        if not tag.decomposed:
            tag.decompose()


def _frames(tag: Tag) -> bool:
    if tag.name in ("html", "body", *CONTENT, *HEADINGS) or tag.find(CONTENT):
        return False
    if str(tag.get("role", "")).lower() in ROLES:
        return True
    names = " ".join([str(tag.get("id") or ""), *(tag.get("class") or [])])
    if NOTICE.search(names) and len(tag.get_text(strip=True)) <= SHORT:
        return True
    if not FRAMING.search(names):
        return False
    links = [tag] if tag.name == "a" else tag.find_all("a")
    linked = sum(len(link.get_text(strip=True)) for link in links)
    # The head of a section may be a link to itself, and named a header.
    enough = len(links) >= FEW or not tag.find(HEADINGS)
    return enough and linked >= MOSTLY * max(len(tag.get_text(strip=True)), 1)
