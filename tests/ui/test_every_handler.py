"""Every handler and every address of the served app, called raw, as a program would that has no page and no rights.

What a visitor may use is listed here; whatever is in neither list fails the first test. Everything that is worth
having holds the word that must not come out.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from starlette.routing import Route

import ui
from arena import elsewhere
from arena.annotation import QueuedPrompt, Source
from arena.answer import Answer
from arena.comparison import Choice, Comparison, Vote
from arena.loading import State
from arena.people import PeopleSettings, Role
from arena.queue import QueueSettings
from arena.runner import Runner
from arena.training import RunState
from commands.results import standings_of
from storage import DatabaseHistory, DatabasePeople, DatabaseQueue, open_database
from tests.end_to_end.conftest import free_port
from tests.fakes import FakeContestant, FakeDesk, FakeHistory, FakeShelf
from tests.storage.examples import CHEAP, PASSWORD, pair
from tests.ui.test_exports import FakeExports
from tests.ui.test_filling import FakeFiller
from ui.accounts import COOKIE, accounts
from ui.sign_in import Doors

SECRET = "heliotrope"
WORDS = "Is it"
"""What is typed everywhere: a name, and a part of the stored question."""

REFUSALS = tuple(f"his takes {role}" for role in ("a visitor", "an annotator", "an admin"))
WAY_IN = "shower.<locals>.show"
"""What says where to sign in."""

FOR_VISITORS = {
    "Compare.greet": "a new page's state",
    "Compare.status": "what is loading",
    "Compare.begin": "asks",
    "Compare.ask": "answers what was asked on this page",
    "Compare.settle": "the same, at the end",
    "Compare.press_stop": "stops what was asked on this page",
    "Compare.clear": "empties this page",
    "Compare.choose_sides": "what the contestants are",
    "ResultsPage.show": "what the votes say, without names",
    "ResultsPage.follow": "the same, by address",
    "Keeping.look": "whether the vote of this page is backed up",
    "Keeping.count": "how many votes are backed up",
    "Compare.remember": "gives a typed name back",
    "Compare.voter.<locals>.vote": "votes on what was asked on this page",
    "HistoryPage.open_clicked": "opens what one has the id of",
    "_follow_address.<locals>.follow": "the same, by address",
    "shower.<locals>.show": "who one is",
    "tabs_shower.<locals>.show": "which tabs one sees",
    "KnowledgePage.close": "closes a panel",
    "KnowledgePage.keep": "closes a question",
}
FOR_ANNOTATORS = {
    "HistoryPage.find",
    *(f"Annotate.{name}" for name in ("look", "greet", "follow", "rename", "undo", "keep", "open_clicked", "prepare")),
    "Annotate.voter.<locals>.vote",
    "Annotate.skipper.<locals>.skip",
}
FOR_ADMINS = {
    "show.<locals>.show_exports",
    *(f"KnowledgePage.{name}" for name in ("look", "watch", "find", "add", "rebuild", "open_clicked", "ask_to_delete")),
    *(f"KnowledgePage.{name}" for name in ("delete", "search")),
    *(f"TrainingPage.{name}" for name in ("look", "start", "stop", "go_on")),
    *(f"PeoplePage.{name}" for name in ("look", "add", "open_clicked", "change_role", "renew_password")),
    *(f"PeoplePage.{name}" for name in ("ask_to_remove", "remove")),
    *(f"Filling.{name}" for name in ("look", "add_file", "add_questions", "add_visitors", "retry")),
}


class Exports(FakeExports):
    """Files that say what they hold."""

    @property
    def kinds(self) -> Mapping[str, str]:
        return {"csv": SECRET}


class Kept:
    """A keeper of votes that has them all."""

    def kept(self) -> elsewhere.Kept:
        return elsewhere.Kept(1, 1)

    def backed_up(self, vote_id: str) -> bool:
        return True


def status() -> dict[str, State]:
    """What has loaded, as the app's own tells it."""
    return {"models": State("loading", f"opening {SECRET}"), "votes": State("ready", f"41 votes of {SECRET}")}


