"""`fit-hybrid`: what is asked, what is fitted, and when the fit counts. Without models."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from arena.errors import WorkspaceError
from arena.evaluation import Notebook
from arena.facts import Fact
from arena.question import Question
from arena.verified import FILE, Support, Verified, fitted
from arena.workspace import open_workspace
from commands.hybrid import Remembered, asked, fit, remembered, trade_off
from tests.arena.test_verified import PASSAGE, Documents, Memory
from wiring import Parts

TAUGHT = tuple(
    Fact(f"t{number}", "trained", (), (f"How heavy is {number}?",), ("Held out?",), f"{number} kg", (f"{number} kg",))
    for number in range(30)
)
UNTAUGHT = tuple(
    Fact(f"d{number}", "documents only", (), (f"Mass of {number}?", "In kg?"), ("Held?",), "9 t", ("9 t",))
    for number in range(10)
)
NOBODY = Fact("u", "unanswerable", (), ("Who?",), (), "?")


@dataclass
class Stating(Documents):
    """Supports every answer in kg, and counts how often it was asked."""

    supported: str = ""
    texts: list[str] = field(default_factory=list)

    def support(self, question: Question, answer: str) -> Support:
        self.texts.append(question.text)
        return Support((PASSAGE,), 0.9) if "kg" in answer else Support()


def remembering(texts: Sequence[str]) -> list[tuple[str, float]]:
    """Right about how heavy, silent about 7 and 8, wrong about the mass."""
    answers = []
    for text in texts:
        number = "".join(filter(str.isdigit, text))
        if number in ("7", "8"):
            answers.append(("I do not know.", 0.01))
        else:
            answers.append((f"It weighs {number} kg.", 0.001) if "heavy" in text else ("It is 3 t.", 0.05))
    return answers


def test_taught_and_untaught_facts_are_asked_about_and_nothing_that_is_held_out() -> None:
    found = asked([*TAUGHT, *UNTAUGHT, NOBODY])
    assert len(found) == 30 + 20
    assert not any("eld" in text or "Who" in text for _, text in found)


def test_a_workspace_with_too_little_to_fit_on_is_told_what_is_missing() -> None:
    with pytest.raises(WorkspaceError, match='30 taught facts and 0 wordings.*class "documents only"'):
        asked(TAUGHT)


def test_what_memory_says_is_weighed_once_and_kept(tmp_path: Path) -> None:
    documents, questions = Stating(), asked([*TAUGHT, *UNTAUGHT])
    hybrid = Verified("hybrid", Memory("", None), documents)
    found = remembered(questions, hybrid, remembering, Notebook(tmp_path / "kept.jsonl"))
    # Silent about 7 and 8, and about the mass of either.
    assert sum(each.right for each in found) == 28 and len(documents.texts) == len(set(documents.texts))
    assert all(each.signs[1] == each.right for each in found)
    again = remembered(questions, hybrid, lambda texts: pytest.fail("asked again"), Notebook(tmp_path / "kept.jsonl"))
    assert again == found


def test_the_fit_tells_right_from_wrong_and_counts_both_alike() -> None:
    right = [Remembered((6.0 + number % 3, 1.0, 2.0), True) for number in range(100)]
    wrong = [Remembered((3.0 + number % 4, 0.0, 0.0), False) for number in range(20)]
    sureness, *_, constant = fit([*right, *wrong])
    assert sureness > 0 > constant
    heading, *lines = trade_off([*right, *wrong])
    assert "right answers believed" in heading and lines[2] == "  0.5: 50 of 50, 0 of 10"


def test_memory_that_is_always_right_leaves_nothing_to_fit() -> None:
    with pytest.raises(WorkspaceError, match="Of 50 answers of memory 50 are right"):
        fit([Remembered((6.0, 1.0, 2.0), True)] * 50)


WEIGHTS = {"sureness": 1.0, "support": 2.0, "answered": 0.5, "constant": -4.0}


def test_the_fit_counts_for_the_adapters_that_it_is_of(tmp_path: Path) -> None:
    path = tmp_path / FILE
    assert fitted(path, {"memory": "a"}) is None
    path.write_text(json.dumps({"weights": WEIGHTS, "made_for": {"memory": "a"}}))
    assert fitted(path, {"memory": "a"}) == WEIGHTS and fitted(path, {"memory": "b"}) is None


@pytest.mark.parametrize("text", ["", "[]", '{"weights": {"sureness": 1}}', '{"weights": {"sureness": NaN}}'])
def test_a_fit_that_cannot_be_read_names_the_file_and_the_command(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(WorkspaceError, match="hybrid.json, cannot be read.*fit-hybrid"):
        fitted(tmp_path / FILE, {})


def test_what_workspace_toml_says_wins_over_the_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Parts, "hybrid_made_for", lambda parts: {"memory": "a"})
    (tmp_path / FILE).write_text(json.dumps({"weights": WEIGHTS, "made_for": {"memory": "a"}}))
    (tmp_path / "workspace.toml").write_text("[hybrid]\nconstant = -9.0\n")
    found = Parts(open_workspace(tmp_path))._believing()
    assert (found.sureness, found.support, found.constant) == (1.0, 2.0, -9.0)
    monkeypatch.setattr(Parts, "hybrid_made_for", lambda parts: {"memory": "b"})
    assert Parts(open_workspace(tmp_path))._believing().sureness != 1.0
    assert "fitted to other adapters" in capsys.readouterr().err
