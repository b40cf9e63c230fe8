"""The Compare page: ask, watch both sides, vote. The handlers behind its components, which are in ui/compare_view.py.

The handlers are methods so that tests drive them without a browser. What they decide is in ui/session.py, what
they may show in ui/screen.py.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from arena.comparison import Choice
from arena.errors import ArenaError, NotAllowed
from arena.people import Role
from arena.ports import History
from arena.runner import Runner
from ui import render
from ui.compare_view import Layout
from ui.limits import Limits
from ui.rights import Rights
from ui.screen import Screen, screen
from ui.session import Session
from ui.settings import Settings

ASKING_AT_ONCE = 24
"""Questions answered or waiting for a device at once. Gradio runs 40 events in all; votes need room too."""

HIDDEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}

SHOW_ANSWERS = """() => {
  const box = document.getElementById('announcement');
  const smooth = !window.matchMedia('(prefers-reduced-motion: reduce)').matches;
  if (box && box.getBoundingClientRect().top > window.innerHeight * 0.5)
    box.scrollIntoView({ behavior: smooth ? 'smooth' : 'auto', block: 'start' });
}"""
"""On a phone the answers begin below the fold."""

Updates = list[Any]


@dataclass(frozen=True)
class Compare:
    """The page's handlers. Each paints the whole screen, whatever the browser believes it shows; for who may not
    compare, nothing but why."""

    runner: Runner
    history: History
    settings: Settings
    rights: Rights
    limits: Limits

    def begin(
        self, prompt: str, left: str, right: str, blind: bool, name: str, session: Session | None, request: gr.Request
    ) -> Updates:
        """Check the wish and put it in the queue; the prompt box empties when it was accepted."""
        session = session or Session()
        if refusal := self._refusal(request):
            return [session, gr.skip(), *refusal]
        try:
            self.limits.prompt(request)
            asked_by = self._name(request, name, session)
            session.prepare(prompt, (left, right), blind, asked_by, self.runner, self.settings)
        except ArenaError as error:
            session.notice = str(error)
            return [session, gr.skip(), *self.paint(session)]
        return [session, "", *self.paint(session)]

    async def ask(self, session: Session | None, request: gr.Request) -> AsyncIterator[Updates]:
        """Stream what is new until both sides are done. Leaving it, by Stop or a closed tab, ends the run. Asks nothing
        but what `begin`, which has asked who may, has put in the queue."""
        session = session or Session()
        asking = session.begin(self.runner, self.history)
        shown = self.paint(session)
        if asking is None:
            # Never nothing: Gradio would empty every output, down to the labels of the buttons.
            yield await asyncio.to_thread(self._refusal, request) or shown
            return
        frames = asking.frames()
        try:
            yield shown
            async for _ in frames:
                if session.asking is not asking:
                    return
                now = self.paint(session)
                # A frame without changes still tells Gradio to look whether anybody is there. What is the same is sent
                # on to the browser in neither case; but for every skipped output Gradio makes a component anew.
                yield [
                    gr.skip() if old == new and isinstance(new, dict) else new
                    for old, new in zip(shown, now, strict=True)
                ]
                shown = now
        finally:
            asking.stop.set()
            await frames.aclose()

    async def settle(self, session: Session | None, request: gr.Request) -> Updates:
        """After an answer, a Stop or a failure: wait for the last words, then paint everything."""
        session = session or Session()
        # In a thread: a slow database holds up no other page.
        if refusal := await asyncio.to_thread(self._refusal, request):
            return refusal
        asking = session.asking
        while asking is not None and not asking.over:
            await asyncio.sleep(0.05)
        return self.paint(session)

    def press_stop(self, session: Session | None, request: gr.Request) -> Updates:
        """Ends the question wherever it is: in Gradio's queue, in a device's line, or half way through."""
        session = session or Session()
        unasked = session.stop()
        if refusal := self._refusal(request):
            return [gr.skip(), *refusal]
        return [unasked or gr.skip(), *self.paint(session)]

    def clear(self, left: str, right: str, session: Session | None, request: gr.Request) -> Updates:
        """A new conversation."""
        session = session or Session()
        session.stop()
        if refusal := self._refusal(request):
            return [gr.skip(), gr.skip(), *refusal]
        session.clear()
        return ["", "", *self.paint(session, (left, right))]

    def choose_sides(self, left: str, right: str, session: Session | None, request: gr.Request) -> Updates:
        """Introduce the chosen sides, unless answers of others are on the screen."""
        if refusal := self._refusal(request):
            return refusal
        sides = tuple(name if name in self.runner.contestants else self.settings.left for name in (left, right))
        return self.paint(session or Session(), (sides[0], sides[1]))

    def voter(self, choice: Choice) -> Callable[..., Updates]:
        """The handler of one vote button."""

        def vote(reason: str, name: str, session: Session | None, request: gr.Request) -> Updates:
            session = session or Session()
            session.notice = ""
            if refusal := self._refusal(request, "Not voted: "):
                return [gr.skip(), *refusal]
            try:
                self.limits.vote(request)
                session.cast(choice, self._name(request, name, session), reason or "", self.history)
            except ArenaError as error:
                session.notice = f"Not voted: {error}"
            return [self.remember(name), *self.paint(session)]

        return vote

    def greet(self, stored: str, request: gr.Request) -> list[Any]:
        """A session, and the name to vote under: the one signed in with, the one used before, or a guest's."""
        session = Session()
        if not self.rights.may(request, Role.VISITOR):
            return [session, gr.skip(), gr.skip()]
        if self.rights.signs_in:
            session.person = self.rights.name(request, "")
            name = self._name(request, "", session)
            return [session, gr.update(value=name, interactive=False, label="You vote as"), gr.skip()]
        name = stored.strip()[:100] if isinstance(stored, str) else ""
        name = name or f"guest-{secrets.token_hex(2)}"
        return [session, name, name]

    def remember(self, name: str) -> Any:
        """In the browser: a typed name."""
        return gr.skip() if self.rights.signs_in else name

    def _name(self, request: gr.Request, typed: str, session: Session) -> str:
        """Under which name somebody asks and votes. Who could sign in and did not has one of this page alone.

        Raises:
            NotAllowed: the page was opened by somebody who is no longer signed in, or by somebody else.
        """
        name = self.rights.name(request, typed)
        if not self.rights.signs_in:
            return name
        if session.person and name != session.person:
            raise NotAllowed(f"You are no longer signed in as {session.person}: sign in again at the top of the page.")
        return name or session.guest

    def status(self, request: gr.Request) -> list[Any]:
        """What is loading; stops asking once nothing is."""
        try:
            self.rights.require(request, Role.VISITOR)
        except ArenaError as error:
            return ["", gr.Timer(active=not isinstance(error, NotAllowed))]
        states = self.settings.status()
        loading = any(state.status == "loading" for state in states.values())
        return [render.status_html(states), gr.Timer(active=loading)]

    def _refusal(self, request: gr.Request, before: str = "") -> Updates:
        """Why somebody may not compare, as the values of `Layout.outputs`: what was there stays, and nothing is under
        way. [] for everybody else."""
        try:
            self.rights.require(request, Role.VISITOR)
        except ArenaError as error:
            texts = [gr.skip(), render.notice_html(f"{before}{error}"), *[gr.skip()] * 10]
            return [*texts, gr.update(interactive=True), gr.update(visible=False), *[gr.skip()] * len(render.CHOICES)]
        return []

    def paint(self, session: Session, sides: tuple[str, str] | None = None) -> Updates:
        """One value for each of the page's outputs, in their order."""
        return updates(screen(session, self.settings, sides))


