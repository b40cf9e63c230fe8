"""Rates and waits, against a clock that the test moves."""

import pytest

from arena.errors import NotAllowed
from arena.limits import Attempts, Patience, Rate, spoken


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_minutes_worth_may_come_at_once_and_then_one_after_another(clock: Clock) -> None:
    rate = Rate(4, clock)
    assert [rate.take("ada") for _ in range(4)] == [0.0] * 4
    assert rate.take("ada") == pytest.approx(15)
    clock.now += 14
    assert rate.take("ada") == pytest.approx(1)  # asking too early costs nothing
    clock.now += 1
    assert rate.take("ada") == 0.0
    assert rate.take("ada") == pytest.approx(15)


def test_one_persons_rate_is_not_anothers(clock: Clock) -> None:
    rate = Rate(1, clock)
    assert [rate.take("ada"), rate.take("ben")] == [0.0, 0.0]
    assert rate.take("ada") > 0


def test_in_no_minute_do_more_than_two_minutes_worth_pass(clock: Clock) -> None:
    rate = Rate(10, clock)
    passed = 0
    for _ in range(600):
        passed += rate.take("ada") == 0.0
        clock.now += 0.1
    assert passed == 10 + 9  # the full bucket, and what a minute refills


def test_who_took_nothing_for_a_minute_is_forgotten(clock: Clock) -> None:
    rate = Rate(2, clock)
    for number in range(1000):
        rate.take(f"somebody {number}")
    clock.now += 60
    rate.take("ada")
    assert list(rate._left) == ["ada"]


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 a minute"):
        Rate(0)


def test_after_the_free_attempts_the_waits_double_up_to_the_longest(clock: Clock) -> None:
    patience, waits = Patience(free=3, longest=60, clock=clock), []
    for _ in range(12):
        waits.append(patience.wait("ada"))
        clock.now += waits[-1]
        patience.count("ada")
    assert waits[:4] == [0, 0, 0, 1]
    assert all(2 * before >= after > before for before, after in zip(waits[3:8], waits[4:9], strict=True))
    assert waits[-1] == pytest.approx(60, rel=0.1) and max(waits) <= 60


def test_guessing_settles_at_one_guess_in_the_longest_wait(clock: Clock) -> None:
    patience, guesses, day = Patience(free=3, longest=60, clock=clock), 0, 24 * 3600
    end = clock.now + day
    while clock.now < end:
        clock.now += patience.wait("ada")
        patience.count("ada")
        guesses += 1
    assert guesses == pytest.approx(day / 60, rel=0.05)


def test_wrong_attempts_are_forgiven_with_time(clock: Clock) -> None:
    patience = Patience(free=3, longest=60, clock=clock)
    for _ in range(5):
        patience.count("ada")
    clock.now += 5 * 60
    assert patience.wait("ada") == 0
    patience.count("ada")
    assert patience.wait("ada") == 0


def test_attempts_at_once_gain_nothing(clock: Clock) -> None:
    attempts, begun = Attempts(clock), 0
    for number in range(100):  # none of them has ended when the next begins
        try:
            attempts.begin("admin", f"192.0.2.{number}")
            begun += 1
        except NotAllowed:
            pass
    assert begun == 3


def test_one_address_that_tries_many_names_waits_too(clock: Clock) -> None:
    attempts = Attempts(clock)
    for number in range(10):
        attempts.begin(f"name {number}", "192.0.2.1")
    with pytest.raises(NotAllowed, match="wait 1 second, then"):
        attempts.begin("name 11", "192.0.2.1")
    attempts.begin("name 11", "192.0.2.2")


def test_being_right_ends_the_names_wait_and_costs_the_address_nothing(clock: Clock) -> None:
    attempts = Attempts(clock)
    for _ in range(50):
        attempts.begin("ada", "192.0.2.1")
        attempts.right("ada", "192.0.2.1")
    attempts.begin("ada", "192.0.2.1")


def test_an_own_account_does_not_hide_guessing_at_others(clock: Clock) -> None:
    attempts = Attempts(clock)
    with pytest.raises(NotAllowed):
        for number in range(20):
            attempts.begin("mallory", "192.0.2.1")
            attempts.right("mallory", "192.0.2.1")
            attempts.begin(f"name {number}", "192.0.2.1")


def test_what_is_remembered_of_wrong_attempts_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arena.limits.MOST_KEYS", 10)
    patience = Patience(free=1, longest=60, clock=clock)
    for number in range(100):
        patience.count(f"name {number}")
    assert len(patience._wrong) == 10 and patience.wait("name 99") > 0


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 second"), (1.01, "2 seconds"), (119, "119 seconds"), (121, "3 minutes")]
)
def test_a_wait_is_told_and_never_too_short(seconds: float, said: str) -> None:
    assert spoken(seconds) == said
