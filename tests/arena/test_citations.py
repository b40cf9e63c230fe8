"""Whose sentence says it: the same words and values, to the letter where it matters, or nobody's."""

import pytest

from arena.citations import Citation, cite
from arena.events import Passage
from arena.prompts import DOCUMENTS_DO_NOT_SAY, I_DO_NOT_KNOW
from arena.sentences import split_sentences

RILL = "The Rill 12 weighs 3 kg."


def passage(text: str, location: str = "Pumps", used: tuple[str, ...] = ()) -> Passage:
    return Passage("pumps.md", location, text, 1.0, used)


def cited(answer: str, *texts: str) -> tuple[Citation, ...]:
    return cite(answer, [passage(text) for text in texts], split_sentences)


def supported(answer: str, text: str, location: str = "Pumps") -> bool:
    found = cite(answer, [passage(text, location)], split_sentences)
    return bool(found) and all(each.verdict == "supported" for each in found)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (RILL, RILL),
        (RILL, "The Rill 12, our smallest pump, weighs 3kg and costs 80 euros."),
        (RILL, "With its hose on, the Rill 12 weighs 3 kg."),
        (RILL, "Both the Rill 12 and the Rill 14 weigh 3 kg."),
        (RILL, "The Rill 12 weighs 3 kg and the Rill 14 weighs 4 kg."),
        (RILL, "The Rill 12 weighs 3 kg and is not waterproof."),
        ("The **Rill 12** weighs __3__ kg", RILL),
        ("According to the documents, the Rill 12 weighs 3 kg [1].", RILL),
        ("It weighs 3 kg.", RILL),
        ("The Fernlight 300 draws 18 watts.", "The Fernlight 200 and 300 draw 18 watts."),
        ("It controls 4 zones.", "It controls at most 4 separate climate zones."),
        ("It has 4 zones.", "Zones: 4; Weight: 3 kg"),
        ("It costs 2,000 euros.", "It costs €2000."),
        ("Store it at -18 °C.", "Store it at minus 18 °C."),
        ("Employees receive 30 days.", "Each employee receives 30 days."),
        ("The pump isn't waterproof.", "The pump is not waterproof."),
        ("The shop opens at 9:30.", "The shop opens at 9.30 and closes at 18:00."),
        ("Le Café vend 3 gâteaux.", "Le Cafe\u0301 vend 3 ga\u0302teaux."),
    ],
)
def test_the_same_in_other_words_order_or_writing_is_supported(answer: str, text: str) -> None:
    assert supported(answer, text)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (RILL, "The Rill 12S weighs 3 kg."),
        ("The Rill 12S weighs 3 kg.", RILL),
        (RILL, "The Rill 12 S weighs 3 kg."),
        (RILL, "The Rill 14 weighs 3 kg."),
        (RILL, "The Sill 12 weighs 3 kg."),
        ("Error E3 means heat.", "Error E4 means heat."),
        ("Error 3 means heat.", "Error 4 means heat for 3 minutes."),
        ("Ann leads the Elm team.", "Bob leads the Elm team."),
        ("Ann leads the Elm team.", "Anne leads the Elm team."),
        ("It stands in the Heron Room.", "It stands in the Elm Room of the Heron house."),
    ],
)
def test_a_sibling_by_name_is_no_source(answer: str, text: str) -> None:
    assert not supported(answer, text)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (RILL, "The Rill 12 weighs 4 kg."),
        (RILL, "The Rill 12 weighs 3.5 kg."),
        (RILL, "The Rill 12 weighs 3 g."),
        (RILL, "The Rill 12 weighs -3 kg."),
        ("It lasts 20 weeks.", "It lasts 20 days and, after 3 weeks, ends."),
        ("It costs $5.", "It costs 5 euros."),
        ("Store it below 5 °C.", "Store it above 5 °C."),
        ("Store it at <5 °C.", "Store it at >5 °C."),
        ("It controls at most 4 zones.", "It controls at least 4 zones."),
        ("It controls nine zones.", "It controls four zones."),
        ("The Rill 12 weighs 4 kg.", "The Rill 12 weighs 3 kg and the Rill 14 weighs 4 kg."),
        ("The Rill 12 costs 90 euros.", "The price is 80 euros for the Rill 12 and 90 euros for the Rill 14."),
        ("The shop opens at 9:30.", "The shop opens at 8:30 and closes at 9:00."),
        ("It costs 2025 euros in 2025.", "It costs 80 euros in 2025."),
    ],
)
def test_another_value_unit_or_limit_is_no_source(answer: str, text: str) -> None:
    assert not supported(answer, text)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (RILL, "The Rill 12 does not weigh 3 kg."),
        ("The Rill 12 doesn’t weigh 3 kg.", RILL),
        ("The pump is waterproof.", "The pump isn't waterproof."),
        ("A person may not lift it without help.", "A person may lift it without help."),
        (RILL, "Only the Rill 12S, not the Rill 12, weighs 3 kg."),
        ("The pump cannot run dry.", "The pump can run dry."),
    ],
)
def test_what_one_side_denies_the_other_must_deny(answer: str, text: str) -> None:
    assert not supported(answer, text)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("The housing of the Rill 12 is moss green.", "The housing of the Rill 12 is slate blue."),
        ("The red Rill 12 with its two hoses weighs 3 kg.", "The blue Rill 12 with its two hoses weighs 3 kg."),
        ("The pump is bolted to the floor.", "The pump is bolted to the wall."),
    ],
)
def test_one_other_word_is_enough_to_be_unsupported(answer: str, text: str) -> None:
    assert not supported(answer, text)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("The Fernlight 200 consumes 11 watts.", "The Fernlight 200 draws 11 watts."),
        ("It controls 4 zones.", "It controls four zones."),
        ("It draws 11 W.", "It draws 11 watts."),
        ("The Elm team approves travel and Ann leads it.", "Ann leads the Elm team. The Elm team approves travel."),
    ],
)
def test_synonyms_numbers_in_words_other_units_and_two_sources_at_once_are_not_seen(answer: str, text: str) -> None:
    assert not supported(answer, text)


