"""The Knowledge page: the documents that are looked up, adding and deleting them, their passages, and trying a search.

What is done is behind `arena.knowledge.KnowledgeDesk`; indexing lives on the server and goes on without the page. What
is shown is made in `ui/knowledge_screen.py`. Changing something takes an admin; whoever may look only sees the list and
the search.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import gradio as gr

from arena.errors import ArenaError, NotAllowed
from arena.knowledge import EVERYWHERE, AlreadyThere, Document, KnowledgeDesk, Within
from arena.people import Role
from arena.question import MAX_PROMPT_CHARACTERS
from ui import knowledge_screen as said
from ui.compare import HIDDEN
from ui.knowledge_view import MOST_NARROWING, Layout, Panel
from ui.limits import Limits
from ui.markdown import escaped
from ui.render import notice_html
from ui.results_words import no_day
from ui.rights import Rights
from ui.uploads import Upload, forget

Updates = list[Any]


@dataclass(frozen=True)
class Screen:
    """What one page shows of the documents and of indexing. `runs`: how often indexing had ended by then."""

    note: str = ""
    limits: str = ""
    notice: str = ""
    news: str = ""
    indexing: str = ""
    listed: str = ""
    allowed: bool = False
    alive: bool = False
    runs: int = -1
    text: str = ""
    documents: tuple[Document, ...] = ()


@dataclass(frozen=True)
class KnowledgePage:
    """The page's handlers. Each asks `rights`, whatever the browser shows, and sends what differs from what `shown`
    says is there. `chosen`, the opened document, is a state of its own: only those who open and close it write it."""

    desk: KnowledgeDesk
    rights: Rights
    limits: Limits

    def allowed(self, request: gr.Request) -> bool:
        """To change something."""
        return self.rights.may(request, Role.ADMIN)

    def look(self, chosen: str, shown: Screen | None, request: gr.Request) -> Updates:
        """On opening the tab: everything anew. A notice stays until the next button."""
        shown = shown or Screen()
        now = self._listed(shown, request)
        return [*updates(now, shown), *self._read_again(now, chosen)]

    def watch(self, chosen: str, shown: Screen | None, request: gr.Request) -> Updates:
        """While indexing: how far it is, and everything anew once it has ended. Reads no document till then."""
        shown = shown or Screen()
        if not self.rights.may(request, self.rights.looking) or self.desk.indexing().runs != shown.runs:
            return self.look(chosen, shown, request)
        return [*updates(self._watched(shown), shown), *SKIPPED_PANEL]

    def find(self, text: str, shown: Screen | None, request: gr.Request) -> Updates:
        """Narrow the list down, without reading the documents again."""
        shown = shown or Screen()
        text = text[:200] if isinstance(text, str) else ""
        if not self.rights.may(request, self.rights.looking):
            return updates(self._listed(shown, request), shown)
        now = replace(shown, text=text, listed=said.list_html(shown.documents, text, self.allowed(request)))
        return updates(now, shown)

    def add(self, uploads: list[Upload], may_replace: bool, shown: Screen | None, request: gr.Request) -> Updates:
        """Add what was uploaded. The selection stays where something has to be ticked first."""
        shown = shown or Screen()
        if not self.allowed(request):
            return [*self._acted(shown, request), gr.skip(), gr.skip()]
        if not uploads:
            return [
                *self._acted(shown, request, notice="Choose files first: press the box or drop them on it."),
                gr.skip(),
                gr.skip(),
            ]
        try:
            added = self.desk.add(uploads, may_replace is True)
        except AlreadyThere as error:
            return [*self._acted(shown, request, notice=said.already_there(error)), gr.skip(), gr.skip()]
        except ArenaError as error:
            return [*self._acted(shown, request, notice=str(error)), gr.skip(), gr.skip()]
        forget(uploads)
        return [*self._acted(shown, request, news=said.added_html(added)), None, False]

    def rebuild(self, shown: Screen | None, request: gr.Request) -> Updates:
        shown = shown or Screen()
        notice = ""
        if self.allowed(request):
            try:
                self.desk.rebuild()
            except ArenaError as error:
                notice = str(error)
        return self._acted(shown, request, notice=notice)

    def open_clicked(self, shown: Screen | None, request: gr.Request, event: gr.EventData) -> Updates:
        """The document that a click in the list names."""
        data = getattr(event, "_data", None)
        name = data.get("name") if isinstance(data, dict) else None
        return self.open(name if isinstance(name, str) else "", shown, request)

    def open(self, name: str, shown: Screen | None, request: gr.Request) -> Updates:
        """Its name, kept on the server, and its panel."""
        shown = shown or Screen()
        known = self.allowed(request) and any(one.name == name for one in shown.documents)
        return [name if known else "", *self._opened(replace(shown, allowed=self.allowed(request)), name)]

    def close(self) -> Updates:
        return ["", *panel(Panel())]

    def ask_to_delete(self, chosen: str, shown: Screen | None, request: gr.Request) -> Updates:
        """Says what would be deleted, and shows the button that does it."""
        document = self._document(shown or Screen(), chosen)
        if document is None or not document.file or not self.allowed(request):
            return SKIPPED_PANEL
        beside = sum(one.file == document.file for one in (shown or Screen()).documents) - 1
        question = said.deletion_html(document, beside if document.name != document.file else 0)
        return [gr.skip(), gr.update(visible=False), gr.update(visible=True), question, gr.skip()]

    def keep(self) -> Updates:
        return [gr.skip(), gr.update(visible=True), gr.update(visible=False), "", gr.skip()]

    def delete(self, chosen: str, shown: Screen | None, request: gr.Request) -> Updates:
        """The file of the opened document, which is then closed. What a search had found is cleared: it may show it."""
        shown = shown or Screen()
        document = self._document(shown, chosen)
        if document is None or not document.file or not self.allowed(request):
            return ["", *panel(Panel()), *self._acted(shown, request), gr.skip()]
        try:
            self.desk.delete(document.file)
        except ArenaError as error:
            return ["", *panel(Panel()), *self._acted(shown, request, notice=str(error)), gr.skip()]
        news = f"<p>{escaped(document.file)} is deleted: no answer uses it any more.</p>"
        return ["", *panel(Panel()), *self._acted(shown, request, news=news), ""]

    def search(
        self, question: str, names: object, types: object, since: object, until: object, request: gr.Request
    ) -> str:
        """Passages and sentences, for whoever may look. What narrows it down: texts with commas, days."""
        question = question[: MAX_PROMPT_CHARACTERS + 1] if isinstance(question, str) else ""
        try:
            self.rights.require(request, self.rights.looking)
            if not question.strip():
                return notice_html("Type what to search for.")
            within = Within(between_commas(names), between_commas(types), _day(since), _day(until))
            self.limits.prompt(request)
            return said.found_html(self.desk.search(question, within), narrowed=within != EVERYWHERE)
        except ArenaError as error:
            return notice_html(str(error))

    def _acted(self, shown: Screen, request: gr.Request, notice: str = "", news: str = "") -> Updates:
        return updates(self._listed(replace(shown, notice=notice_html(notice), news=news), request), shown)

    def _listed(self, before: Screen, request: gr.Request) -> Screen:
        try:
            self.rights.require(request, self.rights.looking)
        except NotAllowed as error:
            return Screen(note=notice_html(str(error)))
        allowed = self.allowed(request)
        note = "" if allowed else said.NOT_HERE
        try:
            # First how indexing fares: should it end in between, the page looks again.
            watched = self._watched(replace(before, note=note, allowed=allowed))
            documents = tuple(self.desk.documents())
            return replace(
                watched,
                limits=said.limits_html(self.desk.limits()),
                documents=documents,
                listed=said.list_html(documents, before.text, allowed),
            )
        except ArenaError as error:
            return replace(before, note=note, allowed=allowed, notice=notice_html(str(error)), documents=(), listed="")

    def _watched(self, before: Screen) -> Screen:
        state = self.desk.indexing()
        return replace(before, indexing=said.indexing_html(state), alive=state.alive, runs=state.runs)

    def _opened(self, now: Screen, name: str) -> Updates:
        document = self._document(now, name)
        if document is None or not now.allowed:
            return panel(Panel())
        try:
            text = said.document_html(document, self.desk.chunks(name), self.desk.text(name))
        except ArenaError as error:
            text = notice_html(str(error))
        return panel(Panel(text, opened=True, deletable=bool(document.file)))

    def _read_again(self, now: Screen, name: str) -> Updates:
        """The opened document as it is now. Who is just being asked whether to delete it still is."""
        if not name or self._document(now, name) is None:
            return panel(Panel()) if name else SKIPPED_PANEL
        text, _, _, _, delete = self._opened(now, name)
        return [text, gr.skip(), gr.skip(), gr.skip(), delete]

    def _document(self, shown: Screen, name: str) -> Document | None:
        return next((one for one in shown.documents if name and one.name == name), None)


def between_commas(text: object) -> tuple[str, ...]:
    """Of as much as the page lets one type."""
    return tuple(filter(None, map(str.strip, text[:MOST_NARROWING].split(",")))) if isinstance(text, str) else ()


def _day(text: object) -> date | None:
    """Raises `ArenaError`: it is none."""
    if not isinstance(text, str) or not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ArenaError(no_day(text)) from None


SKIPPED_PANEL: Updates = [gr.skip() for _ in range(5)]


def panel(now: Panel) -> Updates:
    """The values of `Layout.panel`; what asked whether to delete is gone."""
    return [
        now.text,
        gr.update(visible=now.opened),
        gr.update(visible=False),
        "",
        gr.update(interactive=now.deletable),
    ]


def updates(now: Screen, shown: Screen) -> Updates:
    """The screen, and the values of `Layout.outputs`: of what is shown already, nothing."""
    same = {field.name for field in fields(Screen) if getattr(shown, field.name) == getattr(now, field.name)}

    def new(name: str, value: Callable[[], Any]) -> Any:
        return gr.skip() if name in same else value()

    return [
        now,
        new("note", lambda: now.note),
        new("limits", lambda: now.limits),
        new("notice", lambda: now.notice),
        new("news", lambda: now.news),
        new("indexing", lambda: now.indexing),
        new("listed", lambda: now.listed),
        new("allowed", lambda: gr.update(visible=now.allowed)),
        new("alive", lambda: gr.update(active=now.alive)),
    ]


def wire(desk: KnowledgeDesk, layout: Layout, tab: gr.Tab, rights: Rights, limits: Limits) -> None:
    """Connect the components with the handlers."""
    page = KnowledgePage(desk, rights, limits)
    known = [layout.chosen, layout.shown]
    for happening, handler in ((tab.select, page.look), (layout.timer.tick, page.watch)):
        happening(handler, known, [*layout.outputs, *layout.panel], **HIDDEN)
    layout.find.change(page.find, [layout.find, layout.shown], layout.outputs, trigger_mode="always_last", **HIDDEN)
    layout.add.click(
        page.add,
        [layout.uploads, layout.may_replace, layout.shown],
        [*layout.outputs, layout.uploads, layout.may_replace],
        **HIDDEN,
    )
    layout.rebuild.click(page.rebuild, layout.shown, layout.outputs, **HIDDEN)
    layout.listed.click(page.open_clicked, layout.shown, [layout.chosen, *layout.panel], **HIDDEN)
    layout.close.click(page.close, None, [layout.chosen, *layout.panel], **HIDDEN)
    layout.delete.click(page.ask_to_delete, known, layout.panel, **HIDDEN)
    layout.keep.click(page.keep, None, layout.panel, **HIDDEN)
    layout.really.click(page.delete, known, [layout.chosen, *layout.panel, *layout.outputs, layout.found], **HIDDEN)
    gr.on(
        [layout.search.click, layout.question.submit, *(each.submit for each in layout.within)],
        page.search,
        [layout.question, *layout.within],
        layout.found,
        show_progress="minimal",
        show_progress_on=layout.found,
        api_visibility="private",
        concurrency_limit=2,
    )
