"""Tells passages that say the same, word for word or nearly, so that copies do not take the places of others.

Near is not equal: what differs in a number, a name or a "not" says something else, however much the rest agrees (two
models of one product, an old and a new price). Does not delete anything: every copy stays in the index, and is named.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

NEARLY = 0.8
"""Share of three words in a row that two passages have in common, from which on they are copies (resemblance by
shingles, Broder 1997)."""
DENIALS = frozenset({"not", "no", "never", "nor", "none", "without", "except", "unless", "only"})


def distinct(order: Sequence[int], wanted: int, text: Callable[[int], str]) -> tuple[list[int], list[int]]:
    """The first `wanted` places of `order` whose texts say different things, and all those that say the same as one of
    them."""
    kept: list[int] = []
    copies: list[int] = []
    for place in order:
        if any(alike(text(place), text(other)) for other in kept):
            copies.append(place)
        elif len(kept) < wanted:
            kept.append(place)
    return kept, copies


def alike(one: str, other: str) -> bool:
    """Whether two passages say the same."""
    words, told, shingles = _fingerprint(one)
    others, others_told, others_shingles = _fingerprint(other)
    if words == others:
        return True
    if told != others_told or not shingles or not others_shingles:
        return False
    return len(shingles & others_shingles) >= NEARLY * len(shingles | others_shingles)


@lru_cache(maxsize=8192)
def _fingerprint(text: str) -> tuple[str, frozenset[str], frozenset[tuple[str, ...]]]:
    """The words; names, numbers and denials among them; and all three words in a row."""
    words = re.findall(r"\w+", text)
    plain = [word.casefold() for word in words]
    told = {word for word in words if word[:1].isupper() or any(map(str.isdigit, word))} | DENIALS.intersection(plain)
    return " ".join(plain), frozenset(told), frozenset(zip(plain, plain[1:], plain[2:], strict=False))
