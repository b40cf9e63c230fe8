"""`fit-hybrid`: when the hybrid believes what its memory says, fitted to a workspace's own adapters and documents."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from arena.errors import ArenaError, WorkspaceError
from arena.evaluation import BATCH, Notebook
from arena.facts import Fact, load_facts
from arena.question import Question
from arena.scoring import abstained, is_right
from arena.verified import FILE, WEIGHTS, Verified, signs
from arena.workspace import open_workspace
from commands.shared import WORKSPACE, said

WORDINGS = 4
"""Of each fact that nobody was taught, at most: there are few of them."""
FEWEST = 20
"""Answers of each kind, right and wrong, that a fit takes."""
LINES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
REGULARITY = 10.0
"""Inverse strength of the fit's penalty: three weights on a few hundred answers hardly need one."""


@dataclass(frozen=True)
class Remembered:
    """One answer of memory: what tells whether it is right, and whether it is."""

    signs: tuple[float, float, float]
    right: bool


def add_to(cli: typer.Typer) -> None:
    cli.command("fit-hybrid")(fit_hybrid)


def fit_hybrid(workspace: Path = WORKSPACE) -> None:
    """Fit when the hybrid believes its memory: WORKSPACE/hybrid.json, for the adapters that are there now.

    Memory is asked a training wording of each fact that it was taught, and wordings of facts of class "documents only",
    which it was not; held-out wordings are never asked. Run it again after `train`, `retriever` or `judge`. One that is
    stopped goes on. hybrid.believed in workspace.toml chooses the line of the table.
    """

    def action() -> None:
        from wiring import Parts

        opened = open_workspace(workspace)
        questions = asked(load_facts(opened.questions))
        parts = Parts(opened)
        if "hybrid" not in parts.all():
            raise ArenaError(f"No hybrid in {workspace}: it takes a fine-tuned adapter (`python -m finetune train`).")
        hybrid = parts.start().contestant("hybrid")
        if not isinstance(hybrid, Verified):
            raise ArenaError(f"The hybrid of {workspace} is an adapter of its own, and decides itself: nothing to fit.")
        found = remembered(questions, hybrid, parts.told(hybrid.memory), Notebook(opened.evaluation))
        for line in trade_off(found):
            typer.echo(line)
        weights = dict(zip(WEIGHTS, fit(found), strict=True))
        told = json.dumps({"weights": weights, "made_for": parts.hybrid_made_for()}, indent=2) + "\n"
        beside = opened.path / f"{FILE}.new"
        beside.write_text(told, encoding="utf-8")
        beside.replace(opened.path / FILE)
        typer.echo(f"Done: {opened.path / FILE}; it counts from the next start.")

    said(action)


def asked(facts: Sequence[Fact]) -> list[tuple[Fact, str]]:
    """A training wording of each taught fact, another one of each, and some of those that were never taught.

    Raises:
        WorkspaceError: too few of either.
    """
    taught = [fact for fact in facts if fact.kind == "trained" and fact.training]
    untaught = [fact for fact in facts if fact.kind == "documents only" and fact.training]
    known = [(fact, fact.training[number % len(fact.training)]) for number, fact in enumerate(taught)]
    unknown = [(fact, text) for fact in untaught for text in fact.training[:WORDINGS]]
    if len(known) < FEWEST or len(unknown) < FEWEST:
        raise WorkspaceError(
            f"Too little to fit on: {len(known)} taught facts and {len(unknown)} wordings of facts that nobody was "
            f'taught; {FEWEST} of each are needed. Give facts of class "documents only" some "training" wordings (they '
            "are never trained on), or leave the hybrid as it is."
        )
    return [*known, *unknown]


def remembered(
    questions: Sequence[tuple[Fact, str]], hybrid: Verified, memory: Any, kept: Notebook
) -> list[Remembered]:
    """What memory says to these questions, and what tells whether it is right; without what it does not answer. What
    `kept` holds is not asked again."""

    def batch(texts: Sequence[str]) -> list[str]:
        answers = []
        for text, (answer, surprise) in zip(texts, memory(texts), strict=True):
            silent = not answer.strip() or abstained(answer)
            support = () if silent else signs(surprise, hybrid.documents.support(Question(text), answer))
            answers.append(json.dumps([answer, *support]))
        return answers

    identity = {name: value for name, value in hybrid.identity.items() if not name.startswith("hybrid.")}
    answers = kept.answering("hybrid's signs", identity, batch)
    found = []
    with typer.progressbar(length=len(questions), label="asking memory, and the documents of what it says") as bar:
        for start in range(0, len(questions), BATCH):
            part = questions[start : start + BATCH]
            for (fact, _), row in zip(part, answers([text for _, text in part]), strict=True):
                answer, *told = json.loads(row)
                if told:
                    found.append(Remembered(tuple(told), is_right(answer, fact.accepted, fact.rejected)))
            bar.update(len(part))
    return found


def fit(found: Sequence[Remembered]) -> list[float]:
    """The weights of the signs and the constant. Right and wrong answers count alike, however many there are of either:
    how many questions will be about what was taught nobody knows.

    Raises:
        WorkspaceError: too few right or too few wrong ones.
    """
    from sklearn.linear_model import LogisticRegression

    right = [each.right for each in found]
    if min(sum(right), len(right) - sum(right)) < FEWEST // 2:
        raise WorkspaceError(
            f"Of {len(right)} answers of memory {sum(right)} are right: at least {FEWEST // 2} right and as many wrong "
            "ones are needed to tell them apart. Train longer, or add facts that it was not taught."
        )
    model = LogisticRegression(C=REGULARITY, class_weight="balanced", max_iter=3000)
    model.fit([each.signs for each in found], right)
    return [round(float(weight), 4) for weight in (*model.coef_[0], model.intercept_[0])]


def trade_off(found: Sequence[Remembered]) -> list[str]:
    """What each line would believe, fitted on every other answer and counted on the rest."""
    *weights, constant = fit(found[::2])
    rest = found[1::2]
    chances = [
        1 / (1 + math.exp(-constant - sum(w * sign for w, sign in zip(weights, each.signs, strict=True))))
        for each in rest
    ]
    right = sum(each.right for each in rest)
    lines = ["believed from: right answers believed, wrong answers believed"]
    for line in LINES:
        of_right = sum(chance >= line for chance, each in zip(chances, rest, strict=True) if each.right)
        of_wrong = sum(chance >= line for chance, each in zip(chances, rest, strict=True) if not each.right)
        lines.append(f"  {line:.1f}: {of_right} of {right}, {of_wrong} of {len(rest) - right}")
    return lines
