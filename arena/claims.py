"""Whether one sentence says what another says, by words and values: no model is asked.

The one that supports holds every word of the claim but the commonest, in any form; names to the letter; each number
with what it counts; and it denies what the claim denies. What this does not know is told in citations.py, which asks
it of an answer and passages.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from arena.scoring import normalised

NEGATION_REACH = 3
"""Words after "not" that it may be about."""
TAIL = 4
"""Words after a number that may say what it counts ("4 separate climate zones")."""


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


PRONOUNS = _listed("it its they their them this these he she his her")
NEGATIONS = _listed("not no never none neither nor nobody nothing without")
LABELS = _listed("error code version release page step level zone room model type number chapter section phase class")
"""In front of a number they make it a name: "error 3" is not three errors."""
COMMON = (
    _listed(
        """a an the of in on at to for from by with as and or but so if then than that which who whom whose there here
        is are was were be been being am do does did done has have had can could will would shall should ca wo i you
        we your our my me us yes also both each into per about according documents document passage passages text say
        says said state states stated based therefore however"""
    )
    | PRONOUNS
    | NEGATIONS
)
"""Words that a source need not hold. Every other one it must: where a fifth of them, by rarity, was forgiven, a
sentence of the demo with one word exchanged still found a source in 452 of 1,259 cases instead of none, for 2 more of
264 true answers."""

_CLAUSE = re.compile(r"[,;:()—–?!](?=\s|$)|\s[—–-]\s|\s\(|\b(?:and|or|but|while|whereas|although|because)\b")
_NAME = re.compile(r"\b[A-ZÀ-ÖØ-Þ]\w*(?:[ -](?:[A-ZÀ-ÖØ-Þ]\w*|\d\w*))*")
_NUMBER = re.compile(r"(?:minus)?\d[\d.]*")
_GLUED = re.compile(r"\d(?:[^\W\d_]+| [A-ZÀ-ÖØ-Þ])\b")
_WRITTEN_OUT = (
    (re.compile(r"(?<=\w)n['’]t\b", re.I), " not"),
    (re.compile(r"\bcannot\b", re.I), "can not"),
    (re.compile(r"\bnot only\b", re.I), "also"),
    (re.compile(r"['’]s\b"), ""),
    (re.compile(r"(?<!\d)(\d{1,2}):(\d{2})(?!\d)"), r"\1.\2"),
    (re.compile(r"(?<!\d)(\d{1,2})/(\d{1,2})/(\d{4})(?!\d)"), r"\1.\2.\3"),
    (re.compile(r"\$ ?(\d[\d.,]*)"), r"\1 dollars "),
    (re.compile(r"£ ?(\d[\d.,]*)"), r"\1 pounds "),
    (re.compile(r"[<≤](?= ?\d)"), " less "),
    (re.compile(r"[>≥](?= ?\d)"), " more "),
    # "Fernlight 200 and 300" names two.
    (re.compile(r"\b([A-ZÀ-ÖØ-Þ]\w+) (\d\w*) (and|or) (\d+[A-Z]?)(?![\w.,]*\d)\b"), r"\1 \2 \3 \1 \4"),
)


@dataclass(frozen=True)
class Token:
    """A word as `normalised` writes it. `glued`: it belongs to the number before it, as in "12S"."""

    text: str
    clause: int
    capital: bool
    first: bool = False
    glued: bool = False

    @cached_property
    def root(self) -> str:
        return re.sub(r"(?<=\w{3})(?:ing|ed|es|s|e)$", "", self.text)

    @cached_property
    def number(self) -> bool:
        return bool(_NUMBER.fullmatch(self.text))

    @property
    def name(self) -> bool:
        return self.capital and self.content

    @property
    def content(self) -> bool:
        return self.text not in COMMON and not self.number


@dataclass(frozen=True)
class Words:
    """A sentence."""

    tokens: tuple[Token, ...]

    @cached_property
    def texts(self) -> frozenset[str]:
        return frozenset(token.text for token in self.tokens)

    @cached_property
    def numbered_names(self) -> frozenset[tuple[str, str]]:
        """("rill", "12s") for every "Rill 12S"."""
        return frozenset(
            (before.text, self.whole(place))
            for place, (before, token) in enumerate(pairwise(self.tokens), start=1)
            if token.number and before.name
        )

    def whole(self, place: int) -> str:
        """The number there with what is glued to it."""
        following = self.tokens[place + 1] if place + 1 < len(self.tokens) else None
        return self.tokens[place].text + (following.text if following and following.glued else "")

    def tail(self, place: int) -> list[str]:
        """What the number there counts, as roots: words after it, up to the next number or the clause's end."""
        number, words = self.tokens[place], []
        for token in self.tokens[place + 1 : place + 1 + TAIL]:
            if token.number or token.clause != number.clause:
                break
            words += [token.root] if token.content else []
        return words

    def label(self, place: int) -> Token | None:
        """The name in front of the number there: "Rill" of "Rill 12"."""
        before = self.tokens[place - 1] if place else None
        return before if before and (before.name or before.text in LABELS) else None

    def negated(self) -> list[set[str]]:
        """For each negation the roots that it may be about: the words after it in its clause, or else before it."""
        found = []
        for place, token in enumerate(self.tokens):
            if token.text in NEGATIONS:
                near = [each for each in self.tokens[place + 1 :] if each.clause == token.clause]
                near = [each for each in near if each.content or each.number][:NEGATION_REACH]
                before = [each for each in self.tokens[:place] if each.content or each.number][-NEGATION_REACH:]
                found.append({each.root for each in near or before})
        return found


