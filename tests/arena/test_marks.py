"""Marks stand behind sentences that have a source, where Markdown has a place for them."""

import pytest

from arena.citations import cite
from arena.events import Passage
from arena.marks import marked

SAID = "The Ossa 4 weighs 3 kg."
PASSAGES = (Passage("a.md", "", f"{SAID} It rains.", 0.5, (SAID,)),)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (SAID, [1]),
        (f"{SAID} It flies high.", [1]),
        (f"It rains.\n\n- {SAID}\n- {SAID}", [1, 2, 2]),
        ("The documents do not say.", []),
        (f"| Item |\n|---|\n| {SAID} |\n\n{SAID}", [1]),
        (f"Look:\n\n```\n{SAID}\n```", []),
        ("", []),
    ],
)
def test_a_sentence_with_a_source_has_a_mark_where_there_is_room_for_one(text: str, numbers: list[int]) -> None:
    assert [each.number for each in marked(text, cite(text, PASSAGES))] == numbers
