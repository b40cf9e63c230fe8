"""The runner: who answers when, and that no contestant can spoil another's answer."""

import threading
import time
from collections.abc import Callable

import pytest

from arena.device import Device
from arena.errors import ContestantFailed
from arena.events import Failed, Finished, Note, Passage, Retrieved, Stamped, Token, Waiting, Working
from arena.question import Question
from arena.runner import Run, Runner, answer_all
from tests.fakes import Await, FakeContestant, Hang, Pause, Step, said


def ready(*contestants: FakeContestant, patience: float = 5, stop_patience: float = 2) -> Runner:
    named = {contestant.name: contestant for contestant in contestants}
    return Runner(named, patience=patience, stop_patience=stop_patience)


def asked(runner: Runner, stop: threading.Event | None = None, seed: int | None = None) -> Run:
    questions = {name: Question(f"what does {name} say?") for name in runner.contestants}
    return runner.start(questions, stop or threading.Event(), seed)


def of(events: list[Stamped], name: str) -> list[object]:
    return [stamped.event for stamped in events if stamped.contestant == name]


def soon(condition: Callable[[], bool]) -> bool:
    ends = time.monotonic() + 5
    while not condition() and time.monotonic() < ends:
        time.sleep(0.01)
    return condition()


def free(device: Device) -> bool:
    """Nobody holds the device: one who joins gets it at once."""
    lease = device.join()
    impatient = threading.Event()
    for _ in lease.waiting(impatient):
        impatient.set()
    lease.release()
    return lease.granted


def test_every_event_arrives_in_order_and_adds_up_to_the_answer() -> None:
    passage = Passage("guide.md", "Warranty", "Two years.", 0.9)
    middle: list[Step] = [Retrieved((passage,)), Note("dropped 2 turns"), Token("Two "), Token("years.")]
    script: list[Step] = [Working("searching"), *middle, Finished(7, 2)]
    run = asked(ready(FakeContestant("rag", script=script)))
    events = list(run)
    assert of(events, "rag") == script
    assert [stamped.at for stamped in events] == sorted(stamped.at for stamped in events)
    answer = run.answers()["rag"]
    assert (answer.text, answer.passages, answer.notes, answer.reason) == (
        "Two years.",
        (passage,),
        ("dropped 2 turns",),
        "end",
    )
    assert answer.complete and answer.identity == {"model": "fake"}


def test_each_contestant_gets_its_own_question() -> None:
    one, two = FakeContestant("one"), FakeContestant("two")
    list(asked(ready(one, two)))
    assert one.asked == [Question("what does one say?")] and two.asked == [Question("what does two say?")]


def test_a_slow_contestant_on_another_device_holds_up_nothing_of_the_fast_one() -> None:
    gate = Await()
    slow = FakeContestant("slow", "gpu", [Working(), gate, *said("late")[1:]])
    fast = FakeContestant("fast", "cpu", said("quick and done"))
    heard: list[Stamped] = []
    for stamped in asked(ready(slow, fast)):
        heard.append(stamped)
        if isinstance(stamped.event, Finished) and stamped.contestant == "fast":
            gate.go.set()  # only now may the slow one go on
    assert of(heard, "fast") == said("quick and done")
    assert [stamped.contestant for stamped in heard][-2:] == ["slow", "slow"]


def test_on_one_device_the_second_starts_after_the_first_has_finished() -> None:
    script = [Working(), Pause(0.1), *said("done")[1:]]
    run = asked(ready(FakeContestant("one", script=script), FakeContestant("two", script=script)))
    events = list(run)
    first, second = run.order
    finished = next(i for i, s in enumerate(events) if s.contestant == first and isinstance(s.event, Finished))
    started = next(i for i, s in enumerate(events) if s.contestant == second and isinstance(s.event, Working))
    assert started > finished
    assert of(events, second)[0] == Waiting("1 ahead in the queue")
    waited, worked = run.answers()[second].timings.queue, run.answers()[first].timings.total
    assert waited is not None and worked is not None
    assert waited >= worked >= 0.1


