"""The entry point: reads settings, builds the objects, wires them. No arguments: serve.

Everything heavy (torch, transformers, LangChain) is imported inside the threads that load it, so that the page is
up in seconds.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import psutil
import typer

from arena.answer import Answer
from arena.contestant import Contestant
from arena.device import Device
from arena.errors import ArenaError
from arena.loading import LazyContestant, Loading
from arena.prompts import DOCUMENTS_DO_NOT_SAY
from arena.question import Question, checked_prompt
from arena.runner import Runner, answer_all
from arena.workspace import Workspace, create_workspace, open_workspace, settings_from

ROOT = Path(__file__).parent
READER = ROOT / "finetune" / "adapters" / "reader"
LOCAL = "local"
Report = Callable[[str], None]

cli = typer.Typer(add_completion=False, invoke_without_command=True, pretty_exceptions_enable=False)
WORKSPACE = typer.Option(Path("demo"), "--workspace", help="The workspace folder.")


def others_on_this_machine() -> float:
    """CPU seconds that other processes have used so far: what contention is measured by."""
    machine, own = psutil.cpu_times(), psutil.Process().cpu_times()
    busy = sum(machine) - machine.idle - getattr(machine, "iowait", 0.0) - getattr(machine, "guest", 0.0)
    return float(busy - own.user - own.system)


@dataclass
class Parts:
    """Everything that is loaded in the background, and the contestants made from it."""

    workspace: Workspace

    def __post_init__(self) -> None:
        # Read here, not in the loading thread: a wrong value is said at once. Imports nothing heavy.
        from rag.settings import Settings

        self.rag_settings = settings_from(Settings, "rag", self.workspace.table("rag"))
        self.device = Device(LOCAL, others_on_this_machine, psutil.cpu_count() or 1)
        self.engine: Loading[Any] = Loading("base model", self._engine)
        self.index: Loading[Any] = Loading("document index", self._index)
        makers: dict[str, Callable[[Report], Contestant]] = {
            "fine-tuned": lambda report: self._closed_book("fine-tuned", "fine-tuned", report),
            "rag": self._rag,
            "base": lambda report: self._closed_book("base", "base", report),
        }
        self._contestants = {name: Loading(name, make) for name, make in makers.items()}
        # Not on the page: `evaluate` asks it without any passage, to see that it knows nothing of the workspace.
        closed = Loading[Contestant]("reader", lambda report: self._closed_book("reader", "reader", report))
        self._controls = {"reader": closed}

    def start(self) -> "Parts":
        for loading in (self.engine, self.index, *self.all().values()):
            loading.start()
        return self

    def all(self) -> dict[str, Loading[Contestant]]:
        """Contestants and controls, by name."""
        return self._contestants | self._controls

    def runner(self) -> Runner:
        return self._runner(self._contestants)

    def evaluation_runner(self) -> Runner:
        """Of the controls too."""
        return self._runner(self.all())

    def _runner(self, loadings: Mapping[str, Loading[Contestant]]) -> Runner:
        lazy: dict[str, Contestant] = {name: LazyContestant(name, LOCAL, found) for name, found in loadings.items()}
        return Runner(lazy, {LOCAL: self.device})

    def contestant(self, name: str) -> Any:
        """Wait for one contestant. Raises `ArenaError` when it cannot be made."""
        return self.all()[name].value()

    def batch(self, name: str) -> tuple[Mapping[str, str], Callable[[Sequence[str]], Sequence[str]]]:
        """(identity, a function that answers many questions at once) of a contestant, for accuracy."""
        if name not in self.all():
            raise ArenaError(f"No contestant '{name}': there are {', '.join(self.all())}.")
        from models.chat import as_messages

        contestant, engine = self.contestant(name), self.engine.value()

        def answers(texts: Sequence[str]) -> Sequence[str]:
            prompts = [as_messages(contestant.messages(text)) for text in texts]
            found = engine.answer_batch([prompt for prompt in prompts if prompt], contestant.model.adapter)
            remaining = iter(found)
            return [next(remaining) if prompt else DOCUMENTS_DO_NOT_SAY for prompt in prompts]

        return contestant.identity, answers

    def _engine(self, report: Report) -> Any:
        report("loading base model…")
        from models.engine import Engine, GenerationSettings
        from models.weights import DEFAULT_MODEL, prepare

        base = prepare(str(self.workspace.settings.get("base_model", DEFAULT_MODEL)), report)
        report("loading base model…")
        generation = settings_from(GenerationSettings, "generation", self.workspace.table("generation"))
        return Engine(base, self._adapters(), generation)

    def _adapters(self) -> dict[str, Path]:
        """Every adapter's folder, by name."""
        own = {"fine-tuned": self.workspace.path / "adapters" / "fine-tuned", "reader": READER}
        return own | {name: self.workspace.path / path for name, path in self.workspace.table("adapters").items()}

    def _index(self, report: Report) -> Any:
        follow(self.engine, report)  # one after the other: two torch jobs at once slow each other
        report("opening the document index…")
        from rag.embedder import open_embedder
        from rag.index import open_or_build

        named = self.workspace.settings.get("embedder")
        embedder = open_embedder(Path(named) if named else None)
        with self.device.background():
            opened = open_or_build(
                self.workspace.path,
                embedder,
                self.rag_settings,
                lambda doing, done, total: report(f"document index: {doing} {done} of {total}"),
            )
        typer.echo(opened.report, err=True)  # files left out are listed there, with the reason
        return opened

    def _chat_model(self, adapter: str, report: Report) -> tuple[Any, dict[str, str]]:
        from models.chat import LocalChatModel

        follow(self.engine, report)
        engine = self.engine.value()
        if adapter in engine.failures:
            raise ArenaError(engine.failures[adapter])
        if adapter not in engine.identities:
            raise ArenaError(f"No adapter named '{adapter}': there are {', '.join(engine.identities)}.")
        decoding = {f"decoding_{name}": str(value) for name, value in vars(engine.settings).items()}
        return LocalChatModel(engine=engine, adapter=adapter), engine.identities[adapter] | decoding

    def _closed_book(self, name: str, adapter: str, report: Report) -> Contestant:
        from finetune.contestant import ClosedBook

        model, identity = self._chat_model(adapter, report)
        settings = self.engine.value().settings
        return ClosedBook(name, model, identity, LOCAL, settings.context_tokens, settings.max_new_tokens)

    def _rag(self, report: Report) -> Contestant:
        from rag.contestant import RagContestant

        model, identity = self._chat_model(self.rag_settings.generator, report)
        judge = self._judge(report)
        follow(self.index, report)
        return RagContestant(self.index.value(), model, identity, LOCAL, judge=judge)

    def _judge(self, report: Report) -> Any:
        """Who judges the sentences that RAG found; None when the workspace wants nobody."""
        from models.judge import LocalJudge, load_calibration

        name = self.rag_settings.judge
        if name == "none":
            return None
        self._chat_model(name, report)  # raises when the adapter is missing or foreign
        return LocalJudge(self.engine.value(), name, load_calibration(self._adapters()[name]))


