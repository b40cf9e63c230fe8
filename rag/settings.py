"""What can be set on the retrieving side. Does not read files or the environment: `app.py` does."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from arena.errors import WorkspaceError

Generator = Literal["reader", "base"]


@dataclass(frozen=True)
class Settings:
    """The weights are chosen with `python -m rag measure` on the demo's trained facts, checked on the others.

    `passages`: how many of the best passages sentences are taken from, besides the best sentences of all.
    `sentences`: how many the model is shown; a small reader reads fewer better.
    `generator`: which prompt the model was made for: the trained reader's or the plain one.
    `abstain_below`: a best sentence that scores lower is not shown to the model at all.
    `context_tokens`: prompt and answer together; `answer_tokens` of them are kept free for the answer.
    `chunk_tokens`: word pieces of a chunk; the embedder cuts off at 256, title and headings included.
    """

    passages: int = 8
    sentences: int = 5
    generator: Generator = "reader"
    abstain_below: float = 0.25
    context_tokens: int = 2048
    answer_tokens: int = 128
    chunk_tokens: int = 180
    dense_weight: float = 0.5
    overlap_weight: float = 0.3
    passage_weight: float = 0.1
    bridge_weight: float = 0.0
    max_file_megabytes: int = 50

    def __post_init__(self) -> None:
        if self.generator not in get_args(Generator):
            raise WorkspaceError(f"rag.generator is '{self.generator}': use one of {', '.join(get_args(Generator))}.")
        for name in ("passages", "sentences", "context_tokens", "answer_tokens", "chunk_tokens", "max_file_megabytes"):
            if getattr(self, name) < 1:
                raise WorkspaceError(f"rag.{name} is {getattr(self, name)}: it must be at least 1.")
        if self.answer_tokens >= self.context_tokens:
            raise WorkspaceError(
                f"rag.answer_tokens ({self.answer_tokens}) leaves no room for a prompt in "
                f"rag.context_tokens ({self.context_tokens}): make it smaller."
            )

    def as_identity(self) -> dict[str, str]:
        """Every value as text, for the answer's identity."""
        return {name: str(value) for name, value in asdict(self).items()}


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Settings from a table of `workspace.toml`; what is not named keeps its default.

    Raises:
        WorkspaceError: an unknown name, or a value of another type.
    """
    known = {item.name: item for item in fields(Settings)}
    for name, value in values.items():
        if name not in known:
            raise WorkspaceError(f"workspace.toml: rag.{name} is not a setting; there are {', '.join(known)}.")
        wanted = type(known[name].default)
        if isinstance(value, bool) or not isinstance(value, (int, float) if wanted is float else wanted):
            raise WorkspaceError(f"workspace.toml: rag.{name} is {value!r}; it must be of type {wanted.__name__}.")
    return Settings(**values)
