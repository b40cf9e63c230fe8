"""The tables behind the plots of the Results page: each row has its votes or answers. Pure functions, every text
escaped."""

from collections.abc import Mapping, Sequence

from arena.standings import Annotator, Latency, Split
from ui.markdown import escaped
from ui.results_plots import Row
from ui.results_words import NONE, Namer, consistency, interval, percent


def person_html(each: Annotator, first: str, names_shown: bool) -> str:
    """One annotator's row. `names_shown`: to somebody who may know the name."""
    who = each.name if names_shown else f"annotator {each.place}"
    body = "".join(
        f'<td class="number" data-label="{escaped(label)}">{text}</td>' for label, text in consistency(each, first)
    )
    return f'<tr><th scope="row">{escaped(who)}</th>{body}</tr>'


def rates_table(rows: Sequence[Row]) -> str:
    """Shares with their intervals, as plotted."""
    body = "".join(
        f'<tr><th scope="row">{escaped(row.label)}</th>'
        + (
            f'<td class="number" data-label="share">{percent(row.rate.share)}</td>'
            f'<td class="number" data-label="95 % interval">{interval(row.rate)}</td>'
            f'<td class="number" data-label="rests on">{escaped(row.votes)}</td>'
            if row.rate
            else f'<td colspan="3">{escaped(row.missing)}</td>'
        )
        + "</tr>"
        for row in rows
    )
    return _table(("", "Share", "95 % interval", "Rests on"), body)


def splits_table(splits: Sequence[Split], first: str, second: str) -> str:
    """Groups with their votes counted."""
    body = "".join(
        f'<tr><th scope="row">{escaped(split.name)}</th>'
        + "".join(
            f'<td class="number" data-label="{escaped(label)}">{text}</td>'
            for label, text in (
                ("votes", f"{split.votes:,}"),
                (first, f"{split.wins:,}"),
                (second, f"{split.losses:,}"),
                ("ties", f"{split.ties:,}"),
                ("both bad", f"{split.both_bad:,}"),
                ("share", percent(split.rate.share) if split.rate else NONE),
                ("95 % interval", interval(split.rate) if split.rate else NONE),
                ("as if independent", interval(split.wilson) if split.wilson else NONE),
            )
        )
        + "</tr>"
        for split in splits
    )
    head = ("", "Votes", first, second, "Ties", "Both bad", f"{first} of decided", "95 % interval", "As if independent")
    return _table(head, body)


def latency_table(found: Sequence[Latency], name: Namer) -> str:
    """Medians and slow ends, by contestant."""
    body = "".join(
        f'<tr><th scope="row">{escaped(name(each.contestant))}</th>'
        + "".join(
            f'<td class="number" data-label="{label}">{text}</td>'
            for label, text in (
                ("first token, median", f"{each.first_token[2]:.2f} s" if each.first_token else NONE),
                ("first token, 95 %", f"{each.first_token[4]:.2f} s" if each.first_token else NONE),
                ("total, median", f"{each.total[2]:.2f} s" if each.total else NONE),
                ("total, 95 %", f"{each.total[4]:.2f} s" if each.total else NONE),
                ("answers", f"{each.answers:,}"),
            )
        )
        + "</tr>"
        for each in found
    )
    head = ("", "First token, median", "First token, 95 %", "Total, median", "Total, 95 %", "Answers")
    return _table(head, body)


def reasons_table(rows: Sequence[tuple[str, int, Mapping[str, int]]]) -> str:
    """How often each reason was given, by what was chosen: (that, the votes for it, times by reason). Not folded."""
    columns = {reason: None for _, _, given in rows for reason in given}
    head = "".join(f'<th scope="col" class="number">{escaped(title)}</th>' for title in ("Votes", *columns))
    body = "".join(
        f'<tr><th scope="row">{escaped(chosen)}</th><td class="number" data-label="votes">{votes:,}</td>'
        + "".join(
            f'<td class="number" data-label="{escaped(reason)}">{given.get(reason, 0):,}</td>' for reason in columns
        )
        + "</tr>"
        for chosen, votes, given in rows
    )
    return (
        f'<table class="listed"><thead><tr><th scope="col">Chosen</th>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def _table(head: Sequence[str], body: str) -> str:
    titles = "".join(
        f'<th scope="col" class="number">{escaped(title)}</th>' if title else '<td class="corner"></td>'
        for title in head
    )
    return (
        f'<details class="figures"><summary>Table</summary><table class="listed"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{body}</tbody></table></details>"
    )
