"""Files that somebody hands in: their names made safe, looked at, written beside the documents and renamed.

Does not parse them (what only parsing finds is in the list of documents, with the reason) and does not index.
"""

import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp

from arena.errors import WorkspaceError
from arena.knowledge import Added, AlreadyThere
from rag.blocks import Skipped, Unreadable
from rag.documents import attempt, check_file, document_files
from rag.invisible import visible
from rag.sniff import check_content

ARRIVING = ".arriving-"
"""Folders with a leading dot are passed over by whoever looks for documents."""
LONGEST = 180
"""Bytes of a name: file systems take 255, and "manifest" and archives put something before and behind it."""
FORBIDDEN = re.compile(r'[<>:"|?*]')
"""On Windows, where a workspace may be copied to."""
RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)", re.I)


def take_in(documents: Path, files: Sequence[tuple[str, Path]], replace: bool, max_megabytes: int) -> Added:
    """Copy files, each with the name that its owner gave it, into `documents`. Nobody ever sees half of one.

    Raises:
        AlreadyThere: one would be replaced, and `replace` is not set; none was added.
        WorkspaceError: the disk refuses.
    """
    try:
        documents.mkdir(parents=True, exist_ok=True)
        for left_over in documents.glob(f"{ARRIVING}*"):  # of a server that was killed
            shutil.rmtree(left_over, ignore_errors=True)
        folder = Path(mkdtemp(prefix=ARRIVING, dir=documents))
        try:
            return _taken_in(documents, folder, files, replace, max_megabytes)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise WorkspaceError(
            f"{documents} does not take the files ({error.strerror or error}): allow it with chmod u+w, or make space. "
            "The list shows which are there."
        ) from error


def _taken_in(
    documents: Path, folder: Path, files: Sequence[tuple[str, Path]], replace: bool, max_megabytes: int
) -> Added:
    there = dict(document_files(documents))
    arrived: dict[str, Path] = {}
    refused = []
    for given, path in files:
        shown = visible(given)[:LONGEST]
        name = attempt(shown, lambda given=given: _new_name(given, documents, arrived))  # type: ignore[misc]
        staged = attempt(shown, _staging(folder, path, str(name), max_megabytes)) if isinstance(name, str) else name
        if isinstance(staged, Skipped):
            refused.append((staged.name, staged.reason))
        else:
            arrived[str(name)] = staged
    if not replace and (again := [name for name in arrived if name in there or os.path.lexists(documents / name)]):
        raise AlreadyThere(again)
    for name, staged in arrived.items():
        staged.replace(there.get(name, documents / name))
    return Added(tuple(arrived), tuple(refused), tuple(_namesakes(arrived, there)))


def safe_name(given: str) -> str:
    """The last piece of a path as a name that any system takes and that nothing passes over.

    Raises:
        Unreadable: nothing is left of it.
    """
    piece = visible(unicodedata.normalize("NFC", given)).replace("\\", "/").rstrip("/").rpartition("/")[2]
    piece = FORBIDDEN.sub("_", "".join(each if each.isprintable() else " " for each in piece))
    piece = " ".join(piece.split()).lstrip(".~$ ").rstrip(". ")
    stem, ending = PurePosixPath(piece).stem, PurePosixPath(piece).suffix
    stem = stem.encode()[: max(1, LONGEST - len(ending.encode()))].decode(errors="ignore").strip()
    if not stem:
        raise Unreadable("nothing of its name can be used: rename it")
    return f"_{stem}{ending}" if RESERVED.fullmatch(stem) else f"{stem}{ending}"


def _new_name(given: str, documents: Path, arrived: dict[str, Path]) -> str:
    name = safe_name(given)
    if name in arrived:
        raise Unreadable("a second file of this name in one upload: rename one")
    if (documents / name).is_dir():
        raise Unreadable("a folder of this name is there: rename the file")
    return name


def _staging(folder: Path, path: Path, name: str, max_megabytes: int) -> Callable[[], Path]:
    def staged() -> Path:
        target = folder / name
        with path.open("rb") as source, target.open("xb") as copy:
            shutil.copyfileobj(source, copy)
            copy.flush()
            os.fsync(copy.fileno())
        check_file(folder, target, max_megabytes)
        check_content(target.suffix.lower(), target.read_bytes())
        return target

    return staged


def _namesakes(names: Sequence[str] | dict[str, Path], there: dict[str, Path]) -> list[str]:
    """The same document under two names would be quoted in two versions."""
    notes = []
    for name in names:
        others = [one for one in there if one != name and PurePosixPath(one).name.casefold() == name.casefold()]
        if others:
            notes.append(
                f"{', '.join(others)} has the same name as {name}, and both are used: delete what is outdated."
            )
    return notes
