"""The annotators' queue as the pages and commands see it: its settings, how far it is, and the port that keeps it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from arena.annotation import ANNOTATORS_EACH, Ballot, Judgement, QueuedPrompt, Showing, SkipReason, Task
from arena.comparison import Comparison
from arena.errors import WorkspaceError


@dataclass(frozen=True)
class QueueSettings:
    """The table [queue] of workspace.toml. `reservation_minutes`: how long a pair is kept for the person that it was
    shown to. `repeat_every`: one ballot in so many shows an earlier pair again, 0 for none. `answer_ahead`: the app
    prepares answers in the background."""

    annotators: int = ANNOTATORS_EACH
    reservation_minutes: int = 15
    repeat_every: int = 12
    answer_ahead: bool = True

    def __post_init__(self) -> None:
        for name, least in (("annotators", 1), ("reservation_minutes", 1), ("repeat_every", 0)):
            if getattr(self, name) < least:
                value = getattr(self, name)
                raise WorkspaceError(f"workspace.toml: [queue] {name} is {value}; it must be {least} or more.")


@dataclass(frozen=True)
class Added:
    """What became of prompts: how many are new, how many pairs are to be answered, and which were there already.
    `repeated`: a sentence for each line of a file that was left out."""

    prompts: int
    tasks: int
    known: Sequence[str] = ()
    repeated: Sequence[str] = ()

    def __str__(self) -> str:
        known = f" ({len(self.known)} were there already)" if self.known else ""
        return f"Prompts added: {self.prompts}{known}; pairs to answer: {self.tasks}."


@dataclass(frozen=True)
class Terms:
    """What prompts are queued for: the names of each pair of contestants, how many people judge it (0 for the setting's
    number), and who wanted that."""

    pairs: Sequence[Sequence[str]]
    wanted: int = 0
    added_by: str = ""


@dataclass(frozen=True)
class Progress:
    """`done`: pairs that this person judged, repeats included; `open`: those left for them now. `votes` of `wanted`
    in all, pairs without answers yet (`preparing`) included."""

    done: int = 0
    open: int = 0
    votes: int = 0
    wanted: int = 0
    preparing: int = 0


@dataclass(frozen=True)
class Around:
    """What belongs to the pair on a person's screen: the one `ahead`, reserved where it was asked for and there is one;
    their progress; their last pairs, newest first."""

    ahead: Showing | None
    progress: Progress
    past: Sequence[Showing]


@dataclass(frozen=True)
class Work:
    """What one annotator did. Of `repeats` pairs shown again, `same` were judged as before."""

    annotator: str
    votes: int
    skipped: int
    repeats: int
    same: int
    hasty: int


@dataclass(frozen=True)
class QueueStatus:
    """The whole queue. `failures`: task id to why one of its answers is missing. `reserved`: shown to somebody now."""

    prompts: int
    waiting: int
    ready: int
    failed: int
    votes: int
    wanted: int
    reserved: int
    people: Sequence[Work] = ()
    failures: Mapping[str, str] = field(default_factory=dict)


class Queue(Protocol):
    """Keeps prompts, tasks and ballots. Every method raises `StorageError` when the database refuses; what it returned
    from is on disk."""

    def add(self, prompts: Sequence[QueuedPrompt], pairs: Sequence[tuple[str, str]], wanted: int = 0) -> Added:
        """Queue each prompt for each pair of contestants; of a text that is there already, only the pairs that are
        new. `wanted` people each, 0 for the setting's number."""
        ...

    def next_task(self) -> tuple[Task, str] | None:
        """The task that waits for its answers the longest, and its prompt's text."""
        ...

    def answered(self, task: str, comparison: Comparison) -> bool:
        """Save its pair and open it for votes. False, and nothing is saved, when somebody else was first."""
        ...

    def failed(self, task: str, why: str) -> None:
        """There will be no pair. Nothing changes when somebody else has answered it meanwhile."""
        ...

    def retry(self) -> int:
        """Put those that failed back in line; returns how many."""
        ...

    def claim(self, annotator: str, besides: Collection[str] = ()) -> Showing | None:
        """Reserve the next pair for this person: one reserved already that is not among `besides`, else a repeat when
        one is due, else one they have not judged and that fewer than `wanted` have. None when there is none."""
        ...

    def look_around(self, annotator: str, on_screen: Collection[str], ahead: bool, limit: int) -> Around:
        """What comes with every vote, in one call: the reservations of these ballots begin anew and with `ahead`
        another pair is claimed, in one transaction; after it the rest is read; of the past, `limit` pairs."""
        ...

    def release(self, ballots: Collection[str]) -> None:
        """They are on no screen any more; others may have them."""
        ...

    def vote(self, ballot: str, annotator: str, judgement: Judgement, change: bool = False) -> Ballot:
        """Save the vote, or with `change` replace it. Raises `VoteRefused`, and as `PairGone`: not this person's, voted
        on already, or it had expired or been skipped and enough others have it now."""
        ...

    def skip(self, ballot: str, annotator: str, reason: SkipReason) -> None:
        """Pass it on to others for good. Raises `VoteRefused`: not this person's (`PairGone`), or voted on already."""
        ...

    def past(self, annotator: str, limit: int = 20, before: str = "") -> Sequence[Showing]:
        """What this person voted on or skipped last, newest first; `before` this ballot, where one is given."""
        ...

    def progress(self, annotator: str) -> Progress: ...

    def status(self) -> QueueStatus: ...


class Filler(Protocol):
    """Fills the queue from what there is. Every method raises `StorageError`, or `WorkspaceError` for a pair that
    cannot be asked, or where there is nothing to add; nothing is then added."""

    def import_file(self, file: Path, terms: Terms, name: str = "") -> Added:
        """The prompts of a .jsonl or .csv file; `name` is what its owner calls it. Raises `WorkspaceError` with every
        line that is wrong."""
        ...

    def questions(self, terms: Terms, limit: int = 0, seed: int = 0) -> Added:
        """Held-out wordings of the workspace's questions: `limit` of them, 0 for all."""
        ...

    def visitors(self, terms: Terms, limit: int) -> Added:
        """What visitors asked, the newest `limit` of it."""
        ...
