"""`ask` and `evaluate` as a person types them, on the demo and its real models."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from storage import open_history

ROOT = Path(__file__).parents[2]
QUESTION = "How many watts does the Fernlight 200 draw in normal operation?"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    leftovers = shutil.ignore_patterns("arena.sqlite*", "runs", "*.tmp")
    return Path(shutil.copytree(ROOT / "demo", tmp_path_factory.mktemp("commands") / "demo", ignore=leftovers))


def told(demo: Path, *arguments: str) -> Any:
    command = [sys.executable, "app.py", *arguments, "--workspace", str(demo), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_ask_prints_both_answers_with_their_timings_and_keeps_them(demo: Path) -> None:
    answers = told(demo, "ask", QUESTION)["answers"]
    assert set(answers) == {"fine-tuned", "rag"}
    for answer in answers.values():
        assert "11 watts" in answer["text"] and not answer["failure"]
        timings = answer["timings"]
        assert 0 < timings["first_token"] <= timings["total"] and timings["tokens_per_second"] > 0
    assert answers["rag"]["timings"]["retrieval"] > 0 and answers["rag"]["passages"]
    history = open_history(demo / "arena.sqlite")
    assert [item.question for item in history.recent()] == [QUESTION]
    history.database.close()


def test_evaluate_asks_each_class_and_goes_on_where_it_was(demo: Path) -> None:
    asked = ("evaluate", "--limit", "1", "--timed", "1", "--contestants", "fine-tuned,rag")
    rows = told(demo, *asked)
    assert [row["contestant"] for row in rows] == ["fine-tuned", "rag"]
    for row in rows:
        assert sum(total for _, total in row["counts"].values()) == 11  # 1 trained wording, 4 and 4 held out, 2 unknown
        assert row["timed"] == 0 or row["median_latency"] > 0  # one that others disturbed does not count
    lines = (demo / "runs" / "evaluation.jsonl").read_text()
    assert told(demo, *asked)[0]["counts"] == rows[0]["counts"]
    assert (demo / "runs" / "evaluation.jsonl").read_text() == lines
