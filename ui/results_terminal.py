"""What the votes say, for a terminal: the page's headline and its tables, or everything as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from arena.errors import InvalidPrompt
from arena.judgements import Filters
from arena.standings import Report, Split, Standings
from ui.results_words import (
    BOOTSTRAP_WANTS,
    NONE,
    VOTES,
    Namer,
    by_contestant,
    consistency,
    counted,
    interval,
    percent,
    reasons_given,
    sentence,
    sign_test,
    unreadable_days,
    warning,
)
from ui.settings import Settings


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
    _print_sure(report, name, console)
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
    _print_reasons(report, name, console)
    _print_people(report, name, console)


def _print_sure(report: Report, name: Namer, console: Console) -> None:
    """The rate with each of its intervals, ties and both bad, and the sign test."""
    rates = {
        f"{name(report.first)}, by prompt and person": report.total.rate if report.total else None,
        f"{name(report.first)}, bootstrap (cautious)": report.bootstrap,
        f"{name(report.first)}, as if independent": report.wilson,
        "tie, of all votes": report.ties,
        "both bad, of all votes": report.both_bad,
    }
    rows = [
        (label, percent(rate.share), interval(rate), f"{rate.votes:,}")
        if rate
        else (label, NONE, BOOTSTRAP_WANTS if "bootstrap" in label else NONE, NONE)
        for label, rate in rates.items()
    ]
    _table(console, "How sure", ("", "Share", "95 %", "Votes"), rows)
    if test := sign_test(report):
        console.print(test, highlight=False)


def _print_reasons(report: Report, name: Namer, console: Console) -> None:
    """How often each reason was given, by what was chosen."""
    given = reasons_given(report, name)
    reasons = dict.fromkeys(reason for _, _, times in given for reason in times)
    rows = [(chosen, f"{votes:,}", *(f"{times.get(each, 0):,}" for each in reasons)) for chosen, votes, times in given]
    if reasons:
        _table(console, "Reasons given", ("Chosen", "Votes", *reasons), rows)


def _print_people(report: Report, name: Namer, console: Console) -> None:
    """Agreement, and how steady each annotator is."""
    if report.alpha:
        alpha = report.alpha
        console.print(
            f"Krippendorff's alpha {alpha.alpha:.2f} (95 % interval {alpha.low:.2f} to {alpha.high:.2f}), "
            f"{counted(alpha.votes, 'vote')} on {counted(alpha.pairs, 'pair')}.",
            highlight=False,
        )
    people = {each.name: consistency(each, name(report.first)) for each in report.annotators}
    if people:
        titles = [title for title, _ in next(iter(people.values()))]
        rows = [(who, *(figure for _, figure in known)) for who, known in people.items()]
        _table(console, "Annotators", ("", *titles), rows)


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
        table.add_row(*map(_harmless, row))
    console.print(table)


def _harmless(text: str) -> str:
    """As it is, and nothing that a terminal or Rich would obey: people typed some of it."""
    return escape("".join(character if character.isprintable() else "\ufffd" for character in text))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
