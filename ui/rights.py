"""Who asks, and what they may: the one rule that every handler asks on the server, whatever a page shows."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from arena.errors import NotAllowed, StorageError
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
    """`who` tells the person behind a request. `signs_in`: people sign in here, so that no typed name counts; `hub`:
    with Hugging Face.

    The rest says what takes which role: to read the results, to list everybody's comparisons, and to look at (not
    change) the documents and the training.
    """

    who: Callable[[Asked], Person]
    signs_in: bool = False
    hub: bool = False
    results: Role = Role.VISITOR
    history: Role = Role.VISITOR
    looking: Role = Role.VISITOR

    def person(self, request: Asked) -> Person:
        """Who asks; without a name where nobody signed in. Raises `StorageError` when that cannot be looked up."""
        return self.who(request)

    def may(self, request: Asked, needed: Role) -> bool:
        """Not, either, while it cannot be looked up."""
        try:
            return self.person(request).may(needed)
        except StorageError:
            return False

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
        return (
            str(getattr(server, "server_name", "")) in THIS_MACHINE
            # Or another site's name had been pointed at this address.
            and _split(f"//{request.headers.get('host', '')}").hostname in THIS_MACHINE
            and from_own_page(request)
            and not any(header in request.headers for header in FORWARDED)
        )

    return allowed


def from_own_page(request: Asked, hosts: Collection[str] = ()) -> bool:
    """No page of another site asks, in the browser of somebody who signed in or sits here. `hosts`: names that this
    server goes by beside the one that was asked for."""
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    # A browser names the page's site, with its port, whenever something is sent.
    return bool(host) and (origin is None or _split(origin).netloc in (host, *hosts))


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:  # "http://["
        return urlsplit("")
