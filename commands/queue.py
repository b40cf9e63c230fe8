"""`queue ...`: fill the annotators' queue, prepare its answers, see how far it is: what an admin does in a terminal."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from arena.annotation import Task
from arena.queue import Added, QueueSettings, Terms
from arena.workspace import Workspace, open_workspace, settings_from
from commands.filling import IN_A_TERMINAL, PAIR, QueueFiller
from commands.shared import WORKSPACE, address, database, said

FILE = typer.Argument(help=".jsonl with a field 'prompt', or .csv with a column 'prompt'.")
PAIRS = typer.Option([PAIR], "--pair", help="Two contestants, separated by a comma; once for each pair.")
WANTED = typer.Option(0, "--annotators", min=0, help="People who judge each pair; 0: as in workspace.toml, else 3.")

group = typer.Typer(help="The annotators' queue.", no_args_is_help=True)


def add_to(cli: typer.Typer) -> None:
    cli.add_typer(group, name="queue")


def queue_of(workspace: Workspace, opened: Any = None) -> Any:
    """The workspace's queue, in its database where that is opened already."""
    from storage import DatabaseQueue, open_database

    settings = settings_from(QueueSettings, "queue", workspace.table("queue"))
    return DatabaseQueue(opened or open_database(address(workspace)), settings)


def filler_of(workspace: Workspace) -> QueueFiller:
    """What fills the workspace's queue."""
    from wiring import Parts

    history = database(workspace)
    queue = queue_of(workspace, history.database)
    return QueueFiller(workspace, queue, history, Parts(workspace).runner().contestants)


@group.command("import")
def import_(
    file: Path = FILE,
    workspace: Path = WORKSPACE,
    pair: list[str] = PAIRS,
    annotators: int = WANTED,
) -> None:
    """Queue the prompts of a file. If a line is wrong, none is taken, and each is named."""

    def action() -> None:
        added = filler_of(open_workspace(workspace)).import_file(file, _terms(pair, annotators))
        for line in added.repeated:
            typer.echo(f"{file}, {line}", err=True)
        _tell(added)

    said(action)


@group.command()
def questions(
    workspace: Path = WORKSPACE,
    limit: int = typer.Option(0, min=0, help="At most so many, spread over classes and facts; 0 for all."),
    seed: int = typer.Option(0, help="Which of them."),
    pair: list[str] = PAIRS,
    annotators: int = WANTED,
) -> None:
    """Queue the held-out wordings of the workspace's questions: no training has seen them."""
    said(lambda: _tell(filler_of(open_workspace(workspace)).questions(_terms(pair, annotators), limit, seed)))


@group.command()
def visitors(
    workspace: Path = WORKSPACE,
    limit: int = typer.Option(100, min=1, help="At most so many, the newest first."),
    pair: list[str] = PAIRS,
    annotators: int = WANTED,
) -> None:
    """Queue what visitors asked. Follow-up questions are left out: alone they say little. Who asked is not kept."""
    said(lambda: _tell(filler_of(open_workspace(workspace)).visitors(_terms(pair, annotators), limit)))


@group.command()
def status(workspace: Path = WORKSPACE, json_: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """How far the queue is, and what each annotator did."""

    def action() -> None:
        found = queue_of(open_workspace(workspace)).status()
        if json_:
            typer.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
            return
        from ui.terminal import print_queue

        print_queue(found)

    said(action)


@group.command()
def retry(workspace: Path = WORKSPACE) -> None:
    """Put pairs whose answers failed back in line."""

    def action() -> None:
        number = queue_of(open_workspace(workspace)).retry()
        typer.echo(f"{number} back in line. {_WHO_ANSWERS}" if number else "Nothing had failed.")

    said(action)


@group.command()
def generate(workspace: Path = WORKSPACE) -> None:
    """Prepare the answers of all waiting pairs now. Ctrl-C stops; what is done is kept, and a later run goes on."""
    from arena.ahead import Ahead
    from wiring import Parts, code_version

    def action() -> None:
        opened = open_workspace(workspace)
        queue = queue_of(opened)
        waiting = queue.status().waiting
        if not waiting:
            typer.echo("No pair waits for answers.")
            return
        from ui.terminal import counting

        ahead = Ahead(Parts(opened).start().runner(), queue, {"code": code_version()})
        with counting("pairs", waiting) as step:

            def told(task: Task, failure: str) -> None:
                step(f"{task.left}, {task.right}: {failure}" if failure else "")

            try:
                ahead.work_off(told)
            except KeyboardInterrupt:
                ahead.stop()
        found = queue.status()
        typer.echo(f"{found.ready} ready, {found.waiting} waiting, {found.failed} failed.")
        if found.failed:
            raise typer.Exit(1)

    said(action)


_WHO_ANSWERS = "The running app prepares the answers in the background; `queue generate` does it now."


def _terms(pairs: list[str], annotators: int) -> Terms:
    return Terms([[name.strip() for name in text.split(",")] for text in pairs], annotators, IN_A_TERMINAL)


def _tell(added: Added) -> None:
    typer.echo(f"{added} {_WHO_ANSWERS}")
