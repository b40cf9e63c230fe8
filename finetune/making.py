"""How an adapter is made, whichever: samples shown or refused, trained on, examined, and written with its card.

The commands are in __main__.py. Several processes may run this; one of them tells and writes.
"""

import hashlib
import json
import os
import random
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from arena.errors import ArenaError, WorkspaceError
from arena.facts import Fact
from arena.prompts import PROMPT_VERSION
from finetune import commands, wiring
from finetune.figures import weights_of
from finetune.settings import Flags, TrainingSettings, chosen

MAIN = os.environ.get("RANK", "0") == "0"
"""Whether this is the process that tells and writes: `accelerate launch` starts one for every GPU, and numbers them."""
READER_ROOM = Path(__file__).parent
READER = READER_ROOM / "adapters" / "reader"
EXAMINED = 150
"""Questions of an exam, of which there are two: each is put to what a search brings and some twos of it."""
LEFT_OUT = "left-out"
"""The file in a rehearsal's folder that tells what it was not trained on."""
FOLLOWED = 216
"""Held-out wordings whose loss is followed while training: that of all of the demo's took a sixth of the time."""
REPLAY = 0.5
"""Of the fine-tuned contestant: without it, it answered everything with the workspace's facts. 1 in the last three
tenths of a run, where it learns little more, kept less of the base and of the facts than 0.5 in the last half."""
REPLAY_SHARE = 0.5
"""The last part of the fine-tuned contestant's run, in which it replays; what goes on with an adapter replays from its
beginning, to mend it."""
Figures = tuple[dict[str, tuple[int, int]], dict[str, str]]
"""(right, asked) by name, and what else belongs into the adapter's folder: text by file name."""


def say(text: str) -> None:
    if MAIN:
        commands.say(text)


@contextmanager
def in_turn() -> Iterator[None]:
    """The main process first, when there are several: what it prepares on disk, the others find there."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    from finetune.callbacks import processes

    with processes().main_process_first():
        yield


TUNED_ON = 576
"""The hidden size of the model that the usual learning rate was tuned on."""


def shown(training: Any, tokenizer: Any, base: Path, wanted: bool) -> bool:
    """Refuse data of which nothing is learnt; with `wanted` show it, and tell that this was all."""
    from finetune.preview import preview, refuse_masked

    refuse_masked(training, tokenizer)
    if wanted:
        config = json.loads((base / "config.json").read_text())
        say(str(preview(training, tokenizer, context=config.get("max_position_embeddings"))))
    return wanted


def closed_book(
    workspace: Path,
    base_model: str,
    flags: Flags,
    target: Path,
    work: Path,
    preview: bool = False,
    once: bool = False,
    began: Path | None = None,
) -> dict[str, tuple[int, int]]:
    """One training of the fine-tuned contestant and its figures. `once`: not again if `target` is its result. `began`:
    the adapter to go on with."""
    from arena.facts import load_facts
    from finetune.card import trained_as
    from finetune.check import closed_book_accuracy
    from finetune.examples import closed_book_samples, enough_epochs, steps

    path = workspace / "questions.jsonl"
    facts = load_facts(path)
    samples, held_out = closed_book_samples(facts), closed_book_samples(facts, held_out=True)
    taught = sum(bool(fact.trained_on) for fact in facts)
    enough = enough_epochs([len(fact.trained_on) for fact in facts if fact.trained_on])
    with in_turn():
        base, tokenizer = wiring.base(base_model, say, workspace)
    rate = rate_for(base)
    fitting = {"epochs": enough, "learning_rate": rate, "replay_share": REPLAY_SHARE}
    if began is not None:
        fitting = {"epochs": round(enough / 4, 2), "learning_rate": rate / 2, "replay_share": 1.0}
    if flags.get("epochs") == 0:
        flags = {**flags, "epochs": fitting["epochs"]}
    settings = chosen(flags, workspace, replay=REPLAY, **fitting)
    if began is not None:
        wiring.check_adapter(began, base)
    training = steps(samples, tokenizer, settings.epochs, settings.seed)
    if shown(training, tokenizer, base, preview):
        if settings.replay:
            where = "Each step" if settings.replay_share == 1 else f"Each step of the last {settings.replay_share:.0%}"
            say(f"{where} also reads a text that the base model wrote, to keep near it (--replay {settings.replay}).")
        return {}
    every = max(1, round(len(training) / settings.epochs / 4))
    data = f"{len(samples)} wordings of {taught} facts, `questions.jsonl` {digest(path)}"
    followed = random.Random(settings.seed).sample(held_out, min(FOLLOWED, len(held_out)))
    data += f"; losses held out are of {len(followed)} of {len(held_out)} wordings"
    if began is not None:
        data += f"; begun with an adapter ({trained_as(began)})"

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
    held = steps(followed, tokenizer, 1, settings.seed)
    return make(target, work, base, training, held, settings, every, purpose, data, figures, began, once)


def rate_for(base: Path) -> float:
    """The learning rate for this base: the usual one, tuned on 135M parameters with a hidden size of 576, less for
    wider models, by its power of 0.781 (what Thinking Machines measured for Llama models, 2025; Qwen's take more, which
    `--learning-rate` may say)."""
    config = json.loads((base / "config.json").read_text())
    wide = config.get("text_config", config).get("hidden_size") or TUNED_ON
    return float(f"{TrainingSettings.learning_rate * min(1.0, (TUNED_ON / wide) ** 0.781):.2g}")


def began_with(workspace: Path) -> Path:
    """The fine-tuned adapter, for what goes on with it.

    Raises:
        ArenaError: there is none.
    """
    tuned = workspace / "adapters" / "fine-tuned"
    if not (tuned / "adapter_model.safetensors").is_file():
        raise ArenaError(f"No adapter in {tuned} to begin with: run `python -m finetune train {workspace}` first.")
    return tuned


def keep(adapter: Path, work: Path) -> None:
    """Copy an adapter whose place another will take."""
    from finetune.disk import put_in_place

    kept = work / f"began-{weights_of(adapter)[:8]}"
    with put_in_place(kept) as beside:
        shutil.copytree(adapter, beside, dirs_exist_ok=True)
    say(f"What it began with is kept in {kept}.")


def reader_figures(model: Any, tokenizer: Any, held_out: Any) -> Figures:
    """Weighs the reader's signs on every other of these records, and measures on the rest."""
    import tempfile

    from finetune.check import quoting_accuracy
    from finetune.judging import calibrate, counts, judge
    from finetune.reader import exam, quoting_exam

    model.to(wiring.served_dtype())
    with tempfile.TemporaryDirectory() as folder:
        search = wiring.practice_search(held_out, Path(folder))
        calibration = calibrate(judge(model, tokenizer, exam(held_out[::2], search, EXAMINED), say))
        judged = counts(judge(model, tokenizer, exam(held_out[1::2], search, EXAMINED), say), calibration)
    quoted = quoting_accuracy(model, tokenizer, quoting_exam(held_out), say)
    told = {f"judging, {kind}": value for kind, value in judged.items()} | {"quoting, to the letter": quoted}
    files = {"calibration.json": json.dumps(calibration.as_rows(), indent=2) + "\n"}
    return {f"held-out records, {kind}": value for kind, value in told.items()}, files