def subject_of(sentence: str) -> str:
    """The first name in it, "" where there is none."""
    for found in _NAME.finditer(sentence):
        words = found[0].split()
        while words and words[0].lower() in COMMON:
            words = words[1:]
        if words:
            return " ".join(words)
    return ""


@lru_cache(maxsize=4096)
def read(sentence: str) -> Words:
    """Its words, with what is told by where they stand."""
    text = f" {sentence} "
    for pattern, written in _WRITTEN_OUT:
        text = pattern.sub(written, text)
    tokens: list[Token] = []
    for clause, piece in enumerate(_CLAUSE.split(text)):
        capitals = {normalised(word) for word in re.findall(r"[^\W\d_]\w*", piece) if word[0].isupper()}
        glued = {normalised(found) for found in re.findall(rf"[\d.,]*{_GLUED.pattern}", piece)}
        for word in normalised(piece).split():
            # "12S" and "12 S" are one designation, and "11W" and "11 W" one quantity.
            joined = bool(tokens) and tokens[-1].number and f"{tokens[-1].text} {word}" in glued
            tokens.append(Token(word, clause, word in capitals, not tokens, joined))
    return Words(tuple(tokens))


def agrees(claim: Words, source: Words) -> bool:
    """Whether `source` says what `claim` says."""
    source = _about(claim, source)
    words = Counter(token.root for token in claim.tokens if token.content and not token.glued)
    return (
        bool(words)
        and words <= Counter(token.root for token in source.tokens)
        and _names_agree(claim, source)
        and _numbers_agree(claim, source)
        and _negations_agree(claim, source)
    )


def _about(claim: Words, source: Words) -> Words:
    """Of "the Rill 12 weighs 3 kg and the Rill 14 weighs 4 kg" only what is said of the ones in the claim."""
    wanted = claim.numbered_names
    names = {name for name, _ in wanted}
    if len([name for name, _ in source.numbered_names if name in names]) < 2:
        return source
    kept: list[Token] = []
    owners: set[tuple[str, str]] = set()
    listing = False
    for clause in sorted({token.clause for token in source.tokens}):
        piece = Words(tuple(token for token in source.tokens if token.clause == clause))
        here = {pair for pair in piece.numbered_names if pair[0] in names}
        if here:
            owners = owners | here if listing else here
        # "both the Rill 12 and the Rill 14 weigh 3 kg": a clause of a name alone goes with the next.
        listing = bool(here) and not any(token.content and not token.name and not token.glued for token in piece.tokens)
        if not owners or owners & wanted:
            kept += piece.tokens
    return Words(tuple(kept))


def _numbers_agree(claim: Words, source: Words) -> bool:
    places = [place for place, token in enumerate(claim.tokens) if token.number]
    free = Counter(claim.tokens[place].text for place in places if not claim.label(place))
    return free <= Counter(token.text for token in source.tokens) and all(
        any(_same_number(claim, place, source, other) for other in range(len(source.tokens))) for place in places
    )


def _same_number(claim: Words, place: int, source: Words, other: int) -> bool:
    if claim.tokens[place].text != source.tokens[other].text:
        return False
    label, tail, there = claim.label(place), claim.tail(place), source.tail(other)
    if claim.whole(place) != source.whole(other) and not (tail and there and tail[0] == there[0]):
        return False
    if label is not None:
        return other > 0 and source.tokens[other - 1].text == label.text
    if not there and other:
        there = [source.tokens[other - 1].root]  # "Zones: 4"
    return not tail or tail[0] in there or (bool(there) and there[0] in tail)


def _names_agree(claim: Words, source: Words) -> bool:
    """Capitalised words stand there to the letter, and those that follow each other do so there. The first word of
    a sentence may be no name: any form of it will do, if there it is none either."""
    plain = {token.root for token in source.tokens if not token.name or token.first}
    for token in claim.tokens:
        known = token.text in source.texts or (token.first and token.root in plain and not _only_a_name(token, source))
        if token.name and not known:
            return False
    pairs = {(one.text, two.text) for one, two in pairwise(source.tokens)}
    return all(
        (one.text, two.text) in pairs
        for one, two in pairwise(claim.tokens)
        if one.name and two.name and one.clause == two.clause and not one.first and not two.glued
    )


def _only_a_name(token: Token, source: Words) -> bool:
    return all(each.name for each in source.tokens if each.root == token.root)


def _negations_agree(claim: Words, source: Words) -> bool:
    """What is denied on one side and said on the other is denied on both."""
    said = {token.root for token in claim.tokens if token.content or token.number}
    ours, theirs = claim.negated(), [each for each in source.negated() if each & said]
    return len(ours) == len(theirs) and all(any(mine & other for other in theirs) for mine in ours)
