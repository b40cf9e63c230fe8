"""A database with something in every table, for what has to keep all of it."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from arena.comparison import Choice, Comparison
from storage import DatabaseHistory, records, tables
from tests.storage.examples import NOON, full_pair, pair, vote_on

FORMULA = '=HYPERLINK("http://x.invalid","y")'


def fill(history: DatabaseHistory) -> Comparison:
    """Comparisons with and without votes, a changed vote, a queue with ballots, people. Returns the one voted on."""
    voted = pair(FORMULA, 1, asked_by="+Ann")
    for compared in (full_pair(), voted, pair("'quoted", 2)):
        history.save(compared)
    history.cast(vote_on(voted, "Ann", reason="-1 \r\n\t", reasons=("wrong", "made up"), cast_at=NOON))
    changed = vote_on(voted, "Ann", Choice.BOTH_BAD, correct_answer="@3 years", seconds=1 / 3, ballot="b1")
    history.cast(changed)
    history.cast(vote_on(voted, "Bo\x0b", Choice.RIGHT, cast_at=NOON + timedelta(days=1)))
    with history.database.writing() as connection:
        person = {
            "key": "ann",
            "name": "Ann",
            "must_change": False,
            "role": "admin",
            "password_hash": "$secret$",
            "added_at": NOON,
        }
        connection.execute(sa.insert(tables.person), person)
        connection.execute(sa.insert(tables.sign_in).values(token_hash="t", person="ann", made_at=NOON, ends_at=NOON))
        connection.execute(sa.insert(tables.prompt), [prompt("p1"), prompt("p2")])
        connection.execute(sa.insert(tables.task), [task("t1", "p1", voted.id), task("t2", "p2", None)])
        connection.execute(sa.insert(tables.ballot), ballot("b1", "t1", voted.id))
    return voted


def everything(history: DatabaseHistory) -> list[records.Record]:
    """What an export of it would hold."""
    with history.database.reading() as connection:
        return list(records.records(connection))


def prompt(name: str, **changes: Any) -> dict[str, Any]:
    texts = dict.fromkeys(("fact", "kind", "topic", "document", "wording"), "")
    made = {"id": name, "text": f"Question {name}?", "source": "questions", "added_by": "Ann", "added_at": NOON}
    return {**made, **texts, **changes}


def task(name: str, of: str, comparison: str | None, **changes: Any) -> dict[str, Any]:
    state = "ready" if comparison else "waiting"
    made = {"id": name, "prompt": of, "left": "rag", "right": "base", "wanted": 3, "state": state, "failure": ""}
    return {**made, "comparison": comparison, **changes}


def ballot(name: str, of: str, comparison: str, **changes: Any) -> dict[str, Any]:
    made = {"id": name, "task": of, "comparison": comparison, "annotator": "Ann", "swapped": True, "plain": False}
    closed = {
        "repeats": "",
        "state": "voted",
        "choice": "both bad",
        "skip_reason": "",
        "reason": "",
        "correct_answer": "",
        "reasons": ["wrong"],
    }
    times = {"reserved_at": NOON, "expires_at": NOON, "closed_at": NOON, "seconds": 2.5, "hasty": False}
    return {**made, **closed, **times, **changes}
