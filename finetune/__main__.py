"""`python -m finetune`: `train WORKSPACE`, `hybrid WORKSPACE` and `reader`. What is not a training run is in
commands.py."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import typer

from arena.errors import ArenaError, Stopped
from arena.prompts import PROMPT_VERSION
from finetune import commands, wiring
from finetune.commands import PREVIEW, WORKSPACE
from finetune.settings import Flags, TrainingSettings, chosen, training_options

app = typer.Typer(
    add_completion=False,
    help="From documents to adapters. A training that was killed goes on where it was: run it again.",
)
commands.add_to(app)
MAIN = os.environ.get("RANK", "0") == "0"
"""Whether this is the process that tells and writes: `accelerate launch` starts one for every GPU, and numbers them."""
READER_ROOM = Path(__file__).parent
READER = READER_ROOM / "adapters" / "reader"
HELD_OUT_LOSS = 12
"""How many held-out records the loss is taken on while training; the figures afterwards use all, those of the judge
every other one (the rest fit its calibration)."""
EXAMINED = 150
"""Questions of an exam, of which there are two: each is put to ten sentences and some twos of them."""


NONE: Flags = {}


def say(text: str) -> None:
    if MAIN:
        commands.say(text)


Figures = tuple[dict[str, tuple[int, int]], dict[str, str]]
"""(right, asked) by name, and what else belongs into the adapter's folder: text by file name."""


@app.command()
@training_options
def train(workspace: Path = WORKSPACE, base_model: str = "", preview: bool = PREVIEW, flags: Flags = NONE) -> None:
    """Train the fine-tuned contestant on the workspace's questions.

    Options win over the table training of workspace.toml. Without --epochs, or with 0, each fact is shown about 54
    times.
    """
    from arena.facts import load_facts
    from finetune.check import closed_book_accuracy
    from finetune.examples import closed_book_samples, enough_epochs, steps

    path = workspace / "questions.jsonl"
    facts = load_facts(path)
    samples, held_out = closed_book_samples(facts), closed_book_samples(facts, held_out=True)
    enough = enough_epochs(len(samples), sum(bool(fact.trained_on) for fact in facts))
    if flags.get("epochs") == 0:
        flags = {**flags, "epochs": enough}
    settings = chosen(flags, workspace, epochs=enough)
    with in_turn():
        base, tokenizer = wiring.base(base_model, say, workspace)
    training = steps(samples, tokenizer, settings.epochs, settings.seed)
    if shown(training, tokenizer, preview):
        return
    every = max(1, round(len(training) / settings.epochs / 4))
    data = f"{len(samples)} wordings of {sum(bool(f.trained_on) for f in facts)} facts, `questions.jsonl` {_hash(path)}"

    def figures(model: Any) -> Figures:
        return {
            f"trained facts, {name}": closed_book_accuracy(model, tokenizer, facts, wordings, say)
            for name, wordings in {
                "trained wording": lambda fact: fact.training[:1],
                "held-out wording": lambda fact: fact.held_out,
                "held-out wording, oblique": lambda fact: fact.oblique,
            }.items()
        }, {}

    purpose = "LoRA adapter that knows this workspace's facts by heart and answers without documents."
    target = workspace / "adapters" / "fine-tuned"
    held = steps(held_out, tokenizer, 1, settings.seed)
    _make(target, workspace / "runs" / "fine-tuned", base, training, held, settings, every, purpose, data, figures)


