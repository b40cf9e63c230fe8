"""All votes as `arena.judgements.Judgements`, read in a few statements and kept until something new is cast.

Codes instead of texts are made here, in Python: rows come as plain tuples, without SQLAlchemy's conversion of each
value, which would take most of the time with 100,000 votes. Does not cover: what the votes say (standings/).

Lengths and citations are those that were on the screen. A plain ballot shows no marks, and folds the longer answer
where the shorter one ends, to a sentence (ui/plain.py): both are as long as the shorter one there. Elsewhere than in
the queue marks are shown with the names only.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from arena.annotation import Reason
from arena.judgements import LEFT, OUTCOMES, RIGHT, UNKNOWN, Judgements, Repeats, Timed, Version, coded
from storage.database import Database
from storage.marks import Marks

REASONS = tuple(Reason)

_NEWEST = """
SELECT (SELECT coalesce(max(number), 0) FROM vote_history),
       (SELECT count(*) FROM ballot WHERE repeats != '' AND state = 'voted'),
       (SELECT count(*) FROM ballot again JOIN ballot before ON before.id = again.repeats
        WHERE again.state = 'voted' AND before.state = 'voted' AND again.choice = before.choice),
       (SELECT count(*) FROM answer), (SELECT count(*) FROM prompt)
"""
# Comparisons and their answers are written once; what is new of them are new rows.
_PAIRS = """
SELECT (SELECT count(*) FROM comparison), (SELECT count(*) FROM answer), (SELECT count(*) FROM prompt),
       (SELECT count(*) FROM task WHERE comparison IS NOT NULL)
"""
_COMPARISONS = """
SELECT id, question, "left", "right", asked_at, blind, CAST(histories AS TEXT) LIKE '%[[%' FROM comparison
"""
_ANSWERS = """
SELECT comparison, contestant, length(text), CAST(identity AS TEXT), first_token, total, contended,
       failure IS NULL AND reason != 'stopped' AND total IS NOT NULL, retrieved
FROM answer
"""
_PROMPTS = """
SELECT id, text, kind, topic, document, wording FROM prompt ORDER BY added_at, id
"""
_ASKED = """
SELECT comparison, prompt FROM task WHERE comparison IS NOT NULL
"""
_VOTES = """
SELECT v.comparison, v.annotator, v.choice, v.blind, CAST(v.reasons AS TEXT), v.cast_at, coalesce(v.seconds, b.seconds),
       b.swapped, b.plain, b.hasty, b.id IS NOT NULL
FROM vote v LEFT JOIN ballot b ON b.id = v.ballot
"""
# In the order of their first vote ever: a place in it means the same person in every link.
_ANNOTATORS = """
SELECT annotator FROM vote_history GROUP BY annotator ORDER BY min(number)
"""
_REPEATS = """
SELECT again.annotator, again.comparison, again.choice = before.choice
FROM ballot again JOIN ballot before ON before.id = again.repeats
WHERE again.state = 'voted' AND before.state = 'voted'
"""


class DatabaseJudgements:
    """Implements `arena.judgements.JudgementSource` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._one_reader = threading.Lock()
        self._marks = Marks()
        self._kept: tuple[tuple[Any, ...], Judgements] | None = None
        self._pairs: tuple[tuple[Any, ...], _Pairs] | None = None

    def judgements(self) -> Judgements:
        with self._one_reader, self._database.reading() as connection:
            newest = tuple(connection.exec_driver_sql(_NEWEST).one())
            if self._kept is None or self._kept[0] != newest:
                state = tuple(connection.exec_driver_sql(_PAIRS).one())
                if self._pairs is None or self._pairs[0] != state:
                    self._pairs = (state, _Pairs(connection))
                self._kept = (newest, _read(connection, self._pairs[1], self._marks, newest[0]))
            return self._kept[1]


def _rows(connection: sa.Connection, statement: str) -> list[Any]:
    """The driver's own tuples: a hundred thousand of SQLAlchemy's rows would cost more than all the rest."""
    found: list[Any] = connection.connection.cursor().execute(statement).fetchall()
    return found


class _Pairs:
    """What votes are on. It changes less often than the votes do, and is half of the work."""

    def __init__(self, connection: sa.Connection) -> None:
        self.names = _Names()
        prompts = _Prompts(_rows(connection, _PROMPTS), dict(_rows(connection, _ASKED)))
        self.compared = _Compared(_rows(connection, _COMPARISONS), prompts, self.names)
        self.answers = _Answers(_rows(connection, _ANSWERS), self.compared, self.names)


