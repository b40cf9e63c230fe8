"""The Compare page's handlers: streaming, failures, votes, follow-ups."""

import asyncio
import html

import pytest

from arena.comparison import Choice
from arena.errors import StorageError
from arena.events import Failed, Finished, Token, Working
from arena.loading import State
from arena.people import Role
from arena.question import Turn
from tests.fakes import Await, Pause
from tests.ui.pages import FAILING, RAG, REQUEST, TUNED, Page, Request, everybody_is, signed_in_by_header
from ui.history import HistoryPage
from ui.limits import Limits

BEACON = (
    "![x](http://evil.example/a.png) <img src=http://evil.example/b.png> <script>alert(1)</script> "
    "<iframe src=http://evil.example></iframe> <b onclick='alert(1)'>bold</b>"
)


def test_both_answers_arrive_with_timings_and_passages() -> None:
    page = Page()
    page.ask()
    for text in ("tuned says eleven", "found says eleven [1]", "manual.pdf", "99 tokens", "Fine-tuned", "RAG"):
        assert text in page.now
    assert page.votes_open


def test_passages_are_shown_before_the_first_token() -> None:
    hold = Await()
    page = Page(rag=[*RAG[:2], hold, *RAG[2:]])
    seen_early = []

    def look(page: Page) -> None:
        if "manual.pdf" in page.seen and not hold.go.is_set():
            seen_early.append("found says" not in page.seen)
            hold.go.set()

    page.begin()
    asyncio.run(asyncio.wait_for(page.stream(look), 20))
    assert seen_early == [True]


def test_the_comparison_is_kept_before_the_first_answer_and_again_at_the_end() -> None:
    hold = Await()
    page = Page(tuned=[Working(), hold, *TUNED[1:]])
    stored = []

    def look(page: Page) -> None:
        if hold.reached.is_set():  # the first frame may come before anything has begun
            stored.append(list(page.history.recent()))
            hold.go.set()

    page.begin()
    asyncio.run(asyncio.wait_for(page.stream(look), 20))
    (early,) = stored[0]
    (late,) = page.history.recent()
    assert early.id == late.id and not early.complete and late.complete
    assert late.versions["code"] == "c0ffee"
    assert set(late.versions["order"].split(", ")) == {"fine-tuned", "rag"}
    assert late.answers["rag"].identity == {"model": "m-rag"}
    assert late.asked_by == "ann"


def test_a_failing_contestant_leaves_the_others_answer_and_no_vote() -> None:
    page = Page(rag=FAILING)
    page.ask()
    assert "tuned says eleven" in page.now and "The generator broke" in page.now and "half" in page.now
    assert not page.votes_open
    page.vote(Choice.LEFT)
    assert "Not voted: No vote on this pair" in page.now
    assert page.history.votes(page.history.recent()[0].id) == []


def test_a_hanging_contestant_is_given_up_and_the_other_answer_stands() -> None:
    page = Page(rag=[Working(), Pause(30)], patience=0.5)
    page.ask()
    assert "tuned says eleven" in page.now and "nothing came for" in page.now
    assert not page.votes_open
    page.vote(Choice.LEFT)
    assert "Not voted: No vote on this pair" in page.now
    assert page.history.votes(page.history.recent()[0].id) == []


def test_a_contestant_that_raises_leaves_the_others_answer_no_vote_and_no_secret() -> None:
    page = Page(rag=[Working(), Token("half"), RuntimeError("/home/ann/secret.key")])
    page.ask()
    assert "tuned says eleven" in page.now and "The rag side failed (RuntimeError)" in page.now
    assert "secret.key" not in page.seen and not page.votes_open
    page.vote(Choice.LEFT)
    assert "Not voted: No vote on this pair" in page.now
    assert page.history.votes(page.history.recent()[0].id) == []


