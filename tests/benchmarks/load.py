"""`python -m tests.benchmarks.load`: 100 annotators vote for two minutes while 20 visitors compare.

Over HTTP as a browser does it (Gradio's queue and its stream), against a server process of its own. An annotator sits
down at the Annotate page and then judges a pair about every ten seconds, each time by another button; a visitor asks
again and again. A vote's time is from sending it to the page that says "Saved" and shows the next pair. At the end,
the database must hold what was acknowledged, and the server's memory must hardly have grown in the last quarter of the
time.
"""

import argparse
import asyncio
import itertools
import json
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from arena.comparison import Choice
from storage import DATABASE_FILE
from ui.annotate_screen import vote_id

ROOT = Path(__file__).parents[2]
CHOICES = (Choice.LEFT, Choice.TIE, Choice.BOTH_BAD, Choice.RIGHT)
STARTING = 180.0
PATIENCE = 60.0
"""Seconds after which an answer to a click counts as an error."""
STEADY = 0.05
"""As much more memory than in the quarter of the time before may be used in the last one. What grows in the first half
is what is loaded once: pages, statements, the pool's threads."""


@dataclass
class Measured:
    """Seconds of votes and comparisons that succeeded, errors by their words, the server's memory in MB each second,
    and the share of the time in which the server computed."""

    votes: list[float] = field(default_factory=list)
    comparisons: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)
    computing: float = 0.0

    def __str__(self) -> str:
        return (
            f"votes: {_shares(self.votes)}\ncomparisons: {_shares(self.comparisons)}\n"
            f"errors: {sum(self.errors.values())}{f' {dict(self.errors)}' if self.errors else ''}\n"
            f"memory, median by quarters of the time: {', '.join(f'{each:.0f}' for each in self._quarters())} MB; "
            f"grown by {self.grown:.1%} in the last one (wanted: {STEADY:.0%} at most)\n"
            f"the server computed in {self.computing:.0%} of the time (of one processor)"
        )

    @property
    def grown(self) -> float:
        *_, before, last = self._quarters()
        return last / before - 1

    def _quarters(self) -> list[float]:
        seconds = len(self.memory)
        bounds = [seconds * quarter // 4 for quarter in range(5)]
        return [statistics.median(self.memory[start:end]) for start, end in itertools.pairwise(bounds)]


def _shares(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return f"{len(seconds)}"
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return f"{len(seconds):,}, p50 {cuts[49]:.2f} s, p95 {cuts[94]:.2f} s, slowest {max(seconds):.2f} s"


class Pages:
    """Which of Gradio's functions stand behind the components, read from the page's own configuration."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._ids = {one["props"].get("elem_id"): one["id"] for one in config["components"]}
        self._events = config["dependencies"]

    def of(self, element: str, happens: str = "click") -> dict[str, Any]:
        """The first function on the server that a click on this element calls, or what else happens to it."""
        wanted, calls = [self._ids[element], happens], (one for one in self._events if one["backend_fn"])
        return next(event for event in calls if wanted in [list(target) for target in event["targets"]])

    def after(self, event: dict[str, Any]) -> dict[str, Any]:
        """The first function on the server that follows."""
        follows = (one for one in self._events if one.get("trigger_after") == event["id"] and one["backend_fn"])
        return next(follows)


class Browser:
    """One open page. `mark`: the pair that it shows, "" for none."""

    def __init__(self, client: httpx.AsyncClient, pages: Pages, name: str) -> None:
        self.client, self.pages, self.name = client, pages, name
        self.session = uuid.uuid4().hex
        self.mark = ""

    async def ask(self, question: str) -> str:
        """Ask, and wait until both have answered; the text of the page at the end."""
        begin = self.pages.of("ask")
        await self._call(begin, [question, "fine-tuned", "rag", False, self.name, None])
        asked = self.pages.after(begin)
        await self._call(asked, [None])
        return json.dumps(await self._call(self.pages.after(asked), [None]), ensure_ascii=False)

    async def sit_down(self) -> None:
        """Open the Annotate page."""
        _, self.mark, *_ = await self._call(self.pages.of("annotate_tab", "select"), [self.name, None])

    async def vote(self, choice: Choice) -> str:
        """Press its button; what the page says of it. The next pair is on the screen then."""
        words, button = [[], "", ""], self.pages.of(vote_id(choice))
        self.mark, _, notice, saved, *_ = await self._call(button, [*words, self.mark, self.name, None])
        return saved or notice

    async def look_around(self, choice: Choice) -> None:
        """What the page asks by itself after a vote: the pair after the next one."""
        await self._call(self.pages.after(self.pages.of(vote_id(choice))), [None])

    async def _call(self, event: dict[str, Any], data: list[Any]) -> list[Any]:
        body = {"data": data, "fn_index": event["id"], "session_hash": self.session}
        joined = await self.client.post("/gradio_api/queue/join", json=body)
        joined.raise_for_status()
        parameters = {"session_hash": self.session}
        async with self.client.stream("GET", "/gradio_api/queue/data", params=parameters) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    message = json.loads(line.removeprefix("data:"))
                    if message.get("msg") == "process_completed":
                        if not message["success"]:
                            raise RuntimeError(str(message["output"].get("error")))
                        return list(message["output"]["data"])
        raise RuntimeError("the stream ended without an answer")


async def annotate(browser: Browser, until: float, pace: float, measured: Measured, draw: random.Random) -> None:
    choices = itertools.cycle(CHOICES)
    await asyncio.sleep(draw.uniform(0, pace))
    while time.monotonic() < until:
        choice, began = next(choices), time.perf_counter()
        try:
            said = await asyncio.wait_for(browser.vote(choice), PATIENCE)
            if "Saved: " in said:
                measured.votes.append(time.perf_counter() - began)
                await asyncio.wait_for(browser.look_around(choice), PATIENCE)
            else:
                measured.errors[f"not saved: {said}"[:120]] += 1
        except Exception as error:
            measured.errors[f"vote: {type(error).__name__}: {error}"[:120]] += 1
        await asyncio.sleep(draw.uniform(0.5, 1.5) * pace)


async def compare(browser: Browser, until: float, measured: Measured) -> None:
    for turn in itertools.count():
        if time.monotonic() >= until:
            return
        began = time.perf_counter()
        try:
            said = await asyncio.wait_for(browser.ask(f"Visitor's question {turn}?"), PATIENCE)
            if "Both answers are complete." in said:
                measured.comparisons.append(time.perf_counter() - began)
            else:
                measured.errors["no two answers"] += 1
        except Exception as error:
            measured.errors[f"comparison: {type(error).__name__}: {error}"[:120]] += 1


async def watch(process: psutil.Process, until: float, measured: Measured) -> None:
    began, before = time.monotonic(), sum(process.cpu_times()[:2])
    while time.monotonic() < until:
        measured.memory.append(process.memory_info().rss / 1e6)
        await asyncio.sleep(1)
    measured.memory.append(process.memory_info().rss / 1e6)
    measured.computing = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)


async def load(address: str, server: int, asked: argparse.Namespace) -> Measured:
    measured, draw = Measured(), random.Random(1)
    # A connection that the server closes while it is idle would look like an error: none is kept.
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE, limits=limits) as client:
        pages = Pages((await client.get("/config")).json())
        annotators = [Browser(client, pages, f"annotator {number}") for number in range(asked.annotators)]
        for some in _tens(annotators):
            await asyncio.gather(*(one.sit_down() for one in some))
        visitors = [Browser(client, pages, f"visitor {number}") for number in range(asked.visitors)]
        until = time.monotonic() + asked.seconds
        await asyncio.gather(
            watch(psutil.Process(server), until, measured),
            *(annotate(one, until, asked.pace, measured, draw) for one in annotators),
            *(compare(one, until, measured) for one in visitors),
        )
    return measured


def _tens(annotators: list[Browser]) -> list[list[Browser]]:
    return [annotators[start : start + 10] for start in range(0, len(annotators), 10)]


def kept(folder: Path, acknowledged: int) -> tuple[str, bool]:
    """What the database says of it, once the server has ended, and whether that is what was acknowledged. A pair that
    is shown to somebody again is judged, but no vote."""
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as database:
        (votes,) = database.execute("SELECT count(*) FROM vote_history").fetchone()
        (sent,) = database.execute("SELECT count(sent_at) FROM outbox").fetchone()
        (again,) = database.execute("SELECT count(*) FROM ballot WHERE state = 'voted' AND repeats <> ''").fetchone()
        sound = database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    told = f"database: {votes:,} votes, {sent:,} of them backed up, and {again:,} on pairs shown again"
    return f"{told}; {'in order' if sound else 'NOT in order'}", sound and votes + again == acknowledged


def main(arguments: list[str]) -> int:
    """Run it, print what was measured, and return 1 when there was an error, or memory that went on growing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--annotators", type=int, default=100)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--pace", type=float, default=10.0, help="Mean seconds between two votes of an annotator.")
    asked = parser.parse_args(arguments)
    from tests.end_to_end.conftest import free_port

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "workspace.toml").write_text(f'[votes]\nelsewhere = "{folder}/elsewhere"\n')
        port = free_port()
        command = [sys.executable, "-m", "tests.benchmarks.load_server", str(port), str(folder)]
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            _wait(f"http://127.0.0.1:{port}/healthz", server, folder / "log")
            measured = asyncio.run(load(f"http://127.0.0.1:{port}", server.pid, asked))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
        print(f"{asked.annotators} annotators and {asked.visitors} visitors for {asked.seconds:.0f} s")
        told, right = kept(folder, len(measured.votes))
        print(f"{measured}\n{told}{'' if right else f', but {len(measured.votes):,} were acknowledged'}")
    return int(bool(measured.errors) or not right or measured.grown > STEADY)


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + STARTING
    while time.monotonic() < until and server.poll() is None:
        try:
            httpx.get(address, timeout=5)
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise SystemExit(f"the server did not start: {log.read_text()[-2000:]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