@pytest.mark.parametrize(
    "sentence",
    [
        RILL,
        "No, it isn't: never, not without the Rill 12S (or a 12), at -18 °C!",
        "Lamp: Brass; Price: 80 euros",
        "It is.",
        "Ask Dr. Brunn or Mr. Oll about fig. 3.",
        "这台水泵重三公斤。",
        "تزن المضخة 3 كجم.",
        'He said "stop it now."',
    ],
)
def test_a_quotation_is_always_supported_by_its_source(sentence: str) -> None:
    text = f"Something stands before it here.\n{sentence}\nSomething stands after it here."
    (found,) = cited(sentence, "Another passage.", text)
    assert found.source is not None and found.source.passage == 1
    assert text[found.source.start : found.source.end] == sentence


def test_offsets_point_into_the_answer_and_into_the_passage() -> None:
    answer = "Ask Dr. Brunn.  The Rill 12 weighs 3 kg [2], so we think. The Rill 12 weighs 3 kg."
    text = "One is here. The Rill 12 weighs 3 kg. Two is there."
    found = cited(answer, text)
    assert [answer[each.start : each.end] for each in found] == [
        "Ask Dr. Brunn.",
        "The Rill 12 weighs 3 kg [2], so we think.",
        "The Rill 12 weighs 3 kg.",
    ]
    assert [each.verdict for each in found] == ["unsupported", "unsupported", "supported"]
    source = found[2].source
    assert source is not None and text[source.start : source.end] == RILL


def test_a_mark_of_the_answers_own_belongs_to_the_sentence_before_it() -> None:
    answer = "The Rill 12 weighs 3 kg. [1] [2, 3] Snow falls here [4]"
    assert [answer[each.start : each.end] for each in cited(answer, RILL)] == [
        "The Rill 12 weighs 3 kg. [1] [2, 3]",
        "Snow falls here [4]",
    ]


def test_sources_are_numbered_in_the_order_of_the_answer_and_once_each() -> None:
    first, second = "The Rill 14 has two hoses.", "The Rill 12 weighs 3 kg."
    found = cited(f"{second} {first} {second} Snow falls here.", first, second)
    assert [each.number for each in found] == [1, 2, 1, None]
    assert [each.source.passage if each.source else None for each in found] == [1, 0, 1, None]