@dataclass
class Served:
    """An app with people in it, listening; `effects` is what calls could change."""

    folder: Path
    settings: PeopleSettings = field(default_factory=PeopleSettings)

    def __post_init__(self) -> None:
        self.database = open_database(self.folder / "arena.sqlite")
        self.people = DatabasePeople(self.database, cost=CHEAP)
        for name, role in (("Ada", Role.ADMIN), ("Ben", Role.ANNOTATOR), (SECRET, Role.VISITOR)):
            self.people.add(name, PASSWORD, role)
        self.contestants = {name: FakeContestant(name) for name in ("fine-tuned", "rag")}
        self.history = FakeHistory()
        answers = {name: Answer(name, f"It is {SECRET}.", reason="finished") for name in self.contestants}
        self.stored = Comparison(f"Is it {SECRET}?", "fine-tuned", "rag", False, asked_by=SECRET, answers=answers)
        self.history.save(self.stored)
        self.history.cast(Vote(self.stored.id, SECRET, Choice.TIE, False, f"both {SECRET}"))
        self.queue = DatabaseQueue(self.database, QueueSettings())
        self.queue.add([QueuedPrompt(f"And is it {SECRET}?", Source.IMPORTED)], [("fine-tuned", "rag")])
        kept = DatabaseHistory(self.database)
        kept.save(self.stored)
        kept.cast(Vote(self.stored.id, SECRET, Choice.LEFT, True))
        while waiting := self.queue.next_task():
            self.queue.answered(waiting[0].id, pair(waiting[1], answers=answers))
        self.queue.add([QueuedPrompt("What fails?", Source.IMPORTED)], [("fine-tuned", "rag")])
        while waiting := self.queue.next_task():
            self.queue.failed(waiting[0].id, f"{SECRET} ran out")
        self.filler = FakeFiller()
        self.desk = FakeDesk(RunState(status="stopped", step=1, of=2, log_tail=SECRET, exit_code=0))
        self.shelf = FakeShelf({f"{SECRET}.md": f"It is {SECRET}."})
        rights = accounts(self.people, self.settings)
        settings = ui.Settings(workspace="Fernlight", upload_megabytes=1, keeper=Kept(), status=status)
        others: dict[str, Any] = {"rights": rights, "people": self.people, "exports": Exports(), "queue": self.queue}
        others |= {"standings": standings_of(kept), "filler": self.filler}
        self.demo = ui.build(Runner({**self.contestants}), self.history, settings, self.desk, self.shelf, **others)
        port = free_port()
        doors = Doors(self.people, "Fernlight", 12).routes()
        ui.launch(self.demo, settings, port=port, rights=rights, exports=Exports(), doors=doors, block=False)
        self.url = f"http://127.0.0.1:{port}"

    def effects(self) -> Any:
        history = [(one.id, list(self.history.votes(one.id))) for one in self.history.recent()]
        asked = [len(one.asked) for one in self.contestants.values()]
        with self.database.reading() as connection:
            ballots = connection.exec_driver_sql("SELECT id, state, choice FROM ballot").all()
            tasks = connection.exec_driver_sql("SELECT id, state FROM task").all()
        return (
            history,
            asked,
            ballots,
            tasks,
            list(self.filler.calls),
            list(self.desk.calls),
            list(self.shelf.calls),
            dict(self.shelf.texts),
            self.people.all(),
        )

    def cookie(self, name: str) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.people.sign_in(name, PASSWORD)}"}

    def handlers(self) -> dict[int, str]:
        return {number: fn.fn.__qualname__ for number, fn in self.demo.fns.items() if fn.fn is not None}

    def call_all(self, wanted: set[str] | None = None, headers: Mapping[str, str] | None = None) -> dict[str, str]:
        """Everything that the handlers say (of these names, or all), one after another on one page."""
        heard: dict[str, str] = {}
        session = uuid.uuid4().hex
        with httpx.Client(base_url=self.url, headers=dict(headers or {}), timeout=30) as client:
            for number, name in self.handlers().items():
                if wanted is None or name in wanted:
                    heard[name] = heard.get(name, "") + self._call(client, number, session)
        return heard

    def _call(self, client: httpx.Client, number: int, session: str) -> str:
        data = [guess(component) for component in self.demo.fns[number].inputs]
        about = {"name": f"{SECRET}.md", "id": self.stored.id}
        body = {"data": data, "fn_index": number, "session_hash": session, "event_data": about}
        joined = client.post("/gradio_api/queue/join", json=body)
        assert joined.status_code == 200, joined.text
        said = ""
        with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
            for line in stream.iter_lines():
                said += line + "\n"
                if "process_completed" in line or "close_stream" in line:
                    break
        return said


