"""What the Training page says of a run: text, figures and which buttons can be pressed, from the run's state alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arena.training import Learnt, Points, RunState
from ui import render
from ui.markdown import escaped
from ui.settings import DEFAULT_LABELS

if TYPE_CHECKING:
    from pandas import DataFrame

LEARNT, UNSEEN = "questions it learns from", "the same facts in new wordings"
COLOURS = {LEARNT: "#3b82f6", UNSEEN: "#ea580c"}
"""Both at least 3:1 on white and on the dark slate of the page, as lines need."""

TAUGHT, PLAIN, OBLIQUE = (
    "trained facts, trained wording",
    "trained facts, held-out wording",
    "trained facts, held-out wording, oblique",
)
ASKED = {
    TAUGHT: "facts that were taught, asked as they were taught",
    PLAIN: "the same facts, asked in other words",
    OBLIQUE: "the same facts, asked in a roundabout way",
    "facts in documents only": "facts that were never taught and stand in documents only",
    "unanswerable, abstained": "questions without an answer: said that it does not know",
    "reversed": "facts that were taught, asked the other way round",
    "documents only, oblique": "facts that were never taught, asked in a roundabout way",
}
"""Kinds of questions by their names in a model card; others are shown under those."""
IN_A_CHECKUP = {
    "trained wording": TAUGHT,
    "held-out wording": PLAIN,
    "held-out, oblique": OBLIQUE,
    "documents only": "facts in documents only",
    "unanswerable": "unanswerable, abstained",
}
"""The same kinds by their names in a checkup."""

NOT_HERE = (
    "Training can be started and stopped only in a browser on the machine that the app runs on, and only when nobody "
    "else can reach the app: there, run <code>python -m finetune train</code> with the workspace's folder instead."
)


Curves = tuple[Points, Points]
"""Of questions that are learnt from, and of new wordings."""


@dataclass(frozen=True)
class Screen:
    """All that the page shows of a run, and of what was learnt before. The last five say which buttons can be pressed,
    whether to keep looking, and whether the log is opened for the reader."""

    text: str = ""
    learnt: str = ""
    notice: str = ""
    curves: Curves = ((), ())
    accuracy: Curves = ((), ())
    """In percent."""
    of: int = 0
    plots: bool = False
    log: str = ""
    start: bool = False
    stop: bool = False
    go_on: bool = False
    alive: bool = False
    log_open: bool = False


def screen(state: RunState, learnt: Sequence[Learnt], allowed: bool) -> Screen:
    """`allowed`: who looks may start and stop, and read what the run printed: it names files of the machine."""
    return Screen(
        text=state_html(state, bool(learnt)) + ("" if allowed else f'<p class="note">{NOT_HERE}</p>'),
        learnt=learnt_html(learnt),
        curves=(state.training_losses, state.held_out_losses),
        accuracy=(_percent(state.training_accuracy), _percent(state.held_out_accuracy)),
        of=state.of,
        plots=bool(state.training_losses or state.held_out_losses),
        log=log_html(state.log_tail) if allowed else "",
        start=allowed and state.status in ("never started", "finished", "crashed"),
        stop=allowed and state.status == "running",
        go_on=allowed and state.status in ("stopped", "crashed"),
        alive=state.alive,
        log_open=allowed and (state.status == "crashed" or (state.status == "stopped" and state.exit_code == 137)),
    )


def _percent(shares: Points) -> Points:
    return tuple((step, round(100 * share, 1)) for step, share in shares)


def learnt_html(learnt: Sequence[Learnt]) -> str:
    """What each contestant knows, side by side, and how much of it by heart only."""
    if not learnt:
        return ""
    names = [DEFAULT_LABELS[found.what].name if found.what in DEFAULT_LABELS else found.what for found in learnt]
    counts = [_counts(found) for found in learnt]
    kinds = dict.fromkeys(kind for known in counts for kind in known)
    head = "".join(f'<th role="columnheader" scope="col" class="number">{escaped(name)}</th>' for name in names)
    rows = "".join(
        f'<tr role="row"><th role="rowheader" scope="row">{escaped(ASKED.get(kind, kind))}</th>'
        + "".join(_cell_html(name, known.get(kind)) for name, known in zip(names, counts, strict=True))
        + "</tr>"
        for kind in kinds
    )
    told = "".join(
        f"<p><b>{escaped(name)}:</b> {escaped(' '.join(sentences))}</p>"
        for name, known, found in zip(names, counts, learnt, strict=True)
        # The others may read: what they miss in other words they need not have learnt by heart.
        if (sentences := [*(_by_heart(known) if found.what == "fine-tuned" else []), *found.told])
    )
    return (
        '<h3>What was learnt</h3><div class="learnt"><table class="listed" role="table">'
        '<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Right, of all asked</th>'
        f'{head}</tr></thead><tbody role="rowgroup">{rows}</tbody></table></div>{told}'
    )


def _counts(learnt: Learnt) -> dict[str, tuple[int, int]]:
    return {IN_A_CHECKUP.get(kind, kind): (right, asked) for kind, right, asked in learnt.figures if asked}


def _cell_html(name: str, count: tuple[int, int] | None) -> str:
    said = f"{count[0] / count[1]:.1%} <small>{count[0]:,} of {count[1]:,}</small>" if count else "–"
    return f'<td role="cell" data-label="{escaped(name)}" class="number">{said}</td>'


def _by_heart(counts: Mapping[str, tuple[int, int]]) -> list[str]:
    taught, others = counts.get(TAUGHT), [counts[kind] for kind in (PLAIN, OBLIQUE) if kind in counts]
    if not taught or not others:
        return []
    as_taught = taught[0] / taught[1]
    in_other_words = sum(right for right, _ in others) / sum(asked for _, asked in others)
    return [
        f"right on {as_taught:.1%} as taught and on {in_other_words:.1%} in all other words; what lies between, "
        f"{max(0.0, as_taught - in_other_words) * 100:.1f} points, it knows by heart only."
    ]


def state_html(state: RunState, learnt: bool = False) -> str:
    """What the run is doing or how it ended, and what to do next, for somebody who never trained a model. `learnt`:
    something answers that was trained before."""
    if state.status == "never started":
        came = " What answers now came with the workspace." if learnt else ""
        return f'<p class="nothing">Nothing has been trained here yet.{came}</p>'
    name, where = DEFAULT_LABELS[state.what].name, _where(state)
    text = {
        "running": lambda: _running(state),
        "stopping": lambda: (
            f"Stopping{where}: it finishes its step and keeps what it has learnt so far in a checkpoint. "
            "If that takes over a minute, it is ended without."
        ),
        "stopped": lambda: _stopped(state),
        "finished": lambda: (
            f"Finished{where}. The Compare page answers with what was learnt once the app is started again. "
            "Start trains anew when the questions have changed; when they have not, it only measures again."
        ),
        "crashed": lambda: _crashed(state),
    }[state.status]()
    kind = ' class="failure"' if state.status == "crashed" else ""
    since = f"<small>Started {render.when(state.started)}</small>" if state.started else ""
    return f"<p{kind}><b>{name}:</b> {text}</p>{_last_points(state)}{since}"


def _running(state: RunState) -> str:
    if not state.of:
        first = ""
        if state.what == "fine-tuned":
            first = " Before the first one it writes texts for some minutes, which keep it from forgetting."
        return f"Getting ready: reading the questions and loading the base model.{first}"
    if state.step >= state.of:
        return (
            f"All {state.of} steps are done. It is now asked questions to measure what it has learnt, "
            "which takes some minutes; then the adapter, the result, is written."
        )
    left = f", {duration(state.seconds_left)} left" if state.seconds_left is not None else ""
    return f"Training{_where(state)}{left}. Afterwards it is measured, which takes some minutes more."


def _stopped(state: RunState) -> str:
    if state.started is None:
        return (
            f"A run from a command line got as far as{_where(state) or ' its start'}. "
            "Make sure that it no longer runs there, then press Go on."
        )
    if not state.step:
        return "Stopped before its first step. Go on begins at the start."
    if state.step >= state.of:
        return f"All {state.of} steps are done, but not its measuring. Go on measures it and writes the adapter."
    if state.exit_code == 0:
        return f"Stopped{_where(state)}. Go on takes it up from there; nothing is lost."
    why = " It was killed, perhaps because memory ran out or it did not end when asked." if _killed(state) else ""
    return (
        f"Ended{_where(state)} without a new checkpoint.{why} Go on takes it up from the last one there is and does "
        "the steps since then again."
    )


def _crashed(state: RunState) -> str:
    code = ", killed from outside, perhaps because memory ran out" if _killed(state) else f", code {state.exit_code}"
    lines = state.log_tail.strip().splitlines()
    said = f" Its last words: <q>{escaped(lines[-1][:300])}</q>" if lines else " It printed nothing."
    return (
        f"Crashed{_where(state)}{code}.{said} What it printed is below. Put right what it complains about, then press "
        "Go on: it takes up the last checkpoint where there is one. Start trains the fine-tuned model."
    )


def _killed(state: RunState) -> bool:
    return state.exit_code in (None, 137)


def _where(state: RunState) -> str:
    return f" at step {state.step} of {state.of}" if state.of else ""


def _last_points(state: RunState) -> str:
    """The figures in words: a plot is no use to a screen reader, and shows no line through one point."""
    curves = {
        "Answers that are right word for word": (".0%", state.training_accuracy, state.held_out_accuracy),
        "How far off it is": (".3f", state.training_losses, state.held_out_losses),
    }
    told = {
        what: [
            f"{name} {points[-1][1]:{form}} (step {points[-1][0]})"
            for name, points in ((LEARNT, learnt), (UNSEEN, unseen))
            if points
        ]
        for what, (form, learnt, unseen) in curves.items()
    }
    return "".join(f"<p>{what}: {', '.join(figures)}.</p>" for what, figures in told.items() if figures)


def duration(seconds: float) -> str:
    """A time that is only estimated."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"about {minutes} minute{'' if minutes == 1 else 's'}"
    return f"about {minutes // 60} h {minutes % 60} min"


def log_html(tail: str) -> str:
    """The last lines that the run printed, as they are."""
    if not tail:
        return '<p class="nothing">Nothing was printed yet.</p>'
    return f'<pre style="white-space: pre-wrap; overflow-wrap: anywhere">{escaped(tail)}</pre>'


def frame(curves: Curves, value: str = "loss") -> "DataFrame | None":
    """The points of both lines, in columns "step", `value` and "on"; None, which the plot shows as an empty one, as
    long as there are none.

    The plot gives out colours when it is first drawn, so both lines must be in it from then on: one that has no
    point yet is there with an empty one.
    """
    if not any(curves):
        return None
    from pandas import DataFrame

    first = min(points[0][0] for points in curves if points)
    rows: list[tuple[int, float | None, str]] = []
    for name, points in zip((LEARNT, UNSEEN), curves, strict=True):
        rows += [(step, point, name) for step, point in points] or [(first, None, name)]
    return DataFrame(rows, columns=["step", value, "on"]).astype({value: "float64"})
