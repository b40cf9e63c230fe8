"""The commands around a training run: make or import examples before it, check and export the adapter after it."""

import os
from pathlib import Path

import typer

from arena.prompts import PROMPT_VERSION
from finetune import wiring
from finetune.files import write_beside

WORKSPACE = typer.Argument(..., help="The workspace folder, for example: demo")
TARGET = typer.Argument(..., help="A folder that is not there yet, for the merged model.")
SOURCE = typer.Argument(..., help="A .jsonl, .csv or .xlsx file, or a folder of Hugging Face datasets.")
URL = typer.Option("", help="An OpenAI-compatible address, for example http://localhost:8000/v1.")
MODEL = typer.Option("", help="The model's name there. Without an address: a local base model.")
HOLD_OUT_WORDINGS = typer.Option(0.2, help="The share of wordings that training never sees.")
SEED = typer.Option(42, help="Decides which are held out.")
PREVIEW = typer.Option(False, "--preview", help="Show what would be learnt, token by token, and stop.")


def say(text: str) -> None:
    typer.echo(text)


def add_to(app: typer.Typer) -> None:
    app.command()(examples)
    app.command()(reword)
    app.command("import")(bring)
    app.command()(check)
    app.command()(export)


def examples(
    workspace: Path = WORKSPACE,
    url: str = URL,
    model: str = MODEL,
    wordings: int = typer.Option(10, min=0, help="Other wordings to a fact."),
    hold_out_wordings: float = HOLD_OUT_WORDINGS,
    hold_out_facts: float = typer.Option(0.15, help="The share of facts that training never sees."),
    seed: int = SEED,
    limit: int = typer.Option(0, min=0, help="At most so many passages that are not done yet; 0 for all."),
) -> None:
    """Make questions and answers from the workspace's documents. The key is read from OPENAI_API_KEY.

    Every answer must be found in its passage. Run again, it adds only what is new; stopped, it goes on.
    """
    from finetune.generate import GenerateSettings, generate_examples

    settings = GenerateSettings(wordings, hold_out_wordings, hold_out_facts, seed)
    chat = wiring.chat_model(url, model, say, workspace)
    report = generate_examples(
        wiring.passages(workspace, say),
        chat,
        workspace / "questions.jsonl",
        settings,
        lambda progress: say(str(progress)),
        limit=limit,
    )
    say(str(report))


def reword(
    workspace: Path = WORKSPACE,
    url: str = URL,
    model: str = MODEL,
    wordings: int = typer.Option(10, min=1, help="Other wordings to a fact."),
    hold_out_wordings: float = HOLD_OUT_WORDINGS,
    seed: int = SEED,
    limit: int = typer.Option(0, min=0, help="At most so many facts; 0 for all."),
) -> None:
    """Give facts that you wrote or imported other wordings, where none is held out yet. The key is read from
    OPENAI_API_KEY.

    Training needs several wordings of a fact, and some that it never sees. Run again, it goes on with those that are
    left.
    """
    from finetune.generate import GenerateSettings
    from finetune.rewording import reword as reworded

    settings = GenerateSettings(wordings, hold_out_wordings, seed=seed)
    chat = wiring.chat_model(url, model, say, workspace)
    say(str(reworded(workspace / "questions.jsonl", chat, settings, say, limit)))


def bring(
    workspace: Path = WORKSPACE,
    source: Path = SOURCE,
    question: str = typer.Option("", help="The column of the questions, if its name is not a usual one."),
    answer: str = typer.Option("", help="The column of the answers, likewise."),
    document: str = typer.Option("", help="The column that names the document, if there is one."),
    hold_out: float = typer.Option(0.2, help="The share of a fact's wordings that training never sees."),
    hold_out_facts: float = typer.Option(0.1, help="The share of the facts that training never sees."),
    seed: int = SEED,
    skip_faulty: bool = typer.Option(False, "--skip-faulty", help="Leave faulty rows out instead of adding nothing."),
) -> None:
    """Add questions and answers that you have to the workspace's questions.jsonl. Twice adds nothing twice."""
    from finetune.columns import Columns
    from finetune.imports import import_examples

    columns = Columns(question=question, answer=answer, document=document)
    path = workspace / "questions.jsonl"
    say(str(import_examples(source, path, columns, hold_out, hold_out_facts, seed, skip_faulty)))


def check(
    workspace: Path = WORKSPACE,
    base_model: str = typer.Option("", help="The base the adapters were trained on, if not the usual one."),
    limit: int = typer.Option(0, min=0, help="At most so many facts of each class; 0 for all."),
) -> None:
    """What base, fine-tuned and hybrid know, what was forgotten, and whether anything went wrong in training.

    A hybrid without an adapter of its own, which looks things up for most questions, takes most of the time: more than
    a second a question on two cores. With another base than the workspace's it is left out."""
    from finetune.card import with_checkup
    from finetune.checkup import checkup
    from finetune.figures import CHECKUP, served

    folder, _ = wiring.base(base_model, say, workspace)
    found = checkup(
        workspace,
        folder,
        wiring.identity(folder) | {"prompt": PROMPT_VERSION},
        wiring.served(folder),
        lambda: wiring.retriever(workspace, say),
        say,
        limit or None,
        lambda: None if base_model else wiring.composed_hybrid(workspace),
    )
    say(str(found))
    adapters = workspace / "adapters"
    write_beside(adapters / "checkup.md", found.as_markdown())
    write_beside(adapters / CHECKUP, found.as_json())
    cards = [path / "README.md" for path in served(workspace).values()]
    for told in cards:
        # Only the workspace's own: one that another place lends is not ours to write on.
        if told.is_file() and told.resolve().is_relative_to(workspace.resolve()):
            write_beside(told, with_checkup(told.read_text(encoding="utf-8"), found.as_markdown()))
    say(f"Also in {adapters / 'checkup.md'}, in the adapters' cards and on the app's Training page.")


def export(
    workspace: Path = WORKSPACE,
    target: Path = TARGET,
    adapter: str = typer.Option("fine-tuned", help="Which of the workspace's adapters."),
    base_model: str = typer.Option("", help="The base it was trained on, if not the usual one."),
    gguf: str | None = typer.Option(None, help="Also a GGUF file of this type (f32, f16, bf16, q8_0), by llama.cpp."),
    push_to: str | None = typer.Option(None, help="Also a private Hugging Face repository, as owner/name."),
) -> None:
    """Merge an adapter into its base model: a folder that transformers, vLLM or llama.cpp load without peft."""
    from finetune.export import export as merged

    folder, _ = wiring.base(base_model, say, workspace)
    llama_cpp = Path(os.environ["LLAMA_CPP"]) if os.environ.get("LLAMA_CPP") else None
    merged(
        workspace / "adapters" / adapter,
        folder,
        target,
        wiring.identity(folder),
        gguf=gguf,
        push_to=push_to,
        report=say,
        llama_cpp=llama_cpp,
    )
