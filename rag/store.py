"""The index on disk: a manifest, and for each document a part with its chunks and vectors. No pickle: JSON and npz.

A part is named by what it is made from and never changes; replacing the manifest is the one step that makes an index
the current one. So a kill leaves the old index or the new one, and the next build finds what was embedded already.
Does not embed, and does not know where documents lie.
"""

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout

from rag.blocks import Skipped
from rag.parts import Part, unpacked

log = logging.getLogger(__name__)

MANIFEST, PARTS, LOCK = "manifest.json", "parts", "lock"
NOT_THERE = "there was none"
OLD_LAYOUT = re.compile(r"[0-9a-f]{20}|building-.*")
"""Folders that earlier versions wrote, one per generation."""
POLL = 0.5
"""Seconds between two looks at a lock that somebody else holds."""


@dataclass(frozen=True)
class Held:
    """A document that a file holds: itself, or one of an archive. `part` is the key of its part, `size` in bytes,
    `note` what of it was not read."""

    name: str
    part: str
    size: int
    note: str = ""


@dataclass(frozen=True)
class File:
    """A file below documents/ with the hash of its content, and what became of it."""

    name: str
    digest: str
    size: int
    documents: tuple[Held, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def renamed(self, name: str) -> "File":
        """The same content under another name, which what is in an archive has in its own."""
        documents = tuple(replace(held, name=name + held.name[len(self.name) :]) for held in self.documents)
        skipped = tuple(replace(item, name=name + item.name[len(self.name) :]) for item in self.skipped)
        return replace(self, name=name, documents=documents, skipped=skipped)


@dataclass(frozen=True)
class Stamp:
    """What is known of a part without reading it: the hash of its file, and how many chunks are in it."""

    checksum: str
    chunks: int

    @classmethod
    def of(cls, data: bytes, part: Part) -> "Stamp":
        """The stamp of a part that is packed as `data`."""
        return cls(hashlib.sha256(data).hexdigest(), len(part.chunks))


@dataclass(frozen=True)
class Manifest:
    """What an index consists of. `shape` tells everything but the documents that decides what is in it."""

    shape: str
    files: tuple[File, ...]
    parts: dict[str, Stamp]

    @cached_property
    def identity(self) -> str:
        """Hash of all that went in: equal identities give equal answers."""
        return identity_of(self.shape, [(file.name, file.digest) for file in self.files])

    @property
    def documents(self) -> list[Held]:
        """In the order in which their chunks are numbered."""
        return [held for file in self.files for held in file.documents]

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        return tuple(item for file in self.files for item in file.skipped)

    @property
    def read_in_part(self) -> tuple[Skipped, ...]:
        """Documents of which something was not read, with what."""
        return tuple(Skipped(held.name, held.note) for held in self.documents if held.note)

    def without(self, names: Collection[str]) -> "Manifest":
        """The manifest of an index that never saw the files of these names."""
        files = tuple(file for file in self.files if file.name not in names)
        wanted = {held.part for file in files for held in file.documents}
        return Manifest(self.shape, files, {key: stamp for key, stamp in self.parts.items() if key in wanted})


def identity_of(shape: str, files: Collection[tuple[str, str]]) -> str:
    """The identity of an index of this shape over files of these names and digests."""
    digest = hashlib.sha256(shape.encode())
    for pair in files:
        digest.update(json.dumps(pair).encode())
    return digest.hexdigest()[:20]


def load(folder: Path) -> Manifest | str:
    """The manifest of the current index, or why there is none."""
    try:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        body = told["index"]
        if _checksum(body) != told["checksum"]:
            return f"{MANIFEST} was damaged"
        files = tuple(
            File(
                **{key: row[key] for key in ("name", "digest", "size")},
                documents=tuple(Held(**held) for held in row["documents"]),
                skipped=tuple(Skipped(**item) for item in row["skipped"]),
            )
            for row in body["files"]
        )
        return Manifest(body["shape"], files, {key: Stamp(**stamp) for key, stamp in body["parts"].items()})
    except (FileNotFoundError, NotADirectoryError):
        before = folder.iterdir() if folder.is_dir() else ()
        return "made by another version" if any(OLD_LAYOUT.fullmatch(path.name) for path in before) else NOT_THERE
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("index %s cannot be read: %s", folder, error)
        return f"it could not be read ({type(error).__name__})"


def load_part(folder: Path, key: str, stamp: Stamp | None = None) -> tuple[Part, Stamp] | str:
    """The part of this key, or what is wrong with it. When it has no stamp yet, as after a kill, its own checksums
    have to do."""
    try:
        data = part_path(folder, key).read_bytes()
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"could not be read ({error.strerror})"
    if stamp and hashlib.sha256(data).hexdigest() != stamp.checksum:
        return "was damaged"
    part = unpacked(data)
    if isinstance(part, str):
        return part
    if stamp and stamp.chunks != len(part.chunks):
        return f"has {len(part.chunks)} passages where the manifest says {stamp.chunks}"
    return part, Stamp.of(data, part)


def part_path(folder: Path, key: str) -> Path:
    return folder / PARTS / f"{key}.npz"


def vectors_path(folder: Path, manifest: Manifest) -> Path:
    """Where the passage vectors of this index are kept arranged for search, if there are many (`vectors.py`)."""
    return folder / f"vectors-{manifest.identity}.faiss"


class Writer:
    """Changes an index: `with Writer(folder, waiting) as writer`. One process at a time; `waiting` is called as long as
    another one has it, and `waited` tells that one had. `refused` tells why the disk does not take anything: what is
    written then is dropped without an error."""

    def __init__(self, folder: Path, waiting: Callable[[], None]) -> None:
        self.folder, self._waiting = folder, waiting
        self.refused: str | None = None
        self.waited = False
        self._lock: FileLock | None = None

    def __enter__(self) -> "Writer":
        with self._refusal():
            (self.folder / PARTS).mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / LOCK)
            try:
                self._acquire(lock)
                self._lock = lock
            except NotImplementedError:
                # Some network disks cannot lock. Each file is still replaced whole, and a part that the other
                # process cleared away is only embedded again.
                log.warning("%s cannot be locked: let one process index at a time", self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release()

    def part(self, key: str, data: bytes) -> None:
        """Keep a packed part for this index or, after a kill, for the next build."""
        if self.refused:
            return
        with self._refusal():
            _replace(part_path(self.folder, key), data, durable=False)

    def commit(self, manifest: Manifest) -> None:
        """Make this the current index, then clear away what no longer belongs to it."""
        if self.refused:
            return
        body = {
            "shape": manifest.shape,
            "files": [asdict(file) for file in manifest.files],
            "parts": {key: asdict(stamp) for key, stamp in sorted(manifest.parts.items())},
        }
        text = json.dumps({"checksum": _checksum(body), "index": body}, indent=1)
        with self._refusal():
            _replace(self.folder / MANIFEST, text.encode(), durable=True)
            _clear(self.folder, manifest)

    def _acquire(self, lock: FileLock) -> None:
        while True:
            try:
                lock.acquire(timeout=POLL if self.waited else 0)
                return
            except Timeout:
                self.waited = True
                self._waiting()

    @contextlib.contextmanager
    def _refusal(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            log.warning("index not saved in %s: %s", self.folder, error)
            self.refused = self.refused or error.strerror or str(error)


def tidy(folder: Path, manifest: Manifest) -> None:
    """Clear away what a kill left beside the current index: it may be of a document that was deleted. Left for later
    while another process writes, or when the disk refuses."""
    with contextlib.suppress(OSError, Timeout, NotImplementedError):
        if any(_left_over(folder, manifest)):
            with FileLock(folder / LOCK, timeout=0):
                if load(folder) == manifest:
                    _clear(folder, manifest)


def _left_over(folder: Path, manifest: Manifest) -> Iterator[Path]:
    wanted = {part_path(folder, key) for key in manifest.parts}
    yield from (path for path in (folder / PARTS).iterdir() if path not in wanted)
    arranged = vectors_path(folder, manifest)
    others = (path for path in folder.glob("vectors-*") if path != arranged)
    yield from (*others, *(path for path in folder.iterdir() if OLD_LAYOUT.fullmatch(path.name)))


def _clear(folder: Path, manifest: Manifest) -> None:
    for path in list(_left_over(folder, manifest)):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


def _replace(path: Path, data: bytes, durable: bool) -> None:
    """Write a file so that nobody ever sees half of it. `durable`: on the disk before the old one is gone, for a
    power cut; parts need not be, their checksums tell."""
    new = path.with_name(f"{path.name}.new")
    try:
        with new.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()
        raise


def _checksum(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
