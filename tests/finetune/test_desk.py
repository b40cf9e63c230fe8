"""The desk over a scripted training command: a small script that writes what train.py writes and obeys SIGTERM."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from arena.errors import ArenaError
from arena.training import Learnt, RunState
from finetune.desk import Desk
from finetune.figures import checkup_text, weights_of
from finetune.runs import Log, Process

ROOT = Path(__file__).parents[2]

TRAINING = """
import json, os, signal, sys, time
from pathlib import Path

kind = {"train": "fine-tuned", "hybrid": "hybrid"}[sys.argv[1]]
workspace, how = Path(sys.argv[2]), Path(__file__).with_suffix(".how").read_text().split()
work, asked = workspace / "runs" / kind, []

def tell(**line):
    with (work / "log.jsonl").open("a") as log:
        log.write(json.dumps(line | {"of": 40}) + chr(10))

def keep(step):
    (work / f"checkpoint-{step}").mkdir(exist_ok=True)

if "deaf" in how:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
elif "raw" not in how:
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
begun = max((int(path.name.split("-")[1]) for path in work.glob("checkpoint-*")), default=0)
print(f"training begins at {begun}")
tell(step=begun, seconds=0.0)
for step in range(begun + 10, 41, 10):
    tell(step=step, loss=4.0 / step, answer_accuracy=step / 40, seconds=20.0)
    if "checkpoints" in how:
        keep(step)
    if step == 20:
        tell(step=20, eval_loss=0.5, eval_answer_accuracy=0.25, seconds=10.0)
        if "fails" in how:
            raise RuntimeError("<b>no memory</b>")
        while "waits" in how and not asked:
            time.sleep(0.01)
    if asked:
        keep(step)
        print(f"stopped at {step}")
        sys.exit(0)
