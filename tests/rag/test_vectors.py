"""Passage vectors: all looked at while they are few, an inverted file past that, kept and opened by memory-mapping."""

from functools import partial
from pathlib import Path

import faiss
import numpy
import pytest

from rag import index, retrieve, vectors
from rag.embedder import SentenceEmbedder
from rag.index import open_or_build
from rag.retrieve import search
from rag.settings import Settings
from rag.upkeep import faults
from rag.vectors import Approximate, fault, opened, recall, searchable
from tests.rag.bags import Bags

FEW, MANY = 100, 3000


@pytest.fixture(scope="module")
def rows() -> numpy.ndarray:
    """3,000 vectors of length 1 around 60 centres."""
    chance = numpy.random.default_rng(3)
    centres = chance.normal(size=(60, 32))
    made = centres[chance.integers(0, 60, MANY)] + 0.6 * chance.normal(size=(MANY, 32))
    return (made / numpy.linalg.norm(made, axis=1, keepdims=True)).astype(numpy.float32)


@pytest.fixture(scope="module")
def questions() -> numpy.ndarray:
    chance = numpy.random.default_rng(4)
    made = chance.normal(size=(50, 32))
    return (made / numpy.linalg.norm(made, axis=1, keepdims=True)).astype(numpy.float32)


def exact(rows: numpy.ndarray, question: numpy.ndarray, count: int) -> list[int]:
    return list(numpy.argsort(-(rows @ question), kind="stable")[:count])


def test_few_are_searched_exactly_and_many_by_an_inverted_file(rows: numpy.ndarray) -> None:
    assert isinstance(searchable(rows[:FEW], exact_up_to=FEW), faiss.IndexFlatIP)
    assert isinstance(searchable(rows, exact_up_to=FEW), Approximate)


def test_the_inverted_file_finds_nearly_all_of_the_best_and_looks_at_a_part(
    rows: numpy.ndarray, questions: numpy.ndarray
) -> None:
    arranged = searchable(rows, exact_up_to=FEW)
    assert isinstance(arranged, Approximate)
    near = (questions + 2 * rows[:50]) / numpy.linalg.norm(questions + 2 * rows[:50], axis=1, keepdims=True)
    found = numpy.concatenate([arranged.search(question[None], 10)[1] for question in near])
    assert recall(found, numpy.array([exact(rows, question, 10) for question in near])) >= 0.9
    assert arranged.inverted.nprobe < arranged.inverted.nlist / 2


def test_asked_for_all_it_finds_all(rows: numpy.ndarray) -> None:
    similar, places = searchable(rows, exact_up_to=FEW).search(rows[:1], MANY)
    assert sorted(places[0]) == list(range(MANY))
    assert list(similar[0]) == sorted(similar[0], reverse=True)


def test_a_filter_never_returns_fewer_than_there_are(rows: numpy.ndarray, questions: numpy.ndarray) -> None:
    arranged = searchable(rows, exact_up_to=FEW)
    assert isinstance(arranged, Approximate)
    within = numpy.zeros(MANY, dtype=bool)
    within[[5, 700, 2999]] = True
    for question in questions[:10]:
        wanted = [place for place in exact(rows, question, MANY) if within[place]]
        assert list(arranged.search(question[None], 8, within)[1][0]) == wanted


