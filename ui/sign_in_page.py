"""The pages for signing in and for choosing a password, as HTML that works without scripts. Every text is escaped."""

import html
from functools import cache
from pathlib import Path

from arena.people import MAX_NAME, MAX_PASSWORD, MIN_PASSWORD


def sign_in_html(workspace: str, back: str, name: str = "", error: str = "") -> str:
    """`back`: the query of the page to return to; `name`: what was typed before; `error`: why that did not do."""
    return _page(
        "Sign in",
        f"<p class='quiet'>to compare, vote or look after <b>{html.escape(workspace)}</b></p>{_error(error)}"
        f"<form method='post' action='sign-in'>{_back(back)}"
        f"<label for='name'>Name</label>"
        f"<input id='name' name='name' value='{html.escape(name)}' maxlength='{MAX_NAME}' "
        f"autocomplete='username' autocapitalize='none' spellcheck='false' required {_focus(not name)}>"
        f"{_password('password', 'Password', 'current-password', focus=bool(name))}"
        "<button>Sign in</button></form>"
        f"<p class='quiet'>No account, or the password is gone? An admin gives you a new one. "
        f"<a href='{_href(back)}'>Back without signing in</a></p>",
    )


def password_html(name: str, back: str, must: bool, error: str = "") -> str:
    """`must`: the present one was given by somebody else."""
    why = "<p>Your password was made by somebody else: choose one that only you know.</p>" if must else ""
    return _page(
        "Choose a password",
        f"<p class='quiet'>You are signed in as <b>{html.escape(name)}</b>. All your sign-ins elsewhere end.</p>{why}"
        f"{_error(error)}<form method='post' action='password'>{_back(back)}"
        f"<input type='hidden' name='name' value='{html.escape(name)}' autocomplete='username'>"
        f"{_password('password', 'The present password', 'current-password', focus=True)}"
        f"{_password('new', f'A new password, at least {MIN_PASSWORD} characters', 'new-password')}"
        f"{_password('again', 'The new password again', 'new-password')}"
        "<button>Change it</button></form>"
        f"<p class='quiet'>Three or four words that do not belong together are easy to remember and hard to guess. "
        f"<a href='{_href(back)}'>Back</a></p>",
    )


def refused_html(error: str) -> str:
    """A page for what cannot be done at all."""
    return _page("That did not work", f"{_error(error)}<p><a href='sign-in'>Sign in</a> · <a href='./'>The app</a></p>")


def _page(title: str, body: str) -> str:
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{title} · Fine-tuning or RAG?</title><style>{_style()}</style></head>"
        f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    )


def _password(field: str, label: str, kind: str, focus: bool = False) -> str:
    return (
        f"<label for='{field}'>{label}</label><input id='{field}' name='{field}' type='password' "
        f"maxlength='{MAX_PASSWORD}' autocomplete='{kind}' required {_focus(focus)}>"
    )


def _focus(wanted: bool) -> str:
    return "autofocus" if wanted else ""


def _error(error: str) -> str:
    return f"<p class='error' role='alert'>{html.escape(error)}</p>" if error else ""


def _back(back: str) -> str:
    return f"<input type='hidden' name='back' value='{html.escape(back)}'>" if back else ""


def _href(back: str) -> str:
    return html.escape(f"./?{back}" if back else "./")


@cache
def _style() -> str:
    return Path(__file__).with_name("sign_in.css").read_text(encoding="utf-8")
