"""Sequences of tokens, for the rooms that share a prompt's beginning: training rows and the judge."""

from collections.abc import Sequence


def common_beginning(rows: Sequence[Sequence[int]]) -> int:
    """How many leading tokens all rows share, leaving at least one to each."""
    shared, shortest = 0, min(map(len, rows)) - 1
    while shared < shortest and len({row[shared] for row in rows}) == 1:
        shared += 1
    return shared
