"""What a page may know of a training run and ask for, in the core's own words.

Does not cover: how a run is started, watched and ended (finetune/desk.py), how it is shown (ui/training.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Kind = Literal["fine-tuned", "hybrid"]
Status = Literal["never started", "running", "stopping", "stopped", "finished", "crashed"]
Points = tuple[tuple[int, float], ...]
"""(step, value), oldest first."""


@dataclass(frozen=True)
class RunState:
    """The last run of a workspace. "stopped": it can go on from where it was. `of` is 0 until the run has told how
    many steps it takes; once `step` is `of`, a running one measures what was learnt. `started` is None for a run
    that somebody else started, from a command line. Losses: nats per learnt token, without what replay adds. Accuracy:
    the share of answers, 0 to 1, that are given word for word. `exit_code` is None while it runs, and when nothing was
    left to tell it."""

    what: Kind = "fine-tuned"
    status: Status = "never started"
    step: int = 0
    of: int = 0
    started: datetime | None = None
    seconds_left: float | None = None
    training_losses: Points = ()
    held_out_losses: Points = ()
    training_accuracy: Points = ()
    held_out_accuracy: Points = ()
    log_tail: str = ""
    exit_code: int | None = None

    @property
    def alive(self) -> bool:
        return self.status in ("running", "stopping")


@dataclass(frozen=True)
class Learnt:
    """What a contestant knows: how many questions of a kind it answered right, and how many it was asked, by the kind's
    name in a model card or a checkup; an unanswerable one is answered right by saying that one does not know. `told`:
    what else an examination found, in sentences."""

    what: str
    figures: tuple[tuple[str, int, int], ...]
    told: tuple[str, ...] = ()


class TrainingDesk(Protocol):
    """Where one run at a time is started and ended. Every method raises `ArenaError` with the way out."""

    def state(self) -> RunState:
        """The run that is alive, else the last one."""
        ...

    def learnt(self) -> tuple[Learnt, ...]:
        """Of each adapter that is there and was examined, whether it was trained here or came with the workspace; of
        the base model, too, where they were compared with it, and of a hybrid without an adapter."""
        ...

    def start(self, kind: Kind) -> None:
        """Start in a process of its own, or go on from the last checkpoint. Refused while one is alive."""
        ...

    def stop(self) -> None:
        """Ask the run to write a checkpoint and end; returns at once. Refused when none is alive."""
        ...
