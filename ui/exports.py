"""Downloads of everything that is kept, for admins: links on the History page, and the routes behind them.

A route of our own rather than a component: rights are asked at each download, and no file stays behind.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import gradio as gr
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from arena.errors import ArenaError, NotAllowed
from arena.people import Role
from arena.ports import Exports
from ui import compare
from ui.markdown import escaped
from ui.rights import Rights


def routes(exports: Exports, rights: Rights) -> list[Route]:
    """`/export/KIND`, with `?anonymous=1` for pseudonyms."""

    # Not a coroutine: Starlette runs it in a thread, and nobody else waits for a large file.
    def download(request: Request) -> Response:
        kind = request.path_params["kind"]
        folder = Path(tempfile.mkdtemp(prefix="export-"))
        try:
            rights.require(request, Role.ADMIN)
            if kind not in exports.kinds:
                return _refused(folder, f"There is no export '{kind}': there are {', '.join(exports.kinds)}.", 404)
            path = exports.write(kind, folder, request.query_params.get("anonymous") == "1")
        except NotAllowed as error:
            return _refused(folder, str(error), 403)
        except ArenaError as error:
            return _refused(folder, f"Nothing was exported: {error}", 409)
        gone = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
        return FileResponse(path, filename=path.name, background=gone, headers={"cache-control": "no-store"})

    return [Route("/export/{kind}", download)]


def _refused(folder: Path, text: str, status: int) -> Response:
    shutil.rmtree(folder, ignore_errors=True)
    return PlainTextResponse(text, status)


def lay_out(exports: Exports, rights: Rights, tab: gr.Tab) -> None:
    """Draw the links inside the current `gr.Blocks`; they are there for whoever may follow them."""
    shown = gr.HTML("", elem_id="export", js_on_load=None)
    tab.select(show(exports, rights), None, shown, **compare.HIDDEN)


def show(exports: Exports, rights: Rights) -> Callable[[gr.Request], str]:
    """The handler that fills the links in."""

    def show_exports(request: gr.Request) -> str:
        return links_html(exports) if rights.may(request, Role.ADMIN) else ""

    return show_exports


def links_html(exports: Exports) -> str:
    """A list of downloads."""
    items = "".join(f"<li>{_link(kind)}, {escaped(text)}</li>" for kind, text in exports.kinds.items())
    hiding = ", ".join(_link(kind, "?anonymous=1") for kind in exports.kinds if kind not in exports.nameless)
    return (
        "<details><summary>Download everything that was asked, answered and voted</summary>"
        f'<ul class="downloads">{items}</ul>'
        f"<p>With pseudonyms instead of names: {hiding}. What people wrote stays as they wrote it.</p></details>"
    )


def _link(kind: str, query: str = "") -> str:
    # Not `download`: a browser would then say nothing of why there is no file.
    return f'<a href="export/{escaped(kind)}{query}" target="_blank" rel="noopener">{escaped(kind.upper())}</a>'
