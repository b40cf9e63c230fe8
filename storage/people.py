"""`arena.people.People` on a database. Neither a password nor a token is in it, only their hashes.

Does not cover: how often somebody may try (arena/limits.py), cookies (ui/).
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from arena.errors import NotAllowed
from arena.people import NOBODY, Person, Role, checked_name, checked_password, name_key, password_form
from storage import passwords, tables
from storage.database import Database, open_database
from storage.engine import insert_for
from storage.passwords import Cost

WRONG = "This name and this password do not belong together: check both, capitals count in the password."

_PERSON = tables.person.c
_SIGN_IN = tables.sign_in.c


def open_people(url_or_path: str | Path, hours: float = 12.0) -> "DatabasePeople":
    """The people in this database, made or upgraded where needed (`storage.open_database`); `hours` as in
    `arena.people.PeopleSettings`. Raises `StorageError`."""
    return DatabasePeople(open_database(url_or_path), timedelta(hours=hours))


def _now() -> datetime:
    return datetime.now(UTC)


class DatabasePeople:
    """Implements `arena.people.People`. May be used by any number of threads and processes at once."""

    def __init__(
        self,
        database: Database,
        lasts: timedelta = timedelta(hours=12),
        cost: Cost | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """`lasts`: how long a sign-in does."""
        self.database, self.lasts, self.cost, self._now = database, lasts, cost or Cost(), now

    def add(self, name: str, password: str, role: Role, *, once: bool = False) -> Person:
        name = checked_name(name)
        hashed = self.cost.hashed(checked_password(password, name))
        row = {
            "key": name_key(name),
            "name": name,
            "role": role.value,
            "password_hash": hashed,
            "must_change": once,
            "added_at": self._now(),
        }
        with self.database.writing() as connection:
            # No look before: two who add one name at once would both find it free, where nothing locks as a whole.
            added = insert_for(connection)(tables.person).values(row).on_conflict_do_nothing().returning(_PERSON.key)
            if connection.scalar(added) is None:
                taken = _known(connection, name)
                raise NotAllowed(f"There is somebody of the name {taken.name} already: choose another name.")
        return Person(name, role, once)

    def all(self) -> Sequence[Person]:
        with self.database.reading() as connection:
            return [_person(row) for row in connection.execute(sa.select(tables.person).order_by(_PERSON.key))]

    def change(self, name: str, *, role: Role | None = None, password: str | None = None, once: bool = False) -> Person:
        values: dict[str, object] = {}
        if role is not None:
            values["role"] = role.value
        if password is not None:
            values["password_hash"] = self.cost.hashed(checked_password(password, name))
            values["must_change"] = once
        with self.database.writing() as connection:
            person = _known(connection, name)
            if role is not None and not role.covers(Role.ADMIN):
                _keep_an_admin(connection, person)
            if values:
                connection.execute(sa.update(tables.person).where(_PERSON.key == name_key(name)).values(values))
            if password is not None:
                connection.execute(sa.delete(tables.sign_in).where(_SIGN_IN.person == name_key(name)))
            return _known(connection, name)

    def remove(self, name: str) -> None:
        with self.database.writing() as connection:
            _keep_an_admin(connection, _known(connection, name))
            # Their sign-ins go with them.
            connection.execute(sa.delete(tables.person).where(_PERSON.key == name_key(name)))

    def sign_in(self, name: str, password: str) -> str:
        key = name_key(name)
        known = sa.select(_PERSON.password_hash).where(_PERSON.key == key)
        with self.database.reading() as connection:
            hashed = connection.scalar(known)
        # Where there is nobody, the same work: or the time would tell.
        right = passwords.matches(password_form(password), hashed or self.cost.nobodys)
        if not right or hashed is None:
            raise NotAllowed(WRONG)
        token = secrets.token_urlsafe(32)
        now = self._now()
        row = {"token_hash": _hash(token), "person": key, "made_at": now, "ends_at": now + self.lasts}
        with self.database.writing() as connection:
            if connection.scalar(known.with_for_update()) != hashed:  # changed or removed meanwhile
                raise NotAllowed(WRONG)
            connection.execute(sa.delete(tables.sign_in).where(_SIGN_IN.ends_at <= now))
            connection.execute(sa.insert(tables.sign_in), row)
        return token

    def signed_in(self, token: str) -> Person:
        if not token:
            return NOBODY
        query = (
            sa.select(tables.person)
            .join(tables.sign_in, _SIGN_IN.person == _PERSON.key)
            .where(_SIGN_IN.token_hash == _hash(token), _SIGN_IN.ends_at > self._now())
        )
        with self.database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return _person(row) if row else NOBODY

    def sign_out(self, token: str) -> None:
        with self.database.writing() as connection:
            connection.execute(sa.delete(tables.sign_in).where(_SIGN_IN.token_hash == _hash(token)))


def _hash(token: str) -> str:
    """A token is random enough to need neither salt nor slowness."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _person(row: sa.Row[tuple[object, ...]]) -> Person:
    found = row._mapping
    return Person(found["name"], Role(found["role"]), found["must_change"])


def _found(connection: sa.Connection, name: str) -> Person | None:
    row = connection.execute(sa.select(tables.person).where(_PERSON.key == name_key(name))).one_or_none()
    return _person(row) if row else None


def _known(connection: sa.Connection, name: str) -> Person:
    person = _found(connection, name)
    if person is None:
        raise NotAllowed(f"There is nobody of the name {name!r}: `python app.py user list` shows who there is.")
    return person


def _keep_an_admin(connection: sa.Connection, person: Person) -> None:
    # Locked, where the database does not lock as a whole: two who go at once would each see the other stay.
    admins = sa.select(_PERSON.key).where(_PERSON.role == Role.ADMIN.value).order_by(_PERSON.key).with_for_update()
    if person.role is Role.ADMIN and not {*connection.scalars(admins)} - {name_key(person.name)}:
        raise NotAllowed(f"{person.name} is the last admin: make somebody else an admin first.")
