"""The index on a disk that refuses: the old generation stays, and the reason is told."""

import subprocess
import sys
import tempfile
from pathlib import Path

import faiss
import numpy
import pytest

from rag import store
from tests.storage.conftest import without_privileges

ROOT = Path(__file__).parents[2]


def generation() -> store.Stored:
    """No chunks: what a refusing disk does is the same, and nothing needs embedding."""
    return store.Stored((), faiss.IndexFlatIP(8), numpy.zeros((0, 8), numpy.float32), (), 0)


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy
from rag import store
from tests.rag.test_store import generation
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
large = generation()
large.vectors.add(numpy.zeros((1000, 8), numpy.float32))
print(store.save(Path(sys.argv[1]), "new", large))
"""


@pytest.mark.parametrize("limit", [0, 10_000])
def test_a_full_disk_leaves_the_old_generation_and_says_why(limit: int, tmp_path: Path) -> None:
    assert store.save(tmp_path, "old", generation()) is None
    script = [sys.executable, "-B", "-c", FULL_DISK, str(tmp_path), str(limit)]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert isinstance(store.load(tmp_path, "old"), store.Stored)


def test_a_read_only_folder_leaves_the_old_generation_and_says_why() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assert store.save(folder, "old", generation()) is None
        folder.chmod(0o555)
        with without_privileges():
            assert store.save(folder, "new", generation()) == "Permission denied"
            assert isinstance(store.load(folder, "old"), store.Stored)
