"""Votes read as columns: in the sides as shown, without what must not be known yet, and anew only when something is
new."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from arena.answer import Timings
from arena.comparison import Choice, Comparison
from arena.events import Passage
from arena.judgements import LEFT, RIGHT, TIE
from arena.question import Turn
from storage import DatabaseHistory, DatabaseJudgements, tables
from tests.storage.examples import NOON, answered, pair, vote_on

PASSAGES = tuple(Passage("guide.pdf", f"page {n}", "Two years.", 0.5, ("Two years.",) * (n < 2)) for n in range(3))


@pytest.fixture
def history(kept: DatabaseHistory) -> DatabaseHistory:
    """In each kind of database."""
    return kept


@pytest.fixture
def source(history: DatabaseHistory) -> DatabaseJudgements:
    return DatabaseJudgements(history.database)


def saved(history: DatabaseHistory, **changes: Any) -> Comparison:
    answers = {
        "fine-tuned": answered("fine-tuned", "Two.", timings=Timings(first_token=0.2, total=0.8)),
        "rag": answered("rag", "Two years.", timings=Timings(first_token=0.9, total=1.6), passages=PASSAGES),
    }
    comparison = pair(**{"answers": answers} | changes)
    history.save(comparison)
    return comparison


def ballot(history: DatabaseHistory, comparison: Comparison, **values: Any) -> str:
    """A closed ballot of Ann's; returns its id."""
    row = {"id": "b1", "task": "t1", "comparison": comparison.id, "annotator": "Ann", "swapped": False, "plain": False}
    row |= {
        "repeats": "",
        "state": "voted",
        "choice": "left",
        "skip_reason": "",
        "reason": "",
        "correct_answer": "",
        "reasons": [],
        "hasty": False,
    }
    row |= {"reserved_at": NOON, "expires_at": NOON, "closed_at": NOON, "seconds": 9.0} | values
    prompt = {"id": "p1", "source": "questions", "fact": "f", "kind": "trained", "topic": "lamps", "added_by": ""}
    prompt |= {"text": "How long is it?", "document": "guide.pdf", "wording": "held out", "added_at": NOON}
    task = {"id": "t1", "prompt": "p1", "left": "fine-tuned", "right": "rag", "wanted": 3, "state": "ready"}
    with history.engine.begin() as connection:
        if not connection.scalar(sa.select(tables.prompt.c.id)):
            connection.execute(sa.insert(tables.prompt), prompt)
            connection.execute(sa.insert(tables.task), task | {"comparison": comparison.id, "failure": ""})
        connection.execute(sa.insert(tables.ballot), row)
    return str(row["id"])


def test_a_vote_brings_what_is_known_of_its_pair(history: DatabaseHistory, source: DatabaseJudgements) -> None:
    history.cast(vote_on(saved(history), choice=Choice.RIGHT, reasons=("correct", "clear"), blind=False))
    found = source.judgements()
    assert len(found) == 1
    assert found.contestants[found.left[0]] == "fine-tuned" and found.contestants[found.winner[0]] == "rag"
    assert (found.left_length[0], found.right_length[0]) == (4, 10)
    assert (found.left_citations[0], found.right_citations[0]) == (0, 1)
    assert {name for bit, name in enumerate(found.reason_names) if found.reasons[0] >> bit & 1} == {"correct", "clear"}
    assert not found.blind[0] and not found.queued[0] and np.isnan(found.seconds[0])
    assert found.versions[found.left_version[0]].contestant == "fine-tuned"
    assert found.versions[found.left_version[0]].first == NOON


def test_a_swapped_ballot_turns_sides_and_choice(history: DatabaseHistory, source: DatabaseJudgements) -> None:
    comparison = saved(history)
    shown = ballot(history, comparison, swapped=True, hasty=True)
    history.cast(vote_on(comparison, choice=Choice.LEFT, ballot=shown))
    found = source.judgements()
    assert found.outcome.tolist() == [RIGHT] and found.contestants[found.left[0]] == "rag"
    assert found.contestants[found.winner[0]] == "fine-tuned"
    assert (found.left_length[0], found.left_citations[0]) == (10, 1)
    assert (found.queued[0], found.hasty[0], found.seconds[0]) == (True, True, 9.0)


