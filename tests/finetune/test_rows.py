"""Votes as TRL's rows: the columns' names, what counts as good and bad, corrections, and pairs read back."""

from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from arena.comparison import Choice, Comparison, Vote
from arena.errors import WorkspaceError
from arena.facts import Fact
from arena.prompts import DOCUMENTS_DO_NOT_SAY, I_DO_NOT_KNOW, closed_book_messages
from finetune import rows
from finetune.__main__ import app
from finetune.votes import PERSON, corrections
from tests.finetune.test_votes import compared, votes

Voted = tuple[Comparison, list[Vote]]


def corrected(choice: str, right: str = "5 kg.", question: str = "How heavy?") -> Voted:
    comparison, cast = votes(compared(question), choice)
    return comparison, [replace(cast[0], correct_answer=right)]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def test_pairs_have_trls_columns_and_each_text_is_a_conversation() -> None:
    (row,) = rows.pairs([votes(compared(), "left")])
    assert row == {"prompt": closed_book_messages("How heavy?"), "chosen": said("3 kg."), "rejected": said("4 kg.")}


@pytest.mark.parametrize(
    ("choice", "beaten"), [("both bad", ["3 kg.", "4 kg."]), ("left", ["4 kg."]), ("right", ["3 kg."]), ("tie", [])]
)
def test_a_correction_beats_the_answers_that_were_not_preferred(choice: str, beaten: list[str]) -> None:
    found = corrections([corrected(choice)])
    assert [(item.chosen, item.rejected, item.chosen_contestant) for item in found] == [
        ("5 kg.", wrong, PERSON) for wrong in beaten
    ]


def test_a_correction_that_says_the_same_or_nothing_teaches_nothing() -> None:
    assert corrections([corrected("left", "4 KG"), corrected("both bad", "  ")]) == []


def test_held_out_questions_stay_out_of_every_kind_of_rows() -> None:
    fact = Fact("a", "trained", (), ("Trained?",), ("How heavy?",), "3 kg.", ("3 kg",))
    given = [corrected("both bad"), votes(compared("how HEAVY"), "left")]
    assert rows.labelled(given, [fact]) == rows.conversations(given, [fact]) == []
    with pytest.raises(WorkspaceError, match="No preferences"):
        rows.pairs(given, [fact])


def test_single_answers_are_labelled_and_what_is_good_and_bad_at_once_is_left_out() -> None:
    given = [
        votes(compared(), "left"),
        votes(compared("How long?", "1 m.", "2 m."), "both bad"),
        votes(compared("How old?", "1.", "2."), "left"),
        votes(compared("How old?", "2.", "1."), "left"),
        corrected("both bad", question="How wide?"),
    ]
    labels = {
        (row["prompt"][-1]["content"], row["completion"][0]["content"]): row["label"] for row in rows.labelled(given)
    }
    assert labels == {
        **{("How heavy?", "3 kg."): True, ("How heavy?", "4 kg."): False},
        **{("How long?", "1 m."): False, ("How long?", "2 m."): False},
        **{("How wide?", "5 kg."): True, ("How wide?", "3 kg."): False, ("How wide?", "4 kg."): False},
    }


def test_a_conversation_has_what_a_person_wrote_before_what_won() -> None:
    given = [votes(compared(), "left"), votes(compared("Who?", DOCUMENTS_DO_NOT_SAY, "Bo."), "left"), corrected("left")]
    answers = [row["messages"][-1]["content"] for row in rows.conversations(given)]
    assert answers == ["5 kg.", I_DO_NOT_KNOW]


def test_what_a_person_wrote_beside_a_tie_is_a_conversation_too() -> None:
    assert [row["messages"][-1]["content"] for row in rows.conversations([corrected("tie")])] == ["5 kg."]


def test_rows_are_written_as_json_lines_and_parquet_and_pairs_read_back(tmp_path: Path) -> None:
    made = rows.pairs([votes(compared(f"Question {n}?", "3\u2028kg."), "left") for n in range(40)])
    rows.write_rows(tmp_path / "pairs.jsonl", made)
    training, held_out = rows.read_pairs(tmp_path / "pairs.jsonl", seed=1)
    assert sorted(map(str, training + held_out)) == sorted(map(str, made)) and 0 < len(held_out) < 20
    rows.write_rows(tmp_path / "pairs.parquet", made)
    assert parquet.read_table(tmp_path / "pairs.parquet").to_pylist() == made


def test_files_that_cannot_be_are_refused_in_words(tmp_path: Path) -> None:
    made = rows.pairs([votes(compared(), Choice.LEFT)])
    with pytest.raises(WorkspaceError, match=r"ends in '.csv': rows for a training are written as .jsonl or .parquet"):
        rows.write_rows(tmp_path / "pairs.csv", made)
    with pytest.raises(WorkspaceError, match="No rows.* stay out of training"):
        rows.write_rows(tmp_path / "pairs.jsonl", [])
    (tmp_path / "pairs.jsonl").write_text('{"prompt": "How heavy?"}\n')
    with pytest.raises(WorkspaceError, match="line 1 is no pair .* prompt, chosen, rejected"):
        rows.read_pairs(tmp_path / "pairs.jsonl", 1)
    (tmp_path / "pairs.jsonl").write_text("\n")
    with pytest.raises(WorkspaceError, match="no pairs to train on"):
        rows.read_pairs(tmp_path / "pairs.jsonl", 1)


def test_from_votes_takes_a_file_of_pairs_and_counts_them(tmp_path: Path) -> None:
    rows.write_rows(tmp_path / "pairs.jsonl", rows.pairs([votes(compared(f"Question {n}?"), "left") for n in range(7)]))
    done = CliRunner().invoke(app, ["from-votes", str(tmp_path), "--pairs", str(tmp_path / "pairs.jsonl")])
    assert isinstance(done.exception, WorkspaceError)
    assert str(done.exception).startswith("7 preferences can be trained on, 100 are advised")
