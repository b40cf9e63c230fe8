"""Who is who: roles, what each of them may do, and what the pages need from whoever keeps the people."""

import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from arena.errors import NotAllowed, WorkspaceError


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


class Mode(StrEnum):
    """Who is told apart, and how."""

    OPEN = "open"
    """Nobody signs in: whoever reaches the page may compare and vote under a typed name; the machine it runs on may do
    everything."""
    ACCOUNTS = "accounts"
    """People with passwords, in the database."""
    HUB = "hub"
    """On a Hugging Face Space: people of the Hub."""


@dataclass(frozen=True)
class PeopleSettings:
    """`[people]` in workspace.toml. `mode` "": hub on a Space, open elsewhere.

    `visitors`: who has not signed in may compare. `results`, `history`: the role that it takes to read the results, and
    to list everybody's comparisons. `hours`: after these a sign-in ends. `prompts_per_minute`, `votes_per_minute`: of
    one person. On the Hub alone: `admins`, `annotators` by name or as "org:NAME", and `others`, the role of all others
    who signed in.
    """

    mode: str = ""
    visitors: bool = True
    results: str = Role.VISITOR.value
    history: str = Role.ANNOTATOR.value
    hours: float = 12.0
    prompts_per_minute: int = 12
    votes_per_minute: int = 60
    admins: tuple[str, ...] = ()
    annotators: tuple[str, ...] = ()
    others: str = Role.VISITOR.value

    def __post_init__(self) -> None:
        """Raises `WorkspaceError` for a value that means nothing."""
        for name, known in (("mode", ["", *Mode]), ("results", Role), ("history", Role), ("others", Role)):
            if (value := getattr(self, name)) not in list(known):
                named = ", ".join(repr(str(one)) for one in known if one)
                raise WorkspaceError(f"workspace.toml: people.{name} is {value!r}; use one of {named}.")
        for name in ("hours", "prompts_per_minute", "votes_per_minute"):
            if not 0 < (value := getattr(self, name)) < 100_000:
                raise WorkspaceError(f"workspace.toml: people.{name} is {value!r}; it must be a number over 0.")

    def on(self, space: bool) -> Mode:
        """The mode that holds; `space`: this runs on a Hugging Face Space.

        Raises:
            WorkspaceError: the Hub's people are there only on a Space.
        """
        mode = Mode(self.mode or (Mode.HUB if space else Mode.OPEN))
        if mode is Mode.HUB and not space:
            raise WorkspaceError(
                'workspace.toml: people.mode is "hub", which works only on a Hugging Face Space: use "accounts" here.'
            )
        return mode


MIN_PASSWORD = 15
"""Characters of a password that nothing else backs up: NIST SP 800-63B-4, 3.1.1.2 "Password Verifiers"
(https://pages.nist.gov/800-63-4/sp800-63b.html)."""
MAX_PASSWORD = 200
MAX_NAME = 60

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that are taken for others: i and l and 1, o and 0."""


def checked_name(name: str) -> str:
    """A name for a person, as it will be shown.

    Raises:
        NotAllowed: empty, too long, or of characters that are not seen or could be taken for something else.
    """
    name = unicodedata.normalize("NFKC", name).strip()
    if not name:
        raise NotAllowed("There is no name: give one.")
    if len(name) > MAX_NAME:
        raise NotAllowed(f"The name has {len(name)} characters; the limit is {MAX_NAME}.")
    if not name.isprintable() or not name[0].isalnum():
        raise NotAllowed(f"The name {name!r} cannot be taken: begin with a letter or a digit, on one line.")
    return name


def name_key(name: str) -> str:
    """What two spellings of one name have in common: case and Unicode form do not count."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def checked_password(password: str, name: str) -> str:
    """A new password, in the form that is hashed.

    Raises:
        NotAllowed: too short, too long, or guessed at once.
    """
    password = password_form(password)
    if len(password) < MIN_PASSWORD:
        raise NotAllowed(
            f"The password has {len(password)} characters; it takes {MIN_PASSWORD}: three or four words will do."
        )
    if len(password) > MAX_PASSWORD:
        raise NotAllowed(f"The password has {len(password)} characters; the limit is {MAX_PASSWORD}.")
    if len(set(password)) < 5 or name_key(password).replace(name_key(name), "") == "":
        raise NotAllowed("This password is guessed at once: take three or four words that do not belong together.")
    return password


def password_form(password: str) -> str:
    """The same characters, whatever keyboard they come from."""
    return unicodedata.normalize("NFKC", password)


def new_password() -> str:
    """One to be given to somebody: 20 characters at random, 99 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


class People(Protocol):
    """Keeps people, passwords and sign-ins. Names are told apart by `name_key`. Every method raises `StorageError` when
    the database refuses. `once`: somebody else has seen this password, so it has to be changed before anything else."""

    def add(self, name: str, password: str, role: Role, *, once: bool = False) -> Person:
        """Raises `NotAllowed` when the name is taken or cannot be one, or the password is too short."""
        ...

    def all(self) -> Sequence[Person]:
        """By name."""
        ...

    def change(self, name: str, *, role: Role | None = None, password: str | None = None, once: bool = False) -> Person:
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
