"""A server process and a browser. `fast_server`: scripted contestants. `real_server`: app.py on the demo workspace.

A missing Chromium skips these tests and says so; REQUIRE_BROWSER=1 makes it a failure instead.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(
    command: list[str], port: int, log: Path, patience: float, environment: dict[str, str] | None = None
) -> Iterator[str]:
    """Start a server, wait for its /healthz, hand out its address, end it."""
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + patience
            while True:
                try:
                    urllib.request.urlopen(f"{address}/healthz", timeout=5)
                    break
                except (urllib.error.URLError, OSError):
                    assert process.poll() is None, f"the server ended at start: {log.read_text()[-2000:]}"
                    assert time.monotonic() < deadline, f"no page after {patience} s: {log.read_text()[-2000:]}"
                    time.sleep(0.05)
            yield address
        finally:
            process.terminate()
            process.wait(15)


@pytest.fixture(scope="module")
def fast_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    log = tmp_path_factory.mktemp("server") / "log"
    yield from serve([sys.executable, "-m", "tests.end_to_end.scripted_app", str(port)], port, log, 60)


@pytest.fixture(scope="module")
def asked_for(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file in which `real_server` writes whom outside this machine it wanted to reach."""
    return tmp_path_factory.mktemp("network") / "asked for"


@pytest.fixture(scope="module")
def real_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo workspace as on its first start, so that a test leaves no votes in it."""
    leftovers = shutil.ignore_patterns("arena.sqlite*", "index", "runs", "*.tmp")
    return Path(shutil.copytree(ROOT / "demo", tmp_path_factory.mktemp("real") / "demo", ignore=leftovers))


@pytest.fixture(scope="module")
def real_server(real_workspace: Path, asked_for: Path) -> Iterator[str]:
    """The whole app, on a machine without a network, which nothing tells it of."""
    port = free_port()
    command = [sys.executable, "app.py", "--workspace", str(real_workspace), "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    environment |= {"PYTHONPATH": str(Path(__file__).parent / "watched"), "ASKED_FOR": str(asked_for)}
    yield from serve(command, port, real_workspace.parent / "log", 120, environment)


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[..., Any]]:
    """Starts a Chromium, with more arguments if it is given some; whoever starts one closes it."""
    executable = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        executable = None
    if executable is None:
        reason = "no Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM to its path"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    expect.set_options(timeout=20_000)  # how fast a page is, benchmarks tell; a busy machine fails nothing
    with sync_playwright() as playwright:

        def started(*arguments: str) -> Any:
            usual = ["--no-sandbox", "--disable-dev-shm-usage"]
            return playwright.chromium.launch(executable_path=executable, args=[*usual, *arguments])

        yield started


@pytest.fixture(scope="session")
def browser(launch: Callable[..., Any]) -> Iterator[Any]:
    started = launch()
    yield started
    started.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address in a fresh browser profile: `open_page(url, width=390, scheme="dark")`."""
    contexts = []

    def opener(address: str, width: int = 1280, height: int = 900, scheme: str = "light", context: Any = None) -> Any:
        if context is None:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
            )
            contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(address)
        # A name in the box means that the page's load events have run.
        page.wait_for_function("document.querySelector('#annotator input, #annotator textarea')?.value", timeout=30_000)
        return page

    yield opener
    for context in contexts:
        context.close()
