"""The commands that train what RAG finds and judges with, less the reader itself: its embedder, a retriever of a
workspace, and how the signs of the judge are weighed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from arena.errors import WorkspaceError
from arena.facts import Fact, load_facts
from finetune import wiring
from finetune.commands import WORKSPACE
from finetune.making import READER, READER_ROOM, digest, reader_figures, say, write_beside

if TYPE_CHECKING:
    from finetune.embedder import EmbedderResult
    from finetune.retriever import Sought

CALIBRATED, LEFT_OUT, UNANSWERABLE = 2, 8, 6
"""Wordings of each fact that a workspace's calibration is fitted on: of all that have an answer; of those that a
rehearsal left out, which are fewer; of those without an answer, which are fewer, too."""


def add_to(app: typer.Typer) -> None:
    for command in (embedder, retriever, weigh, calibrate):
        app.command()(command)


def rehearsal_adapter(workspace: Path) -> Path:
    """Where `retriever` leaves what it rehearsed, for `calibrate`."""
    return workspace / "runs" / "retriever" / "rehearsal" / "adapter"


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
    rehearsal without every fifth fact and every eighth wording: what it brings for them is told, and `calibrate`
    fits RAG's judge on them. Held-out wordings and facts of class "documents only" are never looked at.
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
    rehearsed = trained(practised, "rehearsal")
    examine(rehearsed[0])
    write(*rehearsed, rehearsal_adapter(workspace))
    say("now all of them")
    write(*trained(facts, "all"), target)
    for kind, (right, asked) in measured.items():
        say(f"  {kind}: {right} of {asked}")
    say(f"Done: {target}; next: python -m finetune calibrate {workspace}")


def weigh(base_model: str = "") -> None:
    """Examine the shipped reader again and fit anew how its signs are weighed; the adapter stays as it is."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from finetune.card import measured_again
    from finetune.reader import load_records, split
    from finetune.seeds import FILE

    base, tokenizer = wiring.base(base_model, say)
    _, held_out = split(load_records())
    plain = AutoModelForCausalLM.from_pretrained(base, local_files_only=True)
    measured, files = reader_figures(PeftModel.from_pretrained(plain, str(READER)), tokenizer, held_out)
    told = measured_again((READER / "README.md").read_text(encoding="utf-8"), measured)
    (READER / FILE).unlink(missing_ok=True)  # of another examination
    for name, text in {**files, "README.md": told}.items():
        write_beside(READER / name, text)
    for name, (right, asked) in measured.items():
        say(f"  {name}: {right} of {asked}")


def calibrate(workspace: Path = WORKSPACE, base_model: str = "") -> None:
    """Fit how RAG's judge weighs its signs to this workspace's own training questions: WORKSPACE/calibration.json.

    Held-out wordings and facts of class "documents only" are never asked; where there is a trained retriever, only
    facts that its rehearsal left out, searched as the rehearsed one does: most questions are about what nobody trained
    on. Fitted is which sentence is the best one. Whether that one answers stays as the reader's practice told, whose
    questions without an answer are near misses made by hand; those that a workspace's own questions become when the
    answer is taken away are easier, and what is fitted on them accepts too much. What is told was fitted on every other
    fact and counted on the rest, what is written is fitted on all. rag.judged_below chooses the line of the table.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from finetune import judging
    from finetune.reader import workspace_exam
    from finetune.retriever import rehearsal

    facts, rehearsed, wordings = load_facts(workspace / "questions.jsonl"), None, CALIBRATED
    if wiring.own_query_adapter(workspace) is not None:
        rehearsed = rehearsal_adapter(workspace)
        if not rehearsed.is_dir():
            raise WorkspaceError(
                f"The rehearsal of the workspace's retriever is not in {rehearsed}: calibrating needs it. Run "
                f"`python -m finetune retriever {workspace}` again."
            )
        *_, others = rehearsal(facts)
        facts, wordings = [*others, *(fact for fact in facts if not fact.answerable)], LEFT_OUT
    search = wiring.search(workspace, say, rehearsed)
    base, tokenizer = wiring.base(base_model, say, workspace)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, local_files_only=True), str(READER))
    model.to(wiring.served_dtype())
    parts = []
    for chosen in judging.halves(facts):
        say(f"{len(chosen)} facts")
        asked = workspace_exam([fact for fact in chosen if fact.answerable], search, wordings)
        asked += workspace_exam([fact for fact in chosen if not fact.answerable], search, UNANSWERABLE)
        parts.append(judging.judge(model, tokenizer, asked, say))
    accept = judging.accepting((READER / "calibration.json").read_text(encoding="utf-8"))
    for name, (right, of) in judging.counts(parts[1], judging.calibrate(parts[0], accept)).items():
        say(f"  {name}: {right} of {of}")
    fitted = judging.calibrate([*parts[0], *parts[1]], accept)
    made_for = {"adapter_hash": wiring.adapter_hash(READER), "query_adapter": wiring.query_identity(workspace)}
    write_beside(workspace / "calibration.json", json.dumps(fitted.as_rows() | made_for, indent=2) + "\n")
    say(f"Done: {workspace / 'calibration.json'}; it counts from the next start.")
