"""Zip files, read in memory: what may be unpacked, and the members of an archive as documents of their own.

Writes nothing to disk, so a member's name is only a name. Does not open an archive within an archive.
"""

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rag.blocks import Unreadable

MAX_MEMBERS = 5_000
MAX_UNPACKED = 500_000_000
"""Bytes, of all members together. Python never unpacks more of a member than the archive says it has."""
WAY_OUT = "unpack it into the documents folder and keep what people ask about"
ENTRY = b"PK\x01\x02"


@dataclass(frozen=True)
class Member:
    """A file of an archive; `name` is its path in there, without what would lead out of it."""

    name: str
    read: Callable[[], bytes]


def open_zip(data: bytes) -> zipfile.ZipFile:
    """The zip file; Office files and EPUB books are some, too.

    Raises:
        Unreadable: damaged, or more in it than a document has.
    """
    # Opening makes an object of every entry. Twice as many: a zip stored in this one has entries as well.
    if data.count(ENTRY) > 2 * MAX_MEMBERS:
        raise Unreadable(f"more than {MAX_MEMBERS:,} files in it: {WAY_OUT}")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise Unreadable(f"damaged: cut off or not a whole zip file ({error}); copy it here again") from error
    size = sum(entry.file_size for entry in archive.infolist())
    if size > MAX_UNPACKED:
        raise Unreadable(f"unpacks to {size:,} bytes; the limit is {MAX_UNPACKED:,}: {WAY_OUT}")
    return archive


def read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo | str) -> bytes:
    """The bytes of one entry.

    Raises:
        Unreadable: encrypted, damaged, not there, or packed in a way that Python does not know.
    """
    try:
        entry = archive.getinfo(entry) if isinstance(entry, str) else entry
        if entry.flag_bits & 1:
            raise Unreadable("encrypted: pack it without a password")
        return archive.read(entry)
    except NotImplementedError as error:
        raise Unreadable(f"packed in an unknown way ({error}): pack it as an ordinary zip file") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError) as error:
        raise Unreadable(f"damaged: {error}; pack or copy it again") from error


def members(data: bytes, max_megabytes: int) -> Iterator[Member]:
    """The files of an archive in the order of their names, hidden ones left out. `read` raises `Unreadable`."""
    archive = open_zip(data)
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MAX_MEMBERS:
        raise Unreadable(f"{len(entries):,} files in it; the limit is {MAX_MEMBERS:,}: {WAY_OUT}")
    named = sorted(((_harmless(entry), entry) for entry in entries), key=lambda pair: pair[0])
    named = [(name, entry) for name, entry in named if name and not _hidden(name)]
    if not named:
        raise Unreadable("no documents in it: pack some that are not hidden, or delete it")
    unpacked = 0
    taken: set[str] = set()

    def read(name: str, entry: zipfile.ZipInfo) -> bytes:
        nonlocal unpacked
        if name in taken:
            raise Unreadable("a second file of this name in the archive: rename one")
        taken.add(name)
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise Unreadable("a link: put the file itself into the archive")
        if entry.file_size > max_megabytes * 1_000_000:
            megabytes = entry.file_size / 1_000_000
            raise Unreadable(
                f"{megabytes:.0f} MB; the limit is {max_megabytes} MB (rag.max_file_megabytes): split it, or raise that"
            )
        content = read_entry(archive, entry)
        # Office files unpack further: many small ones may be large together.
        unpacked += _unpacked_size(content)
        if unpacked > MAX_UNPACKED:
            raise Unreadable(f"the archive's files unpack to more than {MAX_UNPACKED:,} bytes: {WAY_OUT}")
        return content

    for name, entry in named:
        yield Member(name, lambda name=name, entry=entry: read(name, entry))  # type: ignore[misc]


def _harmless(entry: zipfile.ZipInfo) -> str:
    """The name with forward slashes, without drive, `.` and `..`, on one line."""
    name = entry.filename
    if not entry.flag_bits & 0x800:
        # Many programs write UTF-8 and do not say so.
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = entry.filename
    name = "".join(character if character.isprintable() else " " for character in name)
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..") and not re.fullmatch("[A-Za-z]:", part))


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "~$", "__MACOSX")) for part in name.split("/"))


def _unpacked_size(content: bytes) -> int:
    if not content.startswith(b"PK\x03\x04"):
        return len(content)
    with open_zip(content) as inner:
        return sum(entry.file_size for entry in inner.infolist())
