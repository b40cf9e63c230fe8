"""Builds what a workspace needs and wires it: the engine, the index, the judge, the contestants, the runner.

Everything heavy (torch, transformers, LangChain) is imported inside the threads that load it, so that the page is
up in seconds. Does not read the command line and does not serve: app.py does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import typer

from arena.contestant import Contestant
from arena.device import Device
from arena.errors import ArenaError
from arena.knowledge import KnowledgeDesk
from arena.loading import LazyContestant, Loading, State
from arena.prompts import DOCUMENTS_DO_NOT_SAY
from arena.runner import Runner
from arena.verified import FILE, Verified, VerifiedSettings, fitted, made_for
from arena.worker import Worker
from arena.workspace import Workspace, settings_from

READER = Path(__file__).parent / "finetune" / "adapters" / "reader"
LOCAL = "local"
JUDGE = "judge"
"""The adapter that a workspace's own judge is."""
Report = Callable[[str], None]


def code_version() -> str:
    """The commit, read from .git without running git; "unknown" in an unpacked archive."""
    git = Path(__file__).parent / ".git"
    try:
        reference = (git / "HEAD").read_text().strip()
        if not reference.startswith("ref: "):
            return reference[:12]
        return (git / reference.removeprefix("ref: ")).read_text().strip()[:12]
    except OSError:
        return "unknown"


def others_on_this_machine() -> float:
    """CPU seconds that other processes have used so far: what contention is measured by."""
    machine, own = psutil.cpu_times(), psutil.Process().cpu_times()
    busy = sum(machine) - machine.idle - getattr(machine, "iowait", 0.0) - getattr(machine, "guest", 0.0)
    return float(busy - own.user - own.system)