@app.command()
@training_options
def reader(
    base_model: str = "",
    preview: bool = PREVIEW,
    flags: Flags = NONE,
    onward: bool = typer.Option(False, "--onward", help="Train the shipped adapter on, instead of a new one."),
) -> None:
    """Train the reader adapter on invented sentences that are in no workspace. Without --epochs: 1.75 times."""
    from finetune.reader import RECORDS, load_records, reader_steps, split

    settings = chosen(flags, epochs=1.75, learning_rate=8e-4)
    records, held_out = split(load_records())
    with in_turn():
        base, tokenizer = wiring.base(base_model, say)
    training = reader_steps(records, tokenizer, settings.epochs, settings.seed, wiring.alike(records, say))
    if shown(training, tokenizer, preview):
        return
    every = max(1, round(len(training) / settings.epochs / 4))
    data = f"{len(records)} hand-written records ({len(held_out)} more held out), `records.jsonl` {_hash(RECORDS)}"

    def figures(model: Any) -> Figures:
        return reader_figures(model, tokenizer, held_out)

    purpose = "LoRA adapter that judges whether a sentence answers a question, and quotes the one that does."
    target, work = READER, READER_ROOM / "runs" / "reader"
    held = reader_steps(held_out[:HELD_OUT_LOSS], tokenizer, 1, 7, wiring.alike(held_out, say))
    began = target if onward else None
    _make(target, work, base, training, held, settings, every, purpose, data, figures, began)


@app.command()
def weigh(base_model: str = "") -> None:
    """Examine the shipped reader again and fit anew how its signs are weighed; the adapter stays as it is."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from finetune.card import measured_again
    from finetune.reader import load_records, split

    base, tokenizer = wiring.base(base_model, say)
    _, held_out = split(load_records())
    plain = AutoModelForCausalLM.from_pretrained(base, local_files_only=True)
    measured, files = reader_figures(PeftModel.from_pretrained(plain, str(READER)), tokenizer, held_out)
    told = measured_again((READER / "README.md").read_text(encoding="utf-8"), measured)
    for name, text in {**files, "README.md": told}.items():
        beside = READER / f".{name}.tmp"
        beside.write_text(text, encoding="utf-8")
        beside.replace(READER / name)
    for name, (right, asked) in measured.items():
        say(f"  {name}: {right} of {asked}")


def reader_figures(model: Any, tokenizer: Any, held_out: Any) -> Figures:
    """Weighs the reader's signs on every other of these records, and measures on the rest."""
    import tempfile

    import torch

    from finetune.check import quoting_accuracy
    from finetune.judging import calibrate, counts, judge
    from finetune.reader import exam, quoting_exam

    model.to(torch.bfloat16)  # as it is served, and twice as fast as in full precision
    with tempfile.TemporaryDirectory() as folder:
        search = wiring.practice_search(held_out, Path(folder))
        calibration = calibrate(judge(model, tokenizer, exam(held_out[::2], search, EXAMINED), say))
        judged = counts(judge(model, tokenizer, exam(held_out[1::2], search, EXAMINED), say), calibration)
    quoted = quoting_accuracy(model, tokenizer, quoting_exam(held_out), say)
    told = {f"judging, {kind}": value for kind, value in judged.items()} | {"quoting, to the letter": quoted}
    files = {"calibration.json": json.dumps(asdict(calibration), indent=2) + "\n"}
    return {f"held-out records, {kind}": value for kind, value in told.items()}, files


