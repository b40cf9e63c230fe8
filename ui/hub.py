"""Who somebody is on a Hugging Face Space: whom the Hub says has signed in, by Gradio's own session.

Roles come from the workspace: by name, or by an organisation that the Hub says they are a full member of. Does not
cover: signing in and out, which Gradio's button and routes do (`gradio.oauth`).
"""

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from arena.people import PeopleSettings, Person, Role
from ui.rights import Asked, Rights, from_own_page

ORGANISATION = "org:"
NEEDED = ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL")


def can_sign_in(environment: Mapping[str, str]) -> bool:
    """The Space's README says `hf_oauth: true`. Where Gradio does not see a Space, its button signs everybody in as the
    owner of this machine's token, so it must not be there."""
    return environment.get("SYSTEM") == "spaces" and all(environment.get(name) for name in NEEDED)


def hub(settings: PeopleSettings, hosts: Collection[str] = (), ready: bool = True) -> Rights:
    """`hosts`: the Space's own host names; `ready`: the Space is set up for signing in."""
    outside = Person(role=Role.VISITOR if settings.visitors else None)

    def who(request: Asked) -> Person:
        user = _user(request) if from_own_page(request, hosts) else {}
        name = user.get("preferred_username")
        return Person(name, role_of(user, settings)) if isinstance(name, str) and name else outside

    return Rights(
        who,
        signs_in=True,
        hub=ready,
        results=Role(settings.results),
        history=Role(settings.history),
        looking=Role.ADMIN,
    )


def role_of(user: Mapping[str, Any], settings: PeopleSettings) -> Role:
    """The highest that one of the user's names has. Full names are anybody's choice, so only user names count
    (https://huggingface.co/docs/huggingface.js/hub/interfaces/UserInfo)."""
    names = {name.casefold() for name in _names(user)}
    for role, listed in ((Role.ADMIN, settings.admins), (Role.ANNOTATOR, settings.annotators)):
        if names & {name.strip().casefold() for name in listed}:
            return role
    return Role(settings.others)


def _names(user: Mapping[str, Any]) -> Iterable[str]:
    own = str(user.get("preferred_username"))
    if not own.casefold().startswith(ORGANISATION):
        yield own
    for organisation in user.get("orgs") or ():
        # Who has not done what the organisation demands of its members is none yet.
        owed = any(organisation.get(what) for what in ("pendingSSO", "missingMFA", "securityRestrictions"))
        if organisation.get("preferred_username") and not owed:
            yield ORGANISATION + str(organisation["preferred_username"])


def _user(request: Asked) -> Mapping[str, Any]:
    """What the Hub said of who signed in; {} without, or once that has expired."""
    scope: Mapping[str, Any] = getattr(getattr(request, "request", request), "scope", None) or {}
    signed_in = (scope.get("session") or {}).get("oauth_info") or {}
    expires_at = signed_in.get("expires_at")
    if not isinstance(expires_at, (int, float)) or expires_at <= time.time():
        return {}
    user = signed_in.get("userinfo")
    return user if isinstance(user, Mapping) else {}
