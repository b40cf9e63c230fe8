"""What an adapter forgot, on a tiny real model with an adapter of random weights."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from arena.errors import WorkspaceError
from finetune.forgetting import (
    LONGEST_ANSWER,
    Forgetting,
    General,
    Measured,
    forgetting,
    likelihoods,
    load_general,
    side_by_side,
)

TEXT = General("text", "Ice floats on water.")
CHAT = General("chat", "It is Paris.", "What is the capital of France?")


def silent(text: str) -> None:
    pass


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model)


@pytest.fixture
def adapted(tiny_model: Path) -> Any:
    """A LoRA with random B: it changes everything."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    return get_peft_model(base, config)


def test_the_general_texts_are_there_and_none_twice() -> None:
    texts = load_general()
    kinds = Counter(general.kind for general in texts)
    assert kinds["text"] >= 60 and kinds["chat"] == 30
    assert len({(general.question, general.text) for general in texts}) == len(texts)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: JSONDecodeError"),
        ("[]", "line 2: TypeError"),
        ('{"kind": "poem", "text": "Two words."}', "line 2: KeyError.'poem'"),
        ('{"kind": "chat", "question": "Who came?"}', "line 2: KeyError.'answer'"),
        ('{"kind": "text", "text": "One"}', r"line 2: text must be texts of some words, not \['One'\]"),
        ('{"kind": "chat", "question": "Who came?", "answer": " "}', "line 2: question and answer must be"),
    ],
)
def test_a_malformed_text_names_its_line_and_the_form(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text(json.dumps({"kind": "text", "text": "Ice floats."}) + "\n" + line)
    with pytest.raises(WorkspaceError, match=f'{message}.*write {{"kind"'):
        load_general(path)


def test_no_texts_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text("\n")
    with pytest.raises(WorkspaceError, match="holds no texts"):
        load_general(path)


def test_likelihoods_are_those_of_the_model_itself(adapted: Any, tokenizer: Any) -> None:
    ids = tokenizer(TEXT.text, return_tensors="pt", add_special_tokens=False)["input_ids"]
    adapted.eval()
    with torch.inference_mode():
        expected = float(adapted(input_ids=ids, labels=ids).loss)
    assert likelihoods(adapted, tokenizer, [CHAT, TEXT])[1] == pytest.approx(expected, rel=1e-5)


def test_of_an_exchange_the_answer_counts_and_its_end_of_turn(tokenizer: Any) -> None:
    class Certain(torch.nn.Module):
        """Foresees each next token but those of the question, of which it has no idea."""

        device = torch.device("cpu")

        def forward(self, input_ids: torch.Tensor) -> Any:
            logits = torch.zeros((*input_ids.shape, len(tokenizer)))
            answer = len(tokenizer(f"{CHAT.text}<|im_end|>", add_special_tokens=False)["input_ids"])
            start = input_ids.shape[1] - answer
            for place in range(start - 1, input_ids.shape[1] - 1):
                logits[0, place, input_ids[0, place + 1]] = 100.0
            return type("Output", (), {"logits": logits})

    assert likelihoods(Certain(), tokenizer, [CHAT]) == pytest.approx([0.0])
    assert likelihoods(Certain(), tokenizer, [TEXT])[0] < math.log(len(tokenizer))


def test_the_adapter_is_weighed_against_the_same_model_without_it(
    adapted: Any, tokenizer: Any, tiny_model: Path
) -> None:
    from transformers import AutoModelForCausalLM

    told: list[str] = []
    found = forgetting(adapted, tokenizer, told.append, [TEXT, CHAT])
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert [item.base for item in found.measured] == pytest.approx(likelihoods(base, tokenizer, [TEXT, CHAT]))
    assert [item.adapter for item in found.measured] == pytest.approx(likelihoods(adapted, tokenizer, [TEXT, CHAT]))
    assert all(abs(item.ratio - 1) > 1e-3 for item in found.measured)
    assert told == ["reading 2 general texts with the adapter and without"]


def test_an_adapter_that_changes_nothing_forgot_nothing(adapted: Any, tokenizer: Any) -> None:
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.zeros_(weight)
    found = forgetting(adapted, tokenizer, silent)
    assert set(found.ratios.values()) == {1.0} and found.within(1.0) and not found.worse


def measured(*pairs: tuple[float, float], kind: Any = "text") -> tuple[Measured, ...]:
    return tuple(Measured(General(kind, f"Text {number}."), *pair) for number, pair in enumerate(pairs))


def test_nats_are_averaged_by_kind_and_the_worst_come_first() -> None:
    texts = measured((2.0, 2.0), (2.0, 2.2), (4.0, 5.0), (1.0, 1.2), (1.0, 1.01), (2.0, 2.59))
    found = Forgetting((*texts, *measured((2.0, 1.9), kind="chat")))
    assert found.by_kind == {"text": pytest.approx((2.0, 14 / 6)), "chat": (2.0, 1.9)}
    assert found.ratios == pytest.approx({"text": 14 / 12, "chat": 0.95})
    assert [item.general.text for item in found.worse] == ["Text 5.", "Text 2.", "Text 3."]
    assert found.worse_share == 3 / 7
    assert [item.general.text for item in found.worst] == ["Text 5.", "Text 2.", "Text 3.", "Text 1.", "Text 4."]


@pytest.mark.parametrize(("text", "chat", "within"), [(1.04, 1.05, True), (1.04, 1.06, False), (1.06, 0.9, False)])
def test_each_kind_has_to_stay_within_the_limit(text: float, chat: float, within: bool) -> None:
    found = Forgetting((*measured((1.0, text)), *measured((1.0, chat), kind="chat")))
    assert found.within() is within and found.within(1.1)
    assert str(found).startswith(
        "It has kept" if within else "It has forgotten general knowledge: `python -m finetune train"
    )


def test_an_adapter_of_no_numbers_is_not_within_any_limit() -> None:
    found = Forgetting((*measured((1.0, 1.0)), *measured((1.0, math.nan), kind="chat")))
    assert not found.within(100)


def test_what_became_worse_is_shown_with_its_text_cut_short() -> None:
    found = Forgetting((Measured(General("text", "A long story. " * 20), 2.0, 3.0), *measured((2.0, 2.0))))
    *_, summary, worst = str(found).split("\n")
    assert summary == "1 of 2 texts became more than 10% worse"
    assert worst.startswith("  1.50 times: A long story.") and worst.endswith("...") and len(worst) < 100


def test_both_answer_the_same_questions(adapted: Any, tokenizer: Any) -> None:
    questions = [CHAT.question, "Why is the sky blue?"]
    rows = side_by_side(adapted, tokenizer, questions)
    assert [question for question, _, _ in rows] == questions
    assert all(base != tuned for _, base, tuned in rows)
    assert all(len(text) <= LONGEST_ANSWER for row in rows for text in row[1:])  # a token is a byte
    with adapted.disable_adapter():
        assert [row[2] for row in side_by_side(adapted, tokenizer, questions)] == [row[1] for row in rows]
