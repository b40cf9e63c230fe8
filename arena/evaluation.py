"""Runs a workspace's questions through contestants and counts; resumable.

Accuracy may come from batches (`BatchAnswer`); latency always comes from answers taken one at a time. Every
answer is appended to a file as it comes, keyed by what would change it, so a second run goes on where it was.
"""

import hashlib
import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.errors import StorageError
from arena.facts import CLASSES, Fact
from arena.scoring import abstained, is_right

BatchAnswer = Callable[[Sequence[str]], Sequence[str]]
BATCH = 16


@dataclass(frozen=True)
class Asked:
    """One wording of one fact. `split` is the row of the table that it counts in."""

    fact: Fact
    text: str
    split: str


OBLIQUE = {"held-out wording": "held-out, oblique", "documents only": "documents only, oblique"}
"""Under what the wordings count that are oblique on purpose."""
SPLITS = (
    *("trained wording", "held-out wording", "held-out, oblique"),
    *("documents only", "documents only, oblique", "unanswerable"),
)
HELD_OUT = SPLITS[1:-1]
"""What both bars are about: answerable questions in wordings that nobody trained on."""


def questions(facts: Sequence[Fact], limit: int | None = None) -> list[Asked]:
    """What is asked: the first training wording and all held-out ones of trained facts, the held-out ones of the
    others; oblique ones are held out too and counted apart. Unanswerable questions with training wordings are left
    out: the tuned model has practised on them. `limit` takes that many facts of each class, spread evenly over them."""
    asked: list[Asked] = []
    kept = [fact for fact in facts if fact.answerable or not fact.training]
    chosen = {fact.id for kind in CLASSES for fact in _spread([fact for fact in kept if fact.kind == kind], limit)}
    for fact in kept:
        if fact.id not in chosen:
            continue
        if fact.kind == "trained":
            asked += [Asked(fact, text, "trained wording") for text in fact.training[:1]]
        name = "held-out wording" if fact.kind == "trained" else fact.kind
        asked += [Asked(fact, text, name) for text in fact.held_out]
        asked += [Asked(fact, text, OBLIQUE.get(name, name)) for text in fact.oblique]
    return asked


def _spread(facts: Sequence[Fact], limit: int | None) -> Sequence[Fact]:
    """At most `limit` of them: a workspace's facts stand in the order of its documents."""
    if limit is None or limit >= len(facts):
        return facts
    return [facts[number * len(facts) // limit] for number in range(limit)]


def good(asked: Asked, answer: str) -> bool:
    """Right, or for an unanswerable question: abstained."""
    if asked.fact.answerable:
        return is_right(answer, asked.fact.accepted, asked.fact.rejected)
    return abstained(answer)


@dataclass(frozen=True)
class Row:
    """One contestant's line: (good, asked) by split, and the median seconds of its uncontended answers."""

    contestant: str
    counts: Mapping[str, tuple[int, int]]
    median_latency: float | None
    timed: int

    def share(self, *splits: str) -> float | None:
        """Good over asked, over these splits together."""
        right = sum(self.counts.get(split, (0, 0))[0] for split in splits)
        asked = sum(self.counts.get(split, (0, 0))[1] for split in splits)
        return right / asked if asked else None


class Notebook:
    """Answers kept on disk, one JSON line each: (contestant, identity, question) -> answer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, str] = {}
        self._torn = False
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            self._torn = bool(text) and not text.endswith("\n")
            for line in text.split("\n"):
                try:
                    row = json.loads(line)
                    self._known[row["key"]] = row["answer"]
                except (ValueError, KeyError):
                    continue  # a line torn by a kill: that one question is asked again

    def get(self, contestant: str, identity: Mapping[str, str], question: str) -> str | None:
        return self._known.get(_key(contestant, identity, question))

    def put(self, contestant: str, identity: Mapping[str, str], question: str, answer: str) -> None:
        """Raises `StorageError` when the disk refuses; what was kept before stays."""
        key = _key(contestant, identity, question)
        row = {"key": key, "contestant": contestant, "question": question, "answer": answer}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n" * self._torn + json.dumps(row, ensure_ascii=False) + "\n")
                self._torn = False
        except OSError as error:
            raise StorageError(
                f"The answers cannot be kept in {self.path} ({error.strerror}): free some space or make it writable, "
                "then run the command again; it goes on where it was."
            ) from error
        self._known[key] = answer

    def answering(self, contestant: str, identity: Mapping[str, str], batch: BatchAnswer) -> BatchAnswer:
        """As `batch` answers, which is asked only what is not kept yet; kept after every few."""

        def answers(texts: Sequence[str]) -> list[str]:
            for _ in self.filled(contestant, identity, list(dict.fromkeys(texts)), batch):
                pass
            return [self.get(contestant, identity, text) or "" for text in texts]

        return answers

    def filled(
        self, contestant: str, identity: Mapping[str, str], texts: Sequence[str], batch: BatchAnswer
    ) -> Iterator[int]:
        """Answer what is not kept yet, a few at a time, yielding how many are done."""
        todo = [text for text in texts if self.get(contestant, identity, text) is None]
        done = len(texts) - len(todo)
        yield done
        for start in range(0, len(todo), BATCH):
            part = todo[start : start + BATCH]
            for text, answer in zip(part, batch(part), strict=True):
                self.put(contestant, identity, text, answer)
            done += len(part)
            yield done


def _key(contestant: str, identity: Mapping[str, str], question: str) -> str:
    whole = json.dumps([contestant, sorted(identity.items()), question])
    return hashlib.sha256(whole.encode()).hexdigest()[:24]


def measure_accuracy(
    asked: Sequence[Asked], contestant: str, identity: Mapping[str, str], batch: BatchAnswer, notebook: Notebook
) -> Iterator[int]:
    """Answer what the notebook does not hold yet, yielding how many are done."""
    return notebook.filled(contestant, identity, [item.text for item in asked], batch)


def tally(
    asked: Sequence[Asked],
    contestant: str,
    identity: Mapping[str, str],
    notebook: Notebook,
    latencies: Sequence[float],
) -> Row:
    """Count what the notebook holds."""
    counts: dict[str, tuple[int, int]] = {}
    for item in asked:
        answer = notebook.get(contestant, identity, item.text)
        if answer is not None:
            right, total = counts.get(item.split, (0, 0))
            counts[item.split] = (right + good(item, answer), total + 1)
    return Row(contestant, counts, statistics.median(latencies) if latencies else None, len(latencies))
