"""Which file of a folder holds a test collection's documents, which its queries, which its judgements.

Endings tell (*.ALL, *.QRY, *.REL), else names (`corpus.jsonl`, `cran.qry`, `qrels.dev.tsv`), else what is in the files.
Does not read more of a file than its beginning, and does not judge between files that are equally likely.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path, PurePosixPath
from typing import Literal

from arena.errors import CollectionError
from rag.collection_lines import lines
from rag.collection_texts import BEGINS, FIELD

Kind = Literal["objects", "fields", "table", "documents", "topics", "judgements"]
"""How a file is written: BEIR's JSON, SMART's fields, a table of texts, TREC's <DOC> and <top> or <topic>, numbers."""
Role = Literal["judgements", "queries", "documents"]

KINDS: dict[Role, tuple[Kind, ...]] = {
    "judgements": ("judgements",),
    "queries": ("topics", "fields", "objects", "table"),
    "documents": ("documents", "fields", "objects", "table"),
}
ENDINGS: dict[Role, str] = {"judgements": ".rel", "queries": ".qry", "documents": ".all"}
WORDS: dict[Role, set[str]] = {
    "judgements": {"qrels", "qrel", "cranqrel", "rel", "judgements", "judgments"},
    "queries": {"queries", "query", "qry", "topics", "topic", "questions"},
    "documents": {"corpus", "collection", "documents", "docs", "all"},
}
USUAL: dict[str, tuple[Kind, ...]] = {
    ".jsonl": ("objects",),
    ".tsv": ("table", "judgements"),
    ".all": ("fields",),
    ".qry": ("fields",),
    ".rel": ("judgements",),
}
"""What a file is taken for that a damaged first line hides: reading it then names the line."""
SPLITS = ("test", "dev")
LOOKED_AT = 40
"""Lines of a file."""
LONGEST = 100_000
"""Characters of a line that are looked at."""
EXPECTED = (
    "A collection is BEIR's (corpus.jsonl, queries.jsonl, qrels/test.tsv), SMART's (*.ALL, *.QRY, *.REL, as CISI and "
    "Cranfield are), TREC's (files of <DOC>, topics of <top>, qrels), or tables (docs.tsv, queries.tsv, qrels.tsv)"
)


@dataclass(frozen=True)
class File:
    """`kind` is None for what is no part of a collection, `role` where the name does not tell."""

    path: Path
    kind: Kind | None
    role: Role | None


@dataclass(frozen=True)
class Files:
    """Only TREC's documents are in several files."""

    documents: tuple[File, ...]
    queries: File
    judgements: File


def files_of(folder: Path) -> Files:
    """The files of the collection in `folder` and the folders below it.

    Raises:
        CollectionError: one is missing, or several are equally likely; with what to do.
    """
    try:
        files = [_file(path, path.relative_to(folder)) for path in sorted(folder.rglob("*")) if _counts(path, folder)]
        found = {role: _likeliest(files, role) for role in KINDS}
        if found["documents"] == found["queries"] and len(found["documents"]) == 2:
            larger = max(found["documents"], key=lambda file: file.path.stat().st_size)
            found["documents"] = [larger]
    except OSError as error:
        raise CollectionError(f"{folder} cannot be read ({error.strerror}): allow it with chmod -R u+rX.") from error
    documents = found["documents"]
    if documents and documents[0].kind != "documents":
        documents = [_one(folder, documents, "documents", ())]
    found["queries"] = [file for file in found["queries"] if file not in documents]
    if missing := [role for role in reversed(KINDS) if not found[role]]:
        raise CollectionError(f"{folder} has no {' and no '.join(missing)}. {EXPECTED}.")
    judgements = _one(folder, found["judgements"], "judgements", SPLITS)
    own = [split for split in (*SPLITS, "train") if split in _words(judgements.path.name)]
    return Files(tuple(documents), _one(folder, found["queries"], "queries", (*own, *SPLITS)), judgements)


def _counts(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)
    return not hidden and path.is_file()


