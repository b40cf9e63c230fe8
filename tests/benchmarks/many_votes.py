"""How long the Results page takes with very many votes: `python -m tests.benchmarks.many_votes [VOTES]`.

Simulated votes of 40 people in a database of its own. Seconds on the clock and on the processor: on a machine with
other work the first is longer. What the browser then takes to show it does not depend on the number of votes.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from arena.judgements import Filters
from commands.results import standings_of
from storage import DATABASE_FILE, open_history
from tests.simulated import seed
from ui.results import ResultsPage
from ui.settings import Settings

VOTES = 100_000
OPENED = ("", "blind", "", "", "", "", "", [], "", "", True)
FILTERED = ("", "blind", "trained", "", "", "", "", [], "", "", True)


def took(what: str, action: Callable[[], Any]) -> None:
    clock, processor = time.perf_counter(), time.process_time()
    action()
    print(f"{what}: {time.perf_counter() - clock:.2f} s, {time.process_time() - processor:.2f} s of processor time")


def main(votes: int = VOTES) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / DATABASE_FILE
        seed(path, votes, people=40)
        print(f"{votes:,} votes, a database of {path.stat().st_size / 1e6:.0f} MB")
        page = ResultsPage(standings_of(open_history(path)), Settings("benchmark"))

        def opened(values: tuple[Any, ...] = OPENED) -> list[Any]:
            return page.show(*values, None)  # type: ignore[arg-type]

        took("first opening, with the import of scipy and statsmodels", opened)
        took("opened again", opened)
        took("another filter", lambda: opened(FILTERED))
        seed(path, 3, number=2)
        took("opened after another vote: all votes read and counted anew", opened)
        headline = page.standings.report(Filters()).headline
        print(f"said: {headline.state}, {headline.leader}, {headline.rate}")
        print(f"sent to the browser: {sum(len(str(each)) for each in opened()) / 1000:.0f} kB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else VOTES)
