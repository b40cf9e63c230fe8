"""`arena.knowledge.KnowledgeDesk` over a workspace folder: documents in and out, and the index that follows them.

What is asked of it comes from a page while answers are given: indexing runs in a thread of its own, and whoever answers
takes the new index from `index`. Does not read settings and does not know who may do what. Everything heavy is imported
when it is first needed: the page is up before.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from arena.device import Device
from arena.errors import ArenaError, WorkspaceError
from arena.knowledge import EVERYWHERE, Added, Chosen, Chunk, Document, Found, Indexing, Limits, Ranked, Within
from arena.loading import Loading
from arena.question import checked_prompt
from rag.settings import Settings

if TYPE_CHECKING:
    from rag.index import Index, Report

log = logging.getLogger(__name__)

PATIENCE = 60.0
"""Seconds that a search waits for its turn on the device."""


class Deadline:
    """A stop signal that sets itself."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def is_set(self) -> bool:
        return time.monotonic() > self._ends

    def wait(self, timeout: float | None = None) -> bool:
        left = self._ends - time.monotonic()
        time.sleep(max(0.0, left if timeout is None else min(left, timeout)))
        return self.is_set()


class Desk:
    """`judge` gives whoever judges what RAG finds, None while there is nobody."""

    def __init__(
        self,
        workspace: Path,
        settings: Settings,
        index: "Loading[Index]",
        device: Device,
        judge: Callable[[], Any] = lambda: None,
        patience: float = PATIENCE,
    ) -> None:
        self.workspace, self.settings, self.patience = workspace, settings, patience
        self._index, self._device, self._judge = index, device, judge
        self._files = threading.Lock()
        self._state = threading.Lock()
        self._work = Indexing()
        self._again = False

    def documents(self) -> list[Document]:
        from rag.documents import document_files
        from rag.upkeep import listing

        try:
            rows = listing(self.workspace, self.settings)
            files = {name for name, _ in document_files(self.workspace / "documents")}
        except OSError as error:
            raise WorkspaceError(f"The documents cannot be read: {error}. Allow it with chmod u+r.") from error
        return [
            Document(row.name, row.state, row.size, row.chunks, row.reason, _file_of(row.name, files)) for row in rows
        ]

    def limits(self) -> Limits:
        from rag.documents import ARCHIVE, PARSERS

        return Limits((*PARSERS, ARCHIVE), self.settings.max_file_megabytes)

    def indexing(self) -> Indexing:
        with self._state:
            work = self._work
        loading = self._index.state
        if loading.status == "failed":
            return Indexing(
                "failed", text=f"{loading.detail} Put that right, then start the app again.", runs=work.runs
            )
        if loading.status == "loading":
            return Indexing("working", loading.detail, runs=work.runs)
        return replace(work, runs=work.runs + 1)  # opening it was the first

    def add(self, files: Sequence[tuple[str, Path]], replace: bool) -> Added:
        from rag.uploads import take_in

        with self._files:
            added = take_in(self.workspace / "documents", files, replace, self.settings.max_file_megabytes)
        if added.names:
            self.rebuild()
        return added

    def delete(self, file: str) -> None:
        from rag.upkeep import file_named, remove_file

        with self._files:
            remove_file(self.workspace / "documents", file_named(self.workspace, file))
        self.rebuild()

    def rebuild(self) -> None:
        """Once more after the one that is under way: it may have looked before the last change."""
        with self._state:
            if self._work.alive:
                self._again = True
                return
            self._work = Indexing("working", "looking what has changed", runs=self._work.runs)
        threading.Thread(target=self._run, daemon=True, name="indexing").start()

    def chunks(self, document: str) -> list[Chunk]:
        held = self._opened().chunks
        shown = (one for one in held if one.document == document)
        return [Chunk(one.context, one.location, one.text, one.start, one.end) for one in shown]

    def text(self, document: str) -> str:
        from rag.store import load_part

        manifest = self._opened().manifest
        for held in (held for file in manifest.files for held in file.documents if held.name == document):
            loaded = load_part(self.workspace / "index", held.part)
            return "" if isinstance(loaded, str) else loaded[0].source
        return ""

    def search(self, question: str, within: Within = EVERYWHERE) -> Found:
        from rag.chain import needed
        from rag.filters import Filter
        from rag.retrieve import passage_columns
        from rag.retrieve import search as find

        where = None if within == EVERYWHERE else Filter(**vars(within))
        question, index, judge = checked_prompt(question), self._opened(), self._judge()
        lease = self._device.join()
        try:
            for _ in lease.waiting(Deadline(self.patience)):
                pass
            if not lease.granted:
                raise ArenaError("Questions are being answered, and the search had no turn: try again in a minute.")
            found = find(index, question, judge, where)
            columns = passage_columns(index, question, where) if found.passages else ()
        finally:
            lease.release()
        passages = []
        for place in found.passages:
            chunk, (dense, words, fused) = index.chunks[place], (float(column[place]) for column in columns)
            passages.append(Ranked(chunk.document, chunk.location, chunk.text, dense, words, fused))
        sentences = []
        for place, score in zip(found.sentences, found.scores, strict=True):
            chunk = index.chunks[index.sentences[place].chunk]
            sentences.append(Chosen(chunk.document, chunk.location, index.sentences[place].text, float(score)))
        return Found(tuple(passages), tuple(sentences), needed(index.settings, judge), judge is not None)

    def _opened(self) -> "Index":
        if self._index.state.status == "loading":
            raise ArenaError(f"The index is still being opened ({self._index.state.detail}): try again in a moment.")
        return self._index.value().present()

    def _run(self) -> None:
        while True:
            ended = self._indexed()
            with self._state:
                if not self._again:
                    self._work = replace(ended, runs=self._work.runs + 1)
                    return
                self._again = False

    def _indexed(self) -> Indexing:
        try:
            from rag.index import open_or_build

            embedder = self._index.value().embedder
            with self._device.background():
                opened = open_or_build(self.workspace, embedder, self.settings, self._tell)
            self._index.renew(opened)
            return Indexing("done", text=_told(opened.report))
        except ArenaError as error:
            return Indexing("failed", text=str(error))
        except Exception as error:
            log.exception("indexing %s broke off", self.workspace)
            return Indexing(
                "failed",
                text=f"Indexing broke off ({type(error).__name__}: {error}); the server's log has the details. What "
                "was indexed before is still used. Try Rebuild the index.",
            )

    def _tell(self, doing: str, done: int, total: int) -> None:
        with self._state:
            self._work = Indexing("working", doing, done, total, runs=self._work.runs)


def _file_of(name: str, files: set[str]) -> str:
    """The file on the disk that holds the document, "" when it is gone."""
    if name in files:
        return name
    return next((str(parent) for parent in PurePosixPath(name).parents if str(parent) in files), "")


def _told(report: "Report") -> str:
    text = (
        f"The index is up to date: {_counted(report.documents, 'document')} ({report.embedded or 'none'} of them read "
        f"anew, {report.seconds:.1f} s) with {_counted(report.passages, 'passage')}."
    )
    if report.skipped:
        text += f" {_counted(len(report.skipped), 'file')} left out: the list says why."
    if not report.saved:
        text += f" It could not be saved ({report.reason}), so it is made anew at the next start."
    return text


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
