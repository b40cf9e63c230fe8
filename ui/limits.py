"""How often one person may ask and vote. Whoever sits at the machine that the app runs on is not limited.

A person who did not sign in is an open page, and all pages of one address together have ten times a person's share: a
new page costs nothing, and a team may share an address.
"""

import ipaddress
import time
from typing import Any

from arena.errors import NotAllowed
from arena.limits import Clock, Rate, spoken
from arena.people import PeopleSettings, Role, name_key
from ui.rights import Asked, Rights

PERSONS_AN_ADDRESS = 10


class Limits:
    """The rates of a running app. Each method counts one, or raises `NotAllowed` with the wait."""

    def __init__(
        self,
        rights: Rights,
        prompts_per_minute: int = PeopleSettings.prompts_per_minute,
        votes_per_minute: int = PeopleSettings.votes_per_minute,
        clock: Clock = time.monotonic,
    ) -> None:
        self._rights = rights
        self._prompts = _Pair(prompts_per_minute, clock)
        self._votes = _Pair(votes_per_minute, clock)

    def prompt(self, request: Asked) -> None:
        """A question, or a search."""
        self._take(self._prompts, request, "questions")

    def vote(self, request: Asked) -> None:
        self._take(self._votes, request, "votes")

    def _take(self, rates: "_Pair", request: Asked, what: str) -> None:
        person = self._rights.person(request)
        if not self._rights.signs_in and person.may(Role.ADMIN):
            return
        wait = rates.take(name_key(person.name), request)
        if wait:
            raise NotAllowed(
                f"Too many {what}: {rates.each.per_minute} a minute are allowed. Wait {spoken(wait)}, then try again."
            )


class _Pair:
    """The rate of a person and that of an address."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self.each = Rate(per_minute, clock)
        self.together = Rate(per_minute * PERSONS_AN_ADDRESS, clock)

    def take(self, name: str, request: Asked) -> float:
        if name:
            return self.each.take(f"person {name}")
        # The address first, or a flood of made-up pages would be remembered page by page.
        place = address(request)
        page = str(getattr(request, "session_hash", None) or "")[:64]
        return self.together.take(place) or self.each.take(f"page {place} {page}")


def address(request: Any) -> str:
    """Where a request comes from. One household or machine has a /64 of IPv6 addresses
    (https://www.rfc-editor.org/rfc/rfc6177), so these count as one."""
    host = str(getattr(getattr(request, "client", None), "host", "") or "")
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if found.version == 6:
        mapped = found.ipv4_mapped
        return str(mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return host
