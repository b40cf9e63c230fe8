"""Built once, reused while nothing changed, rebuilt when something did or was damaged."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from arena.errors import WorkspaceError
from rag.embedder import SentenceEmbedder
from rag.index import Index, open_or_build
from rag.retrieve import search
from rag.settings import Settings


def found(index: Index, question: str) -> list[str]:
    return [index.sentences[place].text for place in search(index, question).sentences]


def generation(workspace: Path) -> Path:
    (folder,) = (workspace / "index").iterdir()
    return folder


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
    assert generation(workspace).name == changed.identity


def test_a_deleted_document_is_gone(workspace: Path, embedder: SentenceEmbedder) -> None:
    open_or_build(workspace, embedder)
    (workspace / "documents" / "holidays.txt").unlink()
    after = open_or_build(workspace, embedder)
    assert not any("holiday" in sentence.lower() for sentence in found(after, "How many days of holiday?"))


def test_a_renamed_document_is_cited_by_its_new_name(workspace: Path, embedder: SentenceEmbedder) -> None:
    open_or_build(workspace, embedder)
    (workspace / "documents" / "lamps.md").rename(workspace / "documents" / "lights.md")
    assert {chunk.document for chunk in open_or_build(workspace, embedder).chunks} >= {"lights.md"}


@pytest.mark.parametrize("name", ["chunks.json", "chunks.faiss", "sentences.npy", "manifest.json"])
@pytest.mark.parametrize("damage", ["truncated", "start changed", "end changed", "missing"])
def test_a_corrupt_index_is_rebuilt(name: str, damage: str, workspace: Path, embedder: SentenceEmbedder) -> None:
    before = open_or_build(workspace, embedder)
    path = generation(workspace) / name
    content = path.read_bytes()
    damaged = {"truncated": content[: len(content) // 2], "start changed": b"\xff" + content[1:]}
    if damage == "missing":
        path.unlink()
    else:
        # The last byte of a vector is the kind of damage that only a checksum sees.
        path.write_bytes(damaged.get(damage, content[:-1] + bytes([content[-1] ^ 1])))
    after = open_or_build(workspace, embedder)
    assert after.report.status == "rebuilt"
    assert "damaged" in after.report.reason or "could not be read" in after.report.reason
    assert after.chunks == before.chunks
    assert open_or_build(workspace, embedder).report.status == "reused"


def test_a_build_that_was_killed_leaves_the_old_index_usable(workspace: Path, embedder: SentenceEmbedder) -> None:
    open_or_build(workspace, embedder)
    (workspace / "index" / "building-killed").mkdir()
    (workspace / "index" / "building-killed" / "chunks.json").write_text("[")
    assert open_or_build(workspace, embedder).report.status == "reused"


def test_what_an_old_kill_left_behind_is_cleared(workspace: Path, embedder: SentenceEmbedder) -> None:
    left = workspace / "index" / "building-killed"
    left.mkdir(parents=True)
    os.utime(left, (0, 0))
    open_or_build(workspace, embedder)
    assert not left.exists()


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
    assert sorted(path.name for path in generation(workspace).iterdir()) == [
        "chunks.faiss",
        "chunks.json",
        "manifest.json",
        "sentences.npy",
    ]
