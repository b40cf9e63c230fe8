"""The scripted app over a real workspace: its documents are parsed, indexed and searched as they are, with a toy for an
embedder. `python -m tests.end_to_end.knowledge_app PORT WORKSPACE`."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy

from arena.device import Device
from arena.loading import Loading
from rag.desk import Desk
from rag.index import Index, open_or_build
from rag.settings import Settings
from tests.end_to_end.scripted_app import main
from tests.rag.bags import Bags


class SlowBags(Bags):
    """So that indexing can be watched."""

    def encode(self, texts: Sequence[str]) -> numpy.ndarray:
        time.sleep(0.4 if len(texts) > 1 else 0)
        return super().encode(texts)


def serve(port: int, workspace: Path) -> None:
    """Until killed."""
    settings = Settings(max_file_megabytes=1)
    index = Loading[Index]("document index", lambda report: open_or_build(workspace, SlowBags(), settings))
    main(port, 0.0, Desk(workspace, settings, index.start(), Device("local")))


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
