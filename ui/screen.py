"""What one page may show right now: a session folded into a value, with nothing in it that is still hidden.

The only way from a session to the browser. Pure: a session in, a `Screen` out.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from arena.annotation import for_annotators
from arena.answer import Answer
from arena.comparison import Comparison, Vote
from ui import render
from ui.markdown import without_citations
from ui.session import Session, chosen_name
from ui.settings import Settings

BLIND_KEEPS_FOR = timedelta(hours=24)
"""How long a blind comparison nobody voted on stays hidden in the history: its page may still be open."""

IDLE = "Type a question or pick an example."


@dataclass(frozen=True)
class Pane:
    """One side: who, what it said, and everything under it. All HTML."""

    head: str
    body: str
    details: str


@dataclass(frozen=True)
class Screen:
    """Everything on the Compare page that changes. `chosen` is the vote that stands."""

    announcement: str
    notice: str
    earlier: str
    question: str
    left: Pane
    right: Pane
    vote_text: str
    link: str
    busy: bool
    votable: bool
    chosen: str


def screen(session: Session, settings: Settings, sides: tuple[str, str] | None = None) -> Screen:
    """The page for this session. `sides` names what to announce on a page where nothing was asked yet."""
    comparison = session.comparison
    left, right = sides or (settings.left, settings.right)
    return Screen(
        announcement=_announcement(session),
        notice=render.notice_html(_notice(session)),
        earlier=_earlier(session, settings),
        question=render.question_html(comparison.question if comparison else ""),
        left=_pane(session, settings, "A", comparison.left if comparison else left),
        right=_pane(session, settings, "B", comparison.right if comparison else right),
        vote_text=_vote_text(session, settings),
        link=render.link_html(comparison.id) if comparison and session.asking and not session.hidden else "",
        busy=session.busy,
        votable=session.votable,
        chosen=session.vote.choice if session.vote else "",
    )


def stored_panes(comparison: Comparison, settings: Settings, hidden: bool) -> tuple[Pane, Pane]:
    """Both sides of a comparison from the history. A pair for annotators stands in an order that tells nothing: which
    contestant comes first in the database is always the same."""
    names = [comparison.left, comparison.right]
    if for_annotators(comparison):
        random.Random(comparison.id).shuffle(names)
    return _stored(comparison, settings, "A", names[0], hidden), _stored(comparison, settings, "B", names[1], hidden)


def hidden_in_history(comparison: Comparison, votes: Callable[[], Sequence[Vote]], now: datetime | None = None) -> bool:
    """A blind comparison stays hidden everywhere while somebody may still vote on it without knowing; a pair for
    annotators always: several judge it, and each may think again."""
    if for_annotators(comparison):
        return True
    if not comparison.blind:
        return False
    ended_badly = any(answer.failure or answer.reason == "stopped" for answer in comparison.answers.values())
    asked_at = comparison.asked_at if comparison.asked_at.tzinfo else comparison.asked_at.replace(tzinfo=UTC)
    if ended_badly or (now or datetime.now(UTC)) - asked_at > BLIND_KEEPS_FOR:
        return False
    return not votes()


def _pane(session: Session, settings: Settings, letter: str, name: str) -> Pane:
    comparison, asking = session.comparison, session.asking
    if session.hidden:
        return _hidden_pane(session, letter, name)
    head = render.head_html(letter, settings.label(name))
    if comparison is None:
        return Pane(head, "", "")
    answer = comparison.answers.get(name, Answer(name))
    doing = asking.doing[name] if asking and session.busy else "in the queue" if session.busy else ""
    return Pane(head, render.answer_html(answer, doing), render.details_html(answer))


def _hidden_pane(session: Session, letter: str, name: str) -> Pane:
    """The same for both sides until both are complete: even the moment of an update would tell them apart."""
    head = render.head_html(letter, None)
    if session.busy or session.comparison is None:
        return Pane(head, render.working_html("both answers appear here together"), "")
    return Pane(head, render.answer_html(session.comparison.answers[name], hidden=True), "")


def _stored(comparison: Comparison, settings: Settings, letter: str, name: str, hidden: bool) -> Pane:
    answer = comparison.answers.get(name)
    until = "name not shown" if for_annotators(comparison) else "hidden until somebody votes"
    head = render.head_html(letter, None if hidden else settings.label(name), until)
    if answer is None or answer == Answer(name):
        return Pane(head, '<p class="nothing">No answer was stored.</p>', "")
    return Pane(head, render.answer_html(answer, hidden=hidden), "" if hidden else render.details_html(answer))


def _announcement(session: Session) -> str:
    asking = session.asking
    if session.pending is not None:
        return "In the queue…"
    if asking is None:
        return IDLE if not session.notice else ""
    if session.busy:
        return "Stopping…" if asking.stop.is_set() else "Both are being asked…"
    if session.votable:
        return "Both answers are complete."
    if asking.stop.is_set() and not any(answer.failure for answer in asking.comparison.answers.values()):
        return "Stopped. A pair that is not complete cannot be voted on."
    return "One side did not answer. This pair cannot be voted on; ask again for a full pair."


def _notice(session: Session) -> str:
    storage_error = session.asking.storage_error if session.asking else ""
    if storage_error:
        return f"Not saved: {storage_error} Your answers stay on this page; a vote tries to save them again."
    return session.notice


def _vote_text(session: Session, settings: Settings) -> str:
    vote, comparison = session.vote, session.comparison
    if vote is not None and comparison is not None:
        names = {name: settings.label(name).name for name in (comparison.left, comparison.right)}
        how = "with the names hidden" if vote.blind else "with the names shown"
        said = chosen_name(vote, comparison, names)
        return f"Saved: {said}, voted {how}. You can change it until your next question."
    if session.votable:
        return "Which answer is better?"
    return "Voting opens when both answers are complete." if session.busy else ""


def _earlier(session: Session, settings: Settings) -> str:
    turns = []
    for comparison in session.earlier:
        said = []
        for letter, name in (("A", comparison.left), ("B", comparison.right)):
            answer = comparison.answers.get(name, Answer(name))
            # While names are hidden, earlier ones would tell whose voice this is.
            who = f"Answer {letter}" if session.hidden else settings.label(name).name
            text = answer.text if not session.hidden else without_citations(answer.text)
            said.append((who, text))
        turns.append((comparison.question, said))
    return render.earlier_html(turns)
