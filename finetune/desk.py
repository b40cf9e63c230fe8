"""Starts, watches and ends a workspace's training runs, each in a process and a session of its own.

A run outlives the server that started it: what it is and how it fares is read from its folder each time (runs.py).
POSIX only. Does not cover: training (train.py), runs from a command line, of which only the log is seen.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from arena.errors import ArenaError
from arena.training import Kind, Learnt, RunState, Status
from finetune.figures import checked, examined, served
from finetune.runs import COMMANDS, Log, Process, Run, exit_code, output_tail, running

PATIENCE = 60.0
"""Seconds that a run has for its checkpoint before it is killed."""
KILLED_BY = (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM)

# Only a parent learns a run's exit code, and the server may be gone by then: this shell waits in its place.
WAIT_AND_TELL = '"$@"; echo $? >"$0.tmp"; mv "$0.tmp" "$0"'
ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "TYPER_STANDARD_TRACEBACK": "1"}


class Desk:
    """`arena.training.TrainingDesk` over a workspace folder. `command` is what to call with "train" or "hybrid" and the
    workspace's path, by default this room's own command line."""

    def __init__(self, workspace: Path, command: Sequence[str] | None = None, patience: float = PATIENCE) -> None:
        self.workspace = workspace.resolve()
        self.command = command or [sys.executable, "-m", "finetune"]
        self.patience = patience
        self._shell: subprocess.Popen[bytes] | None = None

    def state(self) -> RunState:
        """The run that is alive, else the last one. One that was asked to stop and does not end is killed here."""
        try:
            kind = self._last()
            folder = self._folder(kind)
            run, log = Run.read(folder), Log.read(folder / "log.jsonl")
            if run is None and log is None:
                return RunState()
            told = folder / "exit_code"
            if run and log and not run.alive and told.is_file() and told.stat().st_mtime < log.written:
                run = None  # ended long ago: the log is of a run from a command line since then
            return self._told(kind, run, log or Log())
        except OSError as error:
            raise self._unreadable(error) from error

    def learnt(self) -> tuple[Learnt, ...]:
        """From the last checkup, if it was of these adapters, else from the figures beside each; where there are none,
        or none that can be read, nothing."""
        try:
            adapters = served(self.workspace)
        except ArenaError:  # a workspace.toml that somebody is writing
            return ()
        found = checked(self.workspace / "adapters", adapters) or {
            name: (examined(path), ()) for name, path in adapters.items()
        }
        return tuple(
            Learnt(name, tuple((kind, *pair) for kind, pair in figures.items()), told)
            for name, (figures, told) in found.items()
            if figures
        )

    def start(self, kind: Kind) -> None:
        """Start a run of `kind`, or go on from its last checkpoint: the command decides which.

        Raises:
            ArenaError: a run is alive or just being started, or the process could not be made.
        """
        folder = self._folder(kind)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.parent / "start.lock", timeout=0):
                if found := running(self.workspace):
                    other, run = found
                    raise ArenaError(
                        f"A training ({other}, process {run.process.pid}) is running already: "
                        "wait until it has finished, or press Stop first."
                    )
                self._begin(kind, folder)
        except Timeout:
            raise ArenaError("A training is being started at this moment: wait for its figures.") from None
        except OSError as error:
            raise ArenaError(f"The training could not be started: {error}.") from error

    def stop(self) -> None:
        """Ask the run that is alive to write a checkpoint and end; kill it when it has not after `patience`.

        Raises:
            ArenaError: no run is alive.
        """
        try:
            folder = self._folder(self._last())
            run = Run.read(folder)
            if run is None or not run.alive:
                raise ArenaError("No training is running: there is nothing to stop.")
            if run.asked_to_stop is None:
                replace(run, asked_to_stop=time.time()).write(folder)
                # Should nobody look at the state any more: somebody must, for the patience to end.
                watch = threading.Timer(self.patience + 1, self.state)
                watch.daemon = True
                watch.start()
            if run.process.alive:
                with suppress(ProcessLookupError):
                    os.kill(run.process.pid, signal.SIGTERM)
        except OSError as error:
            raise self._unreadable(error) from error

    def _folder(self, kind: Kind) -> Path:
        return self.workspace / "runs" / kind

    def _last(self) -> Kind:
        """The kind that is alive, else the one heard of last."""
        if self._shell is not None:
            self._shell.poll()  # or it would stay in the process table

        def heard(kind: Kind) -> tuple[bool, float]:
            folder = self._folder(kind)
            run = Run.read(folder)
            files = [folder / name for name in ("process.json", "log.jsonl")]
            return run is not None and run.alive, max((f.stat().st_mtime for f in files if f.is_file()), default=0.0)

        return max(COMMANDS, key=heard)

    def _begin(self, kind: Kind, folder: Path) -> None:
        for name in ("process.json", "exit_code"):
            (folder / name).unlink(missing_ok=True)
        started = time.time()
        told = [str(folder / "exit_code"), *self.command, COMMANDS[kind], str(self.workspace)]
        with (folder / "output.log").open("wb") as output:
            shell = subprocess.Popen(
                ["/bin/sh", "-c", WAIT_AND_TELL, *told],
                cwd=Path(__file__).parents[1],
                env=os.environ | ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        found = psutil.Process(shell.pid)
        waiter, children = Process.of(found), found.children()
        while not children and shell.poll() is None:
            children = found.children()
        # Without a child it has ended already, and the exit code is there.
        Run(Process.of(children[0]) if children else waiter, waiter, started).write(folder)
        self._shell = shell

    def _told(self, kind: Kind, run: Run | None, log: Log) -> RunState:
        folder = self._folder(kind)
        if run is not None and log.complete and log.written < run.started:
            log = Log()  # of a run before, until this one says something
        status: Status
        code = None
        if run is not None and run.alive:
            status = "running" if run.asked_to_stop is None else "stopping"
            if run.asked_to_stop is not None and time.time() - run.asked_to_stop > self.patience:
                self._kill(run, folder)
        else:
            code = exit_code(folder)
            status = self._ending(kind, run, log, code)
        fresh = status == "running" and run is not None and log.written >= run.started
        return RunState(
            what=kind,
            status=status,
            step=log.step,
            of=log.of,
            started=datetime.fromtimestamp(run.started, UTC) if run else None,
            seconds_left=log.seconds_left() if fresh else None,
            training_losses=tuple(log.training),
            held_out_losses=tuple(log.held_out),
            training_accuracy=tuple(log.training_accuracy),
            held_out_accuracy=tuple(log.held_out_accuracy),
            log_tail=output_tail(folder / "output.log") if run else "",
            exit_code=code,
        )

    def _ending(self, kind: Kind, run: Run | None, log: Log, code: int | None) -> Status:
        """How a run ended. Its adapter is the last thing that it writes, so that is what finished means."""
        adapter = self.workspace / "adapters" / kind / "arena.json"
        if run is None:
            return "finished" if log.complete and adapter.is_file() else "stopped"
        if code in (0, None) and adapter.is_file() and adapter.stat().st_mtime >= run.started:
            return "finished"
        if code == 0:
            return "stopped"
        # From outside, with a checkpoint to go on from; without a code the waiter was killed as well. Other signals are
        # the program's own end, as a segmentation fault.
        killed = code is None or code - 128 in KILLED_BY
        going_on = run.asked_to_stop is not None or any(self._folder(kind).glob("checkpoint-*"))
        return "stopped" if killed and going_on else "crashed"

    def _kill(self, run: Run, folder: Path) -> None:
        with (folder / "output.log").open("a", encoding="utf-8") as output:
            output.write(f"\nKilled: it had not ended {self.patience:.0f} s after it was asked to stop.\n")
        with suppress(ProcessLookupError):
            os.killpg(run.waiter.pid, signal.SIGKILL)

    def _unreadable(self, error: OSError) -> ArenaError:
        return ArenaError(
            f"The training in {self.workspace / 'runs'} cannot be read: {error}. Allow it with chmod u+rw."
        )
