"""The Annotate page's components. Their handlers are in ui/annotate.py."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from arena.annotation import MAX_CORRECT_ANSWER_CHARACTERS, SkipReason
from arena.comparison import MAX_REASON_CHARACTERS, Choice
from ui import annotate_screen as says
from ui import keeping
from ui.bench import Bench

POLL_SECONDS = 5.0
"""Between two looks for a pair, while there is none."""

OPEN_PAST = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-mark]');
  if (button) trigger('click', { mark: button.dataset.mark });
});
"""


@dataclass(frozen=True)
class Layout:
    """The components that handlers read or write. `outputs`: what each step fills, as few as can be, since every one
    costs time between two pairs; `later`: what can wait."""

    name: gr.Textbox
    mark: gr.Textbox
    reasons: gr.CheckboxGroup
    note: gr.Textbox
    correct: gr.Textbox
    votes: dict[Choice, gr.Button]
    skips: dict[SkipReason, gr.Button]
    undo: gr.Button
    keep: gr.Button
    past: gr.HTML
    timer: gr.Timer
    kept: keeping.Layout | None
    bench: gr.State
    outputs: list[Any]
    later: list[Any]

    @property
    def fields(self) -> list[Any]:
        return [self.reasons, self.note, self.correct]


def lay_out(signs_in: bool, keeps: bool = False) -> Layout:
    """Draw the page inside the current `gr.Blocks`. Where people sign in there is no box for a name. `keeps`: votes are
    sent elsewhere, and a line tells how many are there."""
    bench = gr.State(Bench())
    mark = gr.Textbox("", visible="hidden", elem_id="annotate_mark", label="Pair")
    with gr.Row(elem_id="annotate_top"):
        progress = gr.HTML("", elem_id="annotate_progress", js_on_load=None)
        name = gr.Textbox(
            label="You vote as",
            elem_id="annotate_name",
            max_length=100,
            max_lines=1,
            visible=not signs_in,
            min_width=150,
        )
    notice = gr.HTML("", elem_id="annotate_notice", js_on_load=None)
    saved = gr.HTML("", elem_id="annotate_saved", js_on_load=None)
    pair = gr.HTML("", elem_id="annotate_pair", js_on_load=None)
    with gr.Column(elem_id="annotate_judging"):
        with gr.Row(elem_id="annotate_bar"):
            votes = {
                choice: gr.Button(text, elem_id=says.vote_id(choice), min_width=70)
                for choice, text in says.VOTES.items()
            }
        gr.HTML(says.HINT, elem_id="annotate_hint", js_on_load=None)
        reasons, note, correct = _words()
        undo, keep = _tools()
        with gr.Row(elem_id="annotate_skipping"):
            gr.HTML("<p>Why do you skip it?</p>", js_on_load=None)
            skips = {reason: gr.Button(text, size="sm", min_width=90) for reason, text in says.SKIPS.items()}
    kept = keeping.lay_out("annotate_kept", keeping.EVERY_ALL) if keeps else None
    with gr.Accordion("My last votes", open=False, elem_id="annotate_mine"):
        past = gr.HTML("", elem_id="annotate_past", js_on_load=OPEN_PAST)
    gr.HTML(says.help_html(), elem_id="annotate_keys", js_on_load=None)
    timer = gr.Timer(POLL_SECONDS, active=False)
    return Layout(
        name=name,
        mark=mark,
        reasons=reasons,
        note=note,
        correct=correct,
        votes=votes,
        skips=skips,
        undo=undo,
        keep=keep,
        past=past,
        timer=timer,
        kept=kept,
        bench=bench,
        outputs=[mark, progress, notice, saved, pair, reasons, note, correct],
        later=[progress, past, timer, *(kept.outputs if kept else ())],
    )


def _words() -> tuple[gr.CheckboxGroup, gr.Textbox, gr.Textbox]:
    reasons = gr.CheckboxGroup(says.REASONS, label="Why? (optional, before you vote)", elem_id="annotate_reasons")
    with gr.Row(elem_id="annotate_words"):
        note = gr.Textbox(
            label="Note (optional)",
            elem_id="annotate_note",
            max_length=MAX_REASON_CHARACTERS,
            max_lines=4,
            min_width=220,
        )
        correct = gr.Textbox(
            label="The correct answer is… (optional)",
            info="Kept with your vote; training takes it only where the question is not a held-out one.",
            elem_id="annotate_correct",
            max_length=MAX_CORRECT_ANSWER_CHARACTERS,
            max_lines=4,
            min_width=220,
        )
    return reasons, note, correct


def _tools() -> tuple[gr.Button, gr.Button]:
    with gr.Row(elem_id="annotate_tools"):
        undo = gr.Button("Last pair again", elem_id="annotate_undo", size="sm", min_width=80)
        keep = gr.Button("Keep it as it is", elem_id="annotate_keep", size="sm", min_width=80)
        gr.Button("Skip…", elem_id="annotate_skip", size="sm", min_width=80)
        gr.Button("Keys", elem_id="annotate_help_open", size="sm", min_width=80)
    return undo, keep
