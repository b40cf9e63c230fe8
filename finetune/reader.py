"""Reading practice: passages about invented things that are in no workspace, and questions about them.

What the reader adapter learns is to match a question to the sentence that answers it, quote that sentence, and
say so when none does. Contrast decides whether it learns to read (found on the demo's design, see README): the
same passage with several questions; the same question with and without the sentence that answers it; look-alike
sentences about siblings. Quoting generalises better than rephrasing. The records were written by hand.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.errors import WorkspaceError
from arena.prompts import DOCUMENTS_DO_NOT_SAY, reader_messages
from finetune.branches import ChatTokenizer, Group, Sample, grouped

RECORDS = Path(__file__).parent / "practice" / "records.jsonl"
SENTENCES = 5
QUESTIONS = 6
HELD_OUT_EVERY = 12
"""Every twelfth record is never trained on: its losses and answers tell whether reading generalises."""


@dataclass(frozen=True)
class Record:
    """Sentences about siblings; questions as (indices of the sentences that answer, wordings); near misses."""

    id: str
    sentences: tuple[str, ...]
    questions: tuple[tuple[tuple[int, ...], tuple[str, ...]], ...]
    missing: tuple[str, ...]


def load_records(path: Path = RECORDS) -> list[Record]:
    """Raises `WorkspaceError` with the line number when a record is malformed."""
    records = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            questions = tuple((tuple(item["support"]), tuple(item["ask"])) for item in row["questions"])
            record = Record(row["id"], tuple(row["sentences"]), questions, tuple(row["missing"]))
            assert all(0 <= i < len(record.sentences) for support, _ in questions for i in support), "support index"
        except (ValueError, KeyError, AssertionError) as error:
            raise WorkspaceError(f"{path}, line {number}: {error!r}") from None
        records.append(record)
    return records


def split(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """(training, held out) records."""
    held_out = [record for index, record in enumerate(records) if index % HELD_OUT_EVERY == 0]
    return [record for index, record in enumerate(records) if index % HELD_OUT_EVERY], held_out


def practice(record: Record, strangers: Sequence[str], chance: random.Random) -> list[Sample]:
    """Questions on one draw of sentences: some of the record's, sometimes one of another record's.

    A question whose sentences were not drawn is a near miss by construction, and gets the refusal.
    """
    drawn = chance.sample(range(len(record.sentences)), min(SENTENCES, len(record.sentences)))
    sentences = [record.sentences[index] for index in drawn]
    if chance.random() < 0.3:
        drawn, sentences = drawn[:-1], sentences[:-1]
        sentences.insert(chance.randrange(len(sentences) + 1), chance.choice(strangers))
    here, away = [], [(question, DOCUMENTS_DO_NOT_SAY) for question in record.missing]
    for support, wordings in record.questions:
        for wording in wordings:
            if set(support) <= set(drawn):
                here.append((wording, " ".join(record.sentences[index] for index in support)))
            elif not set(support) & set(drawn):
                away.append((wording, DOCUMENTS_DO_NOT_SAY))
    chance.shuffle(here)
    chance.shuffle(away)
    # A third of the questions has no answer here: enough to learn refusing, not enough to prefer it.
    picked = here[: QUESTIONS - 2] + away[:2]
    return [Sample(tuple(reader_messages(question, sentences)), answer) for question, answer in picked]


def reader_rows(records: Sequence[Record], tokenizer: ChatTokenizer, epochs: int, seed: int) -> list[Group]:
    """All rows of a run in order: every record once an epoch, each time with another draw of sentences."""
    rows = []
    for epoch in range(epochs):
        chance = random.Random(f"{seed}-{epoch}")
        order = list(records)
        chance.shuffle(order)
        strangers = [sentence for record in order[:60] for sentence in record.sentences]
        rows += [grouped(practice(record, strangers, chance), tokenizer) for record in order]
    return rows


def reader_samples(records: Sequence[Record], seed: int) -> list[Sample]:
    """One draw of every record as single samples, for checking answers."""
    chance = random.Random(str(seed))
    strangers = [sentence for record in records for sentence in record.sentences]
    return [sample for record in records for sample in practice(record, strangers, chance)]
