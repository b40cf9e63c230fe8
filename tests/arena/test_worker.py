"""One thread computes, in order of asking; whoever stops listening frees it."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from arena.worker import Caller, Worker


def counting(seen: list[str], until: int = 1000) -> Iterator[int]:
    try:
        for number in range(until):
            seen.append(threading.current_thread().name)
            yield number
            time.sleep(0.001)
    finally:
        seen.append("closed")


def test_everything_is_computed_in_the_same_thread() -> None:
    worker, seen = Worker("only"), list[str]()
    assert worker.call(lambda: threading.current_thread().name) == "only"
    assert list(worker.stream(lambda: counting(seen, 3))) == [0, 1, 2]
    assert seen == ["only"] * 3 + ["closed"]


def test_what_the_work_raises_reaches_the_caller_and_the_worker_goes_on() -> None:
    worker = Worker()
    with pytest.raises(ZeroDivisionError):
        worker.call(lambda: 1 / 0)

    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("in the middle")

    stream = worker.stream(broken)
    assert next(stream) == 1
    with pytest.raises(ValueError, match="in the middle"):
        next(stream)
    assert worker.call(lambda: 7) == 7


def test_a_stream_that_is_closed_early_is_closed_in_the_thread_and_frees_it() -> None:
    worker, seen = Worker("only"), list[str]()
    stream = worker.stream(lambda: counting(seen))
    assert next(stream) == 0
    stream.close()  # type: ignore[attr-defined]
    assert seen[-1] == "closed"
    assert len(seen) < 500
    assert worker.call(lambda: "free") == "free"


def test_the_second_waits_for_the_first() -> None:
    worker, order = Worker(), list[str]()
    stream = worker.stream(lambda: counting([], 5))
    next(stream)
    other = threading.Thread(target=lambda: order.append(worker.call(lambda: "other")))
    other.start()
    for _ in stream:
        assert not order
    other.join()
    assert order == ["other"]


def test_work_that_asks_for_more_work_is_not_left_waiting_for_itself() -> None:
    worker, seen = Worker("only"), list[str]()
    assert worker.call(lambda: worker.call(lambda: 3)) == 3
    assert worker.call(lambda: list(worker.stream(lambda: counting(seen, 2)))) == [0, 1]


def test_a_stream_that_is_thrown_away_in_the_thread_itself_does_not_wait_for_itself() -> None:
    worker = Worker()
    held: list[Iterator[int]] = [worker.stream(lambda: counting([], 50))]
    next(held[0])

    def drop() -> str:
        held.clear()  # as the garbage collector may, while the thread computes
        return "free"

    inner = worker.stream(lambda: iter([drop()]))
    assert list(inner) == ["free"]


@pytest.mark.parametrize("work", ["raise SystemExit(3)", "worker.call(int)"])
def test_a_process_ends_although_a_stream_was_left_half_read(work: str) -> None:
    code = (
        "import itertools\nfrom arena.worker import Caller, Worker\nworker = Worker()\n"
        "class Holder: pass\nholder = Holder()\nholder.own = holder\n"
        "holder.stream = worker.stream(lambda: iter(range(3)))\nnext(holder.stream)\n" + work
    )
    found = subprocess.run([sys.executable, "-c", code], timeout=20, check=False)
    assert found.returncode == (3 if "SystemExit" in work else 0)


def test_a_command_computes_in_its_own_thread() -> None:
    caller, seen = Caller(), list[str]()
    assert caller.call(lambda: threading.current_thread().name) == threading.current_thread().name
    assert list(caller.stream(lambda: counting(seen, 2))) == [0, 1]
    assert set(seen[:2]) == {threading.current_thread().name}
