"""Votes as files that TRL's trainers read: pairs (DPO), single answers with a label (KTO), conversations (SFT).

Which votes count is votes.py's matter; this gives them TRL's column names
(https://huggingface.co/docs/trl/dataset_formats), each text as a list of messages, and reads pairs back.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from arena.comparison import Choice, Comparison, Vote
from arena.errors import WorkspaceError
from arena.facts import Fact
from arena.prompts import closed_book_messages
from arena.scoring import normalised
from finetune.verify import chance
from finetune.votes import (
    Row,
    closed_book,
    corrections,
    dpo_rows,
    kept_out_of_training,
    preferences,
    winning_samples,
    written,
)

PAIR = ("prompt", "chosen", "rejected")

Voted = Iterable[tuple[Comparison, Sequence[Vote]]]


def pairs(voted: Voted, facts: Sequence[Fact] = ()) -> list[Row]:
    """`prompt`, `chosen`, `rejected`: preferred answers over the others, corrections over what they correct."""
    given = list(voted)
    return dpo_rows([*preferences(given, facts)[0], *corrections(given, facts)], seed=0, hold_out=0.0)[0]


def labelled(voted: Voted, facts: Sequence[Fact] = ()) -> list[dict[str, Any]]:
    """`prompt`, `completion`, `label`: what won and what people wrote is good; what lost, and both of a pair that was
    voted bad, is not. An answer that is both somewhere is left out."""
    given = list(voted)
    said: dict[tuple[str, str], set[bool]] = {}
    for item in (*preferences(given, facts)[0], *corrections(given, facts)):
        said.setdefault((item.question, closed_book(item.chosen)), set()).add(True)
        said.setdefault((item.question, closed_book(item.rejected)), set()).add(False)
    for question, text in _both_bad(given, facts):
        said.setdefault((question, closed_book(text)), set()).add(False)
    return [
        {"prompt": closed_book_messages(question), "completion": _answer(text), "label": labels == {True}}
        for (question, text), labels in said.items()
        if len(labels) == 1
    ]


def conversations(voted: Voted, facts: Sequence[Fact] = ()) -> list[dict[str, Any]]:
    """`messages`: what people wrote themselves, else the answer that won most."""
    given = list(voted)
    said = {comparison.question: vote.correct_answer.strip() for comparison, vote in written(given, facts)}
    won = {sample.messages[-1]["content"]: sample.answer for sample in winning_samples(preferences(given, facts)[0])}
    return [
        {"messages": [*closed_book_messages(question), *_answer(answer)]} for question, answer in (won | said).items()
    ]


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """JSON Lines or Parquet, by the ending. Raises `WorkspaceError`: another ending, no rows, or the disk refuses."""
    if path.suffix not in (".jsonl", ".parquet"):
        raise WorkspaceError(f"{path} ends in '{path.suffix}': rows for a training are written as .jsonl or .parquet.")
    if not rows:
        raise WorkspaceError(
            f"No rows for {path}: vote for the left or the right answer to more questions. Held-out wordings of "
            "questions.jsonl, which `queue questions` asks, stay out of training."
        )
    try:
        if path.suffix == ".jsonl":
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            path.write_text(text, encoding="utf-8")
        else:
            import pyarrow
            from pyarrow import parquet

            parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written ({error.strerror}): choose another place.") from error


def read_pairs(path: Path, seed: int, hold_out: float = 0.1) -> tuple[list[Row], list[Row]]:
    """(rows to train on, held-out rows) of a file of pairs, split as `dpo_rows` splits votes.

    Raises:
        WorkspaceError: not JSON Lines with TRL's three columns of messages, or nothing to train on.
    """
    training: list[Row] = []
    held_out: list[Row] = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # not splitlines: a text may hold U+2028
    except (OSError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"{path} cannot be read ({error}): name a .jsonl of pairs.") from error
    for number, line in enumerate(filter(str.strip, lines), start=1):
        row = _pair(f"{path}, line {number}", line)
        side = held_out if chance(seed, normalised(row["prompt"][-1]["content"])) < hold_out else training
        side.append(row)
    if not training:
        raise WorkspaceError(
            f"{path} has no pairs to train on: `python app.py export {path} --format dpo` writes them."
        )
    return training, held_out


def _pair(where: str, line: str) -> Row:
    try:
        row = json.loads(line)
        return {name: [{"role": part["role"], "content": part["content"]} for part in row[name]] for name in PAIR}
    except (ValueError, KeyError, TypeError) as error:
        raise WorkspaceError(
            f"{where} is no pair ({type(error).__name__}: {error}): it must be a JSON object with {', '.join(PAIR)}, "
            "each a list of messages with role and content."
        ) from None


def _both_bad(voted: Voted, facts: Sequence[Fact]) -> list[tuple[str, str]]:
    """(question, answer) of pairs that most found bad."""
    kept_out = kept_out_of_training(facts)
    return [
        (comparison.question, answer.text.strip())
        for comparison, votes in voted
        if preferences([(comparison, votes)])[1][Choice.BOTH_BAD.value]
        and normalised(comparison.question) not in kept_out
        for answer in comparison.answers.values()
    ]


def _answer(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]
