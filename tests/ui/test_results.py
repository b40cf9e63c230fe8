"""The Results page without a browser: its sentences, its links, who sees what, and texts that cannot do harm."""

import re
from dataclasses import replace
from io import StringIO
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from arena.errors import NotAllowed, StorageError
from arena.judgements import LEFT, RIGHT, TIE, Filters, Repeats
from arena.people import Role
from arena.standings import Headline, Rate, Report, Speed
from standings.report import report
from tests.standings.examples import judgements, timed
from ui.results import COUNT, ResultsPage, chosen_filters
from ui.results_html import TITLES, figures_html, headline_html
from ui.results_terminal import _print
from ui.results_words import (
    consistency,
    filters_from,
    interval,
    link,
    percent,
    reasons_given,
    rests_on,
    sentence,
    sign_test,
    verdict,
)
from ui.settings import Settings

SETTINGS = Settings(workspace="demo")
USUAL = ("", "blind", "", "", "", "", "", [], "", "", True)


def name(contestant: str) -> str:
    return SETTINGS.label(contestant).name


class Standings:
    """Over made-up votes."""

    def __init__(self, votes: Any, trouble: Exception | None = None) -> None:
        self.votes, self.trouble = votes, trouble

    def report(self, filters: Filters) -> Report:
        if self.trouble:
            raise self.trouble
        return report(self.votes, filters)


class Rights:
    """Of somebody with one role."""

    results = Role.VISITOR

    def __init__(self, role: Role) -> None:
        self.role = role

    def require(self, request: Any, role: Role) -> None:
        if not self.role.covers(role):
            raise NotAllowed("Sign in first.")

    def may(self, request: Any, role: Role) -> bool:
        return self.role.covers(role)


def some_votes(**columns: Any) -> Any:
    said = np.random.default_rng(0).permutation([LEFT] * 40 + [RIGHT] * 110 + [TIE] * 30)
    return judgements(said, annotator=np.arange(180) % 6, **columns)


def every_kind_of_vote() -> Any:
    """Votes on three contestants that differ in whatever a report tells apart."""
    generator = np.random.default_rng(1)

    def codes(number: int) -> np.ndarray:
        return generator.integers(number, size=900)

    left, right = np.array([(0, 1), (1, 0), (0, 2), (2, 1)])[codes(4)].T
    texts = dict.fromkeys(("kinds", "topics", "documents", "wordings"), ("", "a", "b"))
    about = {name: codes(3) for name in ("kind", "topic", "document", "wording", "left_citations", "right_citations")}
    votes = judgements(
        codes(4),
        **texts,
        **about,
        left=left,
        right=right,
        left_version=np.where((left == 1) & (codes(2) == 1), 3, left),
        right_version=np.where((right == 1) & (codes(2) == 1), 3, right),
        left_length=50 + codes(300),
        right_length=50 + codes(300),
        annotator=codes(6),
        prompt=codes(200),
        comparison=codes(300),
        blind=codes(4) > 0,
        plain=codes(2) == 1,
        hasty=codes(9) == 0,
        reasons=codes(4),
    )
    again = Repeats(votes.annotator[:60], votes.comparison[:60], np.arange(60) % 3 > 0)
    times = {"timed": timed({0: [1.0] * 9, 1: [2.0] * 8, 2: [1.5] * 7}), "contended": timed({0: [3.0]})}
    return replace(votes, repeats=again, **times)


def rows_of(markup: str) -> list[dict[str, str]]:
    """Of every table the rows, as what stands in each cell by its label; those that say why there is nothing left
    out."""
    rows = re.findall("<tr>(.*?)</tr>", "".join(re.findall("<tbody>(.*?)</tbody>", markup, re.S)), re.S)
    told = [dict(re.findall('data-label="([^"]*)">([^<]*)</td>', row)) for row in rows if "colspan" not in row]
    return [{label.casefold(): text for label, text in row.items()} for row in told]


def shown(votes: Any, values: tuple[Any, ...] = USUAL, rights: Any = None) -> list[Any]:
    return ResultsPage(Standings(votes), SETTINGS, rights).show(*values, None)  # type: ignore[arg-type]


