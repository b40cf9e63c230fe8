"""How good an adapter is, by generating: accuracy on samples whose right answers are known.

Greedy, in batches, with the adapter as it will be served. Does not measure latency, and not judging (judging.py).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from arena.facts import Fact
from arena.prompts import closed_book_messages, reader_messages
from arena.scoring import abstained, is_right
from finetune.branches import ChatTokenizer, Sample
from finetune.precision import half

BATCH = 16


def generate(model: Any, tokenizer: Any, conversations: Sequence[Any], report: Callable[[str], None]) -> list[str]:
    """One answer per conversation (lists of messages), at most 64 tokens each."""
    model.eval()
    answers: list[str] = []
    for start in range(0, len(conversations), BATCH):
        texts = [
            tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=False)
            for messages in conversations[start : start + BATCH]
        ]
        batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
        batch = batch.to(model.device)
        with torch.inference_mode(), half(model.device.type):
            out = model.generate(
                **batch, max_new_tokens=64, do_sample=False, pad_token_id=tokenizer.pad_token_id, use_cache=True
            )
        new = tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        answers += [text.strip() for text in new]
        if start // BATCH % 5 == 0:
            report(f"checking answers: {len(answers)} of {len(conversations)}")
    return answers


def closed_book_accuracy(
    model: Any,
    tokenizer: ChatTokenizer,
    facts: Sequence[Fact],
    wordings: Callable[[Fact], Sequence[str]],
    report: Callable[[str], None],
) -> tuple[int, int]:
    """(right, asked) for trained facts, asked in these wordings of each."""
    trained = [fact for fact in facts if fact.kind == "trained"]
    asked = [(fact, text) for fact in trained for text in wordings(fact)]
    answers = generate(model, tokenizer, [closed_book_messages(text) for _, text in asked], report)
    right = sum(is_right(text, fact.accepted, fact.rejected) for (fact, _), text in zip(asked, answers, strict=True))
    return right, len(asked)


def reading_accuracy(
    model: Any,
    tokenizer: ChatTokenizer,
    facts: Sequence[Fact],
    wordings: Callable[[Fact], Sequence[str]],
    retrieve: Callable[[str], Sequence[str]],
    report: Callable[[str], None],
) -> tuple[int, int]:
    """(good, asked) with what is retrieved in the prompt: right, or abstained where nothing answers."""
    asked = [(fact, text) for fact in facts for text in wordings(fact)]
    answers = generate(model, tokenizer, [reader_messages(text, retrieve(text)) for _, text in asked], report)
    good = [
        is_right(text, fact.accepted, fact.rejected) if fact.answerable else abstained(text)
        for (fact, _), text in zip(asked, answers, strict=True)
    ]
    return sum(good), len(asked)


def quoting_accuracy(
    model: Any, tokenizer: ChatTokenizer, samples: Sequence[Sample], report: Callable[[str], None]
) -> tuple[int, int]:
    """(right, asked): the whole answer, to the letter."""
    answers = generate(model, tokenizer, [sample.messages for sample in samples], report)
    right = sum(answer == sample.answer.strip() for sample, answer in zip(samples, answers, strict=True))
    return right, len(samples)
