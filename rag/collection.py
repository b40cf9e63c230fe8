"""Reads test collections for retrieval: documents, queries, and which documents are right for a query.

Four layouts: BEIR's, SMART's (CISI, Cranfield, MED, CACM), TREC's, and tables as MS MARCO has them; which file holds
what is told in `collection_files.py`. Does not search or measure (`evaluate.py`).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.errors import CollectionError
from rag.collection_files import EXPECTED, Kind, columns, files_of, is_header
from rag.collection_lines import Entry, Seen, bad, lines, not_utf8
from rag.collection_texts import fields, objects, table
from rag.collection_trec import documents, topics

READERS: dict[Kind | None, Callable[[Path, str, Seen], Iterator[Entry]]] = {
    "objects": objects,
    "fields": fields,
    "table": table,
    "documents": documents,
    "topics": topics,
}
NOT_RELEVANT = (-1, 0, 5)
Judged = dict[str, dict[str, int]]
"""By query, documents and grades."""


@dataclass(frozen=True)
class Collection:
    """`queries` are those that have judgements, named as these name them, in the order of their file, of `asked`
    queries in all; `judgements` tell the grade of a document for a query, 0 for one that is wrong. `skips_own`: a
    document of the query's own name is not counted as found, as BEIR does it, whose queries may be documents. `notes`
    tell in words what was left out or taken another way than it is written."""

    name: str
    documents: tuple[Entry, ...]
    queries: Mapping[str, str]
    judgements: Mapping[str, Mapping[str, int]]
    asked: int
    skips_own: bool
    notes: tuple[str, ...] = ()


def read_collection(folder: Path) -> Collection:
    """The collection in `folder`.

    Raises:
        CollectionError: files are missing, or a line is malformed; with file, line number and what to do.
    """
    if not folder.is_dir():
        raise CollectionError(f"There is no folder {folder}: name one that holds a test collection. {EXPECTED}.")
    files = files_of(folder)
    kind, asked, judged = files.documents[0].kind, files.queries, files.judgements.path
    seen: Seen = {}
    entries = tuple(entry for file in files.documents for entry in READERS[kind](file.path, "document", seen))
    texts = {entry.name: entry.text or entry.title for entry in READERS[asked.kind](asked.path, "query", {})}
    told = _judgements(judged, coded=kind == "fields")
    for path, found in ((files.documents[0].path, entries), (asked.path, texts), (judged, told)):
        if not found:
            raise CollectionError(f"{path} has nothing in it: get the file again.")
    names = _meant(told, texts)
    counted = _counted(told, list(texts)) if asked.kind == "fields" and len(names) < len(told) else {}
    names = counted or names
    if not names:
        raise CollectionError(
            f"{judged} names no query of {asked.path} (its first is {next(iter(told))}, and theirs "
            f"{next(iter(texts))}): take both from the same collection and the same part of it."
        )
    places = {name: place for place, name in enumerate(texts)}
    queries = {query: texts[names[query]] for query in sorted(names, key=lambda query: places[names[query]])}
    notes = [f"the judgements count the queries by their place in {asked.path.name}"] if counted else []
    notes += [*_left_out(told, names), *_empty(entries)]
    notes += _older([*(file.path for file in files.documents), asked.path, judged])
    judgements = _of_documents({query: told[query] for query in told if query in names}, seen)
    return Collection(folder.resolve().name, entries, queries, judgements, len(texts), kind == "objects", tuple(notes))


def _judgements(path: Path, coded: bool) -> Judged:
    """A document that is not in the collection stays: it was not found. `coded`: a third and last column is a code, as
    Cranfield's, where 1 to 4 are relevant and -1 and 5 of no interest, unless it is 0 throughout. All four count alike:
    cranqrel.readme counts them down from 1, a complete answer, ir_datasets' cranfield.py up to 4, a complete answer."""
    judged: Judged = {}
    codes: list[tuple[str, str, int]] = []
    for number, line in lines(path):
        cells = columns(line, path)
        if not line.strip() or (number == 1 and is_header(cells)):
            continue
        query, document, grade = _judgement(path, number, cells)
        if coded and len(cells) == 3:
            codes.append((query, document, grade))
            grade = 1
        judged.setdefault(query, {})[document] = max(grade, 0)
    if any(code for _, _, code in codes):
        for query, document, code in codes:
            if code in NOT_RELEVANT:
                judged[query][document] = 0
    return judged


