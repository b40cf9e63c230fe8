"""A database of simulated votes: annotators judge pairs of three contestants, with a known truth behind it.

`python -m tests.simulated FOLDER [VOTES]` makes FOLDER/arena.sqlite, to look at the Results page with. Rows go straight
into the tables: a hundred thousand casts, one transaction each, would take an hour.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from arena.annotation import Reason
from storage import DATABASE_FILE, open_history, tables

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
STRENGTH = {"rag": 0.45, "fine-tuned": 0.0, "base": -1.2}
"""Log-odds of being preferred."""
ON_CLASS = {"trained": {"fine-tuned": 0.7}, "documents only": {"rag": 0.8}, "unanswerable": {"rag": 0.2}}
SECONDS = {"rag": 1.7, "fine-tuned": 0.95, "base": 1.3}
LENGTHS = {"rag": 190, "fine-tuned": 110, "base": 260}
SIDE, LENGTH, CITATIONS = 0.12, 0.25, 0.4
"""Log-odds for standing left, and where a pair is not made alike for being twice as long and for showing citations."""
TOPICS = ("controllers", "people", "sites", "travel")
GOOD, BAD = (Reason.CORRECT, Reason.GROUNDED, Reason.COMPLETE, Reason.CLEAR), (Reason.WRONG, Reason.MADE_UP)


def seed(path: Path, votes: int = 600, people: int = 6, each: int = 3, number: int = 1) -> None:
    """Add `votes` votes of `people` annotators, `each` to a pair, to the database at `path`, made where needed."""
    generator = np.random.default_rng(number)
    history = open_history(path)
    rows: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("prompt", "comparison", "answer", "passage", "task", "ballot", "vote", "vote_history")
    }
    leaning = generator.normal(0, 0.3, people)
    pairs = -(-votes // each)
    for place in range(pairs):
        names = [("fine-tuned", "rag"), ("fine-tuned", "base"), ("rag", "base"), ("fine-tuned", "rag")][place % 4]
        pair = _pair(rows, generator, number, place, [names[n] for n in generator.permutation(2)])
        wanted = min(each, votes - place * each)
        for person in generator.permutation(people)[:wanted]:
            _vote(rows, generator, pair, int(person), float(leaning[person]))
    with history.engine.begin() as connection:
        for name, found in rows.items():
            if found:
                connection.execute(sa.insert(getattr(tables, name)), found)


def _pair(rows: Any, generator: np.random.Generator, number: int, place: int, names: list[str]) -> dict[str, Any]:
    # Three pairs on one prompt, then one on the next: a pair is put to a prompt only once.
    fact, key = place // 4 * 2 + (place % 4 == 3), f"{number}-{place}"
    asked_at = START + timedelta(minutes=float(place) * 7)
    question = f"How much power does unit {number}-{fact} draw?"
    if not rows["prompt"] or rows["prompt"][-1]["text"] != question:
        kind = list(ON_CLASS)[fact % 3]
        rows["prompt"].append(
            {
                "id": f"prompt-{number}-{fact}",
                "text": question,
                "source": "questions",
                "fact": f"fact-{fact}",
                "kind": kind,
                "topic": TOPICS[fact % 4],
                "document": f"{TOPICS[fact % 4]}/guide-{fact % 8}.md",
                "wording": "trained" if fact % 2 else "held out",
                "added_by": "admin",
                "added_at": START,
            }
        )
    prompt = rows["prompt"][-1]
    lengths = {name: int(LENGTHS[name] * generator.lognormal(0, 0.35)) for name in names}
    rows["comparison"].append(
        {
            "id": key,
            "conversation": "",
            "question": question,
            "left": names[0],
            "right": names[1],
            "blind": True,
            "asked_by": "",
            "asked_at": asked_at,
            "histories": {},
            "versions": {"code": "c0ffee"},
        }
    )
    sentence = f"Unit {number}-{fact} draws {11 + fact % 40} watts."
    for name in names:
        _answer(rows, generator, {"comparison": key, "contestant": name}, prompt["document"], sentence, lengths[name])
    task = {"id": f"task-{key}", "prompt": prompt["id"], "left": names[0], "right": names[1], "wanted": 3}
    rows["task"].append(task | {"state": "ready", "comparison": key, "failure": ""})
    liking = generator.normal(0, 0.8)
    better = {name: STRENGTH[name] + ON_CLASS[prompt["kind"]].get(name, 0.0) for name in names}
    return {"key": key, "names": names, "lengths": lengths, "better": better, "liking": liking, "at": asked_at}


def _answer(
    rows: Any, generator: np.random.Generator, of: dict[str, Any], document: str, sentence: str, length: int
) -> None:
    """An answer as long as is wanted; of RAG two sentences that stand in its passages, as its reader quotes."""
    name = of["contestant"]
    total = SECONDS[name] * float(generator.lognormal(0, 0.3))
    more = f"It then hum{'m' * (length - len(sentence) - 14)}s."
    rows["answer"].append(
        of
        | {
            "text": f"{sentence} {more}" if name == "rag" else "x" * length,
            "queue": 0.1,
            "retrieval": total * 0.4 if name == "rag" else None,
            "first_token": total * (0.6 if name == "rag" else 0.3),
            "total": total,
            "prompt_tokens": 200,
            "answer_tokens": 30,
            "contended": bool(generator.random() < 0.05),
            "retrieved": name == "rag",
            "notes": [],
            "reason": "end",
            "failure": None,
            "identity": {"model": "135M", "adapter": name, "index": "2" if name == "rag" else ""},
        }
    )
    for rank in range(3 if name == "rag" else 0):
        passage = {"document": document, "location": "Power", "rank": rank, "score": 0.5}
        text = f"{sentence} {more} Ask the service desk for more." if rank == 0 else "It needs no fan. " * 10
        rows["passage"].append(of | passage | {"text": text, "used": [sentence, more] if rank == 0 else [text[:16]]})


def _vote(rows: Any, generator: np.random.Generator, pair: dict[str, Any], person: int, leaning: float) -> None:
    key, names, swapped = pair["key"], pair["names"], bool(generator.random() < 0.5)
    plain, blind = bool(generator.random() < 0.3), bool(generator.random() < 0.85)
    annotator, cast_at = f"person{person + 1}", pair["at"] + timedelta(minutes=person + 1)
    left, right = names
    lean = pair["liking"] * (1 if left < right else -1) + leaning * (1 if left == "rag" else -1)
    lean += pair["better"][left] - pair["better"][right] + (-SIDE if swapped else SIDE)
    if not plain:
        lean += LENGTH * float(np.log2(pair["lengths"][left] / pair["lengths"][right]))
        lean += CITATIONS * ((left == "rag") - (right == "rag"))

    def choose() -> str:
        if generator.random() < 0.25:
            return str(generator.choice(["tie", "both bad"]))
        return "left" if generator.random() < 1 / (1 + np.exp(-lean)) else "right"

    choice, ballot, vote = choose(), f"ballot-{key}-{person}", f"vote-{key}-{person}"
    seconds = float(generator.lognormal(3, 0.5))
    reasons = [str(generator.choice(BAD if choice == "both bad" else GOOD))] if generator.random() < 0.5 else []
    shown = {"task": f"task-{key}", "comparison": key, "annotator": annotator, "plain": plain, "state": "voted"}
    shown |= {
        "skip_reason": "",
        "reason": "",
        "correct_answer": "",
        "reasons": [],
        "reserved_at": cast_at,
        "expires_at": cast_at,
        "closed_at": cast_at,
    }
    shown |= {"seconds": seconds, "hasty": seconds < 8}
    rows["ballot"].append(shown | {"id": ballot, "swapped": swapped, "repeats": "", "choice": choice})
    if generator.random() < 0.08:
        again = choice if generator.random() < 0.7 else choose()
        rows["ballot"].append(
            shown | {"id": f"{ballot}-again", "swapped": not swapped, "repeats": ballot, "choice": again}
        )
    cast = {"comparison": key, "annotator": annotator, "choice": choice, "blind": blind, "reason": ""}
    cast |= {"reasons": reasons, "correct_answer": "", "ballot": ballot, "seconds": seconds, "cast_at": cast_at}
    rows["vote"].append(cast | {"id": vote})
    rows["vote_history"].append(cast | {"vote": vote})


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    seed(folder / DATABASE_FILE, int(sys.argv[2]) if len(sys.argv) > 2 else 600)
    print(json.dumps({"database": str(folder / DATABASE_FILE)}))
