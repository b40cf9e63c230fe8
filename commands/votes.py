"""`export` and `import`: everything that was asked, answered and voted, and what of it a training can use."""

import secrets
import threading
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import typer

from arena.errors import WorkspaceError
from arena.workspace import Workspace, open_workspace
from commands.shared import WORKSPACE, database, said

KEY = "pseudonyms.key"
"""In the workspace: with it the same person has the same pseudonym in every export."""
KEY_BYTES = 32
_ONE_KEY = threading.Lock()

KINDS = {
    "csv": "for a spreadsheet: votes.csv to read, and every table",
    "jsonl": "every table, a JSON object a line",
    "parquet": "every table, with its types",
    "dpo": "for a training: pairs of answers, by preference",
    "kto": "for a training: single answers, good or bad",
    "sft": "for a training: what won, or was corrected",
}
TABLES = ("csv", "jsonl", "parquet")

TARGET = typer.Argument(help="FILE.csv, .jsonl, .parquet or .zip, or a folder.")
SOURCE = typer.Argument(help="What `export` wrote, or where votes were sent to: a folder, hf://…")
FORMAT = typer.Option(
    "csv", "--format", help="In a folder or .zip: csv, jsonl or parquet. For training with TRL: dpo, kto or sft."
)
ANONYMOUS = typer.Option(False, "--anonymous", help="Pseudonyms instead of names. Free text stays as it is.")


@dataclass(frozen=True)
class Exporter:
    """Implements `arena.ports.Exports` for a workspace; `history` is the one in its database."""

    workspace: Workspace
    history: Any

    @property
    def kinds(self) -> Mapping[str, str]:
        return KINDS

    @property
    def nameless(self) -> Collection[str]:
        return [kind for kind in KINDS if kind not in TABLES]

    def write(self, kind: str, folder: Path, anonymous: bool = False) -> Path:
        path = folder / (f"votes-{kind}.zip" if kind in TABLES else f"votes-{kind}.jsonl")
        if kind in TABLES:
            self.tables(path, kind, anonymous)
        else:
            self.training(path, kind)
        return path

    def tables(self, target: Path, kind: str, anonymous: bool) -> Counter[str]:
        """Everything, and how many rows of each table."""
        from storage.exports import export as written

        return written(self.history.database, target, f".{kind}", self.key() if anonymous else None)

    def training(self, target: Path, kind: str) -> int:
        """What people preferred, in TRL's columns, and how many rows. It names nobody."""
        from arena.facts import load_facts
        from finetune import rows

        questions = self.workspace.questions
        facts = load_facts(questions) if questions.is_file() and questions.stat().st_size else []
        makers: dict[str, Any] = {"dpo": rows.pairs, "kto": rows.labelled, "sft": rows.conversations}
        made = makers[kind](self.history.voted(), facts)
        rows.write_rows(target, made)
        return len(made)

    def key(self) -> bytes:
        """Made once. Whoever has it can find out who is who by trying names; without it nobody can."""
        path = self.workspace.path / KEY
        try:
            with _ONE_KEY:
                if not path.exists():
                    _make_key(path)
            key = path.read_bytes()
        except OSError as error:
            raise WorkspaceError(f"{path} cannot be used ({error.strerror}): make the workspace writable.") from error
        if len(key) < KEY_BYTES:
            raise WorkspaceError(f"{path} holds no key: put back the one that was there, or delete it for a new one.")
        return key


def _make_key(path: Path) -> None:
    """Whole or not at all: where the disk refuses half-way, none is left that hides nothing."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{KEY}-", delete=False) as half:
        try:
            half.write(secrets.token_bytes(KEY_BYTES))
            half.flush()
            Path(half.name).replace(path)
        except OSError:
            Path(half.name).unlink(missing_ok=True)
            raise


def add_to(cli: typer.Typer) -> None:
    cli.command("export")(export)
    cli.command("import")(import_)


def export(target: Path = TARGET, workspace: Path = WORKSPACE, kind: str = FORMAT, anonymous: bool = ANONYMOUS) -> None:
    """Write everything that was asked, answered and voted, so that `import` can read it: nothing is left out but
    accounts. --format dpo, kto or sft: what people preferred, in the columns that TRL's trainers take."""

    def action() -> None:
        opened = open_workspace(workspace)
        exporter = Exporter(opened, database(opened))
        if kind not in KINDS:
            raise WorkspaceError(f"There is no format '{kind}': use one of {', '.join(KINDS)}.")
        if kind in TABLES:
            typer.echo(f"{target}: {_told(exporter.tables(target, kind, anonymous))}")
        else:
            typer.echo(f"{target}: {exporter.training(target, kind):,} rows for {kind.upper()}")
        if kind == "dpo":
            typer.echo(_training_told(opened, target))
        if anonymous and kind in TABLES:
            typer.echo(f"Names are pseudonyms, made with {opened.path / KEY}. What people wrote is as they wrote it.")

    said(action)


def _training_told(opened: Workspace, target: Path) -> str:
    """How pairs are trained on here, which takes them as JSON Lines only."""
    lines = target.with_suffix(".jsonl")
    command = f"python -m finetune from-votes {opened.path} --pairs {lines}"
    if target.suffix == lines.suffix:
        return f"To train on them: {command}"
    return f"To train on them here, export them to {lines} instead, and then: {command}"


def import_(source: str = SOURCE, workspace: Path = WORKSPACE) -> None:
    """Take in an export. What is here already is not doubled; of a vote, the one cast last counts."""

    def action() -> None:
        from storage.elsewhere import elsewhere_at, is_elsewhere
        from storage.exports import import_ as read
        from storage.outbox import fetch

        target = database(open_workspace(workspace)).database
        sent = is_elsewhere(source)
        merged = fetch(target, elsewhere_at(source), typer.echo) if sent else read(target, Path(source))
        typer.echo(f"added: {_told(merged.added)}")
        typer.echo(f"newer than here: {_told(merged.changed)}")
        typer.echo(f"here already: {_told(merged.kept)}")

    said(action)


def _told(counts: Counter[str]) -> str:
    names = {name: name.replace("_", " ") for name in counts if counts[name]}
    return ", ".join(f"{counts[name]:,} {text}" for name, text in names.items()) or "nothing"