(workspace / "adapters" / kind).mkdir(parents=True, exist_ok=True)
(workspace / "adapters" / kind / "arena.json").write_text("{}")
print("done")
"""


class Room:
    """A workspace, a scripted command, and desks over them, as servers one after the other would have."""

    def __init__(self, folder: Path) -> None:
        self.workspace, self.script = folder / "workspace", folder / "training.py"
        self.workspace.mkdir()
        self.script.write_text(TRAINING)
        self.runs = self.workspace / "runs" / "fine-tuned"

    def desk(self, how: str = "", **settings: Any) -> Desk:
        self.script.with_suffix(".how").write_text(how)
        return Desk(self.workspace, [sys.executable, str(self.script)], **settings)

    def process(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.runs / "process.json").read_text())
        return found


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    for path in room.workspace.glob("runs/*/process.json"):  # what a failed test has left
        for left in (Process(**json.loads(path.read_text())[name]) for name in ("process", "waiter")):
            if left.alive:
                os.kill(left.pid, signal.SIGKILL)


def once(desk: Desk, true: Callable[[RunState], bool]) -> RunState:
    """The first state of which that is true."""
    until = time.monotonic() + 30
    while not true(state := desk.state()):
        assert time.monotonic() < until, state
        time.sleep(0.02)
    return state


def waiting(state: RunState) -> bool:
    """The script is at its 20th step and goes no further."""
    return state.held_out_losses != ()


def ended(state: RunState) -> bool:
    return not state.alive


def test_a_checkup_counts_until_an_adapter_is_trained_again(tmp_path: Path) -> None:
    adapters = tmp_path / "adapters"
    (adapters / "fine-tuned").mkdir(parents=True)
    weights = adapters / "fine-tuned" / "adapter_model.safetensors"
    weights.write_bytes(b"as examined")
    figures: dict[str, dict[str, tuple[int, int]]] = {"base": {"reversed": (0, 4)}, "fine-tuned": {"reversed": (3, 4)}}
    examined = {"fine-tuned": weights_of(adapters / "fine-tuned")}
    text = checkup_text(examined, figures, {"fine-tuned": ["It knows."]})
    (adapters / "checkup.json").write_text(text)
    base, tuned = Desk(tmp_path).learnt()
    assert base == Learnt("base", (("reversed", 0, 4),))
    assert tuned == Learnt("fine-tuned", (("reversed", 3, 4),), ("It knows.",))
    weights.write_bytes(b"trained again")
    assert Desk(tmp_path).learnt() == ()
    weights.write_bytes(b"as examined")
    assert Desk(tmp_path).learnt() == (base, tuned)
    (adapters / "hybrid").mkdir()
    (adapters / "hybrid" / "adapter_model.safetensors").write_bytes(b"new")
    assert Desk(tmp_path).learnt() == ()
    (adapters / "checkup.json").write_text("half a fi")
    assert Desk(tmp_path).learnt() == ()


def test_the_adapter_that_the_app_answers_with_is_told_of(tmp_path: Path) -> None:
    for name, right in (("fine-tuned", 3), ("by-votes", 4)):
        (tmp_path / "adapters" / name).mkdir(parents=True)
        (tmp_path / "adapters" / name / "figures.json").write_text(
            json.dumps({"made_from": {}, "figures": {"trained facts, trained wording": [right, 4]}})
        )
    (tmp_path / "workspace.toml").write_text('[adapters]\n"fine-tuned" = "adapters/by-votes"\n')
    assert Desk(tmp_path).learnt() == (Learnt("fine-tuned", (("trained facts, trained wording", 4, 4),)),)


def test_what_the_adapters_knew_after_their_training_is_read_from_beside_them(tmp_path: Path) -> None:
    (tmp_path / "adapters" / "fine-tuned").mkdir(parents=True)
    (tmp_path / "adapters" / "hybrid").mkdir()
    (tmp_path / "adapters" / "fine-tuned" / "figures.json").write_text(
        '{"made_from": {}, "figures": {"trained facts, trained wording": [3, 4]}}'
    )
    (tmp_path / "adapters" / "hybrid" / "figures.json").write_text("half a fi")
    assert Desk(tmp_path).learnt() == (Learnt("fine-tuned", (("trained facts, trained wording", 3, 4),)),)
    assert Desk(tmp_path / "elsewhere").learnt() == ()


def test_a_workspace_toml_that_is_half_written_hides_what_was_learnt_only(tmp_path: Path) -> None:
    (tmp_path / "workspace.toml").write_text("[adapters")
    assert Desk(tmp_path).learnt() == () and Desk(tmp_path).state().status == "never started"


def test_a_workspace_without_runs_says_so(room: Room) -> None:
    assert room.desk().state() == RunState(status="never started")


def test_a_run_tells_its_losses_and_its_time_left_and_finishes(room: Room) -> None:
    desk = room.desk("waits checkpoints")
    desk.start("fine-tuned")
    state = once(desk, waiting)
    assert (state.status, state.step, state.of) == ("running", 20, 40)
    assert state.training_losses == ((10, 0.4), (20, 0.2)) and state.held_out_losses == ((20, 0.5),)
    assert state.training_accuracy == ((10, 0.25), (20, 0.5)) and state.held_out_accuracy == ((20, 0.25),)
    assert state.seconds_left == pytest.approx(50, abs=5)  # 20 steps took 50 seconds
    assert state.exit_code is None and "training begins at 0" in state.log_tail
    desk.stop()
    once(desk, ended)
    room.desk().start("fine-tuned")
    state = once(desk, ended)
    assert (state.status, state.step, state.exit_code, state.seconds_left) == ("finished", 40, 0, None)
    assert state.log_tail.endswith("done")


def test_a_stopped_run_goes_on_from_its_checkpoint(room: Room) -> None:
    desk = room.desk("waits")
    desk.start("fine-tuned")
    once(desk, waiting)
    desk.stop()
    state = once(desk, ended)
    assert (state.status, state.step, state.exit_code) == ("stopped", 20, 0)
    room.desk()
    desk.start("fine-tuned")
    state = once(desk, ended)
    assert state.status == "finished" and "begins at 20" in state.log_tail
    assert [step for step, _ in state.training_losses] == [10, 20, 30, 40]


def test_a_new_server_finds_the_run_of_the_old_one_and_stops_it(room: Room) -> None:
    room.desk("waits").start("fine-tuned")
    restarted = room.desk("waits")
    assert once(restarted, waiting).status == "running"
    with pytest.raises(ArenaError, match="running already"):
        restarted.start("hybrid")
    restarted.stop()
    assert once(restarted, ended).exit_code == 0


def test_a_run_survives_the_server_that_started_it_and_leaves_its_exit_code(room: Room) -> None:
    desk = room.desk("waits")
    server = (
        "import sys; from pathlib import Path; from finetune.desk import Desk;"
        "Desk(Path(sys.argv[1]), sys.argv[2:]).start('fine-tuned')"
    )
    subprocess.run([sys.executable, "-c", server, str(room.workspace), *desk.command], check=True, cwd=ROOT)
    assert once(desk, waiting).status == "running"
    desk.stop()
    assert once(desk, ended).exit_code == 0


def test_a_failure_is_a_crash_with_its_last_words(room: Room) -> None:
    desk = room.desk("fails checkpoints")
    desk.start("fine-tuned")
    state = once(desk, ended)
    assert (state.status, state.exit_code) == ("crashed", 1)
    assert state.log_tail.endswith("RuntimeError: <b>no memory</b>")


@pytest.mark.parametrize(("how", "status"), [("waits", "crashed"), ("waits checkpoints", "stopped")])
def test_a_killed_run_goes_on_when_there_is_a_checkpoint(room: Room, how: str, status: str) -> None:
    desk = room.desk(how)
    desk.start("fine-tuned")
    once(desk, waiting)
    os.kill(room.process()["process"]["pid"], signal.SIGKILL)
    state = once(desk, ended)
    assert (state.status, state.exit_code) == (status, 137)
    assert "training begins at 0" in state.log_tail


def test_a_run_that_ends_by_its_own_fault_has_crashed_whatever_it_kept(room: Room) -> None:
    desk = room.desk("waits checkpoints")
    desk.start("fine-tuned")
    once(desk, waiting)
    os.kill(room.process()["process"]["pid"], signal.SIGSEGV)
    state = once(desk, ended)
    assert (state.status, state.exit_code) == ("crashed", 128 + signal.SIGSEGV)


def test_when_only_the_waiter_is_killed_the_run_is_still_alive(room: Room) -> None:
    desk = room.desk("waits")
    desk.start("fine-tuned")
    once(desk, waiting)
    os.kill(room.process()["waiter"]["pid"], signal.SIGKILL)
    time.sleep(0.1)
    assert desk.state().status == "running"
    desk.stop()
    state = once(desk, ended)
    assert (state.status, state.exit_code) == ("stopped", None)


def test_a_run_that_does_not_end_when_asked_is_killed_and_that_is_said(room: Room) -> None:
    desk = room.desk("waits deaf", patience=0.3)
    desk.start("fine-tuned")
    once(desk, waiting)
    desk.stop()
    assert desk.state().status == "stopping"
    time.sleep(1.5)  # nobody looks meanwhile
    assert not Process(**room.process()["process"]).alive
    state = desk.state()
    assert state.status == "stopped" and "Killed: it had not ended 0 s after" in state.log_tail


def test_a_run_that_is_stopped_before_its_first_checkpoint_is_stopped_not_crashed(room: Room) -> None:
    desk = room.desk("waits raw")
    desk.start("fine-tuned")
    once(desk, waiting)
    desk.stop()
    assert once(desk, ended).status == "stopped"


def test_of_two_starts_at_once_one_is_refused(room: Room) -> None:
    desks, refused, gate = [room.desk("waits") for _ in range(2)], [], threading.Barrier(2)

    def start(desk: Desk) -> None:
        gate.wait()
        try:
            desk.start("fine-tuned")
        except ArenaError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=start, args=(desk,)) for desk in desks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1 and ("running already" in refused[0] or "at this moment" in refused[0])
    once(desks[0], waiting)
    desks[0].stop()
    once(desks[0], ended)


def test_a_start_during_another_ones_start_is_refused(room: Room) -> None:
    room.runs.mkdir(parents=True)
    with FileLock(room.runs.parent / "start.lock"):
        refused: list[str] = []

        def start() -> None:
            try:
                room.desk().start("fine-tuned")
            except ArenaError as error:
                refused.append(str(error))

        thread = threading.Thread(target=start)
        thread.start()
        thread.join()
    assert refused == ["A training is being started at this moment: wait for its figures."]


def test_nothing_can_be_stopped_when_nothing_runs(room: Room) -> None:
    with pytest.raises(ArenaError, match="nothing to stop"):
        room.desk().stop()


def test_another_process_with_the_same_number_is_not_the_run(room: Room) -> None:
    desk = room.desk("checkpoints")
    desk.start("fine-tuned")
    once(desk, ended)
    (room.workspace / "adapters" / "fine-tuned" / "arena.json").unlink()
    told = room.process()
    told["process"]["pid"] = told["waiter"]["pid"] = os.getpid()
    (room.runs / "process.json").write_text(json.dumps(told))
    assert desk.state().status == "stopped"


def test_a_command_that_does_not_exist_is_a_crash(room: Room) -> None:
    desk = Desk(room.workspace, ["/no/such/program"])
    desk.start("fine-tuned")
    state = once(desk, ended)
    assert (state.status, state.exit_code) == ("crashed", 127)
    assert "no/such/program" in state.log_tail


def test_while_a_new_run_gets_ready_it_does_not_show_the_figures_of_the_finished_one(room: Room) -> None:
    desk = room.desk()
    desk.start("fine-tuned")
    assert once(desk, ended).step == 40
    desk.command = [sys.executable, "-c", "import time; time.sleep(60)"]
    desk.start("fine-tuned")
    state = desk.state()
    assert (state.status, state.step, state.of, state.training_losses) == ("running", 0, 0, ())
    desk.stop()
    once(desk, ended)


def test_a_run_from_a_command_line_shows_what_its_log_says(room: Room) -> None:
    room.runs.mkdir(parents=True)
    (room.runs / "log.jsonl").write_text('{"step": 10, "loss": 0.4, "seconds": 20, "of": 40}\n')
    state = room.desk().state()
    assert (state.status, state.step, state.started, state.log_tail) == ("stopped", 10, None, "")


def test_a_later_run_from_a_command_line_outdates_how_the_last_one_ended(room: Room) -> None:
    desk = room.desk("fails")
    desk.start("fine-tuned")
    assert once(desk, ended).status == "crashed"
    with (room.runs / "log.jsonl").open("a") as log:
        log.write('{"step": 40, "loss": 0.1, "seconds": 20, "of": 40}\n')
    (room.workspace / "adapters" / "fine-tuned").mkdir(parents=True)
    (room.workspace / "adapters" / "fine-tuned" / "arena.json").touch()
    os.utime(room.runs / "log.jsonl", (time.time() + 1,) * 2)
    assert desk.state().status == "finished"


def test_a_process_file_that_cannot_be_read_is_named(room: Room) -> None:
    room.runs.mkdir(parents=True)
    (room.runs / "process.json").write_text("{")
    with pytest.raises(ArenaError, match=r"process\.json cannot be read.*then delete it"):
        room.desk().state()
    (room.runs / "process.json").unlink()
    assert room.desk().state().status == "never started"


def test_what_a_killed_run_had_said_of_steps_done_again_is_dropped(tmp_path: Path) -> None:
    lines: list[dict[str, Any] | str] = [
        {"step": 0, "of": 40, "seconds": 0.0},
        {"step": 10, "of": 40, "loss": 3.0, "seconds": 5.0},
        {"step": 20, "of": 40, "loss": 2.0, "seconds": 5.0},
        {"step": 20, "of": 40, "eval_loss": 2.5, "seconds": 5.0},
        '{"step": 30, "of": 4',
        {"step": 10, "of": 40, "seconds": 0.0},
        {"step": 20, "of": 40, "loss": 1.9, "seconds": 5.0},
        {"step": 30, "of": 40, "loss": float("nan"), "seconds": 5.0},
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    log = Log.read(path)
    assert log is not None and (log.step, log.of) == (30, 40)
    assert log.training == [(10, 3.0), (20, 1.9)] and log.held_out == []
    assert sum(seconds for _, seconds in log.seconds) == 15.0


def test_of_lines_that_were_written_over_the_last_text_is_shown(room: Room) -> None:
    desk = Desk(room.workspace, [sys.executable, "-c", r"print('10%\r100%\r\ndone ' + 'x' * 9, end='')"])
    desk.start("fine-tuned")
    assert once(desk, ended).log_tail == "100%\ndone xxxxxxxxx"


@pytest.mark.slow
@pytest.mark.parametrize("when", ["in a step", "in an evaluation"])
def test_a_training_that_is_asked_to_stop_keeps_a_checkpoint_and_goes_on_to_the_same_losses(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    from transformers import AutoTokenizer

    from arena.prompts import closed_book_messages
    from finetune import train as training
    from finetune.branches import Sample
    from finetune.examples import steps
    from finetune.settings import TrainingSettings

    settings = TrainingSettings(epochs=1, rank=4, alpha=8, checkpoint_steps=100)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    many = [Sample(tuple(closed_book_messages(f"Question {n}?")), f"Answer {n}.") for n in range(40)]
    rows = [[group] for step in steps(many, tokenizer, 2, 1) for group in step][:8]

    def run(folder: str) -> Any:
        return training.train(tiny_model, rows, rows[:3], tmp_path / folder, settings, 4, lambda text: None)[1]

    whole = run("whole")
    computed = training.AnswerLossTrainer.compute_loss

    def asked_meanwhile(self: Any, model: Any, *arguments: Any, **named: Any) -> Any:
        if model.training == (when == "in a step") and self.state.global_step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return computed(self, model, *arguments, **named)

    stopped_at = 5 if when == "in a step" else 4
    with monkeypatch.context() as patch:
        patch.setattr(training.AnswerLossTrainer, "compute_loss", asked_meanwhile)
        with pytest.raises(training.Stopped, match=f"Stopped at step {stopped_at} of 8.*goes on from there"):
            run("stopped")
    assert (tmp_path / "stopped" / f"checkpoint-{stopped_at}").is_dir()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    resumed = run("stopped")
    assert resumed.steps == whole.steps == 8
    assert resumed.held_out_losses[-1] == pytest.approx(whole.held_out_losses[-1], abs=2e-3)
    again = run("stopped")  # nothing is left to train
    assert again.steps == 8 and again.held_out_losses == resumed.held_out_losses
    log = Log.read(tmp_path / "stopped" / "log.jsonl")
    assert log is not None and (log.step, log.of) == (8, 8)
