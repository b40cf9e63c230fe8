"""Between the core's values and the tables' rows, both ways and without loss. No statements are run here."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import RowMapping

from arena.answer import Answer, Timings
from arena.comparison import Choice, Comparison, Vote
from arena.events import Passage
from arena.question import Turn

Row = RowMapping | Mapping[str, Any]


def comparison_row(comparison: Comparison) -> dict[str, Any]:
    return {
        "id": comparison.id,
        "conversation": comparison.conversation,
        "question": comparison.question,
        "left": comparison.left,
        "right": comparison.right,
        "blind": comparison.blind,
        "asked_by": comparison.asked_by,
        "asked_at": comparison.asked_at,
        "histories": {
            name: [[turn.question, turn.answer] for turn in turns] for name, turns in comparison.histories.items()
        },
        "versions": dict(comparison.versions),
    }


def answer_row(comparison: str, answer: Answer) -> dict[str, Any]:
    timings = answer.timings
    return {
        "comparison": comparison,
        "contestant": answer.contestant,
        "text": answer.text,
        "queue": timings.queue,
        "retrieval": timings.retrieval,
        "first_token": timings.first_token,
        "total": timings.total,
        "prompt_tokens": timings.prompt_tokens,
        "answer_tokens": timings.answer_tokens,
        "contended": timings.contended,
        "retrieved": answer.passages is not None,
        "notes": list(answer.notes),
        "reason": answer.reason,
        "failure": answer.failure,
        "identity": dict(answer.identity),
    }


def passage_rows(comparison: str, answer: Answer) -> list[dict[str, Any]]:
    return [
        {
            "comparison": comparison,
            "contestant": answer.contestant,
            "rank": rank,
            "document": passage.document,
            "location": passage.location,
            "text": passage.text,
            "score": float(passage.score),  # retrievers hand out numpy's floats, which SQLite does not take
            "used": list(passage.used),
        }
        for rank, passage in enumerate(answer.passages or (), start=1)
    ]


def vote_row(vote: Vote) -> dict[str, Any]:
    return {
        "id": vote.id,
        "comparison": vote.comparison,
        "annotator": vote.annotator,
        "choice": vote.choice.value,
        "blind": vote.blind,
        "reason": vote.reason,
        "reasons": list(vote.reasons),
        "correct_answer": vote.correct_answer,
        "ballot": vote.ballot,
        "seconds": vote.seconds,
        "cast_at": vote.cast_at,
    }


def vote_from(row: Row) -> Vote:
    """From a row of `vote`, or of `vote_history` with its vote's id as `id`."""
    return Vote(
        comparison=row["comparison"],
        annotator=row["annotator"],
        choice=Choice(row["choice"]),
        blind=row["blind"],
        reason=row["reason"],
        reasons=tuple(row["reasons"]),
        correct_answer=row["correct_answer"],
        ballot=row["ballot"],
        seconds=row["seconds"],
        id=row["id"],
        cast_at=row["cast_at"],
    )


def comparison_from(row: Row, answers: Iterable[Answer]) -> Comparison:
    return Comparison(
        id=row["id"],
        conversation=row["conversation"],
        question=row["question"],
        left=row["left"],
        right=row["right"],
        blind=row["blind"],
        asked_by=row["asked_by"],
        asked_at=row["asked_at"],
        histories={name: tuple(Turn(*turn) for turn in turns) for name, turns in row["histories"].items()},
        versions=row["versions"],
        answers={answer.contestant: answer for answer in answers},
    )


def answer_from(row: Row, passages: Iterable[Row]) -> Answer:
    """`passages` are this answer's rows, best first."""
    return Answer(
        contestant=row["contestant"],
        text=row["text"],
        timings=Timings(
            queue=row["queue"],
            retrieval=row["retrieval"],
            first_token=row["first_token"],
            total=row["total"],
            prompt_tokens=row["prompt_tokens"],
            answer_tokens=row["answer_tokens"],
            contended=row["contended"],
        ),
        passages=tuple(_passage_from(passage) for passage in passages) if row["retrieved"] else None,
        notes=tuple(row["notes"]),
        reason=row["reason"],
        failure=row["failure"],
        identity=row["identity"],
    )


def _passage_from(row: Row) -> Passage:
    return Passage(row["document"], row["location"], row["text"], row["score"], tuple(row["used"]))
