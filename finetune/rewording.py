"""Other wordings for facts that a team wrote or imported, asked of any LangChain chat model.

Who imports answered questions has one wording of each, and training needs several, some of which it never sees. Facts
with a held-out wording are left as they are, so that a run that was stopped goes on, and a later one asks only for what
is new. Of a line nothing changes but its wordings. Facts out of documents get theirs when they are made (generate.py).
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from langchain_core.language_models import BaseChatModel

from arena.errors import WorkspaceError
from arena.facts import Fact, fact_from, load_facts
from arena.scoring import normalised
from finetune import verify
from finetune.book import alone, replace_lines, writing
from finetune.generate import (
    FAILURES_IN_A_ROW,
    Ask,
    GenerateSettings,
    ModelFailed,
    asking,
    given_up,
    said_otherwise,
)


@dataclass
class RewordReport:
    """What a run did. `without`: questions of which no wording could be held out, told one by one; `left`: those for
    the next run, each with the reason."""

    facts: int
    added: int = 0
    held_out: int = 0
    without: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = [
            f"{self.added} wordings added for {self.facts} facts, {self.held_out} of them held out of training",
            *(f"  nothing could be held out: {question}" for question in self.without),
        ]
        if self.left:
            told.append(f"{len(self.left)} facts left for the next run:")
        return "\n".join([*told, *(f"  {text}" for text in self.left)])


def waiting(facts: Sequence[Fact]) -> list[Fact]:
    """Those that are to be trained on and of which no wording is held out."""
    return [fact for fact in facts if fact.kind == "trained" and fact.training and not (fact.held_out or fact.oblique)]


def reword(
    questions: Path, model: BaseChatModel, settings: GenerateSettings, report: Callable[[str], None], limit: int = 0
) -> RewordReport:
    """Give the facts in `questions` that wait for them other wordings, `limit` facts at most (0: all).

    Raises:
        WorkspaceError: nothing is to be held out; no `questions`, a malformed one, one that cannot be written, or
            another run is writing it.
        ModelUnavailable: the model failed on `FAILURES_IN_A_ROW` facts in a row.
    """
    if not settings.hold_out_wordings:
        raise WorkspaceError("hold_out_wordings is 0: training needs wordings that it never sees, say 0.2 of them.")
    with alone(questions):
        facts = waiting(load_facts(questions))
        facts = facts[:limit] if limit else facts
        ask = asking(model, settings, lambda: False)
        done, in_a_row, began = RewordReport(len(facts)), 0, time.monotonic()
        for number, fact in enumerate(facts, 1):
            try:
                _one(questions, fact, ask, settings, done)
                in_a_row = 0
            except ModelFailed as failed:
                in_a_row += 1
                done.left.append(f"{fact.training[0]} ({failed})")
                if in_a_row == FAILURES_IN_A_ROW:
                    raise given_up(model, failed, "facts", f"{done.added} wordings") from failed.__cause__
            left = (time.monotonic() - began) / number * (len(facts) - number) / 60
            report(f"fact {number} of {len(facts)}, {done.added} wordings added, about {left:.0f} min left")
    return done


def _one(questions: Path, fact: Fact, ask: Ask, settings: GenerateSettings, done: RewordReport) -> None:
    worded = with_wordings(fact, ask, settings)
    if not worded.held_out:
        done.without.append(fact.training[0])
    elif _put(questions, fact, worded):
        done.added += len(worded.training) + len(worded.held_out) - len(fact.training)
        done.held_out += len(worded.held_out)
    else:
        done.left.append(f"{fact.training[0]} (its line was changed meanwhile)")


def with_wordings(fact: Fact, ask: Ask, settings: GenerateSettings) -> Fact:
    """The fact with the model's wordings; only of these some are held out."""
    question = fact.training[0]
    value = min(fact.accepted, key=len, default=fact.answer)
    said = said_otherwise(question, fact.answer, ask, settings.wordings)
    known = {normalised(wording) for wording in fact.training}
    fresh = [text for text in verify.usable(said, question, value) if normalised(text) not in known]
    training, held_out = verify.hold_out(
        (*fact.training, *fresh), settings.hold_out_wordings, settings.seed, fact.id, kept=len(fact.training)
    )
    return replace(fact, training=training, held_out=held_out)


def _put(questions: Path, fact: Fact, worded: Fact) -> bool:
    """The wordings into the fact's line. Not into one that is not as it was read: a person may have the file open."""
    path = questions.resolve()
    with writing(path):
        lines = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines):
            try:
                row = json.loads(line.decode("utf-8-sig"))
                as_read = fact_from(row) == fact
            except (ValueError, KeyError, TypeError):  # half edited
                continue
            if as_read:
                row["questions"] |= {"training": worded.training, "held_out": worded.held_out}
                lines[number] = json.dumps(row, ensure_ascii=False).encode(errors="replace")
                replace_lines(path, lines)
                return True
    return False
