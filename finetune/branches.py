"""Several samples in one row: shared beginnings computed once, and branches that cannot see each other.

Questions about the same passages share most of their tokens. A group holds the shared beginning (`prefix`)
and one branch per sample; the attention mask lets a branch see the prefix and itself, and positions go on from
the prefix in each, so that every sample's loss is exactly what it would be alone (tests/finetune prove it),
for a third of the tokens. Without a shared passage it is ordinary packing. Several groups share a row, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from arena.prompts import Message
from arena.tokens import common_beginning

IGNORED = -100


class ChatTokenizer(Protocol):
    """The part of a Hugging Face tokenizer that is used here."""

    eos_token_id: int
    pad_token_id: int

    def apply_chat_template(self, conversation: Any, **options: Any) -> Any: ...


HEARD_WEIGHT = 0.1
"""What a token of the prompt that is learnt too counts, an answer's token counting 1: there are many more of them."""


@dataclass(frozen=True)
class Sample:
    """One question as the model sees it, and the answer it shall give. With an `opening` (the same messages with
    something left out), the end of the prompt is heard, from where it departs from that: how likely it is compares
    this sample with the others of one step whose end is the same, and `taught` tells the one to be likeliest, whose
    end is learnt too."""

    messages: tuple[Message, ...]
    answer: str
    opening: tuple[Message, ...] = ()
    taught: bool = True


@dataclass(frozen=True)
class Branch:
    """Token ids of one sample after what it shares: the rest of its prompt, the end of it that is heard, its answer.
    `replayed`: the base model wrote the answer (replay.py), and the adapter shall find it as likely as the base."""

    prompt: tuple[int, ...]
    heard: tuple[int, ...]
    answer: tuple[int, ...]
    taught: bool = True
    replayed: bool = False

    def __len__(self) -> int:
        return len(self.prompt) + len(self.heard) + len(self.answer)


@dataclass(frozen=True)
class Group:
    """The token ids that its branches share, and the branches."""

    prefix: tuple[int, ...]
    branches: tuple[Branch, ...]

    def __len__(self) -> int:
        return len(self.prefix) + sum(map(len, self.branches))


ROW_TOKENS = 350
"""Masked attention costs little in rows of this length."""
PADDED = 1.3
"""So many times the tokens may rows take with what is padded; fewer, longer rows are made rather than more of it."""
Step = Sequence[Group]
"""What is learnt at once: one step of the optimiser."""


def tokenized(sample: Sample, tokenizer: ChatTokenizer) -> tuple[list[int], list[int], list[int]]:
    """(prompt ids, those at its end that are learnt, answer ids with the end of turn), exactly as serving renders
    them.

    Raises:
        ValueError: the template does not render the prompt as a prefix of the conversation.
    """
    messages = list(sample.messages)
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
    spoken = [*messages, {"role": "assistant", "content": sample.answer}]
    whole = tokenizer.apply_chat_template(spoken, tokenize=True, return_dict=False)
    if whole[: len(prompt)] != prompt:
        raise ValueError(f"The chat template changes the prompt when an answer follows: {sample.messages[-1]!r}")
    answer = whole[len(prompt) :]
    end = answer.index(tokenizer.eos_token_id) if tokenizer.eos_token_id in answer else len(answer) - 1
    learnt = len(prompt)
    if sample.opening:
        without = tokenizer.apply_chat_template(
            list(sample.opening), add_generation_prompt=True, tokenize=True, return_dict=False
        )
        learnt = common_beginning([prompt, without])
    return prompt[:learnt], prompt[learnt:], answer[: end + 1]


def grouped(samples: Sequence[Sample], tokenizer: ChatTokenizer) -> Group:
    """One row of these samples, sharing as many leading tokens as they have in common."""
    rows = [tokenized(sample, tokenizer) for sample in samples]
    shared = common_beginning([prompt for prompt, _, _ in rows])
    branches = [
        Branch(tuple(prompt[shared:]), tuple(heard), tuple(answer), sample.taught)
        for (prompt, heard, answer), sample in zip(rows, samples, strict=True)
    ]
    return Group(tuple(rows[0][0][:shared]), tuple(branches))


def packed(groups: Step) -> list[list[Group]]:
    """The groups in rows of about `ROW_TOKENS`, as equal in length as may be: what is padded costs as much as what is
    not. The longest first, each into the shortest row; one long group beside a short one shares a row with it."""
    total = sum(map(len, groups))
    for count in range(max(1, min(round(total / ROW_TOKENS), len(groups))), 0, -1):
        rows: list[list[Group]] = [[] for _ in range(count)]
        for group in sorted(groups, key=len, reverse=True):
            min(rows, key=lambda row: sum(map(len, row))).append(group)
        if count * max(sum(map(len, row)) for row in rows) <= PADDED * total:
            break
    return rows


