"""Which prompts may be asked."""

import pytest

from arena.errors import InvalidPrompt
from arena.question import MAX_PROMPT_CHARACTERS, checked_prompt

INVISIBLE = ["", "   ", "\n\t \r\n", "\u00a0\u3000", "\u200b\u200d\ufeff\u2060", "\u202e", "\x00\x07"]
EMOJI = ["🙂", "👩\u200d👩\u200d👧", "❤\ufe0f"]
SCRIPTS = ["כמה זה עולה?", "\u200fكم السعر؟", "ราคาเท่าไร", "価格は"]
MARKUP = ["?", "<b>x</b>", "![x](http://x/y.png)", "a\nb"]


@pytest.mark.parametrize("text", INVISIBLE)
def test_a_prompt_without_a_visible_character_is_refused(text: str) -> None:
    with pytest.raises(InvalidPrompt, match="The prompt is empty: type a question"):
        checked_prompt(text)


@pytest.mark.parametrize("text", [*EMOJI, *SCRIPTS, *MARKUP])
def test_any_script_emoji_and_markup_is_asked_as_it_is(text: str) -> None:
    assert checked_prompt(text) == text


def test_white_space_around_is_dropped() -> None:
    assert checked_prompt(" \n How long? \t") == "How long?"


def test_two_thousand_characters_are_the_limit() -> None:
    assert MAX_PROMPT_CHARACTERS == 2000
    assert len(checked_prompt("x" * 2000)) == len(checked_prompt(f"  {'x' * 2000}  ")) == 2000
    with pytest.raises(InvalidPrompt, match=r"has 2,001 characters; the limit is 2,000\. Shorten it by 1\."):
        checked_prompt("x" * 2001)


def test_the_limit_counts_characters_not_bytes() -> None:
    assert len(checked_prompt("🙂" * 2000)) == 2000


def test_half_a_surrogate_pair_is_replaced_and_a_whole_one_joined() -> None:
    assert checked_prompt("broken \udcff, whole \ud83d\ude42") == "broken \ufffd, whole 🙂"
