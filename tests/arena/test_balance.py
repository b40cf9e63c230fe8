"""Sides and plain ballots: even after few ballots, not only in the long run."""

import random
from collections import Counter

from arena.balance import Shown, balanced


def show(people: int, pairs: int, each: int, seed: int) -> dict[tuple[str, int], list[Shown]]:
    """`each` random people judge every pair; what was shown, by person and by pair."""
    chance = random.Random(seed)
    shown: dict[tuple[str, int], list[Shown]] = {}
    for pair in range(pairs):
        for person in chance.sample(range(people), each):
            of_person = shown.setdefault(("person", person), [])
            of_pair = shown.setdefault(("pair", pair), [])
            way = balanced(Counter(of_person), Counter(of_pair), chance)
            of_person.append(way)
            of_pair.append(way)
    return shown


def test_halves_are_even_within_each_person_and_nearly_always_within_each_pair() -> None:
    split, pairs = 0, 0
    for seed in range(20):
        for (kind, _), ways in show(people=6, pairs=60, each=3, seed=seed).items():
            for part in (0, 1):
                uneven = abs(2 * sum(way[part] for way in ways) - len(ways))
                if kind == "person":
                    assert uneven <= 4
                else:
                    split, pairs = split + (uneven == 1), pairs + 1
    assert split > 0.9 * pairs  # two against one; of coin flips a quarter are three against none


def test_most_pairs_of_an_even_number_of_people_are_split_in_two() -> None:
    ways = [ways for (kind, _), ways in show(people=8, pairs=200, each=4, seed=1).items() if kind == "pair"]
    assert sum(sum(swapped for swapped, _ in one) == 2 for one in ways) > 0.7 * len(ways)  # coin flips: 0.375


def test_swapped_and_plain_do_not_go_together() -> None:
    for (kind, _), ways in show(people=4, pairs=80, each=2, seed=3).items():
        if kind == "person":
            cells = Counter(ways)
            assert len(cells) == 4 and max(cells.values()) - min(cells.values()) <= 3


def test_what_comes_next_is_left_to_chance_where_all_is_even() -> None:
    assert len({balanced({}, {}, random.Random(seed)) for seed in range(40)}) == 4
