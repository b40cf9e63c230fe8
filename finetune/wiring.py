"""The one module of this room that asks others: models/ for a model, rag/ for what is found, storage/ for votes, and
wiring.py at the top for the hybrid as the app composes it.

For the commands only, as wiring.py at the top is for app.py; the import contract and tests/test_rooms.py name it.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.comparison import Comparison, Vote
from arena.errors import WorkspaceError
from arena.prompts import Message
from finetune.reader import Alike, Record, Search
from finetune.verify import Passage

if TYPE_CHECKING:
    from finetune.retriever import Corpus

Report = Callable[[str], None]
SEARCHED = 12
"""Sentences that are most like a practice question: as many as RAG puts before its judge."""
LONGEST_REPLY = 512
"""Tokens of a local model that writes examples: eight facts in JSON."""


def base(name: str, report: Report, workspace: Path | None = None) -> tuple[Path, Any]:
    """(folder, tokenizer) of a base model; "" for the workspace's, else the usual one."""
    from transformers import AutoTokenizer

    from arena.workspace import open_workspace
    from models.weights import DEFAULT_MODEL, prepare

    if not name and workspace is not None:
        name = str(open_workspace(workspace).settings.get("base_model", ""))
    folder = prepare(name or DEFAULT_MODEL, report)
    return folder, AutoTokenizer.from_pretrained(folder, local_files_only=True)


def identity(folder: Path) -> dict[str, Any]:
    """What a base model is."""
    from models.weights import identity as found

    return found(folder)


def served_dtype() -> Any:
    """The number format that the engine computes in here."""
    from models.engine import served_dtype as found

    return found()


def check_adapter(adapter: Path, base: Path) -> None:
    """Raises `AdapterMismatch` when the adapter was made for another base, or for other prompts."""
    from models.weights import check_adapter as check
    from models.weights import identity as found

    check(adapter, found(base))


def adapter_hash(adapter: Path) -> str:
    from models.weights import adapter_hash as found

    return found(adapter)


def chat_model(url: str, name: str, report: Report, workspace: Path) -> Any:
    """A LangChain chat model: at an OpenAI-compatible address (the key from OPENAI_API_KEY), else a local base, without
    a name the workspace's."""
    if url:
        from models.remote import remote_chat_model

        return remote_chat_model(url, name, os.environ.get("OPENAI_API_KEY", ""))
    from models.chat import LocalChatModel
    from models.engine import BASE, Engine, GenerationSettings

    folder, _ = base(name, report, workspace)
    return LocalChatModel(engine=Engine(folder, {}, GenerationSettings(max_new_tokens=LONGEST_REPLY)), adapter=BASE)


def served(folder: Path) -> Callable[[Sequence[Message]], list[int]]:
    """messages -> the token ids that the app gives the model for them."""
    from models.engine import Engine

    return Engine(folder, {}).prompt_ids


def passages(workspace: Path, report: Report) -> list[Passage]:
    """The passages of the workspace's documents, as RAG cuts them."""
    chunks = _index(workspace, report, None).chunks
    return [Passage(chunk.document, chunk.context, chunk.text, chunk.sentences) for chunk in chunks]


def voted(workspace: Path) -> list[tuple[Comparison, Sequence[Vote]]]:
    """Every comparison of the workspace with its current votes.

    Raises:
        WorkspaceError: no database yet.
    """
    from arena.workspace import open_workspace
    from storage import chosen, open_history

    place = chosen(open_workspace(workspace).settings.get("database"), workspace, os.environ)
    if isinstance(place, Path) and not place.is_file():
        raise WorkspaceError(
            f"No votes in {workspace} yet: compare and vote with `python app.py --workspace {workspace}`."
        )
    return open_history(place).voted()


def retriever(workspace: Path, report: Report) -> Callable[[str], Sequence[str]]:
    """question -> the sentences that the workspace's index brings, as the hybrid is served them: without a judge."""
    from rag.passages import as_documents, sentences_of
    from rag.retrieve import search

    index = _index(workspace, report, own_query_adapter(workspace))
    return lambda question: sentences_of(as_documents(index, search(index, question)))


def composed_hybrid(workspace: Path) -> Callable[[Sequence[str]], Sequence[str]] | None:
    """The hybrid that the app composes of the fine-tuned model and RAG: answers to many questions at once, kept with
    those that `evaluate` got and not asked for again; None where the app has none."""
    from arena.evaluation import Notebook
    from arena.workspace import open_workspace
    from wiring import Parts

    opened = open_workspace(workspace)
    parts = Parts(opened)
    if "hybrid" not in parts.all():
        return None
    identity, answers = parts.start().batch("hybrid")
    return Notebook(opened.evaluation).answering("hybrid", identity, answers)


