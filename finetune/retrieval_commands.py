"""The commands that train what RAG finds with: its embedder, and a retriever of a workspace. Its judge's are in
judge_commands.py."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from arena.facts import Fact, load_facts
from finetune import wiring
from finetune.commands import WORKSPACE
from finetune.files import write_beside
from finetune.making import LEFT_OUT, READER_ROOM, digest, left_out, rehearsal_adapter, say

if TYPE_CHECKING:
    from finetune.embedder import EmbedderResult
    from finetune.retriever import Sought


def add_to(app: typer.Typer) -> None:
    for command in (embedder, retriever):
        app.command()(command)


def embedder(
    epochs: int = typer.Option(1, min=1, help="How often every wording of a question is shown."),
    learning_rate: float = typer.Option(7e-4, help="At its highest, after the warm-up."),
    seed: int = typer.Option(42, help="Decides the order of the pairs."),
) -> None:
    """Train the adapter of RAG's embedder on the reader's practice records: how people ask, and what answers.

    The index of a workspace is built anew at the next start. Train the reader after it: its practice is what a search
    brings."""
    from finetune.card import EMBEDDER, embedder_card
    from finetune.embedder import EmbedderSettings, brought, load_embedder, train_embedder, write_embedder
    from finetune.reader import RECORDS, load_records, split

    settings = EmbedderSettings(epochs=epochs, learning_rate=learning_rate, seed=seed)
    records, held_out = split(load_records())
    base, name, target = wiring.embedder()
    before = brought(load_embedder(base), held_out)
    model, result = train_embedder(base, records, READER_ROOM / "runs" / "embedder", settings, say)
    after = brought(model, held_out)
    figures = {f"held-out records, {kind}, before": value for kind, value in before.items()}
    figures |= {f"held-out records, {kind}": value for kind, value in after.items()}
    data = f"{len(records)} hand-written records ({len(held_out)} more held out), `records.jsonl` {digest(RECORDS)}"
    write_embedder(model, target, name, embedder_card(EMBEDDER, target.name, name, data, settings, result, figures))
    for kind, (right, asked) in figures.items():
        say(f"  {kind}: {right} of {asked}")
    say(f"Done: {target}")


def retriever(
    workspace: Path = WORKSPACE,
    epochs: int = typer.Option(
        0, min=0, help="How often every wording is shown; 0: twice, or more where they are few."
    ),
    learning_rate: float = typer.Option(2e-3, help="At its highest, after the warm-up."),
    seed: int = typer.Option(42, help="Decides the order of the questions."),
) -> None:
    """Teach RAG where this workspace's answers stand, from its training questions: WORKSPACE/adapters/retriever.

    Only how questions are turned into vectors is trained; the index stays. Facts need "evidence". First comes a
    rehearsal without every fifth fact and every eighth wording: what it brings for them is told, and `judge`
    and `calibrate` fit RAG's judge on them. Held-out wordings and facts of class "documents only" are never looked at.
    """
    from finetune.card import RETRIEVER, embedder_card
    from finetune.retriever import (
        RetrieverSettings,
        brought,
        fitting,
        rehearsal,
        sought,
        train_retriever,
        write_retriever,
    )

    path = workspace / "questions.jsonl"
    facts, settings = load_facts(path), RetrieverSettings(epochs, learning_rate, seed=seed)
    corpus, identity = wiring.corpus(workspace, say)
    load, name, target = wiring.query_embedder(workspace)
    practised, wordings, others = rehearsal(facts)
    exams = {"other wordings": sought(wordings, corpus), "other facts": sought(others, corpus)}
    work = workspace / "runs" / "retriever"

    def examine(model: Any, when: str = "") -> None:
        for exam, asked in exams.items():
            told = brought(model, corpus, asked)
            measured.update({f"rehearsal, {exam}, {kind}{when}": value for kind, value in told.items()})

    def trained(taught: Sequence[Fact], run: str) -> "tuple[Any, list[Sought], EmbedderResult]":
        model, found = load(), sought(taught, corpus)
        return model, found, train_retriever(model, corpus, found, work / run, settings, say)

    def write(model: Any, found: "list[Sought]", result: "EmbedderResult", into: Path) -> None:
        learnt = sum(len(each.wordings) for each in found)
        data = f"{learnt:,} wordings of {len(found)} facts, `questions.jsonl` {digest(path)}"
        card = embedder_card(RETRIEVER, target.name, name, data, fitting(found, settings), result, measured)
        write_retriever(model, into, name, identity, card)

    measured: dict[str, tuple[int, int]] = {}
    examine(load(), ", before")
    say("rehearsal: without some facts and wordings, to measure")
    practice = trained(practised, "rehearsal")
    examine(practice[0])
    write(*practice, rehearsal_adapter(workspace, "retriever"))
    write_beside(rehearsal_adapter(workspace, "retriever") / LEFT_OUT, left_out([*wordings, *others]) + "\n")
    say("now all of them")
    write(*trained(facts, "all"), target)
    for kind, (right, asked) in measured.items():
        say(f"  {kind}: {right} of {asked}")
    say(f"Done: {target}; next: python -m finetune judge {workspace} (or, for the reader as the judge, calibrate)")