def _likeliest(files: Sequence[File], role: Role) -> list[File]:
    """Those of the surest sign that any has: the ending, TREC's tags, the name, the content."""
    fitting = [file for file in files if file.kind in KINDS[role]]
    signs = (
        [file for file in fitting if _ending(file.path) == ENDINGS[role]],
        [file for file in fitting if file.kind == "documents"],
        [file for file in fitting if file.role == role],
        [file for file in fitting if file.kind == "topics"],
        [file for file in fitting if file.role is None],
    )
    return next(filter(None, signs), [])


def _one(folder: Path, files: Sequence[File], role: Role, splits: Sequence[str]) -> File:
    """The only one, or the only one of the first of these splits that has one."""
    for chosen in (files, *([file for file in files if split in _words(file.path.name)] for split in splits)):
        if len(chosen) == 1:
            return chosen[0]
    *names, last = (file.path.relative_to(folder).as_posix() for file in files)
    ending = ENDINGS[role].upper()
    raise CollectionError(
        f"{folder} has {', '.join(names)} and {last}: keep one for the {role}, or let one name alone end in {ending}."
    )


def _file(path: Path, relative: Path) -> File:
    role = _role(relative)
    known = tuple(kind for kind in READ_AS if role is None or kind in KINDS[role])
    usual = (kind for kind in USUAL.get(_ending(path), ()) if role and kind in known)
    return File(path, _kind(path, known) or next(usual, None), role)


def _role(relative: Path) -> Role | None:
    """What the name says, or where it says nothing, the folder's."""
    for part in reversed(relative.parts):
        for role, words in WORDS.items():
            if words & _words(part):
                return role
    return None


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", name.lower()))


def _ending(path: Path) -> str:
    return PurePosixPath(path.name.lower().removesuffix(".gz")).suffix


def _kind(path: Path, known: Sequence[Kind]) -> Kind | None:
    """The first of these kinds that the first lines look like. Half of them do: a bad one is named when it is read."""
    first = [line[:LONGEST] for _, line in islice(lines(path, strict=False), LOOKED_AT) if line.strip()]
    if not first or any("\0" in line for line in first):
        return None
    return next((kind for kind in known if READ_AS[kind](first, path)), None)


def _is_fields(first: Sequence[str], path: Path) -> bool:
    return bool(FIELD.fullmatch(first[0]) or BEGINS.fullmatch(first[0])) and any(map(BEGINS.fullmatch, first))


def _is_trec(tag: str) -> Callable[[Sequence[str], Path], bool]:
    opened = re.compile(rf"\s*<{tag}\b[^>]*>", re.I)
    # Above the first there may be a root, but no text: a description that shows one is none.
    return lambda first, path: any(map(opened.match, takewhile(lambda line: line.lstrip().startswith("<"), first)))


def _is_judgements(first: Sequence[str], path: Path) -> bool:
    return 2 * sum(_is_judgement(columns(line, path)) for line in first) >= len(first)


READ_AS: dict[Kind, Callable[[Sequence[str], Path], bool]] = {
    "fields": _is_fields,
    "documents": _is_trec("doc"),
    "topics": _is_trec("top(?:ic)?"),
    "objects": lambda first, path: first[0].lstrip().startswith("{"),
    "judgements": _is_judgements,
    "table": lambda first, path: 2 * sum("\t" in line for line in first) >= len(first),
}


def columns(line: str, path: Path) -> list[str]:
    """Of a line of judgements. In a .tsv file a name may have blanks in it."""
    cells = line.split("\t") if "\t" in line and _ending(path) == ".tsv" else line.split()
    return [cell.strip() for cell in cells]


def is_header(cells: Sequence[str]) -> bool:
    """Whether they name columns of judgements."""
    return cells[-1].lower() in ("score", "grade", "relevance", "label", "rel")


def _is_judgement(cells: Sequence[str]) -> bool:
    if len(cells) in (3, 4) and not any(" " in cell for cell in cells):
        return _is_number(cells[-1])
    return len(cells) >= 2 and all(map(_is_number, cells))


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(?:\.\d*)?", cell) is not None
