"""Comparisons and votes for the storage tests, with every field set to something that could get lost."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from arena.answer import Answer, Timings
from arena.comparison import Choice, Comparison, Vote
from arena.events import Passage
from arena.question import Turn

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def answered(contestant: str, text: str = "Two years.", **changes: Any) -> Answer:
    return replace(Answer(contestant, text, reason="end"), **changes)


def pair(question: str = "How long is the warranty?", minutes: float = 0, **changes: Any) -> Comparison:
    """A complete comparison, asked `minutes` after noon."""
    answers: Mapping[str, Answer] = {name: answered(name) for name in ("fine-tuned", "rag")}
    asked_at = NOON + timedelta(minutes=minutes)
    made = Comparison(question, "fine-tuned", "rag", blind=False, asked_at=asked_at, answers=answers)
    return replace(made, **changes)


def full_pair() -> Comparison:
    """Every field of a comparison and its answers away from its default, with text that is hard to keep."""
    passages = (
        Passage("guide.pdf", "page 3", "Two years.\nÄÖÜ 漢字 🙂", 0.1 + 0.2, used=("Two years.", "‏שלום")),
        Passage("faq.html", "Settings > Night mode", "'; DROP TABLE vote; --", -1e-300),
    )
    timings = Timings(0.1, 0.25, 1 / 3, 2.5, prompt_tokens=812, answer_tokens=64, contended=True)
    rag = Answer("rag", "**Two** years\n\n![x](y)\x00", timings, passages, ("a note", "ein Hinweis"), "length")
    failed = Answer("fine-tuned", "Tw", Timings(queue=0.0), failure="No answer: nothing came.")
    return Comparison(
        question="How long — \U0001f937🏽 is\tthe warranty?",
        left="rag",
        right="fine-tuned",
        blind=True,
        conversation="c1",
        asked_at=NOON,
        asked_by="Ann",
        answers={"rag": replace(rag, identity={"model": "135M", "index": "abc"}), "fine-tuned": failed},
        histories={"rag": (Turn("Hi?", "Yes."), Turn("And?", "No.")), "fine-tuned": ()},
        versions={"code": "1.2", "seed": "7", "order": "rag fine-tuned"},
    )


def without_nul(comparison: Comparison) -> Comparison:
    """As PostgreSQL keeps it, which has no character NUL."""
    answers = {
        name: replace(answer, text=answer.text.replace("\x00", "\ufffd")) for name, answer in comparison.answers.items()
    }
    return comparison.with_answers(answers)


def vote_on(comparison: Comparison, annotator: str = "Ann", choice: Choice = Choice.LEFT, **changes: Any) -> Vote:
    return replace(Vote(comparison.id, annotator, choice, blind=True), **changes)