@dataclass
class Parts:
    """Everything that is loaded in the background, and the contestants made from it. `fitted`: whether the hybrid
    believes its memory as `fit-hybrid` found, which itself must do without."""

    workspace: Workspace
    fitted: bool = True

    def __post_init__(self) -> None:
        # Read here, not in the loading thread: a wrong value is said at once. Imports nothing heavy.
        from rag.settings import Settings, own_judge, query_adapter

        self.rag_settings = settings_from(Settings, "rag", self.workspace.table("rag"))
        self._search_trained = query_adapter(self.workspace.path, self.rag_settings) is not None
        self._own_judge = own_judge(self.workspace.path, self.rag_settings)
        self.hybrid_settings = settings_from(VerifiedSettings, "hybrid", self.workspace.table("hybrid"))
        self.device = Device(LOCAL, others_on_this_machine, psutil.cpu_count() or 1, self._training)
        self.worker = Worker("inference")
        self.engine: Loading[Any] = Loading("base model", self._engine)
        self.index: Loading[Any] = Loading("document index", self._index)
        self.reranker: Loading[Any] = Loading("cross-encoder", self._reranker)
        makers: dict[str, Callable[[Report], Contestant]] = {
            "fine-tuned": lambda report: self._closed_book("fine-tuned", "fine-tuned", report),
            "rag": self._rag,
            "base": lambda report: self._closed_book("base", "base", report),
        }
        if self._own("hybrid").is_dir():
            makers["hybrid"] = self._trained_hybrid
        elif self._adapters()["fine-tuned"].is_dir() and self.rag_settings.judge != "none":
            makers["hybrid"] = self._verified_hybrid
        self._contestants = {name: Loading(name, make) for name, make in makers.items()}
        # Not on the page: `evaluate` asks it without any passage, to see that it knows nothing of the workspace.
        closed = Loading[Contestant]("reader", lambda report: self._closed_book("reader", "reader", report))
        self._controls = {"reader": closed}

    def models(self) -> State:
        """The base model's state; once it is ready, with the adapters that it could not take, and why. The others
        answer all the same, so it stays ready."""
        state = self.engine.state
        if state.status != "ready":
            return state
        refused = [f"Without {name}: {why}" for name, why in self.engine.value().failures.items()]
        return State("ready", " ".join(refused)) if refused else state

    def about_rag(self) -> str:
        """What the page says of RAG: who writes its answers and who judges, and what was trained on this workspace."""
        settings = self.rag_settings
        writer = {"reader": "the reader adapter", "base": "the untouched base model"}[settings.generator]
        told = f"RAG answers are written by {writer}."
        if settings.judge != "none":
            judge = "the reader adapter" if self._own_judge is None else "its own judge"
            judge = f"the cross-encoder {settings.reranker}" if settings.judge == "cross-encoder" else judge
            told += f" Which sentences it reads, {judge} decides."
        own = {"search": self._search_trained, "judge": self._own_judge is not None}
        trained = " and its ".join(what for what, was in own.items() if was)
        return f"{told} Trained on this workspace's questions: its {trained}." if trained else told

    def start(self) -> "Parts":
        for loading in (self.engine, self.index, *self.all().values()):
            loading.start()
        if self.rag_settings.judge == "cross-encoder":
            self.reranker.start()
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

    def knowledge(self) -> KnowledgeDesk:
        """The documents and the index, for a page to look after."""
        from rag.desk import Desk

        rag = self._contestants["rag"]

        def judge() -> Any:
            return self.contestant("rag").judge if rag.state.status == "ready" else None

        return Desk(self.workspace.path, self.rag_settings, self.index, self.device, judge)

    def batch(self, name: str) -> tuple[Mapping[str, str], Callable[[Sequence[str]], Sequence[str]]]:
        """(identity, a function that answers many questions at once) of a contestant, for accuracy."""
        if name not in self.all():
            raise ArenaError(f"No contestant '{name}': there are {', '.join(self.all())}.")
        contestant = self.contestant(name)
        if isinstance(contestant, Verified):
            memory, documents = self.told(contestant.memory), self.told(contestant.documents)

            def verified(texts: Sequence[str]) -> Sequence[str]:
                return contestant.answers(texts, memory, lambda rest: [text for text, _ in documents(rest)])

            return contestant.identity, verified
        told = self.told(contestant)
        return contestant.identity, lambda texts: [text for text, _ in told(texts)]

    def told(self, contestant: Any) -> Callable[[Sequence[str]], list[tuple[str, float]]]:
        """A function that answers many questions at once, each answer with its surprise."""
        from models.chat import as_messages

        engine = self.engine.value()

        def answers(texts: Sequence[str]) -> list[tuple[str, float]]:
            prompts = [as_messages(contestant.messages(text)) for text in texts]
            found = engine.answer_batch_told([prompt for prompt in prompts if prompt], contestant.model.adapter)
            remaining = iter(found)
            return [next(remaining) if prompt else (DOCUMENTS_DO_NOT_SAY, 0.0) for prompt in prompts]

        return answers

    def _engine(self, report: Report) -> Any:
        report("loading base model…")
        from models.engine import Engine, GenerationSettings
        from models.weights import DEFAULT_MODEL, prepare

        base = prepare(str(self.workspace.settings.get("base_model", DEFAULT_MODEL)), report)
        report("loading base model…")
        generation = settings_from(GenerationSettings, "generation", self.workspace.table("generation"))
        return Engine(base, self._adapters(), generation, self.worker)

    def _adapters(self) -> dict[str, Path]:
        """Every adapter's folder, by name."""
        own = {"fine-tuned": self._own("fine-tuned"), "reader": READER}
        if self._own("hybrid").is_dir():
            own["hybrid"] = self._own("hybrid")
        if self._own_judge is not None:
            own[JUDGE] = self._own_judge
        return own | {name: self.workspace.path / path for name, path in self.workspace.table("adapters").items()}

    def _index(self, report: Report) -> Any:
        follow(self.engine, report)  # one after the other: two torch jobs at once slow each other
        report("opening the document index…")
        from rag.embedder import workspace_embedder
        from rag.index import open_or_build
        from rag.progress import progress_bar, told

        named = self.workspace.settings.get("embedder")
        folder = Path(named) if named else None
        embedder = workspace_embedder(self.workspace.path, folder, self.rag_settings, self.worker)
        with self.device.background(), progress_bar() as bar:
            in_terminal = told(bar)

            def tell(doing: str, done: int, total: int) -> None:
                report(f"document index: {doing} {done} of {total}")
                in_terminal(doing, done, total)

            opened = open_or_build(self.workspace.path, embedder, self.rag_settings, tell)
        typer.echo(opened.report, err=True)  # files left out are listed there, with the reason
        return opened

    def _reranker(self, report: Report) -> Any:
        follow(self.index, report)
        report("loading the cross-encoder…")
        from rag.reranker import open_reranker

        return open_reranker(self.rag_settings.reranker, self.worker)

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
        return RagContestant(
            self.index.value(),
            model,
            identity,
            LOCAL,
            judge=judge,
            newest=self.index.value,
            rewriter=self._rewrites(report),
        )

    def rewriter(self, report: Report) -> Any:
        """The model that makes questions stand alone: the untouched one, as adapters were taught other things."""
        return self._chat_model("base", report)[0]

    def _rewrites(self, report: Report) -> Any:
        return self.rewriter(report) if self.rag_settings.follow_ups == "rewrite" else None

    def _own(self, name: str) -> Path:
        """Where an adapter of the workspace is, if it was trained; without a hybrid's there is no such contestant."""
        return self.workspace.path / "adapters" / name

    def _training(self) -> bool:
        """Whether the workspace's models are being trained, by a run that the Training page started."""
        from finetune.runs import running

        try:
            return running(self.workspace.path) is not None
        except (ArenaError, OSError, psutil.Error):  # the page tells what cannot be read
            return False

    @property
    def hybrids_line(self) -> float:
        """What RAG's judge needs where memory was not believed: never less than without a memory."""
        return max(self.rag_settings.judged_below, self.hybrid_settings.judged_below)

    def _verified_hybrid(self, report: Report) -> Contestant:
        """What the fine-tuned model remembers, if it is believed, else RAG with a judge that must be surer."""
        from rag.contestant import RagContestant

        memory = self._closed_book("fine-tuned", "fine-tuned", report)
        model, identity = self._chat_model(self.rag_settings.generator, report)
        judge = self._judge(report)
        follow(self.index, report)
        settings = replace(self.rag_settings, judged_below=self.hybrids_line)
        index = replace(self.index.value(), settings=settings)
        documents = RagContestant(
            index, model, identity, LOCAL, judge=judge, newest=self.index.value, rewriter=self._rewrites(report)
        )
        return Verified("hybrid", memory, documents, self._believing(memory, documents))

    def _believing(self, memory: Contestant, documents: Contestant) -> VerifiedSettings:
        """With the weights that were fitted to this workspace, but for those that workspace.toml names."""
        path, named = self.workspace.path / FILE, self.workspace.table("hybrid")
        if not self.fitted:
            return self.hybrid_settings
        weights = fitted(path, made_for(memory.identity, documents.identity)) or {}
        if not weights and path.is_file():
            # The line that workspace.toml draws was chosen for the weights that are left out.
            usual = max(VerifiedSettings.believed, self.hybrid_settings.believed)
            typer.echo(
                f"What the hybrid believes, in {path}, was fitted to another model or search, and is left out: until a "
                f"new fit it believes from {usual} on. Run: python app.py fit-hybrid --workspace {self.workspace.path}",
                err=True,
            )
            return replace(self.hybrid_settings, believed=usual)
        return replace(self.hybrid_settings, **{name: weights[name] for name in weights if name not in named})

    def _trained_hybrid(self, report: Report) -> Contestant:
        """Reads what retrieval finds, without a judge: whether to answer it was taught itself."""
        from rag.contestant import RagContestant

        model, identity = self._chat_model("hybrid", report)
        follow(self.index, report)
        settings = replace(self.rag_settings, generator="reader", judge="none")
        opened = replace(self.index.value(), settings=settings)
        return RagContestant(
            opened, model, identity, LOCAL, name="hybrid", newest=self.index.value, rewriter=self._rewrites(report)
        )

    def _judge(self, report: Report) -> Any:
        """Who judges the sentences that RAG found; None when the workspace wants nobody."""
        from models.judge import LocalJudge, load_calibration, workspace_calibration

        if self.rag_settings.judge == "none":
            return None
        if self.rag_settings.judge == "cross-encoder":
            follow(self.reranker, report)
            return self.reranker.value()
        name = "reader" if self._own_judge is None else JUDGE
        self._chat_model(name, report)  # raises when the adapter is missing or foreign
        adapters = self._adapters()
        follow(self.index, report)
        folder = self.workspace.path if self._own_judge is None else adapters[JUDGE]
        calibration = workspace_calibration(folder, adapters[name], self.index.value().embedder.query_identity)
        if calibration is None and name == JUDGE:
            typer.echo(
                f"The judge in {adapters[JUDGE]} is not calibrated to what is searched here, and weighed as the reader "
                f"is, which may not fit. Run: python -m finetune calibrate {self.workspace.path}",
                err=True,
            )
        return LocalJudge(self.engine.value(), name, calibration or load_calibration(adapters["reader"]))


def follow(loading: Loading[Any], report: Report) -> None:
    """Wait for another part, saying what it says."""
    while not loading.wait(0.2):
        report(loading.state.detail)
