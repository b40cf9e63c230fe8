"""A Compare page without a browser: its handlers over scripted contestants and a history in memory."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from arena.comparison import Choice
from arena.events import Failed, Finished, Passage, Retrieved, Token, Working
from arena.people import Person, Role
from arena.runner import Runner
from tests.fakes import FakeContestant, FakeHistory, Step
from ui.compare import Compare
from ui.limits import Limits
from ui.rights import Rights
from ui.session import Session
from ui.settings import Settings

PASSAGE = Passage("manual.pdf", "page 3", "The pump draws 11 watts.", 0.83, ("The pump draws 11 watts.",))
TUNED = [Working(), Token("tuned says "), Token("eleven"), Finished(10, 2)]
RAG = [Working("searching"), Retrieved((PASSAGE,)), Token("found says "), Token("eleven [1]"), Finished(99, 2)]
FAILING: list[Step] = [Working(), Token("half"), Failed("The generator broke: ask again.")]


def everybody_is(role: Role | None, name: str = "", **rights: Any) -> Rights:
    """All are this person."""
    return Rights(lambda request: Person(name, role), **rights)


def signed_in_by_header(**rights: Any) -> Rights:
    """Who a request says it is, as an annotator; of visitors, nobody."""
    return Rights(lambda request: Person(request.headers.get("who", ""), Role.ANNOTATOR), signs_in=True, **rights)


class Request:
    """What handlers read of `gr.Request`."""

    def __init__(self, who: str = "") -> None:
        self.headers = {"who": who}


REQUEST: Any = Request()


class Page:
    """One open page."""

    def __init__(self, tuned: list[Step] | None = None, rag: list[Step] | None = None, **runner: Any) -> None:
        """`at_once`: each contestant has a device of its own; `rights`: who may what, where not all may everything."""
        self.rights: Rights = runner.pop("rights", everybody_is(Role.ADMIN))
        other = "gpu" if runner.pop("at_once", False) else "cpu"
        self.tuned = FakeContestant("fine-tuned", script=tuned or list(TUNED), identity={"model": "m-tuned"})
        self.rag = FakeContestant("rag", other, script=rag or list(RAG), identity={"model": "m-rag"})
        self.base = FakeContestant("base", script=list(TUNED))
        self.history = FakeHistory()
        contestants = {each.name: each for each in (self.tuned, self.rag, self.base)}
        self.settings = Settings(workspace="demo", code_version="c0ffee")
        limits = Limits(self.rights)
        self.handlers = Compare(Runner(contestants, **runner), self.history, self.settings, self.rights, limits)
        self.session = Session()
        self.sent: list[list[Any]] = []

    def begin(self, prompt: str = "How many watts?", sides: tuple[str, str] = ("fine-tuned", "rag"), **how: Any) -> Any:
        """Press Ask; returns what the prompt box is set to."""
        blind, name = how.get("blind", False), how.get("name", "ann")
        _, box, *rest = self.handlers.begin(prompt, *sides, blind, name, self.session, Request(how.get("user", "")))  # type: ignore[arg-type]
        self.sent.append(rest)
        return box

    async def stream(self, each: Callable[["Page"], None] = lambda page: None) -> None:
        """Everything after Ask, as Gradio would drive it."""
        async for values in self.handlers.ask(self.session, REQUEST):
            self.sent.append(values)
            each(self)
        self.sent.append(await self.handlers.settle(self.session, REQUEST))

    def ask(self, prompt: str = "How many watts?", **how: Any) -> None:
        """Press Ask and wait for the end."""
        self.begin(prompt, **how)
        asyncio.run(self.stream())

    def vote(self, choice: Choice, reason: str = "", name: str = "ann", user: str = "") -> None:
        values = self.handlers.voter(choice)(reason, name, self.session, Request(user))
        self.sent.append(values[1:])

    @property
    def seen(self) -> str:
        """Everything that was sent to the browser so far."""
        return json.dumps(self.sent, default=str, ensure_ascii=False)

    @property
    def now(self) -> str:
        """What was sent last, a full screen."""
        return json.dumps(self.sent[-1], default=str, ensure_ascii=False)

    @property
    def votes_open(self) -> bool:
        """The vote buttons, as sent last."""
        states = {update["interactive"] for update in self.sent[-1][-4:]}
        assert len(states) == 1
        return states == {True}
