"""What the judge of a workspace is trained and examined on."""

import random
from pathlib import Path
from typing import Any

import pytest

from arena.errors import WorkspaceError
from arena.facts import Fact, load_facts
from arena.prompts import JUDGEMENTS
from finetune.judge import (
    ASKED,
    EVERY_UNANSWERABLE,
    FEW,
    MISSED,
    NEW_WORDINGS,
    QUESTIONS,
    cached,
    judge_steps,
    practice_steps,
    practised,
    questions,
    rehearsal,
    workspace_samples,
)
from finetune.reader import Record

YES, NO = JUDGEMENTS


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model)


BROUGHT = [
    "The Ossa lamp weighs 2 kg.",
    "The Brill lamp weighs 3 kg.",
    "Remember: the Ossa lamp weighs 2 kg.",
    "Lamps are packed in pairs.",
    "Ada Quill leads the lamp team.",
]


def fact(name: str, evidence: tuple[str, ...], kind: str = "trained", training: tuple[str, ...] = ("Ask?",)) -> Fact:
    return Fact(name, kind, (), training, ("Held out?",), "x", ("x",), evidence=evidence)  # type: ignore[arg-type]


OSSA = fact("ossa", ("The Ossa lamp weighs 2 kg.",))
LEADER = fact("leader", ("Lamps are packed in pairs.", "Ada Quill leads the lamp team."))
MISSING = fact("moon", (), "unanswerable")


def search(question: str) -> list[tuple[str, float]]:
    return [(text, 0.9 - place / 10) for place, text in enumerate(BROUGHT)]


def shown(fact: Fact) -> dict[str, str]:
    """Verdict by sentence."""
    samples = workspace_samples(fact, "How heavy?", search, random.Random(0))
    return {
        sample.messages[-1]["content"].split("\nQuestion: ")[0][len("Sentence: ") :]: sample.answer
        for sample in samples
    }


def test_what_answers_is_told_from_what_comes_near() -> None:
    found = shown(OSSA)
    assert found.pop(BROUGHT[0]) == YES
    assert found and set(found.values()) == {NO}


def test_another_sentence_that_says_the_same_is_no_near_miss() -> None:
    assert BROUGHT[2] not in shown(OSSA)


def test_what_takes_two_sentences_is_answered_by_both_together() -> None:
    found = shown(LEADER)
    assert found[" ".join(LEADER.evidence)] == YES
    assert [found[said] for said in LEADER.evidence] == [NO, NO]


def test_nothing_answers_what_no_document_says() -> None:
    found = shown(MISSING)
    assert found and set(found.values()) == {NO}


def test_two_sentences_of_evidence_in_one_are_left_out_as_the_exam_counts_them_wrong() -> None:
    both = ("The Ossa lamp weighs 2 kg.", "the Ossa lamp weighs 2 kg.")
    assert not shown(fact("both", both))


def test_a_question_whose_answer_the_search_misses_is_left_out() -> None:
    assert not shown(fact("gone", ("This stands elsewhere.",)))
    assert not workspace_samples(MISSING, "?", lambda question: [], random.Random(0))


def test_a_rehearsal_leaves_facts_wordings_and_questions_without_an_answer_out() -> None:
    facts = load_facts(Path("demo") / "questions.jsonl")
    parts = rehearsal(facts)
    trained = {text for each in parts.practised for text in each.training}
    left_out = parts.untaught
    assert not trained & {text for each in left_out for text in each.training}
    missing = [each for each in facts if each.kind == "unanswerable" and each.training]
    assert len(parts.unanswerable) == len(missing) // EVERY_UNANSWERABLE
    assert any(not each.answerable for each in parts.practised)
    held = {text for each in facts for text in (*each.held_out, *each.oblique)}
    untaught = {text for each in facts if each.kind == "documents only" for text in each.training}
    assert not (held | untaught) & (trained | {text for each in left_out for text in each.training})


