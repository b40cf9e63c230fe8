"""How many citation marks an answer is shown with, worked out once for each answer that is asked for.

An answer that quotes, as this project's reader does, needs no matching: each of its sentences stands to the letter
among those that the model was shown, and each gets a mark. Only any other goes through `arena.citations.cite`, which
takes about a millisecond: a second for a thousand of them, when votes are first read after a start. Counts are kept,
since nobody changes an answer that has votes. Does not cover: on which ballots marks were shown
(storage/judgements.py).
"""

import json
import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from arena.citations import cite
from arena.events import Passage
from arena.marks import marked
from arena.sentences import split_sentences

BATCH = 2000
"""Comparisons whose passages are read at once."""

# Only what the model was shown is cited.
_PASSAGES = sa.text("""
SELECT p.comparison, p.contestant, a.text, p.location, p.text, CAST(p.used AS TEXT)
FROM passage p JOIN answer a ON a.comparison = p.comparison AND a.contestant = p.contestant
WHERE p.comparison IN :comparisons AND CAST(p.used AS TEXT) != '[]'
ORDER BY p.comparison, p.contestant, p.rank
""").bindparams(sa.bindparam("comparisons", expanding=True))

# In a table or in code a sentence gets no mark, and marks of the answer's own are not part of its sentences.
_MARKUP = re.compile(r"[\n\r|`~\[\]]")


class Marks:
    """Counts by answer, which is (the comparison's id, the contestant's name)."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], int] = {}

    def counts(self, connection: sa.Connection, answers: Sequence[tuple[str, str]]) -> list[int]:
        """Of these answers, in their order; 0 where no passage was used. They have to have votes: others may change."""
        missing = list({answer[0] for answer in answers if answer not in self._known})
        for start in range(0, len(missing), BATCH):
            rows = connection.execute(_PASSAGES, {"comparisons": missing[start : start + BATCH]})
            for answer, passages in groupby(rows, key=lambda row: (row[0], row[1])):
                self._known[answer] = count(list(passages))
        return [self._known.setdefault(answer, 0) for answer in answers]


def count(rows: Sequence[Any]) -> int:
    """Marks of one answer, from its rows of `_PASSAGES`."""
    text, used = rows[0][2], "".join(row[5] for row in rows)
    if quotations := _quotations(text.strip(), used):
        return quotations
    passages = [Passage("", row[3], row[4], 0.0, tuple(json.loads(row[5]))) for row in rows]
    return len(marked(text, cite(text, passages)))


def _quotations(text: str, used: str) -> int:
    """How many sentences the text has if each stands in `used`, JSON lists of sentences, to the letter; else 0."""
    if _MARKUP.search(text):
        return 0
    sentences = split_sentences(text)
    return len(sentences) if all(json.dumps(sentence) in used for sentence in sentences) else 0
