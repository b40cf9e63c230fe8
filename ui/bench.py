"""What the server knows about one open Annotate page: the pair on the screen, the one after it, and what went wrong.

The browser sends a choice and the mark of the pair that it shows, nothing else that counts. A vote on another pair than
that, from a second press of a key, is dropped. Does not cover: components, HTML, who may annotate.
"""

import secrets
import threading
import time
from collections.abc import Collection
from dataclasses import replace

from arena.annotation import BallotState, Judgement, PairGone, Reason, Showing, SkipReason, is_hasty, unswapped
from arena.comparison import Choice
from arena.errors import VoteRefused
from arena.queue import Progress, Queue
from ui.plain import Plain, plain_pair

REMEMBERED = 20
"""A person's last pairs that can be opened again."""


class Bench:
    """One open page. `current` is being judged, `ahead` comes next and is reserved already, `opened` was closed before
    and is open again. `mark` names what is on the screen; `saved`: what was just saved, for the person. `visited`: the
    tab was opened; `typed_elsewhere`: the name on the Compare page, None until the browser told it. No dataclass:
    Gradio would take one apart."""

    def __init__(self) -> None:
        self.visited = False
        self.typed_elsewhere: str | None = None
        self.annotator = ""
        self.current: Showing | None = None
        self.ahead: Showing | None = None
        self.opened: Showing | None = None
        self.past: tuple[Showing, ...] = ()
        self.progress = Progress()
        self.mark = self.notice = self.saved = ""
        self.lock = threading.RLock()
        self._since = 0.0
        self._marks: dict[str, str] = {}

    def __deepcopy__(self, memo: object) -> "Bench":
        """Gradio copies the first one for each page: an empty one of its own."""
        return Bench()

    @property
    def on_screen(self) -> Showing | None:
        return self.opened or self.current

    def sit_down(self, queue: Queue, annotator: str) -> None:
        """Show this person a pair, if there is one. Another name than before starts anew.

        Raises:
            StorageError: the database refused.
        """
        if annotator != self.annotator:
            queue.release(self._reserved)
            self.annotator = annotator
            self.current = self.ahead = self.opened = None
            self.notice = self.saved = ""
        if self.current is None:
            self._show(current=queue.claim(annotator))
            self.progress = queue.progress(annotator)

    def look_around(self, queue: Queue) -> None:
        """What need not be waited for: the pair after this one, the person's progress and past."""
        wanted = self.current is not None and self.ahead is None
        around = queue.look_around(self.annotator, self._reserved, wanted, REMEMBERED)
        self.ahead = around.ahead or self.ahead
        self.progress, self.past = around.progress, tuple(around.past)

    def vote(self, queue: Queue, mark: str, judgement: Judgement) -> None:
        """Save what was chosen, in the sides as shown, and show the next pair.

        Raises:
            VoteRefused: nothing to vote on, or no longer; the next pair is then shown.
            StorageError: the database refused; the pair stays, nothing is lost.
        """
        showing = self._shown(mark)
        seconds = time.monotonic() - self._since
        unread = self.opened is None or self.opened.ballot.hasty
        hasty = unread and is_hasty(seconds, words_shown(showing))
        choice = unswapped(judgement.choice, showing.ballot.swapped)
        judgement = replace(judgement, choice=choice, seconds=seconds, hasty=hasty)
        try:
            ballot = queue.vote(showing.ballot.id, self.annotator, judgement, change=self.opened is not None)
        except PairGone:
            self._next(queue)
            raise
        self._count(showing)
        self.saved = f"Saved: {said(Showing(ballot, showing.comparison))}."
        if hasty:
            self.saved += " That was quicker than reading both usually takes: if it was a slip, open it again."
        self._next(queue)

    def skip(self, queue: Queue, mark: str, reason: SkipReason) -> None:
        """Leave this pair to others and show the next one. Raises `VoteRefused`, `StorageError`."""
        showing = self._shown(mark)
        try:
            queue.skip(showing.ballot.id, self.annotator, reason)
        except VoteRefused:
            if self.opened is None:
                self._next(queue)
            raise
        self.saved = f"Skipped: {reason}. Others will judge this pair."
        self._next(queue)

    def undo(self, queue: Queue) -> None:
        """Open the pair closed last, or the one before the one that is open. What was said on it stands until
        something else is."""
        before = self.opened.ballot.id if self.opened else ""
        found = queue.past(self.annotator, 1, before)
        if not found:
            raise VoteRefused("There is nothing before this to open again.")
        self._open(found[0])

    def open(self, mark: str) -> None:
        """One of the past pairs, by the mark that `past_mark` gave it."""
        found = next((showing for showing in self.past if self.past_mark(showing) == mark), None)
        if found is None:
            raise VoteRefused("This pair is no longer in the list: press “Last pair again” to go back step by step.")
        self._open(found)

    def past_mark(self, showing: Showing) -> str:
        """A name for a past pair that says nothing about it."""
        return self._marks.setdefault(showing.ballot.id, secrets.token_hex(8))

    def keep(self) -> None:
        """Leave the opened pair as it was."""
        if self.opened is not None:
            self.saved = "Left as it was."
            self._show(current=self.current)

    def _shown(self, mark: str) -> Showing:
        showing = self.on_screen
        if showing is None:
            raise VoteRefused("There is no pair to judge just now.")
        if not mark or mark != self.mark:
            raise StaleMark
        return showing

    def _next(self, queue: Queue) -> None:
        """Back from an opened pair to the one under way, else on to the next."""
        if self.opened is not None:
            self._show(current=self.current)
            return
        ready, self.ahead = self.ahead, None
        if ready is not None and ready.ballot.expires_at.timestamp() <= time.time():
            ready = None
        self.current = None
        self._show(current=ready or queue.claim(self.annotator))

    def _open(self, showing: Showing) -> None:
        self.opened = showing
        self.saved = f"Opened again: {said(showing)}. That stands until you choose anew."
        self._stamp()

    def _show(self, current: Showing | None) -> None:
        self.current, self.opened = current, None
        self._stamp()

    def _stamp(self) -> None:
        self.mark = secrets.token_hex(8) if self.on_screen else ""
        self._since = time.monotonic()

    def _count(self, judged: Showing) -> None:
        """Progress at once; the database is asked again later."""
        if judged.ballot.state is not BallotState.VOTED:
            new = 0 if judged.ballot.repeats else 1
            now = self.progress
            self.progress = replace(now, done=now.done + 1, open=max(now.open - 1, 0), votes=now.votes + new)

    @property
    def _reserved(self) -> list[str]:
        return [showing.ballot.id for showing in (self.current, self.ahead) if showing is not None]


