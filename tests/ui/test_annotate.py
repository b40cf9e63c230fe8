"""The Annotate page without a browser: blind, one vote per press, nothing acknowledged that is not saved."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
import sqlalchemy as sa

from arena.annotation import QueuedPrompt, SkipReason, Source
from arena.comparison import Choice
from arena.elsewhere import Keeper
from arena.errors import StorageError
from arena.people import Person, Role
from arena.queue import QueueSettings
from storage import Database, DatabaseQueue, open_database
from storage.elsewhere import Folder
from storage.outbox import Outbox
from tests.storage.examples import answered, pair
from tests.ui.test_keeping import FakeKeeper
from ui.annotate import Annotate
from ui.annotate_screen import ACTION_KEYS, REASON_KEYS, help_html, progress_html
from ui.annotate_view import lay_out
from ui.bench import Bench
from ui.limits import Limits
from ui.rights import Rights

TUNED, RAG = "It draws eleven watts.", "**It** draws 11 watts [1].\n\n- really"
REQUEST: Any = SimpleNamespace(headers={})


@pytest.fixture
def database(tmp_path: Path) -> Database:
    opened = open_database(tmp_path / "arena.sqlite")
    sa.event.listen(opened.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    return opened


@pytest.fixture
def queue(database: Database) -> DatabaseQueue:
    return DatabaseQueue(database, QueueSettings(repeat_every=0))


def fill(queue: DatabaseQueue, number: int) -> None:
    queue.add([QueuedPrompt(f"Question {place}?", Source.IMPORTED) for place in range(number)], [("fine-tuned", "rag")])
    while waiting := queue.next_task():
        answers = {
            "fine-tuned": answered("fine-tuned", TUNED),
            "rag": answered("rag", RAG, identity={"model": "m-rag"}),
        }
        queue.answered(waiting[0].id, pair(waiting[1], answers=answers))


class Page:
    """One open page of one person, as the browser sees it."""

    def __init__(
        self,
        queue: DatabaseQueue,
        name: str = "Ann",
        person: Person | None = None,
        keeper: Keeper | None = None,
        **limits: Any,
    ) -> None:
        """`limits` as `Limits` takes them; without any nobody is held up."""
        rights = Rights(lambda request: person or Person(role=Role.ANNOTATOR), signs_in=person is not None)
        self.handlers = Annotate(queue, rights, Limits(rights, **({"votes_per_minute": 1000} | limits)), keeper)
        self.name, self.queue = name, queue
        self.bench = Bench()
        self.sent: list[Any] = []
        self.fields: list[Any] = [[], "", ""]
        self._take(self.handlers.look(name, self.bench, REQUEST))

    def press(self, choice: Choice, mark: str | None = None) -> None:
        vote = self.handlers.voter(choice)
        self._take(vote(*self.fields, self.mark if mark is None else mark, self.name, self.bench, REQUEST))

    def skip(self, reason: SkipReason = SkipReason.UNCLEAR) -> None:
        self._take(self.handlers.skipper(reason)(self.mark, self.name, self.bench, REQUEST))

    def undo(self) -> None:
        self._take(self.handlers.undo(self.name, self.bench, REQUEST))

    def keep(self) -> None:
        self._take(self.handlers.keep(self.name, self.bench, REQUEST))

    def prepare(self) -> list[Any]:
        return self.handlers.prepare(self.bench, REQUEST)

    @property
    def mark(self) -> str:
        return str(self.shown[0])

    @property
    def question(self) -> str:
        found = re.search('<p class="question"[^>]*>(.*?)</p>', self.shown[4])
        return found[1] if found else ""

    @property
    def notice(self) -> str:
        return str(self.shown[2])

    @property
    def saved(self) -> str:
        return str(self.shown[3])

    @property
    def empty(self) -> str:
        return "" if self.question else str(self.shown[4])

    @property
    def looks_again(self) -> bool:
        return bool(self.prepare()[2]["active"])

    def _take(self, values: list[Any]) -> None:
        *self.shown, reasons, note, correct = values
        self.sent.append(values)
        fields = zip(self.fields, (reasons, note, correct), strict=True)
        self.fields = [old if isinstance(new, dict) else new for old, new in fields]


def votes(page: Page) -> list[Any]:
    return [one.ballot.choice for one in page.queue.past(page.bench.annotator)]


def test_nothing_that_reaches_the_browser_tells_which_is_which_or_names_the_pair(queue: DatabaseQueue) -> None:
    fill(queue, 4)
    page = Page(queue)
    ids = []
    for choice in Choice:
        assert page.bench.on_screen is not None
        ids += [page.bench.on_screen.comparison.id, page.bench.on_screen.ballot.id, page.bench.on_screen.ballot.task]
        page.press(choice)
        page.sent.append(page.prepare())
        page.undo()
        page.keep()
    sent = json.dumps(page.sent, default=str)
    assert "eleven watts" in sent and "11 watts" in sent
    assert [word for word in ("fine-tuned", "Fine-tuned", "rag", "RAG", "m-rag", "manual", *ids) if word in sent] == []


def test_sides_and_form_are_as_the_ballot_says(queue: DatabaseQueue) -> None:
    fill(queue, 8)
    page, seen = Page(queue), set()
    for _ in range(8):
        assert page.bench.on_screen is not None
        ballot = page.bench.on_screen.ballot
        seen.add((ballot.swapped, ballot.plain))
        left, right = page.shown[4].split("Answer B")
        assert ("11 watts" in left) == ballot.swapped and ("eleven" in right) == ballot.swapped
        assert ("<strong>" in left + right) != ballot.plain and ("[1]" in left + right) != ballot.plain
        page.press(Choice.TIE)
    assert len(seen) == 4


def test_a_vote_is_saved_in_the_comparisons_sides_and_the_next_pair_is_there_at_once(queue: DatabaseQueue) -> None:
    fill(queue, 3)
    page = Page(queue)
    for _ in range(3):
        showing, question = page.bench.on_screen, page.question
        assert showing is not None
        page.press(Choice.LEFT)
        assert "Saved: A is better" in page.saved and page.question != question
        expected = Choice.RIGHT if showing.ballot.swapped else Choice.LEFT
        assert page.queue.past("Ann")[0].ballot.choice == expected
    assert "judged all 3" in page.empty and page.mark == ""
    assert page.looks_again


def test_the_next_pair_is_reserved_before_it_is_needed(queue: DatabaseQueue) -> None:
    fill(queue, 3)
    page = Page(queue)
    page.prepare()
    ahead = page.bench.ahead
    assert ahead is not None and queue.status().reserved == 2
    page.press(Choice.TIE)
    assert page.bench.on_screen == ahead and page.bench.ahead is None
    page.prepare()
    assert page.bench.ahead is not None


def test_a_second_press_for_a_pair_that_is_gone_votes_on_nothing(queue: DatabaseQueue) -> None:
    fill(queue, 3)
    page = Page(queue)
    mark = page.mark
    page.press(Choice.LEFT, mark)
    page.press(Choice.LEFT, mark)
    assert len(votes(page)) == 1 and page.notice == "" and "Saved" in page.saved
    page.press(Choice.LEFT, "")
    assert len(votes(page)) == 1


def test_a_vote_in_another_tab_is_told_and_the_page_moves_on(queue: DatabaseQueue) -> None:
    fill(queue, 3)
    one, other = Page(queue), Page(queue)
    assert one.question == other.question
    one.press(Choice.LEFT)
    other.press(Choice.RIGHT)
    assert "another tab" in other.notice and other.question != ""
    assert len(votes(one)) == 1


def test_a_pair_that_others_have_taken_meanwhile_is_told_and_the_page_moves_on(queue: DatabaseQueue) -> None:
    fill(queue, 2)
    page = Page(queue)
    assert page.bench.current is not None
    first = page.bench.current
    queue.release([first.ballot.id])
    for name in ("Ben", "Cem", "Dee"):
        other = Page(queue, name)
        while other.bench.current is not None:
            other.press(Choice.TIE)
    page.press(Choice.LEFT)
    assert "enough others have it now" in page.notice and page.saved == ""
    assert len(votes(page)) == 0


def test_reasons_note_and_correct_answer_go_with_the_vote_and_are_emptied_for_the_next(queue: DatabaseQueue) -> None:
    fill(queue, 2)
    page = Page(queue)
    page.fields = [["correct", "made up", "no such reason"], "a note", "11 W"]
    page.press(Choice.LEFT)
    assert page.fields == [[], "", ""]
    ballot = queue.past("Ann")[0].ballot
    assert (ballot.reasons, ballot.reason, ballot.correct_answer) == (("correct", "made up"), "a note", "11 W")
    page.undo()
    assert page.fields == [["correct", "made up"], "a note", "11 W"]


def test_what_is_typed_stays_while_the_page_looks_around(queue: DatabaseQueue) -> None:
    fill(queue, 2)
    page = Page(queue)
    page.fields = [["correct"], "half a no", ""]
    page._take(page.handlers.look("Ann", page.bench, REQUEST))
    assert page.fields == [["correct"], "half a no", ""]


def test_undo_opens_the_last_pair_with_its_vote_which_stands_until_another_is_cast(queue: DatabaseQueue) -> None:
    fill(queue, 3)
    page = Page(queue)
    first = page.question
    page.press(Choice.LEFT)
    second = page.question
    page.undo()
    assert page.question == first and "Opened again: A is better" in page.saved
    assert 'data-opened="annotate_left"' in page.shown[4]
    assert len(votes(page)) == 1
    page.press(Choice.BOTH_BAD)
    assert page.question == second and votes(page) == ["both bad"]


def test_nothing_promises_that_a_vote_can_be_taken_back(queue: DatabaseQueue) -> None:
    assert "open the last one again; your vote stays until you give another" in help_html()
    assert "back" not in ACTION_KEYS["u"][1]
    fill(queue, 1)
    page = Page(queue)
    page.undo()
    assert "nothing before this to open again" in page.notice
    page.press(Choice.LEFT)
    assert "if it was a slip, open it again" in page.saved and "takes it back" not in page.saved


def test_undo_goes_back_step_by_step_and_keep_returns(queue: DatabaseQueue) -> None:
    fill(queue, 3)
    page = Page(queue)
    first = page.question
    page.press(Choice.LEFT)
    page.skip()
    here = page.question
    page.undo()
    assert "Opened again: skipped" in page.saved and 'data-opened=""' in page.shown[4]
    page.undo()
    assert page.question == first
    page.undo()
    assert "nothing before this" in page.notice and page.question == first
    page.keep()
    assert page.question == here and page.saved == "Left as it was."


def test_after_the_last_pair_a_vote_can_still_be_changed(queue: DatabaseQueue) -> None:
    fill(queue, 2)
    page = Page(queue)
    first = page.question
    page.press(Choice.LEFT)
    page.press(Choice.LEFT)
    assert "judged all 2" in page.empty
    page.undo()
    page.press(Choice.TIE)
    assert "Saved: a tie" in page.saved and page.notice == "" and "judged all 2" in page.empty
    page.undo()
    page.undo()
    assert page.question == first
    page.press(Choice.BOTH_BAD)
    assert sorted(votes(page)) == ["both bad", "tie"] and page.looks_again


def test_a_skipped_pair_can_still_be_judged_and_a_judged_one_not_skipped(queue: DatabaseQueue) -> None:
    fill(queue, 2)
    page = Page(queue)
    page.skip(SkipReason.NOT_MY_FIELD)
    assert "Skipped: not my field" in page.saved
    page.undo()
    page.press(Choice.TIE)
    page.undo()
    page.skip()
    assert "can no longer be skipped" in page.notice
    assert votes(page) == ["tie"]


def test_a_past_pair_opens_from_the_list(queue: DatabaseQueue) -> None:
    fill(queue, 3)
    page = Page(queue)
    first = page.question
    page.press(Choice.LEFT)
    page.press(Choice.LEFT)
    page.prepare()
    mark = page.bench.past_mark(page.bench.past[1])
    event: Any = SimpleNamespace(_data={"mark": mark})
    page._take(page.handlers.open_clicked("Ann", page.bench, REQUEST, event))
    assert page.question == first
    page._take(page.handlers.open_clicked("Ann", page.bench, REQUEST, SimpleNamespace(_data={"mark": ["x"]})))  # type: ignore[arg-type]
    assert "no longer in the list" in page.notice


def test_a_vote_faster_than_skimming_is_flagged_and_says_so(
    queue: DatabaseQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(queue, 2)
    now = [100.0]
    monkeypatch.setattr("ui.bench.time.monotonic", lambda: now[0])
    page = Page(queue)
    now[0] += 0.5
    page.press(Choice.LEFT)
    assert "quicker than reading" in page.saved
    now[0] += 30
    page.press(Choice.LEFT)
    assert "quicker" not in page.saved
    slow, quick = queue.past("Ann")
    assert (quick.ballot.hasty, quick.ballot.seconds) == (True, 0.5)
    assert (slow.ballot.hasty, slow.ballot.seconds) == (False, 30.0)
    for seconds, hasty in ((0.4, True), (20.0, False), (0.3, False)):  # it was a slip; the last time it is known
        page.undo()
        page.undo()
        now[0] += seconds
        page.press(Choice.RIGHT)
        assert queue.past("Ann")[1].ballot.hasty is hasty
    assert queue.past("Ann")[1].ballot.seconds == 20.0


def test_nothing_is_acknowledged_that_the_database_refused_and_the_pair_stays(
    queue: DatabaseQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(queue, 3)
    page = Page(queue)
    page.press(Choice.LEFT)
    question = page.question
    page.fields = [["correct"], "a note", ""]

    def refuse(*args: object, **more: object) -> None:
        raise StorageError("The disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr(queue, "vote", refuse)
        page.press(Choice.LEFT)
    assert "The disk is full." in page.notice and "Saved" not in page.saved
    assert page.question == question and page.fields == [["correct"], "a note", ""]
    page.press(Choice.LEFT)
    assert "Saved" in page.saved and page.notice == ""


def test_too_long_a_note_is_refused_and_the_pair_stays(queue: DatabaseQueue) -> None:
    fill(queue, 2)
    page = Page(queue)
    question = page.question
    page.fields = [[], "x" * 1001, ""]
    page.press(Choice.LEFT)
    assert "the limit is 1,000" in page.notice and page.question == question and votes(page) == []


def test_a_person_votes_only_so_often_and_what_was_typed_waits_with_the_pair(queue: DatabaseQueue) -> None:
    fill(queue, 4)
    now = [0.0]
    page = Page(queue, votes_per_minute=2, clock=lambda: now[0])
    for _ in range(2):
        page.press(Choice.LEFT)
    question = page.question
    page.fields = [["correct"], "a note", ""]
    page.press(Choice.LEFT)
    assert "Too many votes: 2 a minute are allowed. Wait 30 seconds" in page.notice and page.saved == ""
    assert page.question == question and page.fields == [["correct"], "a note", ""] and len(votes(page)) == 2
    now[0] = 30.0
    page.press(Choice.LEFT)
    assert "Saved" in page.saved and page.notice == "" and len(votes(page)) == 3


def test_where_votes_are_sent_elsewhere_each_step_tells_how_many_are_there(
    queue: DatabaseQueue, database: Database, tmp_path: Path
) -> None:
    fill(queue, 2)
    sending = Outbox(database, Folder(tmp_path / "there"))
    page = Page(queue, keeper=sending)
    assert page.prepare()[3] == ""
    page.press(Choice.LEFT)
    assert "backed up" not in json.dumps(page.sent, default=str)  # a vote does not wait for the count
    *_, line, timer = page.prepare()
    assert "In all: 1 vote saved, 0 of them backed up." in line and timer.active
    sending.send()
    *_, line, timer = page.prepare()
    assert "In all: 1 vote saved and backed up." in line and not timer.active


@pytest.mark.parametrize("keeper", [None, FakeKeeper()])
def test_only_where_votes_are_sent_elsewhere_there_is_a_line_about_it(
    queue: DatabaseQueue, keeper: Keeper | None
) -> None:
    fill(queue, 1)
    with gr.Blocks():
        layout = lay_out(signs_in=False, keeps=keeper is not None)
    assert (layout.kept is None) == (keeper is None)
    for name in ("Ann", ""):
        assert len(Page(queue, name=name, keeper=keeper).prepare()) == len(layout.later)


@pytest.mark.parametrize(
    "act",
    [
        lambda page: page.press(Choice.LEFT),
        lambda page: page.skip(),
        lambda page: page.undo(),
        lambda page: page._take(page.handlers.look("Ann", page.bench, REQUEST)),
    ],
)
def test_a_visitor_is_refused_on_the_server_and_sees_no_pair(queue: DatabaseQueue, act: Callable[[Page], None]) -> None:
    fill(queue, 2)
    page = Page(queue, person=Person("Vic", Role.VISITOR))
    act(page)
    assert "takes an annotator" in page.notice
    assert "Question" not in json.dumps(page.sent, default=str)
    assert queue.status().reserved == 0 and queue.status().votes == 0


def test_where_people_sign_in_the_typed_name_does_not_count(queue: DatabaseQueue) -> None:
    fill(queue, 2)
    page = Page(queue, name="Somebody else", person=Person("Ada", Role.ANNOTATOR))
    page.press(Choice.LEFT)
    assert [work.annotator for work in queue.status().people] == ["Ada"]


def test_without_a_name_nothing_is_shown(queue: DatabaseQueue) -> None:
    fill(queue, 1)
    page = Page(queue, name="  ")
    assert "Type your name first" in page.notice and page.question == ""


def test_a_page_opened_before_its_name_is_known_gets_a_pair_once_it_is(queue: DatabaseQueue) -> None:
    fill(queue, 2)
    page = Page(queue, name="")
    page._take(page.handlers.follow("Ann", page.bench, REQUEST)[1:])
    question = page.question
    assert question and page.notice == ""
    late = page.handlers.greet("", page.bench, REQUEST)  # asked before, handled after
    assert all(value == gr.skip() for value in late)
    assert page.bench.annotator == "Ann" and page.bench.notice == ""


def test_the_tab_opened_first_says_nothing_that_could_arrive_after_the_pair(queue: DatabaseQueue) -> None:
    fill(queue, 1)
    rights = Rights(lambda request: Person(role=Role.ANNOTATOR))
    handlers, bench = Annotate(queue, rights, Limits(rights)), Bench()
    early = handlers.greet("", bench, REQUEST)  # before the browser knew the name
    shown = handlers.follow("guest-1f2e", bench, REQUEST)
    assert all(value == gr.skip() for value in early)  # so either may be painted last
    assert shown[0] == "guest-1f2e" and "Question" in shown[5]


def test_a_name_taken_away_is_asked_for_on_opening_the_tab(queue: DatabaseQueue) -> None:
    fill(queue, 1)
    rights = Rights(lambda request: Person(role=Role.ANNOTATOR))
    handlers, bench = Annotate(queue, rights, Limits(rights)), Bench()
    handlers.follow("guest-1f2e", bench, REQUEST)
    handlers.follow("", bench, REQUEST)
    assert "Type your name first" in handlers.greet("", bench, REQUEST)[3]


def test_who_only_compares_keeps_no_pair_from_others(queue: DatabaseQueue) -> None:
    fill(queue, 2)
    rights = Rights(lambda request: Person(role=Role.ANNOTATOR))
    handlers, bench = Annotate(queue, rights, Limits(rights)), Bench()
    handlers.follow("guest-1f2e", bench, REQUEST)
    handlers.prepare(bench, REQUEST)
    assert queue.status().reserved == 0
    shown = handlers.greet("", bench, REQUEST)  # the tab, opened before the browser knew the name
    assert shown[0] == "guest-1f2e" and "Question" in shown[5] and queue.status().reserved == 1


def test_each_page_has_a_bench_of_its_own() -> None:
    first = Bench()
    first.annotator = "Ann"
    assert copy.deepcopy(first).annotator == "" and copy.deepcopy(first).lock is not first.lock


def test_another_name_starts_anew_and_frees_what_was_reserved(queue: DatabaseQueue) -> None:
    fill(queue, 3)
    page = Page(queue, name="Ann")
    page.press(Choice.LEFT)
    page.name = "Ben"
    page._take(page.handlers.rename("Ben", page.bench, REQUEST)[2:])
    page.press(Choice.LEFT)
    assert {work.annotator: work.votes for work in queue.status().people} == {"Ann": 1, "Ben": 1}
    assert "0 of 3" in json.dumps(page.sent[-2], default=str)


def test_an_empty_queue_says_what_to_do_and_looks_again(queue: DatabaseQueue) -> None:
    page, admin = Page(queue), Page(queue, person=Person("Ada", Role.ADMIN))
    assert "Come back" in page.empty and "Fill the queue" not in page.empty
    assert "Open “Fill the queue” below." in admin.empty
    queue.add([QueuedPrompt("Why?", Source.IMPORTED)], [("fine-tuned", "rag")])
    page._take(page.handlers.look("Ann", page.bench, REQUEST))
    assert "1 pair is being prepared" in page.empty and page.looks_again
    assert progress_html(page.bench.progress).endswith("· 1 pair is being prepared</p>")
    fill(queue, 0)
    page._take(page.handlers.look("Ann", page.bench, REQUEST))
    assert "Why?" in page.question and page.empty == "" and not page.looks_again


def test_no_two_keys_are_the_same() -> None:
    keys = [part.split("<")[0].split(">")[-1] for part in help_html().split("<kbd ")[1:]]
    assert len(keys) == len(set(keys)) == 4 + len(REASON_KEYS) + 7
