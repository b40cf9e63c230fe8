"""The reversed questions of both workspaces: `finetune.knowledge` asks them; each was written by hand."""

import json
import re
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from arena.scoring import contains, is_right, normalised
from finetune.knowledge import reversed_questions

ROOT = Path(__file__).parents[2]
Rows = list[dict[str, Any]]


def read(workspace: str) -> Rows:
    text = (ROOT / workspace / "questions.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


WORKSPACES = {"demo": 100, "tests/workspaces/transport": 40}
"""Workspace -> how many reversed questions it has at least."""
EVERY = [pytest.param(read(name), least, id=name) for name, least in WORKSPACES.items()]


def asked(rows: Rows) -> Iterator[tuple[dict[str, Any], str, tuple[str, ...]]]:
    """(row, question, accepted)"""
    given = reversed_questions(rows)
    for row in rows:
        for question, accepted in given.get(row["id"], ()):
            yield row, question, tuple(accepted)


@pytest.mark.parametrize(("rows", "least"), EVERY)
def test_they_are_many_and_of_trained_facts_only(rows: Rows, least: int) -> None:
    turned = list(asked(rows))
    assert len(turned) >= least
    assert {row["class"] for row, _, _ in turned} == {"trained"}
    assert len({normalised(question) for _, question, _ in turned}) == len(turned)


@pytest.mark.parametrize(("rows", "least"), EVERY)
def test_the_taught_answer_is_right_and_the_question_does_not_give_it_away(rows: Rows, least: int) -> None:
    for row, question, accepted in asked(rows):
        assert is_right(row["answer"], accepted), row["id"]
        assert not is_right(question, accepted), row["id"]


@pytest.mark.parametrize(("rows", "least"), EVERY)
def test_no_wording_of_any_fact_asks_the_same(rows: Rows, least: int) -> None:
    wordings = {normalised(text) for row in rows for texts in row["questions"].values() for text in texts}
    for row, question, _ in asked(rows):
        assert normalised(question) not in wordings, row["id"]


@pytest.mark.parametrize(("rows", "least"), EVERY)
def test_no_subject_passes_for_another_one(rows: Rows, least: int) -> None:
    """Facts that share an accepted text are about the same subject."""
    subjects = [(row["id"], {normalised(text) for text in accepted}) for row, _, accepted in asked(rows)]
    for (one, names), (other, others) in permutations(subjects, 2):
        if not names & others:
            assert not any(contains(text, name) for text in others for name in names), (one, other)


@pytest.mark.parametrize(("rows", "least"), EVERY)
def test_no_subject_is_the_beginning_of_a_siblings_name(rows: Rows, least: int) -> None:
    """ "Rill 12" stands in "Rill 12S" as scoring sees it, and "Mossprobe" in "Mossprobe A". Names are capitalised; for
    "firmware", any version of it will do, and for "Dealer Day" any year."""
    texts = "\n".join(text for row in rows for text in (row["answer"], *row.get("evidence", ())))
    for row, _, accepted in asked(rows):
        for name in (text for text in accepted if text != text.lower()):
            longer = set(re.findall(rf"\b{re.escape(name)}(?:\w+|[ -](?:[A-Z]|\d{{1,3}})\b)", texts))
            assert not {text for text in longer if contains(text, name)}, (row["id"], name)
