"""What can be set on the retrieving side. Reads neither files nor the environment: `app.py` does."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, get_args

from arena.errors import WorkspaceError
from rag.address import HERE, address_of

Generator = Literal["reader", "base"]
JudgeName = Literal["workspace", "reader", "cross-encoder", "none"]
EmbedderAdapter = Literal["questions", "none"]
QueryAdapter = Literal["workspace", "none"]
FollowUps = Literal["previous", "rewrite", "as asked"]
Fusion = Literal["average", "reciprocal rank"]

CHOICES = {
    "generator": Generator,
    "judge": JudgeName,
    "embedder_adapter": EmbedderAdapter,
    "query_adapter": QueryAdapter,
    "follow_ups": FollowUps,
    "fusion": Fusion,
}
RETRIEVER = Path("adapters") / "retriever"
"""Where a workspace keeps the adapter that was taught where the answers to its questions stand."""
JUDGE = Path("adapters") / "judge"
"""Where it keeps the one that was taught what answers them."""
AT_LEAST_ONE = (
    *("passages", "sentences", "candidates", "judged_sentences"),
    *("context_tokens", "answer_tokens", "chunk_tokens", "max_file_megabytes"),
)


@dataclass(frozen=True)
class Settings:
    """The weights are chosen with `python -m rag measure` on the demo's trained facts, checked on the others.

    `passages`, `sentences`: a sentence may be chosen when it stands in one of that many best passages, or is
    itself among the nearest; that many sentences are shown to the model. A small reader reads fewer better.
    `generator`: which prompt the model was made for: the trained reader's or the plain one.
    `judge`: who decides which of the `candidates` best sentences answer the question, giving each the probability that
    it does: the adapter that was taught what answers this workspace's questions (`python -m finetune judge`), if there
    is one, else the reader's; always the reader's; the cross-encoder `reranker`, a folder or a name on the Hub; or
    nobody. With a judge the model is shown the `judged_sentences` best, or two that are judged together when the best
    one's probability is under `judged_below`; when theirs is under `judged_pair_below` (or that one, if it is higher),
    it is not asked (the source: docs/measured.md). Two must more likely answer than not: they are the best of up to
    nine, and of questions without an answer, too, one is the best.
    `embedder_adapter`: whether the usual embedder has its adapter, which was taught on practice questions how people
    ask, or none; an embedder of the workspace's own never has.
    `query_adapter`: whether questions are turned into vectors with the adapter that was taught where this workspace's
    answers stand (`python -m finetune retriever`), if there is one, or as texts are.
    `follow_ups`: what is searched for when a question leans on the one before: it with that one before it, what a
    language model makes of both, or it alone. The small base model cannot rewrite (docs/own-documents.md).
    `abstain_below`: without a judge, when the best sentence scores lower, the model is not asked. It only catches
    questions that have nothing to do with the documents: near misses score as high as answerable ones.
    `context_tokens`: prompt and answer together; `answer_tokens` of them are kept free for the answer.
    `chunk_tokens`: word pieces of a chunk; the embedder cuts off at 256, title and headings included.
    `fusion`: how meaning and words rank passages together: by the average of their scores, each stretched to 0 to 1, or
    by reciprocal ranks (Cormack et al. 2009), which does worse on CISI and on the demo (docs/measured.md).
    `dense_weight`: meaning against words when passages are ranked. `in_context_weight`, `in_passage_weight`: what
    a sentence's vector takes over from the sentence under its headings and from its passage, itself counting 1.
    `passage_words_weight`, `overlap_weight`: words of the passage and of the sentence, against the vector's 1.
    `bridges`: how many of the sentences are chosen for sharing rare words with the best one, for questions
    whose answer takes two steps; `bridge_weight`: how much those words count. With a judge any number but 0 lets it
    judge twos.
    `vector_store`: where passages are searched: `faiss`, in this process, or the URL of a server (`address.py`). It is
    not shown, since it may hold a password.
    """

    passages: int = 8
    sentences: int = 5
    generator: Generator = "reader"
    judge: JudgeName = "workspace"
    reranker: str = "cross-encoder/ms-marco-MiniLM-L6-v2"
    embedder_adapter: EmbedderAdapter = "questions"
    query_adapter: QueryAdapter = "workspace"
    follow_ups: FollowUps = "previous"
    candidates: int = 12
    judged_sentences: int = 1
    judged_below: float = 0.25
    judged_pair_below: float = 0.5
    abstain_below: float = 0.28
    context_tokens: int = 2048
    answer_tokens: int = 128
    chunk_tokens: int = 180
    fusion: Fusion = "average"
    dense_weight: float = 0.7
    in_context_weight: float = 0.6
    in_passage_weight: float = 0.5
    passage_words_weight: float = 0.12
    overlap_weight: float = 0.09
    bridges: int = 1
    bridge_weight: float = 0.05
    max_file_megabytes: int = 50
    vector_store: str = field(default=HERE, repr=False)

    def __post_init__(self) -> None:
        address_of(self.vector_store)
        for name, known in CHOICES.items():
            if getattr(self, name) not in get_args(known):
                raise WorkspaceError(f"rag.{name} is '{getattr(self, name)}': use one of {', '.join(get_args(known))}.")
        for name in AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise WorkspaceError(f"rag.{name} is {getattr(self, name)}: it must be at least 1.")
        if self.bridges < 0:
            raise WorkspaceError(f"rag.bridges is {self.bridges}: it must be 0 or more.")
        if self.answer_tokens >= self.context_tokens:
            raise WorkspaceError(
                f"rag.answer_tokens ({self.answer_tokens}) leaves no room for a prompt in "
                f"rag.context_tokens ({self.context_tokens}): make it smaller."
            )

    def as_identity(self) -> dict[str, str]:
        """Every value as text, for the answer's identity, but a cross-encoder that is not asked. Of a vector store only
        what it is, and nothing of the usual one, or of the usual fusion: answers that were given before there was
        another stay what they are."""
        left_out = {"vector_store"}
        left_out |= {"reranker"} if self.judge != "cross-encoder" else set()
        left_out |= {"fusion"} if self.fusion == "average" else set()
        told = {name: str(value) for name, value in asdict(self).items() if name not in left_out}
        kind = address_of(self.vector_store).kind
        return told if kind == HERE else {**told, "vector_store": kind}


def query_adapter(workspace: Path, settings: Settings) -> Path | None:
    """The workspace's own adapter for questions, if there is one and it is wanted."""
    own = workspace / RETRIEVER
    return own if settings.query_adapter != "none" and own.is_dir() else None


def own_judge(workspace: Path, settings: Settings) -> Path | None:
    """The workspace's own adapter for judging, if there is one and it is wanted."""
    own = workspace / JUDGE
    return own if settings.judge == "workspace" and own.is_dir() else None
