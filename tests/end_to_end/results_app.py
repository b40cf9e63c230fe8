"""The scripted app with a Results page over simulated votes in a real database, made where there is none.
`python -m tests.end_to_end.results_app PORT DATABASE VOTES`."""

import sys
from pathlib import Path

from commands.results import standings_of
from storage import open_history
from tests.end_to_end.scripted_app import main
from tests.simulated import seed


def serve(port: int, database: Path, votes: int) -> None:
    """Until killed."""
    if not database.exists() and votes:
        seed(database, votes)
    standings = standings_of(open_history(database))
    standings.warm(after=lambda: None)
    main(port, 0.0, standings=standings)


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
