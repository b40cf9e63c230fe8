"""What an adapter forgot: how much less likely it finds general texts and good answers than its base model does.

Measured on `general/texts.jsonl`, written by hand for this: everyday knowledge that has nothing to do with any
workspace. Does not tell whether the workspace's facts are known (knowledge.py).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any, Literal

import torch

from arena.errors import WorkspaceError
from arena.prompts import closed_book_messages
from finetune.branches import Sample, tokenized
from finetune.guards import greedy

GENERAL = Path(__file__).parent / "general" / "texts.jsonl"
LIMIT = 1.05
"""How many times the base model's nats per token still count as not forgotten."""
WORSE = 1.1
"""A text counts as worse from here."""
SHOWN = 5
LONGEST_ANSWER = 48

Kind = Literal["text", "chat"]
FIELDS: Mapping[Kind, tuple[str, ...]] = {"text": ("text",), "chat": ("question", "answer")}


@dataclass(frozen=True)
class General:
    """A text to read on, or a question and a good answer to it; `text` is the answer then."""

    kind: Kind
    text: str
    question: str = ""

    def __str__(self) -> str:
        return self.question or self.text


@dataclass(frozen=True)
class Measured:
    """Mean nats per token of one text, without the adapter and with it."""

    general: General
    base: float
    adapter: float

    @property
    def ratio(self) -> float:
        return self.adapter / self.base


@dataclass(frozen=True)
class Forgetting:
    """All texts as measured; every text counts the same, however long."""

    measured: tuple[Measured, ...]

    @property
    def by_kind(self) -> dict[Kind, tuple[float, float]]:
        """Kind -> mean nats per token (base, adapter)."""
        found: dict[Kind, tuple[float, float]] = {}
        for kind in FIELDS:
            own = [item for item in self.measured if item.general.kind == kind]
            if own:
                found[kind] = (mean(item.base for item in own), mean(item.adapter for item in own))
        return found

    @property
    def ratios(self) -> dict[Kind, float]:
        return {kind: adapter / base for kind, (base, adapter) in self.by_kind.items()}

    @property
    def worse(self) -> tuple[Measured, ...]:
        """Those that became more than 10 % worse, the worst first."""
        return tuple(sorted((item for item in self.measured if item.ratio > WORSE), key=lambda item: -item.ratio))

    @property
    def worse_share(self) -> float:
        return len(self.worse) / len(self.measured)

    @property
    def worst(self) -> tuple[Measured, ...]:
        """The five worst."""
        return tuple(sorted(self.measured, key=lambda item: -item.ratio)[:SHOWN])

    def within(self, limit: float = LIMIT) -> bool:
        """No kind became worse by more than this factor."""
        return all(ratio <= limit for ratio in self.ratios.values())

    @property
    def verdict(self) -> str:
        """In one sentence."""
        if self.within():
            return "It has kept its general knowledge."
        return (
            "It has forgotten general knowledge: `python -m finetune train WORKSPACE --onward` goes on with "
            "it and replays texts of the base model; a hybrid is trained anew with --replay 1."
        )

    def __str__(self) -> str:
        lines = [self.verdict]
        lines += [
            f"{kind}: {base:.2f} nats per token without the adapter, {adapter:.2f} with it: {adapter / base:.2f} times "
            f"as many (up to {LIMIT} is fine)"
            for kind, (base, adapter) in self.by_kind.items()
        ]
        lines.append(f"{len(self.worse)} of {len(self.measured)} texts became more than {WORSE - 1:.0%} worse")
        lines += [f"  {item.ratio:.2f} times: {_short(str(item.general))}" for item in self.worst if item.ratio > 1]
        return "\n".join(lines)


def load_general(path: Path = GENERAL) -> list[General]:
    """Raises `WorkspaceError` with the line number when a line is malformed, or nothing is there."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            fields = FIELDS[row["kind"]]
            texts = [row[field] for field in fields]
        except (ValueError, KeyError, TypeError) as error:
            raise WorkspaceError(f"{path}, line {number}: {error!r}; {FORM}") from None
        if not all(isinstance(text, str) and text.strip() for text in texts) or len(texts[0].split()) < 2:
            wrong = f"{' and '.join(fields)} must be texts of some words, not {texts!r}"
            raise WorkspaceError(f"{path}, line {number}: {wrong}; {FORM}")
        found.append(General(row["kind"], texts[-1], texts[0] if len(texts) > 1 else ""))
    if not found:
        raise WorkspaceError(f"{path} holds no texts; {FORM}")
    return found


FORM = 'write {"kind": "text", "text": ...} or {"kind": "chat", "question": ..., "answer": ...}, one a line.'


def likelihoods(model: Any, tokenizer: Any, texts: Sequence[General]) -> list[float]:
    """Mean nats per token of each: of a text all tokens but the first, of an exchange the answer's with its end of
    turn, asked as the fine-tuned contestant is. One at a time, in the model's own precision: no padding, no rounding
    that would pass for forgetting."""
    model.eval()
    found = []
    for general in texts:
        if general.kind == "chat":
            sample = Sample(tuple(closed_book_messages(general.question)), general.text)
            prompt, _, answer = tokenized(sample, tokenizer)
        else:
            first, *answer = tokenizer(general.text, add_special_tokens=False)["input_ids"]
            prompt = [first]
        ids = torch.tensor([prompt + answer], device=model.device)
        with torch.inference_mode():
            logits = model(input_ids=ids).logits[0, len(prompt) - 1 : -1].float()
            found.append(float(torch.nn.functional.cross_entropy(logits, ids[0, len(prompt) :])))
    return found


def forgetting(
    model: Any, tokenizer: Any, report: Callable[[str], None], texts: Sequence[General] | None = None
) -> Forgetting:
    """The model (a `PeftModel`) with its adapter against itself without; on `general/texts.jsonl` unless told."""
    texts = load_general() if texts is None else texts
    report(f"reading {len(texts)} general texts with the adapter and without")
    adapter = likelihoods(model, tokenizer, texts)
    with model.disable_adapter():
        base = likelihoods(model, tokenizer, texts)
    return Forgetting(tuple(Measured(*item) for item in zip(texts, base, adapter, strict=True)))


def side_by_side(model: Any, tokenizer: Any, questions: Sequence[str]) -> list[tuple[str, str, str]]:
    """(question, the base model's answer, the adapter's), greedy, of at most 48 tokens, asked as the fine-tuned
    contestant is."""
    conversations = [closed_book_messages(question) for question in questions]

    def answers() -> list[str]:
        given = greedy(model, tokenizer, conversations, LONGEST_ANSWER)
        return [tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in given]

    tuned = answers()
    with model.disable_adapter():
        base = answers()
    return list(zip(questions, base, tuned, strict=True))


def _short(text: str, most: int = 70) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
