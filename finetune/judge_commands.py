"""The commands that train RAG's judge on a workspace, and weigh what it and the reader read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from arena.facts import Fact, load_facts
from finetune import wiring
from finetune.commands import PREVIEW, WORKSPACE
from finetune.making import (
    READER,
    Figures,
    digest,
    make,
    reader_figures,
    rehearsal_adapter,
    rehearsed,
    say,
    shown,
    write_beside,
)
from finetune.reader import Asked, Search
from finetune.settings import Flags, chosen, training_options

if TYPE_CHECKING:  # torch and scikit-learn take seconds
    from finetune.judging import Calibration

FILE = "calibration.json"
NONE: Flags = {}
CALIBRATED, LEFT_OUT, UNANSWERABLE = 2, 8, 6
"""Wordings of each fact that the reader's calibration is fitted on in a workspace: of all that have an answer; of those
that the retriever's rehearsal left out, which are fewer; of those without an answer, which are fewer, too."""


def add_to(app: typer.Typer) -> None:
    for command in (judge, weigh, calibrate):
        app.command()(command)


@training_options
def judge(
    workspace: Path = WORKSPACE,
    base_model: str = "",
    preview: bool = PREVIEW,
    flags: Flags = NONE,
    wordings: int = typer.Option(6, min=1, help="Of each fact, at most, evenly over its training wordings."),
) -> None:
    """Teach RAG's judge what answers this workspace's questions, and what only comes near: WORKSPACE/adapters/judge.

    Goes on from the reader's adapter, after `retriever`, whose search it is trained on. Facts need "evidence"; training
    questions that no document answers teach it to refuse, the more of them the better. First comes a rehearsal without
    every fifth fact, every eighth wording and every third question without an answer: what it brings for them is told,
    and how the judge weighs its signs is fitted on them (WORKSPACE/calibration.json). Held-out wordings and facts of
    class "documents only" are never looked at.
    """
    from finetune import judging
    from finetune.judge import HELD_OUT_LOSS, cached, judge_steps, practice_steps, practised, questions, rehearsal
    from finetune.reader import RECORDS, load_records, split

    path = workspace / "questions.jsonl"
    facts, settings = load_facts(path), chosen(flags, epochs=1, learning_rate=5e-4)
    records, held_out = split(load_records())
    records = practised(records, len(questions(facts, wordings)), settings.epochs, settings.seed)
    unseen = held_out[:HELD_OUT_LOSS]
    base, tokenizer = wiring.base(base_model, say, workspace)
    alike, parts, work = wiring.alike([*records, *unseen], say), rehearsal(facts), workspace / "runs" / "judge"
    measured: dict[str, tuple[int, int]] = {}
    read: list[judging.Judged] = []

    def made(taught: Sequence[Fact], query_adapter: Path | None, run: str, into: Path) -> bool:
        search = cached(wiring.search(workspace, say, query_adapter))
        asked = questions(taught, wordings)
        training = judge_steps(asked, search, records, alike, tokenizer, settings.epochs, settings.seed)
        if shown(training, tokenizer, preview):
            return False
        held = practice_steps(unseen, alike, tokenizer, settings.seed)

        def figures(model: Any) -> Figures:
            if run == "rehearsal":
                model.to(wiring.served_dtype())
                first, second = (judging.judge(model, tokenizer, asked, say) for asked in parts.exam(search))
                told = judging.counts(second, judging.calibrate(first, knock_out=parts.knock_out))
                measured.update({f"rehearsal, {name}": value for name, value in told.items()})
                read.extend([*first, *second])
            return measured, {}

        every = max(1, round(len(training) / settings.epochs / 4))
        data = (
            f"{len(asked)} training questions with what the search brings, `questions.jsonl` {digest(path)}, and "
            f"reading practice, `records.jsonl` {digest(RECORDS)}; begun with the reader's adapter"
        )
        purpose = "LoRA adapter that judges which sentence answers a question of this workspace, and gives no answer."
        make(into, work / run, base, training, held, settings, every, purpose, data, figures, READER)
        return True

    say("rehearsal: without some facts, wordings and questions without an answer, to measure")
    if made(parts.practised, rehearsed_retriever(workspace), "rehearsal", rehearsal_adapter(workspace, "judge")):
        say("now all of them")
        target = workspace / "adapters" / "judge"
        if made(facts, wiring.own_query_adapter(workspace), "all", target):
            write_calibration(workspace, judging.calibrate(read, knock_out=parts.knock_out), target)


