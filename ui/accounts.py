"""Who somebody is where people have accounts here: the cookie that signing in left in their browser.

Does not cover: signing in itself (ui/sign_in.py), passwords (storage/).
"""

from starlette.requests import cookie_parser

from arena.people import NOBODY, People, PeopleSettings, Person, Role
from ui.rights import Asked, Rights, from_own_page

COOKIE = "arena"


def accounts(people: People, settings: PeopleSettings) -> Rights:
    """The rights of who signed in; of all others, those of a visitor, where the workspace lets visitors in."""
    outside = Person(role=Role.VISITOR if settings.visitors else None)

    def who(request: Asked) -> Person:
        token = token_of(request)
        # A page on another port of this host is the same site to a browser, which then sends the cookie along.
        person = people.signed_in(token) if token and from_own_page(request) else NOBODY
        return person if person.name else outside

    return Rights(
        who,
        signs_in=True,
        results=Role(settings.results),
        history=Role(settings.history),
        looking=Role.ADMIN,
    )


def token_of(request: Asked) -> str:
    """What the cookie holds, "" without one."""
    return cookie_parser(request.headers.get("cookie", "")).get(COOKIE, "")
