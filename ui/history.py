"""The History page: recent comparisons, filtered by text, and one of them opened with its votes. Read only."""

from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from arena.annotation import for_annotators
from arena.comparison import Comparison
from arena.errors import ArenaError, NotAllowed
from arena.people import Role
from arena.ports import History
from ui import render
from ui.markdown import escaped
from ui.pane import PaneView
from ui.rights import Rights
from ui.screen import hidden_in_history, stored_panes
from ui.settings import Settings

RECENT = 50
NO_VOTE_YET = (
    "Asked with the names hidden, and nobody has voted yet: names, timings and passages appear with the first vote."
)
ANNOTATORS = "Made for annotators, who judge it blind: names, timings, passages and votes are not shown here."

# A click opens the comparison in place; a middle click or a link opened in a new tab goes through the permalink.
OPEN_IN_PLACE = """
element.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-id]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const address = new URL(window.location);
  address.searchParams.set('comparison', link.dataset.id);
  window.history.replaceState(null, '', address);
  trigger('click', { id: link.dataset.id });
  document.getElementById('pages').scrollIntoView({ block: 'start' });
});
"""


@dataclass(frozen=True)
class HistoryPage:
    """The page's handlers. Whoever may compare may open a comparison whose id they have, as an id is not guessed. Who
    may not see the list sees no names of people there, either."""

    history: History
    settings: Settings
    rights: Rights

    def find(self, text: str, request: gr.Request) -> str:
        """The list, newest first."""
        text = text.strip()[:200] if isinstance(text, str) else ""
        try:
            self.rights.require(request, self.rights.history)
            found = [(comparison, self._sides(comparison)) for comparison in self.history.recent(text, RECENT)]
        except NotAllowed as error:
            return render.notice_html(str(error))
        except ArenaError as error:
            return render.notice_html(f"The history cannot be read: {error}")
        return render.recent_html(found, bool(text))

    def open(self, comparison_id: str, request: gr.Request) -> list[str]:
        """One comparison: notice, question, both panes, votes. Empty for no id."""
        if not isinstance(comparison_id, str) or not comparison_id:
            return [""] * 9
        try:
            self.rights.require(request, Role.VISITOR)
            comparison = self.history.get(comparison_id[:64])
            if comparison is None:
                return [render.notice_html("There is no such comparison here: pick one from the list."), *[""] * 8]
            votes = self.history.votes(comparison.id)
        except NotAllowed as error:
            return [render.notice_html(str(error)), *[""] * 8]
        except ArenaError as error:
            return [render.notice_html(f"The comparison cannot be read: {error}"), *[""] * 8]
        hidden = hidden_in_history(comparison, lambda: votes)
        if not self.rights.may(request, self.rights.history):
            votes = [replace(vote, annotator="somebody") for vote in votes]
            comparison = replace(comparison, asked_by="")
        left, right = stored_panes(comparison, self.settings, hidden)
        names = (self.settings.label(comparison.left).name, self.settings.label(comparison.right).name)
        why = ANNOTATORS if for_annotators(comparison) else NO_VOTE_YET
        below = f'<p class="nothing">{why}</p>' if hidden else render.votes_html(votes, names)
        earlier = "" if hidden else render.histories_html(comparison.histories, self.settings)
        asked = f"{render.when(comparison.asked_at)}" + (f" by {comparison.asked_by}" if comparison.asked_by else "")
        question = earlier + render.question_html(comparison.question) + f"<small>{escaped(asked)}</small>"
        return ["", question, left.head, left.body, left.details, right.head, right.body, right.details, below]

    def open_clicked(self, request: gr.Request, event: gr.EventData) -> list[str]:
        """What a click in the list names."""
        data = getattr(event, "_data", None)
        return self.open(data.get("id", "") if isinstance(data, dict) else "", request)

    def _sides(self, comparison: Comparison) -> str:
        if hidden_in_history(comparison, lambda: self.history.votes(comparison.id)):
            return "for annotators, names hidden" if for_annotators(comparison) else "names hidden until a vote"
        return f"{self.settings.label(comparison.left).name} and {self.settings.label(comparison.right).name}"


@dataclass(frozen=True)
class Layout:
    """The page's components that handlers read or write."""

    filter: gr.Textbox
    recent: gr.HTML
    opened: list[Any]


def lay_out() -> Layout:
    """Draw the page inside the current `gr.Blocks`."""
    notice = gr.HTML("", elem_id="history_notice", js_on_load=None)
    question = gr.HTML("", elem_id="history_question", js_on_load=None)
    with gr.Row(equal_height=True, elem_classes="panes stored"):
        panes = [PaneView.draw("history_a"), PaneView.draw("history_b")]
    votes = gr.HTML("", elem_id="history_votes", js_on_load=None)
    text = gr.Textbox(
        label="Find", placeholder="Part of a question or of an answer", elem_id="find", max_length=200, max_lines=1
    )
    recent = gr.HTML("", elem_id="recent", js_on_load=OPEN_IN_PLACE)
    return Layout(text, recent, [notice, question, *panes[0].parts, *panes[1].parts, votes])


def wire(page: HistoryPage, layout: Layout, tab: gr.Tab) -> None:
    """Connect the components with the handlers."""
    hidden: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
    tab.select(page.find, layout.filter, layout.recent, **hidden)
    layout.filter.change(page.find, layout.filter, layout.recent, trigger_mode="always_last", **hidden)
    layout.recent.click(page.open_clicked, None, layout.opened, **hidden)
