"""Only what changed is embedded, and the result is what a build from scratch gives, to the bit."""

import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from rag.contestant import RagContestant
from rag.embedder import SentenceEmbedder
from rag.index import Index, open_or_build
from rag.retrieve import search
from rag.settings import Settings
from tests.rag.examples import LAMPS, ScriptedModel, ask, notes, passages
from tests.rag.test_contestant import GENERATOR, HEAVY

OAK = "# Oak\n\nThe Orlin oak table weighs 30 kilograms. It was made in Aldergate."


class Counting:
    """MiniLM, with a note of the texts it is handed; stops like a killed process after `patience` batches."""

    def __init__(self, inner: SentenceEmbedder, patience: int = 10**9) -> None:
        self.inner, self.identity, self.texts, self.patience = inner, inner.identity, list[str](), patience
        self.query_identity = ""

    def encode(self, texts: Sequence[str]) -> numpy.ndarray:
        if texts:
            if self.patience == 0:
                raise KeyboardInterrupt
            self.patience -= 1
        self.texts += texts
        return self.inner.encode(texts)

    def encode_query(self, texts: Sequence[str]) -> numpy.ndarray:
        return self.encode(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self.inner.count_tokens(texts)


def zipped(path: Path, **members: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.md", text)


def assert_same(index: Index, other: Index) -> None:
    assert (index.identity, index.chunks, index.sentences) == (other.identity, other.chunks, other.sentences)
    assert index.report.skipped == other.report.skipped
    assert index.report.documents == other.report.documents
    assert numpy.array_equal(index.sentence_vectors, other.sentence_vectors)
    rows, wanted = (one.vectors.reconstruct_n(0, one.vectors.ntotal) for one in (index, other))
    assert numpy.array_equal(rows, wanted)
    for question in (HEAVY, "How many days off do I get?", "Where was the oak table made?"):
        assert search(index, question) == search(other, question)


def from_scratch(workspace: Path, embedder: SentenceEmbedder, settings: Settings | None = None) -> Index:
    copy = workspace.parent / "scratch"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(workspace / "documents", copy / "documents")
    return open_or_build(copy, embedder, settings)


def test_any_sequence_of_changes_ends_where_a_build_from_scratch_does(
    workspace: Path, embedder: SentenceEmbedder
) -> None:
    documents = workspace / "documents"

    def copy_lamps() -> None:
        (documents / "copies").mkdir()
        shutil.copy(documents / "lamps.md", documents / "copies" / "lamps.md")

    # What is done, and how many documents that costs.
    steps = [
        (lambda: zipped(documents / "box.zip", oak=OAK, elm="The elm table costs 70 euros.", empty=""), 2),
        (lambda: (documents / "lamps.md").write_text(LAMPS.replace("9 kilograms", "12 kilograms")), 1),
        (copy_lamps, 0),  # the same content under the same last name
        (lambda: zipped(documents / "box.zip", oak=OAK, elm="The elm table costs 75 euros.", empty=""), 1),
        (lambda: (documents / "box.zip").rename(documents / "a moved.zip"), 0),
        (lambda: (documents / "holidays.txt").unlink(), 0),
        (lambda: (documents / "works.html").rename(documents / "our-works.html"), 1),  # a name may be a title
        (lambda: (documents / "damaged.pdf").write_bytes(b"%PDF-1.4 cut off"), 0),
        (lambda: zipped(documents / "a moved.zip", oak=OAK), 0),
        (lambda: shutil.copy(documents / "copies" / "lamps.md", documents / "lights.md"), 1),
        (lambda: (documents / "a moved.zip").unlink(), 0),
    ]
    open_or_build(workspace, embedder)
    for change, cost in steps:
        change()
        counting = Counting(embedder)
        index = open_or_build(workspace, counting)  # type: ignore[arg-type]
        assert index.report.embedded == cost
        assert bool(counting.texts) == bool(cost)
        assert_same(index, from_scratch(workspace, embedder))
        reused = open_or_build(workspace, embedder)
        assert reused.report.status == "reused"
        assert_same(reused, index)


def test_a_build_that_was_killed_goes_on(workspace: Path, embedder: SentenceEmbedder) -> None:
    with pytest.raises(KeyboardInterrupt):
        open_or_build(workspace, Counting(embedder, patience=3))  # type: ignore[arg-type]
    index = open_or_build(workspace, embedder)
    assert (index.report.status, index.report.embedded) == ("built", 1)
    assert_same(index, from_scratch(workspace, embedder))


def test_a_killed_change_of_settings_leaves_the_old_index(workspace: Path, embedder: SentenceEmbedder) -> None:
    before = open_or_build(workspace, embedder)
    short = replace(Settings(), chunk_tokens=20)
    with pytest.raises(KeyboardInterrupt):
        open_or_build(workspace, Counting(embedder, patience=1), short)  # type: ignore[arg-type]
    again = open_or_build(workspace, embedder)
    assert again.report.status == "reused"
    assert_same(again, before)


def test_a_larger_limit_for_files_embeds_only_what_it_lets_in(workspace: Path, embedder: SentenceEmbedder) -> None:
    (workspace / "documents" / "large.txt").write_text("It glows.\n" + " " * 1_100_000)
    small, large = replace(Settings(), max_file_megabytes=1), replace(Settings(), max_file_megabytes=2)
    assert open_or_build(workspace, embedder, small).report.embedded == 3
    index = open_or_build(workspace, embedder, large)
    assert index.report.embedded == 1
    assert_same(index, from_scratch(workspace, embedder, large))


def test_a_document_that_changes_while_it_is_read_is_indexed_as_it_was_read(
    workspace: Path, embedder: SentenceEmbedder
) -> None:
    def change(doing: str, done: int, total: int) -> None:
        if (doing, done) == ("reading documents", 0):
            (workspace / "documents" / "lamps.md").write_text(OAK)
            (workspace / "documents" / "works.html").unlink(missing_ok=True)

    index = open_or_build(workspace, embedder, progress=change)
    assert_same(index, from_scratch(workspace, embedder))
    assert open_or_build(workspace, embedder).report.status == "reused"


@pytest.mark.parametrize("gone", ["holidays.txt", "box.zip"])
def test_an_index_without_a_file_is_the_one_that_never_saw_it(
    gone: str, workspace: Path, embedder: SentenceEmbedder
) -> None:
    zipped(workspace / "documents" / "box.zip", oak=OAK, empty="")
    whole = open_or_build(workspace, embedder)
    (workspace / "documents" / gone).unlink()
    assert_same(whole.present(), from_scratch(workspace, embedder))


def test_an_index_without_anything_finds_nothing(workspace: Path, embedder: SentenceEmbedder) -> None:
    index = open_or_build(workspace, embedder)
    assert index.present() is index
    shutil.rmtree(workspace / "documents")
    assert search(index.present(), HEAVY).sentences == ()


def test_the_running_contestant_forgets_a_deleted_document_at_once(workspace: Path, embedder: SentenceEmbedder) -> None:
    (workspace / "documents" / "more.md").write_text("# Lamps again\n\nThe glass lamp is 9 kilograms heavy.")
    rag = RagContestant(open_or_build(workspace, embedder), ScriptedModel(pieces=["9 kilograms"]), GENERATOR)
    before = rag.identity["index"]
    assert {passage.document for passage in passages(ask(rag, HEAVY)).passages} >= {"lamps.md", "more.md"}
    lamps = workspace / "documents" / "lamps.md"
    lamps.unlink()
    assert "lamps.md" not in {passage.document for passage in passages(ask(rag, HEAVY)).passages}
    assert rag.identity["index"] == open_or_build(workspace, embedder).identity != before
    lamps.write_text(LAMPS)
    assert "lamps.md" not in {passage.document for passage in passages(ask(rag, HEAVY)).passages}
    shutil.rmtree(workspace / "documents")
    assert rag.messages(HEAVY) == []
    assert "no documents to search" in notes(ask(rag, HEAVY))[0]