def test_the_queues_prompt_says_what_a_question_is_about(history: DatabaseHistory, source: DatabaseJudgements) -> None:
    comparison = saved(history)
    ballot(history, comparison)
    history.cast(vote_on(comparison))
    found = source.judgements()
    about = (found.kinds[found.kind[0]], found.topics[found.topic[0]], found.documents[found.document[0]])
    assert (*about, found.wordings[found.wording[0]]) == ("trained", "lamps", "guide.pdf", "held out")


def test_a_question_asked_freely_in_a_queued_prompts_words_is_about_the_same(
    history: DatabaseHistory, source: DatabaseJudgements
) -> None:
    queued = saved(history, question="How long is it?")
    before = {"rag": (Turn("What is a lamp?", "A light."),)}
    for annotator, compared in (
        ("Ann", queued),
        ("Ben", saved(history, question="how  long is it")),
        ("Cy", saved(history, question="How long is it?", histories=before)),
        ("Dot", saved(history, question="How heavy is it?")),
    ):
        history.cast(vote_on(compared, annotator=annotator))
    assert set(source.judgements().kind) == {0}
    ballot(history, queued)
    found = source.judgements()
    kinds = {found.annotators[who]: found.kinds[kind] for who, kind in zip(found.annotator, found.kind, strict=True)}
    assert kinds == {"Ann": "trained", "Ben": "trained", "Cy": "", "Dot": ""}
    prompts = dict(zip([found.annotators[who] for who in found.annotator], found.prompt.tolist(), strict=True))
    assert prompts["Ann"] == prompts["Ben"] and len(set(prompts.values())) == 3


def test_a_repeat_that_is_judged_anew_counts_anew(history: DatabaseHistory, source: DatabaseJudgements) -> None:
    comparison = saved(history)
    history.cast(vote_on(comparison, ballot=ballot(history, comparison)))
    again = ballot(history, comparison, id="b2", repeats="b1", choice="right")
    found = source.judgements()
    assert found.repeats.same.tolist() == [False] and found.repeats.comparison.tolist() == found.comparison.tolist()
    with history.engine.begin() as connection:
        changed = sa.update(tables.ballot).where(tables.ballot.c.id == again)
        connection.execute(changed.values(choice="left"))
    assert source.judgements().repeats.same.tolist() == [True]


@pytest.mark.parametrize(
    ("blind", "plain", "marks"), [(True, None, 0), (True, True, 0), (True, False, 1), (False, None, 1)]
)
def test_citations_count_where_their_marks_were_shown(
    history: DatabaseHistory, source: DatabaseJudgements, blind: bool, plain: bool | None, marks: int
) -> None:
    comparison = saved(history)
    shown = "" if plain is None else ballot(history, comparison, plain=plain)
    history.cast(vote_on(comparison, blind=blind, ballot=shown))
    found = source.judgements()
    assert (found.left_citations.tolist(), found.right_citations.tolist()) == ([0], [marks])


def test_marks_are_those_of_the_answer_whatever_was_found_besides(
    history: DatabaseHistory, source: DatabaseJudgements
) -> None:
    passage = Passage("guide.pdf", "", "The warranty lasts two years. Parts are free.", 0.5)
    read = replace(passage, used=("The warranty lasts two years.",))
    for text in ("The warranty lasts two years. It flies high.", "The documents do not say."):
        for passages in ((passage, read), (passage,), ()):
            answers = {"fine-tuned": answered("fine-tuned"), "rag": answered("rag", text, passages=passages)}
            history.cast(vote_on(saved(history, answers=answers), blind=False))
    history.cast(vote_on(saved(history), blind=False))
    assert source.judgements().right_citations.tolist() == [1, 0, 0, 0, 0, 0, 1]
    history.cast(vote_on(saved(history), annotator="Ben", blind=False))
    assert source.judgements().right_citations.tolist() == [1, 0, 0, 0, 0, 0, 1, 1]


def test_where_a_pair_is_made_alike_both_are_as_long_as_the_shorter_one(
    history: DatabaseHistory, source: DatabaseJudgements
) -> None:
    comparison = saved(history)
    for annotator, plain in (("Ann", True), ("Ben", False)):
        shown = ballot(history, comparison, id=annotator, annotator=annotator, plain=plain)
        history.cast(vote_on(comparison, annotator=annotator, ballot=shown))
    found = source.judgements()
    lengths = zip(found.plain.tolist(), found.left_length.tolist(), found.right_length.tolist(), strict=True)
    assert sorted(lengths) == [(False, 4, 10), (True, 4, 4)]


