"""What the pages need to know about the workspace, as one frozen value made by app.py."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from arena.elsewhere import Keeper
from arena.loading import State


@dataclass(frozen=True)
class Label:
    """How a contestant is introduced to somebody who knows none of the terms. `explanation` is one sentence."""

    name: str
    explanation: str


DEFAULT_LABELS: Mapping[str, Label] = {
    "fine-tuned": Label(
        "Fine-tuned", "Has studied the documents beforehand and now answers from memory, without looking."
    ),
    "rag": Label("RAG", "Looks the question up in the documents first, then answers from the passages it found."),
    "base": Label("Base model", "The same model untouched: it has neither studied the documents nor can look at them."),
    "hybrid": Label("Fine-tuned + RAG", "Has studied the documents, and checks there or looks up there what it says."),
}


@dataclass(frozen=True)
class Settings:
    """`left` and `right` are the contestants shown first. `status` is asked for the state of the models, the
    index and the database, by part. `generator` says in a sentence which model writes the RAG answers.
    `upload_megabytes`: the largest file that may be uploaded; with 0 nobody can leave a file here. `keeper`: who sends
    votes elsewhere, None where nobody does."""

    workspace: str
    example_prompts: Sequence[str] = ()
    left: str = "fine-tuned"
    right: str = "rag"
    labels: Mapping[str, Label] = field(default_factory=lambda: DEFAULT_LABELS)
    status: Callable[[], Mapping[str, State]] = dict
    code_version: str = ""
    generator: str = ""
    upload_megabytes: int = 0
    keeper: Keeper | None = None

    def label(self, contestant: str) -> Label:
        """Its label, or its name where nobody wrote one."""
        return self.labels.get(contestant) or DEFAULT_LABELS.get(contestant) or Label(contestant, "")
