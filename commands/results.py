"""`python app.py results`: what the votes say, in the terminal; and the same for the page, kept until something is
cast."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from arena.errors import ArenaError
from arena.judgements import Filters, Judgements, JudgementSource
from arena.standings import Report
from arena.workspace import open_workspace
from commands.shared import WORKSPACE, database, said

KEPT = 32
"""Views kept; each is some kilobytes."""


class LazyStandings:
    """Implements `arena.standings.Standings` over a source of votes. scipy and statsmodels are imported with the first
    report; a view that was asked for before is kept until the votes change."""

    def __init__(self, source: JudgementSource) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._of: Judgements | None = None
        self._kept: dict[Filters, Report] = {}

    def report(self, filters: Filters) -> Report:
        judgements = self._source.judgements()
        with self._lock:
            if self._of is not judgements:
                self._of, self._kept = judgements, {}
            found = self._kept.get(filters)
        if found is None:
            from standings.report import report

            found = report(judgements, filters)
            with self._lock:
                if self._of is judgements:
                    if len(self._kept) >= KEPT:
                        self._kept.pop(next(iter(self._kept)))
                    self._kept[filters] = found
        return found

    def warm(self, after: Callable[[], object]) -> None:
        """Work out the usual view in the background once `after` returns, so that the page's first opening need not
        wait for scipy and for all votes to be read."""

        def work() -> None:
            # Whoever opens the page is told what is wrong; here nobody reads it.
            with suppress(ArenaError):
                after()
                self.report(Filters())

        threading.Thread(target=work, daemon=True, name="standings").start()


def standings_of(history: Any) -> LazyStandings:
    """Of a database's history."""
    from storage import DatabaseJudgements

    return LazyStandings(DatabaseJudgements(history.database))


def add_to(cli: typer.Typer) -> None:
    cli.command()(results)


def results(
    workspace: Path = WORKSPACE,
    pair: str = typer.Option("", help="Two contestants, like rag,fine-tuned; the pair with most votes if not given."),
    votes: str = typer.Option("blind", help="blind, open (names shown) or all."),
    kind: str = typer.Option("", "--class", help="A class of question: trained, documents only, unanswerable."),
    topic: str = typer.Option("", help="A topic."),
    document: str = typer.Option("", help="A document."),
    wording: str = typer.Option("", help="trained or held out."),
    versions: str = typer.Option("", help="Versions' short names, separated by commas."),
    since: str = typer.Option("", help="First day that counts, like 2026-05-01."),
    until: str = typer.Option("", help="Last day that counts."),
    without_hasty: bool = typer.Option(False, "--without-hasty", help="Leave hasty votes out."),
    json_: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Print what the votes say: who is ahead, how sure that is, and the tables."""
    from ui.results_terminal import print_results

    def action() -> None:
        filters = Filters(
            pair=_split(pair),
            votes=votes,
            kind=kind,
            topic=topic,
            document=document,
            wording=wording,
            versions=_split(versions),
            since=since,
            until=until,
            hasty=not without_hasty,
        )
        print_results(standings_of(database(open_workspace(workspace))), filters, json_)

    said(action)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