def weigh(base_model: str = "") -> None:
    """Examine the shipped reader again and fit anew how its signs are weighed; the adapter stays as it is."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from finetune.card import measured_again
    from finetune.reader import load_records, split
    from finetune.seeds import FILE as FIGURES

    base, tokenizer = wiring.base(base_model, say)
    _, held_out = split(load_records())
    plain = AutoModelForCausalLM.from_pretrained(base, local_files_only=True)
    measured, files = reader_figures(PeftModel.from_pretrained(plain, str(READER)), tokenizer, held_out)
    told = measured_again((READER / "README.md").read_text(encoding="utf-8"), measured)
    (READER / FIGURES).unlink(missing_ok=True)  # of another examination
    for name, text in {**files, "README.md": told}.items():
        write_beside(READER / name, text)
    for name, (right, asked) in measured.items():
        say(f"  {name}: {right} of {asked}")


def calibrate(workspace: Path = WORKSPACE, base_model: str = "") -> None:
    """Fit how RAG's judge weighs its signs to this workspace's own training questions: WORKSPACE/calibration.json.

    Held-out wordings and facts of class "documents only" are never asked. Where the workspace has a judge of its own,
    it is weighed as the rehearsed one read what it was not taught; where there is a retriever, as the rehearsed one
    searches. Fitted is which sentence is the best one, and whether that one answers. The reader as a judge keeps for
    the second what its practice told, whose questions without an answer are near misses made by hand; those that a
    workspace's own questions become when the answer is taken away are easier, and what is fitted on them accepts too
    much. What is told was fitted on every other fact and counted on the rest, what is written is fitted on all.
    rag.judged_below chooses the line of the table.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from finetune import judging
    from finetune.judge import rehearsal

    facts, own = load_facts(workspace / "questions.jsonl"), wiring.own_judge(workspace)
    search = wiring.search(workspace, say, rehearsed_retriever(workspace))
    read_with, accept, knock_out = READER, None, True
    if own is not None:
        parts = rehearsal(facts)
        read_with, knock_out, exams = rehearsed(workspace, "judge"), parts.knock_out, parts.exam(search)
    else:
        accept, exams = (
            judging.accepting((READER / FILE).read_text(encoding="utf-8")),
            reader_exams(workspace, facts, search),
        )
    base, tokenizer = wiring.base(base_model, say, workspace)
    plain = AutoModelForCausalLM.from_pretrained(base, local_files_only=True)
    model = PeftModel.from_pretrained(plain, str(read_with)).to(wiring.served_dtype())
    first, second = (judging.judge(model, tokenizer, asked, say) for asked in exams)
    for name, (right, of) in judging.counts(second, judging.calibrate(first, accept, knock_out)).items():
        say(f"  {name}: {right} of {of}")
    write_calibration(workspace, judging.calibrate([*first, *second], accept, knock_out), own or READER)


def write_calibration(workspace: Path, fitted: "Calibration", adapter: Path) -> None:
    """For this judge in this workspace, with the search that it has now."""
    made_for = {"adapter_hash": wiring.adapter_hash(adapter), "query_adapter": wiring.query_identity(workspace)}
    write_beside(workspace / FILE, json.dumps(fitted.as_rows() | made_for, indent=2) + "\n")
    say(f"Done: {workspace / FILE}; it counts from the next start. rag.judged_below chooses the line of the table.")


def reader_exams(workspace: Path, facts: Sequence[Fact], search: Search) -> tuple[list[Asked], list[Asked]]:
    """Two halves of a workspace's training questions: with a retriever only of facts that its rehearsal left out, as
    most questions are about what nobody trained on."""
    from finetune import judging
    from finetune.reader import workspace_exam
    from finetune.retriever import rehearsal

    wordings = CALIBRATED
    if wiring.own_query_adapter(workspace) is not None:
        *_, others = rehearsal(facts)
        facts, wordings = [*others, *(fact for fact in facts if not fact.answerable)], LEFT_OUT
    first, second = (
        [
            *workspace_exam([fact for fact in half if fact.answerable], search, wordings),
            *workspace_exam([fact for fact in half if not fact.answerable], search, UNANSWERABLE),
        ]
        for half in judging.halves(facts)
    )
    return first, second


def rehearsed_retriever(workspace: Path) -> Path | None:
    """The rehearsal of the retriever that RAG uses in this workspace, None when it uses none."""
    return None if wiring.own_query_adapter(workspace) is None else rehearsed(workspace, "retriever")
