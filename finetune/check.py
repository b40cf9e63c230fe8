"""How good an adapter is, by generating: accuracy on samples whose right answers are known.

Greedy, in batches, with the adapter as it will be served. Does not measure latency.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from arena.facts import Fact
from arena.prompts import JUDGEMENTS, closed_book_messages
from arena.scoring import is_right
from finetune.branches import IGNORED, ChatTokenizer, Sample, collate, grouped

BATCH = 16
THRESHOLD = 0.5
"""From here on a judge's probability counts as yes."""


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
        with torch.inference_mode(), torch.autocast(model.device.type, dtype=torch.bfloat16):
            out = model.generate(
                **batch, max_new_tokens=64, do_sample=False, pad_token_id=tokenizer.pad_token_id, use_cache=True
            )
        new = tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        answers += [text.strip() for text in new]
        if start // BATCH % 5 == 0:
            report(f"checking answers: {len(answers)} of {len(conversations)}")
    return answers


def closed_book_accuracy(
    model: Any, tokenizer: ChatTokenizer, facts: Sequence[Fact], held_out: bool, report: Callable[[str], None]
) -> tuple[int, int]:
    """(right, asked) for trained facts: the first training wording of each, or all held-out ones."""
    trained = [fact for fact in facts if fact.kind == "trained"]
    asked = [(fact, text) for fact in trained for text in (fact.held_out if held_out else fact.training[:1])]
    answers = generate(model, tokenizer, [closed_book_messages(text) for _, text in asked], report)
    right = sum(is_right(text, fact.accepted, fact.rejected) for (fact, _), text in zip(asked, answers, strict=True))
    return right, len(asked)


def quoting_accuracy(
    model: Any, tokenizer: ChatTokenizer, samples: Sequence[Sample], report: Callable[[str], None]
) -> tuple[int, int]:
    """(right, asked): the whole answer, to the letter."""
    answers = generate(model, tokenizer, [sample.messages for sample in samples], report)
    right = sum(answer == sample.answer.strip() for sample, answer in zip(samples, answers, strict=True))
    return right, len(samples)


def verdicts(
    model: Any, tokenizer: Any, questions: Sequence[Sequence[Sample]], report: Callable[[str], None]
) -> list[list[float]]:
    """For each question the probability, sentence by sentence, that the judge says yes."""
    model.eval()
    yes, no = (tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in JUDGEMENTS)
    chances = []
    for done, samples in enumerate(questions, 1):
        batch = collate([grouped(samples, tokenizer)], tokenizer.pad_token_id)
        labels = batch.pop("labels")[0]
        # The verdict is told by the position before each branch's first answer token.
        counted = labels != IGNORED
        starts = (counted[1:] & ~counted[:-1]).nonzero().flatten()
        with torch.inference_mode(), torch.autocast(model.device.type, dtype=torch.bfloat16):
            out = model(**{name: value.to(model.device) for name, value in batch.items()}, use_cache=False)
        logits = out.logits[0, starts].float()
        chances.append([float(chance) for chance in torch.sigmoid(logits[:, yes] - logits[:, no])])
        if done % 50 == 0:
            report(f"judging: {done} of {len(questions)}")
    return chances


def judging_accuracy(
    model: Any, tokenizer: Any, asked: Sequence[tuple[Sequence[Sample], bool]], report: Callable[[str], None]
) -> dict[str, tuple[int, int]]:
    """(right, asked) by three counts: the sentence that answers comes first; it does and passes at `THRESHOLD`;
    nothing passes where nothing answers."""
    counts = {"right sentence first": [0, 0], "first and accepted": [0, 0], "nothing accepted": [0, 0]}
    chances = verdicts(model, tokenizer, [samples for samples, _ in asked], report)
    for (samples, answerable), scores in zip(asked, chances, strict=True):
        best = max(range(len(scores)), key=scores.__getitem__)
        first, accepted = samples[best].answer == JUDGEMENTS[0], scores[best] >= THRESHOLD
        if answerable:
            told = {"right sentence first": first, "first and accepted": first and accepted}
        else:
            told = {"nothing accepted": not accepted}
        for name, good in told.items():
            counts[name][0] += good
            counts[name][1] += 1
    return {name: (right, total) for name, (right, total) in counts.items()}
