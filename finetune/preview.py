"""What the model will be trained on, shown to a person before a run: samples token by token, lengths, counts.

A wrong chat template or a masked answer costs a whole run and shows in no loss; here it can be seen. Reads the steps
as the trainer gets them, so that what is shown is what is learnt. Does not change, leave out or cut any sample.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, Protocol

from arena.errors import WorkspaceError
from finetune.branches import HEARD_WEIGHT, Branch, Group, Step

WIDTH = 100
BAR = 40
BUCKETS = 10
LEGEND = "│ ends a token; [learnt], {learnt at a tenth of the weight}, others are not learnt; · space, ⏎ new line."


class Decoder(Protocol):
    """The part of a Hugging Face tokenizer that is used here."""

    def decode(self, token_ids: Any, **options: Any) -> Any: ...


@dataclass(frozen=True)
class Token:
    """One token as text, and what it counts in the loss: 0, `HEARD_WEIGHT` or 1. The text is empty where a character
    goes on in the next token."""

    text: str
    id: int
    weight: float

    def __str__(self) -> str:
        text = "".join(_visible(character) for character in self.text)
        if self.weight == 0:
            return text
        return f"[{text}]" if self.weight == 1 else f"{{{text}}}"


@dataclass(frozen=True)
class Bucket:
    """How many samples have `shortest` to `longest` tokens, both included."""

    shortest: int
    longest: int
    samples: int


@dataclass(frozen=True)
class Preview:
    """Counts are of the whole run: a sample is counted again in every epoch. `tokens` are those computed, a beginning
    that samples share once; a sample's length has it in full. `cut`: samples longer than `context`."""

    shown: tuple[tuple[Token, ...], ...]
    lengths: tuple[Bucket, ...]
    steps: int
    samples: int
    tokens: int
    learnt: int
    longest: int
    context: int | None
    cut: int

    def __str__(self) -> str:
        lines = []
        for number, tokens in enumerate(self.shown, 1):
            learnt = sum(token.weight > 0 for token in tokens)
            lines += [f"Sample {number} of {self.samples:,}: {len(tokens)} tokens, {learnt} learnt", *_lines(tokens)]
            lines.append("")
        if self.shown:
            lines += [LEGEND, ""]
        lines += [
            f"{self.steps:,} steps, {self.samples:,} samples, {self.tokens:,} tokens "
            f"({self.learnt:,} learnt); the longest sample has {self.longest:,}.",
            "",
            "Tokens in a sample",
            *_histogram(self.lengths),
        ]
        if self.context is not None:
            where = f"the model's context of {self.context:,} tokens"
            few = f"Longer than {where}, which would cut them: {self.cut:,} of {self.samples:,} samples. Shorten them."
            lines += ["", few if self.cut else f"Every sample fits into {where}."]
        return "\n".join(lines)


def preview(steps: Sequence[Step], tokenizer: Decoder, shown: int = 3, context: int | None = None) -> Preview:
    """Look at all steps of a run. `shown`: how many samples, from the first one on, are given token by token;
    `context`: the most tokens the model takes.

    Raises:
        WorkspaceError: there is no sample.
    """
    lengths, learnt = [], 0
    for group, branch in _samples(steps):
        lengths.append(len(group.prefix) + len(branch))
        learnt += sum(weight > 0 for weight in _weights(group, branch))
    if not lengths:
        raise WorkspaceError(_NOTHING)
    return Preview(
        shown=tuple(_tokens(group, branch, tokenizer) for group, branch in islice(_samples(steps), shown)),
        lengths=_buckets(lengths),
        steps=len(steps),
        samples=len(lengths),
        tokens=sum(len(group) for step in steps for group in step),
        learnt=learnt,
        longest=max(lengths),
        context=context,
        cut=0 if context is None else sum(length > context for length in lengths),
    )


