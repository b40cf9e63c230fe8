"""What a training run tells while it goes on, and how it is asked to end. For any of transformers' trainers."""

import json
import math
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from tqdm import tqdm
from transformers import TrainerCallback

Report = Callable[[str], None]


def processes() -> PartialState:
    """Those that `accelerate launch` started for this run, and which of them this is; without it there is one."""
    return PartialState(cpu=not torch.cuda.is_available())


def device_name() -> str:
    """What this process computes on, for people."""
    if torch.cuda.is_available():
        return f"cuda ({torch.cuda.get_device_name()})"
    return f"cpu ({torch.get_num_threads()} threads)"


REPLAY_LOSS = "replay_loss"
"""The name of what replay adds to the loss. It is told apart, for held-out losses have none of it."""
ANSWER_ACCURACY = "answer_accuracy"
"""The name of the share of answers that are word for word right, the mean over steps."""


class Progress(TrainerCallback):
    """Says how far the run is, at what loss and how long it will take, and keeps the losses on disk."""

    def __init__(self, report: Report, log: Path) -> None:
        self.report, self.log, self.bar = report, log, tqdm(disable=True)
        self.began, self.first = time.monotonic(), 0
        self.logged = self.began

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.began, self.first = time.monotonic(), state.global_step
        self.logged = self.began
        # At once: whoever reads along learns how long it will be, and from which step a resumed run goes on.
        self.write({"step": state.global_step, "of": state.max_steps, "seconds": 0.0})
        # None: only where somebody sits before a terminal; elsewhere lines are told.
        self.bar = tqdm(total=state.max_steps, initial=state.global_step, unit="step", disable=None)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.update()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.close()

    def tell(self, text: str) -> None:
        """Above the bar, where there is one."""
        if self.bar.disable:
            self.report(text)
        else:
            with self.bar.external_write_mode():
                self.report(text)

    def write(self, line: dict[str, Any]) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        figures = {name: value for name, value in (logs or {}).items() if "loss" in name or "accuracy" in name}
        if "loss" in figures:
            figures["loss"] = float(figures["loss"]) - float(figures.get(REPLAY_LOSS, 0.0))
        line = {"step": state.global_step, "of": state.max_steps, **figures}
        now = time.monotonic()
        # The time since the last line, so that the sum over a run that was killed and resumed is right.
        line["seconds"], self.logged = round(now - self.logged, 2), now
        self.write(line)
        done = state.global_step - self.first
        if done and "loss" in line and not self.bar.disable:
            self.bar.set_postfix(loss=f"{line['loss']:.3f}")
        elif done and "loss" in line:
            left = (time.monotonic() - self.began) / done * (state.max_steps - state.global_step)
            self.report(
                f"step {state.global_step} of {state.max_steps}, loss {line['loss']:.3f}, "
                f"about {left / 60:.0f} min left"
            )
        elif "eval_loss" in line:
            known = line.get(f"eval_{ANSWER_ACCURACY}")
            right = "" if known is None else f", {known:.0%} of answers word for word right"
            self.tell(f"step {state.global_step}: loss on held-out wording {line['eval_loss']:.3f}{right}")


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
        if processes().num_processes > 1:  # the signal reaches each at another moment; all must leave at one step
            self.asked = any(gather_object([self.asked]))
        if self.asked:
            control.should_training_stop = control.should_save = True
            control.should_evaluate = False

    def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.asked and processes().num_processes == 1:  # else the others would wait for this one's share
            raise EvaluationLeft


class Patience(TrainerCallback):
    """Ends a run after so many evaluations without a lower held-out loss, and keeps the checkpoint of the lowest.

    What it knows is in the trainer's state, and so in every checkpoint: a run that was killed goes on with the same
    count. transformers' EarlyStoppingCallback would need load_best_model_at_end, and with it as many steps between two
    checkpoints as between two evaluations. 0 evaluations: does nothing.
    """

    def __init__(self, evaluations: int, report: Report) -> None:
        self.evaluations, self.report = evaluations, report

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not self.evaluations:
            return
        losses = [line["eval_loss"] for line in state.log_history if "eval_loss" in line]
        lowest = min(range(len(losses)), key=lambda place: losses[place] if math.isfinite(losses[place]) else math.inf)
        waited = len(losses) - 1 - lowest
        if waited == 0:
            # The trainer never clears the checkpoint of this step.
            state.best_global_step, control.should_save = state.global_step, True
        elif waited >= self.evaluations and state.global_step < state.max_steps:
            # No checkpoint here: resumed from it, the run would go past its end.
            control.should_training_stop, control.should_save = True, False
            state.max_steps = state.global_step  # for those who read the log: nothing is missing
            self.report(
                f"Ended at step {state.global_step}: no lower loss on held-out wording in {waited} evaluations. "
                f"The weights of step {state.best_global_step} are kept."
            )


def losses_by_step(lines: list[dict[str, Any]]) -> tuple[tuple[int, float], ...]:
    """(step, training loss), each step once: a run that was killed after its last checkpoint has told some twice."""
    return tuple({line["step"]: line["loss"] for line in lines if "loss" in line}.items())


def log_lines(log: Path) -> list[dict[str, Any]]:
    """The lines of `log.jsonl`, without one that a kill tore."""
    found = []
    for line in log.read_text(encoding="utf-8").splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found
