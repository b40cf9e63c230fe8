"""The Annotate page: judge pairs from the queue one after the other, blind, with one hand on the keyboard.

The handlers are methods so that tests drive them without a browser. Each asks `rights`, whatever is shown. What a page
knows is in ui/bench.py, which stays on the server, what it says in ui/annotate_screen.py, what keys do in
ui/annotate.js.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from arena.annotation import Judgement, SkipReason
from arena.comparison import Choice
from arena.elsewhere import Keeper
from arena.errors import ArenaError, NotAllowed
from arena.people import Role
from arena.queue import Queue
from ui import annotate_screen as says
from ui.annotate_view import Layout
from ui.bench import Bench, StaleMark, reasons_from
from ui.compare import HIDDEN
from ui.keeping import Keeping
from ui.limits import Limits
from ui.markdown import escaped
from ui.render import notice_html
from ui.rights import Rights

Updates = list[Any]

_STEP = 8
"""Values of `Layout.outputs`."""
_LATER = 3
"""Values of `Layout.later`; two more where votes are sent elsewhere."""


@dataclass(frozen=True)
class Annotate:
    """The page's handlers. Each paints the pair; what the person typed is emptied with the next pair only. `keeper`:
    who sends votes elsewhere, None where nobody does."""

    queue: Queue
    rights: Rights
    limits: Limits
    keeper: Keeper | None = None

    def look(self, name: str, bench: Bench, request: gr.Request) -> Updates:
        """On opening the tab and while there is no pair: a pair, if there is one."""
        before = bench.mark
        with bench.lock:
            bench.visited = True
            self._try(bench, name, request, lambda: None)
            return self._paint(bench, before, request)

    def greet(self, name: str, bench: Bench, request: gr.Request) -> Updates:
        """On opening the tab: under the name typed elsewhere. Where it is not known yet, nothing changes and `follow`
        comes soon: its pair may reach the browser before this answer does."""
        nothing = [gr.skip()] * (_STEP + 1)
        with bench.lock:
            bench.visited = True
            if bench.annotator and not self.rights.name(request, name):
                return nothing
            if not self.rights.signs_in and not name and bench.typed_elsewhere is None:
                return nothing
            name = name or bench.typed_elsewhere or ""
            return [name, *self.look(name, bench, request)]

    def follow(self, name: str, bench: Bench, request: gr.Request) -> Updates:
        """The name on the Compare page is known, or changed: whoever waits here for one gets a pair. Nobody else does:
        a pair is kept for whoever gets it."""
        with bench.lock:
            bench.typed_elsewhere = _text(name)
            if bench.annotator or not bench.visited or not _text(name).strip():
                return [name, *[gr.skip()] * _STEP]
            return self.greet(name, bench, request)

    def rename(self, name: str, bench: Bench, request: gr.Request) -> Updates:
        """Another person sits down here."""
        return [name, name, *self.look(name, bench, request)]

    def voter(self, choice: Choice) -> Callable[..., Updates]:
        """The handler of one vote button."""

        def vote(
            reasons: list[str],
            note: str,
            correct: str,
            mark: str,
            name: str,
            bench: Bench,
            request: gr.Request,
        ) -> Updates:
            judgement = Judgement(choice, reasons_from(reasons), _text(note), _text(correct))

            def step() -> None:
                self.limits.vote(request)
                bench.vote(self.queue, mark, judgement)

            return self._act(bench, name, request, step)

        return vote

    def skipper(self, reason: SkipReason) -> Callable[..., Updates]:
        """The handler of one reason for skipping."""

        def skip(mark: str, name: str, bench: Bench, request: gr.Request) -> Updates:
            return self._act(bench, name, request, lambda: bench.skip(self.queue, mark, reason))

        return skip

    def undo(self, name: str, bench: Bench, request: gr.Request) -> Updates:
        return self._act(bench, name, request, lambda: bench.undo(self.queue))

    def keep(self, name: str, bench: Bench, request: gr.Request) -> Updates:
        return self._act(bench, name, request, bench.keep)

    def open_clicked(self, name: str, bench: Bench, request: gr.Request, event: gr.EventData) -> Updates:
        """The past pair that a click names by its mark."""
        data = getattr(event, "_data", None)
        mark = data.get("mark") if isinstance(data, dict) else None
        return self._act(bench, name, request, lambda: bench.open(_text(mark)))

    def prepare(self, bench: Bench, request: gr.Request) -> Updates:
        """After each step: reserve the pair after this one, so that nobody waits for it, and count anew."""
        nothing = [gr.skip()] * (_LATER if self.keeper is None else _LATER + 2)
        if not bench.annotator or not self.rights.may(request, Role.ANNOTATOR):
            return nothing
        with bench.lock:
            try:
                bench.look_around(self.queue)
            except ArenaError:
                return nothing  # the next step meets it again, and says it
            waiting = bench.on_screen is None
            shown = [says.progress_html(bench.progress), says.past_html(bench), gr.update(active=waiting)]
        return shown if self.keeper is None else [*shown, *Keeping(self.keeper, self.rights).count(request)]

    def _act(self, bench: Bench, name: str, request: gr.Request, step: Callable[[], None]) -> Updates:
        with bench.lock:
            before, saved = bench.mark, bench.saved
            bench.saved = ""
            try:
                self._try(bench, name, request, step)
            except StaleMark:
                bench.saved = saved
            return self._paint(bench, before, request)

    def _try(self, bench: Bench, name: str, request: gr.Request, step: Callable[[], None]) -> None:
        """Under the name that counts here; what is refused is said on the page."""
        bench.notice = ""
        try:
            self.rights.require(request, Role.ANNOTATOR)
            annotator = self.rights.name(request, name)
            if not annotator:
                raise NotAllowed("Type your name first: everybody judges a pair once.")
            if annotator != bench.annotator or bench.on_screen is None:
                bench.sit_down(self.queue, annotator)
            step()
        except StaleMark:
            raise
        except ArenaError as error:
            bench.notice = str(error)

    def _paint(self, bench: Bench, before: str, request: gr.Request) -> Updates:
        """The values of `Layout.outputs`. `before`: the mark of the pair that the browser shows."""
        if not self.rights.may(request, Role.ANNOTATOR):
            return ["", "", notice_html(bench.notice), "", "", [], "", ""]
        pair = says.pair_html(bench)
        if not pair and bench.annotator:
            pair = says.empty_html(bench, self.rights.may(request, Role.ADMIN))
        shown = [bench.mark, says.progress_html(bench.progress), notice_html(bench.notice), escaped(bench.saved), pair]
        if bench.mark == before:
            return [*shown, *[gr.skip()] * 3]
        ballot = bench.on_screen.ballot if bench.on_screen else None
        said = [[str(reason) for reason in ballot.reasons], ballot.reason, ballot.correct_answer] if ballot else None
        return [*shown, *(said or [[], "", ""])]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def wire(page: Annotate, layout: Layout, tab: gr.Tab, asked_as: gr.Textbox, stored_name: gr.BrowserState) -> None:
    """Connect the components with the handlers. `asked_as`: the box for a name on the Compare page."""
    known, shown = [layout.name, layout.bench], layout.outputs
    words = [layout.reasons, layout.note, layout.correct]
    sitting_down = [asked_as, layout.bench], [layout.name, *shown]
    steps = [
        tab.select(page.greet, *sitting_down, **HIDDEN),
        asked_as.change(page.follow, *sitting_down, **HIDDEN),
        layout.timer.tick(page.look, known, shown, **HIDDEN),
        gr.on([layout.name.submit, layout.name.blur], page.rename, known, [asked_as, stored_name, *shown], **HIDDEN),
        layout.undo.click(page.undo, known, shown, **HIDDEN),
        layout.keep.click(page.keep, known, shown, **HIDDEN),
        layout.past.click(page.open_clicked, known, shown, **HIDDEN),
    ]
    for choice, button in layout.votes.items():
        steps.append(button.click(page.voter(choice), [*words, layout.mark, *known], shown, **HIDDEN))
    for reason, button in layout.skips.items():
        steps.append(button.click(page.skipper(reason), [layout.mark, *known], shown, **HIDDEN))
    for step in steps:
        step.then(page.prepare, layout.bench, layout.later, **HIDDEN)
    if page.keeper is not None and layout.kept is not None:
        counting = Keeping(page.keeper, page.rights)
        layout.kept.timer.tick(counting.count, None, layout.kept.outputs, **HIDDEN)
