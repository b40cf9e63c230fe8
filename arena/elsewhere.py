"""Votes on a disk that may go away: the one interface to a place that stays, and what a page says of it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol


class Elsewhere(Protocol):
    """Keeps small files under names like "votes/3f/ab12.json". Any method may raise whatever its network raises."""

    @property
    def pause(self) -> float:
        """Seconds to gather files before they are put, so that a place that counts requests is not asked too often."""
        ...

    def put(self, files: Mapping[str, bytes]) -> None:
        """Keep these before returning. A name that is there already gets the same content again."""
        ...

    def names(self) -> Collection[str]: ...

    def get(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """(name, content) of each, in any order."""
        ...


@dataclass(frozen=True)
class Kept:
    """How many casts are `saved` in the database, and how many of them `elsewhere`, too; None where nothing is sent.
    `trouble`: why the rest has to wait, "" where nothing is wrong."""

    saved: int
    elsewhere: int | None = None
    trouble: str = ""

    def __str__(self) -> str:
        saved = f"{self.saved:,} vote{'' if self.saved == 1 else 's'} saved"
        if self.elsewhere is None:
            return saved
        if self.saved == self.elsewhere:
            return f"{saved} and backed up"
        waiting = f"{saved}, {self.elsewhere:,} of them backed up"
        return f"{waiting}; the rest is tried again ({self.trouble})" if self.trouble else waiting


class Keeper(Protocol):
    """Sends votes elsewhere. Raises `StorageError` when the database refuses."""

    def kept(self) -> Kept: ...

    def backed_up(self, vote_id: str) -> bool:
        """Whether all that was ever cast under this vote is elsewhere."""
        ...