def follow(loading: Loading[Any], report: Report) -> None:
    """Wait for another part, saying what it says."""
    while not loading.wait(0.2):
        report(loading.state.detail)


def code_version() -> str:
    """The commit, read from .git without running git; "unknown" in an unpacked archive."""
    head = ROOT / ".git" / "HEAD"
    try:
        reference = head.read_text().strip()
        if not reference.startswith("ref: "):
            return reference[:12]
        return (ROOT / ".git" / reference.removeprefix("ref: ")).read_text().strip()[:12]
    except OSError:
        return "unknown"


def database(workspace: Workspace) -> Any:
    from storage import DATABASE_FILE, open_history

    return open_history(workspace.settings.get("database") or workspace.path / DATABASE_FILE)


def said(action: Callable[[], None]) -> None:
    """The one place where errors meant for people are caught."""
    try:
        action()
    except ArenaError as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(1) from None


@cli.callback()
def serve(
    context: typer.Context,
    workspace: Path = WORKSPACE,
    port: int = typer.Option(7860, envvar="GRADIO_SERVER_PORT"),
    host: str = typer.Option("0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1"),
) -> None:
    """Compare a fine-tuned model and RAG side by side. Without a command: serve the page."""
    if context.invoked_subcommand is None:
        said(lambda: run_server(workspace, host, port))


def run_server(path: Path, host: str, port: int) -> None:
    import ui
    from ui.ports import check_port

    check_port(host, port)
    workspace = open_workspace(path)
    history = database(workspace)
    parts = Parts(workspace)
    from arena.loading import State

    def status() -> dict[str, State]:
        stored = history.check()
        return {
            "models": parts.engine.state,
            "index": parts.index.state,
            "database": State("ready" if stored == "ready" else "failed", stored),
        }

    generator = {"reader": "the reader adapter", "base": "the untouched base model"}[parts.rag_settings.generator]
    judge = " The reader adapter judges which sentences it reads." if parts.rag_settings.judge != "none" else ""
    settings = ui.Settings(
        workspace=workspace.name,
        example_prompts=workspace.examples,
        status=status,
        code_version=code_version(),
        generator=f"RAG answers are written by {generator}.{judge}",
    )
    ui.launch(ui.build(parts.runner(), history, settings), settings, host, port, ready=parts.start)


@cli.command()
def ask(
    question: str,
    workspace: Path = WORKSPACE,
    json_: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Run one comparison and print both answers and their timings."""
    from ui.terminal import ask_once

    def action() -> None:
        checked_prompt(question)
        opened = open_workspace(workspace)
        history, versions = database(opened), {"code": code_version()}
        answers = ask_once(Parts(opened).start().runner(), history, question, versions, json_)
        if any(answer.failure for answer in answers.values()):
            raise typer.Exit(1)

    said(action)


@cli.command()
def evaluate(
    workspace: Path = WORKSPACE,
    limit: int = typer.Option(0, help="At most so many facts of each class; 0 for all."),
    contestants: str = typer.Option(
        "base,fine-tuned,rag", help="Names, separated by commas; also: reader (RAG's adapter without any passage)."
    ),
    timed: int = typer.Option(20, help="How many questions are asked one at a time for latency."),
    json_: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Ask the workspace's questions and print accuracy and latency. Goes on where an earlier run stopped."""
    from arena.evaluation import Notebook, questions
    from arena.facts import load_facts
    from ui.terminal import evaluate_all

    def action() -> None:
        opened = open_workspace(workspace)
        parts = Parts(opened).start()
        asked = questions(load_facts(opened.questions), limit or None)
        batches = {name: parts.batch(name) for name in contestants.split(",")}
        runner = parts.evaluation_runner()

        def alone(name: str, text: str) -> Answer:
            return answer_all(runner, {name: Question(text)})[name]

        evaluate_all(asked, batches, alone, Notebook(opened.path / "runs" / "evaluation.jsonl"), timed, json_)

    said(action)


@cli.command()
def new(path: Path) -> None:
    """Lay out an empty workspace and say what to put where."""
    said(lambda: typer.echo(create_workspace(path)))


if __name__ == "__main__":
    cli()
