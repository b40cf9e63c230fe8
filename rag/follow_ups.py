"""What is searched for when a question leans on the one before ("And the other one?").

Three ways (`Settings.follow_ups`): with the question before it, rewritten by a language model so that it stands alone
(as in CANARD, Elgohary et al. 2019), or as it was asked. Which one finds what answers is measured, not supposed
(`python app.py follow-ups`): a small model that cannot rewrite is bypassed. Does not search.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage

from arena.errors import WorkspaceError
from arena.facts import Fact
from arena.question import MAX_PROMPT_CHARACTERS, Turn
from arena.scoring import contains
from rag.index import Index
from rag.retrieve import search
from rag.settings import FollowUps

LEANS = re.compile(r"^(and|but|so|then|what about|how about|why|which one)\b", re.I)
REFERS_BACK = re.compile(r"\b(it|its|they|their|them|he|she|his|her|this|that|these|those|one|ones|there|same)\b", re.I)
LONGEST = 12
"""Words of a question that may lean on the one before; who writes more says what is meant."""
FILE = "follow_ups.jsonl"
INSTRUCTION = (
    "Rewrite the second question so that it can be understood without the first. Keep its meaning; answer neither.\n\n"
    "First question: How wide is the gate of the north yard?\nSecond question: And of the south yard?\n"
    "Rewritten: How wide is the gate of the south yard?\n\n"
    "First question: Who painted the hall?\nSecond question: When did she do it?\n"
    "Rewritten: When was the hall painted?\n\n"
    "First question: {first}\nSecond question: {then}\nRewritten:"
)


@dataclass(frozen=True)
class FollowUp:
    """A question, the one that leans on it, and the sentences that answer the second one."""

    first: str
    then: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """Of `asked` follow-ups, how many brought all evidence among the sentences shown, by what is searched for, and
    what each became."""

    asked: int
    right: Mapping[FollowUps, int]
    texts: Mapping[FollowUps, Sequence[str]]


def leans(question: str, history: Sequence[Turn]) -> bool:
    """Whether it seems to mean something of the question before."""
    short = len(question.split()) <= LONGEST
    return bool(history) and short and bool(LEANS.search(question) or REFERS_BACK.search(question))


def search_text(question: str, history: Sequence[Turn], way: FollowUps, rewriter: BaseChatModel | None = None) -> str:
    """What is searched for; without a usable rewriting, the question with the one before it."""
    if way == "as asked" or not leans(question, history):
        return question
    together = f"{history[-1].question} {question}"
    if way == "previous" or rewriter is None:
        return together
    return rewritten(rewriter, question, history[-1].question) or together


def rewritten(model: BaseChatModel, question: str, before: str) -> str:
    """The question as one that stands alone; empty when the model says nothing that can be searched for."""
    asked = INSTRUCTION.format(first=_line(before), then=_line(question))
    said = "".join(str(chunk.text) for chunk in model.stream([HumanMessage(asked)])).strip()
    first = said.splitlines()[0] if said else ""
    told = first.removeprefix("Rewritten:").strip().strip('"“”').strip()
    return told if 0 < len(told) <= MAX_PROMPT_CHARACTERS else ""


def _line(text: str) -> str:
    return " ".join(text.split())


def load_follow_ups(path: Path, facts: Sequence[Fact]) -> list[FollowUp]:
    """Lines of {"fact": an id of questions.jsonl, "first": a question, "then": one that leans on it}.

    Raises:
        WorkspaceError: no such file, or, with the line number, one that is not so.
    """
    known = {fact.id: fact.evidence for fact in facts if fact.evidence}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WorkspaceError(
            f"No follow-ups to ask in {path} ({error}): put lines like "
            '{"fact": "an id of questions.jsonl", "first": "a question", "then": "one that leans on it"} there.'
        ) from None
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            found.append(FollowUp(str(row["first"]), str(row["then"]), known[row["fact"]]))
        except (ValueError, TypeError) as error:
            raise WorkspaceError(f"{path}, line {number}: not a JSON object ({error}).") from None
        except KeyError as error:
            raise WorkspaceError(
                f"{path}, line {number}: {error} is missing, or is no fact with evidence in questions.jsonl."
            ) from None
    if not found:
        raise WorkspaceError(f"{path} is empty: there is nothing to ask.")
    return found


def follow_ups_found(
    index: Index,
    follow_ups: Sequence[FollowUp],
    rewriter: BaseChatModel | None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Found:
    """Search for each in every way; without a rewriter that way is left out."""
    ways: list[FollowUps] = [way for way in get_args(FollowUps) if way != "rewrite" or rewriter is not None]
    texts: dict[FollowUps, list[str]] = {way: [] for way in ways}
    right: dict[FollowUps, int] = dict.fromkeys(ways, 0)
    for done, asked in enumerate(follow_ups):
        progress(done, len(follow_ups))
        for way in ways:
            text = search_text(asked.then, (Turn(asked.first, ""),), way, rewriter)
            texts[way].append(text)
            shown = [index.sentences[place].text for place in search(index, text).sentences]
            right[way] += all(any(contains(said, wanted) for said in shown) for wanted in asked.evidence)
    return Found(len(follow_ups), right, texts)
