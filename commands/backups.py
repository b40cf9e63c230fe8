"""`backup`, `backups` and `restore`: copies of the database that are known to be whole."""

from pathlib import Path
from typing import Any

import typer

from arena.workspace import Workspace, open_workspace, settings_from
from commands.shared import WORKSPACE, address, database, said


def add_to(cli: typer.Typer) -> None:
    cli.command()(backup)
    cli.command()(backups)
    cli.command()(restore)


def backups_of(workspace: Workspace) -> Any:
    """The workspace's backups, as `[backups]` in workspace.toml says."""
    from storage.backups import Backups, Settings
    from storage.place import place_of

    settings = settings_from(Settings, "backups", workspace.table("backups"))
    return Backups(place_of(address(workspace)), workspace.path, settings)


def backup(workspace: Path = WORKSPACE) -> None:
    """Copy the database, check the copy, and let the oldest beyond [backups] keep go. The app may be running."""
    said(lambda: typer.echo(backups_of(open_workspace(workspace)).make()))


def backups(workspace: Path = WORKSPACE) -> None:
    """List the backups, newest first."""

    def action() -> None:
        kept = backups_of(open_workspace(workspace))
        for each in kept.all():
            typer.echo(f"{each.path}  {each.made_at:%Y-%m-%d %H:%M} UTC  {each.bytes / 1e6:,.1f} MB")
        if not kept.all():
            typer.echo(f"No backup in {kept.folder} yet: `python app.py backup` makes one.")

    said(action)


def restore(source: Path, workspace: Path = WORKSPACE) -> None:
    """Put a backup in the database's place. What is there now is kept as a backup first. Stop the app before."""

    def action() -> None:
        opened = open_workspace(workspace)
        kept = backups_of(opened).restore(source)
        held = len(database(opened).voted())
        typer.echo(f"Restored from {source}: {held:,} comparisons.")
        if kept is not None:
            typer.echo(f"What was there before is {kept}")

    said(action)
