"""Everything that people said and what they judged, as files, and back: FILE.csv, .jsonl, .parquet, a folder or a .zip.

One file holds all tables, one below the other. A folder holds `votes`, which is for reading (a row for each vote, with
question and both answers), `about.json`, and in `tables/` a file for each table, which is what is imported.
"""

import json
import shutil
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from arena.comparison import Comparison, Vote, preferred
from arena.errors import ImportRefused, StorageError
from storage import sheets
from storage.backups import snapshot
from storage.database import Database
from storage.history import DatabaseHistory
from storage.merging import Merged, merge
from storage.migrate import HEAD
from storage.records import EXPORTED, Record, pseudonyms, records, renamed
from storage.sheets import ENDINGS, Placed, read, write

ABOUT = "about.json"
TABLES = "tables"
ZIP = ".zip"
FORMAT = 1
FORMS = f"a file that ends in {', '.join(ENDINGS)} or {ZIP}, or a folder"

Voted = tuple[Comparison, Sequence[Vote]]


def export(database: Database, target: Path, ending: str = ".csv", key: bytes | None = None) -> Counter[str]:
    """Write everything to `target` and return the rows by table. Half a file is never left: it is renamed when whole.

    `ending`: the format of the files in a folder or .zip. `key`: replaces names by pseudonyms made with it.

    Raises:
        StorageError: an unknown ending, a folder with other things in it, or the disk refuses.
    """
    counts: Counter[str] = Counter()

    def counted(found: Iterable[Record]) -> Iterator[Record]:
        for table, row in found:
            counts[table] += 1
            yield table, row

    _refuse_target(target, ending)
    with snapshot(database) as seen:

        def everything() -> Iterator[Record]:
            with seen.reading() as connection:
                found = records(connection)
                yield from counted(renamed(found, pseudonyms(key)) if key is not None else found)

        with _written(target) as work:
            if target.suffix.lower() in ENDINGS:
                write(work, everything())
            else:
                folder = work if target.suffix.lower() != ZIP else work.with_suffix(".tables")
                _fill(folder, ending, everything(), flat(voted(seen), key), counts)
                if folder != work:
                    _packed(folder, work)
    return counts


def import_(database: Database, source: Path) -> Merged:
    """Take what `export` wrote, without doubling anything.

    Raises:
        ImportRefused: it cannot be read; nothing of it was taken.
        StorageError: the database refuses.
    """
    with database.writing() as connection:
        return merge(connection, found_in(source))


def found_in(source: Path) -> Iterator[Placed]:
    """The records of an export, whatever its form."""
    if source.suffix.lower() == ZIP and source.is_file():
        with tempfile.TemporaryDirectory() as folder:
            _unpack(source, Path(folder))
            yield from found_in(Path(folder))
    elif source.is_dir():
        yield from _found_in_folder(source)
    elif source.suffix.lower() in ENDINGS:
        yield from read(source)
    else:
        raise ImportRefused(f"{source} is no export: name {FORMS}.")


def voted(database: Database) -> list[Voted]:
    """Every comparison with its current votes, oldest first."""
    return DatabaseHistory(database).voted()


def flat(found: Iterable[Voted], key: bytes | None = None) -> Iterator[dict[str, Any]]:
    """For reading: a row for each vote, and one for a comparison that nobody voted on."""
    named: Callable[[str], str] = pseudonyms(key) if key is not None else str
    for comparison, votes in found:
        for vote in votes or (None,):
            yield _flat_row(comparison, vote, named)


def _flat_row(comparison: Comparison, vote: Vote | None, named: Callable[[str], str]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "asked_at": comparison.asked_at,
        "question": comparison.question,
        "annotator": named(vote.annotator) if vote else "",
        "choice": vote.choice.value if vote else "",
        "preferred": (preferred(comparison, vote) or "") if vote else "",
        "reasons": ", ".join(vote.reasons) if vote else "",
        "reason": vote.reason if vote else "",
        "correct_answer": vote.correct_answer if vote else "",
        "names_hidden": vote.blind if vote else comparison.blind,
        "seconds": vote.seconds if vote else None,
        "cast_at": vote.cast_at if vote else None,
        "asked_by": named(comparison.asked_by),
    }
    for side, name in (("left", comparison.left), ("right", comparison.right)):
        answer = comparison.answers.get(name)
        row[side] = name
        row[f"{side}_answer"] = answer.text if answer else ""
        row[f"{side}_failure"] = (answer.failure or "") if answer else ""
        row[f"{side}_total_seconds"] = answer.timings.total if answer else None
    return {**row, "comparison": comparison.id, "vote": vote.id if vote else ""}


def _fill(folder: Path, ending: str, found: Iterable[Record], readable: Iterable[Any], counts: Counter[str]) -> None:
    (folder / TABLES).mkdir(parents=True)
    for table, of_table in groupby(found, lambda record: record[0]):
        write(folder / TABLES / f"{table}{ending}", of_table, table)
    for table in EXPORTED:
        if not counts[table]:
            write(folder / TABLES / f"{table}{ending}", (), table)
    sheets.write_readable(folder / f"votes{ending}", readable)
    about = {"format": FORMAT, "made_at": datetime.now(UTC).isoformat(), "tables": HEAD, "rows": counts}
    (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def _found_in_folder(folder: Path) -> Iterator[Placed]:
    if not (folder / ABOUT).is_file():
        raise ImportRefused(f"{folder} is no export: it has no {ABOUT}. Name {FORMS} that `export` wrote.")
    for table in EXPORTED:
        for ending in ENDINGS:
            if (path := folder / TABLES / f"{table}{ending}").is_file():
                yield from read(path, table)


def _refuse_target(target: Path, ending: str) -> None:
    if ending not in ENDINGS:
        raise StorageError(f"There is no format '{ending}': use one of {', '.join(ENDINGS)}.")
    if target.suffix and target.suffix.lower() not in (*ENDINGS, ZIP) and not target.is_dir():
        raise StorageError(f"{target} has an unknown ending: name {FORMS}.")
    if target.is_dir() and any(target.iterdir()) and not (target / ABOUT).is_file():
        raise StorageError(f"{target} has other things in it: choose an empty or a new folder.")
    if not target.parent.is_dir():
        raise StorageError(f"There is no folder {target.parent}: make it, or choose another place.")


@contextmanager
def _written(target: Path) -> Iterator[Path]:
    """A path beside `target` that takes its place once it is whole."""
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
            work = Path(folder) / (target.name or "export")
            yield work
            if target.is_dir():
                shutil.rmtree(target)
            work.replace(target)
    except OSError as error:
        raise StorageError(
            f"{target} cannot be written ({error.strerror}): choose a place that can be written to and has space."
        ) from error


def _packed(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*.*")):
            packed.write(path, path.relative_to(folder))


def _unpack(source: Path, folder: Path) -> None:
    """Only the files that an export has, whatever else is in it."""
    known = {ABOUT, *(f"{TABLES}/{table}{ending}" for table in EXPORTED for ending in ENDINGS)}
    try:
        with zipfile.ZipFile(source) as packed:
            for name in known & set(packed.namelist()):
                packed.extract(name, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as error:  # RuntimeError: a password
        raise ImportRefused(f"{source} cannot be unpacked ({error}): export anew.") from None
