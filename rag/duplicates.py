"""Tells passages that say the same, word for word or nearly, so that copies do not take the places of others.

Near is not equal: two passages that are not the same word for word are copies only if they have the same names,
numbers, signs and decisive words in the same order, and no word of one is a word of the other with a prefix that denies
it ("available", "unavailable"). So an old and a new price, two models of one product, and "on" and "off" are told
apart; a copy that is reworded there counts as another passage. Does not know other opposites ("red", "blue"). Does not
delete anything: every copy stays in the index, and is named.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

NEARLY = 0.8
"""Share of three words in a row that two passages have in common, from which on they are copies (resemblance by
shingles, Broder 1997)."""
COMPARED = 1000
"""Passages that are compared word by word at most; of more, as where thousands share a footer, only those that are the
same to the letter are copies."""
TURNING = """
not no never nor none neither nobody nothing cannot t without except unless only but and or may must can should
on off in out up down open opened closed shut left right before after above below over under inside outside yes
first last second third start stop begin end always sometimes seldom rarely often true false hot cold warm cool
all any some every each both either more less most least fewer many few half once twice high low old new used
larger smaller higher lower longer shorter later earlier maximum minimum max min zero one two three four five six
seven eight nine ten eleven twelve twenty thirty forty fifty sixty hundred thousand million
"""
"""Words that deny, count, or have an opposite ("t" is the end of "don't")."""
DECISIVE = frozenset(TURNING.split())
DENYING = ("un", "in", "im", "ir", "il", "dis", "non", "mis", "de", "anti")
WORD = re.compile(r"\d+(?:[.,:]\d+)*\w*|\w+|(?<!\w)[-−](?=\d)|[€$£¥%‰<>≤≥±°]")
"""A minus sign and what stands beside numbers are words too; a number is one, its decimals included."""


def distinct(
    order: Sequence[int], wanted: int, text: Callable[[int], str], least: int = 0
) -> tuple[list[int], list[int], int]:
    """The first `wanted` places of `order` whose texts say different things, all those that say the same as one of
    them among the places that were looked at, and how many these are: as many as it takes, and `least` if there are so
    many."""
    kept: list[int] = []
    copies: list[int] = []
    known: set[str] = set()
    looked_at = 0
    for place in order:
        if len(kept) >= wanted and looked_at >= least:
            break
        looked_at += 1
        said = text(place)
        if said in known or (looked_at <= COMPARED and any(alike(said, text(other)) for other in kept)):
            copies.append(place)
        elif len(kept) < wanted:
            kept.append(place)
        else:
            continue
        known.add(said)
    return kept, copies, looked_at


def alike(one: str, other: str) -> bool:
    """Whether two passages say the same."""
    words, told, shingles = _fingerprint(one)
    others, others_told, others_shingles = _fingerprint(other)
    if words == others:
        return True
    if told != others_told or not shingles or not others_shingles:
        return False
    near = len(shingles & others_shingles) >= NEARLY * len(shingles | others_shingles)
    return near and not _deny(set(words), set(others))


def _deny(words: set[str], others: set[str]) -> bool:
    """Whether one has a word that the other has with a denying prefix."""
    return any(
        one.startswith(prefix) and one[len(prefix) :] in there
        for here, there in ((words - others, others - words), (others - words, words - others))
        for one in here
        for prefix in DENYING
    )


@lru_cache(maxsize=8192)
def _fingerprint(text: str) -> tuple[tuple[str, ...], tuple[str, ...], frozenset[tuple[str, ...]]]:
    """The words; names, numbers and decisive words among them; and all three words in a row."""
    words = WORD.findall(text)
    plain = tuple(word.casefold() for word in words)
    told = tuple(
        small
        for word, small in zip(words, plain, strict=True)
        if word[:1].isupper() or not word.isalpha() or small in DECISIVE
    )
    return plain, told, frozenset(zip(plain, plain[1:], plain[2:], strict=False))
