"""A device that answers one at a time, in order of asking.

Two engines on the same cores slow each other many times over, so contestants that share a device hold its
lease for the whole of their answer: what is timed is one contestant alone. Background work on the same
machine (building an index) is entered with `background`, and what other processes used is read from a probe;
both mark the answers they overlap as contended, as does what is said to occupy the machine (a training).
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from arena.contestant import StopSignal

CONTENDED_SHARE = 0.25
"""An answer is contended when others used more than this share of the machine while it ran."""


class Device:
    """First come, first served. `others` returns the CPU seconds that other processes have used so far,
    `cores` how many cores they share with us; without a probe only `background` marks contention. `occupied`: whether
    work is going on that such seconds do not tell, as a training on a GPU."""

    def __init__(
        self,
        name: str,
        others: Callable[[], float] | None = None,
        cores: int = 1,
        occupied: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = name
        self._others = others
        self._cores = cores
        self._occupied = occupied
        self._condition = threading.Condition()
        self._line: deque[Lease] = deque()
        self._abandoned: set[Lease] = set()
        self._background = 0
        self._background_runs = 0

    def join(self, gives_way: bool = False) -> "Lease":
        """Take the next place in the line, at once. The lease must be released, granted or not. One that gives way
        lets everybody else ahead until it is granted."""
        lease = Lease(self, gives_way)
        with self._condition:
            patient = (place for place, one in enumerate(self._line) if one.gives_way and not one.granted)
            self._line.insert(len(self._line) if gives_way else next(patient, len(self._line)), lease)
        return lease

    @property
    def wanted(self) -> bool:
        """Somebody who does not give way has the device or waits for it."""
        with self._condition:
            return any(not lease.gives_way for lease in self._line)

    @contextmanager
    def background(self) -> Iterator[None]:
        """Work that shares the machine without taking its turn: answers meanwhile are contended."""
        with self._condition:
            self._background += 1
            self._background_runs += 1
        try:
            yield
        finally:
            with self._condition:
                self._background -= 1

    def _leave(self, lease: "Lease", still_running: bool) -> None:
        with self._condition:
            if not still_running and lease in self._abandoned:
                self._abandoned.remove(lease)
                self._background -= 1
            if still_running and lease in self._line:
                self._abandoned.add(lease)
                self._background += 1
                self._background_runs += 1
            if lease in self._line:
                self._line.remove(lease)
            self._condition.notify_all()

    def _reading(self) -> tuple[float, float, int, int]:
        others = self._others() if self._others else 0.0
        occupied = self._occupied()
        with self._condition:
            return time.monotonic(), others, self._background + occupied, self._background_runs


class Lease:
    """A place in a device's line and, once nobody is ahead, the right to use it."""

    def __init__(self, device: Device, gives_way: bool = False) -> None:
        self.gives_way = gives_way
        self.granted = False
        self._device = device
        self._start: tuple[float, float, int, int] | None = None

    def waiting(self, stop: StopSignal, poll: float = 0.05) -> Iterator[int]:
        """Yield how many are ahead whenever that changes; ends when the device is ours or `stop` is set."""
        told = 0
        condition, line = self._device._condition, self._device._line
        while not stop.is_set():
            with condition:
                if self not in line:
                    return
                ahead = line.index(self)
                if ahead and ahead == told:
                    condition.wait(poll)
                    continue
                # Under the lock: whoever joins now must not go ahead any more.
                self.granted = ahead == 0
            if ahead == 0:
                self._start = self._device._reading()
                return
            told = ahead
            yield ahead

    def contended(self) -> bool:
        """True when background work overlapped, or others used over CONTENDED_SHARE of the cores."""
        if self._start is None:
            return False
        began, others_then, background_then, runs_then = self._start
        now, others_now, background_now, runs_now = self._device._reading()
        wall = max(now - began, 1e-6)
        share = (others_now - others_then) / (wall * self._device._cores)
        background = background_then > 0 or background_now > 0 or runs_now > runs_then
        return background or share > CONTENDED_SHARE

    def release(self) -> None:
        """Leave the line. Harmless when done twice."""
        self._device._leave(self, still_running=False)

    def abandon(self) -> None:
        """Let the next one go ahead although our work does not end: until `release` it counts as background."""
        self._device._leave(self, still_running=True)
