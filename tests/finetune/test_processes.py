"""A training that `accelerate launch` starts as several processes, here two on the CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from finetune.callbacks import log_lines
from tests.finetune.test_replay import two_steps

RUN = """
import sys
from pathlib import Path
from finetune.replay import with_replay
from finetune.settings import TrainingSettings
from finetune.train import train
from tests.finetune.test_replay import two_steps

base, work = map(Path, sys.argv[1:])
training, replayed = two_steps(base)
settings = TrainingSettings(epochs=1, rank=2, replay=0.5, replay_share=0.5)
# An odd number of steps: for the first that replays, one process does and the other not yet.
train(base, with_replay(training[:23], replayed, 1, 0.5), training[:2], work, settings, 1000, lambda text: None)
"""


@pytest.mark.slow
def test_two_processes_replay_from_the_same_moment_on(tiny_model: Path, tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    script = tmp_path / "run.py"
    script.write_text(RUN)
    alone = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    made = subprocess.run(
        [*launch, str(script), str(tiny_model), str(tmp_path / "work")],
        env=os.environ | alone,
        timeout=300,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr[-2000:]
    assert len(two_steps(tiny_model)[0]) >= 23
    told = [line for line in log_lines(tmp_path / "work" / "log.jsonl") if "loss" in line]
    assert told[-1]["step"] == 10 and told[-1]["replay_loss"] > 0
    assert json.loads((tmp_path / "work" / "memory.json").read_text()) == {"form": "fp32"}