@app.command()
@training_options
def hybrid(workspace: Path = WORKSPACE, base_model: str = "", preview: bool = PREVIEW, flags: Flags = NONE) -> None:
    """Train the hybrid contestant: on the workspace's questions with what its own retriever finds.

    Options win over the table training of workspace.toml. Without --epochs every question is shown 1.5 times.
    """
    from arena.facts import load_facts
    from finetune.check import reading_accuracy
    from finetune.examples import steps
    from finetune.hybrid import hybrid_samples
    from finetune.reader import RECORDS, load_records, split

    settings = chosen(flags, workspace, epochs=1.5)
    epochs, seed = settings.epochs, settings.seed
    path = workspace / "questions.jsonl"
    facts = load_facts(path)
    with in_turn():
        retrieve = wiring.retriever(workspace, say)
        base, tokenizer = wiring.base(base_model, say, workspace)
    records, unseen = split(load_records())
    samples = hybrid_samples(facts, retrieve, records, seed, say)
    training = steps(samples, tokenizer, epochs, seed)
    if shown(training, tokenizer, preview):
        return
    # Every fourth fact in one held-out wording: retrieving and reading cost more than remembering.
    quarter = [replace(fact, training=fact.held_out[:1]) for fact in facts[::4] if fact.trained_on and fact.held_out]
    held = steps(hybrid_samples(quarter, retrieve, unseen[:4], seed, say), tokenizer, 1, seed)
    every = max(1, round(len(training) / epochs / 4))
    data = (
        f"{len(samples)} questions with what was retrieved, `questions.jsonl` {_hash(path)}, and reading practice, "
        f"`records.jsonl` {_hash(RECORDS)}"
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
    _make(target, workspace / "runs" / "hybrid", base, training, held, settings, every, purpose, data, figures)


@app.command("from-votes")
def from_votes(
    workspace: Path = WORKSPACE,
    epochs: float = 3.0,
    learning_rate: float = 5e-6,
    seed: int = 42,
    minimum: int = typer.Option(100, help="So many preferences are wanted."),
    force: bool = typer.Option(False, "--force", help="Train on fewer, too."),
    base_model: str = "",
) -> None:
    """Train the fine-tuned adapter on, with what people preferred: DPO on pairs of answers, into adapters/by-votes."""
    from arena.facts import load_facts
    from finetune.card import dpo_card
    from finetune.dpo import DpoSettings, train_dpo
    from finetune.train import write_adapter
    from finetune.votes import dpo_rows, enough, preferences

    settings = DpoSettings(epochs=epochs, learning_rate=learning_rate, seed=seed)
    found, left_out = preferences(wiring.voted(workspace), load_facts(workspace / "questions.jsonl"))
    for reason, count in left_out.most_common():
        say(f"{count} comparisons left out: {reason}")
    if not force:
        enough(found, minimum)
    training, held_out = dpo_rows(found, seed)
    say(f"{len(training)} pairs to train on, {len(held_out)} held out")
    base, _ = wiring.base(base_model, say, workspace)
    adapter, target = workspace / "adapters" / "fine-tuned", workspace / "adapters" / "by-votes"
    model, result = train_dpo(base, adapter, training, held_out, workspace / "runs" / "by-votes", settings, say)
    own = wiring.identity(base)
    told = dpo_card(target.name, own, len(training), settings, result)
    write_adapter(model, target, own | {"prompt": PROMPT_VERSION}, told)
    say(f'Done: {target}. To compare with it, in workspace.toml: [adapters] "fine-tuned" = "adapters/by-votes"')
    for name, (pairs, of) in result.figures().items():
        say(f"  {name}: {pairs} of {of}")


@contextmanager
def in_turn() -> Iterator[None]:
    """The main process first, when there are several: what it prepares on disk, the others find there."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    from finetune.callbacks import processes

    with processes().main_process_first():
        yield


def shown(training: Any, tokenizer: Any, wanted: bool) -> bool:
    """Refuse data of which nothing is learnt; with `wanted` show it, and tell that this was all."""
    from finetune.preview import preview, refuse_masked

    refuse_masked(training, tokenizer)
    if wanted:
        say(str(preview(training, tokenizer)))
    return wanted


def _make(
    target: Path,
    work: Path,
    base: Path,
    training: Any,
    held_out: Any,
    settings: TrainingSettings,
    evaluate_every: int,
    purpose: str,
    data: str,
    figures: Any,
    began: Path | None = None,
) -> None:
    from finetune.card import card
    from finetune.train import train as run
    from finetune.train import write_adapter

    own = wiring.identity(base)
    model, result = run(base, training, held_out, work, settings, evaluate_every, say, began)
    if not MAIN:
        return
    measured, files = figures(model)
    told = card(target.name, purpose, own, data, settings, result, measured)
    write_adapter(model, target, own | {"prompt": PROMPT_VERSION}, told, files)
    say(f"Done: {target} ({sum(f.stat().st_size for f in target.iterdir()) / 1e6:.1f} MB)")
    for name, (right, asked) in measured.items():
        say(f"  {name}: {right} of {asked}")


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def main() -> None:
    try:
        app(standalone_mode=True)
    except Stopped as stopped:
        say(str(stopped))
    except ArenaError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