def test_the_order_on_one_device_is_fixed_by_the_seed_and_varies_without() -> None:
    runner = ready(FakeContestant("one"), FakeContestant("two"))
    assert len({asked(runner, seed=7).order for _ in range(5)}) == 1
    assert {asked(runner, seed=seed).order for seed in range(20)} == {("one", "two"), ("two", "one")}
    assert len({asked(runner).order for _ in range(50)}) == 2


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ContestantFailed("No documents in demo/documents: add some."), "No documents in demo/documents: add some."),
        (ValueError("secret path"), "The broken side failed (ValueError); the server's log has the details."),
    ],
)
def test_a_contestant_that_raises_fails_and_the_other_goes_on(error: Exception, message: str) -> None:
    broken = FakeContestant("broken", script=[Working(), Token("half"), error])
    answers = answer_all(ready(broken, FakeContestant("other")), {name: Question("?") for name in ("broken", "other")})
    assert answers["broken"].failure == message and answers["broken"].text == "half"
    assert not answers["broken"].complete
    assert answers["other"].complete and answers["other"].text == "an answer"


def test_a_contestant_that_ends_without_a_final_event_fails() -> None:
    runner = ready(FakeContestant("mute", script=[Working(), Token("half")]), FakeContestant("other"))
    run = asked(runner)
    events = list(run)
    assert of(events, "mute")[-1] == Failed("The mute side ended without an answer.")
    assert run.answers()["other"].complete


def test_what_a_contestant_says_after_its_end_is_not_heard() -> None:
    events = list(asked(ready(FakeContestant("chatty", script=[*said("done"), Token("more"), Failed("no")]))))
    assert of(events, "chatty") == said("done")


def test_an_identity_that_raises_spoils_no_answer() -> None:
    class Unknown(FakeContestant):
        @property
        def identity(self) -> dict[str, str]:
            raise OSError("adapter gone")

        @identity.setter
        def identity(self, value: object) -> None: ...

    answers = answer_all(ready(Unknown("one")), {"one": Question("?")})
    assert answers["one"].complete and answers["one"].identity == {}


@pytest.mark.parametrize("before", [[], [Working()], [Working(), Token("half")]])
@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_a_hanging_contestant_fails_after_patience_and_the_others_answer_stands(
    before: list[Step], device: str
) -> None:
    hang = Hang()
    hanging = FakeContestant("hanging", "cpu", [*before, hang])
    run = asked(ready(hanging, FakeContestant("other", device), patience=0.3))
    events = list(run)
    assert of(events, "hanging")[-1] == Failed("No answer: nothing came for 0 seconds. Ask again.")
    assert run.answers()["other"].complete
    hang.release()


def test_a_hanging_contestant_is_noticed_while_another_keeps_talking() -> None:
    hang = Hang()
    talk: list[Step] = [step for _ in range(30) for step in (Token("on "), Pause(0.05))]
    talking = FakeContestant("talking", "gpu", [Working(), *talk, Finished(1, 30)])
    events = list(asked(ready(FakeContestant("hanging", script=[Working(), hang]), talking, patience=0.3)))
    failed = next(stamped.at for stamped in events if isinstance(stamped.event, Failed))
    assert failed < events[-1].at - 0.3
    hang.release()


def test_an_answer_beside_one_that_hangs_on_is_contended() -> None:
    hang = Hang()
    runner = ready(FakeContestant("hanging", script=[Working(), hang]), FakeContestant("other"), patience=0.3)
    seed = next(seed for seed in range(9) if asked(runner, seed=seed).order[0] == "hanging")
    run = asked(runner, seed=seed)
    list(run)
    assert run.answers()["other"].timings.contended
    hang.release()
    fresh = ready(FakeContestant("other"))
    fresh.devices.update(runner.devices)
    assert soon(lambda: not answer_all(fresh, {"other": Question("?")})["other"].timings.contended)


