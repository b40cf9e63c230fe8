"""Views of the results are worked out once for the same votes, and in the background before somebody asks."""

import threading
from typing import Any

from arena.errors import StorageError
from arena.judgements import LEFT, Filters, Judgements
from commands.results import KEPT, LazyStandings
from tests.standings.examples import judgements


class Source:
    """Hands out what it was given; counts how often it was asked."""

    def __init__(self, votes: Any) -> None:
        self.votes = votes
        self.asked = threading.Semaphore(0)

    def judgements(self) -> Judgements:
        self.asked.release()
        if isinstance(self.votes, Exception):
            raise self.votes
        found: Judgements = self.votes
        return found


def test_a_view_is_worked_out_once_until_the_votes_change() -> None:
    source = Source(judgements([LEFT]))
    standings = LazyStandings(source)
    first = standings.report(Filters())
    assert standings.report(Filters()) is first
    source.votes = judgements([LEFT, LEFT])
    assert standings.report(Filters()).headline.votes == 2


def test_very_many_views_do_not_pile_up() -> None:
    standings = LazyStandings(Source(judgements([])))
    first = standings.report(Filters(topic="0"))
    for number in range(1, KEPT + 1):
        standings.report(Filters(topic=str(number)))
    assert standings.report(Filters(topic="0")) is not first


def test_the_usual_view_is_ready_before_anybody_asks_but_not_before_the_start_is_over() -> None:
    source, begin = Source(judgements([LEFT])), threading.Event()
    LazyStandings(source).warm(after=begin.wait)
    assert not source.asked.acquire(timeout=0.05)
    begin.set()
    assert source.asked.acquire(timeout=20)


def test_trouble_in_the_background_is_left_to_whoever_opens_the_page() -> None:
    source = Source(StorageError("locked"))
    threads = set(threading.enumerate())
    LazyStandings(source).warm(after=lambda: None)
    assert source.asked.acquire(timeout=20)
    for thread in set(threading.enumerate()) - threads:
        thread.join(20)  # an uncaught exception in it would fail this test (pytest's threadexception)