def test_what_is_taken_out_is_not_found_and_the_rest_is_numbered_anew(
    rows: numpy.ndarray, questions: numpy.ndarray
) -> None:
    arranged = searchable(rows, exact_up_to=FEW)
    assert isinstance(arranged, Approximate)
    first, second = numpy.arange(MANY) % 3 != 0, numpy.arange(2 * MANY // 3) % 2 == 0
    left = arranged.kept(first).kept(second)
    remaining = rows[first][second]
    assert left.ntotal == len(remaining)
    similar, places = left.search(questions[:1], len(remaining))
    assert sorted(places[0]) == list(range(len(remaining)))
    assert numpy.allclose(similar[0], (remaining @ questions[0])[places[0]], atol=1e-5)
    within = numpy.zeros(len(remaining), dtype=bool)
    within[[1, 400]] = True
    assert set(left.search(questions[:1], 5, within)[1][0]) == {1, 400}


def test_an_index_kept_on_disk_is_opened_without_the_vectors(rows: numpy.ndarray, tmp_path: Path) -> None:
    file = tmp_path / "vectors-1.faiss"
    made = opened(file, lambda: rows, MANY, FEW)

    def read() -> numpy.ndarray:
        raise AssertionError("the vectors were read")

    again = opened(file, read, MANY, FEW)
    for arranged in (made, again):
        assert list(arranged.search(rows[7:8], 3)[1][0]) == exact(rows, rows[7], 3)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("content", [b"", b"not an index", None], ids=["empty", "foreign", "of other vectors"])
def test_a_damaged_or_foreign_file_is_made_again(rows: numpy.ndarray, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "vectors-1.faiss"
    if content is None:
        opened(file, lambda: rows[:500], 500, FEW)
    else:
        file.write_bytes(content)
    assert list(opened(file, lambda: rows, MANY, FEW).search(rows[7:8], 1)[1][0]) == [7]
    assert opened(file, lambda: rows, MANY, FEW).ntotal == MANY


def test_a_flipped_bit_anywhere_in_the_file_is_found(rows: numpy.ndarray, tmp_path: Path) -> None:
    file = tmp_path / "vectors-1.faiss"
    opened(file, lambda: rows, MANY, FEW)
    whole = file.read_bytes()
    assert fault(file, MANY) is None and fault(file, MANY - 1) == "holds 3,000 vectors where there are 2,999"
    for place in (0, 200, len(whole) // 2, len(whole) - 100, len(whole) - 1):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert fault(file, MANY) == "was damaged"
    file.unlink()
    opened(file, lambda: rows, MANY, FEW)
    assert file.read_bytes() == whole


def test_verifying_an_index_of_many_passages_sees_a_damaged_inverted_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "documents").mkdir()
    for number in range(4):
        (tmp_path / "documents" / f"{number}.txt").write_text(f"The lamp weighs {number} kilograms.")
    monkeypatch.setattr(index, "EXACT_UP_TO", 2)
    monkeypatch.setattr(index, "opened", partial(vectors.opened, exact_up_to=2))
    open_or_build(tmp_path, Bags())
    assert faults(tmp_path, Bags(), Settings()) == []
    (file,) = (tmp_path / "index").glob("vectors-*")
    file.write_bytes(file.read_bytes()[:-300] + bytes(300))
    (found,) = faults(tmp_path, Bags(), Settings())
    assert found.endswith(f"({file}): was damaged. Delete it: it is made again")
    file.unlink()
    open_or_build(tmp_path, Bags())
    assert faults(tmp_path, Bags(), Settings()) == []


def test_a_disk_that_refuses_leaves_it_in_memory(rows: numpy.ndarray, tmp_path: Path) -> None:
    arranged = opened(tmp_path / "missing" / "vectors-1.faiss", lambda: rows, MANY, FEW)
    assert list(arranged.search(rows[7:8], 1)[1][0]) == [7]


def test_the_same_vectors_give_the_same_file(rows: numpy.ndarray, tmp_path: Path) -> None:
    for name in ("one", "two"):
        opened(tmp_path / name, lambda: rows, MANY, FEW)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_an_index_of_many_passages_keeps_its_inverted_file_and_clears_the_old_one_away(
    workspace: Path, embedder: SentenceEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact_index = open_or_build(workspace, embedder)
    for module in (vectors, index):
        monkeypatch.setattr(module, "EXACT_UP_TO", 2)
    folder = workspace / "index"
    monkeypatch.setattr(index, "opened", partial(vectors.opened, exact_up_to=2))
    first = open_or_build(workspace, embedder)
    assert isinstance(first.vectors, Approximate) and first.identity == exact_index.identity
    assert [path.name for path in folder.glob("vectors-*")] == [f"vectors-{first.identity}.faiss"]
    question = "How long does the battery last?"
    assert search(first, question).passages == search(exact_index, question).passages
    (workspace / "documents" / "added.md").write_text("# Added\n\nThe Rushlight lamp burns for nine hours.\n")
    second = open_or_build(workspace, embedder)
    assert second.identity != first.identity
    assert [path.name for path in folder.glob("vectors-*")] == [f"vectors-{second.identity}.faiss"]
    found = search(second, "How long does the Rushlight burn?")
    assert second.chunks[found.passages[0]].document == "added.md"
    (workspace / "documents" / "added.md").unlink()
    left = second.present()
    assert search(left, question).passages == search(exact_index, question).passages


def test_sentences_of_very_many_are_those_of_the_best_passages(
    workspace: Path, embedder: SentenceEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_index = open_or_build(workspace, embedder)
    question = "How long does the battery last?"
    whole = search(opened_index, question)
    monkeypatch.setattr(retrieve, "SENTENCES_AT_ONCE", 1)
    monkeypatch.setattr(retrieve, "PASSAGES_OF_MANY", 1)
    few = search(opened_index, question)
    assert few.sentences[0] == whole.sentences[0]
    assert {opened_index.sentences[place].chunk for place in few.sentences} == {whole.passages[0]}
