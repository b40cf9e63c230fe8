"""kill -9 at any moment leaves the old index or the new one; two processes at once make one index."""

import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from rag import store
from rag.index import WAITING, Index, open_or_build
from tests.rag.indexing_process import ToyEmbedder

ROOT = Path(__file__).parents[2]
KILLS = 50
Process = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    """Runs indexing processes, and says how they ended."""
    command = [sys.executable, "-B", "-m", "tests.rag.indexing_process"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # a process with threads is not forked well
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as forking:
        assert forking.stdin and forking.stdout

        def run(workspace: Path, **how: float) -> list[dict[str, Any]]:
            assert forking.stdin and forking.stdout
            forking.stdin.write(json.dumps({"workspace": str(workspace), **how}) + "\n")
            forking.stdin.flush()
            return list(json.loads(forking.stdout.readline()))

        yield run
        forking.stdin.close()


def write(documents: Path, version: str) -> None:
    """Version b has documents that a has not, and the other way round; half are the same in both."""
    shutil.rmtree(documents, ignore_errors=True)
    documents.mkdir(parents=True)
    for number in range(16):
        sections = [f"## Section {part}\n\nItem {number} has {part} parts. It is green." for part in range(4)]
        if number % 4 == 0:
            sections.append(f"## Version\n\nThis is version {version} of item {number}.")
        name = f"{version}{number}.md" if number % 4 == 1 else f"{number}.md"
        (documents / name).write_text("\n\n".join([f"# Item {number}", *sections]))
    with zipfile.ZipFile(documents / "box.zip", "w") as archive:
        # Dated, so that the archive is the same whenever it is written.
        archive.writestr(zipfile.ZipInfo("same.md"), "It is the same in both.")
        archive.writestr(zipfile.ZipInfo("other.md"), f"It is of version {version}.")


def assert_stored(folder: Path, references: dict[str, Index]) -> None:
    """What lies on the disk is one of these indexes, whole."""
    manifest = store.load(folder)
    assert isinstance(manifest, store.Manifest), manifest
    whole = references[manifest.identity]
    parts = [store.load_part(folder, held.part, manifest.parts[held.part]) for held in manifest.documents]
    assert not [part for part in parts if isinstance(part, str)]
    found = [part[0] for part in parts if not isinstance(part, str)]
    assert [chunk.text for part in found for chunk in part.chunks] == [chunk.text for chunk in whole.chunks]
    assert numpy.array_equal(numpy.concatenate([part.vectors for part in found]), rows(whole))
    assert numpy.array_equal(numpy.concatenate([part.sentence_vectors for part in found]), whole.sentence_vectors)


def rows(index: Index) -> numpy.ndarray:
    return numpy.asarray(index.vectors.reconstruct_n(0, index.vectors.ntotal))


def reference(folder: Path, version: str) -> Index:
    write(folder / version / "documents", version)
    return open_or_build(folder / version, ToyEmbedder())


def test_a_kill_at_any_of_fifty_moments_leaves_a_whole_index(process: Process, tmp_path: Path) -> None:
    versions = {version: reference(tmp_path, version) for version in "ab"}
    references = {index.identity: index for index in versions.values()}
    chance = random.Random(50)
    workspace = tmp_path / "killed"
    write(workspace / "documents", "a")
    (whole,) = process(workspace)
    seconds, operations = whole["told"]["seconds"], whole["told"]["operations"]
    killed, resumed = 0, 0
    for number in range(KILLS):
        version = "ba"[number % 2]
        write(workspace / "documents", version)
        by_time = {"after": chance.uniform(0, seconds)}
        by_step = {"before": chance.randint(1, operations)}
        (ending,) = process(workspace, **(by_time if number % 2 else by_step))
        killed += ending["killed"]
        assert_stored(workspace / "index", references)
        if chance.random() < 0.5:  # else the next one finds what several kills left
            index = open_or_build(workspace, ToyEmbedder())
            resumed += index.report.embedded < 9 and index.report.status == "rebuilt"
            assert index.identity == versions[version].identity
            assert index.chunks == versions[version].chunks
            assert numpy.array_equal(index.sentence_vectors, versions[version].sentence_vectors)
            assert numpy.array_equal(rows(index), rows(versions[version]))
            assert_stored(workspace / "index", references)
            assert len(list((workspace / "index" / store.PARTS).iterdir())) == 18
    assert killed > KILLS / 2
    assert resumed


def test_a_first_build_that_is_killed_again_and_again_ends(process: Process, tmp_path: Path) -> None:
    whole = reference(tmp_path, "a")
    workspace = tmp_path / "killed"
    write(workspace / "documents", "a")
    done = 0
    for before in range(60, 400, 20):
        (ending,) = process(workspace, before=before)
        parts = list((workspace / "index" / store.PARTS).glob("*.npz"))
        assert len(parts) >= done, "what was embedded is lost"
        done = len(parts)
        if not ending["killed"]:
            break
        if isinstance(store.load(workspace / "index"), str):
            assert store.load(workspace / "index") == store.NOT_THERE
    assert_stored(workspace / "index", {whole.identity: whole})


def test_of_two_processes_at_once_one_waits_and_both_have_the_same_index(process: Process, tmp_path: Path) -> None:
    write(tmp_path / "documents", "a")
    told = [ending["told"] for ending in process(tmp_path, processes=2)]
    assert sorted(line["embedded"] for line in told) == [0, 18]
    assert sorted(line["status"] for line in told) == ["built", "reused"]
    assert [WAITING in line["said"] for line in sorted(told, key=lambda line: -line["embedded"])] == [False, True]
