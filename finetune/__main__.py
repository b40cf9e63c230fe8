"""`python -m finetune`: `train`, `seeds`, `hybrid`, `from-votes` (of a WORKSPACE) and `reader`. What RAG finds and
judges with is in retrieval_commands.py and judge_commands.py, what is not a training run in commands.py, how a run is
made in making.py."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import typer

from arena.errors import ArenaError, Stopped
from finetune import commands, judge_commands, retrieval_commands, wiring
from finetune.commands import PREVIEW, WORKSPACE
from finetune.making import (
    READER,
    READER_ROOM,
    Figures,
    asked_as,
    began_with,
    closed_book,
    digest,
    in_turn,
    make,
    rate_for,
    reader_figures,
    say,
    shown,
)
from finetune.settings import Flags, chosen, training_options

app = typer.Typer(
    add_completion=False,
    help="From documents to adapters. A training that was killed goes on where it was: run it again.",
)
commands.add_to(app)
retrieval_commands.add_to(app)
judge_commands.add_to(app)
HELD_OUT_LOSS = 12
"""How many held-out records the loss is taken on while training; the figures afterwards use all, those of the judge
every other one (the rest fit its calibration)."""
NONE: Flags = {}
PAIRS = typer.Option(None, "--pairs", help="A .jsonl of pairs (`app.py export`) instead of the workspace's votes.")


@app.command()
@training_options
def train(
    workspace: Path = WORKSPACE,
    base_model: str = "",
    preview: bool = PREVIEW,
    flags: Flags = NONE,
    onward: bool = typer.Option(False, "--onward", help="Go on with the adapter that is there; run again, once more."),
) -> None:
    """Train the fine-tuned contestant on the workspace's questions.

    Options win over the table training of workspace.toml. Without --epochs, or with 0, each fact is shown about 50
    times; with --onward about 13 times, at half the learning rate. The base model first writes some texts, and each
    step of the run's last half (--replay-share; with --onward each step) reads one to keep near it: --replay is what
    that weighs, 0.5 unless told.
    """
    target, work = workspace / "adapters" / "fine-tuned", workspace / "runs" / "fine-tuned"
    if onward:
        work = workspace / "runs" / "fine-tuned-onward"
    closed_book(workspace, base_model, flags, target, work, preview, began=began_with(workspace) if onward else None)


@app.command()
@training_options
def seeds(
    workspace: Path = WORKSPACE,
    base_model: str = "",
    flags: Flags = NONE,
    count: int = typer.Option(3, min=2, help="How many; the first is --seed."),
) -> None:
    """Train the fine-tuned contestant from several seeds and tell how much of its figures is luck.

    The adapters go to runs/seeds; the one that serves is not touched. A seed that is done is not trained again.
    """
    from finetune.seeds import spreads

    first = chosen({name: value for name, value in flags.items() if name != "epochs"}, workspace).seed
    runs = []
    for seed in range(first, first + count):
        folder = workspace / "runs" / "seeds" / str(seed)
        say(f"seed {seed}: {folder}")
        runs.append(closed_book(workspace, base_model, {**flags, "seed": seed}, folder / "adapter", folder, once=True))
    for name, spread in spreads(runs).items():
        say(f"{name}: {spread}")


@app.command()
@training_options
def reader(
    base_model: str = "",
    preview: bool = PREVIEW,
    flags: Flags = NONE,
    onward: bool = typer.Option(False, "--onward", help="Train the shipped adapter on, instead of a new one."),
) -> None:
    """Train the reader adapter on invented sentences that are in no workspace.

    Without --epochs every record is shown 1.75 times. The shipped one learnt from 564 records. From all 1,056, three
    times, four at once (--epochs 3 --batch-size 4 --learning-rate 0.0012: four minutes on an NVIDIA H200) it judged
    practice records better (at 0.4 it accepted nothing for 61 of 67 questions without an answer, not for 55), and the
    demo's training wordings worse (72 % right of plain ones where 70 % of the unanswerable ones are refused, not 80 %).
    """
    from finetune.reader import RECORDS, load_records, reader_steps, split

    settings = chosen(flags, epochs=1.75, learning_rate=8e-4)
    records, held_out = split(load_records())
    with in_turn():
        base, tokenizer = wiring.base(base_model, say)
    training = reader_steps(records, tokenizer, settings.epochs, settings.seed, wiring.alike(records, say))
    if shown(training, tokenizer, base, preview):
        return
    every = max(1, round(len(training) / settings.epochs / 4))
    data = f"{len(records)} hand-written records ({len(held_out)} more held out), `records.jsonl` {digest(RECORDS)}"

    def figures(model: Any) -> Figures:
        return reader_figures(model, tokenizer, held_out)

    purpose = "LoRA adapter that judges whether a sentence answers a question, and quotes the one that does."
    target, work = READER, READER_ROOM / "runs" / "reader"
    held = reader_steps(held_out[:HELD_OUT_LOSS], tokenizer, 1, 7, wiring.alike(held_out, say))
    began = target if onward else None
    make(target, work, base, training, held, settings, every, purpose, data, figures, began)


@app.command()
@training_options
def hybrid(
    workspace: Path = WORKSPACE,
    base_model: str = "",
    preview: bool = PREVIEW,
    flags: Flags = NONE,
    onward: bool = typer.Option(False, "--onward", help="Begin with the fine-tuned adapter, not with a new one."),
) -> None:
    """Train the hybrid contestant: on the workspace's questions with what its own retriever finds.

    Options win over the table training of workspace.toml. Without --epochs every question is shown 1.5 times. What
    begins with the fine-tuned adapter goes on answering from memory: on the demo, after 0.8 times in steps of 16, it
    knew 418 of 432 held-out wordings, but read 16 of 96 answers that stand in documents only and abstained on 18.
    """
    from arena.facts import load_facts
    from finetune.check import reading_accuracy
    from finetune.examples import steps
    from finetune.hybrid import hybrid_samples
    from finetune.reader import RECORDS, load_records, split

    began = began_with(workspace) if onward else None
    path = workspace / "questions.jsonl"
    facts = load_facts(path)
    with in_turn():
        retrieve = wiring.retriever(workspace, say)
        base, tokenizer = wiring.base(base_model, say, workspace)
    rate = rate_for(base)
    settings = chosen(flags, workspace, epochs=1.5, learning_rate=rate / 2 if began else rate)
    epochs, seed = settings.epochs, settings.seed
    if began is not None:
        wiring.check_adapter(began, base)
    records, unseen = split(load_records())
    samples = hybrid_samples(facts, retrieve, records, wiring.alike(records, say), seed, say)
    training = steps(samples, tokenizer, epochs, seed)
    if shown(training, tokenizer, base, preview):
        return
    # Every fourth fact in one held-out wording: retrieving and reading cost more than remembering.
    quarter = [replace(fact, training=fact.held_out[:1]) for fact in facts[::4] if fact.trained_on and fact.held_out]
    alike = wiring.alike(unseen, say)
    held = steps(hybrid_samples(quarter, retrieve, unseen[:4], alike, seed, say), tokenizer, 1, seed)
    every = max(1, round(len(training) / epochs / 4))
    beginning = "the fine-tuned adapter" if began else "a new adapter"
    data = (
        f"{len(samples)} questions with what was retrieved, `questions.jsonl` {digest(path)}, and reading practice, "
        f"`records.jsonl` {digest(RECORDS)}; begun with {beginning}"
    )

    def figures(model: Any) -> Figures:
        kinds = {
            "trained facts, trained wording": ("trained", lambda fact: fact.training[:1]),
            "trained facts, held-out wording": ("trained", lambda fact: fact.held_out),
            "trained facts, held-out wording, oblique": ("trained", lambda fact: fact.oblique),
            "facts in documents only": ("documents only", lambda fact: fact.held_out),
            "unanswerable, abstained": ("unanswerable", lambda fact: () if fact.training else fact.held_out),
        }
        return {
            name: reading_accuracy(
                model, tokenizer, [fact for fact in facts if fact.kind == kind], asked, retrieve, say
            )
            for name, (kind, asked) in kinds.items()
        }, {}

    purpose = (
        "LoRA adapter that knows this workspace's facts and reads what is retrieved, or says that it is not there."
    )
    target = workspace / "adapters" / "hybrid"
    work = workspace / "runs" / "hybrid"
    make(target, work, base, training, held, settings, every, purpose, data, figures, began)


@app.command("from-votes")
def from_votes(
    workspace: Path = WORKSPACE,
    epochs: float = 3.0,
    learning_rate: float = 5e-6,
    seed: int = 42,
    minimum: int = typer.Option(100, help="So many preferences are wanted."),
    force: bool = typer.Option(False, "--force", help="Train on fewer, too."),
    base_model: str = "",
    pairs: Path | None = PAIRS,
) -> None:
    """Train the fine-tuned adapter on, with what people preferred: DPO on pairs of answers, into adapters/by-votes."""
    from arena.facts import load_facts
    from finetune.card import dpo_card
    from finetune.disk import write_adapter
    from finetune.dpo import DpoSettings, train_dpo
    from finetune.rows import read_pairs
    from finetune.votes import corrections, dpo_rows, enough, preferences

    settings = DpoSettings(epochs=epochs, learning_rate=learning_rate, seed=seed)
    if pairs is not None:
        training, held_out = read_pairs(pairs, seed)
    else:
        voted, facts = wiring.voted(workspace), load_facts(workspace / "questions.jsonl")
        found, left_out = preferences(voted, facts)
        found += corrections(voted, facts)
        for reason, count in left_out.most_common():
            say(f"{count} comparisons left out: {reason}")
        if not force:
            enough(len(found), minimum)
        training, held_out = dpo_rows(found, seed)
    # Again: several votes for the same answer to a question are one pair, and as many against it none.
    if not force:
        enough(len(training) + len(held_out), minimum)
    say(f"{len(training)} pairs to train on, {len(held_out)} held out")
    base, _ = wiring.base(base_model, say, workspace)
    adapter, target = workspace / "adapters" / "fine-tuned", workspace / "adapters" / "by-votes"
    wiring.check_adapter(adapter, base)
    model, result = train_dpo(base, adapter, training, held_out, workspace / "runs" / "by-votes", settings, say)
    own = wiring.identity(base)
    told = dpo_card(target.name, own, len(training), settings, result)
    write_adapter(model, target, own | asked_as(base), told)
    say(f'Done: {target}. To compare with it, in workspace.toml: [adapters] "fine-tuned" = "adapters/by-votes"')
    for name, (right, of) in result.figures().items():
        say(f"  {name}: {right} of {of}")


def main() -> None:
    try:
        app(standalone_mode=True)
    except Stopped as stopped:
        say(str(stopped))
    except ArenaError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
