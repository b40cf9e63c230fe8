"""Who is signed in, at the top of the page, and which tabs they see. What they may do is asked by each handler."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from arena.errors import StorageError
from arena.people import Person, Role
from ui.markdown import escaped
from ui.rights import Rights

ROLES = {Role.VISITOR: "visitor", Role.ANNOTATOR: "annotator", Role.ADMIN: "admin"}


def account_html(person: Person, query: str = "") -> str:
    """A way in, or who is in and the way out. `query`: of the address, to come back to."""
    if not person.name:
        note = "" if person.may(Role.VISITOR) else "<span>You need an account to compare.</span> "
        return f'{note}<a class="way-in" href="{escaped(link("sign-in", query))}">Sign in</a>'
    role = ROLES[person.role] if person.role else "no role"
    password = "Choose a password" if person.must_change else "Password"
    return (
        f'<span>Signed in as <b dir="auto">{escaped(person.name)}</b> ({role})</span> '
        f'<a class="way-in" href="{escaped(link("password", query))}">{password}</a> '
        '<form method="post" action="sign-out"><button>Sign out</button></form>'
    )


def link(page: str, query: str) -> str:
    """Of a page for signing in, that comes back to this one."""
    return f"{page}?{urlencode({'back': query})}" if query else page


def shower(rights: Rights) -> Callable[[gr.Request], str]:
    """The handler that says who is signed in."""

    def show(request: gr.Request) -> str:
        query = urlencode(dict(request.query_params))
        try:
            return account_html(rights.person(request), query)
        except StorageError as error:
            return f"<span>{escaped(str(error))}</span>"

    return show


def tabs_shower(rights: Rights, tabs: Sequence[tuple[gr.Tab, Role]]) -> Callable[[gr.Request], list[Any]]:
    """The handler that shows each tab to those whose role it takes."""

    def show(request: gr.Request) -> list[Any]:
        return [gr.Tab(visible=rights.may(request, role)) for _, role in tabs]

    return show
