"""The commands that train RAG's judge on a workspace, and weigh what it and the reader read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from arena.facts import Fact, load_facts
from finetune import wiring
from finetune.commands import PREVIEW, WORKSPACE
from finetune.files import write_beside
from finetune.making import (
    LEFT_OUT,
    MAIN,
    READER,
    Figures,
    digest,
    in_turn,
    left_out,
    make,
    reader_figures,
    rehearsal_adapter,
    rehearsed,
    say,
    shown,
)
from finetune.reader import Search
from finetune.settings import Flags, chosen, training_options

if TYPE_CHECKING:  # torch and scikit-learn take seconds
    from finetune.judge import Exams
    from finetune.judging import Calibration, Weights

FILE = "calibration.json"
NONE: Flags = {}
CALIBRATED, LEFT_OUT_WORDINGS, UNANSWERABLE = 2, 8, 6
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

    Goes on from the reader's adapter, after `retriever`, whose search it is trained on; the form of the LoRA is the
    reader's, and the table training of workspace.toml is not read. Facts need "evidence"; training questions that no
    document answers teach it to refuse, the more of them the better. First comes a rehearsal without every fifth fact,
    every eighth wording and every third question without an answer: what it brings for them is told, and how the judge
    weighs its signs is fitted on them (calibration.json beside the adapter). Held-out wordings and facts of class
    "documents only" are never looked at.
    """
    from finetune.judge import HELD_OUT_LOSS, cached, judge_steps, practice_steps, practised, questions, rehearsal
    from finetune.reader import RECORDS, load_records, split

    path, target = workspace / "questions.jsonl", workspace / "adapters" / "judge"
    facts, settings = load_facts(path), chosen(flags, epochs=1, learning_rate=5e-4)
    parts = rehearsal(facts)
    with_rehearsal, with_own = rehearsed_retriever(workspace, facts), wiring.own_query_adapter(workspace)
    with in_turn():
        base, tokenizer = wiring.base(base_model, say, workspace)
        wiring.check_adapter(READER, base)
        practice_search = cached(wiring.search(workspace, say, with_rehearsal))
        search = practice_search if with_own is None else cached(wiring.search(workspace, say, with_own))
        exams = parts.exams(practice_search)
        records, held_out = split(load_records())
        records = practised(records, len(questions(facts, wordings)), settings.epochs, settings.seed)
        unseen = held_out[:HELD_OUT_LOSS]
        alike = wiring.alike([*records, *unseen], say)
    held = practice_steps(unseen, alike, tokenizer, settings.seed)
    purpose = "LoRA adapter that judges which sentence answers a question of this workspace, and gives no answer."
    fitted: list[Calibration] = []
    measured: dict[str, tuple[int, int]] = {}

    def steps(taught: Sequence[Fact], found: Search) -> Any:
        asked = questions(taught, wordings)
        return judge_steps(asked, found, records, alike, tokenizer, settings.epochs, settings.seed)

    def made(taught: Sequence[Fact], training: Any, run: str, into: Path, figures: Any) -> None:
        data = (
            f"{len(questions(taught, wordings))} training questions, at most {wordings} wordings of a fact, with what "
            f"the search brings, `questions.jsonl` {digest(path)}, and reading practice, `records.jsonl` "
            f"{digest(RECORDS)}; begun with the reader's adapter"
        )
        every = max(1, round(len(training) / settings.epochs / 4))
        make(
            into,
            workspace / "runs" / "judge" / run,
            base,
            training,
            held,
            settings,
            every,
            purpose,
            data,
            figures,
            READER,
        )

    def examined(model: Any) -> Figures:
        told, found = weighed(model, tokenizer, exams, None, parts.knock_out)
        measured.update({f"rehearsal, {name}": value for name, value in told.items()})
        fitted.append(found)
        return measured, {LEFT_OUT: left_out(parts.untaught) + "\n"}

    training = steps(parts.practised, practice_search)
    if shown(training, tokenizer, base, preview):
        return
    say("rehearsal: without some facts, wordings and questions without an answer, to measure")
    made(parts.practised, training, "rehearsal", rehearsal_adapter(workspace, "judge"), examined)
    say("now all of them")
    made(facts, steps(facts, search), "all", target, lambda model: (measured, {}))
    if MAIN:
        write_calibration(workspace, fitted[0], target, target)
    if MAIN and wiring.own_judge(workspace) is None:
        say('It is not used: [rag] judge in workspace.toml is another one; leave it out, or set it to "workspace".')