class StaleMark(VoteRefused):
    """A second press, or another tab's: the pair it meant is no longer on the screen. Nothing has to be said."""


def chosen(showing: Showing) -> Choice | None:
    """The choice that stands, in the sides as shown; None where none was made."""
    if showing.ballot.state is not BallotState.VOTED:
        return None
    return unswapped(Choice(showing.ballot.choice), showing.ballot.swapped)


def said(showing: Showing) -> str:
    """What stands, for the person who said it."""
    names = {Choice.LEFT: "A is better", Choice.RIGHT: "B is better", Choice.TIE: "a tie", Choice.BOTH_BAD: "both bad"}
    choice = chosen(showing)
    return names[choice] if choice else f"skipped, {showing.ballot.skip_reason}"


def shown_texts(showing: Showing) -> tuple[Plain, Plain]:
    """What stands on both sides; as written where the ballot is not plain."""
    if showing.ballot.plain:
        return plain_pair(showing.left, showing.right)
    return Plain(showing.left), Plain(showing.right)


def words_shown(showing: Showing) -> int:
    """Words on the screen, without those that are folded away."""
    texts = (showing.comparison.question, *(plain.text for plain in shown_texts(showing)))
    return sum(len(text.split()) for text in texts)


def reasons_from(values: object) -> tuple[Reason, ...]:
    """Those of a browser's that are reasons."""
    known = {str(reason) for reason in Reason}
    sent: Collection[object] = values if isinstance(values, list) else ()
    return tuple(Reason(str(value)) for value in sent if str(value) in known)
