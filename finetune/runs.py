"""What is known of a workspace's training runs, read from `runs/<kind>/` each time: `process.json` (who it is),
`log.jsonl` (its losses, written by train.py), `output.log`, `exit_code`. Starts and ends none: desk.py does.
"""

import json
import math
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from arena.errors import ArenaError
from arena.training import Kind

COMMANDS: dict[Kind, str] = {"fine-tuned": "train", "hybrid": "hybrid"}
TAIL_BYTES, TAIL_LINES = 16_384, 40


@dataclass(frozen=True)
class Process:
    """A process that can still be told from a later one with the same number: `since_boot` are the seconds from the
    machine's start to its own, which a change of the clock does not touch."""

    pid: int
    since_boot: float

    @classmethod
    def of(cls, found: psutil.Process) -> "Process":
        return cls(found.pid, found.create_time() - psutil.boot_time())

    @property
    def alive(self) -> bool:
        try:
            found = psutil.Process(self.pid)
            same = abs(Process.of(found).since_boot - self.since_boot) < 1
            return same and found.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


@dataclass(frozen=True)
class Run:
    """`process.json`. `waiter` is the shell, whose number is that of the process group. Times: Unix seconds."""

    process: Process
    waiter: Process
    started: float
    asked_to_stop: float | None = None

    @classmethod
    def read(cls, folder: Path) -> "Run | None":
        try:
            found = json.loads((folder / "process.json").read_text(encoding="utf-8"))
            return cls(Process(**found.pop("process")), Process(**found.pop("waiter")), **found)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ArenaError(
                f"{folder / 'process.json'} cannot be read: see that no training runs there, then delete it."
            ) from None

    def write(self, folder: Path) -> None:
        beside = folder / "process.json.tmp"
        beside.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
        beside.replace(folder / "process.json")

    @property
    def alive(self) -> bool:
        """The waiter counts too: between the run's end and the exit code it is the only one left."""
        return self.process.alive or self.waiter.alive


@dataclass
class Log:
    """What `log.jsonl` says. A run that was killed did its last steps again: what it had said of them is dropped."""

    step: int = 0
    of: int = 0
    written: float = 0.0
    training: list[tuple[int, float]] = field(default_factory=list)
    held_out: list[tuple[int, float]] = field(default_factory=list)
    training_accuracy: list[tuple[int, float]] = field(default_factory=list)
    held_out_accuracy: list[tuple[int, float]] = field(default_factory=list)
    seconds: list[tuple[int, float]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "Log | None":
        try:
            text, written = path.read_text(encoding="utf-8", errors="replace"), path.stat().st_mtime
        except FileNotFoundError:
            return None
        log = cls(written=written)
        for line in text.splitlines():
            with suppress(ValueError, KeyError, TypeError):  # half a line, of a run that was killed or is writing
                log._add(json.loads(line))
        return log

    def _add(self, line: dict[str, float]) -> None:
        self.step, self.of = int(line["step"]), int(line.get("of", 0))
        curves = {
            "loss": self.training,
            "eval_loss": self.held_out,
            "answer_accuracy": self.training_accuracy,
            "eval_answer_accuracy": self.held_out_accuracy,
        }
        for kept in (*curves.values(), self.seconds):
            kept[:] = [pair for pair in kept if pair[0] <= self.step]
        self.seconds.append((self.step, line["seconds"]))
        for name, points in curves.items():
            if math.isfinite(line.get(name, math.nan)):
                points[:] = [*(pair for pair in points if pair[0] < self.step), (self.step, line[name])]

    @property
    def complete(self) -> bool:
        return self.step >= self.of

    def seconds_left(self) -> float | None:
        """From the mean pace so far, evaluations on the way included; None when it cannot be told."""
        if not self.step or not self.of:
            return None
        pace = sum(seconds for _, seconds in self.seconds) / self.step
        return max(0.0, pace * (self.of - self.step) - (time.time() - self.written))


def running(workspace: Path) -> tuple[Kind, Run] | None:
    """The run that a desk started and that is alive, whatever it computes on."""
    for kind in COMMANDS:
        run = Run.read(workspace / "runs" / kind)
        if run is not None and run.alive:
            return kind, run
    return None


def exit_code(folder: Path) -> int | None:
    try:
        return int((folder / "exit_code").read_text())
    except (FileNotFoundError, ValueError):
        return None


def output_tail(path: Path) -> str:
    """The last lines of the output; of a line that was written over, as progress bars are, what stood there last."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    lines = [line.rstrip("\r").rsplit("\r", 1)[-1].rstrip() for line in text.split("\n")]
    return "\n".join(lines[-TAIL_LINES:]).strip("\n")