def collate(rows: Sequence[Sequence[Group]], pad: int) -> dict[str, torch.Tensor]:
    """A batch: input_ids, labels, weights, position_ids (rows, length) and a boolean mask (rows, 1, length, length).

    `answers` (rows, length): the number of the sample whose answer a token belongs to, -1 elsewhere and where it is
    replayed.

    For samples that are compared: `heard` (rows, length), the number of the sample to whose heard end a token belongs,
    -1 elsewhere; `ends` (samples), the number of the end they share; `taught` (samples).

    For what is replayed, whose tokens have labels of weight 0: `replayed` (rows, length), which tokens are;
    `base_ids` (samples, their length) each of these samples alone, as the base model reads it, and in `base_replayed`
    the same tokens in the same order.
    """
    length = max(sum(map(len, row)) for row in rows)
    shape = (len(rows), length)
    ids, labels = torch.full(shape, pad), torch.full(shape, IGNORED)
    weights, positions = torch.zeros(shape), torch.zeros(shape, dtype=torch.long)
    compared, replayed = torch.full(shape, -1), torch.zeros(shape, dtype=torch.bool)
    answers, answered = torch.full(shape, -1), 0
    alone: list[tuple[tuple[int, ...], int]] = []
    seen = torch.zeros((len(rows), 1, length, length), dtype=torch.bool)
    causal = torch.ones((length, length), dtype=torch.bool).tril()
    ends: dict[tuple[int, ...], int] = {}
    samples: list[tuple[int, bool]] = []
    for row, groups in enumerate(rows):
        end = 0
        for group in groups:
            opening = slice(end, end + len(group.prefix))
            ids[row, opening] = torch.tensor(group.prefix, dtype=torch.long)
            positions[row, opening] = torch.arange(len(group.prefix))
            seen[row, 0, opening, opening] = causal[: len(group.prefix), : len(group.prefix)]
            end = opening.stop
            for branch in group.branches:
                own = slice(end, end + len(branch))
                learnt, end = end + len(branch.prompt), own.stop
                answer = end - len(branch.answer)
                ids[row, own] = torch.tensor([*branch.prompt, *branch.heard, *branch.answer])
                labels[row, learnt:end] = torch.tensor([*branch.heard, *branch.answer])
                weights[row, learnt:answer] = HEARD_WEIGHT if branch.taught else 0.0
                weights[row, answer:end] = 0.0 if branch.replayed else 1.0
                positions[row, own] = torch.arange(len(group.prefix), len(group.prefix) + len(branch))
                seen[row, 0, own, opening] = True
                seen[row, 0, own, own] = causal[: len(branch), : len(branch)]
                if branch.replayed:
                    replayed[row, answer:end] = True
                    alone.append(((*group.prefix, *branch.prompt, *branch.answer), len(branch.answer)))
                else:
                    answers[row, answer:end], answered = answered, answered + 1
                if branch.heard:
                    compared[row, learnt:answer] = len(samples)
                    samples.append((ends.setdefault(branch.heard, len(ends)), branch.taught))
        # A padded position sees itself: a row of the mask without any True gives NaN.
        seen[row, 0, range(end, length), range(end, length)] = True
    base_ids, base_replayed = _padded(alone, pad)
    return {
        "input_ids": ids,
        "attention_mask": seen,
        "position_ids": positions,
        "labels": labels,
        "weights": weights,
        "answers": answers,
        "heard": compared,
        "ends": torch.tensor([number for number, _ in samples], dtype=torch.long),
        "taught": torch.tensor([taught for _, taught in samples], dtype=torch.bool),
        "replayed": replayed,
        "base_ids": base_ids,
        "base_replayed": base_replayed,
    }


def _padded(samples: Sequence[tuple[tuple[int, ...], int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(token ids, whether each is one of the last ones that a sample counts), a row for each sample."""
    shape = (len(samples), max((len(sample) for sample, _ in samples), default=0))
    ids, counted = torch.full(shape, pad), torch.zeros(shape, dtype=torch.bool)
    for row, (sample, last) in enumerate(samples):
        ids[row, : len(sample)] = torch.tensor(sample)
        counted[row, len(sample) - last : len(sample)] = True
    return ids, counted
