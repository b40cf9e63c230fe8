"""`fit-hybrid`: when the hybrid believes what its memory says, fitted to a workspace's own adapters and documents."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from arena.errors import ArenaError, StorageError, WorkspaceError
from arena.evaluation import BATCH, Notebook
from arena.facts import Fact, load_facts
from arena.question import Question
from arena.scoring import abstained, is_right
from arena.verified import FILE, WEIGHTS, Signs, Verified, VerifiedSettings, made_for, signs
from arena.workspace import Workspace, open_workspace
from commands.shared import WORKSPACE, said

WORDINGS = 4
"""Of each fact that nobody was taught, at most: there are few of them."""
FEWEST = 10
"""Right answers, and wrong ones, that a fit takes."""
LINES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
REGULARITY = 10.0
"""Inverse strength of the fit's penalty: three weights on a few hundred answers hardly need one."""


@dataclass(frozen=True)
class Remembered:
    """One answer of memory about a fact: what tells whether it is right, and whether it is."""

    fact: str
    signs: Signs
    right: bool


def add_to(cli: typer.Typer) -> None:
    cli.command("fit-hybrid")(fit_hybrid)


def fit_hybrid(workspace: Path = WORKSPACE) -> None:
    """Fit when the hybrid believes its memory: WORKSPACE/hybrid.json, for the adapters that are there now.

    Memory is asked a training wording of each fact that it was taught, and wordings of facts of class "documents only",
    which it was not; held-out wordings are never asked. So the right answers are to wordings that were learnt, and the
    table flatters them a little. Run it again after `train`, `retriever`, `judge` or `calibrate`. One that is stopped
    goes on. hybrid.believed in workspace.toml chooses the line of the table.
    """
    said(lambda: _fit_hybrid(open_workspace(workspace)))


def _fit_hybrid(workspace: Workspace) -> None:
    from finetune.files import write_beside
    from wiring import Parts

    questions = asked(load_facts(workspace.questions))
    parts = Parts(workspace, fitted=False)
    if (workspace.path / "adapters" / "hybrid").is_dir():
        raise ArenaError(
            f"The hybrid of {workspace.path} is an adapter of its own, and decides itself: nothing to fit."
        )
    if "hybrid" not in parts.all():
        raise ArenaError(
            f"No hybrid in {workspace.path}: it takes a fine-tuned adapter (`python -m finetune train "
            f'{workspace.path}`) and a judge ([rag] judge in workspace.toml is not "none").'
        )
    hybrid: Verified = parts.start().contestant("hybrid")
    made_of = made_for(hybrid.memory.identity, hybrid.documents.identity)
    found = remembered(questions, hybrid, parts.told(hybrid.memory), made_of, Notebook(workspace.evaluation))
    weights = fit(found)
    for line in trade_off(found):
        typer.echo(line)
    target = workspace.path / FILE
    try:
        write_beside(target, json.dumps({"weights": weights, "made_for": made_of}, indent=2) + "\n")
    except OSError as error:
        raise StorageError(
            f"{target} cannot be written ({error.strerror}): make it writable and run this again."
        ) from error
    typer.echo(f"Done: {target}; it counts from the next start.")


def asked(facts: Sequence[Fact]) -> list[tuple[Fact, str]]:
    """One training wording of each taught fact, another number of it from fact to fact, and some wordings of those that
    were never taught.

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
    questions: Sequence[tuple[Fact, str]],
    hybrid: Verified,
    memory: Callable[[Sequence[str]], Sequence[tuple[str, float]]],
    made_of: dict[str, str],
    kept: Notebook,
) -> list[Remembered]:
    """What memory says to these questions, and what tells whether it is right; without what it does not answer. What
    `kept` holds of the same models, search and documents is not asked again."""

    def batch(texts: Sequence[str]) -> list[str]:
        answers = []
        for text, (answer, surprise) in zip(texts, memory(texts), strict=True):
            silent = not answer.strip() or abstained(answer)
            told = () if silent else signs(surprise, hybrid.documents.support(Question(text), answer))
            answers.append(json.dumps([answer, *told]))
        return answers

    identity = made_of | {"index": hybrid.documents.identity.get("index", "")}
    answers = kept.answering("hybrid's signs", identity, batch)
    found = []
    with typer.progressbar(length=len(questions), label="asking memory, and the documents of what it says") as bar:
        for start in range(0, len(questions), BATCH):
            part = questions[start : start + BATCH]
            for (fact, _), row in zip(part, answers([text for _, text in part]), strict=True):
                answer, *told = json.loads(row)
                if told:
                    found.append(Remembered(fact.id, tuple(told), is_right(answer, fact.accepted, fact.rejected)))
            bar.update(len(part))
    return found


def fit(found: Sequence[Remembered]) -> dict[str, float]:
    """The weights by their names. Right and wrong answers count alike, however many there are of either: how many
    questions will be about what was taught nobody knows.

    Raises:
        WorkspaceError: too few right or too few wrong ones.
    """
    from sklearn.linear_model import LogisticRegression

    right = [each.right for each in found]
    if min(sum(right), len(right) - sum(right)) < FEWEST:
        raise WorkspaceError(
            f"Of {len(right)} answers of memory {sum(right)} are right: {FEWEST} right and {FEWEST} wrong ones are "
            "needed to tell them apart. Train longer where too few are right; add facts that are not taught where too "
            "few are wrong."
        )
    model = LogisticRegression(C=REGULARITY, class_weight="balanced", max_iter=3000)
    model.fit([each.signs for each in found], right)
    weights = [round(float(weight), 4) for weight in (*model.coef_[0], model.intercept_[0])]
    return dict(zip(WEIGHTS, weights, strict=True))


def trade_off(found: Sequence[Remembered]) -> list[str]:
    """What each line would believe, fitted on the answers about every other fact and counted on the rest."""
    facts = list(dict.fromkeys(each.fact for each in found))
    first = set(facts[::2])
    try:
        settings = VerifiedSettings(**fit([each for each in found if each.fact in first]))
    except WorkspaceError:
        return ["Too few answers to tell from one half of them what each line would do to the other."]
    rest = [(settings.chance(each.signs), each.right) for each in found if each.fact not in first]
    right, wrong = ([chance for chance, known in rest if known == wanted] for wanted in (True, False))
    lines = ["believed from: right answers believed, wrong answers believed"]
    for line in LINES:
        counts = (f"{sum(chance >= line for chance in kind)} of {len(kind)}" for kind in (right, wrong))
        lines.append(f"  {line:.1f}: {', '.join(counts)}")
    return lines
