"""Reading practice: what the reader adapter is trained on and examined with."""

import random
from pathlib import Path
from typing import Any

import pytest

from arena.facts import load_facts
from arena.prompts import DOCUMENTS_DO_NOT_SAY, JUDGEMENTS
from arena.scoring import contains, normalised
from finetune.branches import Sample
from finetune.check import verdicts
from finetune.reader import Record, exam, judging, load_records, quoting, reader_rows, split

DEMO = Path(__file__).parents[2] / "demo"
YES, NO = JUDGEMENTS
RECORD = Record(
    "ferries",
    ("The Blue Line costs 3 crowns.", "The Red Line costs 4 crowns.", "Odo leads the Red Line.", "It rains in May.")
    + ("The Blue Line has a bar.", "The Red Line has no bar."),
    (((0,), ("What is the fare on the Blue Line?", "Blue Line fare?")), ((1, 2), ("Who leads the line at 4 crowns?",))),
    ("What does the Green Line cost?",),
)


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model)


def verdict(samples: list[Sample]) -> dict[str, str]:
    return {sample.messages[-1]["content"].split("\nSentence: ")[1]: sample.answer for sample in samples}


def test_no_fact_of_the_workspace_is_in_the_reading_practice() -> None:
    records = load_records()
    sentences = {normalised(text) for record in records for text in record.sentences}
    text = " ".join(sorted(sentences))
    for item in load_facts(DEMO / "questions.jsonl"):
        for evidence in item.evidence:
            assert normalised(evidence) not in sentences
    for name in (
        "quillhaven",
        "fernlight",
        "rill 12",
        "mossprobe",
        "sapcaster",
        "canopy plus",
        "leafbook",
        "emberlatch",
    ):
        assert not contains(text, name), name


def test_held_out_records_are_never_trained_on() -> None:
    training, held_out = split(load_records())
    assert held_out
    assert not {record.id for record in training} & {record.id for record in held_out}


def test_a_question_is_judged_against_the_sentences_most_like_its_answer() -> None:
    wrong = set()
    for seed in range(20):
        told = verdict(judging(RECORD, "What is the fare on the Blue Line?", (0,), random.Random(seed)))
        assert told.pop("The Blue Line costs 3 crowns.") == YES
        assert set(told.values()) == {NO}
        wrong |= set(told)
    assert wrong == {text for text in RECORD.sentences[1:] if "Line" in text}


def test_what_takes_two_sentences_is_answered_by_neither_alone() -> None:
    told = verdict(judging(RECORD, "Who leads the line at 4 crowns?", (1, 2), random.Random(1)))
    assert told["The Red Line costs 4 crowns. Odo leads the Red Line."] == YES
    assert told["The Red Line costs 4 crowns."] == told["Odo leads the Red Line."] == NO
    assert list(told.values()).count(YES) == 1


def test_nothing_answers_what_the_record_does_not_say() -> None:
    assert set(verdict(judging(RECORD, "What does the Green Line cost?", (), random.Random(1))).values()) == {NO}


def test_quotes_are_sentences_of_the_prompt_or_a_refusal() -> None:
    chance = random.Random(2)
    answers = [(sample.answer, sample) for _ in range(60) for sample in quoting(RECORD, chance)]
    assert any(answer == DOCUMENTS_DO_NOT_SAY for answer, _ in answers)
    for answer, sample in answers:
        shown = sample.messages[-1]["content"]
        held = [sentence for sentence in RECORD.sentences if sentence in answer]
        assert answer == DOCUMENTS_DO_NOT_SAY or " ".join(sorted(held, key=answer.index)) == answer
        assert all(f"- {sentence}" in shown for sentence in held)


def test_the_exam_puts_every_sentence_before_the_question() -> None:
    asked = exam([RECORD])
    assert [answerable for _, answerable in asked] == [True, False]
    assert set(RECORD.sentences) <= set(verdict(asked[0][0]))


def test_a_verdict_is_the_one_the_model_gives_the_sentence_alone(tiny_model: Path, tokenizer: Any) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    samples = exam([RECORD])[0][0]
    (together,) = verdicts(model, tokenizer, [samples], lambda text: None)
    alone = [verdicts(model, tokenizer, [[sample]], lambda text: None)[0][0] for sample in samples]
    assert together == pytest.approx(alone, abs=5e-3)


def test_reader_rows_are_the_same_for_the_same_seed(tokenizer: Any) -> None:
    records = load_records()[:4]
    assert reader_rows(records, tokenizer, 1, 3) == reader_rows(records, tokenizer, 1, 3)
    assert reader_rows(records, tokenizer, 1, 3) != reader_rows(records, tokenizer, 1, 4)
