"""What counts as right: whole words, numbers by value, no look-alike's value beside it."""

import pytest

from arena.scoring import abstained, contains, is_right, normalised


@pytest.mark.parametrize(
    ("answer", "variant"),
    [
        ("It draws 11 watts.", "11 watts"),
        ("It draws 11W.", "11 W"),
        ("It weighs **4.5** kg", "4.5 kg"),
        ("It weighs __4.5__ kg", "4.5kg"),
        ("1,5 l per hour", "1.5 l"),
        ("It holds .5 l", "0.5 l"),
        ("It costs 2,000 euros", "2000 euros"),
        ("It costs 2 000 euros", "2,000 euros"),
        ("It costs 2\u202f000 euros", "2,000 euros"),
        ("1,234,567.5 in all", "1234567.5"),
        ("In 2023 100 people came", "100 people"),
        ("rooms 12, 200 and 5", "200"),
        ("It costs €129.", "129 euros"),
        ("It costs € 1,290.50 now", "1290.50 EUR"),
        ("129 €", "129 euros"),
        ("1 euro", "1 euros"),
        ("about 4.5 %", "4.5 percent"),
        ("about 4.5 per cent", "4.5%"),
        ("Keep it at -18 °C.", "−18°C"),
        ("Keep it at minus 18 °C.", "-18 °C"),
        ("between 10-20 days", "20 days"),
        ("an area of 5 m²", "5 m2"),
        ("the Cafe\u0301", "CAFÉ"),
        ("It’s Ann's", "it's ann's"),
        ("The answer is 5.", "5"),
        ("version 2.0.1 it is", "2.0.1"),
    ],
)
def test_the_same_value_written_differently_is_found(answer: str, variant: str) -> None:
    assert contains(answer, variant)


@pytest.mark.parametrize(
    ("answer", "variant"),
    [
        ("It weighs 4.5 kg", "5 kg"),
        ("It weighs 4.5 kg", "4 kg"),
        ("It weighs 4,5 kg", "5 kg"),
        ("It holds .5 l", "5 l"),
        ("It costs 12,000 euros", "2,000 euros"),
        ("It costs 2,000 euros", "200 euros"),
        ("It costs 2,000 euros", "2 euros"),
        ("Keep it at -18 °C", "18 °C"),
        ("4.5 kg", "4.5 percent"),
        ("catalogue", "cat"),
        ("The year is 2024.", "24"),
        ("anything", ""),
        ("anything", " ?! "),
        ("", "11"),
    ],
)
def test_another_value_is_not_found(answer: str, variant: str) -> None:
    assert not contains(answer, variant)


def test_a_rejected_value_beside_the_right_one_is_wrong() -> None:
    accepted, rejected = ["11 watts", "11 W"], ["18 watts", "18 W"]
    assert is_right("It draws 11 watts.", accepted, rejected)
    assert not is_right("It draws 11 watts or 18W.", accepted, rejected)
    assert not is_right("It draws 18 watts.", accepted, rejected)
    assert not is_right("It draws 11 watts.", [])


def test_normalising_twice_changes_nothing() -> None:
    for text in ("€1,290.50 or -18 °C, 4.5 %", "It’s __bold__ 1,5 l / 2 000 m²", "v2.0.1, .5 l, 10-20, 18.5.2024"):
        assert normalised(normalised(text)) == normalised(text)


@pytest.mark.parametrize(
    "answer",
    [
        "The documents do not say.",
        "I do not know.",
        "I don't know.",
        "I don’t know the price",
        "That's not mentioned anywhere",
        "",
        "  ...  ",
    ],
)
def test_saying_that_one_does_not_know_is_abstaining(answer: str) -> None:
    assert abstained(answer)


@pytest.mark.parametrize("answer", ["The warranty lasts two years.", "11 watts", "You know it is 5."])
def test_an_answer_is_not_abstaining(answer: str) -> None:
    assert not abstained(answer)
