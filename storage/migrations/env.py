"""How Alembic runs a revision: on the connection that storage.migrate hands over, inside its transaction.

To add a revision: change storage/tables.py, then, from the repository's root,
    alembic -x database=demo/arena.sqlite revision --autogenerate --rev-id 0002 -m "what changed"
and set storage.migrate.HEAD to it. Check constraints and triggers are not seen by --autogenerate.
"""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from storage.engine import engine_for
from storage.place import place_of
from storage.tables import metadata


def _plain(kind: str, value: Any, _context: Any) -> str | Literal[False]:
    """Revisions name SQLAlchemy's own types: what storage.tables.AnyText does may change, the column does not."""
    return f"sa.{value.impl!r}" if kind == "type" and isinstance(value, sa.TypeDecorator) else False


def _migrate(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=_plain,
        # Our engine begins transactions itself, so that SQLite's schema changes roll back like any other.
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


if (given := context.config.attributes.get("connection")) is not None:
    _migrate(given)
else:
    database = place_of(context.get_x_argument(as_dictionary=True)["database"])
    with engine_for(database, foreign_keys=False).begin() as opened:
        _migrate(opened)
