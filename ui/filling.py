"""The panel "Fill the queue" on the Annotate page, for admins: prompts from a file, held-out questions, what visitors
asked. Components and the handlers behind them.

It does what `python app.py queue` does in a terminal, by the same code. Does not cover: reading files and choosing
questions (`arena.queue.Filler`), answering (`arena.ahead`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import gradio as gr

from arena.errors import ArenaError, InvalidPrompt
from arena.people import Person, Role
from arena.queue import Added, Filler, Queue, QueueStatus, Terms
from ui.compare import HIDDEN
from ui.markdown import escaped
from ui.render import notice_html
from ui.results_words import counted
from ui.rights import Rights
from ui.settings import Settings
from ui.uploads import Upload, Uploads, forget

HERE = "the Annotate page"
"""Who adds, where nobody signs in."""
USUAL_LIMIT, MOST_PROMPTS, MOST_PEOPLE = 60, 100_000, 100
MOST_TOLD = 10
"""Lines of a list that are shown; how many more there are is said."""

WHAT_A_FILE_IS = (
    "<p>A .jsonl file with a field “prompt” in each line, or a .csv file with a column “prompt”. If a line is wrong, "
    "none is taken, and each is named.</p>"
)
WHAT_THE_REST_IS = (
    "<p>Held-out questions of the workspace, which no training has seen: always the same ones first. Or what visitors "
    "asked, the newest first; who asked is not kept.</p>"
)
Updates = list[Any]


@dataclass(frozen=True)
class Filling:
    """The panel's handlers. Each takes an admin, whatever the browser shows, and paints the whole panel."""

    filler: Filler
    queue: Queue
    rights: Rights

    def look(self, request: gr.Request) -> Updates:
        """On opening the tab. Nothing is said to those who may not: they were not asked."""
        return self._act(lambda who: "", request) if self.rights.may(request, Role.ADMIN) else painted()

    def add_file(self, uploads: list[Upload], pairs: object, people: object, request: gr.Request) -> Updates:
        """Queue what was uploaded. The selection stays where it was not taken."""

        def act(who: Person) -> str:
            if not uploads:
                raise InvalidPrompt("Choose a file first: press the box or drop it there.")
            ((name, path),) = uploads[:1]
            added = self.filler.import_file(path, terms(pairs, people, who), name)
            forget(uploads)
            return added_html(added)

        return self._act(act, request, empties=True)

    def add_questions(self, limit: object, pairs: object, people: object, request: gr.Request) -> Updates:
        """Queue held-out questions."""
        return self._act(
            lambda who: added_html(self.filler.questions(terms(pairs, people, who), checked_limit(limit))), request
        )

    def add_visitors(self, limit: object, pairs: object, people: object, request: gr.Request) -> Updates:
        """Queue what visitors asked."""
        return self._act(
            lambda who: added_html(self.filler.visitors(terms(pairs, people, who), checked_limit(limit))), request
        )

    def retry(self, request: gr.Request) -> Updates:
        """Put what failed back in line."""

        def act(who: Person) -> str:
            number = self.queue.retry()
            return (
                f"<p>{counted(number, 'pair is', 'pairs are')} back in line.</p>" if number else "<p>None failed.</p>"
            )

        return self._act(act, request)

    def _act(self, action: Callable[[Person], str], request: gr.Request, empties: bool = False) -> Updates:
        """Do it, if an admin asks, and paint what there is then. Nothing is painted for others but why."""
        news = notice = ""
        try:
            who = self.rights.require(request, Role.ADMIN)
        except ArenaError as error:
            return painted(notice=str(error))
        try:
            news = action(who)
        except ArenaError as error:
            notice = str(error)
        try:
            return painted(self.queue.status(), notice, news, empties=empties)
        except ArenaError as error:
            return painted(notice=notice or str(error), news=news, allowed=True, empties=empties)


def painted(
    status: QueueStatus | None = None,
    notice: str = "",
    news: str = "",
    allowed: bool = False,
    empties: bool = False,
) -> Updates:
    """The values of `Layout.outputs`; without a status it is not known, or nobody's business. The box for a file is
    emptied once its prompts were added, which `empties`."""
    failed = status is not None and status.failed > 0
    return [
        gr.update(visible=allowed or status is not None),
        notice_html(notice),
        news,
        state_html(status) if status else "",
        gr.update(visible=failed),
        None if (empties and news) or not (allowed or status) else gr.skip(),
    ]


def terms(pairs: object, people: object, who: Person) -> Terms:
    """What a browser sent. Raises `InvalidPrompt`: no number of people."""
    named = [pair.split(",") for pair in pairs if isinstance(pair, str)] if isinstance(pairs, list) else []
    wanted = _whole(people, 0, MOST_PEOPLE, "People for each pair")
    return Terms(named, wanted, who.name or HERE)