def _read(connection: sa.Connection, pairs: _Pairs, marks: Marks, newest: int) -> Judgements:
    names, places = pairs.names, pairs.compared.places
    annotators: dict[str, int] = {}
    coded([row[0] for row in _rows(connection, _ANNOTATORS)], annotators)
    votes = [row for row in _rows(connection, _VOTES) if row[0] in places]
    place = np.array([places[row[0]] for row in votes], dtype=np.int32)
    again = [row for row in _rows(connection, _REPEATS) if row[1] in places]
    repeats = Repeats(
        annotator=coded([row[0] for row in again], annotators),
        comparison=np.array([places[row[1]] for row in again], dtype=np.int32),
        same=np.array([row[2] for row in again], dtype=bool),
    )

    def counted(answers: np.ndarray) -> list[int]:
        return marks.counts(connection, [pairs.answers.keys[answer] for answer in answers])

    timed, contended = pairs.answers.timed(np.isin(np.arange(len(places)), place))
    return Judgements(
        newest=newest,
        reason_names=tuple(REASONS),
        versions=pairs.answers.versions,
        timed=timed,
        contended=contended,
        repeats=repeats,
        annotator=coded([row[1] for row in votes], annotators),
        **_voted(votes, place, pairs, counted),
        annotators=tuple(annotators),
        contestants=tuple(names.contestants),
        kinds=tuple(names.kinds),
        topics=tuple(names.topics),
        documents=tuple(names.documents),
        wordings=tuple(names.wordings),
    )


class _Names:
    """Codes of names, in the order of their first sight; "" is always the first of what may be unknown."""

    def __init__(self) -> None:
        self.contestants: dict[str, int] = {}
        self.kinds, self.topics, self.documents, self.wordings = ({UNKNOWN: 0} for _ in range(4))


class _Prompts:
    """What is known of the queue's prompts: (a key, class, topic, document, wording). `asked`: a comparison's."""

    def __init__(self, prompts: Sequence[Any], asked: Mapping[str, str]) -> None:
        self._asked = asked
        self._by_id = {row[0]: (row[0], *row[2:]) for row in prompts}
        # Of prompts in the same words the first counts.
        self._by_words = {_words(row[1]): self._by_id[row[0]] for row in reversed(prompts)}

    def of(self, comparison: str, question: str, follows: bool) -> tuple[str, str, str, str, str]:
        """Also where somebody asked outside the queue what is in it. A question that follows others says little alone:
        nothing is known of it."""
        if comparison in self._asked:
            return self._by_id[self._asked[comparison]]
        words = _words(question)
        unknown = (words, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)
        return unknown if follows else self._by_words.get(words, unknown)


def _words(question: str) -> str:
    """What is alike for questions in the same words."""
    return " ".join(question.casefold().split()).rstrip("?.! ")


class _Compared:
    """Columns over comparisons, and the place of each by id."""

    def __init__(self, comparisons: Sequence[Any], prompts: _Prompts, names: _Names) -> None:
        stated = [prompts.of(row[0], row[1], row[6]) for row in comparisons]
        self.places = {row[0]: place for place, row in enumerate(comparisons)}
        self.left = coded([row[2] for row in comparisons], names.contestants)
        self.right = coded([row[3] for row in comparisons], names.contestants)
        self.asked_at = _seconds([row[4] for row in comparisons])
        self.blind = np.array([row[5] for row in comparisons], dtype=bool)
        self.about = {
            "prompt": coded([known[0] for known in stated], {}),
            "kind": coded([known[1] for known in stated], names.kinds),
            "topic": coded([known[2] for known in stated], names.topics),
            "document": coded([known[3] for known in stated], names.documents),
            "wording": coded([known[4] for known in stated], names.wordings),
        }