@pytest.mark.parametrize("prompt", ["", "   \n\t", "\u200b\u200b", "x" * 2001])
def test_what_cannot_be_asked_is_refused_with_a_reason_and_nothing_is_run(prompt: str) -> None:
    page = Page()
    page.ask(prompt)
    assert "The prompt" in page.now
    assert page.tuned.asked == [] and list(page.history.recent()) == []


@pytest.mark.parametrize("prompt", ["🌱", "كم واط؟", "<script>alert(1)</script>", "![x](http://evil.example/a.png)"])
def test_odd_prompts_are_asked_as_they_are_and_shown_escaped(prompt: str) -> None:
    page = Page()
    page.ask(prompt)
    assert page.tuned.asked[0].text == prompt and page.history.recent()[0].question == prompt
    assert "<script" not in page.seen and "<img" not in page.seen
    assert html.escape(prompt) in page.now


@pytest.mark.parametrize("blind", [False, True])
def test_hostile_answers_reach_the_browser_as_text_live_earlier_and_in_the_history(blind: bool) -> None:
    page = Page(*[[Working(), Token(BEACON), Finished(1, 1)] for _ in range(2)])
    page.ask(blind=blind)
    page.vote(Choice.TIE)
    page.ask("And then?", blind=blind)
    history = HistoryPage(page.history, page.settings, page.rights)
    stored = "".join(history.open(page.history.recent()[-1].id, REQUEST)) + history.find("", REQUEST)
    for sent in (page.seen, stored):
        assert not any(f"<{tag}" in sent for tag in ("img", "script", "iframe", "b onclick"))
        assert "&lt;script&gt;" in sent and "&lt;img" in sent and ">x</a>" in sent


def test_two_equal_sides_are_refused_by_name() -> None:
    page = Page()
    page.ask(sides=("rag", "rag"))
    assert "Both sides are “RAG”: choose two different ones" in page.now


def test_a_side_that_does_not_exist_is_refused() -> None:
    page = Page()
    page.ask(sides=("rag", "__class__"))
    assert "There is no contestant" in page.now


def test_base_can_stand_on_either_side() -> None:
    page = Page()
    page.ask(sides=("base", "rag"))
    page.ask(sides=("fine-tuned", "base"))
    newest, first = page.history.recent()
    assert (first.left, newest.right) == ("base", "base")


def test_a_second_question_waits_for_the_first() -> None:
    page = Page()
    page.begin()
    page.begin("Another?")
    assert "wait for it, or press Stop" in page.now


def test_a_vote_is_saved_with_its_annotator_and_can_be_changed() -> None:
    page = Page()
    page.ask()
    page.vote(Choice.LEFT, "shorter")
    page.vote(Choice.TIE)
    comparison = page.history.recent()[0]
    (vote,) = page.history.votes(comparison.id)
    assert (vote.choice, vote.annotator, vote.blind) == (Choice.TIE, "ann", False)
    assert [old.choice for old in page.history.vote_history(comparison.id)] == [Choice.LEFT, Choice.TIE]
    assert "Saved: a tie" in page.now and page.votes_open


def test_a_signed_in_user_votes_under_their_own_name_whatever_the_browser_says() -> None:
    page = Page(rights=signed_in_by_header())
    page.ask(user="real")
    page.vote(Choice.LEFT, name="somebody else", user="real")
    comparison = page.history.recent()[0]
    assert comparison.asked_by == "real"
    assert [vote.annotator for vote in page.history.votes(comparison.id)] == ["real"]


def test_who_could_sign_in_and_did_not_votes_as_a_visitor_of_this_page_whatever_the_browser_says() -> None:
    page, other = (Page(rights=signed_in_by_header()) for _ in range(2))
    names = []
    for each in (page, other):
        each.ask(name="Ada")
        each.vote(Choice.LEFT, name="Ada")
        comparison = each.history.recent()[0]
        (vote,) = each.history.votes(comparison.id)
        names.append(vote.annotator)
        assert comparison.asked_by == vote.annotator == each.session.guest
    assert names[0] != names[1] and all(name.startswith("(visitor ") for name in names)


