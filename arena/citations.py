"""Which passage sentence says what an answer sentence says? Matched by words and values (claims.py): no model is asked.

When in doubt, an answer sentence is unsupported. Does not know: synonyms, "four" for 4, units by other names ("11 W"
for "11 watts"), what was asked, claims that only two sentences together support, and who does what: "Ann hired Bob"
finds "Bob hired Ann", and of two prices in one sentence either will do unless their owners are numbered names. A test
holds such cases.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from arena.claims import PRONOUNS, Words, agrees, read, subject_of
from arena.events import Passage
from arena.scoring import abstained
from arena.sentences import split_sentences

Split = Callable[[str], Sequence[str]]
"""A paragraph into its sentences, verbatim and in order."""

_MARK = re.compile(r"\[\d+(?:\s*[,;–-]\s*\d+)*\]")
_MARKS = re.compile(rf"(?:[ \t]*{_MARK.pattern})+")
_BULLET = re.compile(r"^[ \t]*(?:(?:[-*+•>]|#{1,6}|\d{1,3}[.)])[ \t]+)+", re.MULTILINE)
_FRAME = re.compile(
    r"\b(?:according to|as (?:stated|written|described) in) (?:the |these |this |our )?"
    r"(?:manual|handbook|guide|policy|documentation|documents?|passages?|texts?|sources?),",
    re.IGNORECASE,
)
"""Where an answer says that it has it from, without a name."""
_PLACE = re.compile(r"\b(?:page|row) \d+\b")
_BEGINS = re.compile(r"(?:^|[.!?])[\s*_\"'“”‘’«»(]*$")
_TRIM = " \t*_\"'“”‘’«».!?"


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
        claim = read(sentence)
        if not claim.tokens:
            continue
        if claim.tokens[0].text in PRONOUNS and subject:
            claim = read(f"{subject}; {sentence}")
        else:
            subject = subject_of(sentence)
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
        words = read(text).tokens
        if not words:
            continue
        refers, own = words[0].text in PRONOUNS, subject_of(text)
        # One capitalised word at the beginning may be no name: "Weight: 3 kg" under "Rill 12".
        named = own and own.lower() != words[0].text
        context = (subject or location) if refers else "" if named else location
        subject = subject if refers else own
        yield _Candidate(Source(number, start, end), text, context, (start, end) in shown)


def _refuses(sentence: str) -> bool:
    return abstained(sentence) and not re.search(r"\b(?:but|however|although)\b|;", sentence, re.I)


def _source(
    sentence: str, claim: Words, candidates: Sequence[_Candidate], passages: Sequence[Passage]
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


def _supported(claim: Words, candidate: _Candidate) -> bool:
    own = read(candidate.text)
    if agrees(claim, own):
        return True
    first = own.tokens[0]
    usable = candidate.context and (not first.name or any(token.root == first.root for token in claim.tokens))
    return bool(usable) and agrees(claim, read(f"{candidate.context}; {candidate.text}"))
