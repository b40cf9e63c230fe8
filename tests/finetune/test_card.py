"""A card keeps what it says when figures are measured again."""

from finetune.card import measured_again

CARD = """# reader

## Measured

| what | right | asked | share |
|---|---|---|---|
| old | 1 | 2 | 50.0% |
| gone | 1 | 2 | 50.0% |

Training: 3 steps.

| step | loss |
|---|---|
| 3 | 0.1 |
"""


def test_only_the_table_of_figures_is_replaced() -> None:
    told = measured_again(CARD, {"new": (3, 4), "nothing asked": (0, 0)})
    assert told == CARD.replace(
        "| old | 1 | 2 | 50.0% |\n| gone | 1 | 2 | 50.0% |", "| new | 3 | 4 | 75.0% |\n| nothing asked | 0 | 0 | - |"
    )
    assert measured_again(told, {"old": (1, 2), "gone": (1, 2)}) == CARD


def test_a_table_at_the_very_end_is_replaced_too() -> None:
    short = "\n".join(CARD.splitlines()[:7]) + "\n"
    assert measured_again(short, {"old": (2, 2)}).endswith("| old | 2 | 2 | 100.0% |\n")
