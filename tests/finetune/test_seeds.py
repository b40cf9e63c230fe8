"""Several seeds: how far figures lie apart, and that a finished run is not made again."""

import json
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import t
from typer.testing import CliRunner

from finetune.__main__ import app
from finetune.figures import examined, figures_of, figures_text
from finetune.seeds import Spread, spreads


def test_the_interval_is_students() -> None:
    found = Spread((0.90, 0.92, 0.94))
    half = t.ppf(0.975, 2) * 0.02 / 3**0.5
    assert found.mean == pytest.approx(0.92)
    assert found.interval == pytest.approx((0.92 - half, 0.92 + half))
    assert str(found) == "92.0% (87.0% to 97.0%; 3 runs: 90.0%, 92.0%, 94.0%)"


def test_one_run_tells_nothing_about_luck_and_no_share_leaves_its_range() -> None:
    assert Spread((0.9,)).interval == (0.0, 1.0)
    assert Spread((0.99, 0.9, 1.0)).interval[1] == 1.0


def test_figures_are_compared_by_name_and_what_nobody_was_asked_is_left_out() -> None:
    found = spreads([{"held out": (9, 10), "oblique": (0, 0)}, {"held out": (8, 10), "oblique": (0, 0)}])
    assert {name: spread.shares for name, spread in found.items()} == {"held out": (0.9, 0.8)}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"made_from": {"seed": 1}}', '{"made_from": {"seed": 2}, "figures": {}}']
)
def test_figures_of_another_run_or_broken_ones_count_for_nothing(text: str, tmp_path: Path) -> None:
    assert figures_of(tmp_path, {"seed": 1}) is None
    (tmp_path / "figures.json").write_text(text)
    assert figures_of(tmp_path, {"seed": 1}) is None
    (tmp_path / "figures.json").write_text(figures_text({"seed": 1}, {"held out": (9, 10)}))
    assert figures_of(tmp_path, {"seed": 1}) == {"held out": (9, 10)}


def test_a_page_reads_whatever_figures_are_there(tmp_path: Path) -> None:
    assert examined(tmp_path) == {}
    (tmp_path / "figures.json").write_text(figures_text({"seed": 1}, {"held out": (9, 10)}))
    assert examined(tmp_path) == {"held out": (9, 10)}
    (tmp_path / "figures.json").write_text('{"made_from": {}, "figures": {"held out": 3}}')
    assert examined(tmp_path) == {}


def test_each_seed_is_trained_once_and_a_new_one_joins_them(tmp_path: Path, tiny_model: Path) -> None:
    fact = {"id": "a", "class": "trained", "answer": "It is 3 kg.", "accepted": ["3 kg"]}
    wordings = {"training": ["How heavy?", "What weight?"], "held_out": ["What does it weigh?"]}
    (tmp_path / "workspace.toml").write_text("")
    (tmp_path / "questions.jsonl").write_text(json.dumps(fact | {"questions": wordings}) + "\n")

    def run(count: int) -> Any:
        options = ["--count", str(count), "--base-model", str(tiny_model), "--epochs", "1", "--rank", "2"]
        return CliRunner().invoke(app, ["seeds", str(tmp_path), *options])

    first = run(2)
    assert first.exit_code == 0, first.output
    adapters = sorted((tmp_path / "runs" / "seeds").glob("*/adapter"))
    assert [path.parent.name for path in adapters] == ["42", "43"]
    written = [(path / "adapter_model.safetensors").stat().st_mtime_ns for path in adapters]
    again = run(3)
    assert again.exit_code == 0, again.output
    assert [(path / "adapter_model.safetensors").stat().st_mtime_ns for path in adapters] == written
    assert "held-out wording" in again.output and "3 runs" in again.output
    assert not (tmp_path / "adapters").exists()  # the one that serves is not touched
