"""Votes as training data: which count, and how they are split."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from arena.answer import Answer
from arena.comparison import Choice, Comparison, Vote
from arena.errors import WorkspaceError
from arena.events import StopReason
from arena.facts import Fact
from arena.prompts import DOCUMENTS_DO_NOT_SAY, I_DO_NOT_KNOW, closed_book_messages
from arena.question import Turn
from finetune import votes as module
from finetune.votes import Preference, dpo_rows, enough, preferences, winning_samples


def answer(name: str, text: str, reason: StopReason | None = "end", failure: str | None = None) -> Answer:
    return Answer(name, text, reason=reason, failure=failure)


def compared(question: str = "How heavy?", left: str = "3 kg.", right: str = "4 kg.", **values: Any) -> Comparison:
    found = Comparison(question, "rag", "fine-tuned", True, histories={"rag": (), "fine-tuned": ()})
    answers = {"rag": answer("rag", left), "fine-tuned": answer("fine-tuned", right)}
    return replace(found, **{"answers": answers, **values})


def votes(comparison: Comparison, *choices: str, blind: bool = True) -> tuple[Comparison, list[Vote]]:
    return comparison, [Vote(comparison.id, f"Ann {n}", Choice(choice), blind) for n, choice in enumerate(choices)]


def preference(question: str, chosen: str = "Yes.", rejected: str = "No.") -> Preference:
    return Preference(question, chosen, rejected, "rag", "fine-tuned", True, "Ann", "1")


def test_the_preferred_answer_is_the_chosen_one_whichever_side_it_stood_on() -> None:
    left, right = votes(compared(), "left"), votes(compared(left=" 3 kg.\n"), "right", blind=False)
    (first, second), left_out = preferences([left, right])
    assert first == Preference("How heavy?", "3 kg.", "4 kg.", "rag", "fine-tuned", True, "Ann 0", left[0].id)
    assert second == Preference("How heavy?", "4 kg.", "3 kg.", "fine-tuned", "rag", False, "Ann 0", right[0].id)
    assert not left_out


def stopped(reason: StopReason | None, failure: str | None = None) -> Comparison:
    return compared(answers={"rag": answer("rag", "3", reason, failure), "fine-tuned": answer("fine-tuned", "4 kg.")})


@pytest.mark.parametrize(
    ("voted", "reason"),
    [
        (votes(compared()), module.NO_VOTE),
        (votes(compared(), "tie"), "tie"),
        (votes(compared(), "both bad"), "both bad"),
        (votes(compared(), "left", "right"), module.DRAW),
        (votes(compared(left="4 kg. "), "left"), module.SAME),
        (votes(stopped("stopped"), "right"), module.INCOMPLETE),
        (votes(stopped(None, "no memory"), "right"), module.INCOMPLETE),
        (votes(compared(answers={}), "right"), module.INCOMPLETE),
        (votes(stopped("length"), "left"), module.CUT_OFF),
        (votes(stopped("repetition"), "left"), module.CUT_OFF),
        (votes(compared(histories={"rag": (), "fine-tuned": (Turn("Who?", "Me."),)}), "left"), module.FOLLOW_UP),
    ],
)
def test_what_teaches_nothing_is_left_out_and_counted(voted: tuple[Comparison, Sequence[Vote]], reason: str) -> None:
    assert preferences([voted, voted]) == ([], {reason: 2})


def test_a_cut_off_answer_may_be_the_rejected_one() -> None:
    (found,), _ = preferences([votes(stopped("length"), "right")])
    assert (found.chosen, found.rejected) == ("4 kg.", "3")


@pytest.mark.parametrize(
    ("choices", "expected"),
    [(("left", "left", "right"), "3 kg."), (("right", "left", "right", "tie"), "4 kg."), (("left", "tie", "tie"), "")],
)
def test_of_several_annotators_the_majority_decides(choices: tuple[str, ...], expected: str) -> None:
    found, left_out = preferences([votes(compared(), *choices)])
    assert [item.chosen for item in found] == ([expected] if expected else [])
    assert left_out == ({} if expected else {"tie": 1})


def test_those_who_decided_are_named_and_blind_only_together() -> None:
    comparison, cast = votes(compared(), "left", "right", "left")
    (found,), _ = preferences([(comparison, [replace(cast[0], blind=False), *cast[1:]])])
    assert (found.annotator, found.blind) == ("Ann 0, Ann 2", False)


def test_held_out_wordings_are_not_trained_on_by_way_of_votes() -> None:
    trained = Fact("a", "trained", (), ("Trained?",), ("Held out?",), "3 kg.", ("3 kg",), oblique=("A riddle?",))
    documents = Fact("b", "documents only", (), ("In documents?",), (), "3 kg.", ("3 kg",))
    asked = ["trained?", "held  OUT", "A riddle?", "In documents?", "Something else?"]
    found, left_out = preferences([votes(compared(text), "left") for text in asked], [trained, documents])
    assert [item.question for item in found] == ["trained?", "Something else?"]
    assert left_out == {module.KEPT_OUT: 3}


def test_too_few_votes_are_refused_with_how_many_more_are_wanted() -> None:
    with pytest.raises(WorkspaceError, match=r"^73 preferences .* 100 are advised: 27 more, .* by 5 points .*--force"):
        enough(73)
    enough(73, minimum=73)


def test_a_pair_is_what_the_closed_book_model_is_asked() -> None:
    (row,), _ = dpo_rows([preference("How heavy?", "3 kg.", "4 kg.")], 1, 0)
    assert row == {
        "prompt": closed_book_messages("How heavy?"),
        "chosen": [{"role": "assistant", "content": "3 kg."}],
        "rejected": [{"role": "assistant", "content": "4 kg."}],
    }


def test_no_question_is_both_trained_on_and_held_out_and_more_votes_move_none() -> None:
    found = [
        preference(f"{text} {n}?", f"Yes, {n}.", said) for n in range(200) for text in ("Is", "IS") for said in "ab"
    ]
    training, held_out = ({row["prompt"][-1]["content"].lower() for row in rows} for rows in dpo_rows(found, 1))
    assert not training & held_out
    assert 10 <= len(held_out) <= 30 and len(training | held_out) == 200
    fewer = {row["prompt"][-1]["content"].lower() for row in dpo_rows(found[:400], 1)[1]}
    assert fewer == held_out & {f"is {n}?" for n in range(100)}
    assert held_out != {row["prompt"][-1]["content"].lower() for row in dpo_rows(found, 2)[1]}


def test_votes_for_and_against_the_same_answer_cancel_out() -> None:
    one, other = preference("Who?", "Ann.", "Bo."), preference("Who?", "Bo.", "Ann.")
    rows, _ = dpo_rows([one, other, one, preference("When?")], 1, 0)
    assert [row["chosen"][0]["content"] for row in rows] == ["Ann.", "Yes."]
    with pytest.raises(WorkspaceError, match="No preferences to train on; 0 are held out"):
        dpo_rows([one, other], 1, 0)
    assert [sample.answer for sample in winning_samples([one, other, one])] == ["Ann."]
    assert winning_samples([one, other]) == []


@pytest.mark.parametrize("hold_out", [-0.1, 1.0])
def test_a_share_that_is_none_is_refused(hold_out: float) -> None:
    with pytest.raises(WorkspaceError, match=f"hold_out is {hold_out}"):
        dpo_rows([preference("Who?")], 1, hold_out)


def test_a_model_without_documents_does_not_speak_of_them() -> None:
    found = [preference("Who?", DOCUMENTS_DO_NOT_SAY, "Bo."), preference("When?", "In May.", DOCUMENTS_DO_NOT_SAY)]
    assert [sample.answer for sample in winning_samples(found)] == [I_DO_NOT_KNOW, "In May."]
    rows, _ = dpo_rows([*found, preference("Why?", DOCUMENTS_DO_NOT_SAY, I_DO_NOT_KNOW)], 1, 0)
    said = [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in rows]
    assert said == [(I_DO_NOT_KNOW, "Bo."), ("In May.", I_DO_NOT_KNOW)]


def test_one_sample_per_question_has_the_answer_that_won_most() -> None:
    found = [preference("Who?", chosen, rejected) for chosen, rejected in (("A", "B"), ("C", "A"), ("C", "B"))]
    (sample,) = winning_samples(found)
    assert (sample.messages, sample.answer) == (tuple(closed_book_messages("Who?")), "C")