class _Answers:
    """Columns over answers. `of[comparison, contestant]` is an answer's place, or the last one's where there is none:
    votes are on complete pairs only."""

    def __init__(self, answers: Sequence[Any], compared: _Compared, names: _Names) -> None:
        self._compared = compared
        self.keys = [(row[0], row[1]) for row in answers]
        self.comparison = np.array([compared.places[row[0]] for row in answers], dtype=np.int32)
        self.contestant = coded([row[1] for row in answers], names.contestants)
        self.length = np.array([row[2] for row in answers], dtype=np.int32)
        makes: dict[tuple[str, str], int] = {}
        self.version = coded([(row[1], row[3]) for row in answers], makes)
        self.first_token, self.total = (np.array([row[column] for row in answers], dtype=float) for column in (4, 5))
        self.contended, self.complete, self.retrieved = (
            np.array([row[column] for row in answers], dtype=bool) for column in (6, 7, 8)
        )
        shape = len(compared.places), len(names.contestants)
        self.of = np.full(shape, -1, dtype=np.int32)
        self.of[self.comparison, self.contestant] = np.arange(len(answers))
        first = np.full(len(makes), np.inf)
        np.minimum.at(first, self.version, compared.asked_at[self.comparison])
        self.versions = tuple(
            Version(contestant, _short(identity), datetime.fromtimestamp(asked_at, UTC))
            for (contestant, identity), asked_at in zip(makes, first, strict=True)
        )

    def timed(self, voted: np.ndarray) -> tuple[Timed, Timed]:
        """Those that had the machine to themselves, and those that had not. An answer of a blind comparison counts once
        somebody voted on it: until then a page may still hide its times."""
        counted = self.complete & (~self._compared.blind | voted)[self.comparison]
        asked_at = self._compared.asked_at[self.comparison]
        columns = (self.contestant, self.version, asked_at, self.first_token, self.total)
        alone, shared = counted & ~self.contended, counted & self.contended
        return Timed(*(column[alone] for column in columns)), Timed(*(column[shared] for column in columns))

    def cited(self, shown: np.ndarray, counted: Callable[[np.ndarray], list[int]]) -> np.ndarray:
        """Marks of each answer, by its place. `counted` tells those of the answers in `shown` that looked something up:
        whatever was shown without marks need not be looked at."""
        places = np.unique(shown)
        places = places[self.retrieved[places]]
        found = np.zeros(len(self.keys), dtype=np.int32)
        found[places] = counted(places)
        return found


def _voted(
    votes: Sequence[Any], place: np.ndarray, pairs: _Pairs, counted: Callable[[np.ndarray], list[int]]
) -> dict[str, np.ndarray]:
    """Columns over votes, in the sides as they were shown. `counted`: see `_Answers.cited`."""
    compared, answers = pairs.compared, pairs.answers
    blind, swapped, plain, hasty, queued = (
        np.array([row[column] for row in votes], dtype=bool) for column in (3, 7, 8, 9, 10)
    )
    outcome = np.array([OUTCOMES[row[2]] for row in votes], dtype=np.int32)
    turned = np.where(outcome == LEFT, RIGHT, np.where(outcome == RIGHT, LEFT, outcome))
    left, right = compared.left[place], compared.right[place]
    sides = {"left": np.where(swapped, right, left), "right": np.where(swapped, left, right)}
    shown = {side: answers.of[place, contestant] for side, contestant in sides.items()}
    shorter = np.minimum(answers.length[shown["left"]], answers.length[shown["right"]])
    unmarked = plain | (blind & ~queued)
    cited = answers.cited(np.concatenate([answer[~unmarked] for answer in shown.values()]), counted)
    masks = {"[]": 0}
    columns = {name: column[place] for name, column in compared.about.items()}
    for side, answer in shown.items():
        columns[side] = sides[side]
        columns[f"{side}_length"] = np.where(plain, shorter, answers.length[answer])
        columns[f"{side}_version"] = answers.version[answer]
        columns[f"{side}_citations"] = np.where(unmarked, 0, cited[answer])
    return columns | {
        "comparison": place,
        "outcome": np.where(swapped, turned, outcome).astype(np.int32),
        "blind": blind,
        "queued": queued,
        "plain": plain,
        "hasty": hasty,
        "reasons": np.array([_mask(row[4], masks) for row in votes], dtype=np.int32),
        "cast_at": _seconds([row[5] for row in votes]),
        "seconds": np.array([row[6] for row in votes], dtype=float),
    }


def _mask(reasons: str, known: dict[str, int]) -> int:
    """A JSON list of reasons as bits."""
    if reasons not in known:
        known[reasons] = sum(1 << REASONS.index(Reason(each)) for each in set(json.loads(reasons)) & set(REASONS))
    return known[reasons]


def _seconds(moments: Sequence[Any]) -> np.ndarray:
    """Stored moments (UTC, texts or naive) as seconds since 1970."""
    return np.array(moments, dtype="datetime64[us]").astype(np.int64) / 1e6


def _short(identity: str) -> str:
    """Eight letters that name a version, whatever order its parts were stored in."""
    return hashlib.sha256(json.dumps(json.loads(identity), sort_keys=True).encode()).hexdigest()[:8]
