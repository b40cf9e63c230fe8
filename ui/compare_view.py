"""The Compare page's components. Their handlers are in ui/compare.py."""

import json
from dataclasses import dataclass
from typing import Any

import gradio as gr

from arena.comparison import MAX_REASON_CHARACTERS, Choice
from arena.question import MAX_PROMPT_CHARACTERS
from arena.runner import Runner
from ui import render
from ui.pane import PaneView
from ui.screen import IDLE
from ui.settings import Settings


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
