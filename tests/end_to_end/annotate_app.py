"""The scripted app with an annotators' queue in a database, filled and answered as the real one is.
`python -m tests.end_to_end.annotate_app PORT FOLDER [PROMPTS]`."""

import sys
from pathlib import Path

from arena.ahead import Ahead
from arena.annotation import QueuedPrompt, Source
from arena.queue import QueueSettings
from arena.runner import Runner
from arena.workspace import open_workspace
from commands.filling import QueueFiller
from storage import DATABASE_FILE, DatabaseHistory, DatabaseQueue, open_database
from tests.end_to_end.scripted_app import main
from tests.fakes import FakeContestant, said

LONG = (
    "# Power\n\nThe Fernlight 200 draws **11 watts** in normal operation [1].\n\n- The larger one draws 18 watts\n"
    "- Both run on 24 volts\n\nWrite both figures on your load list before you buy a supply, and leave some room."
)


def serve(port: int, folder: Path, prompts: int) -> None:
    """Until killed."""
    database = open_database(folder / DATABASE_FILE)
    queue, history = DatabaseQueue(database, QueueSettings()), DatabaseHistory(database)
    texts = [f"How many watts does number {place} draw in normal operation?" for place in range(prompts)]
    queue.add([QueuedPrompt(text, Source.IMPORTED) for text in texts], [("fine-tuned", "rag")])
    scripts = {"fine-tuned": said("About 11 watts."), "rag": said(LONG)}
    contestants = {name: FakeContestant(name, script=script) for name, script in scripts.items()}
    Ahead(Runner(contestants), queue, {}).work_off()
    (folder / "documents").mkdir()
    filler = QueueFiller(open_workspace(folder), queue, history, list(contestants))
    main(port, 0.0, queue=queue, filler=filler)


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 15)
