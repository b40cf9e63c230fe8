"""Things that load in the background: a question asked meanwhile waits and says for what."""

import threading
from collections.abc import Callable

import pytest

from arena.contestant import Contestant
from arena.errors import ArenaError, ModelUnavailable
from arena.events import Failed, Finished, Waiting
from arena.loading import LazyContestant, Loading, State
from arena.question import Question
from tests.fakes import FakeContestant, said

NEVER = threading.Event()
ENGINE = FakeContestant("rag", script=said("an answer"))


def raising(error: Exception) -> Callable[[Callable[[str], None]], Contestant]:
    def make(report: Callable[[str], None]) -> Contestant:
        raise error

    return make


def test_the_state_follows_the_maker_from_start_to_ready() -> None:
    go, reported = threading.Event(), threading.Event()

    def make(report: Callable[[str], None]) -> Contestant:
        report("loading base model: 40 %")
        reported.set()
        go.wait(5)
        return ENGINE

    loading = Loading("model", make)
    assert loading.state == State("loading", "model: waiting to start")
    loading.start()
    assert reported.wait(5) and loading.state == State("loading", "loading base model: 40 %")
    assert not loading.wait(0)
    go.set()
    assert loading.value() is ENGINE and loading.state == State("ready", "model: ready")


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (ModelUnavailable("No weights: run make models."), "No weights: run make models."),
        (MemoryError("8 GB"), "model could not be loaded: MemoryError: 8 GB"),
    ],
)
def test_a_maker_that_fails_is_told_to_everyone_who_asks(error: Exception, detail: str) -> None:
    loading = Loading("model", raising(error)).start()
    assert loading.wait(5) and loading.state == State("failed", detail)
    with pytest.raises(ArenaError) as raised:
        loading.value()
    assert str(raised.value) == detail
    lazy = LazyContestant("rag", "cpu", loading)
    assert list(lazy.answer(Question("?"), NEVER)) == [Failed(detail)]
    assert lazy.identity == {}


def test_a_question_asked_while_loading_waits_says_so_and_is_answered() -> None:
    go = threading.Event()

    def make(report: Callable[[str], None]) -> Contestant:
        report("loading base model")
        go.wait(5)
        return ENGINE

    loading = Loading("model", make)
    lazy = LazyContestant("rag", "cpu", loading)
    assert lazy.identity == {}
    events = lazy.answer(Question("?"), NEVER)
    assert next(events) == Waiting("model: waiting to start")
    loading.start()
    assert next(events) == Waiting("loading base model")
    go.set()
    assert list(events) == ENGINE.script
    assert lazy.identity == ENGINE.identity


def test_a_ready_contestant_answers_without_a_word_about_loading() -> None:
    loading: Loading[Contestant] = Loading("model", lambda report: ENGINE)
    loading.start().wait(5)
    lazy = LazyContestant("rag", "cpu", loading)
    assert list(lazy.answer(Question("?"), NEVER)) == ENGINE.script


def test_stop_while_loading_ends_the_waiting() -> None:
    stop = threading.Event()
    events = LazyContestant("rag", "cpu", Loading("model", lambda report: ENGINE)).answer(Question("?"), stop)
    assert next(events) == Waiting("model: waiting to start")
    stop.set()
    assert list(events) == [Finished(reason="stopped")]
