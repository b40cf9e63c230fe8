"""A card keeps what it says when figures are measured again."""

from finetune.card import measured_again, with_checkup

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


def test_what_a_checkup_found_stands_once_at_the_end_of_a_card() -> None:
    once = with_checkup("# judge\n\nLimits: small.\n", "# What it knows\n\n| a | 1 |\n")
    assert once == "# judge\n\nLimits: small.\n\n## What it knows\n\n| a | 1 |\n"
    assert with_checkup(once, "# What it knows\n\n| a | 2 |\n") == once.replace("1", "2")
