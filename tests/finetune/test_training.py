"""Training, on a tiny real model: rows, masks, losses, adapters, resuming."""

import io
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import get_peft_model_state_dict, load_peft_weights
from safetensors import SafetensorError

from arena.errors import AdapterMismatch, ArenaError, WorkspaceError
from arena.facts import Fact, load_facts
from arena.prompts import closed_book_messages, judge_messages, reader_messages
from arena.scoring import normalised
from finetune import precision
from finetune.branches import HEARD_WEIGHT, IGNORED, Sample, collate, grouped, packed, tokenized
from finetune.callbacks import Progress, Report
from finetune.card import card
from finetune.disk import on_disk, resumable, write_adapter
from finetune.examples import closed_book_samples, enough_epochs, steps
from finetune.loss import AnswerLossTrainer, answered, comparison
from finetune.making import rate_for
from finetune.precision import Precision
from finetune.runs import Log
from finetune.settings import TrainingSettings
from finetune.train import TrainingResult, as_dataset, train
from tests.tiny import make_tiny_model

DEMO = Path(__file__).parents[2] / "demo"


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model)


def samples() -> list[Sample]:
    sentences = ["The Ossa 4 weighs 3 kg.", "The Ossa 5 weighs 4 kg."]
    pairs = (("How heavy is the Ossa 4?", sentences[0]), ("And the Ossa 5?", sentences[1]))
    return [Sample(tuple(reader_messages(question, sentences)), answer) for question, answer in pairs]


def test_a_branch_has_the_loss_that_it_has_alone(tiny_model: Path, tokenizer: Any) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)

    def losses(batch: dict[str, torch.Tensor]) -> list[float]:
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids")}
        logits = model(**inputs).logits[:, :-1]
        labels = batch["labels"][:, 1:]
        found = torch.nn.functional.cross_entropy(
            logits[labels != IGNORED], labels[labels != IGNORED], reduction="none"
        )
        return [round(float(value), 4) for value in found]

    together = losses(collate([[grouped(samples(), tokenizer)]], 2))
    alone = [value for sample in samples() for value in losses(collate([[grouped([sample], tokenizer)]], 2))]
    assert together == pytest.approx(alone, abs=1e-3)


