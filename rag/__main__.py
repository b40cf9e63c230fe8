"""`python -m rag index|search|measure WORKSPACE`: the retrieving side without a language model."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import TaskID

from arena.errors import ArenaError
from rag.documents import Progress
from rag.settings import Settings

application = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
Workspace = Annotated[Path, typer.Argument(help="The workspace's folder; its documents lie in documents/.")]
Model = Annotated[Path | None, typer.Option(help="A folder with the embedding model, instead of the usual one.")]
Sentences = Annotated[int, typer.Option(min=1, help="How many sentences are chosen.")]


@application.command()
def index(workspace: Workspace, model: Model = None) -> None:
    """Build the index, or say that it is up to date."""
    with _bar() as bar:
        report = _open(workspace, model, Settings(), bar).report
    typer.echo(report)


@application.command()
def search(workspace: Workspace, query: str, model: Model = None, sentences: Sentences = Settings.sentences) -> None:
    """Show the sentences and passages that a question brings up."""
    from rag.retrieve import search as find

    with _bar() as bar:
        opened = _open(workspace, model, replace(Settings(), sentences=sentences), bar)
    found = find(opened, query)
    for place, score in zip(found.sentences, found.scores, strict=True):
        sentence = opened.sentences[place]
        chunk = opened.chunks[sentence.chunk]
        typer.echo(f"{score:.3f}  {sentence.text}\n       {chunk.document}, {chunk.location}")
    typer.echo("\nBest passages:")
    for place in found.passages:
        typer.echo(f"  {opened.chunks[place].document}, {opened.chunks[place].location}")


@application.command()
def measure(
    workspace: Workspace,
    model: Model = None,
    sentences: Sentences = Settings.sentences,
    missed: Annotated[bool, typer.Option(help="List the questions whose evidence was not shown.")] = False,
    wording: Annotated[str, typer.Option(help="Which wordings are asked: held_out, oblique or training.")] = "held_out",
    plain: Annotated[bool, typer.Option(help="The embedder as it comes, without its adapter.")] = False,
) -> None:
    """How often the evidence of the workspace's held-out questions is found."""
    from rag.measure import load_questions, retrieval_report

    questions = load_questions(workspace / "questions.jsonl")
    settings = replace(Settings(), sentences=sentences, embedder_adapter="none" if plain else "questions")
    with _bar() as bar:
        opened = _open(workspace, model, settings, bar)
        report = retrieval_report(opened, questions, wording, _told(bar))
    typer.echo(report)
    if missed:
        typer.echo("\n".join(["\nNot all evidence among the sentences:", *report.missed]))


def _open(workspace: Path, model: Path | None, settings: Settings, bar: Bar):  # type: ignore[no-untyped-def]
    from rag.embedder import open_embedder
    from rag.index import open_or_build

    embedder = open_embedder(model, adapted=settings.embedder_adapter != "none")
    return open_or_build(workspace, embedder, settings, _told(bar))


def _bar() -> Bar:
    return Bar(console=Console(stderr=True), transient=True)


def _told(bar: Bar) -> Progress:
    tasks: dict[str, TaskID] = {}

    def tell(doing: str, done: int, total: int) -> None:
        if doing not in tasks:
            tasks[doing] = bar.add_task(doing)
        bar.update(tasks[doing], completed=done, total=max(total, 1))

    return tell


def main() -> None:
    """Runs a command; what a person can act on is printed as one line."""
    try:
        application()
    except ArenaError as error:
        typer.echo(error, err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
