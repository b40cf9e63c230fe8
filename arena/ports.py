"""What the pages and commands need from storage, in the core's own words."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from arena.comparison import Comparison, Vote


class History(Protocol):
    """Keeps comparisons and votes. Every method raises `StorageError` when the database refuses."""

    def save(self, comparison: Comparison) -> None:
        """Store the comparison, or replace its answers when it is already there (same id). One that has votes
        can no longer be changed, only saved again as it is: `StorageError`."""
        ...

    def get(self, comparison_id: str) -> Comparison | None: ...

    def recent(self, text: str = "", limit: int = 50, offset: int = 0) -> Sequence[Comparison]:
        """Newest first; `text` filters by a part of the question or of an answer, without regard to case."""
        ...

    def cast(self, vote: Vote) -> Vote:
        """Save on disk before returning. A second vote by the same annotator replaces the first, whose
        values stay in the vote history; the vote's `id` is then the first one's. Raises `VoteRefused` when
        the comparison does not exist or is not complete."""
        ...

    def votes(self, comparison_id: str) -> Sequence[Vote]:
        """The current votes, oldest first."""
        ...

    def vote_history(self, comparison_id: str) -> Sequence[Vote]:
        """Every vote ever cast on it, replaced ones included, oldest first."""
        ...

    def check(self) -> str:
        """ "ready" or what is wrong; for /healthz."""
        ...


class Exports(Protocol):
    """Writes what is kept as files."""

    @property
    def kinds(self) -> Mapping[str, str]:
        """Name of each kind of export -> what is in it, in a few words."""
        ...

    @property
    def nameless(self) -> Collection[str]:
        """The kinds that name nobody in any case."""
        ...

    def write(self, kind: str, folder: Path, anonymous: bool = False) -> Path:
        """Write one kind into `folder` and return the file. `anonymous`: pseudonyms instead of names.

        Raises:
            ArenaError: there is nothing to write, or the database or the disk refuses.
        """
        ...
