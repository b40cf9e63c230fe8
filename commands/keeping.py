"""What keeps the votes safe while the app serves: backups on their schedule, and a copy of each vote elsewhere."""

import os
import signal
import sys
import types
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import typer

from arena.elsewhere import Keeper
from arena.errors import ArenaError, StorageError
from arena.workspace import Workspace, settings_from
from commands.backups import backups_of

TRIES = 4
"""To reach the place with the votes at start: about a minute in all, as a Space's network may come up late."""


@dataclass(frozen=True)
class Settings:
    """`[votes]` in workspace.toml. `elsewhere`: where a copy of each vote goes, "" for nowhere."""

    elsewhere: str = ""


@contextmanager
def kept_safe(workspace: Workspace, history: Any) -> Iterator[Keeper | None]:
    """Everything that runs beside the app for its votes; yields who sends them elsewhere, if anybody does. An empty
    database gets the votes that are elsewhere first. At the end, SIGTERM's too, what still waits is sent.

    Raises:
        StorageError: `[votes] elsewhere` is no place.
    """
    try:
        with ExitStack() as held:
            keeper = _begun(held, workspace, history)
            with _ending_at_sigterm():
                yield keeper
    except SystemExit as ended:
        # Threads that still compute an answer are not waited for.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else 1)


def _begun(held: ExitStack, workspace: Workspace, history: Any) -> Keeper | None:
    from storage.backups import Schedule, in_use

    settings = settings_from(Settings, "votes", workspace.table("votes"))
    held.enter_context(in_use(history.database.place))
    keeper = _outbox(settings.elsewhere, history) if settings.elsewhere else None
    try:
        schedule = Schedule(backups_of(workspace), _say).start()
        held.callback(schedule.close)
    except StorageError:  # a server: its own tools do it
        _say("Backups: with PostgreSQL's own tools (`python app.py backup` says which).")
    if keeper is not None:
        held.callback(_close, keeper.start())
    return keeper


def _outbox(address: str, history: Any) -> Any:
    """Who sends to `address`, once an empty database has what is there."""
    from tenacity import Retrying, stop_after_attempt, wait_exponential

    from storage.elsewhere import elsewhere_at
    from storage.outbox import Outbox, restore

    place = elsewhere_at(address)
    patient = Retrying(stop=stop_after_attempt(TRIES), wait=wait_exponential(min=2, max=30), reraise=True)
    try:
        if restored := patient(restore, history.database, place, _say):
            _say(f"{restored:,} votes restored from {place}")
    except ArenaError:
        raise
    except Exception as error:
        _say(
            f"{place} does not answer ({' '.join(str(error).split())[:200]}): started without the votes there. They "
            f"stay there; `python app.py import {address}` takes them in later."
        )
    return Outbox(history.database, place)


def _close(outbox: Any) -> None:
    if left := outbox.close():
        _say(f"{left:,} votes could not be sent to {outbox.elsewhere} yet: they are sent at the next start.")


@contextmanager
def _ending_at_sigterm() -> Iterator[None]:
    """SIGTERM ends the app as if it had ended by itself; then nothing that still computes is waited for."""

    def end(number: int, _frame: types.FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(text: str) -> None:
    typer.echo(text, err=True)
