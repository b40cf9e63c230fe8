"""The Results page: a headline, figures with intervals, filters, and links to every view. Read only.

Does not cover: what the votes say (`arena.standings.Standings` is handed in), how it is drawn (ui/results_html.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from arena.errors import ArenaError
from arena.judgements import Filters
from arena.people import Role
from arena.standings import Options, Report, Standings
from ui import render
from ui.compare import HIDDEN
from ui.markdown import escaped
from ui.results_html import figures_html, headline_html
from ui.results_words import LONGEST, VOTES, filters_from, link, unreadable_days
from ui.rights import Rights
from ui.settings import Settings

ALL = ""
COUNT = 14
"""Outputs of the page: headline, figures, link, eleven filters."""

# The address follows the filters, so that it can be copied from there as well.
FOLLOW = """() => {
  const link = document.querySelector('#results_link a');
  const open = document.querySelector('#results_tab-button')?.getAttribute('aria-selected') === 'true';
  if (!link || !open) return;
  const address = new URL(window.location);
  window.viewParts.forEach((part) => address.searchParams.delete(part));
  new URLSearchParams(link.getAttribute('href')).forEach((value, part) => address.searchParams.set(part, value));
  window.history.replaceState(null, '', address);
}"""


@dataclass(frozen=True)
class ResultsPage:
    """The page's handlers. Without `rights` everybody reads results and nobody the annotators' names."""

    standings: Standings
    settings: Settings
    rights: Rights | None = None

    def show(
        self,
        pair: Any,
        votes: Any,
        kind: Any,
        topic: Any,
        document: Any,
        wording: Any,
        annotator: Any,
        versions: Any,
        since: Any,
        until: Any,
        hasty: Any,
        request: gr.Request,
    ) -> list[Any]:
        """The report for what the filters say, the link to it, and the filters' own choices. Each filter has a place of
        its own: Gradio passes the request to no handler that takes any number of values."""
        filters = chosen_filters(
            (pair, votes, kind, topic, document, wording, annotator, versions, since, until, hasty)
        )
        return self._shown(filters, request)

    def follow(self, request: gr.Request) -> list[Any]:
        """Open the view that the page's address names; nothing changes when it names none."""
        filters = filters_from(dict(request.query_params) if request else {})
        if filters is None:
            return [gr.skip() for _ in range(COUNT + 1)]
        return [gr.Tabs(selected="results"), *self._shown(filters, request)]

    def _shown(self, filters: Filters, request: Any) -> list[Any]:
        if complaint := unreadable_days(filters):
            return _notice(complaint)
        try:
            if self.rights is not None:
                self.rights.require(request, self.rights.results)
            report = self.standings.report(filters)
        except ArenaError as error:
            return _notice(f"No results to show: {error}")
        names_shown = self.rights is not None and self.rights.may(request, Role.ADMIN)
        address = f'<a href="{escaped(link(filters))}">Link to this view</a>'
        return [
            headline_html(report, self.name),
            figures_html(report, self.name, names_shown),
            address,
            *self._choices(report, names_shown),
        ]

    def name(self, contestant: str) -> str:
        """What people call it."""
        return self.settings.label(contestant).name

    def _choices(self, report: Report, names_shown: bool) -> list[Any]:
        filters, options = report.filters, report.options
        pairs = [
            (f"{self.name(first)} and {self.name(second)} ({count:,})", f"{first}~{second}")
            for (first, second), count in options.pairs
        ]
        people = [
            (f"{name if names_shown else f'annotator {place}'} ({count:,})", str(place))
            for place, (name, count) in enumerate(options.annotators, 1)
        ]
        pair = "~".join(filters.pair)
        if pair and pair not in {value for _, value in pairs}:
            pairs.append((" and ".join(self.name(each) for each in filters.pair), pair))
        return [
            gr.update(choices=[("the pair with most votes", ALL), *pairs], value=pair, visible=len(pairs) > 1),
            gr.update(value=filters.votes),
            _texts(options.kinds, filters.kind),
            _texts(options.topics, filters.topic),
            _texts(options.documents, filters.document),
            _texts(options.wordings, filters.wording),
            gr.update(
                choices=[("all", ALL), *people],
                value=str(filters.annotator) if 0 < filters.annotator <= len(people) else ALL,
                visible=len(people) > 1,
            ),
            self._versions(options, filters),
            gr.update(value=filters.since),
            gr.update(value=filters.until),
            gr.update(value=filters.hasty),
        ]

    def _versions(self, options: Options, filters: Filters) -> Any:
        choices = [
            (f"{self.name(version.contestant)} {version.id}, from {version.first:%Y-%m-%d} ({count:,})", version.id)
            for version, count in options.versions
        ]
        several = len(choices) > len({version.contestant for version, _ in options.versions})
        known = {value for _, value in choices}
        chosen = [each for each in filters.versions if each in known]
        return gr.update(choices=choices, value=chosen, visible=several)


