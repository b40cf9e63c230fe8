"""The tables, as SQLAlchemy Core. Every change here needs a revision in migrations/versions.

Votes and history are separate on purpose: `vote` holds what counts now, one row per person and comparison;
`vote_history` is append-only (two triggers in the first revision see to it) and holds every cast.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from arena.comparison import Choice

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(sa.TypeDecorator[datetime]):
    """A moment: stored in UTC, aware on read (SQLite itself forgets the zone)."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone: use datetime.now(UTC)")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class AnyText(sa.TypeDecorator[str]):
    """Text in which what cannot be kept becomes U+FFFD instead of an error: half a surrogate pair, which UTF-8 does not
    know, and in PostgreSQL the character NUL."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        if value is None:
            return None
        text = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text.replace("\x00", "\ufffd") if dialect.name == "postgresql" else text


_CHOICES = ", ".join(f"'{choice}'" for choice in Choice)


def _column(name: str, type_: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False)


comparison = sa.Table(
    "comparison",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _column("conversation", AnyText),
    _column("question", AnyText),
    _column("left", sa.Text),
    _column("right", sa.Text),
    _column("blind", sa.Boolean),
    _column("asked_by", AnyText),
    sa.Column("asked_at", UtcDateTime, nullable=False, index=True),
    _column("histories", sa.JSON),
    _column("versions", sa.JSON),
)

answer = sa.Table(
    "answer",
    metadata,
    sa.Column("comparison", sa.Text, sa.ForeignKey("comparison.id"), primary_key=True),
    sa.Column("contestant", sa.Text, primary_key=True),
    _column("text", AnyText),
    sa.Column("queue", sa.Float),
    sa.Column("retrieval", sa.Float),
    sa.Column("first_token", sa.Float),
    sa.Column("total", sa.Float),
    _column("prompt_tokens", sa.Integer),
    _column("answer_tokens", sa.Integer),
    _column("contended", sa.Boolean),
    # Tells "retrieved nothing" from "does not retrieve": both have no passages.
    _column("retrieved", sa.Boolean),
    _column("notes", sa.JSON),
    sa.Column("reason", sa.Text),
    sa.Column("failure", AnyText),
    _column("identity", sa.JSON),
)

passage = sa.Table(
    "passage",
    metadata,
    sa.Column("comparison", sa.Text, primary_key=True),
    sa.Column("contestant", sa.Text, primary_key=True),
    sa.Column("rank", sa.Integer, primary_key=True, autoincrement=False),
    _column("document", AnyText),
    _column("location", AnyText),
    _column("text", AnyText),
    _column("score", sa.Float),
    _column("used", sa.JSON),
    sa.ForeignKeyConstraint(["comparison", "contestant"], ["answer.comparison", "answer.contestant"]),
)


def _judgement() -> list[sa.Column[Any]]:
    return [
        _column("annotator", AnyText),
        _column("choice", sa.Text),
        _column("blind", sa.Boolean),
        _column("reason", AnyText),
        sa.Column("reasons", sa.JSON, nullable=False, server_default="[]"),
        sa.Column("correct_answer", AnyText, nullable=False, server_default=""),
        sa.Column("ballot", sa.Text, nullable=False, server_default=""),
        sa.Column("seconds", sa.Float),
        _column("cast_at", UtcDateTime),
    ]


vote = sa.Table(
    "vote",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("comparison", sa.Text, sa.ForeignKey("comparison.id"), nullable=False),
    *_judgement(),
    sa.UniqueConstraint("comparison", "annotator"),
    sa.CheckConstraint(f"choice IN ({_CHOICES})", name="choice"),
)

vote_history = sa.Table(
    "vote_history",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("vote", sa.Text, sa.ForeignKey("vote.id"), nullable=False),
    sa.Column("comparison", sa.Text, sa.ForeignKey("comparison.id"), nullable=False, index=True),
    *_judgement(),
    sa.CheckConstraint(f"choice IN ({_CHOICES})", name="choice"),
)

person = sa.Table(
    "person",
    metadata,
    # What all spellings of the name have in common (`arena.people.name_key`).
    sa.Column("key", AnyText, primary_key=True),
    _column("name", AnyText),
    _column("role", sa.Text),
    _column("password_hash", sa.Text),
    _column("must_change", sa.Boolean),
    _column("added_at", UtcDateTime),
)

sign_in = sa.Table(
    "sign_in",
    metadata,
    # The token's hash: whoever reads the database cannot sign in with it.
    sa.Column("token_hash", sa.Text, primary_key=True),
    sa.Column("person", AnyText, sa.ForeignKey("person.key", ondelete="CASCADE"), nullable=False, index=True),
    _column("made_at", UtcDateTime),
    _column("ends_at", UtcDateTime),
)

prompt = sa.Table(
    "prompt",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _column("text", AnyText),
    _column("source", sa.Text),
    _column("fact", AnyText),
    _column("kind", AnyText),
    _column("topic", AnyText),
    _column("document", AnyText),
    _column("wording", AnyText),
    _column("added_by", AnyText),
    _column("added_at", UtcDateTime),
    sa.UniqueConstraint("text"),
)

task = sa.Table(
    "task",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("prompt", sa.Text, sa.ForeignKey("prompt.id"), nullable=False),
    _column("left", sa.Text),
    _column("right", sa.Text),
    _column("wanted", sa.Integer),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("comparison", sa.Text, sa.ForeignKey("comparison.id"), index=True),
    _column("failure", AnyText),
    sa.UniqueConstraint("prompt", "left", "right"),
)

ballot = sa.Table(
    "ballot",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("task", sa.Text, sa.ForeignKey("task.id"), nullable=False, index=True),
    sa.Column("comparison", sa.Text, sa.ForeignKey("comparison.id"), nullable=False),
    sa.Column("annotator", AnyText, nullable=False, index=True),
    _column("swapped", sa.Boolean),
    _column("plain", sa.Boolean),
    _column("repeats", sa.Text),
    sa.Column("state", sa.Text, nullable=False, index=True),
    _column("choice", sa.Text),
    _column("skip_reason", AnyText),
    sa.Column("reasons", sa.JSON, nullable=False),
    # On a repeat, which is no vote, what was said stands here only.
    sa.Column("reason", AnyText, nullable=False, server_default=""),
    sa.Column("correct_answer", AnyText, nullable=False, server_default=""),
    _column("reserved_at", UtcDateTime),
    _column("expires_at", UtcDateTime),
    sa.Column("closed_at", UtcDateTime),
    sa.Column("seconds", sa.Float),
    _column("hasty", sa.Boolean),
    # Once per person and pair; once more to check it, naming the first; and see queue_rows.ELSEWHERE.
    sa.UniqueConstraint("task", "annotator", "repeats"),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    # One row for each cast, made in the transaction that saves it; `sent_at` once a copy is kept elsewhere.
    sa.Column("cast", sa.Integer, sa.ForeignKey("vote_history.number"), nullable=False, unique=True),
    sa.Column("sent_at", UtcDateTime, index=True),
)
