"""Copies take one place and keep all their names; what only looks alike is no copy."""

from dataclasses import replace
from pathlib import Path

import pytest

from rag.duplicates import alike, distinct
from rag.embedder import SentenceEmbedder
from rag.index import open_or_build
from rag.passages import as_documents
from rag.retrieve import search
from rag.settings import Settings
from tests.rag.bags import Bags
from tests.rag.examples import ScriptedJudge

NOTE = (
    "The pump of the greenhouse is checked every morning before the first watering. Whoever finds it dry fills it up, "
    "writes the time into the book beside the door, and tells the shift that follows about it in a few words."
)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (NOTE.replace(". ", ".\n").upper(), True),
        (NOTE.replace("in a few words", "in few words"), True),
        (NOTE.replace("every morning", "every 2 mornings"), False),
        (NOTE.replace("the shift", "Tavi"), False),
        (NOTE.replace("is checked", "is not checked"), False),
        ("The pump of the greenhouse is checked every morning.", False),
        ("", False),
    ],
)
def test_copies_differ_in_no_number_name_or_denial_and_in_few_words(other: str, same: bool) -> None:
    assert alike(NOTE, other) is alike(other, NOTE) is same


LAMP = (
    "The brass lamp costs 80 euros and the glass lamp 95 euros. In the evening the pump beside the door of the old "
    "harbour office is switched on by whoever closes the shop, and the valve that feeds it is made available to all."
)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("80 euros and the glass lamp 95", "95 euros and the glass lamp 80"),
        ("switched on", "switched off"),
        ("made available", "made unavailable"),
        ("80 euros", "8.0 euros"),
        ("80 euros", "-80 euros"),
        ("80 euros", "80 % euros"),
        ("is switched", "isn't switched"),
        ("available to all", "available to some"),
    ],
)
def test_numbers_in_another_order_and_opposites_say_something_else(here: str, there: str) -> None:
    assert here in LAMP and alike(LAMP, LAMP.replace("office ", ""))
    assert not alike(LAMP, LAMP.replace(here, there)) and not alike(LAMP.replace(here, there), LAMP)


def test_of_those_that_say_the_same_the_first_stays() -> None:
    texts = ["One thing.", "one thing", "Another thing.", "One  thing!", "A third."]
    assert distinct(range(5), 2, texts.__getitem__, 5) == ([0, 2], [1, 3], 5)
    assert distinct(range(5), 2, texts.__getitem__) == ([0, 2], [1], 3)
    assert distinct([3, 0, 4], 5, texts.__getitem__) == ([3, 4], [0], 3)


def test_thousands_that_are_the_same_to_the_letter_are_copies_however_many() -> None:
    texts = [*[NOTE] * 1500, *(f"{NOTE} see page{number}x" for number in range(2))]
    kept, copies, looked_at = distinct(range(len(texts)), 2, texts.__getitem__)
    assert kept == [0, 1500] and len(copies) == 1499 and looked_at == 1501


def test_forty_copies_do_not_take_the_place_of_those_behind_them(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    for number in range(40):
        (tmp_path / "documents" / f"{number:02}.md").write_text(NOTE)
    for name, said in (("lamp", "The lamp is lit at dusk."), ("wick", "The wick is trimmed at dawn.")):
        (tmp_path / "documents" / f"{name}.md").write_text(said)
    index = open_or_build(tmp_path, Bags(), Settings(passages=3))
    found = search(index, "Who writes the time into the book beside the door when the pump is dry?")
    assert len(found.passages) == 3 and len(found.near) == 42


@pytest.mark.parametrize("judge", [None, ScriptedJudge(pump=0.9)])
def test_a_copy_takes_no_place_and_is_named(
    judge: ScriptedJudge | None, workspace: Path, embedder: SentenceEmbedder
) -> None:
    for name in ("a.md", "b.md", "sub/c.txt"):
        path = workspace / "documents" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(NOTE if name != "b.md" else f"# Pumps\n\n{NOTE.replace('in a few words', 'in few words')}")
    index = open_or_build(workspace, embedder)
    index = replace(index, settings=replace(Settings(), passages=3))
    found = search(index, "When is the pump checked?", judge)
    assert len(found.passages) == 3
    held = [index.chunks[place].document for place in found.passages]
    assert len({"a.md", "b.md", "sub/c.txt"} & set(held)) == 1
    first, *others = as_documents(index, found)
    names = {first.metadata["document"], *(place.partition(" (")[0] for place in first.metadata["also_in"])}
    assert names == {"a.md", "b.md", "sub/c.txt"}
    assert not names & {document.metadata["document"] for document in others}

    (workspace / "documents" / first.metadata["document"]).unlink()
    rest = index.present()
    left, *_ = as_documents(rest, search(rest, "When is the pump checked?", judge))
    names.discard(first.metadata["document"])
    assert {left.metadata["document"], *(place.partition(" (")[0] for place in left.metadata["also_in"])} == names
