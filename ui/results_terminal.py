"""What the votes say, for a terminal: the page's headline and its tables, or everything as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from arena.errors import InvalidPrompt
from arena.judgements import Filters
from arena.standings import Report, Split, Standings
from ui.results_words import (
    VOTES,
    Namer,
    by_contestant,
    counted,
    interval,
    percent,
    sentence,
    unreadable_days,
    warning,
)
from ui.settings import Settings

NONE = "–"


def print_results(standings: Standings, filters: Filters, as_json: bool = False) -> None:
    """Raises `InvalidPrompt` for filters that cannot be."""
    if filters.votes not in VOTES:
        raise InvalidPrompt(f"'{filters.votes}' is no kind of vote: use {', '.join(VOTES)}.")
    if complaint := unreadable_days(filters):
        raise InvalidPrompt(complaint)
    report = standings.report(filters)
    if filters.pair and (report.first, report.second) != filters.pair:
        known = ", ".join("/".join(pair) for pair, _ in report.options.pairs) or "none yet"
        raise InvalidPrompt(f"'{','.join(filters.pair)}' is no pair with votes: there is {known}.")
    if as_json:
        print(json.dumps(asdict(report), default=_plain, ensure_ascii=False))
        return
    _print(report, Console())


def _print(report: Report, console: Console) -> None:
    def name(contestant: str) -> str:
        return Settings("").label(contestant).name

    console.print(sentence(report, name), style="bold", markup=False, highlight=False)
    if mixed := warning(by_contestant(report), name):
        console.print(mixed, style="yellow", markup=False)
    if report.total is None or not report.total.votes:
        return
    _print_splits(report, name, console)
    if report.ranking.strengths:
        strengths = [
            (name(each.contestant), percent(each.chance), f"{each.low:.0%}–{each.high:.0%}", f"{each.votes:,}")
            for each in report.ranking.strengths
        ]
        head = ("", "Preferred to an average other", "95 %", "Votes")
        _table(console, "All contestants (Bradley-Terry)", head, strengths)
    if report.latencies:
        _print_latencies(report, name, console)
    effects = [
        (each.name, percent(each.rate.share), interval(each.rate), f"{each.rate.votes:,}")
        for each in report.effects
        if each.rate
    ]
    if effects:
        _table(console, "Preferred when only this differs", ("", "Share", "95 %", "Votes"), effects)
    if report.alpha:
        alpha = report.alpha
        console.print(
            f"Krippendorff's alpha {alpha.alpha:.2f} (95 % interval {alpha.low:.2f} to {alpha.high:.2f}), "
            f"{counted(alpha.votes, 'vote')} on {counted(alpha.pairs, 'pair')}.",
            highlight=False,
        )


def _print_splits(report: Report, name: Namer, console: Console) -> None:
    """The pair's votes, all of them and by group; each row is counts."""
    if report.total is None:
        return
    first, second = name(report.first), name(report.second)
    rows = [_split_row("all", report.total)]
    rows += [
        _split_row(f"{group}: {split.name}", split)
        for group, splits in report.groups.items()
        for split in splits
        if len(splits) > 1
    ]
    head = ("Votes", first, second, "Ties", "Both bad", f"{first} of decided", "95 %")
    _table(console, f"{first} against {second}", head, rows)


def _print_latencies(report: Report, name: Namer, console: Console) -> None:
    times = [
        (
            name(each.contestant),
            f"{each.first_token[2]:.2f} s" if each.first_token else NONE,
            f"{each.total[2]:.2f} s" if each.total else NONE,
            f"{each.total[4]:.2f} s" if each.total else NONE,
            f"{each.answers:,}",
        )
        for each in report.latencies
    ]
    _table(console, "Uncontended answers", ("", "First token, median", "Total, median", "95 %", "Answers"), times)


def _split_row(label: str, split: Split) -> tuple[str, ...]:
    rate = (percent(split.rate.share), interval(split.rate)) if split.rate else (NONE, NONE)
    return (label, *(f"{count:,}" for count in (split.wins, split.losses, split.ties, split.both_bad)), *rate)


def _table(console: Console, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for place, column in enumerate(head):
        table.add_column(column, justify="right" if place else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
