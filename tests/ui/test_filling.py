"""The panel that fills the queue, without a browser: the same as the commands, for admins, nothing half added."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from arena.annotation import QueuedPrompt, Source
from arena.comparison import Comparison
from arena.errors import StorageError
from arena.people import Role
from arena.queue import Added, QueueSettings, Terms
from arena.workspace import open_workspace
from commands.filling import QueueFiller
from storage import DATABASE_FILE, DatabaseHistory, DatabaseQueue, open_database
from tests.app.test_queue_commands import FACT
from tests.ui.pages import REQUEST, everybody_is
from ui.filling import MOST_TOLD, Filling, added_html

BOTH = ["fine-tuned,rag"]


class FakeFiller:
    """`arena.queue.Filler`: remembers what it was asked for."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Terms]] = []

    def import_file(self, file: Path, terms: Terms, name: str = "") -> Added:
        return self._called("file", terms)

    def questions(self, terms: Terms, limit: int = 0, seed: int = 0) -> Added:
        return self._called("questions", terms)

    def visitors(self, terms: Terms, limit: int) -> Added:
        return self._called("visitors", terms)

    def _called(self, what: str, terms: Terms) -> Added:
        self.calls.append((what, terms))
        return Added(1, 1)


class Panel:
    """The panel over a real database, for a person of some role."""

    def __init__(self, folder: Path, role: Role | None = Role.ADMIN) -> None:
        (folder / "documents").mkdir(exist_ok=True)
        (folder / "questions.jsonl").write_text(json.dumps(FACT))
        database = open_database(folder / DATABASE_FILE)
        self.history, self.queue = DatabaseHistory(database), DatabaseQueue(database, QueueSettings())
        filler = QueueFiller(open_workspace(folder), self.queue, self.history, ["fine-tuned", "rag", "base"])
        self.page = Filling(filler, self.queue, everybody_is(role, "Ada", signs_in=True))
        self.folder = folder

    def upload(self, name: str, text: str, pairs: Any = BOTH, people: Any = 0) -> list[Any]:
        path = self.folder / "upload"
        path.write_text(text)
        return self.page.add_file([(name, path)], pairs, people, REQUEST)

    @property
    def queued(self) -> list[tuple[str, str, str, str, int]]:
        """(prompt, who added it, both contestants, people) of each pair."""
        query = (
            "SELECT text, added_by, left, right, wanted FROM task JOIN prompt ON task.prompt = prompt.id ORDER BY text"
        )
        with self.queue._database.reading() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query).all()]


@pytest.fixture
def panel(tmp_path: Path) -> Panel:
    return Panel(tmp_path)


def test_a_file_is_queued_once_and_what_is_left_out_is_told(panel: Panel) -> None:
    text = "prompt\nWho?\nWhy?\nWho?\n"
    shown, notice, news, state, _, box = panel.upload("mine.csv", text, ["base,rag"], 2)
    assert shown["visible"] and notice == "" and box is None
    assert "Prompts added: 2; pairs to answer: 2." in news and "line 4: the same prompt as line 2, left out" in news
    assert "2 prompts in the queue. Pairs: 0 ready, 2 waiting for answers, 0 failed. 0 of 4 votes." in state
    assert panel.queued == [("Who?", "Ada", "base", "rag", 2), ("Why?", "Ada", "base", "rag", 2)]
    assert not (panel.folder / "upload").exists()
    _, _, news, *_ = panel.upload("mine.csv", text, ["base,rag"])
    assert "Prompts added: 0 (2 were there already); pairs to answer: 0." in news and "there already: Who?" in news


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("<i>.jsonl", '{"prompt": "Who?"}\n{"prompt": ""}\n', "&lt;i&gt;.jsonl: nothing was imported."),
        ("x.jsonl", '{"prompt": "Who?"}\n{"<b>": 1}\n', "line 2: no field &#x27;prompt&#x27; (there are: &lt;b&gt;)"),
        ("x.txt", "Who?", "use .jsonl or .csv"),
        ("x.csv", "name\nAnn\n", "line 1: no column for the prompt"),
        ("x.csv", "prompt\n", "holds no prompts"),
    ],
)
def test_a_bad_file_is_refused_in_the_commands_words_and_nothing_is_queued(
    panel: Panel, name: str, text: str, told: str
) -> None:
    _, notice, news, _, _, box = panel.upload(name, text)
    assert told in notice and news == "" and panel.queued == []
    assert str(panel.folder) not in notice and isinstance(box, dict)  # the box is left as it is


