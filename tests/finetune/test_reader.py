"""Reading practice: what the reader adapter is trained on and examined with."""

import json
import random
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy
import pytest

from arena.errors import WorkspaceError
from arena.facts import Fact, load_facts
from arena.prompts import DOCUMENTS_DO_NOT_SAY, JUDGEMENTS
from arena.scoring import contains, normalised
from finetune.branches import Sample
from finetune.judging import (
    RIVALRY,
    Calibration,
    Judged,
    Weights,
    accepting,
    calibrate,
    compared,
    counts,
    halves,
    knocked_out,
    readings,
)
from finetune.reader import (
    RECORDS,
    Record,
    by_sentence,
    exam,
    judging,
    load_records,
    quoting,
    reader_steps,
    split,
    workspace_exam,
)
from models.engine import Engine, Reading

DEMO = Path(__file__).parents[2] / "demo"
YES, NO = JUDGEMENTS


def search(question: str) -> list[tuple[str, float]]:
    """Everything of the one record, the first sentence best."""
    return [(text, 1.0 - number / 10) for number, text in enumerate(RECORD.sentences)]


def alike(question: str) -> list[str]:
    return [text for text, _ in search(question)]


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
    return {
        sample.messages[-1]["content"].removeprefix("Sentence: ").split("\nQuestion: ")[0]: sample.answer
        for sample in samples
    }


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


def test_what_the_shipped_reader_learnt_is_all_among_the_practice_of_today() -> None:
    """It learnt from an earlier state of the file, whose digest its card names: the first 616 records, 58 of which had
    only two wordings of each question then and four questions without an answer."""
    lines = RECORDS.read_text().splitlines()[:616]
    for number in range(57, 115):
        record = json.loads(lines[number])
        for question in record["questions"]:
            question["ask"] = question["ask"][:2]
        record["missing"] = record["missing"][:4]
        lines[number] = json.dumps(record, ensure_ascii=False)
    digest = sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
    assert f"`records.jsonl` {digest[:12]}" in (RECORDS.parents[1] / "adapters" / "reader" / "README.md").read_text()


def test_held_out_records_are_never_trained_on() -> None:
    training, held_out = split(load_records())
    assert held_out
    assert not {record.id for record in training} & {record.id for record in held_out}


def test_a_question_is_judged_against_what_a_search_brings_the_first_more_often() -> None:
    near, rest = set[str](), set[str]()
    brought = [*RECORD.sentences, "A ferry of another record."]
    for seed in range(40):
        told = verdict(judging(RECORD, "What is the fare on the Blue Line?", (0,), random.Random(seed), brought))
        assert told.pop("The Blue Line costs 3 crowns.") == YES
        assert set(told.values()) == {NO}
        *two, other = sorted(told, key=brought.index)
        near, rest = near | set(two), rest | {other}
    assert near == set(RECORD.sentences[1:5])
    assert rest == {RECORD.sentences[5], "A ferry of another record."}


def test_what_takes_two_sentences_is_answered_by_neither_alone() -> None:
    told = verdict(judging(RECORD, "Who leads the line at 4 crowns?", (1, 2), random.Random(1), alike("")))
    assert told["The Red Line costs 4 crowns. Odo leads the Red Line."] == YES
    assert told["The Red Line costs 4 crowns."] == told["Odo leads the Red Line."] == NO
    assert list(told.values()).count(YES) == 1


def test_nothing_answers_what_the_record_does_not_say() -> None:
    assert set(
        verdict(judging(RECORD, "What does the Green Line cost?", (), random.Random(1), alike(""))).values()
    ) == {NO}


def test_quotes_are_sentences_of_the_prompt_or_a_refusal() -> None:
    chance = random.Random(2)
    answers = [(sample.answer, sample) for _ in range(60) for sample in quoting(RECORD, chance)]
    assert any(answer == DOCUMENTS_DO_NOT_SAY for answer, _ in answers)
    for answer, sample in answers:
        shown = sample.messages[-1]["content"]
        held = [sentence for sentence in RECORD.sentences if sentence in answer]
        assert answer == DOCUMENTS_DO_NOT_SAY or " ".join(sorted(held, key=answer.index)) == answer
        assert all(f"- {sentence}" in shown for sentence in held)


def test_the_exam_puts_what_a_search_brings_before_the_question() -> None:
    asked = exam([RECORD], search)
    assert [(item.answerable, item.chain) for item in asked] == [(True, False), (True, True), (False, False)]
    scores = dict(search(""))
    for item in asked:
        texts = list(verdict(item.samples))
        assert [text in RECORD.sentences for text in texts] == item.single and not all(item.single)
        assert item.found[: len(scores)] == [scores[text] for text in texts[: len(scores)]]
    assert [list(verdict(item.samples).values()).count(YES) for item in asked] == [1, 1, 0]
    # Of two sentences the mean.
    chain = dict(zip(verdict(asked[1].samples), asked[1].found, strict=True))
    assert chain["The Red Line costs 4 crowns. Odo leads the Red Line."] == pytest.approx(0.85)


