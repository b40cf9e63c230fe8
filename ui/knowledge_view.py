"""The Knowledge page's components. What they show and do: `ui/knowledge.py`."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from arena.question import MAX_PROMPT_CHARACTERS
from ui.knowledge_screen import REPLACE
from ui.uploads import Uploads

POLL_SECONDS = 1.0
MOST_NARROWING = 500
"""Characters of names, types or a day."""

WHAT_IT_IS = (
    "<p>These are the documents that RAG looks questions up in. What is added or deleted counts from the next "
    "question on.</p>"
)

OPEN = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-name]');
  if (!button) return;
  trigger('click', { name: button.dataset.name });
  const smooth = !window.matchMedia('(prefers-reduced-motion: reduce)').matches;
  const wanted = button.textContent;
  let tries = 0;
  const timer = setInterval(() => {
    const heading = document.querySelector('#PANEL h2');
    const there = heading && heading.textContent === wanted;
    if (there) {
      heading.setAttribute('tabindex', '-1');
      heading.focus({ preventScroll: true });
      heading.scrollIntoView({ behavior: smooth ? 'smooth' : 'auto', block: 'start' });
    }
    if (there || ++tries > 50) clearInterval(timer);
  }, 100);
});
"""


def open_by_name(panel: str) -> str:
    """For a table whose names are buttons, which Gradio has none of: what a click does. `panel`, the id of what opens
    below it with the name as its heading, is shown, and read on from there."""
    return OPEN.replace("PANEL", panel)


@dataclass(frozen=True)
class Panel:
    """The opened document, or nothing."""

    text: str = ""
    opened: bool = False
    deletable: bool = False


@dataclass(frozen=True)
class Layout:
    """The components that handlers read or write. `outputs`: what `Screen` fills; `panel`: what `Panel` fills."""

    uploads: Uploads
    may_replace: gr.Checkbox
    add: gr.Button
    rebuild: gr.Button
    find: gr.Textbox
    listed: gr.HTML
    close: gr.Button
    delete: gr.Button
    keep: gr.Button
    really: gr.Button
    question: gr.Textbox
    search: gr.Button
    within: list[gr.Textbox]
    found: gr.HTML
    timer: gr.Timer
    chosen: gr.State
    shown: gr.State
    outputs: list[Any]
    panel: list[Any]


def _narrowing() -> list[gr.Textbox]:
    """What narrows a search down, folded away."""
    narrowed = gr.Accordion("Only in some documents", open=False, elem_id="knowledge_narrowed")
    with narrowed, gr.Row(elem_classes="filters"):
        return [
            gr.Textbox(
                label=label,
                placeholder=example,
                elem_id=f"knowledge_{name}",
                max_length=MOST_NARROWING,
                max_lines=1,
            )
            for name, label, example in (
                ("names", "Names, folders or patterns", "handbook/*, prices-2026.csv"),
                ("types", "Types", "pdf, md"),
                ("since", "From (day)", "2026-05-01"),
                ("until", "To (day)", "2026-05-31"),
            )
        ]


def lay_out() -> Layout:
    """Draw the page inside the current `gr.Blocks`."""
    gr.HTML(WHAT_IT_IS, js_on_load=None)
    note = gr.HTML("", elem_id="knowledge_note", js_on_load=None)
    notice = gr.HTML("", elem_id="knowledge_notice", js_on_load=None)
    news = gr.HTML("", elem_id="knowledge_news", js_on_load=None)
    indexing = gr.HTML("", elem_id="knowledge_indexing", js_on_load=None)
    with gr.Column(visible=False, elem_id="knowledge_adding", elem_classes="card") as adding:
        uploads = Uploads(label="New documents", file_count="multiple", height=150, elem_id="knowledge_uploads")
        limits = gr.HTML("", elem_id="knowledge_limits", js_on_load=None)
        with gr.Row(elem_classes="actions"):
            may_replace = gr.Checkbox(label=REPLACE, elem_id="knowledge_replace", min_width=220)
            add = gr.Button("Add", variant="primary", elem_id="knowledge_add", min_width=120)
            rebuild = gr.Button("Rebuild the index", elem_id="knowledge_rebuild", min_width=140)
    gr.HTML("<h2>Documents</h2>", js_on_load=None)
    find = gr.Textbox(
        label="Find a document", placeholder="Part of a name", elem_id="knowledge_find", max_length=200, max_lines=1
    )
    listed = gr.HTML("", elem_id="knowledge_list", js_on_load=open_by_name("knowledge_document"))
    document = gr.HTML("", elem_id="knowledge_document", js_on_load=None)
    with gr.Row(visible=False, elem_classes="actions") as opened:
        close = gr.Button("Close", elem_id="knowledge_close", min_width=100)
        delete = gr.Button("Delete…", elem_id="knowledge_delete", min_width=100)
    with gr.Column(visible=False, elem_id="knowledge_deleting", elem_classes="card") as deleting:
        doomed = gr.HTML("", elem_id="knowledge_doomed", js_on_load=None)
        with gr.Row(elem_classes="actions"):
            really = gr.Button("Delete for good", variant="stop", elem_id="knowledge_really", min_width=140)
            keep = gr.Button("Keep it", elem_id="knowledge_keep", min_width=100)
    gr.HTML("<h2>Try a search</h2>", js_on_load=None)
    with gr.Row(elem_classes="actions", elem_id="knowledge_asking"):
        question = gr.Textbox(
            label="What to search for", max_length=MAX_PROMPT_CHARACTERS, max_lines=1, elem_id="knowledge_question"
        )
        search = gr.Button("Search", elem_id="knowledge_search", min_width=120)
    within = _narrowing()
    found = gr.HTML("", elem_id="knowledge_found", js_on_load=None)
    timer = gr.Timer(POLL_SECONDS, active=False)
    chosen, shown = gr.State(""), gr.State(None)
    return Layout(
        uploads=uploads,
        may_replace=may_replace,
        add=add,
        rebuild=rebuild,
        find=find,
        listed=listed,
        close=close,
        delete=delete,
        keep=keep,
        really=really,
        question=question,
        search=search,
        within=within,
        found=found,
        timer=timer,
        chosen=chosen,
        shown=shown,
        outputs=[shown, note, limits, notice, news, indexing, listed, adding, timer],
        panel=[document, opened, deleting, doomed, delete],
    )
