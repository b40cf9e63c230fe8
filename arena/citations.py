"""Which passage sentence says what an answer sentence says? Matched by words and values: no model is asked.

A source holds every word of the answer sentence but the commonest, in any form; names to the letter; each number with
what it counts; and it denies what the answer denies. When in doubt, an answer sentence is unsupported.
Does not know: synonyms, "four" for 4, units by other names ("11 W" for "11 watts"), what was asked, claims that only
two sentences together support, and who does what: "Ann hired Bob" finds "Bob hired Ann", and of two prices in one
sentence either will do unless their owners are numbered names. A test holds such cases.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Literal

from arena.events import Passage
from arena.scoring import abstained, normalised
from arena.sentences import split_sentences

Split = Callable[[str], Sequence[str]]
"""A paragraph into its sentences, verbatim and in order."""

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

_MARK = re.compile(r"\[\d+(?:\s*[,;–-]\s*\d+)*\]")
_MARKS = re.compile(rf"(?:[ \t]*{_MARK.pattern})+")
_BULLET = re.compile(r"^[ \t]*(?:(?:[-*+•>]|#{1,6}|\d{1,3}[.)])[ \t]+)+", re.MULTILINE)
_FRAME = re.compile(
    r"\b(?:according to|as (?:stated|written|described) in) (?:the |these |this |our )?"
    r"(?:manual|handbook|guide|policy|documentation|documents?|passages?|texts?|sources?),",
    re.IGNORECASE,
)
"""Where an answer says that it has it from, without a name."""
_CLAUSE = re.compile(r"[,;:()—–?!](?=\s|$)|\s[—–-]\s|\s\(|\b(?:and|or|but|while|whereas|although|because)\b")
_NAME = re.compile(r"\b[A-ZÀ-ÖØ-Þ]\w*(?:[ -](?:[A-ZÀ-ÖØ-Þ]\w*|\d\w*))*")
_NUMBER = re.compile(r"(?:minus)?\d[\d.]*")
_GLUED = re.compile(r"\d(?:[^\W\d_]+| [A-ZÀ-ÖØ-Þ])\b")
_PLACE = re.compile(r"\b(?:page|row) \d+\b")
_BEGINS = re.compile(r"(?:^|[.!?])[\s*_\"'“”‘’«»(]*$")
_TRIM = " \t*_\"'“”‘’«».!?"
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
class Source:
    """A sentence of a passage: which passage, counted from 0, and where in its text, as `text[start:end]`."""

    passage: int
    start: int
    end: int


@dataclass(frozen=True)
class Citation:
    """One sentence of the answer, `answer[start:end]`. `number` counts the distinct sources from 1, in the order in
    which the answer uses them; it and `source` are None unless supported. A refusal needs no source."""

    start: int
    end: int
    verdict: Literal["supported", "unsupported", "refusal"]
    source: Source | None = None
    number: int | None = None


def cite(answer: str, passages: Sequence[Passage], split: Split = split_sentences) -> tuple[Citation, ...]:
    """Every sentence of the answer, in order, with its source. Marks like [1] and list markers are not read."""
    plain = _FRAME.sub(_blank, _BULLET.sub(_blank, _MARK.sub(_blank, answer)))
    candidates = [each for number, passage in enumerate(passages) for each in _candidates(number, passage, split)]
    numbers: dict[Source, int] = {}
    found, subject = [], ""
    for start, end in _spans(plain, split):
        sentence = plain[start:end]
        # The answer's own mark belongs to the sentence before it.
        marked = _MARKS.match(answer, end)
        end = marked.end() if marked else end
        claim = _read(sentence)
        if not claim.tokens:
            continue
        if claim.tokens[0].text in PRONOUNS and subject:
            claim = _read(f"{subject}; {sentence}")
        else:
            subject = _subject(sentence)
        source = _source(sentence, claim, candidates, passages)
        if source is not None:
            number = numbers.setdefault(source, len(numbers) + 1)
            found.append(Citation(start, end, "supported", source, number))
        else:
            found.append(Citation(start, end, "refusal" if _refuses(sentence) else "unsupported"))
    return tuple(found)


@dataclass(frozen=True)
class _Candidate:
    """A passage's sentence. `context` names what it is about where it does not itself; `used`: the model read it."""

    source: Source
    text: str
    context: str
    used: bool


@dataclass(frozen=True)
class _Token:
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
class _Words:
    tokens: tuple[_Token, ...]

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

    def label(self, place: int) -> _Token | None:
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


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _spans(text: str, split: Split) -> Iterator[tuple[int, int]]:
    """Where the sentences stand; one never goes over a line's end."""
    for line in re.finditer(r"[^\r\n]+", text):
        place = line.start()
        for sentence in split(line[0]):
            sentence = sentence.strip()
            start = text.find(sentence, place, line.end()) if sentence else -1
            if start >= 0:
                place = start + len(sentence)
                yield start, place


def _candidates(number: int, passage: Passage, split: Split) -> Iterator[_Candidate]:
    location = _PLACE.sub("", passage.location)
    used = [(passage.text.find(sentence), len(sentence)) for sentence in passage.used if sentence]
    shown = {(start, start + length) for start, length in used if start >= 0}
    subject = ""
    for start, end in sorted({*_spans(passage.text, split), *shown}):
        text = passage.text[start:end]
        words = _read(text).tokens
        if not words:
            continue
        refers, own = words[0].text in PRONOUNS, _subject(text)
        # One capitalised word at the beginning may be no name: "Weight: 3 kg" under "Rill 12".
        named = own and own.lower() != words[0].text
        context = (subject or location) if refers else "" if named else location
        subject = subject if refers else own
        yield _Candidate(Source(number, start, end), text, context, (start, end) in shown)


