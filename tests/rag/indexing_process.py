"""Indexing processes that can be killed: imports everything once, then forks one for each line on standard input.

A line is JSON: `workspace`, `processes` (how many at once), and what kills them: `after` that many seconds or `before`
that many'th file operation. The answer is a line too: how each ended, and what those that lived have to say.
"""

import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy

from rag.index import open_or_build

OPERATIONS = {"open", "os.rename", "os.remove", "os.mkdir", "os.listdir", "os.scandir", "fcntl.flock"}


class ToyEmbedder:
    """Unit vectors that depend on the text alone; slow enough that a kill finds it at work."""

    identity, query_identity = "toy", ""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def encode(self, texts: Sequence[str]) -> numpy.ndarray:
        time.sleep(self.seconds if texts else 0.0)
        rows = [numpy.frombuffer(hashlib.sha256(text.encode()).digest(), dtype=numpy.uint8) for text in texts]
        vectors = numpy.array(rows, dtype=numpy.float32).reshape(-1, 32) - 127.5
        return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)

    def encode_query(self, texts: Sequence[str]) -> numpy.ndarray:
        return self.encode(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


def index(workspace: Path, before: int | None) -> dict[str, object]:
    """What a process does that is not killed from outside."""
    operations = 0

    def count(event: str, _: object) -> None:
        nonlocal operations
        if event in OPERATIONS:
            operations += 1
            if operations == before:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    said: list[str] = []
    began = time.monotonic()
    opened = open_or_build(workspace, ToyEmbedder(0.002), progress=lambda doing, *_: said.append(doing))
    return {
        "seconds": time.monotonic() - began,
        "operations": operations,
        "status": opened.report.status,
        "embedded": opened.report.embedded,
        "said": sorted(set(said)),
    }


def forked(workspace: Path, before: int | None) -> tuple[int, int]:
    """A child's process id, and where its words can be read."""
    reading, writing = os.pipe()
    if child := os.fork():
        os.close(writing)
        return child, reading
    try:
        os.write(writing, json.dumps(index(workspace, before)).encode())
        os._exit(0)
    finally:
        os._exit(1)


def endings(children: list[tuple[int, int]], after: float | None) -> Iterator[dict[str, object]]:
    if after is not None:
        time.sleep(after)
        for child, _ in children:
            os.kill(child, signal.SIGKILL)
    for child, reading in children:
        _, status = os.waitpid(child, 0)
        with os.fdopen(reading) as words:
            told = words.read()
        yield {"killed": os.WIFSIGNALED(status), "told": json.loads(told) if told else None}


if __name__ == "__main__":
    for line in sys.stdin:
        wanted = json.loads(line)
        started = [forked(Path(wanted["workspace"]), wanted.get("before")) for _ in range(wanted.get("processes", 1))]
        print(json.dumps(list(endings(started, wanted.get("after")))), flush=True)
