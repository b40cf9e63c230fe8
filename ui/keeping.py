"""Below a vote: whether it is saved here alone, or backed up elsewhere, too. Only where votes are sent elsewhere."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from arena.elsewhere import Keeper
from arena.errors import ArenaError
from ui import compare
from ui.markdown import escaped
from ui.session import Session

EVERY = 2.0
"""Seconds between two looks, until the vote is backed up."""


@dataclass(frozen=True)
class Keeping:
    """The handler."""

    keeper: Keeper

    def look(self, session: Session | None) -> list[Any]:
        """What is known of the vote on the screen, and whether to look again."""
        vote = session.vote if session is not None else None
        if vote is None:
            return ["", gr.Timer(active=False)]
        try:
            backed_up, kept = self.keeper.backed_up(vote.id), self.keeper.kept()
        except ArenaError as error:
            return [kept_html("saved", f"Whether it is backed up is not known: {error}"), gr.Timer(active=True)]
        if backed_up:
            return [kept_html("backed-up", "Saved and backed up."), gr.Timer(active=False)]
        return [kept_html("saved", f"Saved here, not yet backed up. {kept}."), gr.Timer(active=True)]


def kept_html(state: str, text: str) -> str:
    return f'<p class="kept {state}">{escaped(text)}</p>'


@dataclass(frozen=True)
class Layout:
    """The line and what has it looked at again."""

    line: gr.HTML
    timer: gr.Timer


def lay_out() -> Layout:
    """Draw the line inside the current `gr.Blocks`, below the vote buttons."""
    return Layout(gr.HTML("", elem_id="kept", js_on_load=None), gr.Timer(EVERY, active=False))


def wire(keeper: Keeper, layout: Layout, asking: compare.Layout, session: gr.State) -> None:
    """Have the line follow each vote and question. To be called after `compare.wire`: a button's handlers run in turn,
    and the vote has to be cast before it is looked at."""
    page, outputs = Keeping(keeper), [layout.line, layout.timer]
    for event in (*(button.click for button in asking.votes.values()), asking.ask.click, asking.prompt.submit):
        event(page.look, session, outputs, **compare.HIDDEN)
    layout.timer.tick(page.look, session, outputs, **compare.HIDDEN)
