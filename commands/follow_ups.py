"""`follow-ups`: which way of searching for a question that leans on the one before finds what answers it."""

from pathlib import Path

import typer

from arena.facts import load_facts
from arena.workspace import open_workspace
from commands.shared import WORKSPACE, said

SHOWN = 5
"""Rewritings that are shown."""


def add_to(cli: typer.Typer) -> None:
    cli.command("follow-ups")(follow_ups)


def follow_ups(
    workspace: Path = WORKSPACE,
    rewrite: bool = typer.Option(True, help="Also as the base model rewrites them."),
) -> None:
    """Search for the questions of WORKSPACE/follow_ups.jsonl in every way; rag.follow_ups chooses one."""

    def action() -> None:
        from rag.follow_ups import FILE, follow_ups_found, load_follow_ups
        from wiring import Parts

        opened = open_workspace(workspace)
        asked = load_follow_ups(opened.path / FILE, load_facts(opened.path / "questions.jsonl"))
        parts = Parts(opened)
        parts.engine.start()
        parts.index.start()
        rewriter = parts.rewriter(lambda text: None) if rewrite else None
        with typer.progressbar(length=len(asked), label="asking") as bar:
            found = follow_ups_found(parts.index.value(), asked, rewriter, lambda done, total: bar.update(1))
        for way, right in found.right.items():
            typer.echo(
                f"{way:9} {right} of {found.asked} ({right / found.asked:.1%}) with all evidence among the sentences"
            )
        for each, text in list(zip(asked, found.texts.get("rewrite", ()), strict=False))[:SHOWN]:
            typer.echo(f"  {each.first} {each.then}\n    rewritten: {text}")
        typer.echo(f"In use: {parts.rag_settings.follow_ups}")

    said(action)