def alike(records: Sequence[Record], report: Report) -> Alike:
    """For each question of these records the sentences of all of them that are nearest to it, by the embedder alone."""
    from rag.embedder import open_embedder

    embedder = open_embedder()
    sentences = list(dict.fromkeys(text for record in records for text in record.sentences))
    questions = [text for record in records for _, wordings in record.questions for text in wordings]
    questions += [text for record in records for text in record.missing]
    report(f"embedding {len(sentences)} practice sentences and {len(questions)} questions")
    near = embedder.encode(questions) @ embedder.encode(sentences).T
    best = (-near).argsort(axis=1, kind="stable")[:, :SEARCHED]
    found = {text: [sentences[place] for place in row] for text, row in zip(questions, best, strict=True)}
    return found.__getitem__


def embedder() -> tuple[Path, str, Path]:
    """Of RAG's embedder: the folder of its weights as they come, their name, and where it looks for its adapter."""
    from rag.embedder import ADAPTER, HUB_NAME, weights_folder

    return weights_folder(), HUB_NAME, ADAPTER


def practice_search(records: Sequence[Record], folder: Path) -> Search:
    """RAG's own search over these records, each of them a document in `folder`, an empty one."""
    from rag.embedder import open_embedder
    from rag.index import open_or_build

    (folder / "documents").mkdir()
    for record in records:
        text = "\n\n".join([f"# {record.topic}", *record.sentences])
        (folder / "documents" / f"{record.id}.md").write_text(text, encoding="utf-8")
    return _search(open_or_build(folder, open_embedder()))


def search(workspace: Path, report: Report, query_adapter: Path | None = None) -> Search:
    """What RAG puts before its judge in this workspace, its questions encoded with this adapter."""
    return _search(_index(workspace, report, query_adapter))


def own_query_adapter(workspace: Path) -> Path | None:
    """The workspace's adapter for questions, if RAG uses one there."""
    from rag.settings import query_adapter

    return query_adapter(workspace, _configured(workspace)[1])


def own_judge(workspace: Path) -> Path | None:
    """The workspace's own judge, if RAG uses one there."""
    from rag.settings import own_judge as found

    return found(workspace, _configured(workspace)[1])


def query_identity(workspace: Path) -> str:
    """What RAG's adapter for questions is in this workspace, empty without one."""
    from rag.embedder import open_embedder

    path, settings = _configured(workspace)
    own = own_query_adapter(workspace)
    return open_embedder(path, adapted=settings.embedder_adapter != "none", query_adapter=own).query_identity


def corpus(workspace: Path, report: Report) -> tuple["Corpus", str]:
    """What RAG searches in this workspace, and the identity of the embedder that made its vectors."""
    from finetune.retriever import Corpus
    from rag.build import chunk_text
    from rag.vectors import rows

    index = _index(workspace, report, None)
    passages = rows(index.vectors)
    if passages is None:
        passages = index.embedder.encode([chunk_text(chunk) for chunk in index.chunks])
    sentences = tuple(sentence.text for sentence in index.sentences)
    return Corpus(sentences, index.sentence_vectors, index.parents, passages), index.embedder.identity


def query_embedder(workspace: Path) -> tuple[Callable[[], Any], str, Path]:
    """Of the embedder that a workspace's documents are encoded with: what loads it, on the GPU if there is one, its
    name, and where the adapter for questions belongs."""
    from finetune.precision import device
    from rag.embedder import HUB_NAME, load, shipped_adapter, weights_folder
    from rag.settings import RETRIEVER

    path, settings = _configured(workspace)
    folder, adapter = weights_folder(path), shipped_adapter(path, settings.embedder_adapter != "none")
    return lambda: load(folder, adapter, device()), path.name if path else HUB_NAME, workspace / RETRIEVER


def _search(index: Any) -> Search:
    from rag.retrieve import candidates, ranked

    def found(question: str) -> list[tuple[str, float]]:
        places = ranked(index, question)
        return [(index.sentences[place].text, float(places.scores[place])) for place in candidates(index, places)]

    return found


def _configured(workspace: Path) -> tuple[Path | None, Any]:
    """The folder of the embedder, None for the usual one, and [rag] of workspace.toml."""
    from arena.workspace import open_workspace, settings_from
    from rag.settings import Settings

    opened = open_workspace(workspace)
    named = opened.settings.get("embedder")
    return Path(named) if named else None, settings_from(Settings, "rag", opened.table("rag"))


def _index(workspace: Path, report: Report, query_adapter: Path | None) -> Any:
    """The workspace's index; questions are encoded with this adapter."""
    from rag.embedder import open_embedder
    from rag.index import open_or_build

    path, settings = _configured(workspace)
    embedder = open_embedder(path, adapted=settings.embedder_adapter != "none", query_adapter=query_adapter)
    index = open_or_build(workspace, embedder, settings)
    report(str(index.report))
    return index
