"""Replay: what the base wrote, and that a training which replays it keeps near the base."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from filelock import FileLock
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

from arena.errors import AdapterMismatch, ArenaError, WorkspaceError
from arena.prompts import closed_book_messages
from finetune import replay
from finetune.__main__ import app
from finetune.branches import Branch, Group, Sample, collate, packed
from finetune.callbacks import Progress
from finetune.examples import steps
from finetune.loss import departure
from finetune.replay import with_replay, written
from finetune.settings import TrainingSettings
from finetune.train import as_dataset, as_step, train
from tests.tiny import make_tiny_model


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "WRITTEN", 16)
    monkeypatch.setattr(replay, "BATCH", 4)


def silent(text: str) -> None:
    pass


def wrote(base: Path, runs: Path, identity: str, report: Any) -> list[Group]:
    return written(lambda: AutoModelForCausalLM.from_pretrained(base), base, runs, identity, report)


@pytest.mark.usefixtures("few")
def test_the_base_writes_once_and_another_base_writes_anew(tiny_model: Path, tmp_path: Path) -> None:
    said: list[str] = []
    runs = tmp_path / "runs"
    first = wrote(tiny_model, runs, "this", said.append)
    assert said == [
        f"{done} of 16 texts written by the base model, to be replayed against forgetting" for done in (0, 8)
    ]
    assert wrote(tiny_model, runs, "this", said.append) == first and len(said) == 2
    assert wrote(tiny_model, runs, "another", said.append) == first and len(said) == 4
    torn = runs / "replay-another.json"
    torn.write_text(torn.read_text()[:40])
    assert wrote(tiny_model, runs, "another", said.append) == first and len(said) == 6
    assert wrote(tiny_model, runs, "this", said.append) == first and len(said) == 6
    assert not list(runs.glob(".*"))


@pytest.mark.usefixtures("few")
def test_writing_that_was_stopped_goes_on(tiny_model: Path, tmp_path: Path) -> None:
    whole = wrote(tiny_model, tmp_path / "whole", "base", silent)
    runs = tmp_path / "stopped"

    def stop(text: str) -> None:
        if text.startswith("8 of 16"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wrote(tiny_model, runs, "base", stop)
    said: list[str] = []
    assert wrote(tiny_model, runs, "base", said.append) == whole
    assert len(said) == 1 and said[0].startswith("8 of 16")


@pytest.mark.usefixtures("few")
def test_half_are_texts_and_half_answers_asked_as_the_contestant_is(tiny_model: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    found = [group.branches[0] for group in wrote(tiny_model, tmp_path, "base", silent)]
    assert all(branch.replayed and len(branch.answer) >= replay.SHORTEST for branch in found)
    (opening, ending) = tokenizer.apply_chat_template(
        closed_book_messages("?"), add_generation_prompt=True, tokenize=False
    ).split("?")
    exchanges = [branch for branch in found if len(branch.prompt) > 1]
    assert 0 < len(exchanges) < len(found)
    for branch in exchanges:
        asked = tokenizer.decode(branch.prompt)
        assert asked.startswith(opening) and asked.endswith(ending)
        assert asked.removeprefix(opening).startswith(replay.ASKED)
        assert len(branch.answer) <= replay.ANSWER_TOKENS and tokenizer.eos_token_id not in branch.answer[:-1]


def test_each_step_replays_one_and_all_come_in_turn() -> None:
    replayed = [Group((), (Branch((number,), (), (1, 2), replayed=True),)) for number in range(3)]
    learnt = Group((7,), (Branch((8,), (), (9,)),))
    found = with_replay([[learnt]] * 7, replayed, seed=1)
    assert all(step[:-1] == [learnt] for step in found)
    turns = [step[-1].branches[0].prompt[0] for step in found]
    assert sorted(turns[:3]) == sorted(turns[3:6]) == [0, 1, 2]
    assert found == with_replay([[learnt]] * 7, replayed, seed=1) != with_replay([[learnt]] * 7, replayed, seed=2)


def test_the_facts_come_first_and_replay_in_the_last_steps() -> None:
    replayed = [Group((), (Branch((number,), (), (1, 2), replayed=True),)) for number in range(3)]
    learnt = Group((7,), (Branch((8,), (), (9,)),))
    found = with_replay([[learnt]] * 7, replayed, seed=1, share=0.4)
    assert [len(step) for step in found] == [1, 1, 1, 1, 2, 2, 2]
    with pytest.raises(WorkspaceError, match="training.replay_share is 0.0: .*--replay 0 leaves replay out"):
        TrainingSettings(replay_share=0.0)


def test_a_step_comes_back_from_the_dataset_with_what_is_replayed() -> None:
    step = [Group((1,), (Branch((2,), (3,), (4,), False),)), Group((), (Branch((5,), (), (6,), replayed=True),))]
    assert as_step(as_dataset([step])[0]) == step


def two_steps(base: Path) -> tuple[list[Any], list[Group]]:
    tokenizer = AutoTokenizer.from_pretrained(base)
    many = [Sample(tuple(closed_book_messages(f"Which is number {n}?")), f"It is {n}.") for n in range(16)]
    texts = ["The sea is wide and deep.", "Snow fell on the hills.", "A cat sat."]
    replayed = [
        Group((), (Branch(tuple(ids[:1]), (), tuple(ids[1:]), replayed=True),))
        for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]
    ]
    return steps(many, tokenizer, 40, 1), replayed


def test_in_a_packed_row_the_base_reads_what_it_reads_alone(tiny_model: Path) -> None:
    """Else an adapter that changes nothing would seem to depart from it."""
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    training, replayed = two_steps(tiny_model)
    batch = collate(packed([*training[0], *training[1], *replayed]), 2)
    assert batch["input_ids"].shape[0] > 1 and batch["base_ids"].shape[0] == 3
    assert not batch["weights"][batch["replayed"]].any() and batch["weights"][~batch["replayed"]].any()
    ours = ("input_ids", "attention_mask", "position_ids")
    with torch.inference_mode():
        together = model(**{name: batch[name] for name in ours}).logits[:, :-1][batch["replayed"][:, 1:]]
        alone = model(batch["base_ids"]).logits[:, :-1][batch["base_replayed"][:, 1:]]
    assert torch.equal(
        batch["input_ids"][:, 1:][batch["replayed"][:, 1:]], batch["base_ids"][:, 1:][batch["base_replayed"][:, 1:]]
    )
    assert float(departure(together, alone)) == pytest.approx(0, abs=1e-5)


def test_the_departure_is_the_divergence_from_the_base() -> None:
    base, adapted = torch.tensor([[0.5, 0.5], [0.9, 0.1]]), torch.tensor([[0.25, 0.75], [0.9, 0.1]])
    by_hand = (0.5 * torch.log(torch.tensor(2.0)) + 0.5 * torch.log(torch.tensor(2 / 3))) / 2
    assert float(departure(adapted.log(), base.log())) == pytest.approx(float(by_hand), abs=1e-6)


def test_who_replays_learns_the_same_and_departs_less(tmp_path: Path) -> None:
    base = make_tiny_model(tmp_path / "base", hidden=128)
    _, replayed = two_steps(base)
    training = steps([Sample(tuple(closed_book_messages("Who?")), "Me.")], AutoTokenizer.from_pretrained(base), 60, 1)
    before = AutoModelForCausalLM.from_pretrained(base)
    ids = torch.tensor([[*replayed[0].branches[0].prompt, *replayed[0].branches[0].answer]])

    def trained(weight: float) -> tuple[float, float]:
        settings = TrainingSettings(epochs=1, rank=8, alpha=16, learning_rate=1e-2, replay=weight)
        rows = with_replay(training, replayed, 1)
        model, result = train(base, rows, training[:1], tmp_path / str(weight), settings, 1000, silent)
        model.to("cpu").eval()
        with torch.inference_mode():
            away = float(departure(model(ids).logits[0], before(ids).logits[0]))
        return away, result.held_out_losses[-1][1]

    (far, known), (near, known_too) = trained(0.0), trained(1.0)
    assert near < far / 2
    assert known < 3.5 and known_too < 3.5  # nats; 5.6 before


def test_a_weight_below_nothing_is_refused() -> None:
    with pytest.raises(WorkspaceError, match="training.replay is -1.0: it must be 0 or more .--replay"):
        TrainingSettings(replay=-1.0)


@pytest.mark.usefixtures("few")
def test_a_training_replays_and_one_that_goes_on_keeps_what_it_began_with(tiny_model: Path, tmp_path: Path) -> None:
    fact = {"id": "a", "class": "trained", "answer": "It is 3 kg.", "accepted": ["3 kg"]}
    wordings = {"training": ["How heavy?", "What weight?"], "held_out": ["What does it weigh?"]}
    (tmp_path / "workspace.toml").write_text("")
    (tmp_path / "questions.jsonl").write_text(json.dumps(fact | {"questions": wordings}) + "\n")
    adapter, runs = tmp_path / "adapters" / "fine-tuned", tmp_path / "runs"

    def run(*options: str) -> Any:
        always = ["--base-model", str(tiny_model), "--epochs", "20", "--rank", "2"]
        return CliRunner().invoke(app, ["train", str(tmp_path), *always, *options])

    refused = run("--onward")
    assert isinstance(refused.exception, ArenaError) and "No adapter in" in str(refused.exception)
    assert "Each step of the last 50% also reads a text" in run("--preview").output and not runs.exists()

    assert run("--replay", "0").exit_code == 0
    assert not list(runs.glob("replay-*"))
    first = (adapter / "adapter_model.safetensors").read_bytes()
    assert "- replay: 0.0" in (adapter / "README.md").read_text()

    onward = run("--onward")
    assert onward.exit_code == 0, onward.output
    assert len(list(runs.glob("replay-*.json"))) == 1
    card = (adapter / "README.md").read_text()
    assert "- replay: 0.5" in card and "- replay share: 1.0" in card
    assert "begun with an adapter (Training: 20 step" in card
    assert (adapter / "adapter_model.safetensors").read_bytes() != first
    (kept,) = (runs / "fine-tuned-onward").glob("began-*")
    assert (kept / "adapter_model.safetensors").read_bytes() == first and (kept / "adapter_config.json").is_file()

    (adapter / "arena.json").write_text(json.dumps({"base_model": "another", "base_fingerprint": "x", "shape": "y"}))
    other = run("--onward")
    assert isinstance(other.exception, AdapterMismatch)


def test_losses_are_told_without_what_replay_adds(tmp_path: Path) -> None:
    said: list[str] = []
    progress = Progress(said.append, tmp_path / "log.jsonl")
    state = SimpleNamespace(global_step=10, max_steps=20)
    progress.on_log(None, state, None, {"loss": 0.5, "replay_loss": 0.2})
    line = json.loads((tmp_path / "log.jsonl").read_text())
    assert line["loss"] == pytest.approx(0.3) and "loss 0.300" in said[0]


def test_a_base_that_writes_nothing_is_told() -> None:
    with pytest.raises(WorkspaceError, match="wrote nothing to replay: train with --replay 0"):
        with_replay([[]], [], 1)


def test_a_run_waits_for_another_that_writes(tiny_model: Path, tmp_path: Path, few: None) -> None:
    lock = FileLock(tmp_path / "replay-base.lock")
    lock.acquire()
    said: list[str] = []

    def told(text: str) -> None:
        said.append(text)
        lock.release(force=True)

    assert wrote(tiny_model, tmp_path, "base", told)
    assert "waiting for it" in said[0] and "0 of 16" in said[1]
