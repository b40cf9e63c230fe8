"""One question under way: a thread that follows the run to its end and keeps the comparison, watched by a page.

The thread, not the page, owns the run: it saves the comparison before the first answer and again at the end,
whether the page is still there or not. Does not cover: what may be shown of it (ui/screen.py).
"""

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace

from arena.answer import Answer
from arena.comparison import Comparison
from arena.errors import ArenaError, StorageError
from arena.events import Failed, Finished, Retrieved, Stamped, Token, Waiting, Working
from arena.ports import History
from arena.question import Question
from arena.runner import Run, Runner

log = logging.getLogger(__name__)

FRAME = 1 / 12
"""Seconds between two updates of the page: faster is not readable, and each costs the browser a redraw."""

HEARTBEAT = 2.0
"""Seconds without news after which the page is told anyway: only then does Gradio notice a closed tab."""

GRACE = 3.0
"""Seconds that a stopped contestant gets to say its last word before the page goes on without it."""


class Asking:
    """`stop` ends it within one token; `finished` is set once the last save was tried. `storage_error` is
    what the database said last, "" while all is well."""

    def __init__(self, runner: Runner, history: History, comparison: Comparison) -> None:
        self.stop = threading.Event()
        self.finished = threading.Event()
        self.storage_error = ""
        self.doing: dict[str, str] = dict.fromkeys((comparison.left, comparison.right), "waiting")
        self._runner, self._history = runner, history
        self._comparison = comparison
        self._run: Run | None = None
        self._stopped_at: float | None = None
        self._final: Comparison | None = None
        self._ending = threading.Lock()
        self._news: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    @property
    def over(self) -> bool:
        """Nothing more will be shown: it ended, or it was stopped and had its time to end."""
        if self.stop.is_set() and self._stopped_at is None:
            self._stopped_at = time.monotonic()
        late = self._stopped_at is not None and time.monotonic() - self._stopped_at > GRACE
        return self.finished.is_set() or late

    @property
    def comparison(self) -> Comparison:
        """The comparison with the answers so far; once it is over, none of them is still open. It then stays
        as it was: a word that comes too late must not open a vote on names that were already shown."""
        with self._ending:
            if self._final is not None:
                return self._final
            over, run = self.over, self._run
            answers: Mapping[str, Answer] = run.answers() if run is not None else {}
            if over:
                answers = _closed(answers, self._comparison)
            comparison = self._comparison.with_answers(answers)
            if over:
                self._final = comparison
            return comparison

    def start(self) -> "Asking":
        """Begin in a thread of its own."""
        threading.Thread(target=self._follow, daemon=True, name=f"asking-{self._comparison.id[:8]}").start()
        return self

    async def frames(self) -> AsyncGenerator[None, None]:
        """Wakes the page whenever there is news, at most every FRAME and at least every HEARTBEAT seconds.
        Ends when it is over; whoever leaves early stops it."""
        news = asyncio.Event()
        self._news = (asyncio.get_running_loop(), news)
        try:
            while not self.over:
                # Not asyncio.wait_for: on Python 3.11 it can swallow the cancellation that Stop sends.
                try:
                    async with asyncio.timeout(0.25 if self.stop.is_set() else HEARTBEAT):
                        await news.wait()
                except TimeoutError:
                    pass
                news.clear()
                yield None
                await asyncio.sleep(FRAME)
        finally:
            self._news = None
            self.stop.set()

    def save_again(self) -> None:
        """Try once more what the database refused. Raises `StorageError`."""
        if self.storage_error:
            self._history.save(self.comparison)
            self.storage_error = ""

    def _follow(self) -> None:
        comparison = self._comparison
        questions = {
            name: Question(comparison.question, tuple(comparison.histories.get(name, ())))
            for name in (comparison.left, comparison.right)
        }
        seed = secrets.randbelow(2**31)
        try:
            run = self._runner.start(questions, self.stop, seed)
            self._comparison = comparison.with_run(seed, run.order)
            self._save(self._comparison)
            self._run = run
            for stamped in run:
                self._take(stamped)
                self._wake()
        except Exception:
            log.exception("comparison %s broke off", comparison.id)
        finally:
            answers = _closed(self._run.answers() if self._run else {}, self._comparison)
            self._save(self._comparison.with_answers(answers))
            self.finished.set()
            self._wake()

    def _take(self, stamped: Stamped) -> None:
        event = stamped.event
        if isinstance(event, Waiting):
            self.doing[stamped.contestant] = event.reason
        elif isinstance(event, Working):
            self.doing[stamped.contestant] = event.doing
        elif isinstance(event, Retrieved):
            self.doing[stamped.contestant] = "reading the passages"
        elif isinstance(event, Token):
            self.doing[stamped.contestant] = "writing"
        elif isinstance(event, Finished | Failed):
            self.doing[stamped.contestant] = ""

    def _save(self, comparison: Comparison) -> None:
        try:
            self._history.save(comparison)
            self.storage_error = ""
        except StorageError as error:
            self.storage_error = str(error)
        except ArenaError as error:
            self.storage_error = str(error)
        except Exception as error:
            log.exception("comparison %s could not be saved", comparison.id)
            self.storage_error = f"the database failed ({type(error).__name__}); the server's log has the details"

    def _wake(self) -> None:
        listener = self._news
        if listener is not None:
            loop, news = listener
            try:
                loop.call_soon_threadsafe(news.set)
            except RuntimeError:
                log.debug("the page's loop is closed; the comparison is kept all the same")


def _closed(answers: Mapping[str, Answer], comparison: Comparison) -> dict[str, Answer]:
    """Every side has an answer, and one that never ended counts as stopped."""
    closed = {}
    for name in (comparison.left, comparison.right):
        answer = answers.get(name, Answer(name))
        is_open = answer.reason is None and answer.failure is None
        closed[name] = replace(answer, reason="stopped") if is_open else answer
    return closed