def _notice(text: str) -> list[Any]:
    return [render.notice_html(text), "", "", *[gr.skip() for _ in range(COUNT - 3)]]


def chosen_filters(values: Sequence[Any]) -> Filters:
    """What a browser sent, in the order of `Layout.filters`, as filters; anything else than texts counts as nothing."""
    pair, votes, kind, topic, document, wording, annotator, versions, since, until, hasty = values
    texts = [str(each or "")[:LONGEST] for each in (kind, topic, document, wording, since, until)]
    place = str(annotator or "")[:6]
    sides = tuple(str(pair or "")[:LONGEST].split("~"))
    return Filters(
        pair=sides if len(sides) == 2 and all(sides) else (),
        votes=votes if votes in VOTES else "blind",
        kind=texts[0],
        topic=texts[1],
        document=texts[2],
        wording=texts[3],
        since=texts[4],
        until=texts[5],
        annotator=int(place) if place.isascii() and place.isdigit() else 0,
        versions=tuple(str(each)[:16] for each in versions) if isinstance(versions, list) else (),
        hasty=bool(hasty),
    )


@dataclass(frozen=True)
class Layout:
    """The page's components that handlers read or write."""

    headline: gr.HTML
    figures: gr.HTML
    link: gr.HTML
    filters: Sequence[Any]

    @property
    def outputs(self) -> list[Any]:
        """What `ResultsPage.show` returns, in its order."""
        return [self.headline, self.figures, self.link, *self.filters]


def lay_out() -> Layout:
    """Draw the page inside the current `gr.Blocks`."""
    headline = gr.HTML('<p class="nothing">Counting the votes…</p>', elem_id="results_headline", js_on_load=None)
    with gr.Accordion("Filters", open=False, elem_id="results_filters"), gr.Row(elem_classes="filters"):
        filters = [
            gr.Dropdown([("the pair with most votes", ALL)], value=ALL, label="Pair", elem_id="results_pair"),
            gr.Dropdown(
                [(text, votes) for votes, text in VOTES.items()],
                value="blind",
                label="Votes cast with",
                elem_id="results_votes",
            ),
            *(_dropdown(label) for label in ("Class", "Topic", "Document", "Wording", "Annotator")),
            gr.Dropdown([], value=[], multiselect=True, label="Versions", elem_id="results_versions", visible=False),
            gr.Textbox(label="From (day)", placeholder="2026-05-01", elem_id="results_since", max_lines=1),
            gr.Textbox(label="To (day)", placeholder="2026-05-31", elem_id="results_until", max_lines=1),
            gr.Checkbox(True, label="Count hasty votes", elem_id="results_hasty"),
        ]
    figures = gr.HTML("", elem_id="results_figures", js_on_load=None)
    return Layout(headline, figures, gr.HTML("", elem_id="results_link", js_on_load=None), filters)


def wire(page: ResultsPage, layout: Layout, tab: gr.Tab, tabs: gr.Tabs, demo: gr.Blocks) -> None:
    """Connect the components with the handlers."""
    opened = tab.select(page.show, list(layout.filters), layout.outputs, **HIDDEN)
    opened.then(None, None, None, js=FOLLOW, **HIDDEN)
    *picked, since, until, hasty = layout.filters
    changed = gr.on(
        [*(each.input for each in (*picked, hasty)), *(each.submit for each in (since, until))],
        page.show,
        list(layout.filters),
        layout.outputs,
        trigger_mode="always_last",
        **HIDDEN,
    )
    changed.then(None, None, None, js=FOLLOW, **HIDDEN)
    demo.load(page.follow, None, [tabs, *layout.outputs], **HIDDEN)


def _dropdown(label: str) -> gr.Dropdown:
    return gr.Dropdown([("all", ALL)], value=ALL, label=label, elem_id=f"results_{label.lower()}", visible=False)


def _texts(options: Sequence[tuple[str, int]], chosen: str) -> Any:
    """All texts with their votes; one that a link names stays chosen even if nothing has it any more."""
    choices = [("all", ALL), *((f"{text} ({count:,})", text) for text, count in options)]
    if chosen and chosen not in {text for text, _ in options}:
        choices.append((chosen, chosen))
    return gr.update(choices=choices, value=chosen, visible=len(choices) > 1)
