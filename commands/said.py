"""The one place where errors meant for people are caught on the command line."""

from collections.abc import Callable

import typer

from arena.errors import ArenaError


def said(action: Callable[[], None]) -> None:
    """Do it; an `ArenaError` is printed, and the exit code is 1."""
    try:
        action()
    except ArenaError as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(1) from None
