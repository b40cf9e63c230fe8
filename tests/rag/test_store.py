"""The index on a disk that refuses: the old one stays, and the reason is told. One writer at a time."""

import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy
import pytest

from rag import store
from rag.parts import Part
from rag.sections import Chunk
from tests.storage.conftest import without_privileges

ROOT = Path(__file__).parents[2]
KEY = "0" * 32


def part(chunks: int = 1) -> Part:
    vectors = numpy.full((chunks, 4), 0.5, numpy.float32)
    return Part((Chunk("", "Start", "Lamps", "It glows.", ("It glows.",)),) * chunks, vectors, vectors)


def save(folder: Path, name: str, chunks: int = 1) -> str | None:
    """One document that is indexed; why the disk refused."""
    data = part(chunks).packed()
    held = store.File(name, "digest", 9, (store.Held(name, KEY, 9),))
    with store.Writer(folder, lambda: None) as writer:
        writer.part(KEY, data)
        writer.commit(store.Manifest("[]", (held,), {KEY: store.Stamp.of(data, part(chunks))}))
    return writer.refused


def names(folder: Path) -> list[str]:
    manifest = store.load(folder)
    assert isinstance(manifest, store.Manifest)
    return [file.name for file in manifest.files]


FULL_DISK = """
import resource, sys
from pathlib import Path
from tests.rag.test_store import save
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
print(save(Path(sys.argv[1]), "new", 1000))
"""


@pytest.mark.parametrize("limit", [0, 10_000])
def test_a_full_disk_leaves_the_old_index_and_says_why(limit: int, tmp_path: Path) -> None:
    assert save(tmp_path, "old") is None
    script = [sys.executable, "-B", "-c", FULL_DISK, str(tmp_path), str(limit)]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert names(tmp_path) == ["old"]
    assert isinstance(store.load_part(tmp_path, KEY), tuple)
    assert not list(tmp_path.rglob("*.new"))


def test_a_read_only_folder_leaves_the_old_index_and_says_why() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        assert save(folder, "old") is None
        folder.chmod(0o555)
        with without_privileges():
            assert save(folder, "new") == "Permission denied"
            assert names(folder) == ["old"]


@pytest.mark.parametrize("spoilt", ["rows", "not finite", "length", "width"])
def test_a_part_that_cannot_be_compared_is_not_taken(spoilt: str, tmp_path: Path) -> None:
    good = part(2)
    bad = {
        "rows": Part(good.chunks, good.vectors[:1], good.sentence_vectors),
        "not finite": Part(good.chunks, good.vectors, good.sentence_vectors * numpy.float32("inf")),
        "length": Part(good.chunks, good.vectors * 2, good.sentence_vectors),
        "width": Part(good.chunks, good.vectors, numpy.zeros((2, 3), numpy.float32)),
    }[spoilt]
    with store.Writer(tmp_path, lambda: None) as writer:
        writer.part(KEY, bad.packed())
    said = {"rows": "shape (1, 4) for 2 passages", "not finite": "not finite", "length": "2.000", "width": "4 and of 3"}
    assert said[spoilt] in str(store.load_part(tmp_path, KEY))


def test_packing_twice_gives_the_same_bytes_and_unpacking_the_same_part(tmp_path: Path) -> None:
    assert part().packed() == part().packed()
    with store.Writer(tmp_path, lambda: None) as writer:
        writer.part(KEY, part().packed())
    loaded = store.load_part(tmp_path, KEY, store.Stamp.of(part().packed(), part()))
    assert isinstance(loaded, tuple) and loaded[0].chunks == part().chunks


def test_the_second_writer_waits_and_says_so(tmp_path: Path) -> None:
    waits = threading.Event()

    def second() -> None:
        with store.Writer(tmp_path, waits.set) as writer:
            entered.append(writer.waited)

    entered: list[bool] = []
    thread = threading.Thread(target=second)
    with store.Writer(tmp_path, lambda: None):
        thread.start()
        assert waits.wait(5)
        assert entered == []
    thread.join(5)
    assert entered == [True]


def test_a_moved_archive_keeps_what_is_in_it() -> None:
    file = store.File("a.zip", "digest", 9, (store.Held("a.zip/b/c.md", KEY, 4),))
    moved = file.renamed("box/new.zip")
    assert (moved.name, moved.documents[0].name) == ("box/new.zip", "box/new.zip/b/c.md")