def test_the_headline_says_who_is_ahead_by_how_much_and_how_sure() -> None:
    rate = Rate(0.64, 0.552, 0.722, 120)
    speed = Speed("fine-tuned", "rag", 1.8, 240)
    headline = Headline("ahead", "rag", "fine-tuned", rate, votes=150, people=6, prompts=40, speed=speed)
    said = sentence(Report(Filters(), 150, headline), name)
    assert said == (
        "RAG is preferred in 64 % of decided votes (95 % interval 55–72 %). Enough to say so. Fine-tuned is 1.8 times "
        "faster (median of 240 answers that had the machine to themselves). 150 votes (120 of them decided) from 6 "
        "people on 40 prompts."
    )


def test_undecided_says_how_many_votes_would_tell() -> None:
    undecided = Headline("undecided", "rag", "fine-tuned", Rate(0.58, 0.46, 0.7, 60), votes=70, further=40)
    assert verdict(undecided, name)[0] == "Undecided."
    assert "About 40 more votes would tell" in verdict(undecided, name)[1]
    assert "a million more votes might not tell" in verdict(replace(undecided, further=None), name)[1]


def test_one_person_is_one_persons_view() -> None:
    assert "One person's view" in rests_on(Headline("undecided", "rag", "base", votes=900, people=1, prompts=300))


@pytest.mark.parametrize(
    ("share", "said"), [(0.5, "50 %"), (0.999, "over 99 %"), (1.0, "100 %"), (0.001, "under 1 %"), (0.0, "0 %")]
)
def test_percents_never_round_to_certainty(share: float, said: str) -> None:
    assert percent(share) == said


def test_an_interval_is_in_whole_percents() -> None:
    assert interval(Rate(0.64, 0.5532, 0.7218, 120)) == "55–72 %"


def test_a_link_leads_to_the_view_it_was_made_of() -> None:
    filters = Filters(
        ("rag", "base"), "all", "documents only", "", "a&b/ü.md", "", 3, ("1a", "2b"), "2026-05-01", "", False
    )
    query = dict(part.split("=") for part in link(filters)[1:].split("&"))
    from urllib.parse import unquote_plus

    assert filters_from({key: unquote_plus(value) for key, value in query.items()}) == filters
    assert link(Filters()) == "?results=blind"


@pytest.mark.parametrize(
    "query",
    [{"results": "x", "pair": "rag"}, {"results": "blind", "annotator": "²"}, {"results": "blind", "versions": "~~"}],
)
def test_a_broken_link_opens_the_usual_view(query: dict[str, str]) -> None:
    assert filters_from(query) == Filters()
    assert filters_from({"comparison": "1"}) is None


def test_a_browser_can_send_anything() -> None:
    sent = (7, None, ["x"], {}, "t" * 9999, 0, "-1", "versions", object(), None, "yes")
    assert chosen_filters(sent).votes == "blind"
    assert len(shown(some_votes(), sent)) == COUNT


def test_every_figure_stands_with_its_votes() -> None:
    headline, figures = shown(every_kind_of_vote(), ("rag~fine-tuned", *USUAL[1:]))[:2]
    assert re.search(r"\d+ votes \(\d+ of them decided\) from 6 people on \d+ prompts", headline)
    assert "17 answers that had the machine to themselves" in headline
    assert figures.count("<table") == 6 + len(TITLES) and all(title in figures for title in TITLES.values())
    rows = rows_of(figures)
    assert len(rows) > 35
    for row in rows:
        assert any(re.search(r"\d", row.get(label, "")) for label in ("votes", "answers", "rests on")), row
    plotted = re.findall('<span class="said">(<b>.*?)</span>', figures)
    assert len(plotted) > 25 and all(re.search(r"\d (vote|answer)s?<", each) for each in plotted)
    assert "1 answer is left out" in figures and re.search(r"\d+ reasons in \d+ votes", figures)
    assert re.search(r"alpha is <b>.*?</b> .*?, from \d+ votes on \d+ pairs", figures)


def test_each_of_an_annotators_figures_says_how_many_votes_it_rests_on() -> None:
    figures = shown(every_kind_of_vote())[1]
    people = [row for row in rows_of(figures) if "seconds" in row]
    assert len(people) == 6 and any(row["repeats same"] != "–" for row in people)
    for row in people:
        votes, seconds = row.pop("votes"), row.pop("seconds")
        assert votes.isdigit() and re.fullmatch(r"\d+ \(\d+ votes?\)", seconds)
        assert all(text == "–" or re.search(r" of \d", text) for text in row.values()), row


