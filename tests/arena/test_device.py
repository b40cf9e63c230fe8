"""Leases: first come, first served, and who had company is marked."""

import threading
import time
from collections.abc import Iterator

import pytest

from arena.device import Device, Lease

NEVER = threading.Event()


def granted(lease: Lease) -> Lease:
    assert list(lease.waiting(NEVER)) == []
    return lease


def test_a_free_device_is_granted_at_once() -> None:
    lease = Device("cpu").join()
    assert not lease.granted
    assert granted(lease).granted


def test_leases_are_granted_in_the_order_of_joining() -> None:
    device = Device("cpu")
    first = granted(device.join())
    line = [device.join() for _ in range(4)]
    order: list[int] = []

    def wait(number: int) -> None:
        list(line[number].waiting(NEVER, poll=0.01))
        order.append(number)
        line[number].release()

    threads = [threading.Thread(target=wait, args=(number,)) for number in (3, 1, 0, 2)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    assert order == []
    first.release()
    for thread in threads:
        thread.join(5)
    assert order == [0, 1, 2, 3]


def test_who_waits_is_told_how_many_are_ahead_whenever_that_changes() -> None:
    device = Device("cpu")
    ahead = [granted(device.join()), device.join()]
    told = device.join().waiting(NEVER, poll=0.01)
    assert next(told) == 2
    ahead[0].release()
    assert next(told) == 1
    ahead[1].release()
    assert list(told) == []


def test_stop_while_waiting_leaves_without_the_device() -> None:
    device, stop = Device("cpu"), threading.Event()
    first, second, third = granted(device.join()), device.join(), device.join()
    threading.Timer(0.05, stop.set).start()
    assert list(second.waiting(stop, poll=0.01)) == [1]
    assert not second.granted and not second.contended()
    second.release()
    first.release()
    assert granted(third).granted


def test_one_that_is_stopped_before_its_turn_does_not_take_a_free_device() -> None:
    stop = threading.Event()
    stop.set()
    lease = Device("cpu").join()
    assert list(lease.waiting(stop)) == [] and not lease.granted


def test_a_lease_that_left_the_line_is_never_granted() -> None:
    lease = Device("cpu").join()
    lease.release()
    lease.release()
    assert list(lease.waiting(NEVER)) == [] and not lease.granted


@pytest.mark.parametrize("when", ["before", "during"])
def test_background_work_marks_what_it_overlaps(when: str) -> None:
    device = Device("cpu")
    lease = device.join()
    if when == "before":
        with device.background():
            granted(lease)
    else:
        granted(lease)
        with device.background():
            pass
    assert lease.contended()
    lease.release()
    assert not granted(device.join()).contended()


def readings(*seconds: float) -> Iterator[float]:
    return iter(seconds)


@pytest.mark.parametrize(("used", "contended"), [(0.49, False), (0.52, True)])
def test_others_may_use_a_quarter_of_the_cores(used: float, contended: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # One second of wall time on two cores: a quarter is 0.5 CPU seconds.
    probe, clock = readings(100.0, 100.0 + used), readings(5.0, 6.0)
    monkeypatch.setattr("arena.device.time.monotonic", lambda: next(clock))
    lease = granted(Device("cpu", others=lambda: next(probe), cores=2).join())
    assert lease.contended() is contended


def test_an_abandoned_lease_counts_as_background_until_it_is_released() -> None:
    device = Device("cpu")
    hanging = granted(device.join())
    hanging.abandon()
    hanging.abandon()
    beside = granted(device.join())
    assert beside.contended()
    beside.release()
    hanging.release()
    hanging.release()
    assert not granted(device.join()).contended()


def test_who_gives_way_lets_everybody_ahead_until_it_has_the_device() -> None:
    device = Device("cpu")
    first, patient, late = device.join(), device.join(gives_way=True), device.join()
    other = device.join(gives_way=True)
    assert device.wanted
    for lease, ahead in ((first, []), (late, [1]), (patient, [2]), (other, [3])):
        waiting = lease.waiting(threading.Event())
        assert [next(waiting)] == ahead if ahead else list(waiting) == []
    for lease in (first, late):
        lease.release()
    assert not device.wanted
    assert list(patient.waiting(threading.Event())) == [] and patient.granted
    newcomer = device.join()
    assert next(newcomer.waiting(threading.Event())) == 1  # it has begun: nobody takes the device from it


def test_answers_during_a_training_are_contended_however_little_it_takes_of_the_cores() -> None:
    trains = iter([False, False, False, True, True, False])
    device = Device("gpu", others=lambda: 0.0, cores=16, occupied=lambda: next(trains))
    found = []
    for _ in range(3):
        lease = granted(device.join())
        found.append(lease.contended())
        lease.release()
    assert found == [False, True, True]
