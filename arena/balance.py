"""Which answer stands left and which ballots are plain: balanced, not only random.

Minimisation (Taves 1974; Pocock and Simon 1975, Biometrics 31:103): each new ballot gets what leaves the counts least
uneven, within the person and within the pair, and chance decides between equals. After few ballots the halves are as
even as coin flips would make them after very many.
"""

import random
from collections.abc import Mapping

Shown = tuple[bool, bool]
"""(swapped, plain)."""

WAYS: tuple[Shown, ...] = ((False, False), (False, True), (True, False), (True, True))


def balanced(person: Mapping[Shown, int], pair: Mapping[Shown, int], chance: random.Random) -> Shown:
    """How to show the next ballot, given how often this person and this pair had each way so far."""
    costs = {way: _unevenness(person, pair, way) for way in WAYS}
    least = min(costs.values())
    return chance.choice([way for way in WAYS if costs[way] == least])


def _unevenness(person: Mapping[Shown, int], pair: Mapping[Shown, int], way: Shown) -> int:
    """Of both marginals in both, and of the person's four cells: swapped and plain must not go together either."""
    total = 0
    for past in (person, pair):
        for part in (0, 1):
            total += abs(sum((past.get(one, 0) + (one == way)) * (1 if one[part] else -1) for one in WAYS))
    cells = [person.get(one, 0) + (one == way) for one in WAYS]
    return total + max(cells) - min(cells)
