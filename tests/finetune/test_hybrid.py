"""What the hybrid is trained on: the workspace's questions with what its own retriever finds, and reading practice."""

import random
from pathlib import Path
from typing import Any

import pytest

from arena.errors import WorkspaceError
from arena.facts import Fact
from arena.prompts import DOCUMENTS_DO_NOT_SAY, READER_SYSTEM
from finetune.hybrid import hybrid_samples
from finetune.reader import Record, quoting, spread

RECORD = Record(
    "t-1",
    ("The Blue Line costs 3 crowns.", "The Red Line costs 4 crowns.", "Dogs ride free."),
    (((0,), ("What is the fare on the Blue Line?",)), ((1,), ("What is the fare on the Red Line?",))),
    ("What does the Green Line cost?",),
)


def silent(text: str) -> None:
    pass


def fact(kind: str, training: tuple[str, ...]) -> Fact:
    return Fact(f"{kind}", kind, (), training, ("Held out?",), "It is 3 kg.", ("3 kg",))  # type: ignore[arg-type]


def found(question: str) -> list[str]:
    return [f"What was found for: {question}", "A look-alike."]


def test_each_question_comes_with_what_the_retriever_finds_for_it() -> None:
    samples = hybrid_samples([fact("trained", ("How heavy?", "What weight?"))], found, [], 1, silent)
    assert [sample.answer for sample in samples] == ["It is 3 kg."] * 2
    for sample, question in zip(samples, ("How heavy?", "What weight?"), strict=True):
        shown = sample.messages[-1]["content"]
        assert f"- What was found for: {question}\n- A look-alike.\n" in shown and shown.endswith(question)
        assert sample.messages[0]["content"] == READER_SYSTEM  # as it is served: no judge before it


def test_facts_of_documents_only_and_held_out_wordings_are_not_retrieved_for() -> None:
    asked: list[str] = []

    def noting(question: str) -> list[str]:
        asked.append(question)
        return []

    facts = [
        fact("trained", ("How heavy?",)),
        fact("documents only", ("Secret?",)),
        fact("unanswerable", ("Unknown?",)),
    ]
    samples = hybrid_samples(facts, noting, [], 1, silent)
    assert asked == ["How heavy?", "Unknown?"]
    assert [sample.answer for sample in samples] == ["It is 3 kg.", DOCUMENTS_DO_NOT_SAY]


def test_a_share_of_the_reading_practice_is_to_be_refused() -> None:
    samples = hybrid_samples([fact("trained", ("How heavy?",))], found, [RECORD] * 60, 1, silent)[1:]
    refused = [sample for sample in samples if sample.answer == DOCUMENTS_DO_NOT_SAY]
    assert 0.2 < len(refused) / len(samples) < 0.4
    assert all(sample.messages[0]["content"] == READER_SYSTEM for sample in samples)
    assert any(
        sample.messages[0]["content"] != READER_SYSTEM
        for seed in range(20)
        for sample in quoting(RECORD, random.Random(seed))
    )


def test_wordings_are_taken_from_all_over_the_list() -> None:
    many = [str(number) for number in range(45)]
    assert spread(many, 3) == ["0", "15", "30"]
    assert list(spread(many[:2], 3)) == ["0", "1"]


def test_a_workspace_without_trained_facts_is_told_so() -> None:
    with pytest.raises(WorkspaceError, match="no fact of class 'trained'"):
        hybrid_samples([fact("unanswerable", ("Unknown?",))], found, [RECORD], 1, silent)


def test_the_hybrid_of_the_demo_never_sees_a_held_out_wording() -> None:
    from arena.facts import load_facts

    facts = load_facts(Path(__file__).parents[2] / "demo" / "questions.jsonl")
    asked: set[Any] = set()

    def noting(question: str) -> list[str]:
        asked.add(question)
        return []

    hybrid_samples(facts, noting, [], 1, silent, wordings=100)
    assert asked and not asked & {text for item in facts for text in (*item.held_out, *item.oblique)}
