"""The Gradio pages (Compare, Annotate, Results, History, Knowledge, Training, People) and the server that shows them.

Does not cover: answering (arena.runner), keeping (arena.ports.History), reading settings (app.py).
Importing this package is cheap; Gradio itself is imported by `build` and `launch`.
"""

from typing import TYPE_CHECKING, Any

from arena.knowledge import KnowledgeDesk
from arena.people import People
from arena.ports import Exports, History
from arena.queue import Filler, Queue
from arena.runner import Runner
from arena.standings import Standings
from arena.training import TrainingDesk
from ui import quick_gradio
from ui.ports import check_port
from ui.settings import DEFAULT_LABELS, Label, Settings

if TYPE_CHECKING:
    from gradio import Blocks

    from ui.rights import Rights

quick_gradio.prepare()

__all__ = ["DEFAULT_LABELS", "Label", "Settings", "build", "check_port", "launch"]


def build(
    runner: Runner,
    history: History,
    settings: Settings,
    desk: TrainingDesk | None = None,
    shelf: KnowledgeDesk | None = None,
    *,
    rights: "Rights | None" = None,
    people: People | None = None,
    standings: Standings | None = None,
    exports: Exports | None = None,
    queue: Queue | None = None,
    filler: Filler | None = None,
) -> "Blocks":
    """The pages, wired to `runner`, `history`, for the Training page to `desk`, for the Knowledge page to `shelf`, for
    the Results page to `standings`, for the People page to `people`, for the Annotate page to `queue` and `filler`,
    which fills it. `rights` says who may what; without, nobody signs in (`ui.rights.open_to_all`). `exports`: what may
    be downloaded. Raises `WorkspaceError` when the default sides are not there."""
    from ui.pages import build as build_pages

    with quick_gradio.without_app():
        return build_pages(
            runner,
            history,
            settings,
            desk,
            shelf,
            rights=rights,
            people=people,
            standings=standings,
            exports=exports,
            queue=queue,
            filler=filler,
        )


def launch(demo: "Blocks", settings: Settings, host: str = "127.0.0.1", port: int = 7860, **options: Any) -> None:
    """Serve the pages, print their address, and block until the process is stopped (see `ui.server.launch`)."""
    from ui.server import launch as launch_server

    launch_server(demo, settings, host, port, **options)
