"""What a search found, as LangChain's documents: passages with the sentences that were chosen in them, and where else
the same stands. Does not search.
"""

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from arena.scoring import normalised
from rag.duplicates import alike
from rag.filters import Filter
from rag.index import Index
from rag.retrieve import Found, search


class SentenceRetriever(BaseRetriever):
    """`search` as a LangChain retriever. Each document is a passage of which sentences were chosen, or at least looked
    at; its metadata hold `document`, `location`, `score` (of its best sentence), `sentences`, a list of `rank`, `text`
    and `score`, which is empty when none was chosen, `together`, whether the sentences of all passages answer only
    together, and `also_in`, where else the same stands. Passages come in the order of their best sentence, those
    without a chosen one last (`chosen_of` takes the others). `where`, a `Filter`, may also be given with a question:
    `retriever.invoke(question, where=Filter(types=("pdf",)))`."""

    index: Any
    judge: Any = None
    where: Any = None

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, where: Filter | None = None
    ) -> list[Document]:
        return as_documents(self.index, search(self.index, query, self.judge, where or self.where))


def as_documents(index: Index, found: Found) -> list[Document]:
    """The passages that hold the chosen sentences, and after them those of which none was chosen."""
    passages: dict[int, list[dict[str, Any]]] = {}
    for rank, (place, score) in enumerate(zip(found.sentences, found.scores, strict=True)):
        sentence = index.sentences[place]
        passages.setdefault(sentence.chunk, []).append({"rank": rank, "text": sentence.text, "score": score})
    documents = []
    best = {number: max(sentence["score"] for sentence in sentences) for number, sentences in passages.items()}
    copies = {
        number: _copies(index, number, [each["text"] for each in sentences], found.near)
        for number, sentences in passages.items()
    }
    said = {copy for found_again in copies.values() for copy in found_again}
    for number, score in [*best.items(), *(each for each in found.unused if each[0] not in said)]:
        chunk = index.chunks[number]
        metadata = {
            "document": chunk.document,
            "location": chunk.location,
            "score": score,
            "sentences": passages.get(number, []),
            "together": found.together,
            "also_in": _names(index, number, copies.get(number, ())),
        }
        documents.append(Document(chunk.text, metadata=metadata, id=str(number)))
    return documents


def _copies(index: Index, number: int, sentences: Sequence[str], among: Sequence[int]) -> list[int]:
    """The passages among these that say the same as this one, or hold one of its chosen sentences too."""
    wanted = {normalised(text) for text in sentences}
    return [
        other
        for other in among
        if other != number
        and (
            alike(index.chunks[number].text, index.chunks[other].text)
            or not wanted.isdisjoint(map(normalised, index.chunks[other].sentences))
        )
    ]


def _names(index: Index, number: int, copies: Sequence[int]) -> list[str]:
    """Other places than this passage's, each document and location once, in words."""
    here = index.chunks[number]
    places = [(index.chunks[copy].document, index.chunks[copy].location) for copy in copies]
    others = dict.fromkeys(place for place in places if place != (here.document, here.location))
    return [f"{document} ({location})" for document, location in others]


def chosen_of(documents: Sequence[Document]) -> list[Document]:
    """Those of these passages of which a sentence was chosen."""
    return [document for document in documents if document.metadata["sentences"]]


def sentences_of(documents: Sequence[Document]) -> list[str]:
    """The chosen sentences of these passages, best first."""
    held = [sentence for document in documents for sentence in document.metadata["sentences"]]
    return [sentence["text"] for sentence in sorted(held, key=lambda sentence: sentence["rank"])]
