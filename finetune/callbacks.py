"""What a training run tells while it goes on, and how it is asked to end. For any of transformers' trainers."""

import json
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

Report = Callable[[str], None]


class Progress(TrainerCallback):
    """Says how far the run is, at what loss and how long it will take, and keeps the losses on disk."""

    def __init__(self, report: Report, log: Path) -> None:
        self.report, self.log = report, log
        self.began, self.first = time.monotonic(), 0
        self.logged = self.began

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.began, self.first = time.monotonic(), state.global_step
        self.logged = self.began
        # At once: whoever reads along learns how long it will be, and from which step a resumed run goes on.
        self.write({"step": state.global_step, "of": state.max_steps, "seconds": 0.0})

    def write(self, line: dict[str, Any]) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        figures = {name: value for name, value in (logs or {}).items() if "loss" in name or "accuracy" in name}
        line = {"step": state.global_step, "of": state.max_steps, **figures}
        now = time.monotonic()
        # The time since the last line, so that the sum over a run that was killed and resumed is right.
        line["seconds"], self.logged = round(now - self.logged, 2), now
        self.write(line)
        done = state.global_step - self.first
        if done and "loss" in line:
            left = (time.monotonic() - self.began) / done * (state.max_steps - state.global_step)
            self.report(
                f"step {state.global_step} of {state.max_steps}, loss {line['loss']:.3f}, "
                f"about {left / 60:.0f} min left"
            )
        elif "eval_loss" in line:
            self.report(f"step {state.global_step}: loss on held-out wording {line['eval_loss']:.3f}")


class EvaluationLeft(Exception):
    """Half an evaluation is worth nothing and can take longer than whoever asked to stop will wait."""


class StopOnRequest(TrainerCallback):
    """While entered, SIGTERM ends the run after its step, with a checkpoint; before and after, it ends the process."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> "StopOnRequest":
        self.before = signal.signal(signal.SIGTERM, self.ask)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self.before)

    def ask(self, *_: object) -> None:
        self.asked = True

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.asked:
            control.should_training_stop = control.should_save = True
            control.should_evaluate = False

    def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.asked:
            raise EvaluationLeft


def log_lines(log: Path) -> list[dict[str, Any]]:
    """The lines of `log.jsonl`, without one that a kill tore."""
    found = []
    for line in log.read_text(encoding="utf-8").splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found
