"""What a hostile answer, a hostile request and a nosy client get: nothing."""

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.end_to_end.pages import ask, wait_for_both

OpenPage = Callable[..., Any]


def get(address: str) -> tuple[int, str, dict[str, str]]:
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return answer.status, answer.read().decode(), {k.lower(): v for k, v in answer.headers.items()}
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), {}


def post(address: str, body: object, headers: dict[str, str] | None = None) -> tuple[int, str]:
    kind = {"content-type": "application/json"} | (headers or {})
    request = urllib.request.Request(address, json.dumps(body).encode(), kind, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def config(server: str) -> dict[str, Any]:
    return dict(json.loads(get(f"{server}/config")[1]))


def handlers(server: str) -> list[dict[str, Any]]:
    return [each for each in config(server)["dependencies"] if each["backend_fn"]]


def handler_of(server: str, button: str) -> dict[str, Any]:
    """The handler of the button with this id."""
    names = {each["id"]: each["props"].get("elem_id") for each in config(server)["components"]}
    (found,) = [each for each in handlers(server) if any(names.get(target[0]) == button for target in each["targets"])]
    return found


def leave_file(server: str, data: bytes = b"x", **headers: str) -> tuple[int, str]:
    """Upload a file as the page does."""
    head = b'--limit\r\nContent-Disposition: form-data; name="files"; filename="a.md"\r\n\r\n'
    body = head + data + b"\r\n--limit--\r\n"
    kind = {"content-type": "multipart/form-data; boundary=limit"}
    request = urllib.request.Request(f"{server}/gradio_api/upload", body, kind | headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def through_the_queue(
    server: str, number: int, data: list[Any], session: str = "", headers: dict[str, str] | None = None
) -> str:
    """Run one handler as a browser without a page would; returns everything it says."""
    session = session or uuid.uuid4().hex
    body = {"data": data, "fn_index": number, "session_hash": session}
    status, said = post(f"{server}/gradio_api/queue/join", body, headers)
    if status != 200:
        return said
    heard = ""
    with urllib.request.urlopen(f"{server}/gradio_api/queue/data?session_hash={session}", timeout=20) as stream:
        for line in stream:
            heard += line.decode()
            if "process_completed" in heard or "close_stream" in heard:
                break
    return heard


def test_healthz_says_what_is_ready(fast_server: str) -> None:
    status, body, _ = get(f"{fast_server}/healthz")
    health = json.loads(body)
    assert status == 200 and health["ok"] and health["ready"]
    assert set(health["parts"]) == {"models", "index", "database"}


@pytest.mark.parametrize("path", ["/", "/healthz", "/config"])
def test_every_response_carries_the_headers(fast_server: str, path: str) -> None:
    headers = get(fast_server + path)[2]
    assert "img-src 'self' data: blob:" in headers["content-security-policy"]
    assert "connect-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-dns-prefetch-control"] == "off"


@pytest.mark.parametrize(
    "path", ["/monitoring", "/monitoring/summary", "/openapi.json", "/docs", "/gradio_api/runs", "/redoc"]
)
def test_what_gradio_would_show_is_closed(fast_server: str, path: str) -> None:
    assert get(fast_server + path)[0] in (403, 404)


def test_no_endpoint_is_offered(fast_server: str) -> None:
    info = json.loads(get(f"{fast_server}/gradio_api/info")[1])
    assert info["named_endpoints"] == {} and info["unnamed_endpoints"] == {}


def test_a_direct_post_runs_nothing(fast_server: str) -> None:
    for handler in handlers(fast_server):
        names = [f"{way}/{handler['api_name']}" for way in ("run", "call", "call/v2", "api")]
        for address in (*names, "run/predict"):
            body = {"data": [None] * len(handler["inputs"]), "fn_index": handler["id"], "session_hash": "x"}
            status, _ = post(f"{fast_server}/gradio_api/{address}", body)
            assert status >= 400, (address, handler["id"])


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.9"},
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:1"},
    ],
)
def test_only_this_machine_can_leave_files_here(fast_server: str, headers: dict[str, str]) -> None:
    assert leave_file(fast_server)[0] == 200
    assert leave_file(fast_server, **headers)[0] == 404


def test_a_file_over_the_limit_is_not_taken(fast_server: str) -> None:
    assert leave_file(fast_server, b"x" * 1_000_001)[0] == 413


