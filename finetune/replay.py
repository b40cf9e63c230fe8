"""Against forgetting: texts that the base model writes itself, on which a training keeps near the base.

Who trains on a workspace's facts alone gets a model that answers everything with them. The remedy is to replay what
the model could do before; as its old data is not to be had, it writes some (self-synthesized rehearsal, Huang et al.
2024, 2403.01244), and what is learnt of them is the base's whole distribution (learning without forgetting, Li and
Hoiem 2016, 1606.09282): `loss.AnswerLossTrainer` adds how far the adapter departs from it. No data from elsewhere, and
none of `general/texts.jsonl`, on which forgetting is measured.
"""

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from transformers import AutoTokenizer

from arena.errors import WorkspaceError
from arena.prompts import PROMPT_VERSION, closed_book_messages
from arena.tokens import common_beginning
from finetune.branches import Branch, Group, Step
from finetune.disk import on_disk
from finetune.files import write_beside

WRITTEN = 512
"""Of the base's own; half are texts, half answers to questions of its own. Each is replayed some times."""
TEXT_TOKENS, QUESTION_TOKENS, ANSWER_TOKENS = 72, 24, 48
"""At most so many of each: a step has about 365, and what is replayed costs a third more than what is learnt."""
SHORTEST = 8
"""Tokens under which nothing is to be learnt from a text."""
BATCH = 64
TEMPERATURE = 0.8
"""Under 1, where a small model still writes sentences."""
ASKED = ("What", "How", "Why", "Who", "Where", "When", "Which", "Is", "Can", "Do", "Does", "Explain", "Tell", "Name")
"""How the base's questions begin. Left to itself, a small model asks for the same few things."""


Text = tuple[list[int], list[int]]
"""Token ids: what was given, and what the base wrote after it, which is replayed."""


def with_replay(steps: Sequence[Step], replayed: Sequence[Group], seed: int, share: float = 1.0) -> list[Step]:
    """The steps; the last `share` of them each with one more group that the base wrote, all in turn and shuffled anew
    each time.

    Raises:
        WorkspaceError: there is none.
    """
    if not replayed:
        raise WorkspaceError("The base model wrote nothing to replay: train with --replay 0.")
    order = _in_turn(replayed, random.Random(f"replay-{seed}"))
    first = len(steps) - round(share * len(steps))
    return [[*step, next(order)] if number >= first else step for number, step in enumerate(steps)]


def _in_turn(groups: Sequence[Group], luck: random.Random) -> Iterator[Group]:
    while True:
        yield from luck.sample(groups, len(groups))


def written(
    load: Callable[[], Any], base: Path, runs: Path, identity: str, report: Callable[[str], None]
) -> list[Group]:
    """What the base model in this folder wrote, as groups to replay. Written once, some at a time: a file in `runs`
    keeps them for the base of this identity, and goes on where it was. The same on one machine, whatever a training's
    seed. `load` gives the model."""
    file = runs / f"replay-{identity}.json"
    with on_disk(runs):
        runs.mkdir(parents=True, exist_ok=True)
        with _alone(FileLock(file.with_suffix(".lock")), report):
            kept = _all(load, base, file, report)
    return [Group((), (Branch(tuple(prompt), (), tuple(answer), replayed=True),)) for prompt, answer in kept]


@contextmanager
def _alone(lock: FileLock, report: Callable[[str], None]) -> Iterator[None]:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report("another run has the base model write what is to be replayed: waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _all(load: Callable[[], Any], base: Path, file: Path, report: Callable[[str], None]) -> list[Text]:
    sizes = (WRITTEN, BATCH, TEXT_TOKENS, QUESTION_TOKENS, ANSWER_TOKENS, SHORTEST, TEMPERATURE)
    made_with = " ".join(map(str, (*sizes, PROMPT_VERSION, *ASKED)))
    rounds, kept = _kept(file, made_with)
    wanted = WRITTEN // (2 * BATCH)
    if rounds >= wanted:
        return kept
    writer = _Writer(load(), AutoTokenizer.from_pretrained(base, local_files_only=True))
    for number in range(rounds, wanted):
        report(f"{2 * BATCH * number} of {WRITTEN} texts written by the base model, to be replayed against forgetting")
        with torch.random.fork_rng():
            torch.manual_seed(number)
            luck = random.Random(number)
            found = [*writer.texts(luck, BATCH), *writer.exchanges(luck.choices(ASKED, k=BATCH))]
        kept += [(prompt, answer) for prompt, answer in found if len(answer) >= SHORTEST]
        write_beside(file, json.dumps({"made_with": made_with, "rounds": number + 1, "texts": kept}))
    return kept


def _kept(file: Path, made_with: str) -> tuple[int, list[Text]]:
    """(rounds that were written, their texts)"""
    try:
        row = json.loads(file.read_text(encoding="utf-8"))
        kept = int(row["rounds"]), [(prompt, answer) for prompt, answer in row["texts"]]
        return kept if row["made_with"] == made_with else (0, [])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, []


@dataclass(frozen=True)
class _Writer:
    model: Any
    tokenizer: Any

    def texts(self, luck: random.Random, count: int) -> list[Text]:
        """Each goes on after a word, one of the vocabulary's that begin a sentence. Left to itself, a small model
        begins with a dash half the time."""
        line = self.tokenizer("\n", add_special_tokens=False)["input_ids"]
        words = luck.choices(self.openings() or line, k=count)
        said = self.drawn([[*line, word] for word in words], TEXT_TOKENS)
        return [([word], ids) for word, ids in zip(words, said, strict=True)]

    def openings(self) -> list[int]:
        """None in a vocabulary of bytes, or of another script."""
        texts = self.tokenizer.batch_decode([[token] for token in range(len(self.tokenizer))])
        return [token for token, text in enumerate(texts) if re.fullmatch("[A-Z][a-z]{2,}", text)]

    def exchanges(self, words: Sequence[str]) -> list[Text]:
        """Questions that the model puts in the user's place, one beginning with each word, and its answers, asked as
        the fine-tuned contestant is."""
        starts = [common_prefix([self.asked(f"{word} is"), self.asked(f"{word}?")]) for word in words]
        said = self.tokenizer.batch_decode(self.drawn(starts, QUESTION_TOKENS), skip_special_tokens=True)
        prompts = [self.asked(f"{word}{text}") for word, text in zip(words, said, strict=True)]
        return list(zip(prompts, self.drawn(prompts, ANSWER_TOKENS), strict=True))

    def asked(self, question: str) -> list[int]:
        ids: list[int] = self.tokenizer.apply_chat_template(
            closed_book_messages(question), add_generation_prompt=True, tokenize=True, return_dict=False
        )
        return ids

    def drawn(self, prompts: Sequence[list[int]], most: int) -> list[list[int]]:
        """What follows each, drawn at random, to its end of turn at most."""
        end = self.tokenizer.eos_token_id
        batch = self.tokenizer.pad({"input_ids": list(prompts)}, padding_side="left", return_tensors="pt")
        with torch.inference_mode():
            out = self.model.generate(
                **batch.to(self.model.device),
                max_new_tokens=most,
                do_sample=True,
                temperature=TEMPERATURE,
                top_k=0,
                eos_token_id=end,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        rows = out[:, batch["input_ids"].shape[1] :].tolist()
        return [row[: row.index(end) + 1] if end in row else row for row in rows]


def common_prefix(rows: Sequence[list[int]]) -> list[int]:
    return rows[0][: common_beginning(rows)]