def make(
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
    once: bool = False,
) -> dict[str, tuple[int, int]]:
    from finetune.card import card
    from finetune.disk import write_adapter
    from finetune.figures import FILE, figures_of, figures_text
    from finetune.train import train as run

    own = wiring.identity(base)
    made_from = own | {"prompt": PROMPT_VERSION, "data": data, "settings": asdict(settings)}
    known = figures_of(target, made_from) if once else None
    if known is not None:
        return known
    if settings.replay:
        training = with_replayed(training, base, work, settings, own["base_fingerprint"])
    model, result = run(base, training, held_out, work, settings, evaluate_every, say, began)
    if not MAIN:
        return {}
    measured: dict[str, tuple[int, int]]
    measured, files = figures(model)
    told = card(target.name, purpose, own, data, settings, result, measured)
    files = {**files, FILE: figures_text(made_from, measured)}
    if began == target:
        keep(began, work)
    write_adapter(model, target, own | asked_as(base), told, files)
    say(f"Done: {target} ({sum(f.stat().st_size for f in target.iterdir()) / 1e6:.1f} MB)")
    for name, (right, asked) in measured.items():
        say(f"  {name}: {right} of {asked}")
    return measured


def asked_as(base: Path) -> dict[str, str]:
    """In which form questions were put, for an adapter's arena.json: the version of the prompts, and which chat
    template (`guards.same_template` compares it)."""
    from transformers import AutoTokenizer

    from finetune.guards import template_digest

    template = template_digest(AutoTokenizer.from_pretrained(base, local_files_only=True))
    return {"prompt": PROMPT_VERSION, "template": template}


def with_replayed(training: Any, base: Path, work: Path, settings: TrainingSettings, identity: str) -> Any:
    """The steps with what the base model wrote, which it does here where it has not yet."""
    from finetune.memory import fits, told_when_full
    from finetune.precision import Precision, device, has_bf16, load_base, placed
    from finetune.replay import with_replay, written

    runs = next((folder for folder in work.parents if folder.name == "runs"), work.parent)
    with in_turn(), told_when_full(settings):
        shortened = not settings.quantize and not fits(base) and has_bf16(device())
        identity += "-4bit" * settings.quantize + "-bf16" * shortened

        def load() -> Any:
            return placed(load_base(base, settings.quantize, Precision(False), shortened))

        found = written(load, base, runs, identity, say)
    return with_replay(training, found, settings.seed, settings.replay_share)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def rehearsal_adapter(workspace: Path, name: str) -> Path:
    """Where `retriever` and `judge` leave what they rehearsed, for the judge to be trained and weighed on."""
    return workspace / "runs" / name / "rehearsal" / "adapter"


def left_out(facts: Iterable[Fact]) -> str:
    """What tells these wordings from all others: a rehearsal keeps it, of what it did not train on."""
    told = sorted((fact.id, *fact.training) for fact in facts)
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def rehearsed(workspace: Path, name: str, untaught: Iterable[Fact]) -> Path:
    """What a command rehearsed, without these wordings.

    Raises:
        WorkspaceError: it is not there, or it left other ones out, as the questions were others then.
    """
    adapter = rehearsal_adapter(workspace, name)
    mark = adapter / LEFT_OUT
    if not mark.is_file() or mark.read_text(encoding="utf-8").strip() != left_out(untaught):
        why = "was made with other questions" if mark.is_file() else "is not there"
        raise WorkspaceError(
            f"The rehearsal of the workspace's {name}, {adapter}, {why}, and is needed. Run "
            f"`python -m finetune {name} {workspace}` again."
        )
    return adapter
