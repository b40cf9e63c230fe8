"""Whether votes are saved here alone, or backed up elsewhere, too: the vote that was just cast on the Compare page, all
of them on the Annotate page. Only where votes are sent elsewhere."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from arena.elsewhere import Keeper
from arena.errors import ArenaError, NotAllowed
from arena.people import Role
from ui import compare
from ui.compare_view import Layout as AskingLayout
from ui.markdown import escaped
from ui.rights import Rights
from ui.session import Session

EVERY = 2.0
"""Seconds between two looks, until the vote is backed up."""

EVERY_ALL = 10.0
"""The same until all votes are. Many annotators vote at once: their pages look all the time."""


@dataclass(frozen=True)
class Keeping:
    """The handlers. Who may not vote here is told nothing."""

    keeper: Keeper
    rights: Rights

    def look(self, session: Session | None, request: gr.Request) -> list[Any]:
        """What is known of the vote on the screen, and whether to look again."""
        vote = session.vote if session is not None else None
        if vote is None:
            return ["", gr.Timer(active=False)]
        try:
            self.rights.require(request, Role.VISITOR)
            backed_up, kept = self.keeper.backed_up(vote.id), self.keeper.kept()
        except NotAllowed:
            return ["", gr.Timer(active=False)]
        except ArenaError as error:
            return [kept_html("saved", f"Whether it is backed up is not known: {error}"), gr.Timer(active=True)]
        if backed_up:
            return [kept_html("backed-up", "Saved and backed up."), gr.Timer(active=False)]
        return [kept_html("saved", f"Saved here, not yet backed up. {kept}."), gr.Timer(active=True)]

    def count(self, request: gr.Request) -> list[Any]:
        """How many votes are saved, how many of them backed up, and whether to look again."""
        try:
            self.rights.require(request, Role.ANNOTATOR)
            kept = self.keeper.kept()
        except NotAllowed:
            return ["", gr.Timer(active=False)]
        except ArenaError as error:
            return [kept_html("saved", f"How many votes are backed up is not known: {error}"), gr.Timer(active=True)]
        if not kept.saved:
            return ["", gr.Timer(active=False)]
        waiting = kept.elsewhere != kept.saved
        return [kept_html("saved" if waiting else "backed-up", f"In all: {kept}."), gr.Timer(active=waiting)]


def kept_html(state: str, text: str) -> str:
    return f'<p class="kept {state}">{escaped(text)}</p>'


@dataclass(frozen=True)
class Layout:
    """The line and what has it looked at again."""

    line: gr.HTML
    timer: gr.Timer

    @property
    def outputs(self) -> list[Any]:
        return [self.line, self.timer]


def lay_out(element: str = "kept", every: float = EVERY) -> Layout:
    """Draw the line inside the current `gr.Blocks`, below the vote buttons."""
    return Layout(gr.HTML("", elem_id=element, js_on_load=None), gr.Timer(every, active=False))


def wire(page: Keeping, layout: Layout, asking: AskingLayout, session: gr.State) -> None:
    """Have the line follow each vote and question. To be called after `compare.wire`: a button's handlers run in turn,
    and the vote has to be cast before it is looked at."""
    for event in (*(button.click for button in asking.votes.values()), asking.ask.click, asking.prompt.submit):
        event(page.look, session, layout.outputs, **compare.HIDDEN)
    layout.timer.tick(page.look, session, layout.outputs, **compare.HIDDEN)
