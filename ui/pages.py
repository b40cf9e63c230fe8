"""The pages put together: heading, state of loading, the tabs, and what happens on load."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from arena.errors import WorkspaceError
from arena.knowledge import KnowledgeDesk
from arena.ports import Exports, History
from arena.queue import Queue
from arena.runner import Runner
from arena.training import TrainingDesk
from ui import annotate, annotate_view, compare, keeping, knowledge, knowledge_view, render, training
from ui import exports as downloads
from ui import history as history_page
from ui.rights import Rights, open_to_all
from ui.session import Session
from ui.settings import Settings


def build(
    runner: Runner,
    history: History,
    settings: Settings,
    desk: TrainingDesk | None = None,
    shelf: KnowledgeDesk | None = None,
    rights: Rights | None = None,
    exports: Exports | None = None,
    queue: Queue | None = None,
) -> gr.Blocks:
    """The app as Gradio blocks, not yet served. Without a desk there is no Training page, without a shelf no Knowledge
    page, without a queue no Annotate page, without exports nothing to download."""
    for side in (settings.left, settings.right):
        if side not in runner.contestants:
            raise WorkspaceError(f"There is no contestant '{side}': there are {', '.join(runner.contestants)}.")
    compare_page = compare.Compare(runner, history, settings)
    stored = history_page.HistoryPage(history, settings)
    demo = gr.Blocks(title="Fine-tuning or RAG?", analytics_enabled=False, delete_cache=(3600, 3600))
    rights = rights or open_to_all(demo)
    with demo:
        session = gr.State(None, delete_callback=_leave)
        stored_name = gr.BrowserState("", storage_key="arena.annotator", secret="arena.annotator")
        gr.HTML(render.title_html(settings), elem_id="title", js_on_load=None)
        status = gr.HTML(render.status_html(settings.status()), elem_id="status", js_on_load=None)
        with gr.Tabs(elem_id="pages") as tabs:
            with gr.Tab("Compare", id="compare", elem_id="compare_tab"):
                asking = compare.lay_out(runner, settings)
                kept = keeping.lay_out()
            if queue is not None:
                with gr.Tab("Annotate", id="annotate") as annotate_tab:
                    judging = annotate_view.lay_out(rights.signs_in)
                page = annotate.Annotate(queue, rights)
                annotate.wire(page, judging, annotate_tab, asking.name, stored_name)
            with gr.Tab("History", id="history") as history_tab:
                reading = history_page.lay_out()
                if exports is not None:
                    downloads.lay_out(exports, rights, history_tab)
            if shelf is not None:
                with gr.Tab("Knowledge", id="knowledge") as knowledge_tab:
                    knowledge.wire(shelf, knowledge_view.lay_out(), knowledge_tab, rights)
            if desk is not None:
                with gr.Tab("Training", id="training") as training_tab:
                    training.wire(desk, training.lay_out(), training_tab, demo, rights)
        gr.HTML(render.footer_html(settings), elem_id="about", js_on_load=None)
        timer = gr.Timer(2.0)
        compare.wire(compare_page, asking, session, stored_name)
        if settings.keeper is not None:
            keeping.wire(settings.keeper, kept, asking, session)
        history_page.wire(stored, reading, history_tab)
        timer.tick(compare_page.status, None, [status, timer], **compare.HIDDEN)
        demo.load(compare_page.greet, stored_name, [session, asking.name, stored_name], **compare.HIDDEN)
        demo.load(compare_page.status, None, [status, timer], **compare.HIDDEN)
        demo.load(_follow_permalink(stored), None, [tabs, reading.recent, *reading.opened], **compare.HIDDEN)
    return demo


def _follow_permalink(page: history_page.HistoryPage) -> Callable[[gr.Request], list[Any]]:
    def follow(request: gr.Request) -> list[Any]:
        """Open what `?comparison=` names, on the History tab."""
        comparison_id = dict(request.query_params).get("comparison", "") if request else ""
        if not comparison_id:
            return [gr.skip() for _ in range(11)]
        return [gr.Tabs(selected="history"), page.find(""), *page.open(comparison_id)]

    return follow


def _leave(session: Session | None) -> None:
    if session is not None:
        session.stop()