def refuse_masked(steps: Sequence[Step], tokenizer: Decoder) -> None:
    """Let a run begin only when every sample teaches something.

    Raises:
        WorkspaceError: there is no sample, or one without a learnt token.
    """
    samples, masked = 0, []
    for group, branch in _samples(steps):
        samples += 1
        if not any(_weights(group, branch)):
            masked.append((*group.prefix, *branch.prompt, *branch.heard))
    if not samples:
        raise WorkspaceError(_NOTHING)
    if not masked:
        return
    text = "".join(_visible(character) for character in str(tokenizer.decode(list(masked[0]))))
    if len(masked) == samples:
        raise WorkspaceError(
            f"None of the {samples} samples has a token to learn; the first is '{text}'. The base model's chat "
            "template leaves the answer out: set another base model, or give this one a template that renders it."
        )
    raise WorkspaceError(
        f"{len(masked)} of {samples} samples have no token to learn; the first is '{text}'. "
        "Give it an answer, or take it out."
    )


_NOTHING = (
    "Nothing to train on: the run has no samples. Give some facts of class 'trained' training wordings in "
    "questions.jsonl, and train for more than 0 epochs."
)


def _samples(steps: Sequence[Step]) -> Iterator[tuple[Group, Branch]]:
    return ((group, branch) for step in steps for group in step for branch in group.branches)


def _weights(group: Group, branch: Branch) -> list[float]:
    """What each token of a sample counts, as `branches.collate` weighs it."""
    heard = HEARD_WEIGHT if branch.taught else 0.0
    unlearnt = len(group.prefix) + len(branch.prompt)
    answer = 0.0 if branch.replayed else 1.0
    return [0.0] * unlearnt + [heard] * len(branch.heard) + [answer] * len(branch.answer)


def _tokens(group: Group, branch: Branch, tokenizer: Decoder) -> tuple[Token, ...]:
    ids = [*group.prefix, *branch.prompt, *branch.heard, *branch.answer]
    texts = _texts(ids, tokenizer)
    return tuple(Token(*token) for token in zip(texts, ids, _weights(group, branch), strict=True))


def _texts(ids: Sequence[int], tokenizer: Decoder) -> list[str]:
    """What each token adds to the text. Decoded alone, a token loses the space before it in some vocabularies, and
    a part of a character is no text."""
    said, texts = "", []
    for end in range(1, len(ids) + 1):
        whole = str(tokenizer.decode(list(ids[:end]), clean_up_tokenization_spaces=False))
        if whole.endswith("\N{REPLACEMENT CHARACTER}") and end < len(ids):
            texts.append("")
            continue
        texts.append(whole[len(said) :])
        said = whole
    return texts


def _visible(character: str) -> str:
    """Escaped where a terminal would act on it or show nothing."""
    if character in " \n":
        return "·" if character == " " else "⏎"
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def _lines(tokens: Sequence[Token]) -> list[str]:
    """Running text: a new line after each one in the text, and where a line is full."""
    lines, line = [], ""
    for token in tokens:
        piece = f"{token}│"
        if line and len(line) + len(piece) > WIDTH:
            lines.append(line)
            line = ""
        line += piece
        if "\n" in token.text:
            lines.append(line)
            line = ""
    return [f"  {text}" for text in [*lines, line] if text]


def _buckets(lengths: Sequence[int]) -> tuple[Bucket, ...]:
    """Buckets of the narrowest width among 1, 2, 5, 10, 20, 50 ... that gives no more than about ten."""
    span = max(lengths) - min(lengths)
    widths = (factor * 10**power for power in count() for factor in (1, 2, 5))
    width = next(width for width in widths if width * BUCKETS > span)
    counts = Counter(length // width for length in lengths)
    return tuple(
        Bucket(number * width, (number + 1) * width - 1, counts[number])
        for number in range(min(counts), max(counts) + 1)
    )


def _histogram(buckets: Sequence[Bucket]) -> list[str]:
    most = max(bucket.samples for bucket in buckets)
    digits, wide = len(str(buckets[-1].longest)), len(f"{most:,}")
    lines = []
    for bucket in buckets:
        bar = "#" * -(-bucket.samples * BAR // most)  # rounded up: one sample among thousands is seen
        bounds = f"{bucket.shortest:{digits + 2}}-{bucket.longest:<{digits}}"
        lines.append(f"{bounds} {bucket.samples:{wide},} {bar}".rstrip())
    return lines
