"""Which documents a search may look in: by name, type and date. Does not search: `retrieve.py` does, in these alone.

A document's date is what its name says (minutes-2026-09-17.txt, prices-2026-09.pdf is all of that month), else what the
front matter of a Markdown file says (`date: 2026-09-17`), else when its file was changed. In this order because a name
and a text stay what they are when files are copied, unpacked or checked out, and the file system's date does not.
Documents in an archive have the archive's date unless their names tell one.
"""

import difflib
import re
from calendar import monthrange
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import numpy

from arena.errors import WorkspaceError
from arena.knowledge import Within
from rag.documents import PARSERS, document_files
from rag.index import Index

Period = tuple[date, date]
DATED = re.compile(r"(?<!\d)((?:19|20)\d\d)(?:[-_.](\d\d)(?:[-_.](\d\d))?|(\d\d)(\d\d))(?!\d)")
"""2026-09-17, 2026_09, 20260917. A year alone may be a product's number."""
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.S)
DATE_LINE = re.compile(r"^date:\s*[\"']?(\d[\d._-]+)", re.I | re.M)
FRONT_MATTER_BYTES = 4096


@dataclass(frozen=True)
class Filter(Within):
    """Narrows a search down. `documents`: names as `list` shows them, folders or archives of them, or patterns; a
    document whose period overlaps with `since` and `until` is in."""

    def __post_init__(self) -> None:
        known = {ending.removeprefix(".") for ending in PARSERS}
        object.__setattr__(self, "types", tuple(kind.lower().removeprefix(".") for kind in self.types))
        for kind in self.types:
            if kind not in known:
                raise WorkspaceError(f"There is no type '{kind}': use one of {', '.join(sorted(known))}.")
        if self.since and self.until and self.since > self.until:
            raise WorkspaceError(f"Nothing is since {self.since} and until {self.until}: exchange the two dates.")

    def chunks(self, index: Index) -> numpy.ndarray:
        """For each chunk of the index whether it may be found."""
        within = self.matching(index)
        return numpy.array([chunk.document in within for chunk in index.chunks], dtype=bool)

    def matching(self, index: Index) -> set[str]:
        """The documents of the index that match.

        Raises:
            WorkspaceError: a name in `documents` that matches none.
        """
        files = {held.name: file.name for file in index.manifest.files for held in file.documents}
        within = {name for name in files if not self.types or PurePosixPath(name).suffix.lower()[1:] in self.types}
        if self.documents:
            within &= {name for wanted in self.documents for name in _named(wanted, files)}
        if self.since or self.until:
            paths = dict(document_files(index.documents))
            within = {
                name for name in within if self._in_time(period(name, paths.get(files[name], index.documents / name)))
            }
        return within

    def _in_time(self, of: Period) -> bool:
        first, last = of
        return (self.since is None or last >= self.since) and (self.until is None or first <= self.until)


def _named(wanted: str, names: Collection[str]) -> set[str]:
    folder = wanted.rstrip("/") + "/"
    found = {name for name in names if name == wanted or name.startswith(folder) or fnmatchcase(name, wanted)}
    if not found:
        near = difflib.get_close_matches(wanted, names, 1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise WorkspaceError(
            f"No document is named '{wanted}'.{meant} The Knowledge page and `python -m rag list` show what there is."
        )
    return found


def period(name: str, file: Path) -> Period:
    """First and last day of what a document is about; `file` is the one that holds it."""
    return _in_name(name) or _front_matter(file) or _changed(file)


def _in_name(name: str) -> Period | None:
    """The last one that is a date: a file's own comes after its folders'."""
    found = [_period(*match.groups()) for match in DATED.finditer(name)]
    return next((each for each in reversed(found) if each), None)


def _period(
    year: str, month: str | None, day: str | None, month_close: str | None, day_close: str | None
) -> Period | None:
    month, day = month or month_close, day or day_close
    try:
        first = date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None  # 2026-13 is no date
    return (first, first) if day else (first, first.replace(day=monthrange(first.year, first.month)[1]))


def _front_matter(file: Path) -> Period | None:
    if file.suffix.lower() != ".md":
        return None
    try:
        with file.open("rb") as opened:
            top = opened.read(FRONT_MATTER_BYTES).decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    except OSError:
        return None
    found = FRONT_MATTER.match(top)
    dated = DATE_LINE.search(found.group()) if found else None
    return _in_name(dated.group(1)) if dated else None


def _changed(file: Path) -> Period:
    try:
        day = datetime.fromtimestamp(file.stat().st_mtime).date()
    except OSError:
        day = date.min  # it is being deleted
    return day, day
