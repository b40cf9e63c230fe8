"""Several samples in one row: a shared beginning computed once, and branches that cannot see each other.

Questions about the same passages share most of their tokens. A group holds the shared beginning (`prefix`)
and one branch per sample; the attention mask lets a branch see the prefix and itself, and positions go on from
the prefix in each, so that every sample's loss is exactly what it would be alone (tests/finetune prove it),
for a third of the tokens. The same row without a shared passage is ordinary packing.
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
    something left out), the end of the prompt is learnt too, from where it departs from that."""

    messages: tuple[Message, ...]
    answer: str
    opening: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Group:
    """Token ids: the shared prefix, and for each branch its own prompt tokens, those at the prompt's end that are
    learnt too, and its answer tokens."""

    prefix: tuple[int, ...]
    branches: tuple[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]], ...]

    def __len__(self) -> int:
        return len(self.prefix) + sum(len(part) for branch in self.branches for part in branch)


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
    return Group(
        prefix=tuple(rows[0][0][:shared]),
        branches=tuple((tuple(prompt[shared:]), tuple(heard), tuple(answer)) for prompt, heard, answer in rows),
    )


def collate(groups: Sequence[Group], pad: int) -> dict[str, torch.Tensor]:
    """A batch: input_ids, labels, weights, position_ids (rows, length) and a boolean mask (rows, 1, length, length)."""
    length = max(len(group) for group in groups)
    shape = (len(groups), length)
    ids, labels = torch.full(shape, pad), torch.full(shape, IGNORED)
    weights, positions = torch.zeros(shape), torch.zeros(shape, dtype=torch.long)
    seen = torch.zeros((len(groups), 1, length, length), dtype=torch.bool)
    causal = torch.ones((length, length), dtype=torch.bool).tril()
    for row, group in enumerate(groups):
        start = len(group.prefix)
        ids[row, :start] = torch.tensor(group.prefix, dtype=torch.long)
        positions[row, :start] = torch.arange(start)
        seen[row, 0, :start, :start] = causal[:start, :start]
        for prompt, heard, answer in group.branches:
            end = start + len(prompt) + len(heard) + len(answer)
            own = slice(start, end)
            ids[row, own] = torch.tensor([*prompt, *heard, *answer])
            labels[row, start + len(prompt) : end] = torch.tensor([*heard, *answer])
            weights[row, start + len(prompt) : end] = HEARD_WEIGHT
            weights[row, end - len(answer) : end] = 1.0
            positions[row, own] = torch.arange(len(group.prefix), len(group.prefix) + end - start)
            seen[row, 0, own, : len(group.prefix)] = True
            seen[row, 0, own, own] = causal[: end - start, : end - start]
            start = end
        # A padded position sees itself: a row of the mask without any True gives NaN.
        seen[row, 0, range(start, length), range(start, length)] = True
    return {
        "input_ids": ids,
        "attention_mask": seen,
        "position_ids": positions,
        "labels": labels,
        "weights": weights,
    }