def test_who_may_nothing_asks_and_votes_nothing() -> None:
    page = Page()
    page.ask()
    object.__setattr__(page.handlers, "rights", everybody_is(None, signs_in=True))
    page.vote(Choice.LEFT)
    assert "Not voted: This takes a visitor: sign in" in page.now
    page.ask("Another question")
    assert "This takes a visitor: sign in" in page.now
    assert len(page.history.recent()) == 1 and not page.history.votes(page.history.recent()[0].id)


def test_who_may_nothing_any_more_gets_nothing_but_why_from_any_button() -> None:
    page = Page()
    page.ask(blind=True)
    page.session.notice = "something of before"
    full = len(page.sent[-1])
    object.__setattr__(page.handlers, "rights", everybody_is(None, signs_in=True))
    sides, session = ("fine-tuned", "rag"), page.session
    said = [
        asyncio.run(page.handlers.settle(session, REQUEST)),
        page.handlers.press_stop(session, REQUEST)[1:],
        page.handlers.choose_sides(*sides, session, REQUEST),
        page.handlers.voter(Choice.LEFT)("", "ann", session, REQUEST)[1:],
        page.handlers.clear(*sides, session, REQUEST)[2:],
    ]
    for values in said:
        assert len(values) == full and "This takes a visitor: sign in" in values[1]
        assert all(isinstance(value, dict) and "value" not in value for value in values[:1] + values[2:])
    assert session.votable  # nothing was cleared either


def test_what_is_loading_is_told_to_nobody_who_may_nothing() -> None:
    page = Page(rights=everybody_is(None, signs_in=True))
    object.__setattr__(page.settings, "status", lambda: {"models": State("loading", "loading /home/ann/model")})
    told, timer = page.handlers.status(REQUEST)
    assert (told, timer.active) == ("", False)
    object.__setattr__(page.handlers, "rights", everybody_is(Role.VISITOR, signs_in=True))
    told, timer = page.handlers.status(REQUEST)
    assert "loading /home/ann/model" in told and timer.active


def test_whose_sign_in_has_ended_is_told_and_is_not_taken_for_a_visitor() -> None:
    page = Page(rights=signed_in_by_header())
    page.session, shown, _ = page.handlers.greet("typed once", Request("Ada"))  # type: ignore[arg-type]
    assert shown["value"] == "Ada" and not shown["interactive"]
    page.ask(user="Ada")
    for user in ("", "Ben"):
        page.vote(Choice.LEFT, user=user)
        assert "no longer signed in as Ada: sign in again" in page.now
        page.begin(user=user)
        assert "no longer signed in as Ada" in page.now and not page.session.busy
    assert page.history.votes(page.history.recent()[0].id) == []
    page.vote(Choice.LEFT, user="Ada")
    assert [vote.annotator for vote in page.history.votes(page.history.recent()[0].id)] == ["Ada"]


def test_a_person_asks_only_so_often_and_is_told_how_long_to_wait() -> None:
    page = Page(rights=everybody_is(Role.ANNOTATOR, "Ada", signs_in=True))
    for _ in range(12):
        page.begin()
        page.session.stop()
    page.begin("What was typed")
    assert "Too many questions: 12 a minute are allowed. Wait 5 seconds" in page.now
    assert not page.session.busy


def test_a_person_votes_only_so_often_and_what_was_saved_stands() -> None:
    page, now = Page(rights=everybody_is(Role.ANNOTATOR, "Ada", signs_in=True)), [0.0]
    object.__setattr__(page.handlers, "limits", Limits(page.rights, votes_per_minute=2, clock=lambda: now[0]))
    page.ask()
    for choice in (Choice.LEFT, Choice.TIE, Choice.RIGHT):
        page.vote(choice)
    assert "Not voted: Too many votes: 2 a minute are allowed. Wait 30 seconds" in page.now
    comparison = page.history.recent()[0]
    assert [vote.choice for vote in page.history.votes(comparison.id)] == [Choice.TIE]
    now[0] = 30.0
    page.vote(Choice.RIGHT)
    assert "Not voted" not in page.now
    assert [vote.choice for vote in page.history.votes(comparison.id)] == [Choice.RIGHT]


