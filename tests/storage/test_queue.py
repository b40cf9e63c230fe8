"""The annotators' queue: who is shown what and how, what becomes of it, and that nobody gets too much. In each kind of
database."""

import random
import threading
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from arena.annotation import BallotState, Judgement, QueuedPrompt, Reason, Showing, SkipReason, Source
from arena.comparison import Choice
from arena.errors import VoteRefused
from arena.queue import QueueSettings
from storage import DatabaseHistory, DatabaseQueue, open_database
from tests.storage.examples import NOON, pair

PAIR = ("rag", "fine-tuned")


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def pass_minutes(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(kept: DatabaseHistory) -> DatabaseHistory:
    """In each kind of database. That commits reach the disk is tested elsewhere, and takes long."""
    if kept.engine.dialect.name == "sqlite":
        sa.event.listen(kept.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    return kept


@pytest.fixture
def queue(history: DatabaseHistory, clock: Clock) -> DatabaseQueue:
    return DatabaseQueue(history.database, QueueSettings(), clock, random.Random(7))


def fill(queue: DatabaseQueue, number: int, wanted: int = 3) -> None:
    """So many pairs, answered."""
    queue.add([QueuedPrompt(f"Question {place}?", Source.IMPORTED) for place in range(number)], [PAIR], wanted)
    while waiting := queue.next_task():
        task, text = waiting
        assert queue.answered(task.id, pair(text))


def said(choice: Choice = Choice.LEFT, seconds: float = 9.0, **more: object) -> Judgement:
    return Judgement(choice, seconds=seconds, **more)  # type: ignore[arg-type]


def shown(queue: DatabaseQueue, annotator: str = "Ann") -> Showing:
    showing = queue.claim(annotator)
    assert showing is not None
    return showing


def judge(queue: DatabaseQueue, annotator: str = "Ann", choice: Choice = Choice.LEFT) -> Showing:
    showing = shown(queue, annotator)
    return replace(showing, ballot=queue.vote(showing.ballot.id, annotator, said(choice)))


def test_a_prompt_is_queued_once_and_a_pair_whichever_side_is_named_first(queue: DatabaseQueue) -> None:
    first = queue.add([QueuedPrompt("Why?", Source.IMPORTED)], [("rag", "fine-tuned")])
    again = queue.add([QueuedPrompt("Why?", Source.VISITORS)], [("fine-tuned", "rag"), ("base", "rag")])
    assert (first.prompts, first.tasks, first.known) == (1, 1, [])
    assert (again.prompts, again.tasks, again.known) == (0, 1, ["Why?"])


def test_nobody_is_shown_a_pair_without_answers(queue: DatabaseQueue) -> None:
    queue.add([QueuedPrompt("Why?", Source.IMPORTED)], [PAIR])
    assert queue.claim("Ann") is None
    assert queue.progress("Ann").preparing == 1


def test_a_failure_waits_until_it_is_retried(queue: DatabaseQueue) -> None:
    queue.add([QueuedPrompt("Why?", Source.IMPORTED)], [PAIR])
    task, _ = queue.next_task() or pytest.fail("nothing waits")
    queue.failed(task.id, "rag: out of memory")
    assert queue.next_task() is None and queue.status().failures == {task.id: "rag: out of memory"}
    assert queue.retry() == 1
    assert queue.next_task() == (task, "Why?")


def test_of_two_that_answer_the_same_task_the_first_counts(queue: DatabaseQueue, history: DatabaseHistory) -> None:
    queue.add([QueuedPrompt("Why?", Source.IMPORTED)], [PAIR])
    task, text = queue.next_task() or pytest.fail("nothing waits")
    late = pair(text)
    assert queue.answered(task.id, pair(text)) and not queue.answered(task.id, late)
    assert history.get(late.id) is None


def test_a_failure_that_comes_late_takes_no_pair_from_annotators(queue: DatabaseQueue) -> None:
    queue.add([QueuedPrompt("Why?", Source.IMPORTED)], [PAIR])
    waiting = queue.next_task()
    assert waiting is not None and queue.answered(waiting[0].id, pair("Why?"))
    queue.failed(waiting[0].id, "rag: out of memory")  # another server, slower, on the same database
    assert queue.status().failed == 0 and queue.claim("Ann") is not None


def test_a_vote_is_a_vote_like_any_other_with_what_was_said(queue: DatabaseQueue, history: DatabaseHistory) -> None:
    fill(queue, 1)
    showing = shown(queue)
    judgement = said(Choice.RIGHT, reasons=(Reason.WRONG,), reason=" why ", correct_answer=" 11 W ")
    queue.vote(showing.ballot.id, "Ann", judgement)
    (vote,) = history.votes(showing.comparison.id)
    assert (vote.choice, vote.blind, vote.reason, vote.correct_answer) == (Choice.RIGHT, True, "why", "11 W")
    assert (vote.ballot, vote.seconds, vote.reasons) == (showing.ballot.id, 9.0, ("wrong",))
    assert list(history.vote_history(showing.comparison.id)) == [vote]


def test_a_person_gets_each_pair_once(queue: DatabaseQueue) -> None:
    fill(queue, 5)
    assert len({judge(queue).comparison.id for _ in range(5)}) == 5
    assert queue.claim("Ann") is None


def test_a_reloaded_page_gets_what_was_reserved_and_two_on_one_page_differ(queue: DatabaseQueue) -> None:
    fill(queue, 3)
    first = shown(queue)
    assert shown(queue).ballot.id == first.ballot.id
    second = queue.claim("Ann", [first.ballot.id])
    assert second is not None and second.comparison.id != first.comparison.id


def test_as_many_people_as_wanted_get_a_pair(queue: DatabaseQueue) -> None:
    fill(queue, 1, wanted=2)
    judge(queue, "Ann")
    shown(queue, "Ben")
    assert queue.claim("Cem") is None
    assert queue.progress("Cem").open == 0


def test_a_reservation_expires_and_others_get_the_pair(queue: DatabaseQueue, clock: Clock) -> None:
    fill(queue, 1, wanted=1)
    first = shown(queue, "Ann")
    clock.pass_minutes(16)
    second = judge(queue, "Ben")
    assert second.comparison == first.comparison
    with pytest.raises(VoteRefused, match="enough others have it now"):
        queue.vote(first.ballot.id, "Ann", said())


def test_a_late_vote_counts_while_nobody_else_has_the_place(queue: DatabaseQueue, clock: Clock) -> None:
    fill(queue, 1, wanted=1)
    late = shown(queue, "Ann")
    clock.pass_minutes(60)
    assert queue.vote(late.ballot.id, "Ann", said()).state is BallotState.VOTED


def test_what_is_on_a_screen_is_kept_and_what_was_let_go_is_free(queue: DatabaseQueue, clock: Clock) -> None:
    fill(queue, 1, wanted=1)
    held = shown(queue, "Ann")
    clock.pass_minutes(14)
    queue.look_around("Ann", [held.ballot.id], False, 20)
    clock.pass_minutes(14)
    assert queue.claim("Ben") is None
    queue.release([held.ballot.id])
    assert queue.claim("Ben") is not None


def test_one_look_around_keeps_the_pair_brings_the_next_and_tells_the_rest(queue: DatabaseQueue, clock: Clock) -> None:
    fill(queue, 3, wanted=1)
    judged, held = judge(queue, "Ann"), shown(queue, "Ann")
    clock.pass_minutes(14)
    around = queue.look_around("Ann", [held.ballot.id], True, 20)
    assert around.ahead is not None and around.ahead.comparison.id not in (judged.comparison, held.comparison.id)
    assert (around.progress, [one.ballot.id for one in around.past]) == (queue.progress("Ann"), [judged.ballot.id])
    clock.pass_minutes(14)
    assert queue.claim("Ben") is None  # all three are taken, the one on the screen for longer than it was given for
    assert queue.look_around("Ann", [held.ballot.id, around.ahead.ballot.id], False, 20).ahead is None
    assert queue.look_around("Ann", [held.ballot.id, around.ahead.ballot.id], True, 20).ahead is None


def test_an_expired_pair_comes_back_as_it_was_shown(queue: DatabaseQueue, clock: Clock) -> None:
    fill(queue, 1)
    first = shown(queue)
    clock.pass_minutes(16)
    again = shown(queue)
    assert again.ballot.id == first.ballot.id and again.ballot.swapped == first.ballot.swapped


def test_a_skipped_pair_goes_to_others_and_not_to_the_same_person(queue: DatabaseQueue) -> None:
    fill(queue, 1, wanted=1)
    queue.skip(shown(queue, "Ann").ballot.id, "Ann", SkipReason.UNCLEAR)
    assert queue.claim("Ann") is None and queue.claim("Ben") is not None
    assert queue.past("Ann")[0].ballot.skip_reason == "the question is unclear"


def test_somebody_elses_ballot_is_refused(queue: DatabaseQueue) -> None:
    fill(queue, 1)
    theirs = shown(queue, "Ann").ballot.id
    for attempt in (
        lambda: queue.vote(theirs, "Ben", said()),
        lambda: queue.skip(theirs, "Ben", SkipReason.OTHER),
    ):
        with pytest.raises(VoteRefused, match="not shown to you"):
            attempt()


def test_voting_twice_takes_saying_so_and_the_history_keeps_both(
    queue: DatabaseQueue, history: DatabaseHistory
) -> None:
    fill(queue, 2)
    first = judge(queue, choice=Choice.LEFT)
    judge(queue)
    with pytest.raises(VoteRefused, match="another tab"):
        queue.vote(first.ballot.id, "Ann", said())
    queue.vote(first.ballot.id, "Ann", said(Choice.TIE, seconds=1.0, reason="on reflection"), change=True)
    (vote,) = history.votes(first.comparison.id)
    assert (vote.choice, vote.reason, vote.seconds) == (Choice.TIE, "on reflection", 9.0)
    assert [cast.choice for cast in history.vote_history(first.comparison.id)] == [Choice.LEFT, Choice.TIE]
    with pytest.raises(VoteRefused, match="can no longer be skipped"):
        queue.skip(first.ballot.id, "Ann", SkipReason.OTHER)


def test_undo_walks_back_through_votes_and_skips(queue: DatabaseQueue) -> None:
    fill(queue, 3)
    first = judge(queue)
    skipped = shown(queue)
    queue.skip(skipped.ballot.id, "Ann", SkipReason.OTHER)
    last = judge(queue)
    assert [one.ballot.id for one in queue.past("Ann")] == [last.ballot.id, skipped.ballot.id, first.ballot.id]
    assert queue.past("Ann", 1, before=last.ballot.id)[0].ballot.id == skipped.ballot.id
    assert queue.vote(skipped.ballot.id, "Ann", said()).skip_reason == ""


def test_sides_and_plain_ballots_are_even_for_each_person_and_each_pair(queue: DatabaseQueue) -> None:
    fill(queue, 8, wanted=4)
    names = ("Ann", "Ben", "Cem", "Dee")
    ballots = [judge(queue, name).ballot for _ in range(8) for name in names]
    for part in ("swapped", "plain"):
        of_person = Counter(one.annotator for one in ballots if getattr(one, part))
        of_pair = Counter(one.task for one in ballots if getattr(one, part))
        assert all(3 <= of_person[name] <= 5 for name in names)
        assert all(1 <= of_pair[one.task] <= 3 for one in ballots)


def test_about_one_ballot_in_twelve_repeats_an_earlier_pair_swapped_and_is_no_vote(
    queue: DatabaseQueue, history: DatabaseHistory
) -> None:
    fill(queue, 24)
    order = [judge(queue, choice=Choice.RIGHT) for _ in range(26)]
    places = [place for place, one in enumerate(order) if one.ballot.repeats]
    assert places == [11, 23]
    by_id = {one.ballot.id: (place, one) for place, one in enumerate(order)}
    for place in places:
        earlier, first = by_id[order[place].ballot.repeats]
        assert place - earlier > 6
        assert order[place].ballot.swapped != first.ballot.swapped
        assert order[place].ballot.plain == first.ballot.plain
        assert order[place].comparison == first.comparison
        assert len(history.vote_history(first.comparison.id)) == 1
    (work,) = queue.status().people
    assert (work.votes, work.repeats, work.same) == (24, 2, 2)
    progress = queue.progress("Ann")
    assert (progress.done, progress.open, progress.votes, progress.wanted) == (26, 0, 24, 72)


def test_a_repeat_judged_otherwise_is_seen_as_that_and_changes_no_vote(
    queue: DatabaseQueue, history: DatabaseHistory
) -> None:
    fill(queue, 12)
    for _ in range(11):
        judge(queue, choice=Choice.LEFT)
    repeat = shown(queue)
    assert repeat.ballot.repeats
    queue.vote(repeat.ballot.id, "Ann", said(Choice.TIE, correct_answer="kept here"))
    (vote,) = history.votes(repeat.comparison.id)
    assert vote.choice is Choice.LEFT
    assert queue.past("Ann")[0].ballot.correct_answer == "kept here"
    (work,) = queue.status().people
    assert (work.repeats, work.same) == (1, 0)
    with pytest.raises(VoteRefused, match="the limit is 1,000"):
        queue.vote(repeat.ballot.id, "Ann", said(reason="x" * 1001), change=True)


def test_repeats_can_be_switched_off(history: DatabaseHistory, clock: Clock) -> None:
    queue = DatabaseQueue(history.database, QueueSettings(repeat_every=0), clock)
    fill(queue, 15)
    assert not any(judge(queue).ballot.repeats for _ in range(15))


def test_a_hasty_vote_is_flagged_and_counts(queue: DatabaseQueue) -> None:
    fill(queue, 1)
    queue.vote(shown(queue).ballot.id, "Ann", said(seconds=0.4, hasty=True))
    (work,) = queue.status().people
    assert (work.votes, work.hasty) == (1, 1)


def test_people_who_claim_at_once_never_get_more_than_is_wanted(place: str) -> None:
    fill(DatabaseQueue(open_database(place)), 6, wanted=2)
    got: list[tuple[str, str]] = []
    ready = threading.Barrier(8)

    def work(annotator: str) -> None:
        mine = DatabaseQueue(open_database(place))  # as a process of its own would
        held: list[str] = []
        ready.wait(30)
        while (showing := mine.claim(annotator, held)) is not None:
            held.append(showing.ballot.id)
            got.append((annotator, showing.ballot.id))

    # Two tabs of each of four people.
    threads = [threading.Thread(target=work, args=(f"person {number % 4}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    ballots = {ballot for _, ballot in got}
    assert len(ballots) == 12 == DatabaseQueue(open_database(place)).status().reserved


def test_what_was_voted_is_there_after_a_restart(place: str) -> None:
    queue = DatabaseQueue(open_database(place))
    fill(queue, 13)
    for _ in range(11):
        voted = judge(queue)
    repeat = judge(queue)
    queue.skip(shown(queue).ballot.id, "Ann", SkipReason.OTHER)
    again = DatabaseQueue(open_database(place))
    assert again.past("Ann")[1:3] == [repeat, voted] and repeat.ballot.repeats
    assert again.progress("Ann") == queue.progress("Ann")
    assert again.progress("Ann").votes == 11
