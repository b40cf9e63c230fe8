"""Reads test collections for retrieval: documents, queries, and which documents are right for a query.

Two layouts: a BEIR folder (corpus.jsonl, queries.jsonl, qrels/test.tsv), and the classic one of CISI, Cranfield or MED
(*.ALL, *.QRY, *.REL; the judgements may also be TREC's). Does not search or measure (`evaluate.py`).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.errors import CollectionError

FIELD = re.compile(r"\.([A-Z])\s*")
BEGINS = re.compile(r"\.I\s+(\S+)\s*")
BEIR = ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv")
CLASSIC = (".all", ".qry", ".rel")
EXPECTED = f"Either {', '.join(BEIR)} (BEIR), or one file each of {', '.join(f'*{e.upper()}' for e in CLASSIC)} (CISI)"


@dataclass(frozen=True)
class Entry:
    """A document of a collection; `title` or `text` may be empty."""

    name: str
    title: str
    text: str


@dataclass(frozen=True)
class Collection:
    """`queries` are those that have judgements, in the order of their file, of `asked` queries in all; `judgements`
    tell the grade of a document for a query, 0 for one that is wrong. `skips_own`: a document of the query's own name
    is not counted as found, as BEIR does it, whose queries may be documents."""

    name: str
    documents: tuple[Entry, ...]
    queries: Mapping[str, str]
    judgements: Mapping[str, Mapping[str, int]]
    asked: int
    skips_own: bool


def read_collection(folder: Path) -> Collection:
    """The collection in `folder`.

    Raises:
        CollectionError: files are missing, or a line is malformed; with file, line number and what to do.
    """
    if not folder.is_dir():
        raise CollectionError(f"There is no folder {folder}: name one that holds a test collection. {EXPECTED}.")
    classic = [_with_ending(folder, ending) for ending in CLASSIC]
    if all(classic):
        documents, queries, judged = (path for path in classic if path)
        entries = tuple(_classic(documents, "document"))
        texts = {entry.name: entry.text or entry.title for entry in _classic(queries, "query")}
        judgements = _judgements(judged, texts, _classic_judgement)
    else:
        documents, queries, judged = (folder / name for name in BEIR)
        if missing := [name for name in BEIR if not (folder / name).is_file()]:
            raise CollectionError(f"{folder} has no {' and no '.join(missing)}. {EXPECTED} must be in it.")
        entries = tuple(_rows(documents))
        texts = {entry.name: entry.text for entry in _rows(queries)}
        judgements = _judgements(judged, texts, _beir_judgement)
    for path, found in ((documents, entries), (queries, texts), (judged, judgements)):
        if not found:
            raise CollectionError(f"{path} has nothing in it: get the file again.")
    judged_queries = {name: text for name, text in texts.items() if name in judgements}
    return Collection(folder.resolve().name, entries, judged_queries, judgements, len(texts), not all(classic))


def _with_ending(folder: Path, ending: str) -> Path | None:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() == ending)
    if len(found) > 1:
        raise CollectionError(f"{folder} has {found[0].name} and {found[1].name}: keep one *{ending.upper()}.")
    return found[0] if found else None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered from 1, one at a time: a corpus may be larger than the memory."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise _bad(
                        path, number, f"byte {error.start + 1} is not UTF-8", "save the file as UTF-8"
                    ) from error
    except OSError as error:
        raise CollectionError(f"{path} cannot be read ({error.strerror}): allow it with chmod u+r.") from error


def _bad(path: Path, number: int, fault: str, fix: str) -> CollectionError:
    return CollectionError(f"{path}, line {number}: {fault}: {fix}.")


def _rows(path: Path) -> Iterator[Entry]:
    """BEIR's JSON objects, one a line."""
    seen: dict[str, int] = {}
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            row: Any = json.loads(line)
        except ValueError as error:
            raise _bad(path, number, f"not JSON ({error})", 'write one object a line, {"_id": …, "text": …}') from error
        if not isinstance(row, dict):
            raise _bad(path, number, f"JSON, but no object: {line[:40]}", 'write {"_id": …, "text": …}')
        name, title, text = (row.get(key, "") for key in ("_id", "title", "text"))
        if not isinstance(name, str | int) or not str(name).strip() or "text" not in row:
            lacking = "text" if str(name).strip() else "_id"
            raise _bad(path, number, f"no {lacking}", 'each object needs an "_id" and a "text"')
        if not isinstance(text, str) or not isinstance(title or "", str):
            raise _bad(path, number, "title or text is no string", "put it in quotes")
        yield _new(Entry(str(name), title or "", text), path, number, seen)


