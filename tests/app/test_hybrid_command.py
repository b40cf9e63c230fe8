"""`fit-hybrid`: what is asked, what is fitted, and when the fit counts. Without models."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from typer.testing import CliRunner

from app import cli
from arena.contestant import Contestant
from arena.errors import WorkspaceError
from arena.evaluation import Notebook
from arena.facts import Fact
from arena.question import Question
from arena.verified import FILE, Support, Verified, VerifiedSettings, fitted, made_for
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
    found = remembered(questions, hybrid, remembering, {}, Notebook(tmp_path / "kept.jsonl"))
    # Silent about 7 and 8, and about the mass of either.
    assert sum(each.right for each in found) == 28 and len(documents.texts) == len(set(documents.texts))
    assert all(each.signs[1] == each.right for each in found)
    again = remembered(questions, hybrid, lambda texts: pytest.fail("asked"), {}, Notebook(tmp_path / "kept.jsonl"))
    assert again == found


def answers(count: int, right: bool, *sureness: float) -> list[Remembered]:
    """About a fact each, with these surenesses in turn."""
    return [
        Remembered(f"{right} {number}", (sureness[number % len(sureness)], 1.0, 1.0), right) for number in range(count)
    ]


def test_right_and_wrong_answers_count_alike_however_many_there_are() -> None:
    # Half of the right ones are as sure as half of the wrong ones, which are a tenth as many.
    found = VerifiedSettings(**fit([*answers(400, True, 5.0, 6.0), *answers(40, False, 4.0, 5.0)]))
    assert 0.4 < found.chance((5.0, 1.0, 1.0)) < 0.6  # 0.9 if they counted as they come
    assert found.chance((6.0, 1.0, 1.0)) > 0.8 > 0.2 > found.chance((4.0, 1.0, 1.0))


def test_the_table_counts_facts_that_it_was_not_fitted_on() -> None:
    heading, *lines = trade_off([*answers(100, True, 6.0, 7.0), *answers(40, False, 2.0, 3.0)])
    assert "right answers believed" in heading and lines[2] == "  0.5: 50 of 50, 0 of 20"
    (sentence,) = trade_off([*answers(12, True, 6.0), *answers(12, False, 3.0)])
    assert sentence.startswith("Too few")


def test_memory_that_is_always_right_leaves_nothing_to_fit() -> None:
    with pytest.raises(WorkspaceError, match="Of 50 answers of memory 50 are right"):
        fit(answers(50, True, 6.0))


@pytest.mark.parametrize(("table", "own", "says"), [('judge = "none"', False, "judge"), ("", True, "decides itself")])
def test_a_workspace_without_a_composed_hybrid_says_why(tmp_path: Path, table: str, own: bool, says: str) -> None:
    facts = [asdict(fact) for fact in (*TAUGHT, *UNTAUGHT)]
    rows = [
        {"id": fact["id"], "class": fact["kind"], "questions": fact, "answer": "a", "accepted": ["a"]} for fact in facts
    ]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "workspace.toml").write_text(f"[rag]\n{table}\n")
    for name in ("fine-tuned", *["hybrid"] * own):
        (tmp_path / "adapters" / name).mkdir(parents=True)
    (tmp_path / FILE).write_text("damaged, which is what the command is run to mend")
    found = CliRunner().invoke(cli, ["fit-hybrid", "--workspace", str(tmp_path)])
    assert found.exit_code == 1 and says in found.output and "damaged" not in found.output


WEIGHTS = {"sureness": 1.0, "support": 2.0, "answered": 0.5, "constant": -4.0}


def test_the_fit_counts_for_the_adapters_that_it_is_of(tmp_path: Path) -> None:
    path = tmp_path / FILE
    assert fitted(path, {"memory": "a"}) is None
    path.write_text(json.dumps({"weights": WEIGHTS, "made_for": {"memory": "a"}}))
    assert fitted(path, {"memory": "a"}) == WEIGHTS and fitted(path, {"memory": "b"}) is None


NAN = json.dumps({"weights": {**WEIGHTS, "support": float("nan")}, "made_for": {}})


@pytest.mark.parametrize("text", ["", "[]", '{"weights": {"sureness": 1}}', NAN])
def test_a_fit_that_cannot_be_read_names_the_file_and_the_command(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(WorkspaceError, match="hybrid.json, cannot be read.*fit-hybrid"):
        fitted(tmp_path / FILE, {})


def test_what_workspace_toml_says_wins_over_the_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents = Documents()
    (tmp_path / FILE).write_text(json.dumps({"weights": WEIGHTS, "made_for": made_for({"adapter_hash": "a"}, {})}))
    (tmp_path / "workspace.toml").write_text("[hybrid]\nconstant = -9.0\nbelieved = 0.3\n")

    def believing(adapter: str, **settings: bool) -> VerifiedSettings:
        parts, told = Parts(open_workspace(tmp_path), **settings), SimpleNamespace(identity={"adapter_hash": adapter})
        return parts._believing(cast(Contestant, told), documents)

    found = believing("a")
    assert (found.sureness, found.support, found.constant, found.believed) == (1.0, 2.0, -9.0, 0.3)
    assert believing("a", fitted=False).sureness != 1.0 and not capsys.readouterr().err
    other = believing("b")
    assert other.sureness != 1.0 and "fitted to another model or search" in capsys.readouterr().err
    assert other.believed == VerifiedSettings.believed > 0.3  # its line was drawn for the weights that are left out


def test_a_fit_is_of_models_and_search_and_not_of_documents() -> None:
    memory = {"adapter_hash": "a", "base_fingerprint": "b", "decoding_top_p": "1"}
    documents = {"index": "i", "embedder": "e", "query_adapter": "q", "judge.adapter_hash": "j"}
    documents |= {"rag.passages": "4", "judge.dtype": "float32"}
    assert set(made_for(memory, documents).values()) == {"a", "b", "e", "q", "j"}
