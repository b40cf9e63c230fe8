"""A tiny company's documents, and chat models that say what they are told to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk
from pydantic import PrivateAttr

from arena.contestant import Contestant
from arena.events import Event, Note, Retrieved, Token
from arena.question import Question, Turn
from rag.blocks import Document, Skipped
from rag.documents import attempt, contents, parse_document, scan

LAMPS = """# Lamps

## Brass lamp

The Orlin brass lamp weighs 4 kilograms. It was designed by Tavi Brunn.

## Glass lamp

The Orlin glass lamp weighs 9 kilograms. The glass lamp is made in the Fenmoor works.

| Lamp | Price |
|---|---|
| Brass lamp | 80 euros |
| Glass lamp | 95 euros |
"""
HOLIDAYS = """HOLIDAYS

Every employee has 31 days of paid holiday a year. Holidays are requested from the Calendar Crew.
"""
WORKS = """<html><head><title>Our works - Orlin</title></head><body>
<nav><a href="/">Home page of Orlin</a></nav><header>Orlin Ltd header</header>
<main><h1>Our works</h1><p><strong>Where are the works?</strong></p>
<p>The Fenmoor works stand in the town of Aldergate.</p></main>
<footer>Imprint of Orlin</footer><script>var tracking = 1;</script></body></html>
"""


def tiny_workspace(folder: Path) -> Path:
    """A workspace with three documents in three formats."""
    documents = folder / "documents"
    documents.mkdir(parents=True)
    (documents / "lamps.md").write_text(LAMPS, encoding="utf-8")
    (documents / "holidays.txt").write_text(HOLIDAYS, encoding="utf-8")
    (documents / "works.html").write_text(WORKS, encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Loaded:
    """The documents of a folder and what was left out, both in the order of their names."""

    documents: tuple[Document, ...]
    skipped: tuple[Skipped, ...]


def load_documents(folder: Path, max_megabytes: int = 50) -> Loaded:
    """Every file below `folder`, parsed or skipped."""
    found: list[Document | Skipped] = []
    for file in scan(folder, max_megabytes):
        if file.left_out:
            found.append(Skipped(file.name, file.left_out))
            continue
        for content in contents(file.name, file.path.read_bytes(), max_megabytes):
            if isinstance(content, Skipped):
                found.append(content)
            else:
                found.append(attempt(content[0], lambda content=content: parse_document(*content)))  # type: ignore
    return Loaded(
        tuple(item for item in found if isinstance(item, Document)),
        tuple(item for item in found if isinstance(item, Skipped)),
    )


class ScriptedModel(GenericFakeChatModel):
    """Streams `pieces`, counts one token per word, and notes what it was sent and whether it was stopped.
    With `gate`, it says nothing until that is set."""

    pieces: list[str]
    finish_reason: str = "end"
    gate: Any = None
    messages: Iterator[Any] = iter(())
    _sent: list[list[BaseMessage]] = PrivateAttr(default_factory=list)
    _said: list[str] = PrivateAttr(default_factory=list)
    _closed: list[bool] = PrivateAttr(default_factory=list)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self._sent.append(messages)
        if self.gate is not None:
            assert self.gate.wait(10)
        try:
            for piece in self.pieces:
                self._said.append(piece)
                yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
            usage = UsageMetadata(input_tokens=50, output_tokens=len(self.pieces), total_tokens=50 + len(self.pieces))
            last = AIMessageChunk(
                content="", usage_metadata=usage, response_metadata={"finish_reason": self.finish_reason}
            )
            yield ChatGenerationChunk(message=last)
        finally:
            self._closed.append(True)

    def get_token_ids(self, text: str) -> list[int]:
        return [0] * len(text.split())

    @property
    def prompt(self) -> str:
        """The text of the last message it was sent."""
        return str(self._sent[-1][-1].text)


class Signal:
    """A stop signal that is set when `when` says so."""

    def __init__(self) -> None:
        self.on = False

    def is_set(self) -> bool:
        return self.on

    def wait(self, timeout: float | None = None) -> bool:
        return self.on


def ask(contestant: Contestant, text: str, *history: Turn) -> list[Event]:
    """All events of one question."""
    return list(contestant.answer(Question(text, history), Signal()))


def passages(events: list[Event]) -> Retrieved:
    return next(event for event in events if isinstance(event, Retrieved))


def notes(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Note)]


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


class ScriptedJudge:
    """Gives each sentence the score of the first phrase it holds, 0.1 without one; notes what it was asked."""

    def __init__(self, **scores: float) -> None:
        self.likes = {phrase.replace("_", " "): score for phrase, score in scores.items()}
        self.asked: list[list[str]] = []
        self.identity = {"adapter": "scripted"}

    def scores(
        self, question: str, sentences: Sequence[tuple[str, float]], twos: Sequence[tuple[str, float]] = ()
    ) -> list[float]:
        texts = [text for text, _ in (*sentences, *twos)]
        self.asked.append(texts)
        return [next((score for phrase, score in self.likes.items() if phrase in text), 0.1) for text in texts]
