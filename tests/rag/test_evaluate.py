"""Figures are those of a published worked example, and what was found is kept, told and written for other programs."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from arena.errors import CollectionError
from rag import embedder as embedders
from rag.__main__ import application
from rag.collection import Collection, read_collection
from rag.collection_lines import Entry
from rag.embedder import SentenceEmbedder
from rag.evaluate import DEPTH, collection_index, evaluation, measured, run_of, write_run
from rag.store import PARTS
from tests.rag.test_collection import CORPUS, QRELS, write_beir
from tests.rag.test_retrieve import Counting


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    return write_beir(tmp_path / "tiny")


def test_ndcg_is_that_of_the_worked_example() -> None:
    # Wikipedia, "Discounted cumulative gain": D1 to D6 have grades 3, 2, 3, 0, 1, 2, and D7 and D8, which were not
    # found, 3 and 2. DCG 6.861, ideal 8.740, nDCG 0.785 at 6; here 10 are looked at, so the ideal goes on to
    # the grades 1 and 0.
    pytest.importorskip("ir_measures")
    grades = {"D1": 3, "D2": 2, "D3": 3, "D4": 0, "D5": 1, "D6": 2, "D7": 3, "D8": 2}
    run = {"q": {f"D{place}": 1 - place / 10 for place in range(1, 7)}}
    ideal = 8.740 + 1 / 3 + 0 / 3.170
    found = measured(Collection("wikipedia", (), {"q": ""}, {"q": grades}, 1, False), run)
    assert found["nDCG@10"] == pytest.approx(6.861 / ideal, abs=1e-3)
    assert found["R@10"] == found["R@100"] == pytest.approx(5 / 7)
    assert found["RR@10"] == 1.0


def test_recall_and_reciprocal_rank_count_to_their_depth() -> None:
    pytest.importorskip("ir_measures")
    run = {"q": {f"w{place}": 1 - place / 100 for place in range(3)} | {"r": 0.5} | {"w9": 0.4}, "other": {"w": 1.0}}
    judged = {"q": {"r": 1}, "other": {"r": 1}}
    found = measured(Collection("two", (), {}, judged, 2, False), run)
    assert found["RR@10"] == pytest.approx((1 / 4 + 0) / 2)
    assert found["R@10"] == pytest.approx(0.5)


def test_every_kind_of_document_is_found_by_its_query(beir: Path, embedder: SentenceEmbedder) -> None:
    pytest.importorskip("ir_measures")
    read = read_collection(beir)
    found, run = evaluation(read, collection_index(read, beir / "index", embedder))
    assert found.measures == {"nDCG@10": 1.0, "R@10": 1.0, "R@100": 1.0, "RR@10": 1.0}
    assert (found.documents, found.passages, found.queries, found.unknown) == (4, 4, 2, 0)
    assert set(run["q1"]) == {"d1", "d2", "d3", "d4"}


def test_what_was_left_out_is_in_the_report(beir: Path, embedder: SentenceEmbedder) -> None:
    pytest.importorskip("ir_measures")
    empty = {"_id": "d5", "title": "", "text": ""}
    (beir / "corpus.jsonl").write_text("\n".join(map(json.dumps, [*CORPUS, empty])))
    (beir / "qrels" / "test.tsv").write_text(f"{QRELS}q9\td1\t1\nq2\td6\t1\n")
    read = read_collection(beir)
    found, _ = evaluation(read, collection_index(read, beir / "index", embedder))
    assert (found.documents, found.passages) == (5, 4)
    assert str(found).splitlines()[1:4] == [
        "1 judgement names a query that is not there (q9): left out",
        "1 document is empty (d5) and cannot be found",
        "1 judged documents are not in the collection, and count as not found",
    ]
    assert json.loads(found.as_json())["notes"] == list(found.notes)


def test_a_long_document_counts_once_with_its_best_passage(beir: Path, embedder: SentenceEmbedder) -> None:
    long = {"_id": "d5", "title": "", "text": "Nothing is said here about it at all. " * 60 + "Weight of the lamp."}
    (beir / "corpus.jsonl").write_text("\n".join(map(json.dumps, [*CORPUS, long])))
    read = read_collection(beir)
    index = collection_index(read, beir / "index", embedder)
    assert sum(chunk.document == "d5" for chunk in index.chunks) > 1
    run = run_of(index, read)["q1"]
    assert len(run) == 5 and set(list(run)[:2]) == {"d1", "d5"}


def test_as_beir_does_it_a_query_does_not_find_itself(beir: Path, embedder: SentenceEmbedder) -> None:
    read = read_collection(beir)
    same = replace(read, queries={"d1": "weight of the lamp"})
    index = collection_index(read, beir / "index", embedder)
    assert "d1" not in run_of(index, same)["d1"]
    assert "d1" in run_of(index, replace(same, skips_own=False))["d1"]


def test_what_was_embedded_is_reused_by_its_content(beir: Path, embedder: SentenceEmbedder) -> None:
    counting = Counting(embedder)
    read = read_collection(beir)
    first = collection_index(read, beir / "index", counting)
    spent, counting.texts = counting.texts, 0
    second = collection_index(read, beir / "index", counting)
    assert spent == 4 and counting.texts == 0
    assert first.identity == second.identity and first.chunks == second.chunks
    changed = replace(read, documents=(*read.documents[:3], Entry("d4", "", "Another text")))
    assert collection_index(changed, beir / "index", counting).identity != first.identity
    assert counting.texts == 4


def test_a_damaged_file_of_vectors_is_made_again(beir: Path, embedder: SentenceEmbedder) -> None:
    read = read_collection(beir)
    first = collection_index(read, beir / "index", embedder)
    for path in (beir / "index" / PARTS).iterdir():
        path.write_bytes(path.read_bytes()[:200])
    assert collection_index(read, beir / "index", embedder).chunks == first.chunks


def test_a_run_is_in_trecs_format_and_gives_the_same_figures(tmp_path: Path) -> None:
    ir_measures = pytest.importorskip("ir_measures")
    write_run({"q1": {"d1": 0.75, "d2": 0.5}, "q2": {"d3": 1.0}}, tmp_path / "run.txt", "ours")
    lines = (tmp_path / "run.txt").read_text().splitlines()
    assert lines == ["q1 Q0 d1 1 0.750000 ours", "q1 Q0 d2 2 0.500000 ours", "q2 Q0 d3 1 1.000000 ours"]
    read = list(ir_measures.read_trec_run(str(tmp_path / "run.txt")))
    assert (read[1].query_id, read[1].doc_id, read[1].score) == ("q1", "d2", 0.5)


def test_a_name_with_blanks_is_refused_before_a_run_is_spoilt(tmp_path: Path) -> None:
    for run in ({"q1": {"d 1": 0.5}}, {"q 1": {"d1": 0.5}}):
        with pytest.raises(CollectionError, match=r" 1' has blanks in its name.*rename it"):
            write_run(run, tmp_path / "run.txt", "ours")
    assert not list(tmp_path.iterdir())


def test_what_would_stop_an_evaluation_in_the_end_is_said_before_anything_is_embedded(
    beir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("the embedder was opened")

    monkeypatch.setattr(embedders, "open_embedder", opened)
    monkeypatch.setitem(sys.modules, "ir_measures", ModuleType("ir_measures"))
    (beir / "corpus.jsonl").write_text(json.dumps({"_id": "d 1", "text": "It glows."}))
    given = ["evaluate", "--collection", str(beir)]
    assert "'d 1' has blanks" in str(CliRunner().invoke(application, [*given, "--run", "run.txt"]).exception)
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    assert "ir_measures, which counts" in str(CliRunner().invoke(application, given).exception)


def test_evaluate_from_the_command_line(beir: Path) -> None:
    pytest.importorskip("ir_measures")
    given = ["evaluate", "--collection", str(beir), "--run", str(beir / "run.txt"), "--limit", "1", "--plain"]
    shown = CliRunner().invoke(application, given)
    assert "tiny: 4 documents in 4 passages, 1 judged queries" in shown.output
    assert "nDCG@10  1.0000" in shown.output
    assert len((beir / "run.txt").read_text().splitlines()) == min(4, DEPTH)
    assert (beir.parent / "tiny.index" / PARTS).is_dir()
    told = CliRunner().invoke(application, [*given, "--json"])
    assert json.loads(told.stdout)["measures"]["RR@10"] == 1.0
