"""While names are hidden, nothing that reaches the browser tells the sides apart but the answers' text."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from arena.annotation import TASK
from arena.comparison import Choice, Vote
from arena.events import Working
from tests.fakes import Await
from tests.ui.pages import FAILING, RAG, REQUEST, TUNED, Page
from ui.history import HistoryPage
from ui.screen import hidden_in_history

TELLTALE = (
    "cite",
    "not found in the passages",
    "fine-tuned",
    "Fine-tuned",
    "RAG",
    "manual.pdf",
    "[1]",
    "tokens",
    "Queue",
    "searching",
    "m-rag",
    "studied",
)


def leaks(sent: str) -> list[str]:
    return [word for word in TELLTALE if word in sent]


def test_nothing_sent_before_the_vote_tells_the_sides_apart() -> None:
    page = Page()
    page.ask(blind=True)
    assert leaks(page.seen) == []
    assert "tuned says eleven" in page.now and "found says eleven" in page.now and page.votes_open


def test_both_answers_are_shown_together_when_both_are_there() -> None:
    hold = Await()
    page = Page(rag=[RAG[0], hold, *RAG[1:]], at_once=True)
    early = []

    def look(page: Page) -> None:
        if page.tuned.closed.is_set() and not hold.go.is_set():
            early.append("eleven" in page.seen)
            hold.go.set()

    page.begin(blind=True)

    async def run() -> None:
        await asyncio.wait_for(page.stream(look), 30)

    asyncio.run(run())
    assert early == [False]
    assert "tuned says" in page.now and "found says" in page.now


def test_the_vote_reveals_everything_and_is_saved_as_blind() -> None:
    page = Page()
    page.ask(blind=True)
    page.vote(Choice.LEFT)
    for word in ("Fine-tuned", "RAG", "manual.pdf", "[1]", "99 tokens"):
        assert word in page.now
    comparison = page.history.recent()[0]
    (vote,) = page.history.votes(comparison.id)
    assert vote.blind and comparison.blind
    winner = page.settings.label(comparison.left).name
    assert f"Saved: {winner} is better, voted with the names hidden" in page.now


def test_a_vote_changed_after_the_reveal_is_no_longer_blind_but_a_reason_may_be_added() -> None:
    page = Page()
    page.ask(blind=True)
    page.vote(Choice.LEFT)
    page.vote(Choice.LEFT, "because")
    page.vote(Choice.RIGHT)
    cast = page.history.vote_history(page.history.recent()[0].id)
    assert [(vote.choice, vote.blind) for vote in cast] == [
        (Choice.LEFT, True),
        (Choice.LEFT, True),
        (Choice.RIGHT, False),
    ]


def test_the_sides_are_shuffled_on_the_server() -> None:
    orders = set()
    for _ in range(30):
        page = Page()
        page.begin(blind=True)
        assert page.session.pending is not None
        orders.add((page.session.pending.left, page.session.pending.right))
    assert orders == {("fine-tuned", "rag"), ("rag", "fine-tuned")}


def test_a_vote_names_the_side_as_it_was_shown() -> None:
    for _ in range(6):
        page = Page()
        page.ask(blind=True)
        comparison = page.history.recent()[0]
        left_body = page.sent[-1][5]
        assert ("found says" in left_body) == (comparison.left == "rag")


def test_a_refused_vote_reveals_nothing() -> None:
    page = Page()
    page.ask(blind=True)
    page.vote(Choice.LEFT, name="")
    assert leaks(page.seen) == []


def test_a_pair_without_a_vote_is_revealed_when_it_fails() -> None:
    page = Page(rag=FAILING)
    page.ask(blind=True)
    assert "The generator broke" in page.now and "RAG" in page.now and not page.votes_open


def test_the_history_hides_a_blind_comparison_until_the_first_vote() -> None:
    page = Page()
    page.ask(blind=True)
    history = HistoryPage(page.history, page.settings, page.rights)
    comparison = page.history.recent()[0]
    sent = history.find("", REQUEST) + "".join(history.open(comparison.id, REQUEST))
    assert leaks(sent) == [] and "tuned says eleven" in sent
    page.vote(Choice.TIE)
    sent = history.find("", REQUEST) + "".join(history.open(comparison.id, REQUEST))
    assert "Fine-tuned" in sent and "manual.pdf" in sent


def test_the_history_hides_a_blind_comparison_that_is_still_running() -> None:
    hold = Await()
    page = Page(tuned=[Working(), hold, *TUNED[1:]])
    history = HistoryPage(page.history, page.settings, page.rights)
    seen = []

    def look(page: Page) -> None:
        if hold.reached.is_set() and not hold.go.is_set():
            (comparison,) = page.history.recent()
            seen.append(history.find("", REQUEST) + "".join(history.open(comparison.id, REQUEST)))
            hold.go.set()

    page.begin(blind=True)
    asyncio.run(asyncio.wait_for(page.stream(look), 20))
    assert seen and leaks("".join(seen)) == []


def test_a_blind_comparison_nobody_voted_on_is_shown_a_day_later() -> None:
    page = Page()
    page.ask(blind=True)
    comparison = page.history.recent()[0]
    assert hidden_in_history(comparison, list)
    assert not hidden_in_history(comparison, list, datetime.now(UTC) + timedelta(hours=25))


def test_earlier_turns_do_not_name_the_voices_while_names_are_hidden() -> None:
    page = Page()
    page.ask("First?", blind=True)
    page.vote(Choice.LEFT)
    page.sent.clear()
    page.ask("Second?", blind=True)
    assert "First?" in page.seen and leaks(page.seen) == []


def test_the_history_never_tells_which_is_which_of_a_pair_for_annotators() -> None:
    page = Page()
    page.ask(blind=True)
    page.vote(Choice.TIE)
    history = HistoryPage(page.history, page.settings, page.rights)
    orders = set()
    for number in range(20):
        made = replace(
            page.history.recent()[0], id=f"{number:032x}", left="fine-tuned", right="rag", versions={TASK: "t"}
        )
        page.history.save(made)
        page.history.cast(Vote(made.id, "Ann", Choice.LEFT, blind=True))
        sent = history.open(made.id, REQUEST)
        assert leaks("".join(sent)) == [] and "is better" not in "".join(sent)
        orders.add("tuned says" in sent[3])
    assert orders == {True, False}
