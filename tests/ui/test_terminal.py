"""`app.py ask` in a terminal: what may be asked, what is printed, what is kept."""

import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from arena.answer import Answer, Timings
from arena.comparison import Comparison
from arena.errors import InvalidPrompt, StorageError
from arena.evaluation import SPLITS, Notebook, Row, questions
from arena.events import Waiting, Working
from arena.facts import Fact
from arena.runner import Runner
from tests.fakes import FakeContestant, FakeHistory, Step, said
from ui.terminal import ask_once, evaluate_all, table


def asked(question: str, history: FakeHistory, rag: list[Step], as_json: bool = False) -> FakeContestant:
    sides = [FakeContestant("fine-tuned", script=said("tuned says eleven")), FakeContestant("rag", script=rag)]
    ask_once(Runner({side.name: side for side in sides}), history, question, {}, as_json)
    return sides[0]


@pytest.mark.parametrize("prompt", ["", " \n\t ", "x" * 2001])
def test_what_cannot_be_asked_is_refused_before_anything_is_run_or_saved(prompt: str) -> None:
    history = FakeHistory()
    with pytest.raises(InvalidPrompt, match="The prompt"):
        asked(prompt, history, said("never"))
    assert list(history.recent()) == []


def test_json_holds_both_answers_and_what_it_takes_to_ask_again_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    history = FakeHistory()
    asked("How many watts?", history, said("found says eleven"), as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert {name: answer["text"] for name, answer in told["answers"].items()} == {
        "fine-tuned": "tuned says eleven",
        "rag": "found says eleven",
    }
    (kept,) = history.recent()
    assert kept.id == told["comparison"] and kept.complete
    assert kept.versions["seed"].isdigit() and set(kept.versions["order"].split(", ")) == {"fine-tuned", "rag"}


def test_an_evaluation_counts_keeps_what_was_answered_and_goes_on_from_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = [
        Fact("watts", "trained", (), ("Watts?",), ("How many watts?",), "Eleven.", ("eleven",)),
        Fact("moon", "unanswerable", (), (), ("Moon?",), "The documents do not say."),
    ]
    answers = {"Watts?": "Eleven.", "How many watts?": "Nine.", "Moon?": "The documents do not say."}
    batches: list[list[str]] = []

    def batch(texts: Sequence[str]) -> list[str]:
        batches.append(list(texts))
        return [answers[text] for text in texts]

    def alone(name: str, text: str) -> Answer:
        return Answer(name, answers[text], timings=Timings(total=0.5, contended=text == "Moon?"))

    notebook = tmp_path / "evaluation.jsonl"
    for _ in range(2):
        (row,) = evaluate_all(questions(facts), {"rag": ({"a": "1"}, batch)}, alone, Notebook(notebook), 3, True)
    assert row.counts == {"trained wording": (1, 1), "held-out wording": (0, 1), "unanswerable": (1, 1)}
    assert (row.median_latency, row.timed) == (0.5, 2)  # what was contended is left out
    assert sorted(text for texts in batches for text in texts) == sorted(answers)  # the second time from the notebook
    first, _ = json.JSONDecoder().raw_decode(capsys.readouterr().out)
    assert [told["contestant"] for told in first] == ["rag"]


@pytest.mark.parametrize("prompt", ["🌱", "كم واط؟", "[bold]x[/red]", "![x](http://evil.example/a.png)"])
def test_odd_prompts_are_asked_as_they_are(prompt: str) -> None:
    assert asked(prompt, FakeHistory(), said("fine")).asked[0].text == prompt


def test_a_side_that_fails_says_why_beside_the_others_answer(capsys: pytest.CaptureFixture[str]) -> None:
    history = FakeHistory()
    asked("How many watts?", history, [Working(), ValueError("broken")])
    printed = capsys.readouterr().out
    assert "tuned says eleven" in printed and "The rag side failed (ValueError)" in printed
    assert not history.recent()[0].complete


def test_brackets_in_what_is_waited_for_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    asked("How?", FakeHistory(), [Waiting("opening /data/[/old]/index"), *said("here")])
    assert "opening /data/[/old]/index" in capsys.readouterr().err


def test_a_database_that_fills_up_meanwhile_does_not_swallow_the_answers(capsys: pytest.CaptureFixture[str]) -> None:
    class FillsUp(FakeHistory):
        def save(self, comparison: Comparison) -> None:
            if comparison.answers:
                raise StorageError("The disk is full: free some space.")

    with pytest.raises(StorageError, match="free some space"):
        asked("How?", FillsUp(), said("found says eleven"), as_json=True)
    answers = json.loads(capsys.readouterr().out)["answers"]
    assert answers["rag"]["text"] == "found says eleven"


def test_the_evaluation_of_four_contestants_fits_a_terminal() -> None:
    counts = dict.fromkeys(SPLITS, (10, 432))
    rows = [Row(name, counts, 2.41, 8) for name in ("fine-tuned", "rag", "base", "reader")]
    told = Console(width=100, record=True, file=StringIO())
    told.print(table(rows))
    lines = told.export_text().splitlines()
    assert sum("held-out, oblique" in line and line.count("2.3% of 432") == 4 for line in lines) == 1
    assert any("all held-out, answerable" in line and "2.3% of 1728" in line for line in lines)
    assert any("median seconds" in line and "2.41 (8 alone)" in line for line in lines)