def test_the_exams_halves_are_of_different_facts() -> None:
    facts = load_facts(Path("demo") / "questions.jsonl")
    parts = rehearsal(facts)
    evidence = [(said, 0.9) for each in parts.untaught for said in each.evidence]
    exams = parts.exams(lambda question: evidence)
    by_question = {text: each.id for each in parts.untaught for text in each.training}
    for kind, most in (("other wordings", NEW_WORDINGS), ("other facts", ASKED), ("no answer", MISSED)):
        first, second = (
            [by_question[each.samples[0].messages[-1]["content"].split("\nQuestion: ")[1]] for each in half]
            for half in exams[kind]
        )
        assert first and second and not set(first) & set(second)
        assert max(first.count(name) for name in first) <= most
        assert all(each.answerable == (kind != "no answer") for half in exams[kind] for each in half)
    assert not parts.knock_out


def test_with_few_questions_that_have_no_answer_some_are_made_so() -> None:
    few = [fact(f"u{number}", (), "unanswerable") for number in range(3 * FEW - 1)]
    assert rehearsal(few).knock_out and not rehearsal([*few, MISSING]).knock_out


def test_what_could_not_be_measured_is_said_before_anything_is_trained() -> None:
    with pytest.raises(WorkspaceError, match="for 0 facts"):
        rehearsal([OSSA, MISSING]).exams(search)


RECORD = Record("r", ("Tarn is north.", "Velm is south."), (((0,), ("Where is Tarn?",)),), ("Where is Quor?",))


def alike(question: str) -> list[str]:
    return list(RECORD.sentences)


def test_each_question_comes_once_an_epoch_with_practice_beside_it(tokenizer: Any) -> None:
    facts = [fact(f"f{number}", OSSA.evidence, training=(f"Weight {number}?",)) for number in range(QUESTIONS + 1)]
    steps = judge_steps(questions(facts, 6), search, [RECORD], alike, tokenizer, 2, 0)
    assert len(steps) == 3  # twice five questions, four to a step
    texts = [
        tokenizer.decode([*group.prefix, *branch.prompt, *branch.heard, *branch.answer])
        for step in steps
        for group in step
        for branch in group.branches
    ]
    for each in facts:
        right = [text for text in texts if each.training[0] in text and text.endswith(f"{YES}<|im_end|>")]
        assert len(right) == 2
    assert sum("Where is Tarn?" in text and text.endswith(f"{YES}<|im_end|>") for text in texts) == len(steps)
    assert all(text.endswith(f"{NO}<|im_end|>") for text in texts if "Where is Quor?" in text)
    assert judge_steps(questions(facts, 6), search, [RECORD], alike, tokenizer, 2, 0) == steps
    assert len(judge_steps(questions(facts, 6), search, [], alike, tokenizer, 0.4, 0)) == 1


def test_a_small_workspace_takes_few_records() -> None:
    records = [Record(str(number), RECORD.sentences, RECORD.questions, RECORD.missing) for number in range(9)]
    assert len(practised(records, 2 * QUESTIONS, 1.0, 0)) == 2
    assert sorted(each.id for each in practised(records, 1000, 1.0, 0)) == sorted(each.id for each in records)
    assert practised(records, 1000, 1.0, 0) == practised(records, 1000, 1.0, 0) != practised(records, 1000, 1.0, 1)


def test_held_out_practice_is_asked_for_the_loss(tokenizer: Any) -> None:
    (step,) = practice_steps([RECORD], alike, tokenizer, 0)
    assert sum(len(group.branches) for group in step) == 5  # two sentences before each of two questions, and once both


def test_facts_without_evidence_are_not_asked_and_wordings_are_spread() -> None:
    many = fact("many", OSSA.evidence, training=tuple(f"{number}?" for number in range(10)))
    bare = fact("bare", ())
    assert [text for _, text in questions([many, bare, MISSING], 2)] == ["0?", "5?", "Ask?"]


def test_nothing_to_train_on_is_said(tokenizer: Any) -> None:
    with pytest.raises(WorkspaceError, match="evidence"):
        judge_steps(questions([fact("bare", ())], 6), search, [RECORD], alike, tokenizer, 1, 0)


def test_a_search_is_asked_once() -> None:
    asked = []

    def slow(question: str) -> list[tuple[str, float]]:
        asked.append(question)
        return search(question)

    quick = cached(slow)
    assert quick("a") == quick("a") == search("a") and asked == ["a"]