def _subject(sentence: str) -> str:
    """The first name in it, "" where there is none."""
    for found in _NAME.finditer(sentence):
        words = found[0].split()
        while words and words[0].lower() in COMMON:
            words = words[1:]
        if words:
            return " ".join(words)
    return ""


@lru_cache(maxsize=4096)
def _read(sentence: str) -> _Words:
    text = f" {sentence} "
    for pattern, written in _WRITTEN_OUT:
        text = pattern.sub(written, text)
    tokens: list[_Token] = []
    for clause, piece in enumerate(_CLAUSE.split(text)):
        capitals = {normalised(word) for word in re.findall(r"[^\W\d_]\w*", piece) if word[0].isupper()}
        glued = {normalised(found) for found in re.findall(rf"[\d.,]*{_GLUED.pattern}", piece)}
        for word in normalised(piece).split():
            # "12S" and "12 S" are one designation, and "11W" and "11 W" one quantity.
            joined = bool(tokens) and tokens[-1].number and f"{tokens[-1].text} {word}" in glued
            tokens.append(_Token(word, clause, word in capitals, not tokens, joined))
    return _Words(tuple(tokens))


def _refuses(sentence: str) -> bool:
    return abstained(sentence) and not re.search(r"\b(?:but|however|although)\b|;", sentence, re.I)


def _source(
    sentence: str, claim: _Words, candidates: Sequence[_Candidate], passages: Sequence[Passage]
) -> Source | None:
    """Of a quotation its place; otherwise the shortest of the sentences that support it, read ones first."""
    ordered = sorted(candidates, key=lambda each: (not each.used, len(each.text)))
    quoted = _quoted(sentence, ordered, passages)
    return quoted or next((each.source for each in ordered if _supported(claim, each)), None)


def _quoted(sentence: str, candidates: Sequence[_Candidate], passages: Sequence[Passage]) -> Source | None:
    """Where it stands to the letter as a whole sentence, or as several in a row; spaces may differ."""
    pattern = re.compile(r"\s+".join(map(re.escape, sentence.strip(_TRIM).split())) or "(?!)")
    for candidate in candidates:
        source = candidate.source
        text = passages[source.passage].text
        found = pattern.search(text, source.start)
        # Very short sentences go with the next ("No. There is no kit."); either alone is a quotation too.
        if found is None or found.start() >= source.end or not _BEGINS.search(text[source.start : found.start()]):
            continue
        ends = [each.source.end for each in candidates if each.source.passage == source.passage]
        ends = [end for end in ends if end >= found.end() and not text[found.end() : end].strip(_TRIM)]
        if ends:
            return replace(source, end=min(ends))
    return None


def _supported(claim: _Words, candidate: _Candidate) -> bool:
    own = _read(candidate.text)
    if _agrees(claim, own):
        return True
    first = own.tokens[0]
    usable = candidate.context and (not first.name or any(token.root == first.root for token in claim.tokens))
    return bool(usable) and _agrees(claim, _read(f"{candidate.context}; {candidate.text}"))


def _agrees(claim: _Words, source: _Words) -> bool:
    source = _about(claim, source)
    words = Counter(token.root for token in claim.tokens if token.content and not token.glued)
    return (
        bool(words)
        and words <= Counter(token.root for token in source.tokens)
        and _names_agree(claim, source)
        and _numbers_agree(claim, source)
        and _negations_agree(claim, source)
    )


def _about(claim: _Words, source: _Words) -> _Words:
    """Of "the Rill 12 weighs 3 kg and the Rill 14 weighs 4 kg" only what is said of the ones in the claim."""
    wanted = claim.numbered_names
    names = {name for name, _ in wanted}
    if len([name for name, _ in source.numbered_names if name in names]) < 2:
        return source
    kept: list[_Token] = []
    owners: set[tuple[str, str]] = set()
    listing = False
    for clause in sorted({token.clause for token in source.tokens}):
        piece = _Words(tuple(token for token in source.tokens if token.clause == clause))
        here = {pair for pair in piece.numbered_names if pair[0] in names}
        if here:
            owners = owners | here if listing else here
        # "both the Rill 12 and the Rill 14 weigh 3 kg": a clause of a name alone goes with the next.
        listing = bool(here) and not any(token.content and not token.name and not token.glued for token in piece.tokens)
        if not owners or owners & wanted:
            kept += piece.tokens
    return _Words(tuple(kept))


def _numbers_agree(claim: _Words, source: _Words) -> bool:
    places = [place for place, token in enumerate(claim.tokens) if token.number]
    free = Counter(claim.tokens[place].text for place in places if not claim.label(place))
    return free <= Counter(token.text for token in source.tokens) and all(
        any(_same_number(claim, place, source, other) for other in range(len(source.tokens))) for place in places
    )


def _same_number(claim: _Words, place: int, source: _Words, other: int) -> bool:
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


def _names_agree(claim: _Words, source: _Words) -> bool:
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


def _only_a_name(token: _Token, source: _Words) -> bool:
    return all(each.name for each in source.tokens if each.root == token.root)


def _negations_agree(claim: _Words, source: _Words) -> bool:
    """What is denied on one side and said on the other is denied on both."""
    said = {token.root for token in claim.tokens if token.content or token.number}
    ours, theirs = claim.negated(), [each for each in source.negated() if each & said]
    return len(ours) == len(theirs) and all(any(mine & other for other in theirs) for mine in ours)
