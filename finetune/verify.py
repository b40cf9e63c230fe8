"""What a model said about a passage, read leniently and checked in code: nothing is believed that the passage lacks.

Covers: the checks of facts and wordings, what counts as the same fact, which wordings are held out. The rules about
words are for English. Does not ask a model, does not look for JSON in its reply (replies.py), and does not touch files
(generate.py).
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from arena.facts import Fact
from arena.scoring import contains, normalised
from finetune.replies import text_of

LONGEST_QUESTION = 300
"""Characters; also of a wording."""
SAME_QUESTION = 0.8
WORDED_ALIKE = 0.75
OWN_WORDS = 0.34
"""At most this share of an answer's telling words may be in neither the passage nor the question: inflections, and the
verbs of a sentence made of a list."""
STEM = 5
"""Letters that two forms of a word share."""
DENIALS = set(re.findall(r"\w+", "not no never none nor neither without cannot isnt arent doesnt dont wont cant"))
LIKE_THE_COPY = 0.5
"""The share of the shorter one's words that a sentence must have in common with the evidence as the model copied it."""

NOT_JSON = "not a JSON object"
NOT_IN_PASSAGE = "the value is not in the passage"
NO_SENTENCE = "no sentence of the passage holds the value and reads like the evidence"
EMPTY_QUESTION = "the question is empty"
LONG_QUESTION = f"the question is longer than {LONGEST_QUESTION} characters"
GIVEN_AWAY = "the question holds the value"
POINTS = "the question points at the document"
NAMES_NOTHING = "the question does not name what it is about"
ANSWER_LACKS_VALUE = "the answer does not hold the value"
FOREIGN_NUMBER = "the answer names a number that is neither in the passage nor in the question"
TURNED_ROUND = "the answer denies what the passage says"
SAYS_MORE = "the answer says things that are neither in the passage nor in the question"

SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"'“‘(\[]*[A-Z0-9À-Þ])")
DOCUMENT = r"(?:passage|text|document|excerpt|section|article|paragraph|sentence|table|page|context)s?\b"
POINTING = re.compile(
    rf"\b(?:according to|based on|(?:mentioned|described|stated|given|listed) in) (?:the|this|that) (?:\w+ )?{DOCUMENT}"
    rf"|\bthis {DOCUMENT}|^in the {DOCUMENT}|\bin the {DOCUMENT}\W*$",
    re.IGNORECASE,
)
PRONOUNS = set(re.findall(r"\w+", "it its they them their he him his she her this that these those"))
SAY_NOTHING = PRONOUNS | set(
    re.findall(
        r"\w+",
        "a an the of to in on at for from by with and or as per if not no any there here please tell give say i me my "
        "we us our you your is are was were be been do does did has have had can could may must should will would s t "
        "m ll re ve d what which who whom whose when where why how much many long often far device product item thing "
        "tool system model company person",
    )
)
NUMBER_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
A_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(NUMBER_WORDS)})\b", re.IGNORECASE)
A_SMALL_NUMBER = re.compile(r"(?<![\w.,:/€$-])(?:[1-9]|1[0-2])(?![\w.,:/]| ?[%°])")
A_LARGE_NUMBER = re.compile(r"(?<![\w.,:/-])(?!(?:19|20)\d\d\b)[1-9]\d{3,6}(?![\w.,:/-])")  # No years.


@dataclass(frozen=True)
class Passage:
    """A piece of a document. `location`: what stands above it (title and headings), so that the model can name what
    the passage is about. `sentences`: verbatim parts of `text`; without them it is split at full stops and lines."""

    document: str
    location: str
    text: str
    sentences: tuple[str, ...] = ()

    def split(self) -> tuple[str, ...]:
        lines = self.text.splitlines()
        found = self.sentences or [part for line in lines for part in SENTENCE_END.split(line)]
        return tuple(sentence.strip() for sentence in found if sentence.strip())


@dataclass(frozen=True)
class Candidate:
    """A fact that passed every check; `evidence` is the passage's own sentence."""

    question: str
    answer: str
    value: str
    evidence: str

    @property
    def mark(self) -> str:
        """The end of the fact's id: the same for the same evidence and value, whatever the document and the run."""
        return digest(normalised(self.evidence), normalised(self.value))[:10]


