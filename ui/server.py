"""Serves the pages: port, headers, health, and what of Gradio we do not want is switched off."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from arena.people import Role
from arena.ports import Exports
from ui import exports as downloads
from ui.ports import check_port, port_taken
from ui.quick_gradio import without_app
from ui.rights import Allowed, Asked, Rights, open_to_all
from ui.settings import Settings
from ui.theme import theme

HERE = Path(__file__).parent

MAX_WAITING = 512
"""Events waiting in all of Gradio's queues together; a full queue refuses votes too, so it is generous."""

# Gradio compiles its templates in the browser, hence 'unsafe-eval'. Nothing loads from or sends to elsewhere.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self' https://huggingface.co https://*.hf.space",
    ]
)

CLOSED = ("run/", "api/", "call/", "deep_link", "process_recording", "component_server", "proxy=", "vibe", "dev/")
"""Gradio's ways to call handlers directly, to save sessions and to follow source files: the pages use none of them."""
MONITORING = "monitoring"
"""Its pages on the traffic. Gradio closes them itself only once the server has answered for a moment."""
UPLOAD = "upload"
"""Its way to leave files, which the Knowledge page uses: for those who may add documents."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]


class Guard:
    """Security headers on every response, and no way in but the pages' own queue. Plain ASGI: Starlette's own
    base class would hold up the streams."""

    HEADERS = [
        (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        # Or a browser looks up the hosts of all links it shows: a name alone can carry data out.
        (b"x-dns-prefetch-control", b"off"),
    ]

    def __init__(self, app: Asgi, may_upload: Allowed) -> None:
        self.app, self.may_upload = app, may_upload

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self.HEADERS]
            await send(message)

        path = str(scope.get("path", ""))
        _, _, call = path.partition("/gradio_api/")
        closed = call.startswith(CLOSED) or MONITORING in path.split("/")
        if scope["type"] == "http" and call.startswith(UPLOAD):
            closed = not await run_in_threadpool(self.may_upload, Request(scope))
        if scope["type"] == "http" and closed:
            await JSONResponse({"detail": "Not found"}, 404)(scope, receive, send_with_headers)
        else:
            await self.app(scope, receive, send_with_headers)


def health(settings: Settings, rights: Rights) -> Callable[[Request], JSONResponse]:
    """The /healthz answer: 200 once the page is up; `ready` once everything has loaded. Anybody may ask how each part
    is; details, such as how many votes there are, are for admins."""

    # Not a coroutine: Starlette then asks in a thread, and a slow database cannot hold up the pages.
    def healthz(request: Request) -> JSONResponse:
        states = settings.status()
        told = ("status", "detail") if rights.may(request, Role.ADMIN) else ("status",)
        parts = {name: {each: getattr(state, each) for each in told} for name, state in states.items()}
        ready = all(state.status == "ready" for state in states.values())
        return JSONResponse({"ok": True, "ready": ready, "version": settings.code_version, "parts": parts})

    return healthz


STYLES = ("style.css", "annotate.css")
SCRIPTS = ("page.js", "annotate.js")


def looks() -> dict[str, Any]:
    """How the pages look and the little they do in the browser. Each script is one function, called once."""
    styles = [(HERE / name).read_text(encoding="utf-8") for name in STYLES]
    scripts = [(HERE / name).read_text(encoding="utf-8") for name in SCRIPTS]
    calls = "\n".join(f"({script.strip()})();" for script in scripts)
    return {"theme": theme(), "css": "\n".join(styles), "js": f"() => {{\n{calls}\n}}"}


def manners(settings: Settings, may_upload: Allowed, routes: Sequence[Route] = ()) -> dict[str, Any]:
    """What of Gradio is on and what is off. `routes`: pages beside Gradio's."""
    return {
        "prevent_thread_lock": True,
        "quiet": True,
        "show_error": False,
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "mcp_server": False,
        "share": False,
        "pwa": False,
        "max_file_size": settings.upload_megabytes * 1_000_000,
        "app_kwargs": {
            "openapi_url": None,
            "docs_url": None,
            "redoc_url": None,
            "middleware": [Middleware(Guard, may_upload=may_upload)],
            "routes": list(routes),
        },
    }


def launch(
    demo: gr.Blocks,
    settings: Settings,
    host: str = "127.0.0.1",
    port: int = 7860,
    *,
    rights: Rights | None = None,
    exports: Exports | None = None,
    doors: Sequence[Route] = (),
    root_path: str | None = None,
    ready: Callable[[], object] | None = None,
    block: bool = True,
) -> None:
    """Serve and print the address; with `block`, until the process is interrupted.

    `rights` and `exports` as in `ui.build`; `doors`: the pages for signing in. `ready` is called once the page is up:
    heavy loading that starts there cannot hold the page up.

    Raises:
        ArenaError: the port is taken or the host is not this machine's.
    """
    check_port(host, port)
    with without_app():
        demo.queue(api_open=False, max_size=MAX_WAITING)
    rights = rights or open_to_all(demo)
    checked = Route("/healthz", health(settings, rights))
    routes = [checked, *doors, *(downloads.routes(exports, rights) if exports is not None else ())]

    def may_upload(request: Asked) -> bool:
        return settings.upload_megabytes > 0 and rights.may(request, Role.ADMIN)

    kept = manners(settings, may_upload, routes)
    try:
        demo.launch(server_name=host, server_port=port, root_path=root_path, **looks(), **kept)
    except OSError as error:
        raise port_taken(host, port) from error
    print(
        f"Open http://{'localhost' if host == '0.0.0.0' else host}:{port} (workspace {settings.workspace})", flush=True
    )
    if ready is not None:
        ready()
    if block:
        demo.block_thread()