def checked_limit(limit: object) -> int:
    """How many prompts at most. Raises `InvalidPrompt`."""
    return _whole(limit, 1, MOST_PROMPTS, "At most")


def _whole(value: object, least: int, most: int, label: str) -> int:
    number = value if isinstance(value, int | float) else -1
    if not least <= number <= most or number != int(number):
        raise InvalidPrompt(f"“{label}” takes a whole number from {least:,} to {most:,}.")
    return int(number)


def added_html(added: Added) -> str:
    """What was added, and what was left out and why."""
    known = [f"there already: {text}" for text in added.known]
    return f"<p>{escaped(str(added))}</p>{_list_html('Left out', [*added.repeated, *known])}"


def state_html(status: QueueStatus) -> str:
    """How full the queue is, and why answers are missing."""
    text = (
        f"{counted(status.prompts, 'prompt')} in the queue. Pairs: {status.ready:,} ready, {status.waiting:,} waiting "
        f"for answers, {status.failed:,} failed. {status.votes:,} of {counted(status.wanted, 'vote')}."
    )
    why = [f"{counted(number, 'pair')}: {reason}" for reason, number in Counter(status.failures.values()).most_common()]
    return f"<p>{text}</p>{_list_html('Failed', why)}"


def _list_html(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    more = [f"and {len(lines) - MOST_TOLD:,} more"] if len(lines) > MOST_TOLD else []
    items = "".join(f"<li>{escaped(line)}</li>" for line in [*lines[:MOST_TOLD], *more])
    return f"<p>{title}:</p><ul>{items}</ul>"


@dataclass(frozen=True)
class Layout:
    """The components that handlers read or write."""

    uploads: Uploads
    add_file: gr.Button
    limit: gr.Number
    add_questions: gr.Button
    add_visitors: gr.Button
    pairs: gr.Dropdown
    people: gr.Number
    retry: gr.Button
    outputs: list[Any]


def lay_out(contestants: Sequence[str], settings: Settings) -> Layout:
    """Draw the panel inside the current `gr.Blocks`, hidden until an admin looks."""
    choices = [
        (f"{settings.label(left).name} and {settings.label(right).name}", f"{left},{right}")
        for left, right in combinations(contestants, 2)
    ]
    usual = [value for _, value in choices if set(value.split(",")) == {settings.left, settings.right}]
    with gr.Accordion("Fill the queue", open=False, visible=False, elem_id="fill") as panel:
        state = gr.HTML("", elem_id="fill_state", js_on_load=None)
        notice = gr.HTML("", elem_id="fill_notice", js_on_load=None)
        news = gr.HTML("", elem_id="fill_news", js_on_load=None)
        retry = gr.Button("Answer again what failed", visible=False, elem_id="fill_retry", size="sm", min_width=200)
        with gr.Row(elem_classes="actions"):
            pairs = gr.Dropdown(
                choices, value=usual, multiselect=True, label="Who answers", elem_id="fill_pairs", min_width=260
            )
            people = gr.Number(
                0, label="People for each pair (0: as set)", precision=0, elem_id="fill_people", min_width=160
            )
        gr.HTML(WHAT_A_FILE_IS, js_on_load=None)
        uploads = Uploads(label="A file of prompts", file_count="single", height=120, elem_id="fill_uploads")
        with gr.Row(elem_classes="actions"):
            add_file = gr.Button("Add the file", variant="primary", elem_id="fill_add_file", min_width=140)
        gr.HTML(WHAT_THE_REST_IS, js_on_load=None)
        with gr.Row(elem_classes="actions"):
            limit = gr.Number(USUAL_LIMIT, label="At most", precision=0, elem_id="fill_limit", min_width=120)
            add_questions = gr.Button("Add held-out questions", elem_id="fill_add_questions", min_width=180)
            add_visitors = gr.Button("Add what visitors asked", elem_id="fill_add_visitors", min_width=180)
    outputs = [panel, notice, news, state, retry, uploads]
    return Layout(uploads, add_file, limit, add_questions, add_visitors, pairs, people, retry, outputs)


def wire(page: Filling, layout: Layout, tab: gr.Tab) -> None:
    """Connect the components with the handlers. To be called after `annotate.wire`: a tab's handlers run in turn, and
    the pair comes first."""
    said = [layout.pairs, layout.people]
    tab.select(page.look, None, layout.outputs, **HIDDEN)
    layout.add_file.click(page.add_file, [layout.uploads, *said], layout.outputs, **HIDDEN)
    layout.add_questions.click(page.add_questions, [layout.limit, *said], layout.outputs, **HIDDEN)
    layout.add_visitors.click(page.add_visitors, [layout.limit, *said], layout.outputs, **HIDDEN)
    layout.retry.click(page.retry, None, layout.outputs, **HIDDEN)
