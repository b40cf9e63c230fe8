"""Plain ballots: form is gone, words are not; the others show what an answer cites by numbers alone."""

import re

import pytest

from arena.annotation import Ballot, Showing
from arena.events import Passage
from tests.storage.examples import NOON, answered, pair
from ui.annotate_screen import pair_html
from ui.bench import Bench
from ui.plain import Plain, flattened, plain_pair


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("**Eleven** watts [1].", "Eleven watts."),
        ("It lasts two years [2, 3], see below.[^4]", "It lasts two years, see below."),
        ("# Warranty\n\n- two years\n- parts *and* labour\n", "Warranty. two years. parts and labour."),
        ("1. First.\n2. Second!", "First. Second!"),
        ("| model | watts |\n|---|---|\n| 200 | 11 |\n", "model, watts. 200, 11."),
        ("Run `reset`:\n\n```\nreset  now\n```", "Run reset: reset now."),
        ("See [the manual](http://x.invalid/y) on\npage 3", "See the manual on page 3."),
        ("<b>Bold</b> & 3 < 4", "<b>Bold</b> & 3 < 4."),
        ("According to the manual, 11 watts.", "According to the manual, 11 watts."),
        ("", ""),
    ],
)
def test_formatting_and_marks_go_and_words_stay(written: str, plain: str) -> None:
    assert flattened(written) == plain


SHORT = "It draws 11 watts in normal operation."
LONG = (
    "It draws 11 watts in normal operation, measured at the socket. The larger one draws 18 watts. "
    "Both run on 24 volts, and neither of them needs a fan. Ask the service desk for the exact figures of yours."
)


def test_the_longer_one_is_folded_at_the_sentence_nearest_to_the_shorter_and_loses_nothing() -> None:
    left, right = plain_pair(SHORT, LONG)
    assert left == Plain(SHORT)
    assert right.text == "It draws 11 watts in normal operation, measured at the socket."
    assert words(f"{right.text} {right.rest}") == words(LONG)
    assert plain_pair(LONG, SHORT) == (right, left)


def test_a_few_words_more_are_not_folded() -> None:
    assert plain_pair(SHORT, f"{SHORT} That is all.")[1].rest == ""


def test_one_long_sentence_is_shown_whole() -> None:
    sentence = " ".join(["word"] * 60) + "."
    assert plain_pair(SHORT, sentence)[1] == Plain(sentence)


def test_against_no_answer_the_first_sentence_still_stands() -> None:
    assert plain_pair("", LONG)[1].text.startswith("It draws 11 watts")


FOUND = Passage("secret.pdf", "page 9", f"It hums. {SHORT}", 0.9, (SHORT,))


def ballot_html(plain: bool, swapped: bool = False) -> tuple[str, str]:
    """What stands on either side. RAG, on the right where sides are not swapped, looked something up."""
    answers = {
        "fine-tuned": answered("fine-tuned", SHORT),
        "rag": answered("rag", f"**Yes.** {SHORT} It flies high.", passages=(FOUND,)),
    }
    bench = Bench()
    bench.current = Showing(Ballot("t", "c", "Ann", swapped, plain, NOON), pair(answers=answers))
    left, right = pair_html(bench).split("Answer B")
    return left, right


@pytest.mark.parametrize("swapped", [False, True])
def test_as_written_an_answer_shows_the_numbers_of_what_it_cites_and_nothing_else_of_it(swapped: bool) -> None:
    sides = ballot_html(plain=False, swapped=swapped)
    remembered, found = reversed(sides) if swapped else sides
    assert '<sup class="cite" aria-label="source 1">1</sup> It flies high.' in found and "<strong>" in found
    assert "cite" not in remembered
    told = ("secret", "page 9", "hums", "not found", "rag", "RAG")
    assert not [word for word in told if word in "".join(sides)]


def test_made_alike_an_answer_shows_no_numbers() -> None:
    assert not any("<sup" in side or "<strong>" in side for side in ballot_html(plain=True))
