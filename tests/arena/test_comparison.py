"""Which votes may be saved, and whom they prefer."""

from dataclasses import replace

import pytest

from arena.answer import Answer
from arena.comparison import Choice, Comparison, Vote, checked_vote, preferred
from arena.errors import VoteRefused

BOTH = {name: Answer(name, "text", reason="end") for name in ("rag", "base")}
DONE = Comparison("Why?", "rag", "base", blind=True, answers=BOTH)


def test_a_vote_on_a_complete_pair_is_made_as_given() -> None:
    vote = checked_vote(DONE, "  Ann ", "both bad", True, " neither answers ")
    assert (vote.comparison, vote.annotator, vote.choice) == (DONE.id, "Ann", Choice.BOTH_BAD)
    assert vote.blind and vote.reason == "neither answers" and vote.cast_at.tzinfo is not None


@pytest.mark.parametrize("choice", list(Choice))
def test_every_choice_is_accepted_by_its_value(choice: Choice) -> None:
    assert checked_vote(DONE, "Ann", choice.value, False).choice is choice


@pytest.mark.parametrize(
    "rag",
    [
        None,
        Answer("rag"),
        Answer("rag", "half", reason="stopped"),
        Answer("rag", "half", failure="broken"),
    ],
)
def test_a_pair_with_a_missing_unfinished_stopped_or_failed_answer_cannot_be_voted_on(rag: Answer | None) -> None:
    answers = {"base": BOTH["base"]} if rag is None else {**BOTH, "rag": rag}
    with pytest.raises(VoteRefused, match="both answers must be complete"):
        checked_vote(DONE.with_answers(answers), "Ann", "left", False)


def test_a_vote_needs_a_comparison_a_name_and_a_known_choice() -> None:
    with pytest.raises(VoteRefused, match="ask a question first"):
        checked_vote(None, "Ann", "left", False)
    with pytest.raises(VoteRefused, match="Type your name"):
        checked_vote(DONE, " \t", "left", False)
    with pytest.raises(VoteRefused, match="'LEFT' is not a vote: use one of left, right, tie, both bad"):
        checked_vote(DONE, "Ann", "LEFT", False)


def test_long_reasons_are_refused_and_long_names_cut() -> None:
    assert len(checked_vote(DONE, "A" * 300, "tie", False, "x" * 1000).annotator) == 100
    with pytest.raises(VoteRefused, match="has 1,001 characters; the limit is 1,000"):
        checked_vote(DONE, "Ann", "tie", False, "x" * 1001)


@pytest.mark.parametrize(
    ("choice", "name"), [(Choice.LEFT, "rag"), (Choice.RIGHT, "base"), (Choice.TIE, None), (Choice.BOTH_BAD, None)]
)
def test_the_side_is_translated_to_the_contestant_that_stood_there(choice: Choice, name: str | None) -> None:
    vote = Vote(DONE.id, "Ann", choice, blind=True)
    assert preferred(DONE, vote) == name
    swapped = replace(DONE, left="base", right="rag")
    assert preferred(swapped, vote) == ({"rag": "base", "base": "rag"}[name] if name else None)