def test_a_workspace_is_examined_in_its_training_questions_only() -> None:
    plain = Fact("a", "trained", (), ("Fare, Blue Line?", "What is it?", "And?"), ("Held out?",), "3", ("3",))
    one = replace(plain, evidence=("The Blue Line costs 3 crowns.",))
    two = replace(plain, evidence=("The Red Line costs 4 crowns.", "Odo leads the Red Line."))
    secret = replace(one, kind="documents only")
    nobody = replace(one, kind="unanswerable", evidence=(), accepted=())
    asked = workspace_exam([one, two, secret, nobody], search, 2)
    assert [(item.answerable, item.chain) for item in asked] == [(True, False)] * 2 + [(True, True)] * 2 + [
        (False, False)
    ] * 2
    assert [list(verdict(item.samples).values()).count(YES) for item in asked] == [1, 1, 0, 0, 0, 0]
    assert verdict(asked[0].samples)["The Blue Line costs 3 crowns."] == YES
    assert asked[0].found == [score for _, score in search("")]
    assert halves([one, two, secret, nobody, nobody]) == ([one, nobody], [two, nobody])


def test_what_the_search_missed_cannot_be_right() -> None:
    item = exam([RECORD], lambda question: search(question)[3:])[0]
    assert item.answerable and YES not in verdict(item.samples).values()


def test_a_sentence_is_read_as_the_model_reads_it_alone(tiny_model: Path, tokenizer: Any) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    samples = exam([RECORD], search)[0].samples
    together = readings(model, tokenizer, samples)
    alone = numpy.concatenate([readings(model, tokenizer, [sample]) for sample in samples])
    assert together == pytest.approx(alone, abs=0.5, rel=2e-2)  # bf16: likelihoods are sums over a hundred bytes


def test_training_and_serving_read_the_same(tiny_model: Path, tokenizer: Any) -> None:
    from transformers import AutoModelForCausalLM

    from arena.prompts import judge_messages

    question, sentences = "Who leads the Red Line?", RECORD.sentences
    samples = [Sample(tuple(judge_messages(question, text)), NO, tuple(judge_messages("", text))) for text in sentences]
    trained = readings(AutoModelForCausalLM.from_pretrained(tiny_model), tokenizer, samples)
    served = Engine(tiny_model, {}).read(
        [sample.messages for sample in samples], [sample.opening for sample in samples], JUDGEMENTS, "base"
    )
    assert [reading.verdict for reading in served] == pytest.approx(trained[:, 0], abs=0.05)
    assert [reading.likelihood for reading in served] == pytest.approx(trained[:, 1], abs=0.5, rel=2e-2)


def test_training_and_serving_weigh_the_same(tmp_path: Path) -> None:
    from models import judge

    read = numpy.array([(2.0, -30.0), (-1.0, -28.5), (0.5, -29.0)])
    found, single = numpy.array([0.4, 0.3, 0.35]), numpy.array([True, True, False])
    fitted = Calibration(Weights(0.7, 1.3, 0.9, 1.1, -2.0), Weights(0.4, 0.2, 4.0, 0.3, -1.0))
    (tmp_path / "calibration.json").write_text(json.dumps(fitted.as_rows()))
    served = judge.load_calibration(tmp_path)
    chances = served.probabilities([Reading(*map(float, row)) for row in read], list(map(float, found)), 2)
    features = compared(read, single, found)
    assert fitted.probabilities(features) == pytest.approx(chances)
    assert max(range(2), key=chances.__getitem__) == fitted.best(features, single)
    assert judge.RIVALRY == RIVALRY


def test_only_a_question_that_its_sentence_answers_is_foreseen() -> None:
    samples = judging(RECORD, "What is the fare on the Blue Line?", (0,), random.Random(1), alike(""))
    assert [sample.taught for sample in samples] == [sample.answer == YES for sample in samples]
    assert all(sample.opening for sample in samples)  # the others are compared with it


PLAIN = Weights(1.0, 0.0, 0.0, 0.0, 0.0)


def judged(features: list[tuple[float, float]], right: int | None, chain: bool = False) -> Judged:
    """With a chain the last of the texts is of two sentences."""
    answers = numpy.array([number == right for number in range(len(features))])
    single = numpy.array([not chain or number < len(features) - 1 for number in range(len(features))])
    return Judged(numpy.array(features), numpy.zeros(len(features)), answers, single, right is not None, chain)


def test_calibration_finds_which_sign_tells_right_from_wrong() -> None:
    chance = random.Random(3)
    asked = []
    for _ in range(200):
        likely = [chance.gauss(0, 1) for _ in range(4)]
        right = max(range(4), key=likely.__getitem__)
        noisy = [value + chance.gauss(0, 0.5) for value in likely]
        asked.append(judged([(chance.gauss(0, 1), value) for value in noisy], right))
    found = calibrate(asked)
    assert found.order.likelihood > 1 > abs(found.order.verdict)
    # What is best answers sometimes as it is, and never without the answer; it is calibrated in the mean.
    questions = [*asked, *map(knocked_out, asked)]
    best = [(each, found.best(each.features, each.single)) for each in questions if each is not None]
    chances = [found.probabilities(each.features)[place] for each, place in best]
    assert len(best) == 400 and 0.3 < numpy.mean([each.right[place] for each, place in best]) < 0.5
    assert numpy.mean(chances) == pytest.approx(numpy.mean([each.right[place] for each, place in best]), abs=0.01)


