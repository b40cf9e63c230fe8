"""The entry point: the command line. No arguments: serve. What is served is built in wiring.py."""

import gc
import os
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import typer

import commands.backups
import commands.follow_ups
import commands.hybrid
import commands.people
import commands.queue
import commands.results
import commands.votes
from arena.answer import Answer
from arena.errors import StorageError
from arena.question import Question, checked_prompt
from arena.runner import answer_all
from arena.workspace import create_workspace, open_workspace
from commands.filling import QueueFiller
from commands.keeping import kept_safe
from commands.people import gate
from commands.results import standings_of
from commands.shared import WORKSPACE, database, said
from commands.votes import Exporter
from wiring import Parts, code_version

cli = typer.Typer(add_completion=False, invoke_without_command=True, pretty_exceptions_enable=False)
for group in (
    commands.backups,
    commands.follow_ups,
    commands.hybrid,
    commands.people,
    commands.queue,
    commands.results,
    commands.votes,
):
    group.add_to(cli)


@cli.callback()
def serve(
    context: typer.Context,
    workspace: Path = WORKSPACE,
    port: int = typer.Option(7860, envvar="GRADIO_SERVER_PORT"),
    host: str = typer.Option("0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1"),
) -> None:
    """Compare a fine-tuned model and RAG side by side. Without a command: serve the page."""
    if context.invoked_subcommand is None:
        said(lambda: run_server(workspace, host, port))
    else:
        context.default_map = everywhere(context.command, workspace)


def everywhere(command: Any, workspace: Path) -> dict[str, Any]:
    """The workspace as what every command below takes if it is not told: it may be named before the command, too."""
    below = getattr(command, "commands", {})
    return {"workspace": str(workspace)} | {name: everywhere(each, workspace) for name, each in below.items()}


def import_pages() -> None:
    """Gradio and the pages, before any other thread runs. Meanwhile nobody looks for garbage: what is imported stays,
    and to look through it again and again took a seventh of the time."""
    gc.disable()
    try:
        import_module("ui.pages")
        import_module("ui.server")
    finally:
        gc.freeze()
        gc.enable()


def run_server(path: Path, host: str, port: int) -> None:
    import ui
    from ui.ports import check_port

    check_port(host, port)
    workspace = open_workspace(path)
    import_pages()
    history = database(workspace)
    entrance = gate(workspace, host)
    parts = Parts(workspace)
    from arena.ahead import Ahead
    from arena.loading import State

    with kept_safe(workspace, history) as keeper:

        def status() -> dict[str, State]:
            stored = history.check()
            states = {
                "models": parts.models(),
                "index": parts.index.state,
                "database": State("ready" if stored == "ready" else "failed", stored),
            }
            if stored == "ready":
                with suppress(StorageError):  # said above, the next time that somebody asks
                    states["votes"] = State("ready", str((keeper or history).kept()))
            return states

        settings = ui.Settings(
            workspace=workspace.name,
            example_prompts=workspace.examples,
            status=status,
            code_version=code_version(),
            generator=parts.about_rag(),
            upload_megabytes=parts.rag_settings.max_file_megabytes,
            keeper=keeper,
            prompts_per_minute=entrance.settings.prompts_per_minute,
            votes_per_minute=entrance.settings.votes_per_minute,
        )
        from finetune.desk import Desk

        rights, doors = entrance.rights, entrance.routes
        exports = Exporter(workspace, history)
        queue = commands.queue.queue_of(workspace, history.database)
        runner, standings = parts.runner(), standings_of(history)
        filler = QueueFiller(workspace, queue, history, runner.contestants)
        ahead = Ahead(runner, queue, {"code": settings.code_version})
        pages = ui.build(
            runner,
            history,
            settings,
            Desk(workspace.path),
            parts.knowledge(),
            rights=rights,
            people=entrance.people,
            standings=standings,
            exports=exports,
            queue=queue,
            filler=filler,
        )

        def ready() -> None:
            parts.start()
            standings.warm(after=parts.index.wait)
            if queue.settings.answer_ahead:
                ahead.start()

        try:
            ui.launch(pages, settings, host, port, ready=ready, rights=rights, exports=exports, doors=doors)
        finally:
            ahead.stop()


@cli.command()
def ask(
    question: str,
    workspace: Path = WORKSPACE,
    json_: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Run one comparison and print both answers and their timings."""
    from ui.terminal import ask_once

    def action() -> None:
        checked_prompt(question)
        opened = open_workspace(workspace)
        history, versions = database(opened), {"code": code_version()}
        answers = ask_once(Parts(opened).start().runner(), history, question, versions, json_)
        if any(answer.failure for answer in answers.values()):
            raise typer.Exit(1)

    said(action)


@cli.command()
def evaluate(
    workspace: Path = WORKSPACE,
    limit: int = typer.Option(0, help="At most so many facts of each class; 0 for all."),
    contestants: str = typer.Option(
        "base,fine-tuned,rag", help="Names, separated by commas; also: reader (RAG's adapter without any passage)."
    ),
    timed: int = typer.Option(20, help="How many questions are asked one at a time for latency."),
    json_: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Ask the workspace's questions and print accuracy and latency. Goes on where an earlier run stopped."""
    from arena.evaluation import Notebook, questions
    from arena.facts import load_facts
    from ui.terminal import evaluate_all

    def action() -> None:
        opened = open_workspace(workspace)
        parts = Parts(opened).start()
        asked = questions(load_facts(opened.questions), limit or None)
        batches = {name: parts.batch(name) for name in contestants.split(",")}
        runner = parts.evaluation_runner()

        def alone(name: str, text: str) -> Answer:
            return answer_all(runner, {name: Question(text)})[name]

        evaluate_all(asked, batches, alone, Notebook(opened.evaluation), timed, json_)

    said(action)


@cli.command()
def new(path: Path) -> None:
    """Lay out an empty workspace and say what to put where."""
    said(lambda: typer.echo(create_workspace(path)))


if __name__ == "__main__":
    cli()