def test_one_that_waits_for_its_model_does_not_hang() -> None:
    script = [Waiting("loading base model"), Pause(0.6), *said("here")]
    assert answer_all(ready(FakeContestant("one", script=script), patience=0.2), {"one": Question("?")})["one"].complete


def test_a_page_that_reads_slowly_makes_nobody_look_silent() -> None:
    runner = ready(FakeContestant("one"), FakeContestant("two", "gpu"), patience=0.2)
    run = asked(runner)
    for _ in run:
        time.sleep(0.25)
    assert all(answer.complete for answer in run.answers().values())


def test_stop_while_running_and_while_queued_ends_both() -> None:
    gate = Await()
    stop = threading.Event()
    script = [Working(), Token("half "), gate, *said("more")[1:]]
    runner = ready(FakeContestant("one", script=script), FakeContestant("two", script=script))
    run = asked(runner, stop)
    for stamped in run:
        if isinstance(stamped.event, Token):
            stop.set()
    running, queued = (run.answers()[name] for name in run.order)
    assert (running.text, running.reason, queued.text, queued.reason) == ("half ", "stopped", "", "stopped")
    assert not running.complete and not queued.complete
    assert queued.timings.total is None
    assert len(runner.contestants[run.order[1]].asked) == 0  # type: ignore[attr-defined]
    assert soon(lambda: free(runner.devices["cpu"]))


def test_stop_ends_a_contestant_that_does_not_look_at_it_within_one_token() -> None:
    stop = threading.Event()
    script = [Working(), *[step for _ in range(100) for step in (Token("x"), Pause(0.01))], Finished()]
    deaf = FakeContestant("deaf", script=script, mute_stop=True)
    run = asked(ready(deaf), stop)
    for stamped in run:
        if isinstance(stamped.event, Token):
            stop.set()
    answer = run.answers()["deaf"]
    assert answer.reason == "stopped" and len(answer.text) <= 2
    assert deaf.closed.wait(5)


def test_stop_does_not_wait_for_one_that_hangs() -> None:
    hang, stop = Hang(), threading.Event()
    run = asked(ready(FakeContestant("hanging", script=[Working(), hang]), patience=60, stop_patience=0.1), stop)
    began = time.monotonic()
    for _ in run:
        stop.set()
    assert time.monotonic() - began < 5
    assert run.answers()["hanging"].reason == "stopped"
    hang.release()


def test_a_closed_page_stops_the_contestants_and_frees_the_device() -> None:
    stop = threading.Event()
    dripping: list[Step] = [Token("x"), Pause(0.01)] * 1000
    one = FakeContestant("one", script=[Working(), *dripping, Finished()])
    runner = ready(one)
    events = iter(asked(runner, stop))
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert stop.is_set() and one.closed.wait(5)
    assert soon(lambda: free(runner.devices["cpu"]))


def test_one_that_hangs_after_its_page_was_closed_does_not_keep_the_device() -> None:
    hang = Hang()
    runner = ready(FakeContestant("hanging", script=[Working(), hang]), patience=0.2)
    events = iter(asked(runner))
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert not free(runner.devices["cpu"])
    assert soon(lambda: free(runner.devices["cpu"]))
    hang.release()


def test_two_questions_at_once_share_a_device_one_after_the_other() -> None:
    busy, most, lock = 0, 0, threading.Lock()

    class Counting(FakeContestant):
        def answer(self, question, stop):  # type: ignore[no-untyped-def]
            nonlocal busy, most
            with lock:
                busy += 1
                most = max(most, busy)
            yield from [Working(), Token("x")]
            time.sleep(0.01)
            with lock:
                busy -= 1
            yield Finished()

    runner = ready(Counting("one"), Counting("two"))
    threads = [threading.Thread(target=lambda: list(asked(runner))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert most == 1 and busy == 0