def guess(component: Any) -> Any:
    """A value that the component lets through."""
    if isinstance(component, gr.CheckboxGroup) or (isinstance(component, gr.File) and component.file_count != "single"):
        return []
    if isinstance(component, gr.Number):
        return 1
    if isinstance(component, gr.Dropdown):
        return [] if component.multiselect else component.choices[0][1] if component.choices else None
    if isinstance(component, gr.Checkbox):
        return True
    if isinstance(component, gr.Textbox):
        narrowing = ("(day)", "Names, folders or patterns", "Types")
        return "" if any(text in component.label for text in narrowing) else WORDS
    return None


def carried(said: str) -> list[Any]:
    """What answers bring to a page, beside the refusal and what its own caller typed."""
    brought: list[Any] = []
    for line in said.splitlines():
        message = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
        if message.get("msg") in ("process_generating", "process_completed"):
            assert message["success"], said  # or what is wrong with the call would pass for a refusal
            brought += [value for value in message["output"]["data"] if not is_nothing(value)]
    return brought


def is_nothing(value: Any) -> bool:
    """An output that is left as it is, emptied, shown or hidden; or why nothing came."""
    if isinstance(value, dict):
        return all(map(is_nothing, value.values()))
    refused = isinstance(value, str) and any(words in value for words in REFUSALS)
    return refused or isinstance(value, bool) or value in ("", None, [], "update", WORDS)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    app = Served(tmp_path_factory.mktemp("served"))
    yield app
    app.demo.close()


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Visitors may nothing here."""
    app = Served(tmp_path_factory.mktemp("closed"), PeopleSettings(visitors=False, results="annotator"))
    yield app
    app.demo.close()


def test_every_handler_is_listed_with_whom_it_is_for(served: Served) -> None:
    assert set(served.handlers().values()) == set(FOR_VISITORS) | FOR_ANNOTATORS | FOR_ADMINS


def test_an_admin_gets_something_from_each_kind_of_handler(served: Served) -> None:
    """Or the tests below would find nothing whatever the handlers do."""
    looking = {name for name in FOR_ADMINS if name.endswith((".look", ".search", ".show_exports"))}
    looking |= {"HistoryPage.find", "HistoryPage.open_clicked", "Annotate.look", "ResultsPage.show"}
    heard = served.call_all(looking, served.cookie("Ada"))
    assert {name for name, said in heard.items() if SECRET not in said or not carried(said)} == set()
    changing = {"PeoplePage.add", "KnowledgePage.rebuild", "TrainingPage.go_on", "Filling.add_visitors"}
    served.call_all(changing, served.cookie("Ada"))
    assert [(what, terms.added_by) for what, terms in served.filler.calls] == [("visitors", "Ada")]
    assert WORDS in [person.name for person in served.people.all()]
    assert served.shelf.calls and served.desk.calls
    served.people.remove(WORDS)


def test_without_rights_nothing_is_given_and_nothing_done(served: Served) -> None:
    before = served.effects()
    heard = served.call_all(FOR_ANNOTATORS | FOR_ADMINS)
    assert {name: carried(said) for name, said in heard.items() if carried(said)} == {}
    heard |= served.call_all({"ResultsPage.show", "ResultsPage.follow"})
    assert [name for name, said in heard.items() if SECRET in said] == []
    assert served.effects() == before


def test_an_annotator_does_nothing_that_takes_an_admin(served: Served) -> None:
    before = served.effects()
    cookie = served.cookie("Ben")
    heard = served.call_all(FOR_ADMINS, cookie)
    assert {name: carried(said) for name, said in heard.items() if carried(said)} == {}
    assert [name for name, said in heard.items() if SECRET in said] == []
    assert served.effects() == before
    heard = served.call_all({"HistoryPage.find", "Annotate.look"}, cookie)
    assert [SECRET in said for said in heard.values()] == [True, True]


@pytest.mark.parametrize("trick", ["Origin", "token", "ended"])
def test_a_cookie_counts_only_from_the_apps_own_page_and_while_the_sign_in_lasts(served: Served, trick: str) -> None:
    headers = served.cookie("Ada")
    if trick == "Origin":
        headers["Origin"] = served.url.replace("127.0.0.1", "localhost")
    elif trick == "token":
        headers["Cookie"] += "x"
    else:
        served.people.sign_out(headers["Cookie"].partition("=")[2])
    before = served.effects()
    heard = served.call_all({"PeoplePage.look", "KnowledgePage.look", "TrainingPage.go_on"}, headers)
    assert not any(SECRET in said for said in heard.values())
    assert served.effects() == before


def test_where_visitors_may_nothing_no_handler_gives_or_does_anything(closed: Served) -> None:
    before = closed.effects()
    heard = closed.call_all()
    assert [name for name, said in heard.items() if SECRET in said] == []
    assert {name for name, said in heard.items() if carried(said)} == {WAY_IN}
    assert closed.effects() == before


def test_anybody_may_ask_whether_it_is_healthy_and_only_admins_are_told_more(closed: Served) -> None:
    for headers in ({}, closed.cookie("Ben")):
        parts = httpx.get(f"{closed.url}/healthz", headers=headers).json()["parts"]
        assert parts == {"models": {"status": "loading"}, "votes": {"status": "ready"}}
    parts = httpx.get(f"{closed.url}/healthz", headers=closed.cookie("Ada")).json()["parts"]
    assert parts["votes"] == {"status": "ready", "detail": f"41 votes of {SECRET}"}


def test_a_password_that_others_have_seen_opens_nothing(served: Served) -> None:
    served.people.add("Cleo", PASSWORD, Role.ADMIN, once=True)
    try:
        heard = served.call_all({"PeoplePage.look", "TrainingPage.look", "HistoryPage.find"}, served.cookie("Cleo"))
        assert not any(SECRET in said for said in heard.values())
    finally:
        served.people.remove("Cleo")


ANSWERED = {
    "/": "the page",
    "/config": "its components, empty",
    "/config/": "the same",
    "/manifest.json": "the app's title",
    "/theme.css": "colours",
    "/gradio_api/theme.css": "colours",
    "/favicon.ico": "a picture",
    "/robots.txt": "nothing for robots",
    "/healthz": "whether everything has loaded",
    "/sign-in": "a form",
    "/gradio_api/app_id": "a number",
    "/gradio_api/app_id/": "a number",
    "/gradio_api/user": "nobody",
    "/gradio_api/user/": "nobody",
    "/gradio_api/token": "nothing",
    "/gradio_api/token/": "nothing",
    "/gradio_api/login_check": "nothing",
    "/gradio_api/login_check/": "nothing",
    "/gradio_api/queue/status": "how many wait",
    "/gradio_api/startup-events": "nothing",
    "/gradio_api/info": "no endpoints",
    "/gradio_api/info/": "no endpoints",
    "/gradio_api/openapi.json": "no endpoints",
}


STREAMS = {
    "/gradio_api/queue/data": "what the handlers say, heard above",
    "/gradio_api/heartbeat/{session_hash}": "that the page is still there",
}
"""They never end."""


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_address_answers_that_is_not_listed_and_none_gives_anything(served: Served, method: str) -> None:
    before, answered = served.effects(), {}
    known = {route.path for route in flat(served.demo.app.routes)}
    assert known >= {"/gradio_api/upload", "/gradio_api/queue/join", "/sign-in", "/password"}
    with httpx.Client(base_url=served.url, timeout=30) as client:
        for route in flat(served.demo.app.routes):
            if method not in (route.methods or ()) or route.path in STREAMS:
                continue
            path = route.path.split("{")[0] + ("x" if "{" in route.path else "")
            answer = client.request(method, path, json={} if method == "POST" else None)
            assert SECRET not in answer.text, path
            if answer.status_code < 300:
                answered[route.path] = answer.text[:80]
    assert set(answered) - (set(ANSWERED) if method == "GET" else set()) == set(), answered
    assert served.effects() == before


def flat(routes: Any) -> Iterator[Route]:
    for route in routes:
        if inner := getattr(route, "original_router", None):  # FastAPI's way to keep a router that was included
            yield from flat(inner.routes)
        elif hasattr(route, "methods"):
            yield route


def test_no_file_is_left_without_rights(served: Served) -> None:
    def leave(headers: Mapping[str, str]) -> int:
        files = {"files": ("a.md", b"x")}
        return httpx.post(f"{served.url}/gradio_api/upload", files=files, headers=dict(headers)).status_code

    assert [leave({}), leave(served.cookie("Ben")), leave(served.cookie("Ada"))] == [404, 404, 200]


def test_the_pages_configuration_holds_no_data(served: Served) -> None:
    assert SECRET not in json.dumps(served.demo.config, default=str)