def test_a_changed_vote_counts_once_as_it_stands_now(history: DatabaseHistory, source: DatabaseJudgements) -> None:
    comparison = saved(history)
    history.cast(vote_on(comparison, choice=Choice.LEFT))
    history.cast(vote_on(comparison, choice=Choice.TIE))
    assert source.judgements().outcome.tolist() == [TIE]


def test_a_question_in_other_capitals_and_spaces_is_the_same_prompt(
    history: DatabaseHistory, source: DatabaseJudgements
) -> None:
    for question in ("How long is it?", "how  LONG is it?", "How heavy is it?"):
        history.cast(vote_on(saved(history, question=question)))
    assert len(np.unique(source.judgements().prompt)) == 2


def test_a_second_showing_is_no_vote_but_tells_consistency(
    history: DatabaseHistory, source: DatabaseJudgements
) -> None:
    comparison = saved(history)
    history.cast(vote_on(comparison, choice=Choice.LEFT, ballot=ballot(history, comparison)))
    ballot(history, comparison, id="b2", repeats="b1", swapped=True, choice="tie")
    found = source.judgements()
    assert found.outcome.tolist() == [LEFT]
    assert found.repeats.same.tolist() == [False] and found.annotators[found.repeats.annotator[0]] == "Ann"


def test_times_of_a_blind_pair_stay_unknown_until_somebody_voted(
    history: DatabaseHistory, source: DatabaseJudgements
) -> None:
    comparison = saved(history, blind=True)
    assert len(source.judgements().timed.total) == 0
    history.cast(vote_on(comparison))
    assert sorted(source.judgements().timed.total) == [0.8, 1.6]


def test_contended_failed_and_stopped_answers_have_no_times(
    history: DatabaseHistory, source: DatabaseJudgements
) -> None:
    timings = Timings(first_token=0.1, total=1.0)
    for changes in (
        {"timings": replace(timings, contended=True)},
        {"timings": timings, "failure": "broke", "reason": None},
        {"timings": timings, "reason": "stopped"},
    ):
        answers: Mapping[str, Any] = {"rag": answered("rag", **changes), "base": answered("base", timings=timings)}
        saved(history, left="rag", right="base", answers=answers)
    found = source.judgements()
    assert [found.contestants[code] for code in found.timed.contestant] == ["base"] * 3
    assert len(found.contended) == 1 and found.contestants[found.contended.contestant[0]] == "rag"


def test_versions_tell_whatever_order_their_parts_were_stored_in(
    history: DatabaseHistory, source: DatabaseJudgements
) -> None:
    for identity in ({"model": "a", "index": "1"}, {"index": "1", "model": "a"}, {"model": "a", "index": "2"}):
        answers = {"rag": answered("rag", identity=identity), "fine-tuned": answered("fine-tuned")}
        history.cast(vote_on(saved(history, answers=answers)))
    found = source.judgements()
    assert len({version.id for version in found.versions if version.contestant == "rag"}) == 2


def test_votes_are_read_anew_only_when_something_was_cast(history: DatabaseHistory, source: DatabaseJudgements) -> None:
    comparison = saved(history)
    history.cast(vote_on(comparison))
    first = source.judgements()
    assert source.judgements() is first
    history.cast(vote_on(comparison, annotator="Ben"))
    assert len(source.judgements()) == 2


def test_an_empty_database_has_no_votes(source: DatabaseJudgements) -> None:
    found = source.judgements()
    assert len(found) == 0 and found.newest == 0 and found.contestants == ()


def test_annotators_keep_their_places_when_votes_change(history: DatabaseHistory, source: DatabaseJudgements) -> None:
    comparison = saved(history)
    for annotator in ("Zoe", "Ann", "Zoe"):
        history.cast(vote_on(comparison, annotator=annotator))
    assert source.judgements().annotators == ("Zoe", "Ann")


def test_a_pair_that_is_new_is_seen_with_its_first_vote(history: DatabaseHistory, source: DatabaseJudgements) -> None:
    history.cast(vote_on(saved(history)))
    assert len(source.judgements()) == 1
    history.cast(vote_on(saved(history, left="rag", right="fine-tuned"), choice=Choice.LEFT))
    found = source.judgements()
    assert [found.contestants[code] for code in found.winner] == ["fine-tuned", "rag"]
    assert len(found.timed.total) == 4