def test_a_vote_without_a_name_is_refused() -> None:
    page = Page()
    page.ask()
    page.vote(Choice.LEFT, name="  ")
    assert "Type your name first" in page.now


def test_a_vote_before_anything_was_asked_is_refused() -> None:
    page = Page()
    page.vote(Choice.LEFT)
    assert "Not voted" in page.now and page.history.vote_history("") == []


def test_each_contestant_gets_its_own_history_in_a_follow_up() -> None:
    page = Page()
    page.ask("First?")
    page.ask("Second?")
    assert page.tuned.asked[1].history == (Turn("First?", "tuned says eleven"),)
    assert page.rag.asked[1].history == (Turn("First?", "found says eleven [1]"),)
    second, first = page.history.recent()
    assert second.conversation == first.conversation
    assert second.histories["rag"] == (Turn("First?", "found says eleven [1]"),)
    assert "First?" in page.now and "Second?" in page.now


def test_a_failed_answer_is_in_nobodys_history() -> None:
    page = Page(rag=FAILING)
    page.ask("First?")
    page.ask("Second?")
    assert page.rag.asked[1].history == ()
    assert len(page.tuned.asked[1].history) == 1


def test_new_comparison_clears_everything() -> None:
    page = Page()
    page.ask("First?")
    page.sent.append(page.handlers.clear("fine-tuned", "rag", page.session, REQUEST)[2:])
    assert "First?" not in page.now and not page.votes_open
    page.ask("Second?")
    assert page.tuned.asked[1].history == ()
    second, first = page.history.recent()
    assert second.conversation != first.conversation


def test_a_vote_is_over_with_the_next_question() -> None:
    page = Page()
    page.ask("First?")
    page.vote(Choice.LEFT)
    page.ask("Second?")
    page.vote(Choice.RIGHT)
    second, first = page.history.recent()
    assert [vote.choice for vote in page.history.votes(first.id)] == [Choice.LEFT]
    assert [vote.choice for vote in page.history.votes(second.id)] == [Choice.RIGHT]


def test_a_database_that_refuses_loses_nothing_on_the_screen_and_the_vote_tries_again() -> None:
    page = Page()
    page.history.trouble = StorageError("The disk is full: free some space.")
    page.ask()
    assert "tuned says eleven" in page.now and "The disk is full" in page.now
    page.vote(Choice.LEFT)
    assert "Not voted" in page.now or "The disk is full" in page.now
    page.history.trouble = None
    page.vote(Choice.LEFT)
    comparison = page.history.recent()[0]
    assert comparison.complete and len(page.history.votes(comparison.id)) == 1
    assert "Saved: Fine-tuned is better" in page.now and "The disk is full" not in page.now


def test_a_contestant_that_failed_to_load_says_why() -> None:
    page = Page(tuned=[Failed("No weights: run make models.")])
    page.ask()
    assert "No weights: run make models." in page.now


def test_a_refused_question_still_paints_the_page_once() -> None:
    page = Page()
    page.begin("")

    async def frames() -> int:
        return len([values async for values in page.handlers.ask(page.session, REQUEST)])

    assert asyncio.run(frames()) == 1


def test_a_frame_of_a_running_answer_skips_no_text() -> None:
    """For every skipped output Gradio makes a component anew; an unchanged text costs a fifth, and is not sent on."""
    page = Page()
    page.begin()
    frames = len(page.sent)
    asyncio.run(page.stream())
    texts = [value for frame in page.sent[frames:] for value in frame[:-6]]
    assert texts and all(isinstance(value, str) for value in texts)
