"""The second workspace, a city's transport rules: that its questions fit its documents. `python -m finetune train
tests/workspaces/transport` is run by hand; docs/measured.md."""

import re
from pathlib import Path

from arena.facts import load_facts
from arena.scoring import is_right, normalised

WORKSPACE = Path(__file__).parents[1] / "workspaces" / "transport"
FACTS = load_facts(WORKSPACE / "questions.jsonl")


def test_every_evidence_stands_in_its_document() -> None:
    for fact in FACTS:
        texts = " ".join(
            re.sub(r"<[^>]+>", " ", (WORKSPACE / "documents" / name).read_text(encoding="utf-8"))
            for name in fact.documents
        )
        assert all(normalised(sentence) in normalised(texts) for sentence in fact.evidence), fact.id


def test_every_answer_is_right_by_its_own_rules_and_no_question_gives_it_away() -> None:
    for fact in (fact for fact in FACTS if fact.answerable):
        assert is_right(fact.answer, fact.accepted, fact.rejected), fact.id
        for text in (*fact.training, *fact.held_out):
            assert normalised(fact.accepted[0]) not in normalised(text), (fact.id, text)


def test_held_out_wordings_are_not_trained_on() -> None:
    kinds = [fact.kind for fact in FACTS]
    assert kinds.count("trained") >= 90 and kinds.count("documents only") >= 15 and kinds.count("unanswerable") >= 20
    for fact in FACTS:
        assert len(fact.held_out) >= 2, fact.id
        assert not {normalised(text) for text in fact.trained_on} & {normalised(text) for text in fact.held_out}
