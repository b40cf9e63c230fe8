"""`python -m rag index|list|delete|search|verify|measure WORKSPACE`: the retrieving side without a language model;
`python -m rag evaluate` measures it on a public collection."""

import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress as Bar

from arena.errors import ArenaError
from rag import commands
from rag.commands import Model, Workspace, configured
from rag.evaluate_command import evaluate
from rag.progress import progress_bar as _bar
from rag.progress import told as _told
from rag.settings import Settings

application = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
Plain = Annotated[bool, typer.Option("--plain", help="The embedder as it comes, without adapters.")]
Day = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first or last day of documents that are searched.")
]
Sentences = Annotated[int | None, typer.Option(min=1, help="How many sentences are chosen, instead of [rag]'s.")]


application.command("list")(commands.list_documents)
application.command()(commands.delete)
application.command()(commands.verify)
application.command()(evaluate)


@application.command()
def index(workspace: Workspace, model: Model = None) -> None:
    """Bring the index up to date, or say that it is. One that was killed goes on."""
    settings, folder = configured(workspace, model)
    with _bar() as bar:
        report = _open(workspace, folder, settings, bar).report
    typer.echo(report)


@application.command()
def search(
    workspace: Workspace,
    query: str,
    model: Model = None,
    sentences: Sentences = None,
    document: Annotated[
        list[str] | None, typer.Option(help="Only in it: a name from `list`, a folder, an archive, or a pattern.")
    ] = None,
    kind: Annotated[list[str] | None, typer.Option("--type", help="Only in files of this ending: pdf.")] = None,
    since: Day = None,
    until: Day = None,
) -> None:
    """Show the sentences and passages that a question brings up, and how near meaning and words find them.

    A document's date is the one in its name (2026-09-17, 2026-09), else the `date:` of its front matter, else the day
    on which its file was changed.
    """
    from rag.filters import Filter
    from rag.retrieve import passage_columns
    from rag.retrieve import search as find

    settings, folder = configured(workspace, model)
    where = Filter(tuple(document or ()), tuple(kind or ()), since and since.date(), until and until.date())
    with _bar() as bar:
        opened = _open(workspace, folder, replace(settings, sentences=sentences or settings.sentences), bar).present()
    found = find(opened, query, where=where)
    for place, score in zip(found.sentences, found.scores, strict=True):
        sentence = opened.sentences[place]
        chunk = opened.chunks[sentence.chunk]
        typer.echo(f"{score:.3f}  {sentence.text}\n       {chunk.document}, {chunk.location}")
    if not found.passages:
        none = f"No documents: put some into {workspace / 'documents'}."
        typer.echo("No document is of that name, type and date." if opened.chunks else none)
        return
    dense, words, fused = passage_columns(opened, query, where)
    typer.echo("\nBest passages:\n   dense    BM25   fused")
    for place in found.passages:
        chunk = opened.chunks[place]
        columns = f"{dense[place]:8.3f}{words[place]:8.3f}{fused[place]:8.3f}"
        typer.echo(f"{columns}  {chunk.document}, {chunk.location}")


@application.command()
def measure(
    workspace: Workspace,
    model: Model = None,
    sentences: Sentences = None,
    missed: Annotated[bool, typer.Option(help="List the questions whose evidence was not shown.")] = False,
    wording: Annotated[str, typer.Option(help="Which wordings are asked: held_out, oblique or training.")] = "held_out",
    plain: Plain = False,
    abstain: Annotated[
        bool, typer.Option("--abstain", help="Instead, how well retrieval tells the unanswerable questions.")
    ] = False,
) -> None:
    """How often the evidence of the workspace's held-out questions is found."""
    from rag.abstain import abstention_report
    from rag.measure import load_questions, retrieval_report

    settings, folder = configured(workspace, model)
    questions = load_questions(workspace / "questions.jsonl")
    settings = replace(settings, sentences=sentences or settings.sentences)
    if plain:
        settings = replace(settings, embedder_adapter="none", query_adapter="none")
    with _bar() as bar:
        opened = _open(workspace, folder, settings, bar)
        if abstain:
            typer.echo(abstention_report(opened, questions, wording, _told(bar)))
            return
        report = retrieval_report(opened, questions, wording, _told(bar))
    typer.echo(report)
    if missed:
        typer.echo("\n".join(["\nNot all evidence among the sentences:", *report.missed]))


def _open(workspace: Path, model: Path | None, settings: Settings, bar: Bar):  # type: ignore[no-untyped-def]
    from rag.embedder import workspace_embedder
    from rag.index import open_or_build

    return open_or_build(workspace, workspace_embedder(workspace, model, settings), settings, _told(bar))


def main() -> None:
    """Runs a command; what a person can act on is printed as one line."""
    try:
        application()
    except ArenaError as error:
        typer.echo(error, err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