def test_every_table_in_the_terminal_says_how_many_votes() -> None:
    tables: list[Table] = []

    class Seen:
        def print(self, *said: Any, **how: Any) -> None:
            tables.extend(each for each in said if isinstance(each, Table))

    _print(report(every_kind_of_vote(), Filters()), Seen())  # type: ignore[arg-type]
    heads = [[str(column.header) for column in table.columns] for table in tables]
    assert len(heads) == 7 and all({"Votes", "Answers"} & set(head) for head in heads)


def printed(votes: Any) -> str:
    console = Console(width=200, record=True, file=StringIO())
    _print(report(votes, Filters()), console)
    return console.export_text()


def test_the_terminal_says_what_the_page_says_of_doubt_reasons_and_consistency() -> None:
    votes = every_kind_of_vote()
    found, said = report(votes, Filters()), printed(votes)
    assert found.total is not None and found.bootstrap is not None
    lines = [" ".join(line.split()) for line in said.splitlines()]
    rests = f"{interval(found.bootstrap)} {found.bootstrap.votes}"
    assert f"{name(found.first)}, bootstrap (cautious) {percent(found.bootstrap.share)} {rests}" in lines
    assert sign_test(found) in lines and sign_test(found) in figures_html(found, name, False)
    for chosen, number, given in reasons_given(found, name):
        assert f"{chosen} {number} {' '.join(map(str, given.values()))}" in lines
    for each in found.annotators:
        assert " ".join([each.name, *(figure for _, figure in consistency(each, ""))]) in lines


def test_a_name_in_the_terminal_is_text_whatever_was_typed() -> None:
    said = printed(some_votes(annotators=["[/red]", "[bold]", "\x1b[2J", "d", "e", "f"]))
    assert "[/red]" in said and "[bold]" in said and "\ufffd[2J" in said and "\x1b" not in said


def test_plots_have_a_name_and_a_table() -> None:
    figures = figures_html(report(some_votes(), Filters()), name, False)
    assert figures.count('role="img"') == figures.count("aria-label=")
    assert figures.count('<details class="figures">') >= 2


def test_names_of_annotators_are_for_admins() -> None:
    seen, admins = (
        "".join(map(str, shown(some_votes(), rights=Rights(role)))) for role in (Role.ANNOTATOR, Role.ADMIN)
    )
    assert "person3" not in seen and "annotator 3" in seen
    assert "person3" in admins
    assert "person3" not in "".join(map(str, shown(some_votes())))


def test_somebody_without_the_right_gets_no_figure() -> None:
    rights = Rights(Role.VISITOR)
    rights.results = Role.ANNOTATOR
    headline, figures, *_ = shown(some_votes(), rights=rights)
    assert "Sign in first." in headline and not figures


def test_texts_from_the_database_cannot_do_harm() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    votes = some_votes(kind=np.arange(180) % 3, kinds=("", hostile, "b"), annotators=(hostile,) * 6)
    html = "".join(shown(votes, rights=Rights(Role.ADMIN))[:3])
    assert "<img" not in html and "&lt;img" in html


def test_without_votes_the_page_says_what_to_do() -> None:
    assert "Ask a question on the Compare page" in shown(judgements([]))[0]


def test_filters_that_leave_nothing_say_so_and_lead_out() -> None:
    said = headline_html(report(some_votes(blind=False), Filters()), name)
    assert "180 votes are left out" in said and "?results=all" in said


def test_trouble_with_the_database_is_said() -> None:
    page = ResultsPage(Standings(None, StorageError("arena.sqlite is locked")), SETTINGS)
    assert "arena.sqlite is locked" in page.show(*USUAL, None)[0]  # type: ignore[arg-type]


def test_a_day_that_is_none_is_named() -> None:
    values = (*USUAL[:8], "yesterday", "", True)
    assert "“yesterday” is not a day" in shown(some_votes(), values)[0]


def test_mixed_versions_are_never_silent() -> None:
    headline = shown(some_votes(right_version=np.where(np.arange(180) < 90, 1, 3)))[0]
    assert "several versions (2 of RAG)" in headline


def test_versions_can_be_chosen_once_there_are_several() -> None:
    one, two = (shown(some_votes(right_version=code))[3:] for code in (1, np.where(np.arange(180) < 90, 1, 3)))
    assert not one[7]["visible"] and two[7]["visible"]
    assert {value for _, value in two[7]["choices"]} == {"fine-tuned-1", "rag-1", "rag-2"}
