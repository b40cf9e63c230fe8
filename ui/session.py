"""What the server knows about one open page: the conversation, the question under way, the vote.

It lives in server memory only. A browser sends wishes (a prompt, two names, a choice); everything else that a
decision needs is read from here. Does not cover: components, HTML.
"""

import random
import secrets
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from arena.comparison import Choice, Comparison, Vote, checked_vote
from arena.errors import InvalidPrompt, VoteRefused
from arena.ports import History
from arena.question import Turn, checked_prompt
from arena.runner import Runner
from ui.asking import Asking
from ui.settings import Settings

EARLIER_TURNS = 20
"""Turns kept per contestant; the engine's context budget drops the oldest long before."""


@dataclass
class Session:
    """One open page. `notice` is what went wrong last, "" when nothing did. `person` is who was signed in when it was
    opened; `guest` is the name of whoever did not sign in where people do: no account's name begins so."""

    conversation: str = field(default_factory=lambda: uuid.uuid4().hex)
    histories: dict[str, tuple[Turn, ...]] = field(default_factory=dict)
    earlier: list[Comparison] = field(default_factory=list)
    pending: Comparison | None = None
    asking: Asking | None = None
    vote: Vote | None = None
    notice: str = ""
    person: str = ""
    guest: str = field(default_factory=lambda: f"(visitor {secrets.token_hex(3)})")
    _voting: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def busy(self) -> bool:
        """A question is queued or being answered."""
        return self.pending is not None or (self.asking is not None and not self.asking.over)

    @property
    def comparison(self) -> Comparison | None:
        """The one on the screen."""
        return self.asking.comparison if self.asking is not None else self.pending

    @property
    def hidden(self) -> bool:
        """The names are hidden: blind, no vote yet, and a vote is still possible."""
        comparison = self.comparison
        if comparison is None or not comparison.blind or self.vote is not None:
            return False
        return self.busy or comparison.complete

    @property
    def votable(self) -> bool:
        """Both answers are there, whole. Only once it is over: the last answer is then saved as well."""
        return self.asking is not None and self.asking.over and self.asking.comparison.complete

    def prepare(
        self, prompt: str, sides: tuple[str, str], blind: bool, asked_by: str, runner: Runner, settings: Settings
    ) -> None:
        """Check a wish to ask and remember it until its turn comes.

        Raises:
            InvalidPrompt: nothing to ask, too long, unknown or equal sides, or a question is under way.
        """
        if self.busy:
            raise InvalidPrompt("A question is being answered: wait for it, or press Stop.")
        text = checked_prompt(prompt or "")
        for name in sides:
            if name not in runner.contestants:
                raise InvalidPrompt(f"There is no contestant '{name}': choose {' or '.join(runner.contestants)}.")
        if sides[0] == sides[1]:
            name = settings.label(sides[0]).name
            raise InvalidPrompt(f"Both sides are “{name}”: choose two different ones to compare.")
        order = random.SystemRandom().sample(sides, 2) if blind else list(sides)
        self._put_away()
        self.pending = Comparison(
            question=text,
            left=order[0],
            right=order[1],
            blind=bool(blind),
            conversation=self.conversation,
            asked_by=asked_by.strip()[:100],
            histories={name: self.histories.get(name, ()) for name in order},
            versions={"code": settings.code_version},
        )

    def begin(self, runner: Runner, history: History) -> Asking | None:
        """Start what was prepared; None when it was stopped before its turn came."""
        pending, self.pending = self.pending, None
        if pending is None:
            return None
        self.asking = Asking(runner, history, pending).start()
        return self.asking

    def stop(self) -> str:
        """End the question, queued or running; what is there of the answers stays. Returns the prompt of a
        question that had not begun, so that it can be asked again."""
        pending, self.pending = self.pending, None
        if self.asking is not None:
            self.asking.stop.set()
        if pending is None:
            return ""
        self.notice = "Stopped before it began."
        return pending.question

    def clear(self) -> None:
        """A new conversation."""
        self.stop()
        self.conversation = uuid.uuid4().hex
        self.histories, self.earlier = {}, []
        self.asking = self.vote = None
        self.notice = ""

    def cast(self, choice: str, annotator: str, reason: str, history: History) -> Vote:
        """Save a vote on what is on the screen, or change it.

        Raises:
            VoteRefused: the pair is not complete, or no annotator.
            StorageError: the database refused; nothing is lost, press again.
        """
        with self._voting:
            if not self.votable or self.asking is None:
                raise VoteRefused("No vote on this pair: both answers must be complete. Ask again to get a full pair.")
            blind = self.hidden or self._only_adds_a_reason(choice)
            vote = checked_vote(self.asking.comparison, annotator, choice, blind, reason)
            self.asking.save_again()
            self.vote = history.cast(vote)
            return self.vote

    def _only_adds_a_reason(self, choice: str) -> bool:
        """The choice itself was made with the names hidden, and stands."""
        return self.vote is not None and self.vote.blind and self.vote.choice == choice

    def _put_away(self) -> None:
        """The question on the screen becomes an earlier turn of each contestant that answered it in full."""
        comparison = self.comparison
        self.asking = self.vote = None
        self.notice = ""
        if comparison is None:
            return
        self.earlier = [*self.earlier, replace(comparison, histories={})][-EARLIER_TURNS:]
        for name, answer in comparison.answers.items():
            if answer.complete:
                turns = (*self.histories.get(name, ()), Turn(comparison.question, answer.text))
                self.histories[name] = turns[-EARLIER_TURNS:]


def chosen_name(vote: Vote, comparison: Comparison, names: Mapping[str, str]) -> str:
    """What a vote says, with names instead of sides."""
    left, right = names[comparison.left], names[comparison.right]
    return {
        Choice.LEFT: f"{left} is better",
        Choice.RIGHT: f"{right} is better",
        Choice.TIE: "a tie",
        Choice.BOTH_BAD: "both bad",
    }[vote.choice]
