"""`make bench`: our overhead over the bare engine, as ratios measured side by side in one run; start time; memory.

For each prompt, in turn: the contestant through the runner, then the very same messages straight to the engine, word by
word, then to transformers' own `generate`, which gives the answer as a whole.
Then training against TRL's own defaults, indexing and searching at scale, against raw FAISS, and 100 annotators who
vote for two minutes while 20 visitors compare. The other modules here are run by name alone, for they take minutes:
`python -m tests.benchmarks.injection`.
"""

import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

from arena.question import Question
from arena.runner import answer_all
from arena.workspace import open_workspace
from wiring import Parts

DEMO = Path("demo")
PROMPTS = 8


def direct(engine: object, messages: object, adapter: str) -> tuple[float, float]:
    """(seconds to the first piece, to the end) of the engine alone."""
    began, first = time.perf_counter(), None
    for piece in engine.stream(messages, adapter, lambda: False):  # type: ignore[attr-defined]
        if piece.text and first is None:
            first = time.perf_counter() - began
    return first or 0.0, time.perf_counter() - began


def whole(engine: object, messages: object, adapter: str) -> float:
    """Seconds of transformers' `generate` on the engine's model."""
    began = time.perf_counter()
    engine.answer_batch([messages], adapter)  # type: ignore[attr-defined]
    return time.perf_counter() - began


def contestants() -> None:
    workspace = open_workspace(DEMO)
    parts = Parts(workspace).start()
    runner, engine = parts.runner(), parts.engine.value()
    from arena.facts import load_facts
    from models.chat import as_messages

    facts = [fact for fact in load_facts(workspace.questions) if fact.kind == "trained"]
    prompts = [fact.held_out[0] for fact in facts[:: len(facts) // PROMPTS][:PROMPTS]]
    for name in ("fine-tuned", "rag", "base"):
        contestant = parts.contestant(name)
        answer_all(runner, {name: Question(prompts[0])})  # warm
        firsts, totals, searching, ratios = [], [], [], []
        for prompt in prompts:
            timings = answer_all(runner, {name: Question(prompt)})[name].timings
            messages = as_messages(contestant.messages(prompt))
            if not messages:  # the judge accepted no sentence: the model is not asked, there is nothing to compare
                continue
            bare_first, bare_total = direct(engine, messages, contestant.model.adapter)
            if timings.total and timings.first_token and bare_first:
                found = timings.retrieval or 0.0
                firsts.append(timings.first_token)
                totals.append(timings.total)
                searching.append(found)
                written = timings.total - found
                bare_whole = whole(engine, messages, contestant.model.adapter)
                ratios.append(((timings.first_token - found) / bare_first, written / bare_total, written / bare_whole))
        first, total, generated = (statistics.median(each[index] for each in ratios) for index in range(3))
        retrieval = f", retrieval {statistics.median(searching):.2f} s of it" if any(searching) else ""
        print(
            f"{name}: first token {statistics.median(firsts):.2f} s, total {statistics.median(totals):.2f} s"
            f"{retrieval}; without retrieval {first:.2f} x and {total:.2f} x the bare engine, "
            f"{generated:.2f} x transformers' generate, {len(ratios)} prompts"
        )
    print(f"memory: {psutil.Process().memory_info().rss / 1e6:.0f} MB")


def page_start() -> None:
    began = time.perf_counter()
    server = subprocess.Popen([sys.executable, "app.py", "--port", "7899"], stdout=subprocess.DEVNULL)
    try:
        while time.perf_counter() - began < 60:
            try:
                with urllib.request.urlopen("http://127.0.0.1:7899/healthz", timeout=1) as answer:
                    if answer.status == 200:
                        print(f"page up after {time.perf_counter() - began:.2f} s")
                        return
            except OSError:
                time.sleep(0.02)
    finally:
        server.terminate()
        server.wait()


TOGETHER = (("training",), ("reindex", "--documents", "1000"), ("scale",), ("load",))
"""What `make bench` runs of them, each in a process of its own, which it leaves nothing behind in."""


def run(*command: str) -> int:
    return subprocess.run([sys.executable, "-m", f"tests.benchmarks.{command[0]}", *command[1:]]).returncode


if __name__ == "__main__":
    page_start()
    contestants()
    sys.exit(max(run(*command) for command in TOGETHER))
