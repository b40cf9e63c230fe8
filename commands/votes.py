"""`export` and `import`: everything that was asked, answered and voted, and what of it a training can use."""

import secrets
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from arena.errors import WorkspaceError
from arena.workspace import open_workspace
from commands.shared import WORKSPACE, database, said

KEY = "pseudonyms.key"
"""In the workspace: with it the same person has the same pseudonym in every export."""

TARGET = typer.Argument(help="FILE.csv, .jsonl, .parquet or .zip, or a folder.")
SOURCE = typer.Argument(help="What `export` wrote.")
TRAINING = ("dpo", "kto", "sft")


def add_to(cli: typer.Typer) -> None:
    cli.command("export")(export)
    cli.command("import")(import_)


def export(
    target: Path = TARGET,
    workspace: Path = WORKSPACE,
    format_: str = typer.Option(
        "csv", "--format", help="In a folder or .zip: csv, jsonl or parquet. For training with TRL: dpo, kto or sft."
    ),
    anonymous: bool = typer.Option(False, "--anonymous", help="Pseudonyms instead of names. Free text stays."),
) -> None:
    """Write everything that was asked, answered and voted, so that `import` can read it: nothing is left out but
    passwords. --format dpo, kto or sft: what people preferred, in the columns that TRL's trainers take."""

    def action() -> None:
        opened = open_workspace(workspace)
        if format_ in TRAINING:
            _export_training(opened.path, opened.questions, target, format_, database(opened).voted())
            return
        from storage.exports import export as write

        key = _key(opened.path) if anonymous else None
        counts = write(database(opened).database, target, f".{format_}", key)
        typer.echo(f"{target}: {_told(counts)}")
        if anonymous:
            typer.echo(f"Names are pseudonyms, made with {opened.path / KEY}. What people wrote is as they wrote it.")

    said(action)


def import_(
    source: Path = SOURCE,
    workspace: Path = WORKSPACE,
) -> None:
    """Take in an export. What is here already is not doubled; of a vote, the one cast last counts."""

    def action() -> None:
        from storage.exports import import_ as read

        merged = read(database(open_workspace(workspace)).database, source)
        typer.echo(f"added: {_told(merged.added)}")
        typer.echo(f"newer than here: {_told(merged.changed)}")
        typer.echo(f"here already: {_told(merged.kept)}")

    said(action)


def _key(folder: Path) -> bytes:
    """Made once. Whoever has it can find out who is who by trying names; without it nobody can."""
    path = folder / KEY
    try:
        if not path.exists():
            path.touch(mode=0o600)
            path.write_bytes(secrets.token_bytes(32))
        return path.read_bytes()
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be used ({error.strerror}): make the workspace writable.") from error


def _told(counts: Counter[str]) -> str:
    names = {name: name.replace("_", " ") for name in counts if counts[name]}
    return ", ".join(f"{counts[name]:,} {text}" for name, text in names.items()) or "nothing"


def _export_training(folder: Path, questions: Path, target: Path, format_: str, voted: Iterable[Any]) -> None:
    from arena.facts import load_facts
    from finetune import rows

    facts = load_facts(questions) if questions.is_file() and questions.stat().st_size else []
    makers: dict[str, Any] = {"dpo": rows.pairs, "kto": rows.labelled, "sft": rows.conversations}
    made = makers[format_](voted, facts)
    rows.write_rows(target, made)
    typer.echo(f"{target}: {len(made):,} rows for {format_.upper()}")
    if format_ == "dpo":
        typer.echo(f"To train on them: python -m finetune from-votes {folder} --pairs {target}")
