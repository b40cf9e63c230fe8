"""A training in several processes, as `accelerate launch` starts on GPUs; here two on the CPU, by torchrun."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from finetune.callbacks import log_lines

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
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    script = tmp_path / "run.py"
    script.write_text(RUN)
    alone = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(
        [*launch, str(script), str(tiny_model), str(tmp_path / "work")],
        env=os.environ | alone,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as made:
        try:
            _, said = made.communicate(timeout=300)
        finally:  # processes that wait for each other would do so for ever
            with suppress(ProcessLookupError):
                os.killpg(made.pid, signal.SIGKILL)
    assert made.returncode == 0, said[-2000:]
    told = [line for line in log_lines(tmp_path / "work" / "log.jsonl") if "loss" in line]
    assert told[-1]["of"] == 12 and told[-1]["step"] == 10 and told[-1]["replay_loss"] > 0
    assert json.loads((tmp_path / "work" / "memory.json").read_text()) == {"form": "fp32"}
