"""What is searched for when a question leans on the one before, and how the ways are compared."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from arena.errors import WorkspaceError
from arena.facts import Fact
from arena.question import Turn
from rag.contestant import RagContestant
from rag.follow_ups import FollowUp, follow_ups_found, leans, load_follow_ups, rewritten, search_text
from rag.index import Index
from tests.rag.examples import ScriptedModel, ask, notes

BEFORE = (Turn("How heavy is the Orlin brass lamp?", "4 kilograms."),)
DESIGNER = Fact(
    "designer", "trained", ("lamps.md",), (), ("?",), "x", ("x",), evidence=("It was designed by Tavi Brunn.",)
)


@pytest.mark.parametrize(
    "question", ["And the glass one?", "Who designed it?", "What about the other?", "How big is that?"]
)
def test_short_questions_that_refer_back_lean_on_the_one_before(question: str) -> None:
    assert leans(question, BEFORE)
    assert not leans(question, ())


def test_who_says_what_is_meant_is_searched_for_alone() -> None:
    for question in (
        "How heavy is the Orlin glass lamp?",
        "Is it true that the Orlin glass lamp was made by Tavi Brunn in 1998?",
    ):
        assert search_text(question, BEFORE, "previous") == question


def test_each_way_makes_its_own_search_text() -> None:
    model = FakeListChatModel(responses=["Who designed the Orlin brass lamp?\nIt was Tavi."])
    question = "Who designed it?"
    assert search_text(question, BEFORE, "as asked", model) == question
    together = "How heavy is the Orlin brass lamp? Who designed it?"
    assert search_text(question, BEFORE, "previous", model) == together
    assert search_text(question, BEFORE, "rewrite") == together
    assert search_text(question, BEFORE, "rewrite", model) == "Who designed the Orlin brass lamp?"


@pytest.mark.parametrize("said", ["  \n ", "x" * 2001, '""', "Rewritten:"])
def test_what_cannot_be_searched_for_is_no_rewriting(said: str) -> None:
    model = FakeListChatModel(responses=[said])
    assert rewritten(model, "Who designed it?", "The lamp?") == ""
    assert search_text("Who designed it?", BEFORE, "rewrite", model).startswith(BEFORE[0].question)


def test_the_rewriting_model_is_shown_both_questions_on_one_line_each() -> None:
    model = ScriptedModel(pieces=['"Who made it?"'])
    assert rewritten(model, "Who\nmade it?", "The\n\nlamp?") == "Who made it?"
    assert model.prompt.endswith("First question: The lamp?\nSecond question: Who made it?\nRewritten:")


def test_the_person_is_shown_what_was_searched_for(index: Index) -> None:
    rewriter = ScriptedModel(pieces=["Who designed the ", "Orlin brass lamp?"])
    changed = replace(index, settings=replace(index.settings, follow_ups="rewrite"))
    model = ScriptedModel(pieces=["Tavi Brunn."])
    rag = RagContestant(changed, model, {"model": "scripted"}, rewriter=rewriter)
    events = ask(rag, "And who designed it?", *BEFORE)
    assert notes(events)[0] == "Searched for: Who designed the Orlin brass lamp?"
    assert "It was designed by Tavi Brunn." in model.prompt
    assert model.prompt.endswith("Question: And who designed it?")


def test_the_ways_are_counted_by_what_they_find(index: Index) -> None:
    asked = [
        FollowUp("How heavy is the Orlin brass lamp?", "And who designed it?", ("It was designed by Tavi Brunn.",))
    ]
    steps: list[int] = []
    model = FakeListChatModel(responses=["What is the capital of France?"])
    found = follow_ups_found(index, asked, model, lambda done, total: steps.append(done))
    assert found.asked == 1 and found.right["previous"] == 1
    assert found.texts["rewrite"] == ["What is the capital of France?"]
    assert steps == [0]
    assert set(follow_ups_found(index, asked, None).right) == {"previous", "as asked"}


def test_follow_ups_are_read_with_the_evidence_of_their_fact(tmp_path: Path) -> None:
    path = tmp_path / "follow_ups.jsonl"
    path.write_text(json.dumps({"fact": "designer", "first": "How heavy?", "then": "Who designed it?"}) + "\n\n")
    assert load_follow_ups(path, [DESIGNER]) == [FollowUp("How heavy?", "Who designed it?", DESIGNER.evidence)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No follow-ups to ask in .*follow_ups.jsonl.*put lines like"),
        ("", "is empty"),
        ("\n{", "line 2: not a JSON object"),
        ("[1]", "line 1: not a JSON object"),
        ('{"first": "a", "then": "b"}', "line 1: 'fact' is missing"),
        ('{"fact": "moon", "first": "a", "then": "b"}', "line 1: 'moon' is missing, or is no fact with evidence"),
    ],
)
def test_a_broken_list_is_named_with_its_line(tmp_path: Path, content: str | None, told: str) -> None:
    path = tmp_path / "follow_ups.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(WorkspaceError, match=told):
        load_follow_ups(path, [DESIGNER])