def test_list_items_and_table_rows_are_sentences_without_their_markers() -> None:
    answer = "You need:\n- a red hose\n2. two brass clamps\n\n---\n"
    found = cited(answer, "You need:\na red hose\ntwo brass clamps")
    assert [answer[each.start : each.end] for each in found] == ["You need:", "a red hose", "two brass clamps"]
    assert [each.number for each in found] == [1, 2, 3]


@pytest.mark.parametrize("refusal", [DOCUMENTS_DO_NOT_SAY, I_DO_NOT_KNOW, "The documents do not say what it weighs."])
def test_a_refusal_needs_no_source(refusal: str) -> None:
    assert [each.verdict for each in cited(refusal, RILL)] == ["refusal"]
    assert [each.verdict for each in cited(refusal)] == ["refusal"]


def test_a_claim_behind_a_refusal_is_a_claim() -> None:
    (found,) = cited("The documents do not say, but the Rill 12 weighs 4 kg.", RILL)
    assert found.verdict == "unsupported"


@pytest.mark.parametrize("answer", ["", "  \n ", "---", "[1]", "…"])
def test_nothing_said_is_nothing_cited(answer: str) -> None:
    assert cited(answer, RILL) == ()


def test_without_passages_or_with_empty_ones_nothing_is_supported() -> None:
    assert [each.verdict for each in (*cited(RILL), *cited(RILL, "", "\n"))] == ["unsupported"] * 2


def test_it_means_what_the_sentence_before_named() -> None:
    answer = "The Rill 12 is red. It weighs 3 kg."
    assert [each.verdict for each in cited(answer, "The Rill 12 is red.", "The Rill 12S weighs 3 kg.")] == [
        "supported",
        "unsupported",
    ]
    assert supported(answer, "The Rill 12 is red. It weighs 3 kg.")


def test_a_heading_names_what_its_sentences_do_not() -> None:
    assert supported(RILL, "It weighs 3 kg.", "page 2, Rill 12")
    assert not supported(RILL, "It weighs 3 kg.", "page 2, Rill 12S")
    assert not supported(RILL, "The Rill 12S weighs 3 kg.", "Rill 12")
    assert not supported("Ann leads the team.", "Bob leads the team.", "Ann")
    assert not supported("It weighs 2 kg.", "It weighs less.", "page 2, Weight in kg")


def test_of_two_sources_the_one_that_the_model_read_is_named() -> None:
    text = "The Rill 12 weighs 3 kg."
    found = cite(RILL, [passage(text), passage(text, used=(text,))], split_sentences)
    assert found[0].source is not None and found[0].source.passage == 1


def test_sentences_of_a_passage_may_be_quoted_in_a_row() -> None:
    text = "No. There is no kit.\nBuy a new one, please. It is old."
    assert [each.verdict for each in cited("There is no kit.", text)] == ["supported"]
    (whole,) = cite("Buy a new one, please. It is old.", [passage(text), passage("")], lambda line: [line])
    assert whole.verdict == "supported"


@pytest.mark.parametrize(
    "frame", ["According to the manual, the", "As stated in the documents, the", "according to this policy, the"]
)
def test_saying_where_it_is_from_needs_no_source_unless_it_is_named(frame: str) -> None:
    passages = [Passage("a.md", "", "The Ossa 4 weighs 3 kg.", 0.5)]
    assert [each.verdict for each in cite(f"{frame} Ossa 4 weighs 3 kg.", passages)] == ["supported"]
    named = "According to the Ossa 5 manual, the Ossa 4 weighs 3 kg."
    assert [each.verdict for each in cite(named, passages)] == ["unsupported"]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Ann hired Bob.", "Bob hired Ann."),
        ("Blue lamps cost 3 euros.", "Red lamps cost 3 euros and blue lamps cost 4 euros."),
    ],
)
def test_who_does_what_is_not_known(answer: str, text: str) -> None:
    """A limit that is said, not wished for."""
    assert supported(answer, text)