def updates(now: Screen) -> Updates:
    """A screen as the values of `Layout.outputs`."""
    buttons = [
        gr.update(interactive=now.votable, variant="primary" if now.chosen == choice else "secondary")
        for choice in render.CHOICES
    ]
    panes = [now.left.head, now.left.body, now.left.details, now.right.head, now.right.body, now.right.details]
    return [
        now.announcement,
        now.notice,
        now.earlier,
        now.question,
        *panes,
        now.vote_text,
        now.link,
        gr.update(interactive=not now.busy),
        gr.update(visible=now.busy),
        *buttons,
    ]


def wire(page: Compare, layout: Layout, session: gr.State, stored_name: gr.BrowserState) -> None:
    """Connect the components with the handlers."""
    sides = [layout.left, layout.right]
    begun = gr.on(
        [layout.ask.click, layout.prompt.submit],
        page.begin,
        [layout.prompt, *sides, layout.blind, layout.name, session],
        [session, layout.prompt, *layout.outputs],
        **HIDDEN,
    )
    begun.then(None, None, None, js=SHOW_ANSWERS, api_visibility="private")
    streaming = {**HIDDEN, "concurrency_limit": ASKING_AT_ONCE, "concurrency_id": "ask"}
    asked = begun.then(page.ask, session, layout.outputs, **streaming)
    asked.then(page.settle, session, layout.outputs, **HIDDEN)
    layout.stop.click(page.press_stop, session, [layout.prompt, *layout.outputs], cancels=[asked], **HIDDEN)
    layout.new.click(
        page.clear, [*sides, session], [layout.prompt, layout.reason, *layout.outputs], cancels=[asked], **HIDDEN
    )
    for side in sides:
        side.input(page.choose_sides, [*sides, session], layout.outputs, **HIDDEN)
    for choice, button in layout.votes.items():
        button.click(
            page.voter(choice), [layout.reason, layout.name, session], [stored_name, *layout.outputs], **HIDDEN
        )
    layout.name.blur(page.remember, layout.name, stored_name, **HIDDEN)
