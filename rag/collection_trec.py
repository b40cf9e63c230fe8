"""Documents and topics of a test collection as TREC writes them: <DOC>, and <top>, with or without closing tags inside,
or in later years <topic number="1">.

Tags may be in small or capital letters. Does not read judgements (`collection.py`).
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path

from rag.collection_lines import Entry, Seen, bad, lines, new

TITLES = ("title", "headline", "hl", "head", "ttl")
TEXTS = ("text", "lp", "leadpara")
"""The Wall Street Journal has its lead paragraph beside <TEXT>."""
ASIDE = (*TITLES, "docno", "docid", "dochdr")
TAG = re.compile(r"</?[A-Za-z!?][^<>]*>")
NUMBER = re.compile(r"<num>\s*(?:number:)?\s*([^\s<]+)", re.I)
ATTRIBUTE = re.compile(r"\b(?:number|num|id)\s*=\s*[\"']?\s*([^\s\"'>]+)", re.I)
ASKED = (
    re.compile(r"<(?:title|query)>\s*(?:topic:)?([^<]*)", re.I),
    re.compile(r"<desc(?:ription)?>\s*(?:description:)?([^<]*)", re.I),
    re.compile(r"<question>([^<]*)", re.I),
)
TOPIC = "top(?:ic)?"


def documents(path: Path, what: str, seen: Seen) -> Iterator[Entry]:
    """Named by <DOCNO>. One without <TEXT> has what else is in it as its text."""
    for number, _, body in _elements(path, "DOC", "DOC"):
        name = _inside(body, ("docno",))
        if not name:
            raise bad(path, number, "a <DOC> without a name", "give it one, <DOCNO>name</DOCNO>")
        text = _inside(body, TEXTS) or _plain(_element(ASIDE).sub(" ", body))
        yield new(Entry(name, _inside(body, TITLES), text), path, number, seen)


def topics(path: Path, what: str, seen: Seen) -> Iterator[Entry]:
    """What is asked is the title, or TREC-COVID's query, as most runs do it; where a topic has none, its description,
    else its question, else all of it."""
    for number, opening, body in _elements(path, "top", TOPIC):
        name = NUMBER.search(body) or ATTRIBUTE.search(opening)
        if name is None:
            raise bad(path, number, "a <top> without a number", "give it one, <num> Number: 301")
        asked = [_plain(found.group(1)) for tag in ASKED if (found := tag.search(body))]
        text = next(filter(None, asked), "" if "<" in body else _plain(body))
        if not text:
            raise bad(path, number, f"topic {name.group(1)} asks nothing", "give it a <title>, or take it out")
        yield new(Entry(name.group(1), "", text), path, number, seen)


def _elements(path: Path, tag: str, pattern: str) -> Iterator[tuple[int, str, str]]:
    """The line in which each begins, its tag, and what is in it, one at a time. `tag` is what messages call it."""
    edge = re.compile(rf"<(/?){pattern}\b[^>]*>", re.I)
    began, opening, held = 0, "", list[str]()
    for number, line in lines(path):
        place = 0
        for found in edge.finditer(line):
            if found.group(1) and not began:
                raise bad(path, number, f"</{tag}> without a <{tag}>", f"write <{tag}> where it begins")
            if began and not found.group(1):
                raise bad(path, number, f"a <{tag}> inside that of line {began}", f"close that one with </{tag}>")
            if began:
                yield began, opening, "\n".join([*held, line[place : found.start()]])
            began, opening, held, place = 0 if began else number, found.group(), [], found.end()
        rest = line[place:]
        if began:
            held.append(rest)
        elif rest.strip() and not rest.lstrip().startswith("<"):
            raise bad(
                path, number, f"text outside of a <{tag}>: {rest.strip()[:40]}", f"put it into one, up to </{tag}>"
            )
    if began:
        raise bad(path, began, f"a <{tag}> without its end", f"close it with </{tag}>, or get the file again")


def _inside(body: str, tags: tuple[str, ...]) -> str:
    """The texts of all elements of these names, joined."""
    return " ".join(filter(None, (_plain(found.group(2)) for found in _element(tags).finditer(body))))


def _element(tags: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"<({'|'.join(tags)})\b[^>]*>(.*?)</\1>", re.I | re.S)


def _plain(body: str) -> str:
    return " ".join(html.unescape(TAG.sub(" ", body)).split())
