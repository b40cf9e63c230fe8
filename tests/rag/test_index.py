"""Built once, reused while nothing changed, brought up to date when something did or was damaged."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from arena.errors import IndexUnavailable, WorkspaceError
from rag.embedder import SentenceEmbedder
from rag.index import Index, open_or_build
from rag.retrieve import search
from rag.settings import Settings
from rag.store import LOCK, MANIFEST, PARTS


def found(index: Index, question: str) -> list[str]:
    return [index.sentences[place].text for place in search(index, question).sentences]


def stored(workspace: Path) -> list[str]:
    """The files of the index, parts under the name of what they are."""
    paths = [path for path in (workspace / "index").rglob("*") if path.is_file() and path.name != LOCK]
    return sorted("part" if path.parent.name == PARTS else path.name for path in paths)


def test_an_unchanged_workspace_is_reused_with_the_same_answers(workspace: Path, embedder: SentenceEmbedder) -> None:
    (workspace / "documents" / "empty.txt").write_bytes(b"")
    first = open_or_build(workspace, embedder)
    second = open_or_build(workspace, embedder)
    assert (first.report.status, second.report.status) == ("built", "reused")
    assert first.identity == second.identity
    assert first.report.skipped == second.report.skipped != ()
    assert first.chunks == second.chunks
    question = "How heavy is the glass lamp?"
    assert search(first, question) == search(second, question)


def test_a_changed_document_is_in_the_answers(workspace: Path, embedder: SentenceEmbedder) -> None:
    open_or_build(workspace, embedder)
    lamps = workspace / "documents" / "lamps.md"
    lamps.write_text(lamps.read_text().replace("9 kilograms", "12 kilograms"))
    changed = open_or_build(workspace, embedder)
    assert changed.report.status == "rebuilt"
    assert "changed" in changed.report.reason
    assert found(changed, "How heavy is the glass lamp?")[0] == "The Orlin glass lamp weighs 12 kilograms."
    assert (changed.report.embedded, changed.report.reason) == (1, "documents changed: 1 changed")
    assert stored(workspace) == ["manifest.json", "part", "part", "part"]


def test_a_deleted_document_is_gone(workspace: Path, embedder: SentenceEmbedder) -> None:
    open_or_build(workspace, embedder)
    (workspace / "documents" / "holidays.txt").unlink()
    after = open_or_build(workspace, embedder)
    assert not any("holiday" in sentence.lower() for sentence in found(after, "How many days of holiday?"))


def test_a_renamed_document_is_cited_by_its_new_name(workspace: Path, embedder: SentenceEmbedder) -> None:
    open_or_build(workspace, embedder)
    (workspace / "documents" / "lamps.md").rename(workspace / "documents" / "lights.md")
    assert {chunk.document for chunk in open_or_build(workspace, embedder).chunks} >= {"lights.md"}


@pytest.mark.parametrize("name", ["manifest.json", "a part"])
@pytest.mark.parametrize("damage", ["truncated", "start changed", "end changed", "missing"])
def test_a_corrupt_index_is_repaired(name: str, damage: str, workspace: Path, embedder: SentenceEmbedder) -> None:
    before = open_or_build(workspace, embedder)
    folder = workspace / "index"
    path = folder / name if name == MANIFEST else sorted((folder / PARTS).iterdir())[0]
    content = path.read_bytes()
    damaged = {"truncated": content[: len(content) // 2], "start changed": b"\xff" + content[1:]}
    if damage == "missing":
        path.unlink()
    else:
        # The last byte is the kind of damage that only a checksum sees.
        path.write_bytes(damaged.get(damage, content[:-1] + bytes([content[-1] ^ 1])))
    after = open_or_build(workspace, embedder)
    assert after.report.status == ("built" if (name, damage) == (MANIFEST, "missing") else "rebuilt")
    assert any(word in after.report.reason for word in ("damaged", "could not be read", "missing", "was none"))
    assert after.report.embedded == (0 if name == MANIFEST else 1)
    assert (after.chunks, after.identity) == (before.chunks, before.identity)
    assert numpy.array_equal(after.sentence_vectors, before.sentence_vectors)
    assert open_or_build(workspace, embedder).report.status == "reused"


def test_what_earlier_versions_left_is_cleared(workspace: Path, embedder: SentenceEmbedder) -> None:
    for name in ("building-killed", "0123456789abcdef0123", "kept"):
        (workspace / "index" / name).mkdir(parents=True)
    assert open_or_build(workspace, embedder).report.reason == "made by another version"
    assert {path.name for path in (workspace / "index").iterdir()} == {MANIFEST, PARTS, LOCK, "kept"}


def test_settings_that_shape_the_index_rebuild_it_and_others_do_not(
    workspace: Path, embedder: SentenceEmbedder
) -> None:
    open_or_build(workspace, embedder)
    assert open_or_build(workspace, embedder, replace(Settings(), sentences=3)).report.status == "reused"
    assert open_or_build(workspace, embedder, replace(Settings(), chunk_tokens=60)).report.status == "rebuilt"


def test_a_disk_that_refuses_leaves_the_index_in_memory(workspace: Path, embedder: SentenceEmbedder) -> None:
    (workspace / "index").write_text("a file where the folder should be")
    index = open_or_build(workspace, embedder)
    assert index.report.saved is False
    assert "not saved" in index.report.reason
    assert found(index, "How heavy is the brass lamp?")[0] == "The Orlin brass lamp weighs 4 kilograms."


@pytest.mark.parametrize("folder", ["documents", "."])
def test_a_workspace_without_documents_has_an_empty_index(
    folder: str, tmp_path: Path, embedder: SentenceEmbedder
) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    index = open_or_build(tmp_path, embedder)
    assert index.report.documents == 0
    assert search(index, "anything").sentences == ()
    assert open_or_build(tmp_path, embedder).report.status == "reused"


def test_a_missing_workspace_says_how_to_make_one(tmp_path: Path, embedder: SentenceEmbedder) -> None:
    with pytest.raises(WorkspaceError, match=r"app\.py new"):
        open_or_build(tmp_path / "nowhere", embedder)


def test_progress_counts_to_the_end(workspace: Path, embedder: SentenceEmbedder) -> None:
    told: list[tuple[str, int, int]] = []
    open_or_build(workspace, embedder, progress=lambda doing, done, total: told.append((doing, done, total)))
    assert {doing for doing, _, _ in told} == {"reading documents", "embedding passages and sentences"}
    assert all(done == total for _, done, total in {doing: line for line in told for doing in [line[0]]}.values())


def test_the_index_holds_no_pickle(workspace: Path, embedder: SentenceEmbedder) -> None:
    open_or_build(workspace, embedder)
    assert stored(workspace) == ["manifest.json", "part", "part", "part"]
    for path in (workspace / "index" / PARTS).iterdir():
        with numpy.load(path, allow_pickle=False) as held:
            assert {held[name].dtype.kind for name in held.files} == {"f", "u"}


def test_an_embedder_that_gives_no_numbers_is_named(workspace: Path, embedder: SentenceEmbedder) -> None:
    class Broken:
        identity, count_tokens = "broken", embedder.count_tokens

        def encode(self, texts: Sequence[str]) -> numpy.ndarray:
            return embedder.encode(texts) * numpy.float32("nan")

    with pytest.raises(IndexUnavailable, match="broken has vectors of passages that are not finite.*install it again"):
        open_or_build(workspace, Broken())  # type: ignore[arg-type]
