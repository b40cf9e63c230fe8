"""Votes made up for the tests of standings, as columns; whatever is not named is as usual."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from arena.judgements import Judgements, Repeats, Timed, Version

NAMES = ("fine-tuned", "rag", "base")
DAY = datetime(2026, 3, 1, tzinfo=UTC)


def judgements(outcome: Any, **columns: Any) -> Judgements:
    """One vote for each `outcome` (LEFT, RIGHT, TIE, BOTH_BAD): fine-tuned left, rag right, a prompt and a comparison
    each, by one annotator, names hidden."""
    outcome = np.asarray(outcome, dtype=np.int32)
    count = len(outcome)

    def ints(value: Any = 0) -> np.ndarray:
        return np.array(np.broadcast_to(value, count), dtype=np.int32)

    def bools(value: Any = False) -> np.ndarray:
        return np.array(np.broadcast_to(value, count), dtype=bool)

    made: dict[str, Any] = {
        "newest": count,
        "contestants": NAMES,
        "annotators": tuple(f"person{number}" for number in range(1, int(np.max(columns.get("annotator", 0))) + 2)),
        "kinds": ("", "trained", "documents only"),
        "topics": ("",),
        "documents": ("",),
        "wordings": ("",),
        "versions": tuple(Version(name, f"{name}-1", DAY) for name in NAMES) + (Version("rag", "rag-2", DAY),),
        "reason_names": ("correct", "clear"),
        "timed": timed({}),
        "contended": timed({}),
        "repeats": Repeats(ints()[:0], ints()[:0], bools()[:0]),
        "comparison": ints(np.arange(count)),
        "prompt": ints(np.arange(count)),
        "annotator": ints(),
        "left": ints(0),
        "right": ints(1),
        "outcome": outcome,
        "blind": bools(True),
        "queued": bools(True),
        "plain": bools(),
        "hasty": bools(),
        "cast_at": np.full(count, DAY.timestamp()),
        "seconds": np.full(count, 20.0),
        "left_length": ints(100),
        "right_length": ints(100),
        "left_version": ints(0),
        "right_version": ints(1),
    }
    names = ("kind", "topic", "document", "wording", "left_citations", "right_citations", "reasons")
    made |= {name: ints() for name in names}
    for name, value in columns.items():
        own = isinstance(made[name], np.ndarray)
        made[name] = np.array(np.broadcast_to(value, count), dtype=made[name].dtype) if own else value
    return Judgements(**made)


def timed(totals: dict[int, list[float]]) -> Timed:
    """Answers that took so many seconds, by contestant; half of it to the first token."""
    codes = np.array([code for code, seconds in totals.items() for _ in seconds], dtype=np.int32)
    total = np.array([each for seconds in totals.values() for each in seconds], dtype=float)
    return Timed(codes, codes, np.full(len(codes), DAY.timestamp()), total / 2, total)