@pytest.mark.parametrize("path", ["/etc/hosts", "http://192.0.2.1/a.md"])
def test_no_other_file_and_no_address_can_be_added_as_an_upload(fast_server: str, path: str) -> None:
    add = handler_of(fast_server, "knowledge_add")
    file = {"path": path, "orig_name": "a.md", "meta": {"_type": "gradio.FileData"}}
    said = through_the_queue(fast_server, add["id"], [[file], True, None])
    assert "Added" not in said and "error" in said


def test_from_elsewhere_documents_can_only_be_looked_at(fast_server: str) -> None:
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    for button, data in (("knowledge_rebuild", [None]), ("knowledge_really", ["service-manual.pdf", None])):
        handler = handler_of(fast_server, button)
        said = through_the_queue(fast_server, handler["id"], data, headers=elsewhere)
        assert "You can look and search" in said and "is deleted" not in said and "embedding" not in said


def test_a_vote_posted_without_a_page_is_refused_and_not_saved(fast_server: str) -> None:
    names = {each["id"]: each["props"].get("elem_id") for each in config(fast_server)["components"]}
    buttons = [
        handler
        for handler in handlers(fast_server)
        if any(str(names.get(target[0])).startswith("vote_") for target in handler["targets"])
    ]
    assert len(buttons) == 4
    for handler in buttons:
        forged = {"comparison": {"left": "rag", "complete": True}, "votable": True}
        said = through_the_queue(fast_server, handler["id"], ["why", "mallory", forged])
        assert "Saved" not in said
        assert "Not voted" in said or "error" in said


def test_a_question_over_the_limit_is_refused_on_the_server(fast_server: str) -> None:
    (begin,) = [each for each in handlers(fast_server) if len(each["inputs"]) == 6]
    said = through_the_queue(fast_server, begin["id"], ["x" * 2001, "fine-tuned", "rag", False, "mallory", None])
    assert "the limit is 2,000" in said


@pytest.mark.browser
def test_hostile_answers_run_nothing_load_nothing_and_stay_readable(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    ask(page, "beacon <img src=http://beacon.invalid/question.png>")
    wait_for_both(page)
    page.wait_for_timeout(500)
    assert [url for url in asked if "beacon.invalid" in url] == []
    assert page.evaluate("window.hacked") is None
    assert page.locator(".panes img, .panes script, .panes b[onclick]").count() == 0
    text = page.locator("#b_body").inner_text()
    assert "<script>" in text and "{{value}}" in text and "${1+1}" in text


@pytest.mark.browser
def test_the_browser_itself_blocks_an_external_image(fast_server: str, open_page: OpenPage) -> None:
    page = open_page(fast_server)
    blocked = page.evaluate(
        """() => new Promise(done => {
          document.addEventListener('securitypolicyviolation', event => done(event.effectiveDirective));
          const image = new Image(); image.src = 'http://beacon.invalid/x.png'; document.body.append(image);
          setTimeout(() => done('nothing'), 3000);
        })"""
    )
    assert blocked == "img-src"


@pytest.mark.browser
def test_nothing_is_asked_of_any_other_host(fast_server: str, open_page: OpenPage) -> None:
    asked: list[str] = []
    page = open_page(fast_server)
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.wait_for_selector("#ask")
    page.wait_for_timeout(500)
    assert [url for url in asked if not url.startswith((fast_server, "data:", "blob:"))] == []


def test_while_names_are_hidden_no_message_to_the_browser_holds_them(fast_server: str) -> None:
    (begin,) = [each for each in handlers(fast_server) if len(each["inputs"]) == 6]
    (ask_both,) = [each for each in handlers(fast_server) if each["types"]["generator"]]
    (settle,) = [each for each in handlers(fast_server) if each["trigger_after"] == ask_both["id"]]
    session = uuid.uuid4().hex
    # Both sides then say the same, so no name can come from an answer.
    question = ["beacon?", "fine-tuned", "rag", True, "mallory", None]
    heard = through_the_queue(fast_server, begin["id"], question, session)
    for handler in (ask_both, settle):
        heard += through_the_queue(fast_server, handler["id"], [None], session)
    assert "hidden until you vote" in heard
    assert "Look: " in heard
    for telltale in ("Fine-tuned", "fine-tuned", "manual.pdf", "Technical data", "Queue<", "First token", "searching"):
        assert telltale not in heard
