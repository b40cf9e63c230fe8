"""The Compare page: ask, watch both sides, vote. Components and the handlers behind them.

The handlers are methods so that tests drive them without a browser. What they decide is in ui/session.py, what
they may show in ui/screen.py.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from arena.comparison import MAX_REASON_CHARACTERS, Choice
from arena.errors import ArenaError, NotAllowed
from arena.people import Role
from arena.ports import History
from arena.question import MAX_PROMPT_CHARACTERS
from arena.runner import Runner
from ui import render
from ui.limits import Limits
from ui.pane import PaneView
from ui.rights import Rights
from ui.screen import IDLE, Screen, screen
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
    """The page's handlers. Each paints the whole screen, whatever the browser believes it shows."""

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
        try:
            self.rights.require(request, Role.VISITOR)
            self.limits.prompt(request)
            asked_by = self._name(request, name, session)
            session.prepare(prompt, (left, right), blind, asked_by, self.runner, self.settings)
        except ArenaError as error:
            session.notice = str(error)
            return [session, gr.skip(), *self.paint(session)]
        return [session, "", *self.paint(session)]

    async def ask(self, session: Session | None) -> AsyncIterator[Updates]:
        """Stream what is new until both sides are done. Leaving it, by Stop or a closed tab, ends the run. Asks nothing
        but what `begin`, which has asked who may, has put in the queue."""
        session = session or Session()
        asking = session.begin(self.runner, self.history)
        shown = self.paint(session)
        if asking is None:
            # Never nothing: Gradio would empty every output, down to the labels of the buttons.
            yield shown
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

    async def settle(self, session: Session | None) -> Updates:
        """After an answer, a Stop or a failure: wait for the last words, then paint everything."""
        session = session or Session()
        asking = session.asking
        while asking is not None and not asking.over:
            await asyncio.sleep(0.05)
        return self.paint(session)

    def press_stop(self, session: Session | None) -> Updates:
        """Ends the question wherever it is: in Gradio's queue, in a device's line, or half way through."""
        session = session or Session()
        unasked = session.stop()
        return [unasked or gr.skip(), *self.paint(session)]

    def clear(self, left: str, right: str, session: Session | None) -> Updates:
        """A new conversation."""
        session = session or Session()
        session.clear()
        return ["", "", *self.paint(session, (left, right))]

    def choose_sides(self, left: str, right: str, session: Session | None) -> Updates:
        """Introduce the chosen sides, unless answers of others are on the screen."""
        sides = tuple(name if name in self.runner.contestants else self.settings.left for name in (left, right))
        return self.paint(session or Session(), (sides[0], sides[1]))

    def voter(self, choice: Choice) -> Callable[..., Updates]:
        """The handler of one vote button."""

        def vote(reason: str, name: str, session: Session | None, request: gr.Request) -> Updates:
            session = session or Session()
            session.notice = ""
            try:
                self.rights.require(request, Role.VISITOR)
                self.limits.vote(request)
                session.cast(choice, self._name(request, name, session), reason or "", self.history)
            except ArenaError as error:
                session.notice = f"Not voted: {error}"
            return [self.remember(name), *self.paint(session)]

        return vote

    def greet(self, stored: str, request: gr.Request) -> list[Any]:
        """A session, and the name to vote under: the one signed in with, the one used before, or a guest's."""
        session = Session()
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

    def status(self) -> list[Any]:
        """What is loading; stops asking once nothing is."""
        states = self.settings.status()
        loading = any(state.status == "loading" for state in states.values())
        return [render.status_html(states), gr.Timer(active=loading)]

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


@dataclass(frozen=True)
class Layout:
    """The page's components that handlers read or write."""

    prompt: gr.Textbox
    ask: gr.Button
    stop: gr.Button
    new: gr.Button
    left: gr.Dropdown
    right: gr.Dropdown
    blind: gr.Checkbox
    reason: gr.Textbox
    name: gr.Textbox
    votes: dict[Choice, gr.Button]
    outputs: list[Any]


def lay_out(runner: Runner, settings: Settings) -> Layout:
    """Draw the page inside the current `gr.Blocks`."""
    with gr.Column(elem_id="asking"):
        prompt, ask, stop, new = _prompt_row(settings)
        with gr.Row(elem_id="options"):
            choices = [(settings.label(name).name, name) for name in runner.contestants]
            left = gr.Dropdown(choices, value=settings.left, label="Side A", elem_id="side_a", min_width=140)
            right = gr.Dropdown(choices, value=settings.right, label="Side B", elem_id="side_b", min_width=140)
            blind = gr.Checkbox(label="Hide which is which until I vote", elem_id="blind", min_width=220)
    notice = gr.HTML("", elem_id="notice", js_on_load=None)
    announcement = gr.HTML(IDLE, elem_id="announcement", js_on_load=None)
    earlier = gr.HTML("", elem_id="earlier", js_on_load=None)
    question = gr.HTML("", elem_id="question", js_on_load=None)
    with gr.Row(equal_height=True, elem_classes="panes"):
        panes = [
            PaneView.draw("a", render.head_html("A", settings.label(settings.left))),
            PaneView.draw("b", render.head_html("B", settings.label(settings.right))),
        ]
    with gr.Column(elem_id="voting"):
        vote_text = gr.HTML("", elem_id="vote_text", js_on_load=None)
        with gr.Row(elem_id="vote_bar"):
            votes = {
                choice: gr.Button(text, interactive=False, elem_id=f"vote_{choice.name.lower()}", min_width=70)
                for choice, text in render.CHOICES.items()
            }
        with gr.Row(elem_id="vote_words"):
            reason = gr.Textbox(
                label="Why? (optional, sent with your vote)",
                max_length=MAX_REASON_CHARACTERS,
                elem_id="reason",
                scale=3,
                min_width=220,
            )
            name = gr.Textbox(label="Your name, remembered here", max_length=100, elem_id="annotator", min_width=160)
        link = gr.HTML("", elem_id="link", js_on_load=None)
    shown = [announcement, notice, earlier, question, *panes[0].parts, *panes[1].parts, vote_text, link]
    outputs = [*shown, ask, stop, *votes.values()]
    return Layout(prompt, ask, stop, new, left, right, blind, reason, name, votes, outputs)


def _prompt_row(settings: Settings) -> tuple[gr.Textbox, gr.Button, gr.Button, gr.Button]:
    prompt = gr.Textbox(
        label="Your question",
        placeholder="Ask something, or pick an example below. Enter asks; Shift+Enter starts a new line.",
        lines=1,
        max_lines=8,
        max_length=MAX_PROMPT_CHARACTERS,
        elem_id="prompt",
        autofocus=True,
    )
    if settings.example_prompts:
        with gr.Row(elem_id="examples"):
            for example in settings.example_prompts:
                button = gr.Button(example, size="sm", elem_classes="example", min_width=0)
                button.click(None, None, prompt, js=f"() => {json.dumps(example)}", api_visibility="private")
    with gr.Row(elem_id="actions"):
        ask = gr.Button("Ask both", variant="primary", elem_id="ask", min_width=140)
        stop = gr.Button("Stop", variant="stop", visible=False, elem_id="stop", min_width=100)
        new = gr.Button("New comparison", elem_id="new", min_width=140)
    return prompt, ask, stop, new


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
