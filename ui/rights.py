"""Who asks, and what they may: the one rule that every handler asks on the server, whatever a page shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from arena.errors import NotAllowed
from arena.people import Person, Role

THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class Asked(Protocol):
    """Gradio's request and Starlette's both are."""

    @property
    def headers(self) -> Mapping[str, str]: ...


Allowed = Callable[[Asked], bool]


@dataclass(frozen=True)
class Rights:
    """`who` tells the person behind a request. `signs_in`: people sign in here, so that no typed name counts.

    The rest says what takes which role: to read the results, to list everybody's comparisons, and to look at (not
    change) the documents and the training.
    """

    who: Callable[[Asked], Person]
    signs_in: bool = False
    results: Role = Role.VISITOR
    history: Role = Role.VISITOR
    looking: Role = Role.VISITOR

    def person(self, request: Asked) -> Person:
        """Who asks; without a name where nobody signed in."""
        return self.who(request)

    def may(self, request: Asked, needed: Role) -> bool:
        return self.person(request).may(needed)

    def require(self, request: Asked, needed: Role) -> Person:
        """Who asks, if they may do what takes `needed`. Raises `NotAllowed`, which says what to do about it."""
        person = self.person(request)
        if not person.may(needed):
            raise NotAllowed(self._refusal(person, needed))
        return person

    def name(self, request: Asked, typed: object) -> str:
        """Under which name this person asks and votes: the one signed in with; where nobody signs in, the typed one.
        "" for somebody without: a visitor, or nothing was typed."""
        if self.signs_in:
            return self.person(request).name
        return typed.strip()[:100] if isinstance(typed, str) else ""

    def _refusal(self, person: Person, needed: Role) -> str:
        article = "a" if needed is Role.VISITOR else "an"
        if person.must_change:
            return "Choose a password of your own first: press “Choose a password” at the top of the page."
        if person.name:
            role = f"are {person.role} here" if person.role else "have no role here"
            return f"You {role}, and this takes {article} {needed}: ask an admin to change your role."
        if self.signs_in:
            return f"This takes {article} {needed}: sign in (at the top of the page), then try again."
        return (
            "This is done only in a browser on the machine that the app runs on, and only when nobody else can reach "
            "the app."
        )


def open_to_all(server: object) -> Rights:
    """Nobody signs in: everybody may ask, vote and look, and whoever sits at this machine may do everything. `server`
    as in `this_machine_only`."""
    here = this_machine_only(server)
    return Rights(lambda request: Person(role=Role.ADMIN if here(request) else Role.ANNOTATOR))


def this_machine_only(server: object) -> Allowed:
    """Allows whoever sits at this machine, when the server listens to nobody else. `server` has a `server_name` once it
    listens: the address. A proxy in front of it would let others in: its headers are looked for."""

    def allowed(request: Asked) -> bool:
        headers = request.headers
        host = headers.get("host", "")
        return (
            str(getattr(server, "server_name", "")) in THIS_MACHINE
            # Or another site's name had been pointed at this address.
            and urlsplit(f"//{host}").hostname in THIS_MACHINE
            # Or a page of another site asks, in the browser of whoever sits here.
            and urlsplit(headers.get("origin", f"http://{host}")).netloc == host
            and not any(header in headers for header in FORWARDED)
        )

    return allowed
