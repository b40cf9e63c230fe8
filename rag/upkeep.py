"""What a person asks of an index and does to it: which documents are in it, whether it is sound, take one out.

Does not build (opening does) and does not print (`commands.py` does).
"""

import contextlib
import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from arena.errors import WorkspaceError
from rag import store, vectors
from rag.build import shape_of
from rag.documents import document_files, is_archive, scan
from rag.embedder import Embedder
from rag.index import changes_since
from rag.settings import Settings

State = Literal["indexed", "new", "changed", "deleted", "skipped"]


@dataclass(frozen=True)
class Row:
    """A document, or a file that is none. `state`: "new" and "changed" await the next build, "deleted" is in the index
    and no longer on the disk, "skipped" has a `reason`, and "indexed" has one where a part of it was not read. `chunks`
    is None where nobody has counted; `size` in bytes."""

    name: str
    state: State
    size: int
    chunks: int | None = None
    reason: str = ""


def listing(workspace: Path, settings: Settings) -> list[Row]:
    """Every document, by name. Opens neither the embedder nor the vectors."""
    scanned = scan(workspace / "documents", settings.max_file_megabytes)
    manifest = _manifest(workspace)
    changes = changes_since(manifest, scanned) if manifest else {found.name: "new" for found in scanned}
    rows = []
    for found in scanned:
        if found.left_out:
            rows.append(Row(found.name, "skipped", found.size, reason=found.left_out))
        elif changes.get(found.name) == "new":
            rows.append(Row(found.name, "new", found.size))
    left_out = {found.name for found in scanned if found.left_out}
    for file in manifest.files if manifest else ():
        if manifest and file.name not in left_out:
            rows += _rows(file, manifest, changes.get(file.name))
    return sorted(rows, key=lambda row: row.name)


def _rows(file: store.File, manifest: store.Manifest, change: str | None) -> Iterator[Row]:
    state: State = "changed" if change == "changed" else "deleted" if change == "deleted" else "indexed"
    for held in file.documents:
        note = held.note if state == "indexed" else ""
        yield Row(held.name, state, held.size, manifest.parts[held.part].chunks, note)
    if state != "deleted":
        for item in file.skipped:
            yield Row(item.name, "skipped", file.size if item.name == file.name else 0, reason=item.reason)


def faults(workspace: Path, embedder: Embedder, settings: Settings) -> list[str]:
    """What is wrong with the index, measured by the documents and by itself, in words; empty when it is sound."""
    folder = workspace / "index"
    manifest = store.load(folder)
    if isinstance(manifest, str):
        return [f"no index in {folder}: {manifest}"]
    found = []
    if manifest.shape != shape_of(embedder, settings):
        wanted = shape_of(embedder, settings)
        found.append(f"made with other settings or another embedder: {manifest.shape}, now {wanted}")
    changes = changes_since(manifest, scan(workspace / "documents", settings.max_file_megabytes))
    found += [f"{name}: {change} since the index was made" for name, change in sorted(changes.items())]
    width = embedder.encode([]).shape[1]
    for held in manifest.documents:
        stamp = manifest.parts.get(held.part)
        if fault := _part_fault(folder, held.part, stamp, width):
            found.append(f"{held.name}: what was stored of it ({store.part_path(folder, held.part)}) {fault}")
    return found + _vectors_faults(folder, manifest)


def _vectors_faults(folder: Path, manifest: store.Manifest) -> list[str]:
    """Where passages are few, or were not searched yet, there is no such file, and nothing wrong."""
    path = store.vectors_path(folder, manifest)
    count = sum(manifest.parts[held.part].chunks for held in manifest.documents if held.part in manifest.parts)
    found = vectors.fault(path, count) if path.exists() else None
    return [f"what is arranged for search ({path}): {found}. Delete it: it is made again"] if found else []


def _part_fault(folder: Path, key: str, stamp: store.Stamp | None, width: int) -> str | None:
    if stamp is None:
        return "is not in the manifest"
    loaded = store.load_part(folder, key, stamp)
    if isinstance(loaded, str):
        return loaded
    found = loaded[0].vectors.shape[1]
    return f"has vectors of {found} numbers; the embedder gives {width}" if found != width else None


def file_named(workspace: Path, name: str) -> str:
    """The file below documents/ that a person means by `name`, which may also be a path to it.

    Raises:
        WorkspaceError: no such file, or a document within an archive.
    """
    folder = workspace / "documents"
    manifest = _manifest(workspace)
    known = {found for found, _ in document_files(folder)}
    known |= {file.name for file in (manifest.files if manifest else ())}
    given = [name]
    with contextlib.suppress(ValueError, OSError):
        given.append(Path(name).resolve().relative_to(folder.resolve()).as_posix())
    for candidate in given:
        if candidate in known:
            return candidate
        for parent in PurePosixPath(candidate).parents:
            if is_archive(str(parent)) and str(parent) in known:
                raise WorkspaceError(
                    f"{candidate} is inside {parent}, and an archive is not changed: delete all of it with "
                    f"`python -m rag delete {workspace} {parent}`, or pack it again without that document."
                )
    near = difflib.get_close_matches(name, known, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise WorkspaceError(
        f"There is no file '{name}' in {folder}.{meant} `python -m rag list {workspace}` shows what there is."
    )


def delete(workspace: Path, name: str, waiting: Callable[[], None]) -> str:
    """Remove a file from documents/ and what is in it from the index, and say what was done. `name` as `file_named`
    gives it; `waiting` is called while another process indexes. Embeds nothing.

    Raises:
        WorkspaceError: the disk refuses.
    """
    remove_file(workspace / "documents", name)
    folder = workspace / "index"
    if not folder.is_dir():
        return f"{name} deleted; there is no index."
    with store.Writer(folder, waiting) as writer:
        manifest = store.load(folder)
        if isinstance(manifest, str) and manifest != store.NOT_THERE:
            return f"{name} deleted; the index cannot be read ({manifest}): `python -m rag index {workspace}` mends it."
        held = [] if isinstance(manifest, str) else [file for file in manifest.files if file.name == name]
        if held and not isinstance(manifest, str):
            writer.commit(manifest.without({name}))
    if writer.refused:
        raise WorkspaceError(
            f"{name} is deleted, but the index in {folder} cannot be changed ({writer.refused}). No answer shows the "
            f"document; `python -m rag index {workspace}` takes it out when the folder can be written to."
        )
    if not held:
        return f"{name} deleted; it was not in the index."
    count = sum(len(file.documents) for file in held)
    return f"{name} deleted, and {count} {'document' if count == 1 else 'documents'} of it from the index."


def remove_file(documents: Path, name: str) -> None:
    """The file alone; what an index has of it is left out of answers from then on. Raises as `delete` does."""
    path = dict(document_files(documents)).get(name, documents / name)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be deleted ({error.strerror}): allow it with chmod u+w {path.parent}."
        ) from error


def _manifest(workspace: Path) -> store.Manifest | None:
    loaded = store.load(workspace / "index")
    return None if isinstance(loaded, str) else loaded
