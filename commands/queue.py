"""`queue ...`: fill the annotators' queue, prepare its answers, see how far it is: what an admin does in a terminal."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from arena.annotation import QueuedPrompt, Source, Task, for_annotators
from arena.errors import WorkspaceError
from arena.question import checked_prompt
from arena.queue import Added, QueueSettings
from arena.workspace import Workspace, open_workspace, settings_from
from commands.shared import WORKSPACE, address, said

PAIR = "fine-tuned,rag"
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


@group.command("import")
def import_(
    file: Path = FILE,
    workspace: Path = WORKSPACE,
    pair: list[str] = PAIRS,
    annotators: int = WANTED,
) -> None:
    """Queue the prompts of a file. If a line is wrong, none is taken, and each is named."""
    from arena.prompt_file import read_prompts

    def action() -> None:
        read = read_prompts(file, "command line")
        for line in read.repeated:
            typer.echo(f"{file}, {line}", err=True)
        _add(open_workspace(workspace), read.prompts, pair, annotators)

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
    from arena.facts import load_facts
    from arena.queue_questions import held_out_prompts

    def action() -> None:
        opened = open_workspace(workspace)
        prompts = held_out_prompts(load_facts(opened.questions), limit, seed, "command line")
        if not prompts:
            raise WorkspaceError(f"{opened.questions} holds no held-out wordings: add some (docs/own-documents.md).")
        _add(opened, prompts, pair, annotators)

    said(action)


@group.command()
def visitors(
    workspace: Path = WORKSPACE,
    limit: int = typer.Option(100, min=1, help="At most so many, the newest first."),
    pair: list[str] = PAIRS,
    annotators: int = WANTED,
) -> None:
    """Queue what visitors asked. Follow-up questions are left out: alone they say little. Who asked is not kept."""

    def action() -> None:
        opened = open_workspace(workspace)
        texts = _asked(opened, limit)
        if not texts:
            raise WorkspaceError("No visitor has asked anything yet: queue questions or import some instead.")
        prompts = [QueuedPrompt(text, Source.VISITORS, added_by="command line") for text in texts]
        _add(opened, prompts, pair, annotators)

    said(action)


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


def _add(opened: Workspace, prompts: Sequence[QueuedPrompt], pair: list[str], annotators: int) -> None:
    added: Added = queue_of(opened).add(prompts, _pairs(opened, pair), annotators)
    known = f" ({len(added.known)} were there already)" if added.known else ""
    typer.echo(f"Prompts added: {added.prompts}{known}; pairs to answer: {added.tasks}. {_WHO_ANSWERS}")


def _pairs(opened: Workspace, named: list[str]) -> list[tuple[str, str]]:
    """Raises `WorkspaceError`: not two contestants, or not of this workspace."""
    from wiring import Parts

    known = Parts(opened).runner().contestants
    pairs = []
    for text in named:
        names = [name.strip() for name in text.split(",")]
        if len(names) != 2 or names[0] == names[1]:
            raise WorkspaceError(f"'{text}' is not a pair: name two contestants, like --pair {PAIR}.")
        for name in names:
            if name not in known:
                raise WorkspaceError(f"No contestant '{name}' in this workspace: there are {', '.join(known)}.")
        pairs.append((names[0], names[1]))
    return pairs


def _asked(opened: Workspace, limit: int) -> list[str]:
    """Distinct first questions of conversations, newest first."""
    from storage import open_history

    history = open_history(address(opened))
    texts: dict[str, None] = {}
    offset, page = 0, 200
    while len(texts) < limit and (found := history.recent(limit=page, offset=offset)):
        offset += page
        for one in found:
            follows = any(one.histories.values())
            if not follows and not for_annotators(one) and one.asked_by != "command line":
                texts.setdefault(checked_prompt(one.question))
    return list(texts)[:limit]
