"""Tells on the standard error what is being done and how long it will take: a bar in a terminal, else lines."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from rag.documents import Progress

EVERY = 10.0
"""Seconds between two lines about the same work."""


def progress_bar() -> Bar:
    """To be entered before `told` uses it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    left, console = TextColumn("left"), Console(stderr=True)
    return Bar(*columns, left, console=console, transient=True, disable=not console.is_terminal)


def told(bar: Bar) -> Progress:
    """A progress that is shown in the bar or, where that cannot be seen, as lines."""
    if not bar.console.is_terminal:
        return lines(lambda line: bar.console.print(line, soft_wrap=True, highlight=False))
    tasks: dict[str, TaskID] = {}

    def tell(doing: str, done: int, total: int) -> None:
        if doing not in tasks:
            tasks[doing] = bar.add_task(doing)
        bar.update(tasks[doing], completed=done, total=max(total, 1))

    return tell


def lines(say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> Progress:
    """A progress in lines: each kind of work when it begins, then every ten seconds."""
    began: dict[str, tuple[float, int]] = {}
    last = 0.0

    def tell(doing: str, done: int, total: int) -> None:
        nonlocal last
        now = clock()
        if doing not in began:
            began[doing] = now, done
            if done < total:
                say(f"{doing}: {total:,}" if total > 1 else doing)
                last = now
        elif now - last >= EVERY and done < total:
            start, before = began[doing]
            rate = (done - before) / (now - start)
            left = f", {_duration((total - done) / rate)} left" if rate > 0 else ""
            say(f"{doing}: {done:,} of {total:,}{left}" if total > 1 else doing)
            last = now

    return tell


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