def _judgement(path: Path, number: int, cells: Sequence[str]) -> tuple[str, str, int]:
    """TREC's `query 0 document grade`, or `query document grade`, or `query document`, which is right, with or without
    zeros behind it, as CISI has them."""
    fix = "write query, document and grade, or TREC's query 0 document grade"
    if "" in cells:
        raise bad(path, number, "an empty column", fix)
    if len(cells) == 2 or (len(cells) > 3 and cells[1] not in ("0", "Q0") and not any(map(_is_something, cells[2:]))):
        return cells[0], cells[1], 1
    if len(cells) not in (3, 4):
        raise bad(path, number, f"only '{cells[0]}'" if len(cells) == 1 else f"{len(cells)} columns", fix)
    if not re.fullmatch(r"[+-]?\d+(?:\.0*)?", cells[-1]):
        raise bad(path, number, f"the grade is '{cells[-1]}'", "write a whole number, 0 for not relevant")
    return cells[0], cells[-2], int(float(cells[-1]))


def _is_something(cell: str) -> bool:
    return re.fullmatch(r"0(?:\.0*)?", cell) is None


def _meant(told: Judged | set[str], names: Mapping[str, object]) -> dict[str, str]:
    """By what the judgements say, the name that is meant: the same, or the same number, padded with zeros or not."""
    missing = [name for name in told if name not in names]
    numbers = {int(name): name for name in names if name.isdecimal()} if any(map(str.isdecimal, missing)) else {}
    found = {name: name if name in names else numbers.get(int(name)) if name.isdecimal() else None for name in told}
    return {name: meant for name, meant in found.items() if meant is not None}


def _counted(told: Judged, names: Sequence[str]) -> dict[str, str]:
    """The same where judgements count the queries from 1, whose own numbers have gaps, as Cranfield's have (001, 002,
    004 … 365 for 225 queries). Empty when that cannot be."""
    gaps = all(map(str.isdecimal, names)) and max(map(int, names)) > len(names)
    if not gaps or not all(name.isdecimal() and 1 <= int(name) <= len(names) for name in told):
        return {}
    return {name: names[int(name) - 1] for name in told}


def _of_documents(judged: Judged, names: Mapping[str, object]) -> Judged:
    """The judgements by the documents' own names."""
    meant = _meant({document for grades in judged.values() for document in grades}, names)
    return {
        query: {meant.get(document, document): grade for document, grade in grades.items()}
        for query, grades in judged.items()
    }


def _left_out(told: Judged, names: Mapping[str, object]) -> Iterator[str]:
    strange = [query for query in told if query not in names]
    number = sum(len(told[query]) for query in strange)
    if number == 1:
        yield f"1 judgement names a query that is not there ({strange[0]}): left out"
    elif strange:
        yield f"{number:,} judgements name queries that are not there ({strange[0]}): left out"


def _empty(entries: Sequence[Entry]) -> Iterator[str]:
    empty = [entry.name for entry in entries if not entry.title.strip() and not entry.text.strip()]
    if empty:
        documents = "1 document is" if len(empty) == 1 else f"{len(empty):,} documents are"
        yield f"{documents} empty ({empty[0]}) and cannot be found"


def _older(paths: Sequence[Path]) -> Iterator[str]:
    for path in paths:
        if number := not_utf8(path):
            counted = "1 line" if number == 1 else f"{number:,} lines"
            yield f"{counted} of {path.name} not in UTF-8: read as Windows-1252"
