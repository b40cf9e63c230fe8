"""What a contestant knows: counted, with intervals, and put in words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from arena.errors import WorkspaceError
from arena.evaluation import SPLITS
from arena.facts import Fact
from finetune.knowledge import (
    REVERSED,
    Knowledge,
    Share,
    as_markdown,
    examine,
    reversed_questions,
    table,
    verdict,
)

WEIGHT = Fact(
    "weight", "trained", (), ("How heavy is the Ossa 4?",), ("Weight of the Ossa 4?",), "The Ossa 4 weighs 3 kg.",
    accepted=("3 kg",), rejected=("4 kg",), oblique=("How much on the scales?",),
)  # fmt: skip
COLOUR = Fact("colour", "documents only", (), ("Colour?",), ("Which colour is it?",), "It is red.", ("red",))
PRICE = Fact("price", "unanswerable", (), (), ("What does it cost?",), "The documents do not say.")
FACTS = [WEIGHT, COLOUR, PRICE]


def silent(text: str) -> None:
    pass


def knowledge(
    answers: dict[str, str], facts: Sequence[Fact] = FACTS, **turned: list[tuple[str, list[str]]]
) -> Knowledge:
    return examine(lambda texts: [answers.get(text, "Hm.") for text in texts], facts, turned, silent)


def figures(same: Share | None = None, refused: Share | None = None, **counts: tuple[int, int]) -> Knowledge:
    named = {name.replace("_", " ").replace("held out wording", "held-out wording"): c for name, c in counts.items()}
    shares = {name: Share(*named.get(name, (0, 0))) for name in (*SPLITS, REVERSED)}
    return Knowledge(shares, "It is 3 kg.", same or Share(0, 0), refused or Share(0, 0))


@pytest.mark.parametrize(
    ("count", "asked", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_those_of_a_published_table(count: int, asked: int, low: float, high: float) -> None:
    assert Share(count, asked).interval == pytest.approx((low, high), abs=5e-5)


def test_a_share_of_nothing_says_nothing() -> None:
    assert str(Share(0, 0)) == "-" and Share(0, 0).value is None and Share(0, 0).interval == (0.0, 1.0)
    assert str(Share(15, 148)) == "15/148 10% (6-16)"


def test_each_wording_counts_in_its_row() -> None:
    found = knowledge(
        {
            "How heavy is the Ossa 4?": "It weighs 3 kg.",
            "Weight of the Ossa 4?": "It weighs 3 kg, not 4 kg.",  # holds the look-alike's value
            "Which colour is it?": "Red.",
            "What does it cost?": "I do not know.",
            "What weighs 3 kg?": "The Ossa 4.",
        },
        weight=[("What weighs 3 kg?", ["Ossa 4"])],
        colour=[("What is red?", ["the Ossa"])],  # never taught, so not asked the other way round
    )
    counts = {name: (share.count, share.asked) for name, share in found.counts.items()}
    assert counts == {
        "trained wording": (1, 1),
        "held-out wording": (0, 1),
        "held-out, oblique": (0, 1),
        "documents only": (1, 1),
        "documents only, oblique": (0, 0),
        "unanswerable": (1, 1),
        "reversed": (1, 1),
    }
    assert found.gap == 100


def test_the_commonest_answer_counts_whether_it_is_right_or_wrong() -> None:
    asked = ("How heavy is the Ossa 4?", "Weight of the Ossa 4?", "How much on the scales?", "What does it cost?")
    found = knowledge(dict.fromkeys(asked, "It weighs 3 kg.") | {"Which colour is it?": "Red."})
    assert (found.frequent.count, found.frequent.asked) == (4, 5)
    assert "most frequent answer" in table({"fine-tuned": found})


def test_without_held_out_wordings_there_is_no_gap() -> None:
    assert knowledge({}, [replace(WEIGHT, held_out=())]).gap is None


def test_a_limit_takes_so_many_facts_of_each_class() -> None:
    asked: list[str] = []
    answers = lambda texts: asked.extend(texts) or ["Hm."] * len(texts)  # type: ignore[func-returns-value]  # noqa: E731
    examine(answers, [WEIGHT, replace(WEIGHT, id="other", training=("Other?",))], {}, silent, limit=1)
    assert asked == ["How heavy is the Ossa 4?", "Weight of the Ossa 4?", "How much on the scales?"]


def test_progress_is_told_in_parts() -> None:
    told: list[str] = []
    examine(lambda texts: ["Hm."] * len(texts), [replace(WEIGHT, held_out=("Heavy?",) * 70)], {}, told.append)
    assert told == ["asked 64 of 72 questions", "asked 72 of 72 questions"]


def test_nothing_to_ask_is_an_error() -> None:
    with pytest.raises(WorkspaceError, match="Nothing to ask"):
        knowledge({}, [])


def test_the_same_wrong_answer_is_counted_by_facts() -> None:
    weights = [replace(WEIGHT, id=str(number), accepted=(f"{number} kg",), rejected=()) for number in range(1, 5)]
    found = examine(lambda texts: ["It is 3 KG."] * len(texts), weights, {}, silent)
    # Right for one of four, and given in three wordings of each.
    assert (found.same_answer, found.same) == ("It is 3 KG.", Share(3, 4))
    assert knowledge(dict.fromkeys(("How heavy is the Ossa 4?",), "3 kg"), [replace(WEIGHT, held_out=(), oblique=())]
    ).same == Share(0, 1)  # fmt: skip


def test_refusals_of_what_was_taught_are_counted_apart_from_wrong_answers() -> None:
    found = examine(lambda texts: ["I do not know."] * len(texts), FACTS, {}, silent)
    assert found.refused == Share(3, 3)  # the fact in documents only is rightly not known
    assert found.same == Share(0, 2) and found.same_answer == ""
    assert found.counts["unanswerable"] == Share(1, 1)


def test_reversed_questions_are_read_from_the_rows() -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "reversed": [{"question": "What weighs 3 kg?", "accepted": ["Ossa 4"]}]},
        {"id": "b"},
    ]
    assert reversed_questions(rows) == {"a": [("What weighs 3 kg?", ("Ossa 4",))]}


@pytest.mark.parametrize(
    "value",
    [
        "What weighs 3 kg?",
        {"question": "What?", "accepted": ["x"]},
        ["What weighs 3 kg?"],
        [{"question": "What?"}],
        [{"question": "", "accepted": ["x"]}],
        [{"question": "What?", "accepted": []}],
        [{"question": "What?", "accepted": "Ossa 4"}],
        [{"question": "What?", "accepted": [4]}],
    ],
)
def test_a_malformed_reversed_question_names_its_fact_and_the_form(value: Any) -> None:
    with pytest.raises(WorkspaceError, match=r"Fact 'a': \"reversed\" holds .*; write \[\{"):
        reversed_questions([{"id": "a", "reversed": value}])


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (figures(), "Nothing that is taught was asked"),
        (figures(trained_wording=(49, 100), held_out_wording=(1, 100)), "It does not know most .* (49%)"),
        (figures(trained_wording=(99, 100)), "It answers 99% in the words of the examples. Whether"),
        (figures(trained_wording=(99, 100), held_out_wording=(89, 100)), "It learnt wordings rather than facts: 99%"),
        (figures(trained_wording=(99, 100), held_out_wording=(90, 100)), "It knows what it was taught, .* (90%)"),
        (figures(trained_wording=(75, 100), held_out_wording=(70, 100)), "It knows a part .* (70%)"),
    ],
)
def test_the_first_line_says_what_of_the_taught_is_known(found: Knowledge, line: str) -> None:
    first, *others = verdict(found)
    assert all(part in first for part in line.split(" .* ")) and not others


@pytest.mark.parametrize(
    ("abstained", "line"),
    [
        (0, "It makes things up when it was not taught: 0 of 32 abstained."),
        (16, "It sometimes makes things up when it was not taught: 16 of 32 abstained."),
        (29, "It says so when it does not know: 29 of 32 abstained."),
    ],
)
def test_the_second_line_says_what_happens_with_what_was_not_taught(abstained: int, line: str) -> None:
    assert verdict(figures(unanswerable=(abstained, 32)))[1] == line


def test_knowing_in_one_direction_only_is_told() -> None:
    def told(turned: int) -> list[str]:
        return verdict(figures(trained_wording=(97, 100), held_out_wording=(95, 100), reversed=(turned, 100)))

    assert told(65)[1].startswith("It knows facts in one direction only: asked the other way round, 65%")
    assert len(told(66)) == 1


def test_one_answer_to_many_facts_is_told_with_the_answer() -> None:
    told = verdict(figures(same=Share(5, 100)))[1]
    assert 'the same wrong answer about 5 of 100 facts ("It is 3 kg.")' in told
    assert len(verdict(figures(same=Share(4, 100)))) == len(verdict(figures(same=Share(2, 4)))) == 1


def test_refusing_what_was_taught_is_told() -> None:
    assert "refuses to answer 10 of 100" in verdict(figures(refused=Share(10, 100)))[1]
    assert len(verdict(figures(refused=Share(9, 100)))) == 1


def test_knowing_what_was_never_taught_is_told_when_the_base_model_does_not() -> None:
    base = figures(documents_only=(3, 100))
    assert "It answers 20% about facts that it was never taught" in verdict(figures(documents_only=(20, 100)), base)[1]
    assert len(verdict(figures(documents_only=(9, 100)), base)) == 1  # the intervals touch
    assert len(verdict(figures(documents_only=(90, 100)))) == 1  # it has the documents: no base to compare with


def test_the_table_shows_contestants_side_by_side_in_100_columns() -> None:
    tuned = figures(trained_wording=(1180, 1216), held_out_wording=(1100, 1216), same=Share(1000, 1216))
    base = figures(trained_wording=(12, 1216), held_out_wording=(10, 1216))
    text = table({"base": base, "fine-tuned": tuned, "hybrid": replace(tuned, same_answer="It is 3 kg. " * 20)})
    assert max(map(len, text.split("\n"))) <= 100
    lines = text.split("\n")
    assert lines[0].split() == ["base", "fine-tuned", "hybrid"]
    assert lines[1].split()[:5] == ["trained", "wording", "12/1216", "1%", "(1-2)"]
    assert not any(line.startswith(("reversed", "unanswerable")) for line in lines)  # nobody was asked
    assert next(line for line in lines if line.startswith("gap")).split() == ["gap,", "points", "+0.2", "+6.6", "+6.6"]
    assert 'fine-tuned\'s same wrong answer: "It is 3 kg."' in lines


def test_more_contestants_and_long_names_stay_within_100_columns() -> None:
    text = table({f"{number} customer support, second try": figures(unanswerable=(1, 2)) for number in range(4)})
    assert max(map(len, text.split("\n"))) <= 100
    assert text.count("unanswerable  ") == 2 and "3 customer support, s..." in text


def test_the_card_gets_the_same_table_as_markdown() -> None:
    text = as_markdown({"base": figures(unanswerable=(0, 32)), "fine-tuned": figures(unanswerable=(30, 32))})
    assert text.startswith("| what | base | fine-tuned |\n|---|---|---|\n| unanswerable | 0/32 0% (0-11) | 30/32 ")
    assert "same wrong answer:" not in text
    assert '\n- base\'s same wrong answer: "It is 3 kg."\n' in as_markdown({"base": figures(same=Share(3, 9))})
