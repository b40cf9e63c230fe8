"""The report on retrieval, on questions whose result is known beforehand."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arena.errors import WorkspaceError
from arena.workspace import settings_from
from rag.__main__ import application
from rag.index import Index
from rag.measure import load_questions, retrieval_report, roc_auc
from rag.settings import Settings

WEIGHT = {
    "class": "trained",
    "document": "lamps.md",
    "evidence": ["The Orlin glass lamp weighs 9 kilograms."],
    "accepted": ["9 kilograms"],
    "questions": {"held_out": ["How heavy is the glass lamp?", "glass lamp weight"]},
}
TOWN = {
    "class": "documents only",
    "document": "works.html",
    "documents": ["lamps.md", "works.html"],
    "evidence": ["The glass lamp is made in the Fenmoor works.", "The Fenmoor works stand in the town of Aldergate."],
    "accepted": ["Aldergate"],
    "questions": {"held_out": ["In which town is the glass lamp made?"]},
}
ABSENT = {
    "class": "trained",
    "document": "lamps.md",
    "evidence": ["The lamp is blue."],
    "accepted": ["blue"],
    "questions": {"held_out": ["What colour is the lamp?"]},
}
UNANSWERABLE: dict[str, object] = {
    "class": "unanswerable",
    "document": None,
    "evidence": [],
    "questions": {"held_out": ["Who won?"]},
}


def test_the_report_counts_evidence_by_class_and_two_passages_apart(index: Index) -> None:
    bridging = replace(index, settings=replace(index.settings, bridge_weight=0.5))
    report = retrieval_report(bridging, [WEIGHT, TOWN, ABSENT, UNANSWERABLE])
    assert {name: group.questions for name, group in report.groups.items()} == {
        "trained": 3,
        "documents only, two passages": 1,
    }
    assert report.groups["trained"].sentences[1] == 2
    assert report.groups["trained"].shares()["sentences@5"] == pytest.approx(2 / 3)
    assert report.groups["documents only, two passages"].sentences[1] == 0
    assert report.groups["documents only, two passages"].sentences[5] == 1
    assert report.missed == ("What colour is the lamp?",)
    assert report.auc == 1.0


def test_auc_counts_pairs_in_the_right_order() -> None:
    assert roc_auc([3, 2], [1, 2]) == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert roc_auc([], [1]) == 0.5


def test_wordings_that_are_nowhere_are_named(index: Index) -> None:
    with pytest.raises(WorkspaceError, match="No 'oblique' wordings"):
        retrieval_report(index, [WEIGHT], "oblique")


def test_missing_questions_say_so(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="cannot be read"):
        load_questions(tmp_path / "questions.jsonl")


def test_index_and_search_from_the_command_line(workspace: Path) -> None:
    runner = CliRunner()
    assert "index built" in runner.invoke(application, ["index", str(workspace)]).output
    assert "index reused" in runner.invoke(application, ["index", str(workspace)]).output
    shown = runner.invoke(application, ["search", str(workspace), "How heavy is the glass lamp?"])
    assert "The Orlin glass lamp weighs 9 kilograms.\n       lamps.md, Glass lamp" in shown.output


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"passagse": 3}, "rag.passagse is not a setting"),
        ({"passages": "3"}, "must be of type int"),
        ({"passages": 0}, "must be at least 1"),
        ({"generator": "gpt"}, "use one of reader, base"),
        ({"judge": "me"}, "use one of workspace, reader, cross-encoder, none"),
        ({"candidates": 0}, "must be at least 1"),
        ({"context_tokens": 100}, "leaves no room"),
        ({"bridges": -1}, "must be 0 or more"),
    ],
)
def test_a_wrong_setting_is_named(table: dict[str, object], message: str) -> None:
    with pytest.raises(WorkspaceError, match=message):
        settings_from(Settings, "rag", table)


def test_settings_keep_their_defaults() -> None:
    assert settings_from(Settings, "rag", {"sentences": 3}) == Settings(sentences=3)
    assert settings_from(Settings, "rag", {"abstain_below": 0}).abstain_below == 0
