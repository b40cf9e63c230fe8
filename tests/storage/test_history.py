"""What every History promises, checked on the database and on the fake that other rooms' tests rely on."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest

from arena.comparison import Choice
from arena.errors import StorageError, VoteRefused
from arena.ports import History
from storage import DatabaseHistory, open_history
from tests.fakes import FakeHistory
from tests.storage.examples import NOON, answered, full_pair, pair, vote_on, without_nul


@pytest.fixture(params=["sqlite", "postgresql", "fake"])
def kept(request: pytest.FixtureRequest, path: Path) -> Iterator[History]:
    if request.param == "fake":
        yield FakeHistory()
        return
    opened = open_history(path if request.param == "sqlite" else request.getfixturevalue("new_server_database")())
    yield opened
    opened.database.close()


def test_a_comparison_comes_back_equal(kept: History) -> None:
    saved = full_pair()
    kept.save(saved)
    if isinstance(kept, DatabaseHistory) and kept.engine.dialect.name == "postgresql":
        saved = without_nul(saved)
    assert kept.get(saved.id) == saved
    assert list(kept.recent()) == [saved]


def test_nothing_found_differs_from_no_retrieval(kept: History) -> None:
    answers = {"rag": answered("rag", passages=()), "fine-tuned": answered("fine-tuned", passages=None)}
    saved = pair(answers=answers)
    kept.save(saved)
    found = kept.get(saved.id)
    assert found is not None
    assert found.answers["rag"].passages == () and found.answers["fine-tuned"].passages is None


def test_the_time_of_asking_is_utc_and_aware(kept: History) -> None:
    saved = pair(asked_at=NOON.astimezone(timezone(timedelta(hours=5))))
    kept.save(saved)
    found = kept.get(saved.id)
    assert found is not None and found.asked_at == NOON and found.asked_at.tzinfo is not None


def test_saving_again_replaces_the_answers(kept: History) -> None:
    first = full_pair()
    kept.save(first)
    second = first.with_answers({"rag": answered("rag", "Three years.")})
    kept.save(second)
    assert kept.get(first.id) == second
    assert len(kept.recent()) == 1


def test_an_unknown_comparison_is_none(kept: History) -> None:
    assert kept.get("nothing") is None
    assert list(kept.votes("nothing")) == []


def test_recent_is_newest_first_and_pages(kept: History) -> None:
    for minutes in (3, 1, 2, 0):
        kept.save(pair(f"question {minutes}", minutes))
    assert [one.question for one in kept.recent(limit=2)] == ["question 3", "question 2"]
    assert [one.question for one in kept.recent(limit=2, offset=2)] == ["question 1", "question 0"]
    assert list(kept.recent(offset=4)) == []


def test_the_filter_looks_in_questions_and_answers(kept: History) -> None:
    kept.save(pair("Is it blue?", 0))
    kept.save(pair("Which colour?", 1, answers={"rag": answered("rag", "It is Blue.")}))
    kept.save(pair("Which size?", 2))
    assert [one.question for one in kept.recent(" BLUE ")] == ["Which colour?", "Is it blue?"]


def test_the_filter_knows_no_case_in_any_alphabet(kept: History) -> None:
    kept.save(pair("Äpfel und ΣΟΦΊΑ"))
    assert len(kept.recent("äPFEL")) == len(kept.recent("σοφία")) == 1


@pytest.mark.parametrize(("text", "found"), [("100%", ["100% wool"]), ("a_b", ["a_b"]), ("\\", ["back\\slash"])])
def test_wildcards_in_the_filter_stand_for_themselves(kept: History, text: str, found: list[str]) -> None:
    for question in ("100% wool", "100 sheep", "a_b", "axb", "back\\slash"):
        kept.save(pair(question))
    assert [one.question for one in kept.recent(text)] == found


def test_a_vote_comes_back_equal(kept: History) -> None:
    compared = pair()
    kept.save(compared)
    given = vote_on(compared, choice=Choice.BOTH_BAD, reason="Both wrong — 🙂")
    assert kept.cast(given) == given
    assert list(kept.votes(compared.id)) == list(kept.vote_history(compared.id)) == [given]
    assert kept.votes(compared.id)[0].cast_at.tzinfo == UTC


def test_a_change_of_mind_replaces_the_vote_and_keeps_its_history(kept: History) -> None:
    compared = pair()
    kept.save(compared)
    first = kept.cast(vote_on(compared, "Ann", Choice.LEFT, reason="shorter", cast_at=NOON))
    other = kept.cast(vote_on(compared, "Bob", Choice.TIE, cast_at=NOON + timedelta(seconds=1)))
    second = kept.cast(vote_on(compared, " Ann ", Choice.RIGHT, blind=False, cast_at=NOON + timedelta(seconds=2)))
    assert second.id == first.id and second.choice is Choice.RIGHT and second.annotator == "Ann"
    assert list(kept.votes(compared.id)) == [other, second]
    assert list(kept.vote_history(compared.id)) == [first, other, second]


def test_votes_that_are_not_allowed_are_refused_and_leave_nothing(kept: History) -> None:
    done, missing = pair(), pair(answers={"rag": answered("rag")})
    stopped = pair(answers={**pair().answers, "rag": answered("rag", reason="stopped")})
    failed = pair(answers={**pair().answers, "rag": answered("rag", reason=None, failure="broken")})
    for compared in (done, missing, stopped, failed):
        kept.save(compared)
    refused = [vote_on(pair()), vote_on(missing), vote_on(stopped), vote_on(failed), vote_on(done, "  ")]
    refused += [vote_on(done, choice="neither"), vote_on(done, reason="x" * 1001)]  # type: ignore[arg-type]
    for given in refused:
        with pytest.raises(VoteRefused):
            kept.cast(given)
        assert list(kept.votes(given.comparison)) == list(kept.vote_history(given.comparison)) == []


def test_what_was_voted_on_cannot_be_changed_afterwards(kept: History) -> None:
    compared = pair()
    kept.save(compared)
    kept.cast(vote_on(compared))
    kept.save(compared)
    late = compared.with_answers({**compared.answers, "rag": answered("rag", "Tw", reason="stopped")})
    with pytest.raises(StorageError, match="has votes"):
        kept.save(late)
    with pytest.raises(StorageError, match="has votes"):
        kept.save(replace(compared, left="rag", right="fine-tuned"))
    assert kept.get(compared.id) == compared


def test_a_history_in_order_says_ready(kept: History) -> None:
    assert kept.check() == "ready"
