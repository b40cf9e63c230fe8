"""What every group of commands needs: the workspace's option, its database, and one place where errors are said."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from arena.errors import ArenaError
from arena.workspace import Workspace

WORKSPACE = typer.Option(Path("demo"), "--workspace", help="The workspace folder.")


def said(action: Callable[[], None]) -> None:
    """The one place where errors meant for people are caught."""
    try:
        action()
    except ArenaError as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(1) from None


def address(workspace: Workspace) -> str | Path:
    """Where the workspace's database is."""
    from storage import chosen

    return chosen(workspace.settings.get("database"), workspace.path, os.environ)


def database(workspace: Workspace) -> Any:
    """The workspace's history."""
    from storage import open_history

    return open_history(address(workspace))
