"""The scripted app over a real database and its queue, with everything that keeps votes safe:
`python -m tests.end_to_end.kept_app PORT WORKSPACE`."""

import sys
from pathlib import Path

from arena.workspace import open_workspace
from commands.keeping import kept_safe
from commands.queue import queue_of
from commands.shared import database
from commands.votes import Exporter
from tests.end_to_end.scripted_app import main


def serve(port: int, folder: Path) -> None:
    """Until killed."""
    workspace = open_workspace(folder)
    history = database(workspace)
    queue = queue_of(workspace, history.database)
    with kept_safe(workspace, history) as keeper:
        main(port, 0.0, history=history, keeper=keeper, exports=Exporter(workspace, history), queue=queue)


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
