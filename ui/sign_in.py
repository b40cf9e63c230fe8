"""Signing in and out and choosing a password: plain pages beside Gradio's, for where people have accounts here.

A form from another site's page is refused, attempts are slowed by name and by address, and the only place to go
afterwards is this app's own page. Does not cover: passwords and tokens (storage/), Hugging Face (ui/hub.py).
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import anyio
import anyio.to_thread
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from arena.errors import ArenaError, NotAllowed
from arena.limits import Attempts
from arena.people import NOBODY, People, Person, name_key
from ui.accounts import COOKIE, token_of
from ui.limits import address
from ui.rights import from_own_page
from ui.sign_in_page import password_html, refused_html, sign_in_html

MOST_BYTES = 10_000
"""Of a form: three passwords and a name are a tenth of it."""
MOST_BACK = 1000
MOST_NAME = 100
"""Characters of a name by which attempts are remembered; no account's is as long."""
THREADS = 4

FOREIGN = (
    "This form was not sent from this app's own page, so nothing was done. Behind a proxy, let it pass on the host "
    "name that people use (nginx: proxy_set_header Host $host)."
)


class Doors:
    """The handlers. `hours`: how long the browser keeps the cookie; the database decides when a sign-in ends."""

    def __init__(self, people: People, workspace: str, hours: float, attempts: Attempts | None = None) -> None:
        self.people, self.workspace, self.hours = people, workspace, hours
        self.attempts = attempts or Attempts()
        # Of its own, so that a crowd of passwords does not hold up the pages' handlers.
        self._threads = anyio.CapacityLimiter(THREADS)

    def routes(self) -> list[Route]:
        return [
            Route("/sign-in", self.show, methods=["GET"]),
            Route("/sign-in", self._checked(self.sign_in), methods=["POST"]),
            Route("/sign-out", self._checked(self.sign_out), methods=["POST"]),
            Route("/password", self.show_password, methods=["GET"]),
            Route("/password", self._checked(self.choose), methods=["POST"]),
        ]

    def show(self, request: Request) -> Response:
        return _html(sign_in_html(self.workspace, back_of(request.query_params)))

    def sign_in(self, request: Request, form: Mapping[str, Any]) -> Response:
        name, back = _text(form, "name"), back_of(form)
        try:
            token = self._token(request, name, _text(form, "password"))
            person = self.people.signed_in(token)
        except ArenaError as error:
            return _html(sign_in_html(self.workspace, back, name, str(error)), 401)
        if old := token_of(request):
            self.people.sign_out(old)
        return self._signed_in(request, token, _with_back("password", back) if person.must_change else _home(back))

    def sign_out(self, request: Request, form: Mapping[str, Any]) -> Response:
        try:
            self.people.sign_out(token_of(request))
        except ArenaError as error:
            return _html(refused_html(f"You are still signed in: {error}"), 503)
        left = RedirectResponse("./", 303, headers={"cache-control": "no-store"})
        left.delete_cookie(COOKIE, secure=_https(request), httponly=True, samesite="lax")
        return left

    def show_password(self, request: Request) -> Response:
        back = back_of(request.query_params)
        try:
            person = self.people.signed_in(token_of(request))
        except ArenaError as error:
            return _html(refused_html(str(error)), 503)
        if person == NOBODY:
            return RedirectResponse(_with_back("sign-in", back), 303)
        return _html(password_html(person.name, back, person.must_change))

    def choose(self, request: Request, form: Mapping[str, Any]) -> Response:
        """A new password; the browser that chose it stays signed in."""
        back, person = back_of(form), NOBODY
        try:
            person = self.people.signed_in(token_of(request))
            if person == NOBODY:
                raise NotAllowed("Your sign-in has ended: sign in again.")
            new = _text(form, "new")
            self._check_new(request, person, form)
            self.people.change(person.name, password=new)
            token = self.people.sign_in(person.name, new)
        except ArenaError as error:
            shown = refused_html(str(error))
            if person != NOBODY:
                shown = password_html(person.name, back, person.must_change, str(error))
            return _html(shown, 401)
        return self._signed_in(request, token, _home(back))

    def _check_new(self, request: Request, person: Person, form: Mapping[str, Any]) -> None:
        """Raises `NotAllowed`: the present password is wrong, or the new one is not what was meant."""
        new, present = _text(form, "new"), _text(form, "password")
        if new != _text(form, "again"):
            raise NotAllowed("The two new passwords are not the same: type the new one twice.")
        if new == present:
            raise NotAllowed("The new password is the present one: choose another.")
        try:
            self.people.sign_out(self._token(request, person.name, present))
        except NotAllowed as error:
            raise NotAllowed(f"The present password does not do. {error}") from error

    def _token(self, request: Request, name: str, password: str) -> str:
        """Signs in, unless too much was tried. Raises `NotAllowed`."""
        key, place = name_key(name)[:MOST_NAME], address(request)
        self.attempts.begin(key, place)
        token = self.people.sign_in(name, password)
        self.attempts.right(key, place)
        return token

    def _signed_in(self, request: Request, token: str, to: str) -> Response:
        response = RedirectResponse(to, 303, headers={"cache-control": "no-store"})
        response.set_cookie(
            COOKIE, token, max_age=round(self.hours * 3600), httponly=True, samesite="lax", secure=_https(request)
        )
        return response

    def _checked(self, handler: Callable[[Request, Mapping[str, Any]], Response]) -> Callable[[Request], Any]:
        """Reads the form of a page of ours; the handler works in a thread, as passwords take their time."""

        async def checked(request: Request) -> Response:
            length = request.headers.get("content-length", "")
            if not from_own_page(request):
                return _html(refused_html(FOREIGN), 403)
            if not length.isdecimal() or int(length) > MOST_BYTES:
                return _html(refused_html("The form is too large, or of unknown size."), 413)
            form = await request.form() if int(length) else FormData()
            return await anyio.to_thread.run_sync(handler, request, form, limiter=self._threads)

        return checked


def back_of(given: Mapping[str, Any]) -> str:
    """The query of the page to return to, never another address: it is put behind "./?"."""
    back = _text(given, "back").lstrip("?")
    return back if len(back) <= MOST_BACK and back.isascii() and back.isprintable() and "#" not in back else ""


def _home(back: str) -> str:
    return f"./?{back}" if back else "./"


def _with_back(page: str, back: str) -> str:
    return f"{page}?{urlencode({'back': back})}" if back else page


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else ""


def _https(request: Request) -> bool:
    """As the browser sees it; a proxy in front tells."""
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto", "").startswith("https")


def _html(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, headers={"cache-control": "no-store"})