def weighed(
    model: Any, tokenizer: Any, exams: "Exams", accept: "Weights | None", knock_out: bool
) -> "tuple[dict[str, tuple[int, int]], Calibration]":
    """(right, asked) by name, fitted on the first halves and counted on the second ones; and fitted on all."""
    from finetune import judging

    model.to(wiring.served_dtype())
    read = {
        kind: [judging.judge(model, tokenizer, half, say) for half in halves]
        for kind, halves in exams.items()
        if halves
    }
    fitted = judging.calibrate([each for first, _ in read.values() for each in first], accept, knock_out)
    told = {
        f"{kind}, {name}": value
        for kind, (_, second) in read.items()
        for name, value in judging.counts(second, fitted).items()
    }
    whole = [each for halves in read.values() for half in halves for each in half]
    return told, judging.calibrate(whole, accept, knock_out)


def weigh(base_model: str = "") -> None:
    """Examine the shipped reader again and fit anew how its signs are weighed; the adapter stays as it is."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from finetune.card import measured_again
    from finetune.figures import FILE as FIGURES
    from finetune.reader import load_records, split

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
    """Fit how RAG's judge weighs its signs to this workspace's own training questions.

    Of the workspace's own judge, which `judge` does itself, as its rehearsal read what it was not taught
    (adapters/judge/calibration.json); of the reader as a judge otherwise (WORKSPACE/calibration.json). Where there is a
    retriever, its rehearsal searches. Held-out wordings and facts of class "documents only" are never asked. Fitted is
    which sentence is the best one, and whether that one answers. The reader keeps for the second what its practice
    told, whose questions without an answer are near misses made by hand; those that a workspace's own questions become
    when the answer is taken away are easier, and what is fitted on them accepts too much. What is told was fitted on
    every other fact and counted on the rest, what is written is fitted on all. rag.judged_below chooses the line of the
    table.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from finetune import judging
    from finetune.judge import rehearsal

    facts, own = load_facts(workspace / "questions.jsonl"), wiring.own_judge(workspace)
    parts = rehearsal(facts)
    with_rehearsal = rehearsed_retriever(workspace, facts)
    read_with = READER if own is None else rehearsed(workspace, "judge", parts.untaught)
    search = wiring.search(workspace, say, with_rehearsal)
    exams = reader_exams(workspace, facts, search) if own is None else parts.exams(search)
    accept = judging.accepting((READER / FILE).read_text(encoding="utf-8")) if own is None else None
    base, tokenizer = wiring.base(base_model, say, workspace)
    plain = AutoModelForCausalLM.from_pretrained(base, local_files_only=True)
    model = PeftModel.from_pretrained(plain, str(read_with))
    told, fitted = weighed(model, tokenizer, exams, accept, own is None or parts.knock_out)
    for name, (right, of) in told.items():
        say(f"  {name}: {right} of {of}")
    write_calibration(workspace, fitted, own or READER, own or workspace)


def write_calibration(workspace: Path, fitted: "Calibration", adapter: Path, into: Path) -> None:
    """For this judge in this workspace, with the search that it has now."""
    made_for = {"adapter_hash": wiring.adapter_hash(adapter), "query_adapter": wiring.query_identity(workspace)}
    write_beside(into / FILE, json.dumps(fitted.as_rows() | made_for, indent=2) + "\n")
    say(f"Done: {into / FILE}; it counts from the next start. rag.judged_below chooses the line of the table.")


def reader_exams(workspace: Path, facts: Sequence[Fact], search: Search) -> "Exams":
    """Of a workspace's training questions; with a retriever only of facts that its rehearsal left out, as most
    questions are about what nobody trained on."""
    from finetune import judging
    from finetune.reader import workspace_exam
    from finetune.retriever import rehearsal

    wordings = CALIBRATED
    if wiring.own_query_adapter(workspace) is not None:
        *_, others = rehearsal(facts)
        facts, wordings = [*others, *(fact for fact in facts if not fact.answerable)], LEFT_OUT_WORDINGS
    kinds = {"answer": (True, wordings), "no answer": (False, UNANSWERABLE)}
    first, second = judging.halves(facts)
    return {
        kind: (
            workspace_exam([fact for fact in first if fact.answerable == answerable], search, most),
            workspace_exam([fact for fact in second if fact.answerable == answerable], search, most),
        )
        for kind, (answerable, most) in kinds.items()
    }


def rehearsed_retriever(workspace: Path, facts: Sequence[Fact]) -> Path | None:
    """The rehearsal of the retriever that RAG uses in this workspace, None when it uses none."""
    from finetune.retriever import rehearsal

    if wiring.own_query_adapter(workspace) is None:
        return None
    _, wordings, others = rehearsal(facts)
    return rehearsed(workspace, "retriever", [*wordings, *others])
