"""How often somebody may do something, and how long to wait after wrong passwords. Kept in memory only.

Does not cover: who somebody is (the callers' keys), and what to say to them.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from arena.errors import NotAllowed

Clock = Callable[[], float]
MINUTE = 60.0

MOST_KEYS = 100_000
"""Names and addresses with wrong attempts that are remembered; the longest unused are forgotten first."""


class Rate:
    """At most `per_minute` a minute for each key, all of them at once if need be: a token bucket
    (https://en.wikipedia.org/wiki/Token_bucket) of that size that fills up in a minute."""

    def __init__(self, per_minute: int, clock: Clock = time.monotonic) -> None:
        """`clock`: seconds, never going back. Raises `ValueError` for a rate under 1."""
        if per_minute < 1:
            raise ValueError(f"{per_minute} a minute is no rate: at least 1")
        self.per_minute, self._clock = per_minute, clock
        # (what was left, when) of each key, the longest unused first.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str) -> float:
        """Count one; 0.0. Or the seconds until one more is free, and nothing is counted."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            left, at = self._left.get(key, (float(self.per_minute), now))
            left = min(self.per_minute, left + (now - at) * self.per_minute / MINUTE)
            if left < 1:
                return (1 - left) * MINUTE / self.per_minute
            self._left[key] = (left - 1, now)
            self._left.move_to_end(key)
            return 0.0

    def _forget(self, now: float) -> None:
        """Whoever took nothing for a minute has a full bucket, as somebody new has."""
        while self._left:
            key, (_, at) = next(iter(self._left.items()))
            if now - at < MINUTE:
                return
            del self._left[key]


@dataclass(frozen=True)
class _Wrong:
    """Wrong attempts that are not forgiven yet, as of the last of them."""

    level: float
    at: float


class Patience:
    """After `free` wrong attempts each further one is a wait away: 1 s, then 2, 4, … up to `longest`; every `longest`
    seconds one is forgiven. So guessing settles at one guess in `longest` seconds. An attempt counts as wrong from its
    beginning, so that many at once gain nothing; `take_back` undoes it."""

    def __init__(self, free: int, longest: float, clock: Clock = time.monotonic) -> None:
        self.free, self.longest, self._clock = free, longest, clock
        self._wrong: OrderedDict[str, _Wrong] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until another attempt may be made."""
        wrong = self._wrong.get(key)
        if wrong is None or wrong.level < self.free:
            return 0.0
        pause: float = min(self.longest, 2.0 ** min(wrong.level - self.free, 30.0))
        return max(0.0, wrong.at + pause - self._clock())

    def count(self, key: str) -> None:
        """An attempt begins."""
        now = self._clock()
        wrong = self._wrong.get(key, _Wrong(0.0, now))
        left = max(0.0, wrong.level - (now - wrong.at) / self.longest)
        self._wrong[key] = _Wrong(left + 1, now)
        self._wrong.move_to_end(key)
        while len(self._wrong) > MOST_KEYS:
            self._wrong.popitem(last=False)

    def take_back(self, key: str) -> None:
        """That attempt was right."""
        if wrong := self._wrong.get(key):
            self._wrong[key] = _Wrong(max(0.0, wrong.level - 1), wrong.at)

    def forget(self, key: str) -> None:
        """Whoever has this key has proved to be right."""
        self._wrong.pop(key, None)


class Attempts:
    """Attempts to sign in, by name and by address. Guessing one name from everywhere is slowed to one guess a minute;
    from one address, whatever the names, to one in five minutes. The first is the shorter, so that whoever keeps trying
    a name that is not theirs cannot keep its owner out for long."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._names = Patience(free=3, longest=MINUTE, clock=clock)
        self._addresses = Patience(free=10, longest=5 * MINUTE, clock=clock)
        self._lock = threading.Lock()

    def begin(self, name: str, address: str) -> None:
        """Before the password is looked at. Raises `NotAllowed` with the wait, also for a name that nobody has."""
        with self._lock:
            wait = max(self._names.wait(name), self._addresses.wait(address))
            if wait:
                raise NotAllowed(f"Too many wrong attempts: wait {spoken(wait)}, then try again.")
            self._names.count(name)
            self._addresses.count(address)

    def right(self, name: str, address: str) -> None:
        """The attempt that began was right. The address keeps its other ones: somebody there may be guessing."""
        with self._lock:
            self._names.forget(name)
            self._addresses.take_back(address)


def spoken(seconds: float) -> str:
    """A wait in words, never shorter than it is."""
    whole = max(1, -int(-seconds // 1))
    if whole < 2 * MINUTE:
        return f"{whole} second{'' if whole == 1 else 's'}"
    return f"{-int(-whole // MINUTE)} minutes"