def test_whether_the_best_one_answers_is_weighed_apart_from_which_is_the_best() -> None:
    """The score tells whether anything answers; among what was found it is the same for all, and tells nothing."""
    chance, asked = random.Random(5), []
    for _ in range(200):
        right = chance.randrange(3)
        read = numpy.array([(0.0, 3.0 * (place == right) + chance.gauss(0, 1)) for place in range(3)])
        answers = numpy.arange(3) == right
        asked.append(Judged(read, numpy.full(3, chance.gauss(0.6, 0.1)), answers, numpy.ones(3, bool), True, False))
        low = numpy.full(3, chance.gauss(0.3, 0.1))
        asked.append(Judged(read, low, numpy.zeros(3, bool), numpy.ones(3, bool), False, False))
    found = calibrate(asked)
    assert found.order.likelihood > 1 and found.accept.retrieval > 5
    assert found.accept.rivals == 0
    kept = calibrate(asked, accept=PLAIN)
    assert kept == Calibration(found.order, PLAIN)
    assert accepting(json.dumps(kept.as_rows())) == PLAIN


def test_a_question_without_its_answer_is_compared_with_what_is_left() -> None:
    asked = judged([(2.0, -1.0), (0.0, -2.0), (1.0, -3.0)], 0)
    left = knocked_out(asked)
    assert left is not None and not left.answerable and not left.right.any()
    assert left.features == pytest.approx(compared(asked.read[1:], asked.single[1:], asked.found[1:]))
    assert knocked_out(judged([(2.0, -1.0), (0.0, -2.0)], None)) is None
    assert knocked_out(judged([(2.0, -1.0)], 0)) is None  # nothing else was found
    assert knocked_out(judged([(2.0, -1.0), (0.0, 0.0)], 1, chain=True)) is None


def test_nothing_to_fit_on_is_said_with_what_is_needed() -> None:
    with pytest.raises(WorkspaceError, match="Nothing to fit on: of 1 questions.*evidence"):
        calibrate([judged([(2.0, -1.0)], None)])


def test_what_is_accepted_and_refused_is_counted_by_hand() -> None:
    asked = [
        judged([(2.0, 0.0), (0.0, 0.0)], 0),  # first, at 0.88
        judged([(0.0, 0.0), (-1.0, 0.0)], 1),  # the wrong one first
        judged([(0.2, 0.0), (-1.0, 0.0)], None),  # the best at 0.55
        judged([(0.2, 0.0), (3.0, 0.0)], 1, chain=True),  # 0.55 and, of two, 0.95
    ]
    told = counts(asked, Calibration(PLAIN, PLAIN))
    assert told["right sentence first"] == (1, 2) and told["right two sentences first"] == (1, 1)
    assert told["right sentence accepted at 0.5"] == told["right sentence accepted at 0.7"] == (1, 2)
    # A single sentence that passes keeps the two from being looked at.
    assert told["right two sentences accepted at 0.5"] == (0, 1)
    assert told["right two sentences accepted at 0.6"] == (1, 1)
    assert told["nothing accepted at 0.5"] == (0, 1) and told["nothing accepted at 0.6"] == (1, 1)


def test_questions_about_one_sentence_share_a_row() -> None:
    samples = [sample for item in exam([RECORD], search) for sample in item.samples]
    for row in by_sentence(samples):
        assert len(verdict(row)) == 1 and len(row) <= 8
    assert sum(map(len, by_sentence(samples))) == len(samples)


def questions(record: Record) -> list[str]:
    return [*(text for _, wordings in record.questions for text in wordings), *record.missing]


def test_a_step_holds_one_record_and_every_sentence_of_a_question_is_in_it(tokenizer: Any) -> None:
    records = load_records()[:6]
    own = {text: record.sentences for record in records for text in questions(record)}.__getitem__
    steps = reader_steps(records, tokenizer, 1, 3, own)
    assert len(steps) == len(records) and len(reader_steps(records, tokenizer, 1.5, 3, own)) == 9
    for step in steps:
        text = "".join(tokenizer.decode([*group.prefix, *group.branches[0].prompt]) for group in step)
        assert sum(any(sentence in text for sentence in record.sentences) for record in records) == 1
        right: dict[tuple[int, ...], int] = {}
        for branch in (branch for group in step for branch in group.branches if branch.heard):
            right[branch.heard] = right.get(branch.heard, 0) + branch.taught
        assert sorted(set(right.values())) == [0, 1]


def test_reader_steps_are_the_same_for_the_same_seed(tokenizer: Any) -> None:
    records = load_records()[:4]
    own = {text: record.sentences for record in records for text in questions(record)}.__getitem__
    assert reader_steps(records, tokenizer, 1, 3, own) == reader_steps(records, tokenizer, 1, 3, own)
    assert reader_steps(records, tokenizer, 1, 3, own) != reader_steps(records, tokenizer, 1, 4, own)
