"""Sends each vote on to a place that stays, and takes all of them back into an empty database at start.

A row of the outbox is made in the transaction that saves a vote, so what was acknowledged is sent, however the process
ended. A file holds one cast with its comparison and, from the queue, its ballot. It is named by what the cast says:
sending it again doubles nothing.
"""

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import chain

import sqlalchemy as sa
from tenacity import (
    RetryCallState,
    RetryError,
    Retrying,
    sleep_using_event,
    stop_when_event_set,
    wait_exponential_jitter,
)

from arena.elsewhere import Elsewhere, Kept
from arena.errors import ImportRefused
from storage import tables
from storage.cells import as_json, plain
from storage.database import Database
from storage.elsewhere import each_once, place_of
from storage.merging import Merged, merge
from storage.records import Record, cast_records
from storage.sheets import Placed, checked_row

log = logging.getLogger(__name__)

AT_ONCE = 100
"""Votes sent in one go."""

LONGEST_WAIT = 300.0
"""Seconds between two tries, at most."""

LAST_SECONDS = 10.0
"""What is sent once more while the app ends: a host kills it after about so long."""

FORMAT = 1


class Outbox:
    """Implements `arena.elsewhere.Keeper`. Several processes may send from one database: what is sent twice is there
    once."""

    def __init__(self, database: Database, elsewhere: Elsewhere) -> None:
        self.database, self.elsewhere = database, elsewhere
        self._trouble = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="outbox")

    def start(self) -> "Outbox":
        """Send what waits, and from now on what comes, in a thread of its own."""
        self._thread.start()
        return self

    def close(self, seconds: float = LAST_SECONDS) -> int:
        """Stop, after trying for so long to send what still waits. Returns how many votes are not elsewhere."""
        self._ended.set()
        until = time.monotonic() + seconds
        if self._thread.is_alive():
            self._thread.join(seconds)
        try:
            while time.monotonic() < until and self.send():
                pass
        except Exception as error:
            log.warning("votes could not be sent to %s: %s", self.elsewhere, error)
        kept = self.kept()
        return kept.saved - (kept.elsewhere or 0)

    def kept(self) -> Kept:
        number, sent_at = tables.outbox.c.number, tables.outbox.c.sent_at
        with self.database.reading() as connection:
            saved, sent = connection.execute(sa.select(sa.func.count(number), sa.func.count(sent_at))).one()
        return Kept(saved, sent, self._trouble if sent < saved else "")

    def backed_up(self, vote_id: str) -> bool:
        history, outbox = tables.vote_history.c, tables.outbox.c
        waiting = sa.select(outbox.number).join(tables.vote_history, history.number == outbox.cast)
        with self.database.reading() as connection:
            return connection.scalar(waiting.where(history.vote == vote_id, outbox.sent_at.is_(None)).limit(1)) is None

    def send(self) -> int:
        """Send the votes that have waited longest, and return how many were sent. Raises what the place raises."""
        outbox = tables.outbox.c
        waiting = sa.select(outbox.number, outbox.cast).where(outbox.sent_at.is_(None)).order_by(outbox.number)
        with self.database.reading() as connection:
            rows = connection.execute(waiting.limit(AT_ONCE)).all()
            files = dict(_packed(cast_records(connection, row.cast)) for row in rows)
        if not rows:
            return 0
        self.elsewhere.put(files)
        sent = sa.update(tables.outbox).where(outbox.number.in_([row.number for row in rows]))
        with self.database.writing() as connection:
            connection.execute(sent.values(sent_at=datetime.now(UTC)))
        self._trouble = ""
        return len(rows)

    def _run(self) -> None:
        patient = Retrying(
            wait=wait_exponential_jitter(initial=1.0, max=LONGEST_WAIT),
            sleep=sleep_using_event(self._ended),
            stop=stop_when_event_set(self._ended),
            before_sleep=self._note,
        )
        try:
            while not self._ended.wait(self.elsewhere.pause):
                patient(self._send_all)
        except RetryError:
            log.info("ended while votes waited to be sent")

    def _send_all(self) -> None:
        while self.send() == AT_ONCE and not self._ended.is_set():
            pass

    def _note(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._trouble = " ".join(str(error).split())[:200] or type(error).__name__
        log.warning("votes could not be sent to %s: %s", self.elsewhere, self._trouble)


def restore(database: Database, elsewhere: Elsewhere, say: Callable[[str], object]) -> int:
    """`fetch`, if nothing was ever asked here; returns how many casts came."""
    with database.reading() as connection:
        if connection.scalar(sa.select(tables.comparison.c.id).limit(1)) is not None:
            return 0
    return fetch(database, elsewhere, say).added["vote_history"]


def fetch(database: Database, elsewhere: Elsewhere, say: Callable[[str], object]) -> Merged:
    """Take every vote that is elsewhere, as an import would. A file that cannot be read is said and left where it is.
    Raises what the place raises."""
    files: list[list[Placed]] = []
    for name, content in elsewhere.get(each_once(elsewhere.names())):
        try:
            files.append(_unpacked(name, content))
        except ImportRefused as error:
            say(f"Not restored: {error}")
    # A file has its ballot as it was when it was sent: what was said last is in the file of the last cast.
    files.sort(key=_cast_at)
    with database.writing() as connection:
        return merge(connection, chain.from_iterable(files), sent=True)


def _cast_at(file: Sequence[Placed]) -> datetime:
    """When what a file holds was cast."""
    moments = (each.row["cast_at"] for each in file if each.table == "vote_history")
    return max(moments, default=datetime.min.replace(tzinfo=UTC))


def _packed(found: Sequence[Record]) -> tuple[str, bytes]:
    records = [{"table": table, **{name: plain(value) for name, value in row.items()}} for table, row in found]
    cast = records[-1]
    said = hashlib.sha256(as_json(cast).encode()).hexdigest()[:16]
    content = as_json({"format": FORMAT, "records": records}).encode()
    return place_of(f"{cast['vote']}-{said}"), content


def _unpacked(name: str, content: bytes) -> list[Placed]:
    try:
        held = json.loads(content)
        records = [dict(record) for record in held["records"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ImportRefused(f"{name} is no vote ({type(error).__name__}: {error}).") from None
    return [checked_row(name, record) for record in records]