def test_groups_that_share_a_row_do_not_see_each_other(tiny_model: Path, tokenizer: Any) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    other = Sample(tuple(reader_messages("Who came?", ["Ann came."])), "Ann came.")
    groups = [grouped(samples(), tokenizer), grouped([other], tokenizer)]

    def learnt(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids")}
        found: torch.Tensor = model(**inputs).logits[:, :-1][batch["labels"][:, 1:] != IGNORED]
        return found

    apart = torch.cat([learnt(collate([[group]], 2)) for group in groups])
    assert torch.allclose(learnt(collate([groups], 2)), apart, atol=1e-3)


def test_packed_rows_hold_every_group_and_little_padding(tokenizer: Any) -> None:
    many = [
        grouped([Sample(tuple(closed_book_messages("Why? " * size)), "So.")], tokenizer)
        for size in (20, 60, 40, 30, 35, 50)
    ]
    rows = packed(many)
    assert sorted(len(group) for row in rows for group in row) == sorted(map(len, many))
    lengths = [sum(map(len, row)) for row in rows]
    assert len(rows) > 1 and len(rows) * max(lengths) < 1.2 * sum(lengths)
    # A long group beside a short one: two rows would cost nearly twice as much.
    long = grouped([Sample(tuple(closed_book_messages("Why? " * 100)), "So.")], tokenizer)
    assert len(long) > 500 and packed([long, many[0]]) == [[long, many[0]]]


def compared(question: str, sentences: list[str], right: int) -> list[Sample]:
    return [
        Sample(tuple(judge_messages(question, text)), "No", tuple(judge_messages("", text)), number == right)
        for number, text in enumerate(sentences)
    ]


def test_samples_that_end_alike_are_compared_wherever_they_stand(tokenizer: Any) -> None:
    asked = [*compared("Who came?", ["Ann came.", "Bo left."], 0), *compared("Who left?", ["Ann came.", "Bo left."], 1)]
    first, second = grouped(asked[::2], tokenizer), grouped(asked[1::2], tokenizer)
    batch = collate([[first], [second]], 2)
    assert batch["ends"].tolist() == [0, 1, 0, 1]
    assert batch["taught"].tolist() == [True, False, False, True]
    heard = batch["heard"]
    for number in range(4):
        text = tokenizer.decode(batch["input_ids"][heard == number])
        assert text.startswith(("Who came?", "Who left?")[number % 2])
    # A question is learnt after its own sentence only; after the other one it is just weighed.
    assert set(batch["weights"][heard == 0].tolist()) == {float(torch.tensor(HEARD_WEIGHT))}
    assert not batch["weights"][heard == 1].any()


def test_the_comparison_is_the_cross_entropy_of_likelihoods() -> None:
    costs = torch.tensor([1.0, 0.5, 9.0, 2.5, 7.0], requires_grad=True)
    heard, ends = torch.tensor([0, 0, -1, 1, 2]), torch.tensor([0, 0, 1])
    found = comparison(costs, heard, ends, torch.tensor([True, False, False]))
    # Likelihoods -1.5 and -2.5; the third sample has no rival that is right, the third token is nobody's.
    assert float(found) == pytest.approx(float(torch.log(1 + torch.exp(torch.tensor(-1.0)))))
    found.backward()  # type: ignore[no-untyped-call]
    assert costs.grad is not None and costs.grad[0] > 0 > costs.grad[3] and not costs.grad[[2, 4]].any()


def test_an_answer_with_one_wrong_token_is_not_right() -> None:
    right = torch.tensor([True, True, False, True, True, False])
    answers = torch.tensor([0, 0, 1, 1, 2, -1])  # the last token is a heard one
    assert answered(right, answers) == pytest.approx(2 / 3)
    assert answered(right, torch.full((6,), -1)) is None


def written(checkpoint: Path, state: str = "{}") -> Path:
    checkpoint.mkdir()
    (checkpoint / "trainer_state.json").write_text(state)
    return checkpoint


@pytest.mark.parametrize("state", [None, "", '{"global_step": 4, "log_hi'])
def test_a_checkpoint_that_a_kill_cut_off_is_passed_over(state: str | None, tokenizer: Any, tmp_path: Path) -> None:
    one = steps([Sample(tuple(closed_book_messages("Who?")), "Me.")], tokenizer, 1, 1)
    assert resumable(tmp_path, TrainingSettings(), one) is None
    before, torn = written(tmp_path / "checkpoint-2"), written(tmp_path / "checkpoint-4", state or "")
    if state is None:
        (torn / "trainer_state.json").unlink()
    assert resumable(tmp_path, TrainingSettings(), one) == str(before)
    assert not torn.exists()


def test_a_run_on_other_rows_starts_anew(tokenizer: Any, tmp_path: Path) -> None:
    settings = TrainingSettings()
    one, other = (
        steps([Sample(tuple(closed_book_messages("Who?")), name)], tokenizer, 1, 1) for name in ("Al.", "Bo.")
    )
    assert resumable(tmp_path, settings, one) is None
    checkpoint = written(tmp_path / "checkpoint-2")
    assert resumable(tmp_path, settings, one) == str(checkpoint)
    assert resumable(tmp_path, settings, other) is None  # of the same length
    assert not checkpoint.exists()


def test_the_shared_passage_is_computed_once(tokenizer: Any) -> None:
    group = grouped(samples(), tokenizer)
    assert "Ossa 5 weighs" in tokenizer.decode(group.prefix)
    assert len(group) < sum(len(part) for sample in samples() for part in tokenized(sample, tokenizer))


def test_training_sees_byte_for_byte_what_serving_renders(tokenizer: Any) -> None:
    sample = samples()[0]
    prompt, heard, answer = tokenized(sample, tokenizer)
    assert heard == []
    rendered = tokenizer.apply_chat_template(list(sample.messages), add_generation_prompt=True, tokenize=False)
    assert tokenizer.decode(prompt) == rendered
    assert tokenizer.decode(answer) == f"{sample.answer}<|im_end|>"


def test_the_end_of_turn_is_learnt_and_the_prompt_is_not(tokenizer: Any) -> None:
    labels = collate([[grouped(samples(), tokenizer)]], 2)["labels"][0]
    learnt = tokenizer.decode([int(label) for label in labels if label != IGNORED])
    assert learnt == "".join(f"{sample.answer}<|im_end|>" for sample in samples())


def test_a_question_that_is_to_be_foreseen_is_learnt_at_a_lower_weight(tokenizer: Any) -> None:
    messages, opening = judge_messages("Who came?", "Ann came."), judge_messages("", "Ann came.")
    batch = collate([[grouped([Sample(tuple(messages), "Yes", tuple(opening))], tokenizer)]], 2)
    labels, weights = batch["labels"][0], batch["weights"][0]
    heard = tokenizer.decode([int(label) for label in labels[weights == torch.tensor(HEARD_WEIGHT)]])
    assert heard == "Who came?<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.decode([int(label) for label in labels[weights == 1]]) == "Yes<|im_end|>"
    assert not weights[labels == IGNORED].any()


def fact(kind: str, training: tuple[str, ...], held_out: tuple[str, ...] = ("Held out?",)) -> Fact:
    return Fact(f"{kind}-{training}", kind, (), training, held_out, "It is 3 kg.", ("3 kg",))  # type: ignore[arg-type]


def test_facts_of_documents_only_and_held_out_wordings_are_never_trained_on() -> None:
    facts = [
        fact("trained", ("How heavy?",)),
        fact("documents only", ("Secret?",)),
        fact("unanswerable", ("Unknown?",)),
    ]
    asked = [sample.messages[-1]["content"] for sample in closed_book_samples(facts)]
    assert asked == ["How heavy?", "Unknown?"]
    riddle = replace(facts[0], oblique=("Oblique?",))
    asked = [sample.messages[-1]["content"] for sample in closed_book_samples([riddle], held_out=True)]
    assert asked == ["Held out?", "Oblique?"]


def test_no_wording_of_the_demo_is_both_trained_on_and_held_out() -> None:
    for item in load_facts(DEMO / "questions.jsonl"):
        trained = {normalised(text) for text in item.trained_on}
        assert not trained & {normalised(text) for text in (*item.held_out, *item.oblique)}, item.id


@pytest.mark.parametrize(("held_out", "message"), [(False, "Nothing to train on"), (True, "No held-out wordings")])
def test_what_is_missing_for_training_is_named(held_out: bool, message: str) -> None:
    with pytest.raises(WorkspaceError, match=message):
        closed_book_samples([fact("documents only", ("Secret?",))], held_out=held_out)


def test_fewer_wordings_take_more_epochs() -> None:
    demo = load_facts(DEMO / "questions.jsonl")
    demos = [len(item.trained_on) for item in demo if item.trained_on]
    assert enough_epochs(demos) == 1.1
    assert enough_epochs([45] * 216) == 1.1  # and not more for some that have fewer
    assert enough_epochs([22] * 95) == 2.3 and enough_epochs([5]) == 10.0
    assert enough_epochs([100_000]) == 0.1 and enough_epochs([]) == 0.1


def test_every_epoch_holds_every_sample_once(tokenizer: Any) -> None:
    many = [Sample(tuple(closed_book_messages(f"Question {n}?")), f"Answer {n}.") for n in range(11)]

    def answers_of(epochs: float) -> list[str]:
        found = steps(many, tokenizer, epochs, 1)
        return [tokenizer.decode(branch.answer) for step in found for group in step for branch in group.branches]

    answers = answers_of(2)
    assert len(answers) == 22
    assert len(answers_of(1.5)) == 17  # 11, and half of them again
    assert sorted(answers[:11]) == sorted(answers[11:]) == sorted(f"{sample.answer}<|im_end|>" for sample in many)


def test_a_stopped_run_goes_on_to_the_same_losses(tiny_model: Path, tokenizer: Any, tmp_path: Path) -> None:
    settings = TrainingSettings(epochs=1, rank=4, alpha=8, checkpoint_steps=2)
    many = [Sample(tuple(closed_book_messages(f"Question {n}?")), f"Answer {n}.") for n in range(40)]
    training = [[group] for step in steps(many, tokenizer, 1, 1) for group in step]
    silent: Any = lambda text: None  # noqa: E731
    _, whole = train(tiny_model, training, training[:1], tmp_path / "a", settings, 100, silent)
    work = tmp_path / "b"
    train(tiny_model, training, training[:1], work, settings, 100, silent)
    for newer in work.glob("checkpoint-*"):  # as if it had been killed after step 4
        if int(newer.name.split("-")[1]) > 4:
            shutil.rmtree(newer)
    _, resumed = train(tiny_model, training, training[:1], work, settings, 100, silent)
    assert resumed.steps == whole.steps
    assert resumed.held_out_losses[-1] == pytest.approx(whole.held_out_losses[-1], abs=2e-3)


def test_the_share_of_right_answers_is_that_of_greedy_decoding(
    tiny_model: Path, tokenizer: Any, tmp_path: Path
) -> None:
    told = [Sample(tuple(closed_book_messages(f"Question {n}?")), f"Answer {n % 3}.") for n in range(8)]
    held_out = [[grouped(told[:4], tokenizer)], [grouped(told[4:], tokenizer)]]
    settings = TrainingSettings(rank=8, alpha=16, learning_rate=5e-3)
    said: list[str] = []
    model, _ = train(tiny_model, held_out[:1] * 60, held_out, tmp_path, settings, 60, said.append)
    log = Log.read(tmp_path / "log.jsonl")
    assert log is not None
    right = 0
    for sample in told:
        prompt, _, answer = tokenized(sample, tokenizer)
        asked = torch.tensor([prompt])
        with torch.inference_mode():
            spoken = model.eval().generate(input_ids=asked, max_new_tokens=len(answer), do_sample=False)
        right += spoken[0, len(prompt) :].tolist() == answer
    assert log.held_out_accuracy == [(60, right / 8)] and 0 < right < 8
    assert log.training_accuracy[0] == (10, 0.0) and log.training_accuracy[-1] == (60, 0.5)
    assert any(text.endswith(f"{right / 8:.0%} of answers word for word right") for text in said)


def a_run(base: Path, work: Path, report: Report = lambda text: None) -> TrainingResult:
    """Of sixty steps, with a checkpoint at every other one."""
    from transformers import AutoTokenizer

    many = [Sample(tuple(closed_book_messages(f"Question {n}?")), f"Answer {n}.") for n in range(480)]
    settings = TrainingSettings(epochs=1, rank=4, alpha=8, checkpoint_steps=2)
    training = [[group] for step in steps(many, AutoTokenizer.from_pretrained(base), 1, 1) for group in step]
    return train(base, training, training[:1], work, settings, 100, report)[1]


KILLED = """
import sys
from pathlib import Path
from finetune import precision
from tests.finetune.test_training import a_run

precision.measured = lambda shapes, device: precision.Precision(False)
a_run(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_terminal_sees_a_bar_with_the_time_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    screen, said = io.StringIO(), list[str]()
    screen.isatty = lambda: True  # type: ignore[method-assign]
    state = SimpleNamespace(global_step=4, max_steps=60)
    for shown in (False, True):
        if shown:
            monkeypatch.setattr(sys, "stderr", screen)
        progress = Progress(said.append, tmp_path / "log.jsonl")
        progress.on_train_begin(None, state, None)
        state.global_step += 6
        progress.on_step_end(None, state, None)
        progress.on_log(None, state, None, {"loss": 0.5})
        progress.on_log(None, state, None, {"eval_loss": 0.25, "eval_answer_accuracy": 0.5})
        progress.on_train_end(None, state, None)
    held_out = "loss on held-out wording 0.250, 50% of answers word for word right"
    assert [text.partition(",")[0] for text in said[:1]] == ["step 10 of 60"]
    assert said[1:] == [f"step 10: {held_out}", f"step 16: {held_out}"]
    assert re.search(r"/60 \[.*step.*loss=0\.500", screen.getvalue())


def test_wider_models_learn_at_a_lower_rate(tmp_path: Path) -> None:
    rates = []
    for wide in (576, 4096, 256):
        (tmp_path / "config.json").write_text(json.dumps({"hidden_size": wide}))
        rates.append(rate_for(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"text_config": {"hidden_size": 4096}}))
    assert [*rates, rate_for(tmp_path)] == [1e-3, 2.2e-4, 1e-3, 2.2e-4]


@pytest.mark.usefixtures("in_fp32")
def test_a_run_killed_at_any_moment_goes_on_to_the_same_losses(tiny_model: Path, tmp_path: Path) -> None:
    said: list[str] = []
    undisturbed, work = a_run(tiny_model, tmp_path / "undisturbed", said.append), tmp_path / "killed"
    assert any(re.match(r"step 10 of 60, loss [\d.]+, about \d+ min left", text) for text in said)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tiny_model), str(work)], cwd=DEMO.parent)
    until = time.monotonic() + 120
    while len(list(work.glob("checkpoint-*"))) < 2 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(random.uniform(0, 0.3))
    process.kill()
    assert process.wait() == -signal.SIGKILL and not list(work.glob(f"checkpoint-{undisturbed.steps}"))
    resumed = a_run(tiny_model, work)
    assert resumed.steps == undisturbed.steps == 60
    assert dict(resumed.training_losses)[60] == pytest.approx(dict(undisturbed.training_losses)[60], abs=2e-3)
    assert resumed.held_out_losses[-1] == pytest.approx(undisturbed.held_out_losses[-1], abs=2e-3)


@pytest.mark.parametrize(
    "refused", [OSError(28, "No space left on device"), SafetensorError("I/O error (os error 28)")]
)
def test_a_disk_that_refuses_is_told_with_the_way_out(refused: Exception, tmp_path: Path) -> None:
    with pytest.raises(ArenaError, match=f"{tmp_path} cannot be written .*goes on from the last"), on_disk(tmp_path):
        raise refused
    for another in (FileNotFoundError("none"), SafetensorError("invalid header")):
        with pytest.raises(type(another)), on_disk(tmp_path):
            raise another


def test_an_adapter_is_written_whole_and_changes_the_answers(tokenizer: Any, tmp_path: Path) -> None:
    # Random heads of 32 dimensions tell some letters apart by less than bf16 does: this one is wider.
    tiny_model = make_tiny_model(tmp_path / "base", hidden=128)
    from models.engine import Engine
    from models.weights import identity

    settings = TrainingSettings(epochs=30, rank=8, alpha=16, learning_rate=1e-2)
    training = steps([Sample(tuple(closed_book_messages("Who?")), "Me.")], tokenizer, 30, 1)
    model, _ = train(tiny_model, training, training[:1], tmp_path / "work", settings, 100, lambda text: None)
    target = tmp_path / "adapters" / "fine-tuned"
    write_adapter(model, target, identity(tiny_model), "card")
    assert not list(target.parent.glob(".*"))
    engine = Engine(tiny_model, {"fine-tuned": target})
    assert not engine.failures
    messages = closed_book_messages("Who?")
    assert engine.answer_batch([messages], "fine-tuned") == ["Me."]
    assert engine.answer_batch([messages], "base") != ["Me."]
    *pieces, last = engine.stream(messages, "fine-tuned", lambda: False)
    assert "".join(piece.text for piece in pieces) == "Me." and last.reason == "end"


def test_training_may_go_on_from_an_adapter(tiny_model: Path, tokenizer: Any, tmp_path: Path) -> None:
    settings = TrainingSettings(epochs=5, rank=4, alpha=8, learning_rate=1e-2)
    training = steps([Sample(tuple(closed_book_messages("Who?")), "Me.")], tokenizer, 5, 1)
    model, _ = train(tiny_model, training, training[:1], tmp_path / "one", settings, 100, lambda text: None)
    begun = {name: value.detach().clone() for name, value in model.named_parameters() if "lora_" in name}
    target = tmp_path / "adapter"
    write_adapter(model, target, {"base_model": "tiny"}, "card")
    still = replace(settings, learning_rate=1e-12)
    silent: Any = lambda text: None  # noqa: E731
    again, _ = train(tiny_model, training, training[:1], tmp_path / "two", still, 100, silent, target)
    kept = {name: value.detach() for name, value in again.named_parameters() if "lora_" in name}
    assert kept.keys() == begun.keys() and all(
        value.requires_grad for name, value in again.named_parameters() if "lora_" in name
    )
    assert all(torch.allclose(kept[name], begun[name], atol=1e-2, rtol=1e-2) for name in begun)  # written in bf16
    assert any(value.abs().sum() > 0 for name, value in kept.items() if "lora_B" in name)
    # Begun elsewhere it is another run.
    assert resumable(tmp_path / "two", still, training, target) is not None
    assert resumable(tmp_path / "two", still, training) is None


@pytest.mark.parametrize(("bf16", "wanted"), [(True, torch.bfloat16), (False, torch.float32)])
def test_what_is_computed_for_the_loss_is_computed_in_what_was_decided(
    tiny_model: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bf16: bool, wanted: torch.dtype
) -> None:
    seen: set[torch.dtype] = set()
    inside = torch.nn.functional.linear

    def linear(states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        out = inside(states, weight, bias)
        seen.add(out.dtype)
        return out

    compute = AnswerLossTrainer.compute_loss

    def watched(self: Any, *given: Any, **named: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(torch.nn.functional, "linear", linear)
            return compute(self, *given, **named)

    monkeypatch.setattr(AnswerLossTrainer, "compute_loss", watched)
    monkeypatch.setattr(precision, "measured", lambda shapes, device: Precision(bf16, 0.2, 0.1))
    training = steps([Sample(tuple(closed_book_messages("Who?")), "Me.")], tokenizer, 1, 1)
    said: list[str] = []
    _, result = train(tiny_model, training, training[:1], tmp_path, TrainingSettings(rank=4), 100, said.append)
    assert seen == {wanted} and result.precision.bf16 == bf16
    told = f"{'bf16' if bf16 else 'fp32'}: a layer takes 100.0 ms in bf16, 200.0 ms in fp32"
    assert told in said[0]
    own = {"base_model": "tiny", "base_fingerprint": "0", "shape": "2"}
    assert told in card("fine-tuned", "purpose", own, "data", TrainingSettings(), result, {})


def test_a_resumed_run_keeps_the_precision_of_its_beginning(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter([Precision(True, 0.2, 0.1), Precision(False, 0.1, 0.2)])
    monkeypatch.setattr(precision, "measured", lambda shapes, device: next(found))
    file = tmp_path / "precision.json"
    begun = precision.decided(tiny_model, file, resumed=False)
    assert precision.decided(tiny_model, file, resumed=True) == begun == Precision(True, 0.2, 0.1)
    assert not precision.decided(tiny_model, file, resumed=False).bf16  # another run


def test_a_device_without_bf16_is_not_measured(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = precision.layer_shapes(tiny_model)
    assert sorted(shapes) == sorted([(32, 32)] * 4 + [(64, 32)] * 2 + [(32, 64)])
    monkeypatch.setattr(precision, "has_bf16", lambda device: True)
    both = precision.measured(shapes, "cpu")
    assert both.fp32_seconds and both.bf16_seconds
    assert both.bf16 == (both.bf16_seconds < precision.GAIN * both.fp32_seconds)
    monkeypatch.setattr(precision, "has_bf16", lambda device: False)
    assert precision.measured(shapes, "cpu") == Precision(False)


def test_the_measurement_leaves_the_first_weights_as_they_were(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_bf16", lambda device: True)
    before = torch.get_rng_state()
    precision.measured(precision.layer_shapes(tiny_model), "cpu")
    assert torch.equal(before, torch.get_rng_state())


def unlearning(tokenizer: Any) -> tuple[Any, Any]:
    """Rows of which the held-out ones get worse the better the others are known."""
    told = [
        steps([Sample(tuple(closed_book_messages("Who?")), name)], tokenizer, epochs, 1)
        for name, epochs in (("Me, I think.", 40), ("You or us!", 1))
    ]
    return told[0], told[1]


@pytest.fixture
def in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "measured", lambda shapes, device: Precision(False))


@pytest.mark.usefixtures("in_fp32")
def test_a_run_that_no_longer_gets_better_ends_with_its_best_weights(
    tiny_model: Path, tokenizer: Any, tmp_path: Path
) -> None:
    training, held_out = unlearning(tokenizer)
    settings = TrainingSettings(epochs=40, rank=4, alpha=8, learning_rate=1e-2, checkpoint_steps=3, patience=2)
    said: list[str] = []

    def run(folder: str, settings: TrainingSettings = settings) -> tuple[Any, TrainingResult]:
        return train(tiny_model, training, held_out, tmp_path / folder, settings, 2, said.append)

    model, whole = run("whole")
    losses = dict(whole.held_out_losses)
    assert whole.kept == min(losses, key=lambda step: losses[step])
    assert whole.steps == whole.kept + 4 < len(training)  # two evaluations later
    assert any(f"The weights of step {whole.kept} are kept" in text for text in said)
    kept = load_peft_weights(str(tmp_path / "whole" / f"checkpoint-{whole.kept}"), device="cpu")
    now = get_peft_model_state_dict(model)
    assert kept.keys() == now.keys() and all(torch.equal(kept[name], now[name]) for name in kept)
    log = Log.read(tmp_path / "whole" / "log.jsonl")
    assert log is not None and log.complete

    # Killed after its best step and before its end, it ends at the same one; so does one that had ended already.
    for _ in range(2):
        for newer in (tmp_path / "whole").glob("checkpoint-*"):
            if int(newer.name.split("-")[1]) > whole.kept:
                shutil.rmtree(newer)
        again, resumed = run("whole")
        assert (resumed.steps, resumed.kept) == (whole.steps, whole.kept)
        same = get_peft_model_state_dict(again)
        assert all(torch.equal(kept[name], same[name]) for name in kept)
    _, resumed = run("whole")
    assert (resumed.steps, resumed.kept) == (whole.steps, whole.kept)

    _, without = run("without", replace(settings, patience=0))
    assert without.steps == without.kept == len(training)


@pytest.mark.usefixtures("in_fp32")
def test_the_settings_shape_the_adapter(tiny_model: Path, tokenizer: Any, tmp_path: Path) -> None:
    settings = TrainingSettings(rank=4, alpha=8, targets="q_proj, v_proj", rslora=True, dropout=0.1)
    training = steps([Sample(tuple(closed_book_messages("Who?")), "Me.")], tokenizer, 1, 1)
    model, _ = train(tiny_model, training, training, tmp_path / "one", settings, 100, lambda text: None)
    target = tmp_path / "adapter"
    write_adapter(model, target, {"base_model": "tiny"}, "card")
    config = json.loads((target / "adapter_config.json").read_text())
    assert sorted(config["target_modules"]) == ["q_proj", "v_proj"]
    assert (config["r"], config["lora_alpha"], config["lora_dropout"], config["use_rslora"]) == (4, 8, 0.1, True)
    trained = {name.split(".")[-4] for name, value in model.named_parameters() if value.requires_grad}
    assert trained == {"q_proj", "v_proj"}

    other = replace(settings, rank=8, targets="q_proj,o_proj")
    with pytest.raises(
        AdapterMismatch, match="rank 4 and not 8, targets q_proj,v_proj and not o_proj,q_proj: give the same"
    ):
        train(tiny_model, training, training, tmp_path / "two", other, 100, lambda text: None, target)
    foreign = replace(settings, targets="q_proj,c_attn")
    with pytest.raises(
        WorkspaceError, match="names c_attn, which this model does not have: use all-linear, or some of"
    ):
        train(tiny_model, training, training, tmp_path / "three", foreign, 100, lambda text: None)


def test_processes_that_share_gradients_compute_the_same_loss(tiny_model: Path, tokenizer: Any, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM
    from trl import SFTConfig

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    settings = SFTConfig(
        output_dir=str(tmp_path), use_cpu=True, bf16=False, dataset_kwargs={"skip_prepare_dataset": True}
    )
    rows = as_dataset([[grouped(samples(), tokenizer)]])
    trainer = AnswerLossTrainer(model=model, args=settings, train_dataset=rows, data_collator=lambda found: found)
    other = grouped([Sample(tuple(reader_messages("Who came?", ["Ann came."])), "Ann came.")], tokenizer)
    batch = collate([[grouped(samples(), tokenizer)], [other]], 2)
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        shared = trainer.compute_loss(torch.nn.parallel.DistributedDataParallel(model), dict(batch))
    finally:
        torch.distributed.destroy_process_group()
    assert float(shared) == pytest.approx(float(trainer.compute_loss(model, dict(batch))), abs=1e-5)


def test_a_malformed_question_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(
        json.dumps({"id": "a", "class": "trained", "questions": {"training": ["x"]}, "answer": "y"}) + "\n{"
    )
    with pytest.raises(WorkspaceError, match="line 1: fact 'a' has no accepted"):
        load_facts(path)
