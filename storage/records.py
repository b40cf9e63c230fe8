"""What leaves a database and can come back: every row but people's accounts, sign-ins and what is sent where, as plain
values.

A record is a table's name and a row: texts, numbers, booleans, aware moments, and JSON as Python values. Which file
they are written to is storage/sheets.py's matter, how they are taken in storage/merging.py's.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import sqlalchemy as sa

from storage import tables

Row = dict[str, Any]
Record = tuple[str, Row]
Kind = Literal["text", "whole", "number", "truth", "moment", "json"]

LEFT_OUT = {"vote_history": {"number"}}
"""The history's numbers are its order, which the order of the rows tells, too."""

NAMES = {
    "comparison": "asked_by",
    "vote": "annotator",
    "vote_history": "annotator",
    "prompt": "added_by",
    "ballot": "annotator",
}
"""Where people are named."""

_ORDER: Mapping[str, tuple[sa.Column[Any], ...]] = {
    "comparison": (tables.comparison.c.asked_at, tables.comparison.c.id),
    "vote": (tables.vote.c.cast_at, tables.vote.c.id),
    "vote_history": (tables.vote_history.c.number,),
}

EXPORTED: Mapping[str, sa.Table] = {
    table.name: table
    for table in (
        tables.comparison,
        tables.answer,
        tables.passage,
        tables.vote,
        tables.vote_history,
        tables.prompt,
        tables.task,
        tables.ballot,
    )
}
"""In the order in which they point to each other. Who may sign in, and what for, stays where it was decided."""


def columns(table: str) -> dict[str, tuple[Kind, bool]]:
    """Of the exported columns of a table: what kind of value, and whether there may be none."""
    left_out = LEFT_OUT.get(table, set())
    return {
        column.name: (_kind(column), bool(column.nullable))
        for column in EXPORTED[table].c
        if column.name not in left_out
    }


def _kind(column: sa.Column[Any]) -> Kind:
    kinds: list[tuple[type[Any], Kind]] = [
        (tables.UtcDateTime, "moment"),
        (sa.JSON, "json"),
        (sa.Boolean, "truth"),
        (sa.Integer, "whole"),
        (sa.Float, "number"),
    ]
    return next((kind for type_, kind in kinds if isinstance(column.type, type_)), "text")


def records(connection: sa.Connection) -> Iterator[Record]:
    """Everything, table by table, each in an order that another database with the same rows would have, too."""
    for name, table in EXPORTED.items():
        order = _ORDER.get(name, tuple(table.primary_key.columns))
        for row in connection.execute(_select(name).order_by(*order)).mappings():
            yield name, dict(row)


def cast_records(connection: sa.Connection, number: int) -> list[Record]:
    """One cast with all that it takes to have it in an empty database: its comparison, answers and passages and, from
    the queue, its ballot as it is now, with task and prompt. The cast comes last."""
    history = tables.vote_history.c
    cast = dict(connection.execute(_select("vote_history").where(history.number == number)).mappings().one())
    shown = _ballot_records(connection, cast["ballot"])
    # A ballot that was imported may show another pair than its task names here.
    compared = {cast["comparison"], *(row["comparison"] for _, row in shown if row.get("comparison"))}
    found: list[Record] = []
    for name in ("comparison", "answer", "passage"):
        table = EXPORTED[name]
        of_comparison = table.c.id if name == "comparison" else table.c.comparison
        query = _select(name).where(of_comparison.in_(compared)).order_by(*table.primary_key.columns)
        found += [(name, dict(row)) for row in connection.execute(query).mappings()]
    return [*found, *shown, ("vote", as_vote(cast)), ("vote_history", cast)]


def _ballot_records(connection: sa.Connection, name: str) -> list[Record]:
    """The ballot of this id after what it points to; nothing where there is none, as for a vote outside the queue."""
    ballot = _row(connection, "ballot", name)
    if not ballot:
        return []
    task = _row(connection, "task", ballot["task"])
    return [("prompt", _row(connection, "prompt", task["prompt"])), ("task", task), ("ballot", ballot)]


def _row(connection: sa.Connection, table: str, name: str) -> Row:
    """The row of this id, empty where there is none."""
    found = connection.execute(_select(table).where(EXPORTED[table].c.id == name)).mappings().first()
    return {} if found is None else dict(found)


def as_vote(cast: Mapping[str, Any]) -> Row:
    """The row of `vote` that a cast leaves, from its row of `vote_history`."""
    return {("id" if name == "vote" else name): value for name, value in cast.items()}


def as_cast(vote: Mapping[str, Any]) -> Row:
    """The row of `vote_history` for a row of `vote`."""
    return {("vote" if name == "id" else name): value for name, value in vote.items()}


def pseudonyms(key: bytes) -> Callable[[str], str]:
    """Names for names: with one key always the same, without it not to be guessed by trying names (HMAC-SHA256)."""

    def pseudonym(name: str) -> str:
        if not name:
            return ""
        return "person-" + hmac.new(key, name.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:12]

    return pseudonym


def renamed(found: Iterable[Record], pseudonym: Callable[[str], str]) -> Iterator[Record]:
    """The records with every person's name replaced. What people wrote in free text stays as it is."""
    for table, row in found:
        yield table, {**row, NAMES[table]: pseudonym(row[NAMES[table]])} if table in NAMES else row


def _select(name: str) -> sa.Select[Any]:
    return sa.select(*[EXPORTED[name].c[column] for column in columns(name)])
