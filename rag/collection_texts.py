"""Documents and queries of a test collection as BEIR, SMART and MS MARCO write them: JSON objects, fields, tables.

TREC's are read in `collection_trec.py`; which file holds what is told in `collection_files.py`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rag.collection_lines import Entry, Seen, bad, lines, new

FIELD = re.compile(r"\.([A-Z])\s*")
BEGINS = re.compile(r"\.I\s+(\S+)\s*")
NAMES = ("id", "_id", "docid", "doc_id", "pid", "qid", "query_id", "query-id", "corpus-id")
"""What the first line of a table with a header begins with."""


def objects(path: Path, what: str, seen: Seen) -> Iterator[Entry]:
    """BEIR's: one JSON object a line."""
    for number, line in lines(path):
        if not line.strip():
            continue
        try:
            row: Any = json.loads(line)
        except ValueError as error:
            raise bad(path, number, f"not JSON ({error})", 'write one object a line, {"_id": …, "text": …}') from error
        if not isinstance(row, dict):
            raise bad(path, number, f"JSON, but no object: {line[:40]}", 'write {"_id": …, "text": …}')
        name, title, text = row.get("_id", row.get("id", "")), row.get("title", ""), row.get("text", "")
        if not isinstance(name, str | int) or not str(name).strip() or "text" not in row:
            lacking = "text" if str(name).strip() else "_id"
            raise bad(path, number, f"no {lacking}", 'each object needs an "_id" and a "text"')
        if not isinstance(text, str) or not isinstance(title or "", str):
            raise bad(path, number, "title or text is no string", "put it in quotes")
        yield new(Entry(str(name), title or "", text), path, number, seen)


def fields(path: Path, what: str, seen: Seen) -> Iterator[Entry]:
    """SMART's: what stands between lines `.I name`, a title under `.T`, a text under `.W`; authors and links are left
    out. A document may be empty, as 471 and 995 of Cranfield are."""
    name, began, held, found = "", 0, "", dict[str, list[str]]()
    for number, line in lines(path):
        if begins := BEGINS.fullmatch(line):
            if name:
                yield _entry(name, found, path, began, seen, what)
            name, began, held, found = begins.group(1), number, "", {}
        elif line.strip() == ".I":
            raise bad(path, number, ".I without a name", f"write the {what}'s number behind it, .I 12")
        elif field := FIELD.fullmatch(line):
            held = field.group(1)
        elif held:  # before the first name it is nobody's: CISI begins with an empty .X
            found.setdefault(held, []).append(line)
        elif line.strip():
            raise bad(
                path, number, f"text outside of a field: {line.strip()[:40]}", f"begin each {what} with .I and .W"
            )
    if name:
        yield _entry(name, found, path, began, seen, what)


def _entry(name: str, found: Mapping[str, list[str]], path: Path, number: int, seen: Seen, what: str) -> Entry:
    title, text = (" ".join(" ".join(found.get(letter, ())).split()) for letter in "TW")
    if what == "query" and not title and not text:
        raise bad(path, number, f"{what} {name} is empty", "give it a text under .W, or take it out")
    return new(Entry(name, title, text), path, number, seen)


def table(path: Path, what: str, seen: Seen) -> Iterator[Entry]:
    """MS MARCO's: name and text, or name, title and text, or name, address, title and text, between tabs."""
    for number, line in lines(path):
        if not line.strip():
            continue
        name, *cells = (cell.strip() for cell in line.split("\t"))
        if number == 1 and name.lower() in NAMES:
            continue
        if not name:
            raise bad(path, number, "no name before the first tab", f"write the {what}'s name there")
        if len(cells) == 3 and "://" in cells[0]:
            del cells[0]
        if len(cells) not in (1, 2):
            fix = "write name and text, or name, title and text, with tabs between them and none inside the text"
            raise bad(path, number, f"{len(cells) + 1} columns", fix)
        yield new(Entry(name, cells[0] if len(cells) == 2 else "", cells[-1]), path, number, seen)