def _classic(path: Path, what: str) -> Iterator[Entry]:
    """What stands between lines `.I name`: a title under `.T`, a text under `.W`; authors and links are left out."""
    seen: dict[str, int] = {}
    name, began, held, fields = "", 0, "", dict[str, list[str]]()
    for number, line in _lines(path):
        if begins := BEGINS.fullmatch(line):
            if name:
                yield _entry(name, fields, path, began, seen, what)
            name, began, held, fields = begins.group(1), number, "", {}
        elif line.strip() == ".I":
            raise _bad(path, number, ".I without a name", f"write the {what}'s number behind it, .I 12")
        elif field := FIELD.fullmatch(line):
            held = field.group(1)
        elif held:  # before the first name it is nobody's: CISI begins with an empty .X
            fields.setdefault(held, []).append(line)
        elif line.strip():
            raise _bad(
                path, number, f"text outside of a field: {line.strip()[:40]}", f"begin each {what} with .I and .W"
            )
    if name:
        yield _entry(name, fields, path, began, seen, what)


def _entry(
    name: str, fields: Mapping[str, list[str]], path: Path, number: int, seen: dict[str, int], what: str
) -> Entry:
    title, text = (" ".join(" ".join(fields.get(letter, ())).split()) for letter in "TW")
    if not title and not text:
        raise _bad(path, number, f"{what} {name} is empty", "give it a text under .W, or take it out")
    return _new(Entry(name, title, text), path, number, seen)


def _new(entry: Entry, path: Path, number: int, seen: dict[str, int]) -> Entry:
    if entry.name in seen:
        fix = "give each its own name, or take one out"
        raise _bad(path, number, f"{entry.name} was already in line {seen[entry.name]}", fix)
    seen[entry.name] = number
    return entry


def _judgements(path: Path, queries: Mapping[str, str], parse: Any) -> dict[str, dict[str, int]]:
    """By query, documents and grades. A document that is not in the collection stays: it was not found."""
    judged: dict[str, dict[str, int]] = {}
    for number, line in _lines(path):
        told = parse(path, number, line) if line.strip() else None
        if told is None:
            continue
        query, document, grade = told
        if query not in queries:
            raise _bad(path, number, f"there is no query {query}", "add it to the queries, or take the line out")
        judged.setdefault(query, {})[document] = grade
    return judged


def _beir_judgement(path: Path, number: int, line: str) -> tuple[str, str, int] | None:
    """`query-id`, `corpus-id` and `score` between tabs, with a line of these names at the top."""
    cells = [cell.strip() for cell in line.split("\t")]
    if number == 1 and cells and cells[-1].lower() == "score":
        return None
    if len(cells) != 3:
        raise _bad(path, number, f"{len(cells)} columns", "write query-id, corpus-id and score with tabs between them")
    return cells[0], cells[1], _grade(path, number, cells[2])


def _classic_judgement(path: Path, number: int, line: str) -> tuple[str, str, int]:
    """TREC's `query 0 document grade`, or `query document …`, every one of which is right (CISI's other columns are
    0, Cranfield's third is a code of its own that counts down)."""
    cells = line.split()
    if len(cells) == 4 and cells[1] in ("0", "Q0"):
        return cells[0], cells[2], _grade(path, number, cells[3])
    if len(cells) < 2:
        raise _bad(path, number, f"only '{line.strip()}'", "write query and document, or TREC's query 0 document grade")
    return cells[0], cells[1], 1


def _grade(path: Path, number: int, cell: str) -> int:
    try:
        return int(cell)
    except ValueError as error:
        raise _bad(path, number, f"the grade is '{cell}'", "write a whole number, 0 for not relevant") from error
