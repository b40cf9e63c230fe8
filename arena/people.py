"""Who is who: roles, what each of them may do, and what the pages need from whoever keeps the people."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    """What a person may do; each may do what those before it may."""

    VISITOR = "visitor"
    """Ask questions, compare, vote on what they asked themselves."""
    ANNOTATOR = "annotator"
    """Vote in the queue."""
    ADMIN = "admin"
    """Documents, training, the queue, exports, people."""

    def covers(self, needed: "Role") -> bool:
        """Whether somebody of this role may do what takes `needed`."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True)
class Person:
    """Somebody who signed in, or somebody who did not (without a name). `role` None: may do nothing at all.

    `must_change`: signed in with a password that somebody else has seen, and may do nothing before choosing another.
    """

    name: str = ""
    role: Role | None = Role.VISITOR
    must_change: bool = False

    def may(self, needed: Role) -> bool:
        return self.role is not None and not self.must_change and self.role.covers(needed)


NOBODY = Person()


class People(Protocol):
    """Keeps people, passwords and sign-ins. Every method raises `StorageError` when the database refuses."""

    def add(self, name: str, password: str, role: Role) -> Person:
        """Raises `NotAllowed` when the name is taken or empty, or the password is too short."""
        ...

    def all(self) -> Sequence[Person]: ...

    def change(self, name: str, *, role: Role | None = None, password: str | None = None) -> Person:
        """A new password ends this person's sign-ins. Raises `NotAllowed`: nobody of this name, or the last admin."""
        ...

    def remove(self, name: str) -> None:
        """Ends the person's sign-ins; what they voted stays. Raises `NotAllowed`: nobody, or the last admin."""
        ...

    def sign_in(self, name: str, password: str) -> str:
        """A token for the browser. Raises `NotAllowed` in the same words and time for a wrong name or password."""
        ...

    def signed_in(self, token: str) -> Person:
        """Who holds this token; `NOBODY` when it ended or never was."""
        ...

    def sign_out(self, token: str) -> None: ...