def test_held_out_questions_and_what_visitors_asked_are_queued_up_to_a_limit(panel: Panel) -> None:
    _, notice, *_ = panel.page.add_visitors(5, BOTH, 0, REQUEST)
    assert "No visitor has asked anything yet" in notice
    panel.history.save(Comparison("From a visitor?", "fine-tuned", "rag", blind=False, asked_by="Vic"))
    panel.page.add_visitors(5.0, BOTH, 0, REQUEST)
    panel.page.add_questions(1, BOTH, 0, REQUEST)
    _, _, news, *_ = panel.page.add_questions(2, BOTH, 0, REQUEST)
    assert "Prompts added: 1 (1 were there already)" in news
    assert [text for text, *_ in panel.queued] == ["From a visitor?", "How much power?", "Its appetite?"]


@pytest.mark.parametrize(
    ("pairs", "people", "limit", "told"),
    [
        ([], 0, 1, "No pair of contestants to ask"),
        ("fine-tuned,rag", 0, 1, "No pair of contestants to ask"),
        ([["fine-tuned", "rag"]], 0, 1, "No pair of contestants to ask"),
        (["rag,<b>"], 0, 1, "No contestant &#x27;&lt;b&gt;&#x27;"),
        (["rag,rag"], 0, 1, "is not a pair"),
        (BOTH, -1, 1, "“People for each pair” takes a whole number from 0 to 100."),
        (BOTH, 10**30, 1, "“People for each pair” takes a whole number"),
        (BOTH, 0, 0, "“At most” takes a whole number from 1 to 100,000."),
        (BOTH, 0, 1.5, "“At most” takes a whole number"),
        (BOTH, 0, float("nan"), "“At most” takes a whole number"),
        (BOTH, 0, None, "“At most” takes a whole number"),
    ],
)
def test_what_cannot_be_queued_is_told(panel: Panel, pairs: Any, people: Any, limit: Any, told: str) -> None:
    _, notice, news, *_ = panel.page.add_questions(limit, pairs, people, REQUEST)
    assert told in notice and news == "" and panel.queued == []


def test_what_failed_is_told_with_its_reason_and_put_back_in_line(panel: Panel) -> None:
    panel.queue.add([QueuedPrompt(text, Source.IMPORTED) for text in ("Who?", "Why?")], [("fine-tuned", "rag")])
    while waiting := panel.queue.next_task():
        panel.queue.failed(waiting[0].id, "rag: <out of memory>")
    *_, state, button, _ = panel.page.look(REQUEST)
    assert "2 failed" in state and "2 pairs: rag: &lt;out of memory&gt;" in state and button["visible"]
    _, _, news, state, button, _ = panel.page.retry(REQUEST)
    assert "2 pairs are back in line." in news and "0 failed" in state and not button["visible"]
    assert "None failed." in panel.page.retry(REQUEST)[2]


def test_a_long_list_is_cut_and_says_so() -> None:
    told = added_html(Added(0, 0, known=[f"<b>{number}" for number in range(MOST_TOLD + 5)]))
    assert told.count("<li>") == MOST_TOLD + 1 and "and 5 more" in told and "<b>" not in told


@pytest.mark.parametrize("role", [None, Role.VISITOR, Role.ANNOTATOR])
@pytest.mark.parametrize(
    "act",
    [
        lambda panel: panel.page.look(REQUEST),
        lambda panel: panel.upload("x.csv", "prompt\nWho?\n"),
        lambda panel: panel.page.add_questions(5, BOTH, 0, REQUEST),
        lambda panel: panel.page.add_visitors(5, BOTH, 0, REQUEST),
        lambda panel: panel.page.retry(REQUEST),
    ],
)
def test_whoever_is_no_admin_sees_no_panel_and_changes_nothing(
    tmp_path: Path, role: Role | None, act: Callable[[Panel], list[Any]]
) -> None:
    panel = Panel(tmp_path, role)
    panel.queue.add([QueuedPrompt("What failed?", Source.IMPORTED)], [("fine-tuned", "rag")])
    panel.queue.failed(panel.queue.next_task()[0].id, "out of memory")  # type: ignore[index]
    shown, notice, news, state, button, box = act(panel)
    assert not shown["visible"] and not button["visible"] and (news, state, box) == ("", "", None)
    assert notice == "" or "takes an admin" in notice
    assert len(panel.queued) == 1 and panel.queue.status().failed == 1


def test_a_database_that_refuses_is_told_and_the_file_stays(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Added:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(DatabaseQueue, "add", refuse)
    shown, notice, news, _, _, box = panel.upload("x.csv", "prompt\nWho?\n")
    assert shown["visible"] and "The disk is full." in notice and news == "" and isinstance(box, dict)
    assert (panel.folder / "upload").exists()
