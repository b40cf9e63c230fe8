"""The Knowledge page: who may do what, what it says of each state, and that what comes from outside is escaped."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from arena.knowledge import EVERYWHERE, Added, Chosen, Chunk, Document, Found, Indexing, Limits, Ranked, Within
from arena.people import Role
from tests.fakes import FakeShelf
from tests.ui.pages import everybody_is
from tests.ui.test_render import EVIL, SHOWN
from ui import knowledge, knowledge_screen, knowledge_view
from ui.knowledge import KnowledgePage, Screen
from ui.limits import Limits as Rates
from ui.rights import open_to_all
from ui.uploads import Uploads

REQUEST: Any = object()
ANYWHERE = ("", "", "", "")
TEXTS = {"lamps.md": "The lamp weighs 4 kilograms.", "works.md": "The works stand in Aldergate."}


def page(shelf: FakeShelf, allowed: bool = True) -> KnowledgePage:
    rights = everybody_is(Role.ADMIN if allowed else Role.VISITOR)
    return KnowledgePage(shelf, rights, Rates(rights))


def looked(shelf: FakeShelf, allowed: bool = True) -> Screen:
    now: Screen = page(shelf, allowed).look("", None, REQUEST)[0]
    return now


def upload(folder: Path, name: str, text: str = "A new text.") -> tuple[str, Path]:
    path = folder / f"upload-{name}"
    path.write_text(text)
    return name, path


def test_the_list_tells_state_passages_size_and_why_something_is_left_out() -> None:
    shelf = FakeShelf(TEXTS)
    shelf.texts["new.md"] = "New."
    shelf.texts["lamps.md"] += " And more."
    listed = looked(shelf).listed
    for text in (
        "2 ",
        "Changed since",
        "New, not indexed yet",
        "Left out: unsupported ending &#x27;.tiff&#x27;",
        "0.0 kB",
    ):
        assert text in listed or text == "2 "
    assert "1 indexed, 1 new, 1 changed since it was indexed, 1 left out." in listed


def test_names_are_buttons_only_for_whom_is_allowed() -> None:
    shelf = FakeShelf(TEXTS)
    assert '<button type="button" data-name="lamps.md">' in looked(shelf).listed
    now = looked(shelf, allowed=False)
    assert "<button" not in now.listed and "lamps.md" in now.listed
    assert "You can look and search" in now.note and not now.allowed
    assert page(shelf, allowed=False).look("", None, REQUEST)[7] == gr.skip()  # what adds stays hidden


def test_who_is_not_allowed_changes_and_opens_nothing(tmp_path: Path) -> None:
    shelf = FakeShelf(TEXTS)
    pressed, shown = page(shelf, allowed=False), looked(shelf)
    name, *opened = pressed.open("lamps.md", shown, REQUEST)
    assert name == "" and opened == knowledge.panel(knowledge_view.Panel())
    pressed.add([upload(tmp_path, "new.md")], True, shown, REQUEST)
    pressed.rebuild(shown, REQUEST)
    assert pressed.ask_to_delete("lamps.md", shown, REQUEST) == knowledge.SKIPPED_PANEL
    pressed.delete("lamps.md", shown, REQUEST)
    assert shelf.texts == TEXTS and shelf.calls == []
    assert "lamps.md" in pressed.search("lamp", *ANYWHERE, REQUEST)


def test_an_upload_is_added_told_and_indexed_in_the_background(tmp_path: Path) -> None:
    shelf = FakeShelf(TEXTS)
    shown = looked(shelf)
    given = [upload(tmp_path, "new.md"), upload(tmp_path, "film.mov")]
    now, *_, box, tick = page(shelf).add(given, False, shown, REQUEST)
    assert "Added: new.md." in now.news and "film.mov</b>: unsupported ending" in now.news
    assert (box, tick) == (None, False)
    assert not any(path.exists() for _, path in given)
    assert now.alive and "1 of 3" in now.indexing and "<progress" in now.indexing
    watched = page(shelf).watch("", now, REQUEST)
    assert all(value == gr.skip() for value in watched[1:])
    shelf.index()
    ended = page(shelf).watch("", now, REQUEST)[0]
    assert not ended.alive and "Up to date." in ended.indexing and "3 indexed" in ended.listed


def test_what_is_there_is_replaced_only_with_the_tick(tmp_path: Path) -> None:
    shelf = FakeShelf(TEXTS)
    given = [upload(tmp_path, "lamps.md", "Other.")]
    now, *_, box, tick = page(shelf).add(given, False, looked(shelf), REQUEST)
    assert "There already: lamps.md. Nothing was added. Tick" in now.notice
    assert shelf.texts == TEXTS and box == tick == gr.skip()
    page(shelf).add(given, True, now, REQUEST)
    assert shelf.texts["lamps.md"] == "Other."


def test_without_files_it_says_what_to_do() -> None:
    assert "Choose files first" in page(FakeShelf(TEXTS)).add([], False, None, REQUEST)[0].notice


def test_a_document_opens_with_its_passages() -> None:
    shelf = FakeShelf(TEXTS)
    event: Any = SimpleNamespace(_data={"name": "lamps.md"})
    name, text, row, deleting, _, delete = page(shelf).open_clicked(looked(shelf), REQUEST, event)
    assert name == "lamps.md"
    for part in ("1 passage in the index", "lamps.md &gt; Power", "page 3", "weighs 4 kilograms"):
        assert part in text
    assert row["visible"] and not deleting["visible"] and delete["interactive"]


@pytest.mark.parametrize("data", [None, "x", {}, {"name": 7}, {"name": "../workspace.toml"}])
def test_a_click_that_names_no_document_opens_nothing(data: object) -> None:
    shelf = FakeShelf(TEXTS)
    event: Any = SimpleNamespace(_data=data)
    assert page(shelf).open_clicked(looked(shelf), REQUEST, event)[0] == ""


def test_deleting_asks_first_and_closes_the_document() -> None:
    shelf = FakeShelf(TEXTS)
    shown = looked(shelf)
    _, row, deleting, question, _ = page(shelf).ask_to_delete("lamps.md", shown, REQUEST)
    assert "Delete <b>lamps.md</b> for good?" in question and deleting["visible"] and not row["visible"]
    assert "lamps.md" in shelf.texts
    chosen, text, *_ = page(shelf).delete("lamps.md", shown, REQUEST)
    assert (chosen, text) == ("", "") and list(shelf.texts) == ["works.md"]
    assert "lamps.md" not in page(shelf).search("lamp", *ANYWHERE, REQUEST)


def test_a_search_may_look_in_some_documents_only() -> None:
    shelf = FakeShelf(TEXTS)
    found = page(shelf).search("the lamp", " works.md , plans/* ", "md, pdf", "2026-05-01", " ", REQUEST)
    assert "works.md" in found and "lamps.md" not in found
    within = Within(("works.md", "plans/*"), ("md", "pdf"), since=date(2026, 5, 1))
    assert shelf.calls[-1] == f"search within {within}"
    nowhere = page(shelf).search("the lamp", "none.md", "", "", "", REQUEST)
    assert "No document is of that name, type and date" in nowhere
    said = page(shelf).search("the lamp", "", "", "", "May <b>", REQUEST)
    assert "“May &lt;b&gt;” is not a day: write it like 2026-05-31." in said
    page(shelf).search("the lamp", None, {}, 7, ["x"], REQUEST)  # what no page sends
    assert shelf.calls[-1] == f"search within {EVERYWHERE}"


def test_when_indexing_ends_the_opened_document_is_shown_anew_and_still_asks() -> None:
    shelf = FakeShelf(TEXTS)
    shown = looked(shelf)
    shelf.texts["lamps.md"] = "Another lamp."
    shelf.rebuild()
    shelf.index()
    text, row, deleting, question, _ = page(shelf).watch("lamps.md", shown, REQUEST)[-5:]
    assert "Another lamp." in text and row == deleting == question == gr.skip()
    del shelf.texts["lamps.md"]
    assert page(shelf).look("lamps.md", shown, REQUEST)[-5:] == knowledge.panel(knowledge_view.Panel())


def test_deleting_what_is_in_an_archive_says_what_else_goes() -> None:
    inside = Document("box.zip/oak.md", "indexed", 9, 1, file="box.zip")
    asked = knowledge_screen.deletion_html(inside, beside=2)
    assert "inside <b>box.zip</b>" in asked and "with 2 other documents" in asked


def test_a_shelf_in_trouble_is_reported() -> None:
    shelf = FakeShelf(TEXTS, trouble="The documents cannot be read: chmod u+r.")
    assert "cannot be read" in looked(shelf).notice
    assert "cannot be read" in page(shelf).search("lamp", *ANYWHERE, REQUEST)
    assert "cannot be read" in page(shelf).rebuild(None, REQUEST)[0].notice


def test_empty_places_have_a_way_out() -> None:
    shelf = FakeShelf({})
    shelf.skipped = {}
    assert "add the first ones above" in looked(shelf).listed
    assert "whoever runs the app" in looked(shelf, allowed=False).listed
    assert "add documents first" in page(shelf).search("lamp", *ANYWHERE, REQUEST)
    assert "Type what to search for" in page(shelf).search("  ", *ANYWHERE, REQUEST)
    assert "empty the box" in page(FakeShelf(TEXTS)).find("zebra", looked(FakeShelf(TEXTS)), REQUEST)[0].listed


def test_long_lists_are_cut_and_narrowed_down() -> None:
    many = [Document(f"{number}.md", "indexed", 1, 1, file=f"{number}.md") for number in range(1000)]
    listed = knowledge_screen.list_html(many, "", True)
    assert listed.count("<button") == knowledge_screen.MOST_LISTED and "and 700 more" in listed
    assert knowledge_screen.list_html(many, "99", True).count("<button") == 19


def test_a_search_shows_the_three_scores_and_the_chosen_sentences() -> None:
    shown = page(FakeShelf(TEXTS)).search("the lamp", *ANYWHERE, REQUEST)
    for part in (">0.500<", ">3.250<", ">1.000<", 'class="number">BM25</th>', "score 1.00"):
        assert part in shown
    assert "would be shown these, chosen by the judge" in shown
    assert "would not be asked: the best, by the judge, is under 0.40" in page(FakeShelf(TEXTS)).search(
        "x y z", *ANYWHERE, REQUEST
    )


def test_whatever_comes_from_outside_is_escaped() -> None:
    document = Document(EVIL, "skipped", 1, None, EVIL, EVIL)
    passage, sentence = Ranked(EVIL, EVIL, EVIL, 0.1, 0.2, 0.3), Chosen(EVIL, EVIL, EVIL, 0.5)
    for markup in (
        knowledge_screen.list_html([document], "", True),
        knowledge_screen.document_html(document, [Chunk(EVIL, EVIL + "x", EVIL, 0, len(EVIL))], EVIL + EVIL),
        knowledge_screen.deletion_html(document, 0),
        knowledge_screen.deletion_html(document, 1),
        knowledge_screen.added_html(Added((EVIL,), ((EVIL, EVIL),), (EVIL,))),
        knowledge_screen.found_html(Found((passage,), (sentence,), 0.4, False)),
        knowledge_screen.indexing_html(Indexing("working", EVIL, 1, 2)),
        knowledge_screen.indexing_html(Indexing("failed", text=EVIL)),
        knowledge_screen.indexing_html(Indexing("done", text=EVIL)),
        knowledge_screen.limits_html(Limits((EVIL,), 1)),
    ):
        assert SHOWN in markup and "<img" not in markup


def test_passages_are_marked_in_the_text_of_their_document() -> None:
    document = Document("a.md", "indexed", 1, 2)
    chunks = [Chunk("A", "A", "It glows.", 3, 12), Chunk("A", "A", "It hums.", 14, 22)]
    markup = knowledge_screen.document_html(document, chunks, "A\n\nIt glows.\n\nIt hums. Bye.")[-400:]
    assert "A\n\n<mark>It glows.<sup>1</sup></mark>\n\n<mark>" in markup
    assert "<mark>It hums.<sup>2</sup></mark> Bye." in markup
    assert "whole text" not in knowledge_screen.document_html(document, chunks)


def test_the_page_can_be_laid_out_and_wired() -> None:
    with gr.Blocks() as demo, gr.Tabs(), gr.Tab("Knowledge") as tab:
        layout = knowledge_view.lay_out()
        knowledge.wire(FakeShelf(TEXTS), layout, tab, open_to_all(demo), Rates(open_to_all(demo)))
    assert all(handler.api_visibility == "private" for handler in demo.fns.values())
    values = page(FakeShelf(TEXTS)).look("", None, REQUEST)
    assert len(values) == len(layout.outputs) + len(layout.panel)


@pytest.mark.parametrize("path", ["/etc/hosts", "http://example.org/a.md", "", "../../etc/hosts"])
def test_a_path_that_no_upload_left_is_refused(path: str) -> None:
    import asyncio

    with gr.Blocks():
        box = Uploads(file_count="multiple")
    with pytest.raises(gr.Error, match="no uploaded file"):
        asyncio.run(box.async_move_resource_to_block_cache(path))
