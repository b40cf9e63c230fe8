"""The pages put together: heading, state of loading, the tabs, and what happens on load."""

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from arena.errors import WorkspaceError
from arena.knowledge import KnowledgeDesk
from arena.people import People, Role
from arena.ports import Exports, History
from arena.queue import Filler, Queue
from arena.runner import Runner
from arena.standings import Standings
from arena.training import TrainingDesk
from ui import (
    account,
    annotate,
    annotate_view,
    compare,
    compare_view,
    filling,
    keeping,
    knowledge,
    knowledge_view,
    render,
    results,
    training,
)
from ui import exports as downloads
from ui import history as history_page
from ui import people as people_page
from ui.limits import Limits
from ui.rights import Rights, open_to_all
from ui.session import Session
from ui.settings import Settings


def build(
    runner: Runner,
    history: History,
    settings: Settings,
    desk: TrainingDesk | None = None,
    shelf: KnowledgeDesk | None = None,
    *,
    rights: Rights | None = None,
    people: People | None = None,
    standings: Standings | None = None,
    exports: Exports | None = None,
    queue: Queue | None = None,
    filler: Filler | None = None,
) -> gr.Blocks:
    """The app as Gradio blocks, not yet served. Without a desk there is no Training page, without a shelf no Knowledge
    page, without standings no Results page, without people no People page, without a queue no Annotate page, without a
    filler nothing there to fill it, without exports nothing to download."""
    for side in (settings.left, settings.right):
        if side not in runner.contestants:
            raise WorkspaceError(f"There is no contestant '{side}': there are {', '.join(runner.contestants)}.")
    demo = gr.Blocks(title="Fine-tuning or RAG?", analytics_enabled=False, delete_cache=(3600, 3600))
    rights = rights or open_to_all(demo)
    limits = Limits(rights, settings.prompts_per_minute, settings.votes_per_minute)
    compare_page = compare.Compare(runner, history, settings, rights, limits)
    stored = history_page.HistoryPage(history, settings, rights)
    tabs_by_role: list[tuple[gr.Tab, Role]] = []

    def tab_for(role: Role, name: str, id_: str) -> gr.Tab:
        """A tab that is shown to those whose role it takes; who that is turns out when a page is loaded."""
        tab = gr.Tab(name, id=id_, elem_id=f"{id_}_tab", visible=not rights.signs_in)
        tabs_by_role.append((tab, role))
        return tab

    with demo:
        session = gr.State(None, delete_callback=_leave)
        stored_name = gr.BrowserState("", storage_key="arena.annotator", secret="arena.annotator")
        if rights.hub:
            gr.LoginButton(logout_value="Sign out ({})", size="sm", elem_id="hub", min_width=0)
        account_line = gr.HTML("", elem_id="account", visible=people is not None, js_on_load=None)
        gr.HTML(render.title_html(settings), elem_id="title", js_on_load=None)
        # Where people sign in, nobody is told before it is known who they are.
        loading = "" if rights.signs_in else render.status_html(settings.status())
        status = gr.HTML(loading, elem_id="status", js_on_load=None)
        with gr.Tabs(elem_id="pages") as tabs:
            with gr.Tab("Compare", id="compare", elem_id="compare_tab"):
                asking = compare_view.lay_out(runner, settings)
                kept = keeping.lay_out()
            if queue is not None:
                with tab_for(Role.ANNOTATOR, "Annotate", "annotate") as annotate_tab:
                    judging = annotate_view.lay_out(rights.signs_in, settings.keeper is not None)
                    panel = filling.lay_out(list(runner.contestants), settings) if filler is not None else None
                page = annotate.Annotate(queue, rights, limits, settings.keeper)
                annotate.wire(page, judging, annotate_tab, asking.name, stored_name)
                if filler is not None and panel is not None:
                    filling.wire(filling.Filling(filler, queue, rights), panel, annotate_tab)
            if standings is not None:
                with tab_for(rights.results, "Results", "results") as results_tab:
                    told = results.ResultsPage(standings, settings, rights)
                    results.wire(told, results.lay_out(), results_tab, tabs, demo)
            with tab_for(Role.VISITOR, "History", "history") as history_tab:
                reading = history_page.lay_out()
                if exports is not None:
                    downloads.lay_out(exports, rights, history_tab)
            if shelf is not None:
                with tab_for(rights.looking, "Knowledge", "knowledge") as knowledge_tab:
                    knowledge.wire(shelf, knowledge_view.lay_out(), knowledge_tab, rights, limits)
            if desk is not None:
                with tab_for(rights.looking, "Training", "training") as training_tab:
                    training.wire(desk, training.lay_out(), training_tab, demo, rights)
            if people is not None:
                with tab_for(Role.ADMIN, "People", "people") as people_tab:
                    people_page.wire(people, people_page.lay_out(), people_tab, rights)
        gr.HTML(render.footer_html(settings), elem_id="about", js_on_load=None)
        timer = gr.Timer(2.0)
        compare.wire(compare_page, asking, session, stored_name)
        if settings.keeper is not None:
            keeping.wire(keeping.Keeping(settings.keeper, rights), kept, asking, session)
        history_page.wire(stored, reading, history_tab)
        timer.tick(compare_page.status, None, [status, timer], **compare.HIDDEN)
        if people is not None:
            demo.load(account.shower(rights), None, account_line, **compare.HIDDEN)
        if rights.signs_in:
            shown = [tab for tab, _ in tabs_by_role]
            demo.load(account.tabs_shower(rights, tabs_by_role), None, shown, **compare.HIDDEN)
        demo.load(compare_page.greet, stored_name, [session, asking.name, stored_name], **compare.HIDDEN)
        demo.load(compare_page.status, None, [status, timer], **compare.HIDDEN)
        follow = _follow_address(stored, rights, {tab.id: role for tab, role in tabs_by_role})
        demo.load(follow, None, [tabs, reading.recent, *reading.opened], **compare.HIDDEN)
    return demo


def _follow_address(
    page: history_page.HistoryPage, rights: Rights, pages: Mapping[Any, Role]
) -> Callable[[gr.Request], list[Any]]:
    def follow(request: gr.Request) -> list[Any]:
        """Open what `?comparison=` names, on the History tab, else the tab that `?tab=` names."""
        query = dict(request.query_params) if request else {}
        comparison_id, named = query.get("comparison", ""), query.get("tab", "")
        if not comparison_id:
            known = named in pages and rights.may(request, pages[named])
            return [gr.Tabs(selected=named) if known else gr.skip(), *[gr.skip() for _ in range(10)]]
        return [gr.Tabs(selected="history"), page.find("", request), *page.open(comparison_id, request)]

    return follow


def _leave(session: Session | None) -> None:
    if session is not None:
        session.stop()