def digest(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode(errors="replace")).hexdigest()


def chance(*parts: object) -> float:
    """A number from 0 to 1 that is always the same for the same parts."""
    return int(digest(*parts)[:8], 16) / 2**32


def checked(item: Any, passage: Passage) -> Candidate | str:
    """The fact, or the reason why it is dropped."""
    if not isinstance(item, dict):
        return NOT_JSON
    question, answer, value, copied = (text_of(item, name) for name in ("question", "answer", "value", "evidence"))
    if not contains(passage.text, value):
        return NOT_IN_PASSAGE
    if problem := question_problem(question, value):
        return problem
    if not contains(answer, value):
        return ANSWER_LACKS_VALUE
    if numbers(answer) - numbers(f"{passage.text}\n{passage.location}\n{passage.document}\n{question}"):
        return FOREIGN_NUMBER
    if own_words(answer, f"{passage.text}\n{passage.location}\n{passage.document}\n{question}") > OWN_WORDS:
        return SAYS_MORE
    evidence = evidence_for(copied or answer, value, passage)
    if not evidence:
        return NO_SENTENCE
    return Candidate(question, answer, value, evidence) if denies(answer) <= denies(evidence) else TURNED_ROUND


def own_words(answer: str, known: str) -> float:
    """The share of the answer's telling words that are not in what is known, in any form: two that begin alike count as
    one word."""
    stems = {word[:STEM] for word in words(known)}
    telling = words(answer) - SAY_NOTHING
    return sum(word[:STEM] not in stems for word in telling) / max(1, len(telling))


def denies(text: str) -> bool:
    return bool(words(text.replace("’", "'").replace("n't", " not")) & DENIALS)


def evidence_for(copied: str, value: str, passage: Passage) -> str:
    """The passage's sentence that holds the value and is most like what the model copied; "" when none is."""

    def alike(sentence: str) -> tuple[float, float]:
        one, other = words(sentence), words(copied)
        return len(one & other) / max(1, min(len(one), len(other))), jaccard(sentence, copied)

    holding = [sentence for sentence in passage.split() if contains(sentence, value)]
    best = max(holding, key=alike, default="")
    return best if best and alike(best)[0] >= LIKE_THE_COPY else ""


def question_problem(question: str, value: str) -> str:
    """Why this cannot be asked of somebody who has not seen the passage; "" when it can."""
    if not normalised(question):
        return EMPTY_QUESTION
    if len(question) > LONGEST_QUESTION:
        return LONG_QUESTION
    if contains(question, value):
        return GIVEN_AWAY
    if POINTING.search(question):
        return POINTS
    said = words(question)
    telling = said - SAY_NOTHING
    if not names(question) and len(telling) < (3 if said & PRONOUNS else 2):
        return NAMES_NOTHING
    return ""


def words(text: str) -> set[str]:
    return set(normalised(text).split())


def jaccard(one: str, other: str) -> float:
    """Shared words by all words, 0 to 1."""
    return len(words(one) & words(other)) / max(1, len(words(one) | words(other)))


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)?", normalised(text)))


def names(text: str) -> set[str]:
    """Words with a digit, or a capital that is not the first word's."""
    first, *rest = text.replace("’", "'").replace("'s", "").split() or [""]
    marked = [word for word in rest if re.search(r"[A-Z\d]", word)] + [first] * bool(re.search(r"\d", first))
    return {part for word in marked for part in normalised(word).split()} - SAY_NOTHING


def same_things(one: str, other: str) -> bool:
    """Each question names what the other one names: the Fernlight 200 is not the Fernlight 300."""
    return names(one) <= words(other) and names(other) <= words(one)


def as_fact(
    candidate: Candidate, documents: tuple[str, ...], untrained_share: float, seed: int, taken: Collection[str] = ()
) -> Fact:
    """The fact with its own question as its only wording. Seed and id alone decide its class. `taken`: the ids that are
    there; where one says the same of something else, the names in the question tell this one apart."""
    identity = f"{'-'.join(normalised(Path(documents[0]).stem).split()) or 'fact'}-{candidate.mark}"
    if identity in taken:
        identity += f"-{digest(*sorted(names(candidate.question)))[:6]}"
    return Fact(
        id=identity,
        kind="documents only" if chance(seed, identity) < untrained_share else "trained",
        documents=documents,
        training=(candidate.question,),
        held_out=(),
        answer=candidate.answer,
        accepted=accepted(candidate.value),
        evidence=(candidate.evidence,),
    )


