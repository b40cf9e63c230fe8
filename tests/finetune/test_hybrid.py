"""What the hybrid is trained on: the workspace's questions with what its own retriever finds, and reading practice."""

import random
from pathlib import Path
from typing import Any

import pytest

from arena.errors import WorkspaceError
from arena.facts import Fact
from arena.prompts import DOCUMENTS_DO_NOT_SAY, READER_SYSTEM
from finetune.hybrid import hybrid_samples, practice
from finetune.reader import Record, spread

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
    samples = hybrid_samples([fact("trained", ("How heavy?", "What weight?"))], found, [], found, 1, silent)
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
    samples = hybrid_samples(facts, noting, [], found, 1, silent)
    assert asked == ["How heavy?", "Unknown?"]
    assert [sample.answer for sample in samples] == ["It is 3 kg.", DOCUMENTS_DO_NOT_SAY]


def test_practice_is_quoted_when_a_search_brings_the_answer_and_else_refused() -> None:
    def brings_the_blue_line(question: str) -> list[str]:
        return [RECORD.sentences[2], RECORD.sentences[0], *(f"Of another record, {n}." for n in range(9))]

    samples = practice(RECORD, brings_the_blue_line, random.Random(1))
    answers = {sample.messages[-1]["content"].rpartition("Question: ")[2].strip(): sample.answer for sample in samples}
    assert answers == {
        "What is the fare on the Blue Line?": "The Blue Line costs 3 crowns.",
        "What is the fare on the Red Line?": DOCUMENTS_DO_NOT_SAY,
        "What does the Green Line cost?": DOCUMENTS_DO_NOT_SAY,
    }
    for sample in samples:
        assert sample.messages[0]["content"] == READER_SYSTEM
        shown = sample.messages[-1]["content"]
        assert "Of another record, 2." in shown and "Of another record, 3." not in shown  # five, as it is served


def test_wordings_are_taken_from_all_over_the_list() -> None:
    many = [str(number) for number in range(45)]
    assert spread(many, 3) == ["0", "15", "30"]
    assert list(spread(many[:2], 3)) == ["0", "1"]


def test_a_workspace_without_trained_facts_is_told_so() -> None:
    with pytest.raises(WorkspaceError, match="no fact of class 'trained'"):
        hybrid_samples([fact("unanswerable", ("Unknown?",))], found, [RECORD], found, 1, silent)


def test_the_hybrid_of_the_demo_never_sees_a_held_out_wording() -> None:
    from arena.facts import load_facts

    facts = load_facts(Path(__file__).parents[2] / "demo" / "questions.jsonl")
    asked: set[Any] = set()

    def noting(question: str) -> list[str]:
        asked.add(question)
        return []

    hybrid_samples(facts, noting, [], found, 1, silent, wordings=100)
    assert asked and not asked & {text for item in facts for text in (*item.held_out, *item.oblique)}
