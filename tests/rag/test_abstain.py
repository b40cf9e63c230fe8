"""What is told about abstaining agrees with counts done by hand."""

import json
from pathlib import Path

import numpy
import pytest
from typer.testing import CliRunner

from arena.errors import WorkspaceError
from rag.__main__ import application
from rag.abstain import KEPT, SIGNALS, AbstentionReport, abstention_report, signals
from rag.embedder import SentenceEmbedder
from rag.index import Index, open_or_build
from tests.rag.test_measure import TOWN, UNANSWERABLE, WEIGHT


def column(*values: float) -> numpy.ndarray:
    """Rows of `SIGNALS` that have this value in each."""
    return numpy.repeat(numpy.array(values)[:, None], len(SIGNALS), axis=1)


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    report = AbstentionReport(column(3, 2), column(1, 2))
    assert report.auc() == dict.fromkeys(SIGNALS, pytest.approx((1 + 1 + 1 + 0.5) / 4))


def test_a_threshold_keeps_the_share_of_answerable_questions_that_it_says() -> None:
    report = AbstentionReport(column(*range(100)), column(*range(-50, 50)))
    rows = report.thresholds()["best"]
    for kept, (limit, answerable, unanswerable) in zip(KEPT, rows, strict=True):
        assert answerable <= 1 - kept + 1e-9
        assert unanswerable == pytest.approx((50 + limit) / 100)
    assert rows[2] == (10.0, pytest.approx(0.1), pytest.approx(0.6))


def test_signals_are_score_gap_and_support(index: Index) -> None:
    best, gap, support = signals(index, "The Orlin glass lamp weighs 9 kilograms.")
    assert best > 0.8 and gap > 0 and support == pytest.approx(1.0)
    far, _, none = signals(index, "quantum chromodynamics")
    assert far < best and none == 0.0


def test_in_an_empty_index_all_signals_are_nought(tmp_path: Path, embedder: SentenceEmbedder) -> None:
    assert signals(open_or_build(tmp_path, embedder), "lamp") == (0.0, 0.0, 0.0)


def test_both_kinds_of_questions_are_asked_and_needed(index: Index) -> None:
    report = abstention_report(index, [WEIGHT, TOWN, UNANSWERABLE])
    assert (len(report.answerable), len(report.unanswerable)) == (3, 1)
    assert report.auc()["best"] == 1.0
    with pytest.raises(WorkspaceError, match="No 'held_out' wordings of unanswerable questions"):
        abstention_report(index, [WEIGHT])
    with pytest.raises(WorkspaceError, match="wordings of answerable questions"):
        abstention_report(index, [UNANSWERABLE])


def test_measure_abstain_from_the_command_line(workspace: Path) -> None:
    (workspace / "questions.jsonl").write_text("\n".join(map(json.dumps, [WEIGHT, TOWN, UNANSWERABLE])))
    shown = CliRunner().invoke(application, ["measure", str(workspace), "--abstain"]).output
    assert "3 answerable, 1 unanswerable questions" in shown
    assert "ROC AUC 1.000" in shown and "threshold   answerable abstained   unanswerable abstained" in shown
