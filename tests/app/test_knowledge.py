"""Documents come and go while the app runs: the real index, chain, device and wiring; scripted models."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from arena.answer import Answer
from arena.errors import ArenaError
from arena.events import Finished
from arena.knowledge import KnowledgeDesk
from arena.loading import Loading
from arena.question import Question
from arena.runner import answer_all
from arena.workspace import open_workspace
from rag import store
from tests.rag.bags import Bags
from tests.rag.examples import ScriptedJudge, ScriptedModel, tiny_workspace
from wiring import Parts

WEIGHT = "How much does the walnut table weigh?"
WALNUT = "# Tables\n\nThe walnut table weighs 30 kilograms."


class Wired:
    """The parts of an app, loaded."""

    def __init__(self, folder: Path, embedder: Any = None) -> None:
        from rag.contestant import RagContestant
        from rag.index import open_or_build

        self.folder = tiny_workspace(folder)
        self.parts = Parts(open_workspace(folder))
        settings, newest = self.parts.rag_settings, lambda: self.parts.index.value()
        self.parts.index = Loading(
            "document index", lambda report: open_or_build(folder, embedder or Bags(), settings)
        ).start()
        judge = ScriptedJudge(weighs=0.9)
        model = ScriptedModel(pieces=["30."])
        loading = Loading(
            "rag", lambda report: RagContestant(newest(), model, {}, "local", judge=judge, newest=newest)
        ).start()
        self.parts._contestants = {"rag": loading}  # type: ignore[dict-item]
        self.desk: KnowledgeDesk = self.parts.knowledge()
        assert loading.wait(20)

    def ask(self, text: str = WEIGHT) -> Answer:
        return answer_all(self.parts.runner(), {"rag": Question(text)})["rag"]

    def add(self, name: str, text: str, replace: bool = False) -> None:
        path = self.folder / "upload"
        path.write_text(text)
        self.desk.add([(name, path)], replace)

    def wait(self) -> str:
        deadline = time.monotonic() + 30
        while self.desk.indexing().alive:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self.desk.indexing().text

    def states(self) -> dict[str, str]:
        return {one.name: one.state for one in self.desk.documents()}


@pytest.fixture
def wired(tmp_path: Path) -> Wired:
    return Wired(tmp_path / "tiny")


def documents(answer: Answer) -> set[str]:
    return {passage.document for passage in answer.passages or ()}


def test_an_added_document_is_answered_from_without_a_restart(wired: Wired) -> None:
    before = wired.ask()
    assert "tables.md" not in documents(before)
    wired.add("tables.md", WALNUT)
    assert wired.wait().startswith("The index is up to date: 4 documents (1 of them read anew")
    assert wired.states()["tables.md"] == "indexed"
    answer = wired.ask()
    (passage,) = [one for one in answer.passages or () if one.document == "tables.md"]
    assert passage.used == ("The walnut table weighs 30 kilograms.",)
    assert answer.identity["index"] != before.identity["index"]


def test_a_deleted_document_is_gone_from_answers_before_anything_is_indexed(wired: Wired) -> None:
    wired.add("tables.md", WALNUT)
    wired.wait()
    with store.Writer(wired.folder / "index", lambda: None):  # as a command that indexes at this moment
        wired.desk.delete("tables.md")
        assert "tables.md" not in documents(wired.ask())
        assert "tables.md" not in {one.document for one in wired.desk.search(WEIGHT).passages}
        assert wired.desk.indexing().alive
    wired.wait()
    assert "tables.md" not in wired.states() and not (wired.folder / "documents" / "tables.md").exists()


class Held:
    """An `encode` that waits until it is released or open."""

    def __init__(self, embedder: Any, release: threading.Event) -> None:
        self.real, self.release, self.open = type(embedder)().encode, release, False
        self.reached = threading.Event()

    def __call__(self, texts: Any) -> Any:
        if texts and not self.open:
            self.reached.set()
            assert self.release.wait(20)
        return self.real(texts)


def test_answers_while_it_indexes_come_from_the_old_index_and_are_contended(wired: Wired) -> None:
    release = threading.Event()
    held = Held(wired.parts.index.value().embedder, release)
    wired.parts.index.value().embedder.encode = held
    wired.add("tables.md", WALNUT)
    assert held.reached.wait(20)
    held.open = True
    state = wired.desk.indexing()
    assert state.alive and "embedding" in state.doing and state.of > 0
    assert wired.states()["tables.md"] == "new"
    answer = wired.ask()
    assert answer.timings.contended and "tables.md" not in documents(answer)
    release.set()
    wired.wait()
    assert "tables.md" in documents(wired.ask())


def test_what_changes_while_it_indexes_is_indexed_next(wired: Wired) -> None:
    release = threading.Event()
    held = Held(wired.parts.index.value().embedder, release)
    wired.parts.index.value().embedder.encode = held
    wired.add("tables.md", WALNUT)
    assert held.reached.wait(20)
    wired.add("chairs.md", "The oak chair weighs 4 kilograms.")
    wired.add("tables.md", "The walnut table weighs 31 kilograms.", replace=True)
    release.set()
    wired.wait()
    assert wired.states() == dict.fromkeys(
        ["chairs.md", "holidays.txt", "lamps.md", "tables.md", "works.html"], "indexed"
    )
    assert "31 kilograms" in wired.desk.chunks("tables.md")[0].text
    assert wired.desk.indexing().runs == 2


def test_a_document_shows_its_chunks_and_an_archive_its_file(wired: Wired) -> None:
    chunks = wired.desk.chunks("lamps.md")
    assert [chunk.location for chunk in chunks] == ["Brass lamp", "Glass lamp"]
    assert chunks[0].headings == "Lamps > Brass lamp" and "4 kilograms" in chunks[0].text
    assert wired.desk.chunks("nothing.md") == []
    text = wired.desk.text("lamps.md")
    assert [text[chunk.start : chunk.end].split() for chunk in chunks] == [chunk.text.split() for chunk in chunks]
    assert wired.desk.text("nothing.md") == ""
    import zipfile

    with zipfile.ZipFile(wired.folder / "box.zip", "w") as archive:
        archive.writestr("oak.md", "The oak table weighs 40 kilograms.")
    wired.desk.add([("box.zip", wired.folder / "box.zip")], False)
    wired.wait()
    (inside,) = [one for one in wired.desk.documents() if one.name == "box.zip/oak.md"]
    assert (inside.state, inside.file, inside.passages) == ("indexed", "box.zip", 1)
    wired.desk.delete(inside.file)
    wired.wait()
    assert "box.zip/oak.md" not in wired.states()


def test_a_search_brings_three_scores_and_what_the_judge_chose(wired: Wired) -> None:
    found = wired.desk.search("How heavy is the glass lamp?")
    assert found.judged and found.needed == wired.parts.rag_settings.judged_below
    assert [one.fused for one in found.passages] == sorted((one.fused for one in found.passages), reverse=True)
    best = found.passages[0]
    assert (best.document, best.location) == ("lamps.md", "Glass lamp")
    assert 0 < best.dense <= 1 and best.words > 0
    assert found.sentences[0].score == 0.9 and "weighs" in found.sentences[0].text


def test_a_search_takes_its_turn_and_gives_up_in_words(wired: Wired) -> None:
    lease = wired.parts.device.join()
    wired.desk.patience = 0.2  # type: ignore[attr-defined]
    with pytest.raises(ArenaError, match="no turn"):
        wired.desk.search(WEIGHT)
    lease.release()
    assert wired.desk.search(WEIGHT).passages


def test_indexing_that_breaks_off_says_so_and_the_old_index_stays(wired: Wired) -> None:
    def broken(texts: Any) -> Any:
        if texts:
            raise RuntimeError("no memory")
        return Bags().encode(texts)

    wired.parts.index.value().embedder.encode = broken
    wired.add("tables.md", WALNUT)
    assert "RuntimeError: no memory" in wired.wait()
    assert wired.desk.indexing().status == "failed" and wired.states()["tables.md"] == "new"
    wired.parts.index.value().embedder.encode = Bags().encode
    assert wired.ask().passages
    wired.desk.rebuild()
    wired.wait()
    assert wired.states()["tables.md"] == "indexed"


def test_while_the_index_is_opened_the_page_says_so(tmp_path: Path) -> None:
    parts = Parts(open_workspace(tmp_path))
    desk = parts.knowledge()
    assert desk.indexing().alive and "waiting to start" in desk.indexing().doing
    with pytest.raises(ArenaError, match="still being opened"):
        desk.search("lamp")
    assert desk.documents() == []


def test_an_index_that_could_not_be_opened_is_told_with_the_way_out(tmp_path: Path) -> None:
    def refuse(report: Any) -> Any:
        raise ArenaError("No embedding model: install it.")

    parts = Parts(open_workspace(tmp_path))
    parts.index = Loading("document index", refuse).start()
    parts.index.wait()
    state = parts.knowledge().indexing()
    assert state.status == "failed" and "install it. Put that right, then start the app again" in state.text


def test_a_contestant_with_settings_of_its_own_keeps_them(wired: Wired) -> None:
    from dataclasses import replace

    from rag.contestant import RagContestant

    index = wired.parts.index.value()
    settings = replace(index.settings, sentences=3, judge="none")
    hybrid = RagContestant(
        replace(index, settings=settings), ScriptedModel(pieces=["x"]), {}, newest=wired.parts.index.value
    )
    wired.add("tables.md", WALNUT)
    wired.wait()
    stop: Any = SimpleNamespace(is_set=lambda: False)
    assert isinstance(list(hybrid.answer(Question(WEIGHT), stop))[-1], Finished)
    assert hybrid.identity["rag.sentences"] == "3"
    assert hybrid.identity["index"] == wired.parts.index.value().identity != index.identity
