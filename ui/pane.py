"""One side of a comparison on a page: a head, an answer, and what lies under it. Used by both pages."""

from dataclasses import dataclass

import gradio as gr


@dataclass(frozen=True)
class PaneView:
    """The three parts of a side, top to bottom."""

    head: gr.HTML
    body: gr.HTML
    details: gr.HTML

    @property
    def parts(self) -> list[gr.HTML]:
        return [self.head, self.body, self.details]

    @classmethod
    def draw(cls, key: str, head: str = "") -> "PaneView":
        """Draw it inside the current row. `key` makes the element ids unique."""
        with gr.Column(elem_classes="pane", min_width=320):
            return cls(
                gr.HTML(head, elem_id=f"{key}_head", elem_classes="head", js_on_load=None),
                gr.HTML("", elem_id=f"{key}_body", elem_classes="body", js_on_load=None),
                gr.HTML("", elem_id=f"{key}_details", elem_classes="details", js_on_load=None),
            )
