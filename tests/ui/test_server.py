"""Starting: cheap imports, and messages that help."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import ui
from arena.errors import ArenaError, WorkspaceError
from arena.runner import Runner
from tests.fakes import FakeHistory
from ui.server import Guard

ROOT = Path(__file__).parents[2]


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_room_does_not_import_gradio() -> None:
    assert run_python("import sys, ui; print('gradio' in sys.modules)") == "False"


def test_the_pages_need_nothing_heavy() -> None:
    code = (
        "import sys, ui.pages, ui.server;"
        "print([m for m in ('torch', 'transformers', 'langchain', 'faiss', 'sqlalchemy') if m in sys.modules])"
    )
    assert run_python(code) == "[]"


def test_gradio_does_not_rewrite_its_stubs_at_import() -> None:
    code = "import ui.pages, gradio.component_meta as m; print(m.create_or_modify_pyi.__name__)"
    assert run_python(code) == "<lambda>"


def test_a_taken_port_is_named_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ArenaError, match=rf"Port {port} .* is taken.*--port"):
            ui.check_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])  # the second is reserved for documentation
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(ArenaError, match=f"'{host}' is not an address of this machine: use --host"):
        ui.check_port(host, 7860)


@pytest.mark.parametrize("port", [-1, 0, 65536, 70000])
def test_a_port_that_does_not_exist_is_refused(port: int) -> None:
    with pytest.raises(ArenaError, match=f"There is no port {port}: choose one from 1 to 65535"):
        ui.check_port("127.0.0.1", port)


def test_default_sides_that_do_not_exist_are_refused_at_start() -> None:
    with pytest.raises(WorkspaceError, match="fine-tuned"):
        ui.build(Runner({}), FakeHistory(), ui.Settings(workspace="x"))


@pytest.mark.parametrize("path", ["/monitoring", "/monitoring/summary", "/monitoring/key", "/team/monitoring/summary"])
def test_the_traffic_is_closed_while_gradio_still_starts(path: str) -> None:
    # Gradio's summary answers until `launch` comes to its end; the server takes requests before.
    def gradio(request: Request) -> PlainTextResponse:
        return PlainTextResponse("all its traffic")

    guarded = Guard(Starlette(routes=[Route("/{path:path}", gradio)]), may_upload=lambda _: False)
    with TestClient(guarded) as client:
        assert client.get("/page").text == "all its traffic"
        assert client.get(path).status_code == 404
