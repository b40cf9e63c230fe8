"""The Training page: how the workspace's run fares, and Start, Stop and Go on for it.

What is shown is a pure function of the run's state (`screen`); the run itself is behind `arena.training.TrainingDesk`
and outlives this server. Does not cover: making examples, settings of a run, the reader's training.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import gradio as gr

from arena.errors import ArenaError
from arena.people import Role
from arena.training import TrainingDesk
from ui import render
from ui.compare import HIDDEN
from ui.rights import Rights
from ui.training_screen import COLOURS, LEARNT, UNSEEN, Screen, frame, screen

POLL_SECONDS = 2.0

WHAT_IT_IS = (
    "<p>Training shows the model this workspace's questions and answers and corrects it a little each time, "
    "until it answers from memory.</p>"
)
BEFORE_STARTING = (
    '<p class="note">While it trains, it takes most of this machine, for minutes to hours: the Compare page becomes '
    "slow, and answers given meanwhile are marked <b>contended</b>, because their times are not comparable. "
    "You can close this page or stop the app: the training goes on.</p>"
)
HOW_TO_READ = (
    f'<p><span class="swatch learnt"></span>{LEARNT} <span class="swatch unseen"></span>{UNSEEN}</p>'
    "<p>Above, how many answers the model would give word for word as they were written for it: those to questions "
    "that it is learning from, and to the same questions put in other words, which it never sees. Below, how far it is "
    "from the right answers; lower is better. Both from the first step at the left to the last. The two lines should "
    "move together. When the one for new wordings falls behind or turns back while the other goes on, it is learning "
    "by heart: it repeats the sentences it saw and is at a loss when they are put differently.</p>"
)
Updates = list[Any]


@dataclass(frozen=True)
class TrainingPage:
    """The page's handlers. Starting and stopping take an admin; each handler asks `rights`, whatever the browser shows.
    Each sends what differs from the `shown` screen only: a plot or a fold that is sent again loses its reader's place.
    """

    desk: TrainingDesk
    rights: Rights

    def look(self, shown: Screen | None, request: gr.Request) -> Updates:
        """On load, on opening the tab and while a run is alive. A notice stays until the next button."""
        return self._painted(shown, request, shown.notice if shown else "")

    def start(self, shown: Screen | None, request: gr.Request) -> Updates:
        return self._act(lambda: self.desk.start("fine-tuned"), shown, request)

    def go_on(self, shown: Screen | None, request: gr.Request) -> Updates:
        return self._act(lambda: self.desk.start(self.desk.state().what), shown, request)

    def stop(self, shown: Screen | None, request: gr.Request) -> Updates:
        return self._act(self.desk.stop, shown, request)

    def _act(self, action: Callable[[], None], shown: Screen | None, request: gr.Request) -> Updates:
        notice = ""
        if self.rights.may(request, Role.ADMIN):
            try:
                action()
            except ArenaError as error:
                notice = render.notice_html(str(error))
        return self._painted(shown, request, notice)

    def _painted(self, shown: Screen | None, request: gr.Request, notice: str = "") -> Updates:
        try:
            self.rights.require(request, self.rights.looking)
            allowed = self.rights.may(request, Role.ADMIN)
            now = replace(screen(self.desk.state(), self.desk.learnt(), allowed), notice=notice)
        except ArenaError as error:
            now = Screen(notice=render.notice_html(str(error)))
        return updates(now, shown)


def updates(now: Screen, shown: Screen | None) -> Updates:
    """The screen, and the values of `Layout.outputs`: of what is shown already, nothing."""
    same = {field.name for field in fields(Screen) if shown and getattr(shown, field.name) == getattr(now, field.name)}

    def new(value: Callable[[], Any], *names: str) -> Any:
        return gr.skip() if same.issuperset(names) else value()

    return [
        now,
        new(lambda: now.text, "text"),
        new(lambda: now.learnt, "learnt"),
        new(lambda: now.notice, "notice"),
        new(lambda: gr.update(visible=now.plots), "plots"),
        new(lambda: plotted(frame(now.accuracy, "right"), now.of), "accuracy", "of"),
        new(lambda: plotted(frame(now.curves), now.of), "curves", "of"),
        new(lambda: now.log, "log"),
        new(lambda: gr.update(interactive=now.start), "start"),
        new(lambda: gr.update(interactive=now.stop), "stop"),
        new(lambda: gr.update(interactive=now.go_on), "go_on"),
        new(lambda: gr.update(active=now.alive), "alive"),
        new(lambda: gr.update(open=now.log_open), "log_open"),
    ]


def plotted(points: Any, of: int) -> Any:
    """`of`: the steps of the run, 0 where they are not known; both plots share them as their width."""
    return gr.update(value=points, x_lim=[0, of] if of else None)


@dataclass(frozen=True)
class Layout:
    """The page's components that handlers read or write."""

    start: gr.Button
    stop: gr.Button
    go_on: gr.Button
    timer: gr.Timer
    shown: gr.State
    outputs: list[Any]


def lay_out() -> Layout:
    """Draw the page inside the current `gr.Blocks`."""
    gr.HTML(WHAT_IT_IS, js_on_load=None)
    notice = gr.HTML("", elem_id="training_notice", js_on_load=None)
    text = gr.HTML("", elem_id="training_state", js_on_load=None)
    learnt = gr.HTML("", elem_id="training_learnt", js_on_load=None)
    gr.HTML(BEFORE_STARTING, elem_id="training_warning", js_on_load=None)
    with gr.Row(elem_id="training_actions"):
        start = gr.Button("Start", variant="primary", interactive=False, elem_id="training_start", min_width=100)
        stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="training_stop", min_width=100)
        go_on = gr.Button("Go on", interactive=False, elem_id="training_go_on", min_width=100)
    with gr.Column(visible=False) as plots:
        right = plot("right", "% of answers", [0, 100], "How many answers are right", "training_right")
        off = plot("loss", "distance (loss)", [0, None], "How far off it is", "training_plot")
        gr.HTML(HOW_TO_READ, js_on_load=None)
    with gr.Accordion("What it printed", open=False, elem_id="training_log") as fold:
        log = gr.HTML("", js_on_load=None)
    timer = gr.Timer(POLL_SECONDS, active=False)
    shown = gr.State(None)
    written = [shown, text, learnt, notice, plots, right, off, log, start, stop, go_on, timer, fold]
    return Layout(start, stop, go_on, timer, shown, written)


def plot(value: str, title: str, limits: list[float | None], label: str, elem_id: str) -> gr.LinePlot:
    """Both lines over the steps. `value`: the column of `frame`."""
    return gr.LinePlot(
        x="step",
        y=value,
        color="on",
        color_map=COLOURS,
        # Gradio's own legend is cut off at the plot's edge.
        colors_in_legend=[],
        color_title=" ",
        x_title="step of the training",
        y_title=title,
        y_lim=limits,
        height=280,
        label=label,
        elem_id=elem_id,
    )


def wire(
    desk: TrainingDesk,
    layout: Layout,
    tab: gr.Tab,
    demo: gr.Blocks,
    rights: Rights,
) -> None:
    """Connect the components with the handlers."""
    page = TrainingPage(desk, rights)
    for happening in (demo.load, tab.select, layout.timer.tick):
        happening(page.look, layout.shown, layout.outputs, **HIDDEN)
    layout.start.click(page.start, layout.shown, layout.outputs, **HIDDEN)
    layout.stop.click(page.stop, layout.shown, layout.outputs, **HIDDEN)
    layout.go_on.click(page.go_on, layout.shown, layout.outputs, **HIDDEN)
