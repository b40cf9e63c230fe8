"""`python -m rag list|delete|verify WORKSPACE`: what is in the index, and keeping it in order."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from arena.workspace import open_workspace, settings_from
from rag.address import HERE
from rag.progress import progress_bar, told
from rag.settings import Settings

Workspace = Annotated[Path, typer.Argument(help="The workspace's folder; its documents lie in documents/.")]
Model = Annotated[Path | None, typer.Option(help="A folder with the embedding model, instead of the usual one.")]
MOST_FAULTS = 20
"""As many are listed; what makes more of them is one cause."""


def configured(workspace: Path, model: Path | None = None) -> tuple[Settings, Path | None]:
    """[rag] of workspace.toml and the folder of its embedder, as the app takes them; `model` comes first."""
    opened = open_workspace(workspace)
    named = opened.settings.get("embedder")
    return settings_from(Settings, "rag", opened.table("rag")), model or (Path(named) if named else None)


def list_documents(workspace: Workspace) -> None:
    """List the documents with state, passages and size, and what was left out with the reason."""
    from rag.upkeep import listing

    settings, _ = configured(workspace)
    rows = listing(workspace, settings)
    for row in rows:
        if row.state != "skipped":
            chunks = "-" if row.chunks is None else str(row.chunks)
            note = f": {row.reason}" if row.reason else ""
            typer.echo(f"{row.state:8} {chunks:>6} passages {_size(row.size):>8}  {row.name}{note}")
    for row in rows:
        if row.state == "skipped":
            typer.echo(f"skipped  {row.name}: {row.reason}")
    if not rows:
        typer.echo(f"No documents: put some into {workspace / 'documents'}.")
        return
    counts = Counter(row.state for row in rows)
    typer.echo(", ".join(f"{number} {state}" for state, number in counts.items()))
    if counts.keys() - {"indexed", "skipped"}:
        typer.echo(f"Bring the index up to date: python -m rag index {workspace}")


def delete(
    workspace: Workspace,
    document: Annotated[str, typer.Argument(help="Its name as `list` shows it, or its path.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a document's file, and take it out of the index and every answer at once."""
    from rag.index import WAITING
    from rag.upkeep import delete as remove
    from rag.upkeep import file_named

    settings, _ = configured(workspace)
    name = file_named(workspace, document)
    if not yes:
        typer.confirm(f"Delete {workspace / 'documents' / name} for good?", abort=True)
    with progress_bar() as bar:
        tell = told(bar)
        done = remove(workspace, name, lambda: tell(WAITING, 0, 1))
    typer.echo(done)
    if settings.vector_store != HERE:
        from rag.sync import forget

        typer.echo(f"{forget(workspace, settings)} passages removed from the vector store.")


def verify(workspace: Workspace, model: Model = None) -> None:
    """Check the index against the documents and itself; exit code 1 when something is wrong."""
    from rag.embedder import workspace_embedder
    from rag.upkeep import faults, listing

    settings, folder = configured(workspace, model)
    found = faults(workspace, workspace_embedder(workspace, folder, settings), settings)
    if settings.vector_store != HERE:
        from rag.sync import faults as store_faults

        found += store_faults(workspace, settings)
    if not found:
        indexed = sum(row.state == "indexed" for row in listing(workspace, settings))
        typer.echo(f"The index is sound: {indexed} documents.")
        return
    for fault in found[:MOST_FAULTS]:
        typer.echo(fault)
    if len(found) > MOST_FAULTS:
        typer.echo(f"and {len(found) - MOST_FAULTS} more")
    typer.echo(f"Way out: python -m rag index {workspace}")
    raise typer.Exit(1)


def _size(number: int) -> str:
    return f"{number / 1_000_000:.1f} MB" if number >= 1_000_000 else f"{number / 1000:.1f} kB"
