"""The commands' output: one comparison in a terminal, and the evaluation's table. Does not make contestants."""

import json
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from arena.answer import Answer
from arena.comparison import Comparison
from arena.evaluation import HELD_OUT, SPLITS, Asked, BatchAnswer, Notebook, Row, measure_accuracy, tally
from arena.events import Waiting
from arena.ports import History
from arena.question import Question, checked_prompt
from arena.queue import QueueStatus
from arena.runner import Runner

Ask = Callable[[str, str], Answer]
"""(contestant, question) -> its answer, taken alone: for latency."""


def ask_once(
    runner: Runner, history: History, question: str, versions: Mapping[str, str], as_json: bool
) -> dict[str, Answer]:
    """Run one comparison of the two default sides, save it, print it."""
    text = checked_prompt(question)
    console, errors = Console(), Console(stderr=True)
    comparison = Comparison(text, "fine-tuned", "rag", blind=False, asked_by="command line", versions=dict(versions))
    history.save(comparison)
    stop = threading.Event()
    seed = secrets.randbelow(2**31)
    run = runner.start({name: Question(text) for name in (comparison.left, comparison.right)}, stop, seed)
    comparison = comparison.with_run(seed, run.order)
    told = ""
    try:
        for stamped in run:
            if isinstance(stamped.event, Waiting) and stamped.event.reason != told:
                told = stamped.event.reason
                errors.print(Text(told, style="dim"))
    except KeyboardInterrupt:
        stop.set()
    answers = run.answers()
    if as_json:
        everything = {"comparison": comparison.id, "question": text}
        everything["answers"] = {name: as_data(answer) for name, answer in answers.items()}  # type: ignore[assignment]
        console.print_json(json.dumps(everything, default=str))
    else:
        for name, answer in answers.items():
            print_answer(console, name, answer)
    # Last: a database that refuses must not keep the answers from the person who waited for them.
    history.save(comparison.with_answers(answers))
    return answers


def as_data(answer: Answer) -> dict[str, Any]:
    """An answer as plain data, tokens per second included."""
    data = asdict(answer)
    data["timings"]["tokens_per_second"] = answer.timings.tokens_per_second
    return data


def print_answer(console: Console, name: str, answer: Answer) -> None:
    """Name, text or failure, and the clock."""
    console.rule(name, align="left")
    console.print(Text(answer.failure or answer.text or "(no text)", style="red" if answer.failure else ""))
    timings = answer.timings
    parts = [
        f"{label} {value:.2f} s"
        for label, value in (
            ("queue", timings.queue),
            ("retrieval", timings.retrieval),
            ("first token", timings.first_token),
            ("total", timings.total),
        )
        if value is not None
    ]
    if timings.tokens_per_second:
        parts.append(f"{timings.tokens_per_second:.0f} tokens/s")
    parts.append(f"{timings.prompt_tokens} prompt and {timings.answer_tokens} answer tokens")
    if timings.contended:
        parts.append("contended: something else used the machine")
    console.print(Text(" · ".join(parts), style="dim"))
    for passage in answer.passages or ():
        unused = "" if passage.used else " (found, not used)"
        console.print(Text(f"  {passage.score:.2f}  {passage.document}, {passage.location}{unused}", style="dim"))


def evaluate_all(
    asked: Sequence[Asked],
    batches: Mapping[str, tuple[Mapping[str, str], BatchAnswer]],
    ask: Ask,
    notebook: Notebook,
    timed: int,
    as_json: bool,
) -> list[Row]:
    """Measure each contestant (identity, batch answerer by name) and print the table.

    `timed` questions, spread over the set, are asked again one at a time for latency; contended ones are dropped.
    """
    rows = []
    errors = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors) as progress:
        for name, (identity, batch) in batches.items():
            task = progress.add_task(f"{name}: accuracy", total=len(asked))
            for done in measure_accuracy(asked, name, identity, batch, notebook):
                progress.update(task, completed=done)
            sample = list(asked)[:: max(1, len(asked) // timed)][:timed] if timed else []
            task = progress.add_task(f"{name}: latency", total=len(sample))
            latencies = []
            for item in sample:
                answer = ask(name, item.text)
                if answer.timings.total is not None and not answer.timings.contended:
                    latencies.append(answer.timings.total)
                progress.advance(task)
            rows.append(tally(asked, name, identity, notebook, latencies))
    if as_json:
        Console().print_json(json.dumps([asdict(row) for row in rows]))
    else:
        Console().print(table(rows))
    return rows


def table(rows: Sequence[Row]) -> Table:
    """A column to a contestant, so that it fits a terminal; shares in per cent with what they rest on."""
    result = Table(title="Right answers; for unanswerable questions: abstained")
    result.add_column("questions")
    for row in rows:
        result.add_column(row.contestant)
    lines = {**{split: (split,) for split in SPLITS}, "all held-out, answerable": HELD_OUT}
    for name, splits in lines.items():
        result.add_row(name, *(_share(row, *splits) for row in rows))
    latencies = ["-" if row.median_latency is None else f"{row.median_latency:.2f} ({row.timed} alone)" for row in rows]
    result.add_row("median seconds", *latencies)
    return result


def _share(row: Row, *splits: str) -> str:
    share = row.share(*splits)
    total = sum(row.counts.get(split, (0, 0))[1] for split in splits)
    return "-" if share is None else f"{share:.1%} of {total}"


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """A bar over `total` steps; the function handed out makes one, and says what went wrong with it."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    ) as progress:
        task = progress.add_task(what, total=total)

        def step(trouble: str) -> None:
            progress.advance(task)
            if trouble:
                progress.console.print(Text(trouble, style="red"))

        yield step


def print_queue(status: QueueStatus) -> None:
    """The annotators' queue: how far it is, why pairs failed, and what each person did."""
    console = Console()
    console.print(
        f"{status.prompts} prompts. Pairs: {status.ready} ready, {status.waiting} waiting for answers, "
        f"{status.failed} failed. Votes: {status.votes} of {status.wanted}; {status.reserved} pairs on screens now."
    )
    for why, number in Counter(status.failures.values()).most_common():
        console.print(Text(f"failed ({number}): {why}", style="red"))
    if status.failures:
        console.print("Try those again with: python app.py queue retry")
    if not status.people:
        return
    people = Table("annotator", "votes", "skipped", "judged alike when shown again", "quicker than reading")
    for one in status.people:
        same = f"{one.same} of {one.repeats}" if one.repeats else "-"
        people.add_row(Text(one.annotator), str(one.votes), str(one.skipped), same, str(one.hasty))
    console.print(people)
