"""The RAG contestant: the chain's stream told as events. Does not time anything; the runner does."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import numpy
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from arena.citations import cite
from arena.contestant import StopSignal
from arena.events import Event, Finished, Note, Passage, Retrieved, StopReason, Token, Working
from arena.prompts import PROMPT_VERSION
from arena.question import Question
from arena.scoring import normalised
from arena.verified import Support
from rag.budget import Prompt, fitted
from rag.chain import build_chain, needed, too_far
from rag.follow_ups import search_text
from rag.index import Index
from rag.passages import as_documents
from rag.retrieve import SEARCH_VERSION, Found, Judge, candidates, ranked, search

REASONS: Mapping[str, StopReason] = {"length": "length", "max_tokens": "length", "repetition": "repetition"}
"""What models call it; everything else ended by itself."""
UNJUDGED = 0.5
"""How likely a sentence answers that nobody judged: as likely as not."""
NAMED = 3
"""Other places in which the same stands; how many more there are is told."""
COMPARED = 8
"""Sentences that an answer is compared with, the most alike first."""


class RagContestant:
    """Answers from the documents, never from one that was deleted meanwhile: it looks before each answer. `generator`
    says what is needed to get the same model again; `newest`, which index was opened last."""

    def __init__(
        self,
        index: Index,
        model: BaseChatModel,
        generator: Mapping[str, str],
        device: str = "local",
        name: str = "rag",
        judge: Judge | None = None,
        newest: Callable[[], Index] | None = None,
        rewriter: BaseChatModel | None = None,
    ) -> None:
        self.name, self.device = name, device
        self._newest = newest or (lambda: index)
        opened = self._newest()
        # A contestant may have settings of its own: its index is then another one, of the same content.
        self._opened = opened if opened.identity == index.identity else index
        self.model, self._judge, self._generator, self._rewriter = model, judge, generator, rewriter
        self._limit = needed(index.settings, judge)
        self._search_in(index)

    def _search_in(self, index: Index) -> None:
        judge, self._index = self._judge, index
        self._chain = build_chain(index, self.model, judge, self._rewriter)
        self._identity = {
            **self._generator,
            "index": index.identity,
            "embedder": index.embedder.identity,
            **({"query_adapter": index.embedder.query_identity} if index.embedder.query_identity else {}),
            "prompt": PROMPT_VERSION,
            "search": SEARCH_VERSION,
            **{f"judge.{name}": value for name, value in (judge.identity if judge else {}).items()},
            **{f"rag.{name}": value for name, value in index.settings.as_identity().items()},
        }

    @property
    def identity(self) -> Mapping[str, str]:
        return self._identity

    @property
    def judge(self) -> Judge | None:
        return self._judge

    def messages(self, text: str) -> list[BaseMessage]:
        """What the model sees of a first question, empty when it would not be asked; for accuracy in batches."""
        self._forget_deleted()
        found = as_documents(self._index, search(self._index, text, self._judge))
        if too_far(found, self._limit):
            return []
        return list(fitted(self.model, self._index.settings, text, found, (), self._judge is not None).messages)

    def answer(self, question: Question, stop: StopSignal) -> Iterator[Event]:
        """Working, Retrieved, Note*, Token*, Finished."""
        yield Working("searching the documents")
        self._forget_deleted()
        streams: list[Any] = []
        given = {"question": question.text, "history": question.history, "streams": streams}
        usage = {"input_tokens": 0, "output_tokens": 0}
        reason: StopReason = "end"
        with closing(_closeable(self._chain.stream(given))) as stream, _closed(streams):
            for part in stream:
                if stop.is_set():
                    yield Finished(usage["input_tokens"], usage["output_tokens"], "stopped")
                    return
                if "search_text" in part and part["search_text"] != question.text:
                    yield Note(f"Searched for: {part['search_text']}")
                if "documents" in part:
                    found = part["documents"]
                if "prompt" in part:
                    yield from self._retrieved(found, part["prompt"])
                if "answer" in part:
                    chunk = part["answer"]
                    for key in usage:
                        usage[key] += (chunk.usage_metadata or {}).get(key, 0)
                    reason = REASONS.get(chunk.response_metadata.get("finish_reason") or "", reason)
                    if text := str(chunk.text):
                        yield Token(text)
        yield Finished(usage["input_tokens"], usage["output_tokens"], reason)

    def support(self, question: Question, answer: str) -> Support:
        """Passages that say what an answer says, one for each of its sentences, whoever gave it; and the lowest
        probability by which the judge finds that one of these sentences answers the question. Costs two embeddings and
        what the judge takes; when the answer is not believed, what is searched then is judged again."""
        self._forget_deleted()
        if not self._index.chunks or not answer.strip():
            return Support()
        found = ranked(self._index, answer, stated=True)
        places = tuple(candidates(self._index, found)[:COMPARED])
        chunks = list(dict.fromkeys(self._index.sentences[place].chunk for place in places))
        documents = as_documents(self._index, Found((), places, tuple(float(found.scores[place]) for place in places)))
        passages = [_passage(document, shown=True) for document in documents]
        claims = cite(answer, passages)
        sources = [claim.source for claim in claims if claim.source is not None]
        if not claims or len(sources) < len(claims):
            return Support()
        told: dict[int, list[str]] = {}
        for source in sources:
            text = passages[source.passage].text[source.start : source.end]
            told.setdefault(source.passage, []).append(text)
        said = [(chunks[number], text) for number, texts in told.items() for text in texts]
        shown = tuple(replace(passages[number], used=tuple(sorted(set(texts)))) for number, texts in told.items())
        return Support(shown, self._answered(question, said))

    def _answered(self, question: Question, said: Sequence[tuple[int, str]]) -> float:
        """How likely each of these (chunk, sentence) answers the question, the lowest: by the judge, and beside what it
        would be shown."""
        if self._judge is None:
            return UNJUDGED
        index = self._index
        asked = search_text(question.text, question.history, index.settings.follow_ups, self._rewriter)
        found = ranked(index, asked)
        shown: dict[str, tuple[str, float]] = {}

        def show(place: int) -> str:
            """One of those that say the same is enough: more would be rivals of each other."""
            text = index.sentences[place].text
            shown.setdefault(normalised(text), (text, max(0.0, float(found.scores[place]))))
            return normalised(text)

        for place in candidates(index, found):
            show(place)
        stated = [
            [
                show(int(place))
                for place in numpy.flatnonzero(index.parents == chunk)
                # A very long sentence stands in the index in pieces.
                if text in index.sentences[place].text or index.sentences[place].text in text
            ]
            for chunk, text in said
        ]
        chances = dict(zip(shown, map(float, self._judge.scores(asked, list(shown.values()))), strict=True))
        return min(max((chances[text] for text in texts), default=UNJUDGED) for texts in stated)

    def _forget_deleted(self) -> None:
        """What is gone stays gone until the index is opened anew, even if a file of its name comes back."""
        newest, index = self._newest(), self._index
        if newest is not self._opened:
            self._opened = newest
            same = newest.settings == index.settings
            index = newest if same else replace(newest, settings=index.settings)
        index = index.present()
        if index is not self._index:
            self._search_in(index)

    def _retrieved(self, found: Sequence[Document], prompt: Prompt) -> Iterator[Event]:
        if too_far(found, self._limit):
            yield Retrieved(tuple(_passage(document, shown=False) for document in found))
            yield Note(self._why_not_asked(found))
            return
        kept = {document.id for document in prompt.documents}
        unused = [document for document in found if document.id not in kept]
        shown = [_passage(document, shown=True) for document in prompt.documents]
        yield Retrieved((*shown, *(_passage(document, shown=False) for document in unused)))
        yield from _copies(prompt.documents)
        yield from map(Note, prompt.notes)

    def _why_not_asked(self, found: Sequence[Document]) -> str:
        if not found:
            return "This workspace has no documents to search: put some into its documents folder."
        best = max(document.metadata["score"] for document in found)
        if self._judge is not None:
            return f"No sentence was judged to answer the question (best {best:.2f}, needed {self._limit:.2f})."
        return (
            f"Nothing in the documents is near the question (best {best:.2f}, needed {self._limit:.2f}): "
            "model not asked."
        )


def _passage(document: Document, shown: bool) -> Passage:
    held = document.metadata
    used = tuple(sentence["text"] for sentence in held["sentences"]) if shown else ()
    return Passage(held["document"], held["location"], document.page_content, float(held["score"]), used)


def _copies(documents: Sequence[Document]) -> Iterator[Note]:
    """Where else the same stands, of which one is shown."""
    for document in documents:
        held = document.metadata
        if also := held["also_in"]:
            more = f" and {len(also) - NAMED} more" if len(also) > NAMED else ""
            yield Note(f"{held['document']} ({held['location']}) also stands in {', '.join(also[:NAMED])}{more}.")


@contextmanager
def _closed(streams: Sequence[Any]) -> Iterator[None]:
    """In the end the model's streams are closed, whoever still holds them."""
    try:
        yield
    finally:
        for stream in streams:
            stream.close()


def _closeable(stream: Iterator[dict[str, Any]]) -> Any:
    """LangChain types its streams as iterators; they are generators, and closing one stops the model."""
    return stream
