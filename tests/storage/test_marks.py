"""Marks are counted as they are shown, whether an answer quotes or says it in words of its own."""

import json

import pytest

from arena.annotation import Ballot, Showing
from arena.events import Passage
from storage.marks import count
from tests.storage.examples import NOON, answered, pair
from ui.annotate_screen import pair_html
from ui.bench import Bench

WEIGHT, SOUND, RAIN = "The Ossa 4 weighs 3 kg.", "Je l’ai vu à 5 °C, “so” he said.", "It rains."
PASSAGES = (
    Passage("a.md", "Weight", f"{WEIGHT} {SOUND} It is never used.", 0.6, (WEIGHT,)),
    Passage("b.md", "", f"Nothing. {SOUND} {RAIN}", 0.5, (SOUND, RAIN)),
)


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        (WEIGHT, 1),
        (f" {SOUND}\n", 1),
        (f"{WEIGHT} {SOUND}", 2),
        (f"{WEIGHT} {SOUND} {WEIGHT}", 3),
        (f"{WEIGHT} It flies high.", 1),
        (f"- {WEIGHT}\n- {RAIN}", 2),
        (f"The **Ossa 4** weighs 3 kg [1]. {RAIN}", 2),
        (f"| Item |\n|---|\n| {WEIGHT} |\n\n{RAIN}", 1),
        (f"Look:\n\n```\n{WEIGHT}\n```", 0),
        ("It flies high.", 0),
        ("The documents do not say.", 0),
        ("", 0),
    ],
)
def test_as_many_marks_are_counted_as_an_annotator_sees(text: str, marks: int) -> None:
    rows = [("c", "rag", text, each.location, each.text, json.dumps(each.used)) for each in PASSAGES]
    bench = Bench()
    answers = {"fine-tuned": answered("fine-tuned", WEIGHT), "rag": answered("rag", text, passages=PASSAGES)}
    bench.current = Showing(Ballot("t", "c", "Ann", False, False, NOON), pair(answers=answers))
    assert count(rows) == marks == pair_html(bench).count('<sup class="cite"')
