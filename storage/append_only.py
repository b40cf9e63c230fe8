"""Triggers that let rows be added to a table and nothing else, for the revisions in migrations/versions."""

from alembic import op

FUNCTION = "refuse_change"
CHANGES = ("UPDATE", "DELETE")


def make_append_only(table: str) -> None:
    """Let the database itself refuse to change or delete rows of `table`, as a broken constraint."""
    if _on_postgresql():
        op.execute(
            f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
            "'% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
    for change in CHANGES:
        head = f"CREATE TRIGGER tr_{table}_{change.lower()} BEFORE {change} ON {table} "
        if _on_postgresql():
            op.execute(f"{head} FOR EACH ROW EXECUTE FUNCTION {FUNCTION}()")
        else:
            op.execute(f"{head} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END")
    if _on_postgresql():
        op.execute(f"CREATE TRIGGER tr_{table}_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION {FUNCTION}()")


def make_append_only_again(table: str) -> None:
    """After a batch that lost columns: SQLite made the table anew, and its triggers are gone with the old one."""
    if not _on_postgresql():
        make_append_only(table)


def forget_append_only() -> None:
    """Once the tables are gone: what is left of the triggers."""
    if _on_postgresql():
        op.execute(f"DROP FUNCTION IF EXISTS {FUNCTION}()")


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
