"""Plots of shares and of seconds: rows with a point and its interval, drawn as small SVGs. Pure functions, every text
escaped; positions are in percent, so that a plot is as wide as its place.

A screen reader hears a plot's title; the numbers are in the table that goes with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from arena.standings import Latency, Rate, Split
from ui.markdown import escaped
from ui.results_words import Namer, counted, interval, percent


@dataclass(frozen=True)
class Row:
    """A line of a plot: what it is of, the share, and what to say of how many votes."""

    label: str
    rate: Rate | None
    votes: str
    missing: str = "no decided votes"
    strong: bool = False


def shares(title: str, rows: Sequence[Row], ends: tuple[str, str], *, sided: bool = True) -> str:
    """Shares with their intervals, 0 to 100 %. `ends` says what lies at either end. `sided`: an interval that leaves
    out 50 % has the colour of its side."""
    lines = "".join(_share(row, sided) for row in rows)
    axis = (
        f'<div class="axis"><span></span><span class="ends"><span>{escaped(ends[0])}</span>'
        f"<span>50 %</span><span>{escaped(ends[1])}</span></span><span></span></div>"
    )
    return f'<div class="plot" role="img" aria-label="{escaped(title)}">{lines}{axis}</div>'


def _share(row: Row, sided: bool) -> str:
    rate, strong = row.rate, " strong" if row.strong else ""
    if rate is None:
        drawn, said = "", escaped(row.missing)
    else:
        decided = "first" if rate.low > 0.5 else "second" if rate.high < 0.5 else "open"
        side = decided if sided else "plain"
        drawn = (
            f'<line class="reach {side}" x1="{rate.low:.2%}" x2="{rate.high:.2%}" y1="11" y2="11"></line>'
            f'<circle class="{side}" cx="{rate.share:.2%}" cy="11" r="{6 if row.strong else 5}"></circle>'
        )
        said = f"<b>{percent(rate.share)}</b> <small>{interval(rate)} · {escaped(row.votes)}</small>"
    track = (
        '<svg width="100%" height="22" aria-hidden="true" focusable="false">'
        '<line class="rail" x1="0%" x2="100%" y1="11" y2="11"></line>'
        + ('<line class="half" x1="50%" x2="50%" y1="1" y2="21"></line>' if sided else "")
        + f"{drawn}</svg>"
    )
    return (
        f'<div class="line{strong}"><span class="what">{escaped(row.label)}</span>'
        f'<span class="track">{track}</span><span class="said">{said}</span></div>'
    )


def stacked(total: Split, first: str, second: str) -> str:
    """All votes of a pair as one bar: first, tie, both bad, second."""
    parts = (
        (first, "first", total.wins),
        ("tie", "tie", total.ties),
        ("both bad", "bad", total.both_bad),
        (second, "second", total.losses),
    )
    votes = max(total.votes, 1)
    bars = "".join(f'<span class="{kind}" style="flex-grow: {count}"></span>' for _, kind, count in parts if count)
    legend = "".join(
        f'<span><i class="{kind}"></i>{escaped(name)} <b>{count:,}</b> <small>{percent(count / votes)}</small></span>'
        for name, kind, count in parts
    )
    said = ", ".join(f"{name} {counted(count, 'vote')}" for name, _, count in parts)
    bar = f'<div class="stack" role="img" aria-label="All votes: {escaped(said)}">{bars}</div>'
    return f'{bar}<div class="legend">{legend}</div>'


def durations(found: Sequence[Latency], name: Namer) -> str:
    """Boxes of seconds: the line from the fastest 5 to the slowest 5 %, the box half of all, the mark the median."""
    longest = max((each.total[4] for each in found if each.total), default=1.0)
    end = longest * 1.02
    lines = []
    for each in found:
        if each.total is None:
            continue
        low, quarter, median, _, high = (f"{value / end:.2%}" for value in each.total)
        width = f"{(each.total[3] - each.total[1]) / end:.2%}"
        first = (
            f'<circle class="token" cx="{each.first_token[2] / end:.2%}" cy="11" r="4"></circle>'
            if each.first_token
            else ""
        )
        track = (
            '<svg width="100%" height="22" aria-hidden="true" focusable="false">'
            f'<line class="reach" x1="{low}" x2="{high}" y1="11" y2="11"></line>'
            f'<rect class="box" x="{quarter}" width="{width}" y="4" height="14" rx="3"></rect>'
            f'<line class="median" x1="{median}" x2="{median}" y1="2" y2="20"></line>{first}</svg>'
        )
        lines.append(
            f'<div class="line"><span class="what">{escaped(name(each.contestant))}</span>'
            f'<span class="track">{track}</span><span class="said"><b>{each.total[2]:.2f} s</b> '
            f"<small>95 % within {each.total[4]:.1f} s · {counted(each.answers, 'answer')}</small></span></div>"
        )
    axis = (
        f'<div class="axis"><span></span><span class="ends"><span>0 s</span><span>{end / 2:.1f} s</span>'
        f"<span>{end:.1f} s</span></span><span></span></div>"
    )
    title = "Seconds of an answer, by contestant, with the median, the middle half and the middle 90 %"
    return f'<div class="plot times" role="img" aria-label="{title}">{"".join(lines)}{axis}</div>'
