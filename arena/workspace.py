"""A workspace folder: what lies where in it, and its `workspace.toml`. Reads settings, never writes them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from arena.errors import WorkspaceError

Settings = TypeVar("Settings")

TABLES = {
    "name",
    "base_model",
    "embedder",
    "database",
    "examples",
    "rag",
    "hybrid",
    "people",
    "generation",
    "adapters",
    "training",
    "backups",
    "votes",
    "queue",
}

TEMPLATE = """# Settings of this workspace; what is not named keeps its default.
name = "{name}"

# Prompts offered on the page; add one that your documents do not answer.
examples = []

# base_model = "HuggingFaceTB/SmolLM2-135M-Instruct"   # a Hub name or a folder
# database = "sqlite:///arena.sqlite"   # or "postgresql://user@host/name"; DATABASE_URL wins

[rag]
# generator = "reader"   # or "base"

[people]
# mode = "accounts"       # people sign in; the first start makes an admin

[training]
# rank = 16               # python -m finetune train --help lists them all

[queue]
# annotators = 3          # people who judge each pair; also: reservation_minutes, repeat_every, answer_ahead

[backups]
# every_hours = 24.0      # 0 for none by themselves
# keep = 7

[votes]
# elsewhere = "/mnt/votes"   # or "hf://datasets/owner/name": a copy of each vote, for a disk that goes away
"""

ADVICE = """{path} is laid out:
  documents/       put your documents here: .pdf .docx .pptx .xlsx .csv .html .md .txt .epub, or a .zip of them
  questions.jsonl  one JSON object a line: id, class, document, questions, answer, accepted (docs/own-documents.md)
  workspace.toml   name, example prompts, settings
Then: python -m finetune train {path}     train the fine-tuned side on your questions
      python app.py --workspace {path}    compare"""


@dataclass(frozen=True)
class Workspace:
    """Paths and settings. `settings` is workspace.toml as read, checked for unknown names only."""

    path: Path
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.settings.get("name") or self.path.resolve().name)

    @property
    def documents(self) -> Path:
        return self.path / "documents"

    @property
    def questions(self) -> Path:
        return self.path / "questions.jsonl"

    @property
    def evaluation(self) -> Path:
        """Where answers to these questions are kept (`arena.evaluation.Notebook`)."""
        return self.path / "runs" / "evaluation.jsonl"

    @property
    def examples(self) -> tuple[str, ...]:
        return tuple(str(text) for text in self.settings.get("examples", ()))

    def table(self, name: str) -> dict[str, Any]:
        value = self.settings.get(name, {})
        if not isinstance(value, dict):
            raise WorkspaceError(f"{self.path / 'workspace.toml'}: {name} is {value!r}; it must be a table [{name}].")
        return value


def open_workspace(path: Path) -> Workspace:
    """Read a workspace.

    Raises:
        WorkspaceError: no such folder, workspace.toml is not TOML, or holds an unknown name.
    """
    if not path.is_dir():
        raise WorkspaceError(f"No workspace at {path}: make one with `python app.py new {path}`.")
    file = path / "workspace.toml"
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"{file} cannot be read: {error}. Correct it, or delete it for the defaults.") from error
    except OSError as error:
        raise WorkspaceError(f"{file} cannot be read ({error.strerror}): allow it with chmod u+r.") from error
    for name in settings:
        if name not in TABLES:
            raise WorkspaceError(f"{file}: '{name}' is not a setting; there are {', '.join(sorted(TABLES))}.")
    return Workspace(path, settings)


def settings_from(kind: type[Settings], table: str, values: Mapping[str, Any]) -> Settings:
    """A settings dataclass from a table of workspace.toml; what is not named keeps its default.

    Raises:
        WorkspaceError: an unknown name, or a value of another type than the default's (a list of texts for a tuple).
    """
    known: dict[str, Any] = {item.name: item.default for item in fields(kind)}  # type: ignore[arg-type]
    for name, value in values.items():
        if name not in known:
            raise WorkspaceError(f"workspace.toml: {table}.{name} is not a setting; there are {', '.join(known)}.")
        wanted = type(known[name])
        if wanted is tuple:
            fits = isinstance(value, list) and all(isinstance(one, str) for one in value)
        else:
            fits = isinstance(value, (int, float) if wanted is float else wanted)
        if isinstance(value, bool) != (wanted is bool) or not fits:  # True is an int, too
            named = "list of texts" if wanted is tuple else wanted.__name__
            raise WorkspaceError(f"workspace.toml: {table}.{name} is {value!r}; it must be of type {named}.")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def create_workspace(path: Path) -> str:
    """Lay out an empty workspace and return what to put where. Nothing that exists is touched."""
    settings = TEMPLATE.format(name=path.resolve().name.replace('"', ""))
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise WorkspaceError(f"{path} is there already and not empty: choose another place.")
        (path / "documents").mkdir(parents=True)
        (path / "adapters").mkdir()
        (path / "questions.jsonl").touch()
        (path / "workspace.toml").write_text(settings, encoding="utf-8")
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be laid out ({error.strerror}): choose a place that can be written to and has space."
        ) from error
    return ADVICE.format(path=path)