def twin(candidate: Candidate, facts: Iterable[Fact]) -> Fact | None:
    """The fact that says the same: the same evidence and value, or the same value asked for in nearly the same words.
    Known by its id too, so that a fact that a person corrected does not come back."""
    value, evidence = normalised(candidate.value), normalised(candidate.evidence)
    for fact in facts:
        if other_thing(fact, candidate.question):
            continue
        if candidate.mark in fact.id.split("-")[-2:]:
            return fact
        if value not in map(normalised, fact.accepted):
            continue
        if evidence in map(normalised, fact.evidence):
            return fact
        for wording in (*fact.training, *fact.held_out, *fact.oblique):
            if jaccard(wording, candidate.question) >= SAME_QUESTION and same_things(wording, candidate.question):
                return fact
    return None


def other_thing(fact: Fact, question: str) -> bool:
    """Whether the question names something that none of the fact's wordings names, and they something that it does
    not: of "the Ossa 4 and the Ossa 5 weigh 3 kg each" there are two facts."""
    asked = names(question)
    known = [names(wording) for wording in (*fact.training, *fact.held_out, *fact.oblique)]
    return all(asked - some and some - asked for some in known)


def joined(fact: Fact, question: str, documents: Sequence[str]) -> Fact:
    """The fact with its twin's documents, and with its question where that names the same things and gives no held-out
    wording away."""
    unseen = (*fact.held_out, *fact.oblique)
    known = (*fact.training, *unseen)
    fits = same_things(known[0], question) and numbers(known[0]) == numbers(question)
    fresh = normalised(question) not in map(normalised, known)
    apart = all(jaccard(question, wording) < WORDED_ALIKE for wording in unseen)
    training = (*fact.training, question) if fits and fresh and apart else fact.training
    return replace(fact, training=training, documents=tuple(dict.fromkeys((*fact.documents, *documents))))


def usable(said: Iterable[str], question: str, value: str) -> list[str]:
    """The question and its other wordings, each once whatever its case and punctuation; without those that cannot be
    asked, and those that do not name the question's own numbers."""
    kept = {normalised(question): question}
    for wording in said:
        if not question_problem(wording, value) and numbers(wording) == numbers(question):
            kept.setdefault(normalised(wording), wording)
    return list(kept.values())


def hold_out(
    wordings: Sequence[str], share: float, *seed: object, kept: int = 1
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(training, held out). The first wordings, so many as are `kept`, are always for training; at least one of four or
    more is held out, if one is really worded differently from all others."""
    wanted = int(len(wordings) * share)
    if share > 0 and len(wordings) >= 4:
        wanted = max(1, wanted)
    held: list[str] = []
    for wording in sorted(wordings[kept:], key=lambda wording: chance(*seed, wording)):
        others = [other for other in wordings if other != wording and other not in held]
        if len(held) < wanted and all(jaccard(wording, other) < WORDED_ALIKE for other in others):
            held.append(wording)
    return tuple(wording for wording in wordings if wording not in held), tuple(held)


def accepted(value: str) -> tuple[str, ...]:
    """The value and its obvious variants: without its article, 1,340 as 1340 and back, "three days" as "3 days"."""
    found = [value, re.sub(r"^(?:the|an?) ", "", value, flags=re.IGNORECASE)]
    for text in tuple(found):
        found.append(re.sub(r"(?<=\d),(?=\d{3}\b)", "", text))
        found.append(A_LARGE_NUMBER.sub(lambda number: f"{int(number[0]):,}", text))
        found.append(A_SMALL_NUMBER.sub(lambda number: NUMBER_WORDS[int(number[0]) - 1], text))
        found.append(A_NUMBER_WORD.sub(lambda word: str(NUMBER_WORDS.index(word[0].lower()) + 1), text))
    return tuple(dict.fromkeys(found))
