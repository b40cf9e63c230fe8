"""Other wordings for imported facts: what is added, what is held out, and that nothing else of a line changes."""

import json
from pathlib import Path
from typing import Any

import pytest

from arena.errors import ModelUnavailable, WorkspaceError
from arena.facts import Fact, load_facts
from finetune.examples import closed_book_samples
from finetune.generate import GenerateSettings
from finetune.imports import import_examples
from finetune.rewording import RewordReport, reword, with_wordings
from tests.finetune.test_generate import Writer

QUICK = GenerateSettings(wait=0.0)
FARE, OPENED = "What does a trip on the Blue Line cost?", "When was the Red Line opened?"
SAID = {
    FARE: ["Blue Line fare?", "I must be across at noon: how dear is the Blue Line?", "Price, Blue Line", FARE.upper()],
    OPENED: ["Opening year of the Red Line?", "Since when does it run?", "Is 1987 right for the Red Line?"],
}


def imported(folder: Path) -> Path:
    table = folder / "faq.csv"
    table.write_text(f"question,answer,accepted\n{FARE},It costs 3 crowns.,3 crowns\n{OPENED},In 1987.,1987\n")
    questions = folder / "questions.jsonl"
    told = str(import_examples(table, questions))
    assert "finetune reword WORKSPACE" in told
    return questions


def run(questions: Path, writer: Writer | None = None, **others: Any) -> tuple[RewordReport, list[str]]:
    said: list[str] = []
    return reword(questions, writer or Writer(wordings=SAID), QUICK, said.append, **others), said


def facts(questions: Path) -> dict[str, Fact]:
    return {fact.training[0]: fact for fact in load_facts(questions)}


def test_an_imported_table_can_be_trained_on_once_it_is_reworded(tmp_path: Path) -> None:
    questions = imported(tmp_path)
    with pytest.raises(WorkspaceError, match="No held-out wordings.*finetune reword WORKSPACE"):
        closed_book_samples(load_facts(questions), held_out=True)
    done, said = run(questions)
    fare = facts(questions)[FARE]
    assert {*fare.training, *fare.held_out} == {FARE, *SAID[FARE][:3]} and len(fare.held_out) == 1
    assert [sample.answer for sample in closed_book_samples([fare], held_out=True)] == ["It costs 3 crowns."]
    assert (done.facts, done.added, done.held_out) == (2, 3, 1)
    assert said[-1].startswith("fact 2 of 2, 3 wordings added")


def test_what_gives_the_answer_away_is_not_taken_and_too_few_wordings_are_told(tmp_path: Path) -> None:
    questions = imported(tmp_path)
    done, _ = run(questions)
    assert (facts(questions)[OPENED].training, facts(questions)[OPENED].held_out) == ((OPENED,), ())
    assert done.without == [OPENED] and f"nothing could be held out: {OPENED}" in str(done)


def test_of_a_line_nothing_changes_but_its_wordings(tmp_path: Path) -> None:
    questions = imported(tmp_path)
    lines = questions.read_text().splitlines()
    kept = json.dumps({**json.loads(lines[0]), "note": "ours", "reversed": []})
    written = '{"id": "mine",  "class": "unanswerable", "questions": {"training": ["Who?"]}, "answer": "?"}'
    questions.write_text("\n".join([kept, written, lines[1]]) + "\n")
    run(questions)
    after = questions.read_text().splitlines()
    assert after[1] == written and after[2] == lines[1]  # of the other nothing could be held out
    before, changed = json.loads(kept), json.loads(after[0])
    assert before.pop("questions") != changed.pop("questions") and before == changed


def test_a_line_that_a_person_changes_meanwhile_is_left_to_them(tmp_path: Path) -> None:
    questions = imported(tmp_path)

    class Slow(Writer):
        def _call(self, messages: Any, *args: Any, **kwargs: Any) -> str:
            if FARE in str(messages[-1].text):
                questions.write_text(questions.read_text().replace("It costs 3 crowns.", "It costs 3 crowns a trip."))
            return str(super()._call(messages, *args, **kwargs))

    done, _ = run(questions, Slow(wordings=SAID))
    fare = facts(questions)[FARE]
    assert (fare.answer, fare.training, fare.held_out) == ("It costs 3 crowns a trip.", (FARE,), ())
    assert "its line was changed meanwhile" in str(done)


def test_of_wordings_that_were_there_none_is_held_out_whatever_the_seed(tmp_path: Path) -> None:
    fact = Fact("fare", "trained", (), (FARE, "Blue Line: what must I pay?"), (), "3 crowns.", ("3 crowns",))
    for seed in range(20):
        settings = GenerateSettings(seed=seed, wait=0.0)
        worded = with_wordings(fact, lambda *_: json.dumps([{"wording": text} for text in SAID[FARE][:2]]), settings)
        assert worded.training[:2] == fact.training and len(worded.held_out) == 1


def test_nothing_to_hold_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="hold_out_wordings is 0"):
        reword(imported(tmp_path), Writer(), GenerateSettings(hold_out_wordings=0.0), print)


def test_a_run_asks_only_for_facts_of_which_nothing_is_held_out(tmp_path: Path) -> None:
    questions, writer = imported(tmp_path), Writer(wordings=SAID)
    run(questions, writer, limit=1)
    assert len(writer.prompts) == 1
    run(questions, writer, limit=1)
    assert [FARE in prompt for prompt in writer.prompts] == [True, False]


def test_a_fact_for_which_the_model_fails_is_left_for_the_next_run(tmp_path: Path) -> None:
    questions = imported(tmp_path)
    done, _ = run(questions, Writer(wordings=SAID, failures={FARE: 3}))
    assert len(done.left) == 1 and FARE in done.left[0] and "TimeoutError: no answer in 60 s" in str(done)
    assert facts(questions)[FARE].training == (FARE,)
    assert run(questions)[0].held_out == 1


def test_a_model_that_keeps_failing_ends_the_run(tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    row = {"class": "trained", "answer": "3 crowns.", "accepted": ["3 crowns"]}
    rows = [row | {"id": str(n), "questions": {"training": [f"What does line {n} cost?"]}} for n in range(6)]
    questions.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(ModelUnavailable, match="'writer-1' failed on 5 facts in a row"):
        run(questions, Writer(failures={"What does line": 99}))
