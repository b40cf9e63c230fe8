"""Hugging Face sign-in, with a session as Gradio keeps it after the Hub has answered. No real Space is asked."""

import base64
import hashlib
import json
import time
from typing import Any

import gradio as gr
import itsdangerous
import pytest
from gradio import oauth
from gradio.routes import App
from starlette.requests import Request
from starlette.testclient import TestClient

import ui
from arena.people import PeopleSettings, Person, Role
from arena.runner import Runner
from tests.fakes import FakeContestant, FakeHistory
from ui.hub import NEEDED, can_sign_in, hub, role_of
from ui.server import manners

SPACE = "acme-compare.hf.space"
SETTINGS = PeopleSettings(admins=("Ada", "org:Acme"), annotators=("org:labelers",))
ORGANISATION = {"sub": "1", "name": "Acme Inc.", "preferred_username": "acme"}


def session(name: str = "ada", expires_in: float = 3600, **user: Any) -> dict[str, Any]:
    info = {"preferred_username": name, "name": "Ada", "profile": "", "picture": ""} | user
    return {"oauth_info": {"access_token": "t", "expires_at": time.time() + expires_in, "userinfo": info}}


def request(kept: dict[str, Any] | None, **headers: str) -> Any:
    named = {"host": "10.0.0.1:7860"} | headers
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    asked = Request({"type": "http", "headers": raw} | ({} if kept is None else {"session": kept}))
    return gr.Request(asked)


@pytest.mark.parametrize(
    ("user", "role"),
    [
        ({"preferred_username": "ADA"}, Role.ADMIN),
        ({"preferred_username": "mallory", "name": "Ada"}, Role.VISITOR),
        ({"preferred_username": "ben", "orgs": [ORGANISATION]}, Role.ADMIN),
        (
            {"preferred_username": "ben", "orgs": [ORGANISATION | {"preferred_username": "evil", "name": "acme"}]},
            Role.VISITOR,
        ),
        ({"preferred_username": "ben", "orgs": [ORGANISATION | {"pendingSSO": True}]}, Role.VISITOR),
        ({"preferred_username": "ben", "orgs": [ORGANISATION | {"missingMFA": True}]}, Role.VISITOR),
        ({"preferred_username": "ben", "orgs": [ORGANISATION | {"securityRestrictions": ["ip"]}]}, Role.VISITOR),
        ({"preferred_username": "ben", "orgs": [{"preferred_username": "labelers"}]}, Role.ANNOTATOR),
        ({"preferred_username": "org:acme"}, Role.VISITOR),
        ({"preferred_username": "acme"}, Role.VISITOR),
    ],
)
def test_a_role_comes_from_user_names_alone(user: dict[str, Any], role: Role) -> None:
    assert role_of(user, SETTINGS) is role


def test_all_others_have_the_role_that_the_workspace_says() -> None:
    assert role_of({"preferred_username": "ben"}, PeopleSettings(others="annotator")) is Role.ANNOTATOR


def test_who_the_hub_named_is_that_person_until_it_expires() -> None:
    rights = hub(SETTINGS, [SPACE])
    assert rights.person(request(session())) == Person("ada", Role.ADMIN)
    assert rights.name(request(session()), "mallory") == "ada"
    for kept in (session(expires_in=-1), {}, None, {"oauth_info": {"expires_at": "soon"}}, session("")):
        assert rights.person(request(kept)) == Person()
    assert not hub(PeopleSettings(visitors=False)).may(request(None), Role.VISITOR)


def test_another_sites_page_is_nobody_and_the_spaces_own_is() -> None:
    rights = hub(SETTINGS, [SPACE])
    assert rights.person(request(session(), origin=f"https://{SPACE}")).name == "ada"
    for origin in ("https://evil.example", "https://huggingface.co", f"https://{SPACE}.evil.example", "null"):
        assert rights.person(request(session(), origin=origin)) == Person()


def signed(secret: str, kept: dict[str, Any]) -> dict[str, str]:
    """Gradio's cookie for this session, signed with a secret."""
    signer = itsdangerous.TimestampSigner(hashlib.sha256(f"{secret}-v4".encode()).hexdigest())
    value = base64.b64encode(json.dumps(kept).encode())
    return {"cookie": f"session={signer.sign(value).decode()}"}


def test_gradios_own_session_carries_who_signed_in_and_nobody_can_make_one_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The app as Gradio makes it on a Space: its button, its session, our guard of uploads."""
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("SPACE_ID", "acme/compare")
    for name in NEEDED:
        monkeypatch.setattr(oauth, name, "secret")
    rights = hub(SETTINGS, [SPACE])
    runner = Runner({name: FakeContestant(name) for name in ("fine-tuned", "rag")})
    demo = ui.build(runner, FakeHistory(), ui.Settings(workspace="x"), rights=rights)
    demo.max_file_size = 1000
    kept = manners(ui.Settings(workspace="x"), lambda request: rights.may(request, Role.ADMIN))
    client = TestClient(App.create_app(demo, app_kwargs=kept["app_kwargs"]), follow_redirects=False)

    def leave(headers: dict[str, str]) -> int:
        return client.post("/gradio_api/upload", files={"files": ("a.md", b"x")}, headers=headers).status_code

    assert leave(signed("secret", session())) == 200
    for headers in (
        {},
        signed("guess", session()),
        signed("secret", session("ben")),
        signed("secret", session(expires_in=-1)),
    ):
        assert leave(headers) == 404
    assert client.get("/logout").status_code == 307


def test_gradios_button_is_there_only_on_a_space_that_is_set_up_for_it() -> None:
    set_up = dict.fromkeys(NEEDED, "x") | {"SYSTEM": "spaces"}
    assert can_sign_in(set_up)
    for missing in set_up:
        assert not can_sign_in({name: value for name, value in set_up.items() if name != missing})
