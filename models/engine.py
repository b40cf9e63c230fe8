"""The local engine: one base model, its adapters, one generation at a time, token by token.

All computing is done by one worker thread, in order of asking; adapters are switched there, too: PEFT's switching is
not thread-safe. Stop is asked before every token. Decoding is greedy unless a temperature is given, and ends at the
end of turn, at the limit, or when the text starts to repeat itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessor, LogitsProcessorList

from arena.errors import ArenaError
from arena.events import StopReason
from arena.prompts import Message, neutral
from arena.tokens import common_beginning
from arena.worker import Worker
from models.weights import check_adapter, identity

BASE = "base"
REPEATS = 3


@dataclass(frozen=True)
class GenerationSettings:
    """Decoding parameters, stored with every answer. Temperature 0 is greedy; `seed` matters above 0 only."""

    max_new_tokens: int = 96
    temperature: float = 0.0
    seed: int = 0
    context_tokens: int = 2048


@dataclass(frozen=True)
class Piece:
    """The next piece of text; the last one has a reason, the token counts, and how unlikely the model found the tokens
    it chose, the end of turn included: nats a token, the mean."""

    text: str
    reason: StopReason | None = None
    prompt_tokens: int = 0
    answer_tokens: int = 0
    surprise: float = 0.0


@dataclass(frozen=True)
class Reading:
    """What a prompt looks like to a model: the logit of its first option against the second, and the log-likelihood,
    in nats, of the end of the prompt after its beginning."""

    verdict: float
    likelihood: float


class Engine:
    """Loads `base` and the named adapters. `identities` tells what each is; a faulty adapter is left out and
    its error kept in `failures`, so that one bad adapter does not take the others down. Whoever else computes on the
    same device is to be given the same `worker`."""

    def __init__(
        self,
        base: Path,
        adapters: Mapping[str, Path],
        settings: GenerationSettings | None = None,
        worker: Worker | None = None,
    ) -> None:
        self.settings = settings or GenerationSettings()
        self._worker = worker or Worker("inference")
        # The weights are computed with as they are loaded: already there the first thread would take the pool.
        self._worker.call(self._load, base, adapters)

    def _load(self, base: Path, adapters: Mapping[str, Path]) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(base, local_files_only=True)
        self._special = special_tokens(self.tokenizer)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.dtype = served_dtype()
        loaded: Any = AutoModelForCausalLM.from_pretrained(base, dtype=self.dtype, local_files_only=True)
        model = loaded.to(device)
        base_identity = identity(base) | {"dtype": str(self.dtype).removeprefix("torch.")}
        self.identities: dict[str, dict[str, str]] = {BASE: base_identity}
        self.failures: dict[str, str] = {}
        for name, path in adapters.items():
            try:
                own = check_adapter(path, base_identity)
                if isinstance(model, PeftModel):
                    model.load_adapter(str(path), adapter_name=name)
                else:
                    model = PeftModel.from_pretrained(model, str(path), adapter_name=name)
                self.identities[name] = base_identity | own
            except ArenaError as error:
                self.failures[name] = str(error)
            except Exception as error:
                self.failures[name] = f"The adapter in {path} cannot be loaded ({error}): train it again."
        self.model: Any = model.eval()

    def count(self, messages: Sequence[Message]) -> int:
        """Prompt tokens of these messages, the opening of the answer included."""
        return len(self.prompt_ids(messages))

    def stream(self, messages: Sequence[Message], adapter: str, stopped: Callable[[], bool]) -> Iterator[Piece]:
        """Generate with `adapter` ("base" for none). Ends within one token of `stopped()` or of being closed."""
        ids = self.prompt_ids(messages)
        return self._worker.stream(lambda: self._decode(ids, adapter, stopped))

    def answer_batch(self, conversations: Sequence[Sequence[Message]], adapter: str) -> list[str]:
        """Greedy answers of several conversations at once: for accuracy, never for latency. Left-padded."""
        return [text for text, _ in self.answer_batch_told(conversations, adapter)]

    def answer_batch_told(self, conversations: Sequence[Sequence[Message]], adapter: str) -> list[tuple[str, float]]:
        """As `answer_batch`, each with the `surprise` of its last piece."""
        if not conversations:
            return []
        texts = [self._text(messages) for messages in conversations]
        batch = self.tokenizer(
            texts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False
        ).to(self.model.device)
        new, surprises = self._worker.call(self._generate, batch, adapter)
        said = self.tokenizer.batch_decode(new, skip_special_tokens=True)
        return [(text.strip(), surprise) for text, surprise in zip(said, surprises, strict=True)]

    def _generate(self, batch: Mapping[str, torch.Tensor], adapter: str) -> tuple[torch.Tensor, list[float]]:
        settings, surprises = self.settings, _Surprises()
        with torch.inference_mode(), self._using(adapter):
            made: torch.Tensor = self.model.generate(
                **batch,
                max_new_tokens=settings.max_new_tokens,
                do_sample=False,
                pad_token_id=self.tokenizer.pad_token_id,
                logits_processor=LogitsProcessorList([surprises]),
            )
        new = made[:, batch["input_ids"].shape[1] :]
        costs = torch.stack(surprises.steps, dim=1)
        # What comes after the end of turn is padding.
        ended = (new == self.tokenizer.eos_token_id).cumsum(1)
        counted = (ended == 0) | ((ended == 1) & (new == self.tokenizer.eos_token_id))
        return new, [float(value) for value in (costs * counted).sum(1) / counted.sum(1)]

    def read(
        self,
        conversations: Sequence[Sequence[Message]],
        openings: Sequence[Sequence[Message]],
        options: tuple[str, str],
        adapter: str,
    ) -> list[Reading]:
        """One pass over each conversation: how likely its end is, from where it departs from its opening, and whether
        the answer would begin with the first option or the second.

        What the conversations have in common at their beginning is computed once.
        """
        first, second = (self.tokenizer(option, add_special_tokens=False)["input_ids"][0] for option in options)
        rows = [self.prompt_ids(messages) for messages in conversations]
        learnt = [
            common_beginning([row, self.prompt_ids(opening)]) for row, opening in zip(rows, openings, strict=True)
        ]
        return self._worker.call(self._read, rows, learnt, first, second, adapter)

    def _read(
        self, rows: Sequence[list[int]], learnt: Sequence[int], first: int, second: int, adapter: str
    ) -> list[Reading]:
        # The token before the end tells how likely the end begins, so it is not among those computed once.
        shared = min(common_beginning(rows), min(learnt) - 1)
        rest = [row[shared:] for row in rows]
        longest, device = max(map(len, rest)), self.model.device
        ids = torch.tensor([row + [self.tokenizer.pad_token_id] * (longest - len(row)) for row in rest], device=device)
        with torch.inference_mode(), self._using(adapter):
            cache: Any = None
            if shared:
                opening = torch.tensor([rows[0][:shared]], device=device)
                cache = self.model(input_ids=opening, use_cache=True, logits_to_keep=1).past_key_values
                cache.batch_repeat_interleave(len(rest))
            # Padding comes after each row's last token, which therefore never sees it.
            causal: Any = self.model.get_base_model() if isinstance(self.model, PeftModel) else self.model
            hidden = causal.base_model(input_ids=ids, past_key_values=cache, use_cache=True).last_hidden_state
            readings = []
            for row, begins, states in zip(rest, learnt, hidden, strict=True):
                # The head is a fifth of a small model: only where it is looked at.
                told = causal.get_output_embeddings()(states[begins - shared - 1 : len(row)]).float()
                ends = torch.tensor(row[begins - shared :], device=device)
                likelihood = -torch.nn.functional.cross_entropy(told[:-1], ends, reduction="sum")
                readings.append(Reading(float(told[-1, first] - told[-1, second]), float(likelihood)))
        return readings

    def _text(self, messages: Sequence[Message]) -> str:
        # Template tokens inside what people and documents say would open turns of their own.
        clean = [{**message, "content": _neutral(message["content"], self._special)} for message in messages]
        rendered = self.tokenizer.apply_chat_template(clean, add_generation_prompt=True, tokenize=False)
        return str(rendered)

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """The tokens that the model is given for these messages, the opening of the answer included."""
        return list(self.tokenizer(self._text(messages), add_special_tokens=False)["input_ids"])

    def _using(self, adapter: str) -> Any:
        if not isinstance(self.model, PeftModel):
            return torch.no_grad()
        if adapter == BASE:
            return self.model.disable_adapter()
        self.model.set_adapter(adapter, inference_mode=True)
        return torch.no_grad()

    def _decode(self, ids: list[int], adapter: str, stopped: Callable[[], bool]) -> Iterator[Piece]:
        with torch.inference_mode(), self._using(adapter):
            yield from self._decoded(ids, stopped)

    def _decoded(self, ids: list[int], stopped: Callable[[], bool]) -> Iterator[Piece]:
        settings, device = self.settings, self.model.device
        generator = torch.Generator(device="cpu").manual_seed(settings.seed)
        cache: Any = None
        step = torch.tensor([ids], device=device)
        new: list[int] = []
        told = ""
        surprises: list[float] = []
        reason: StopReason = "length"
        while len(new) < settings.max_new_tokens:
            if stopped():
                reason = "stopped"
                break
            out = self.model(input_ids=step, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache, logits = out.past_key_values, out.logits[0, -1].float()
            token = self._choose(logits, generator)
            surprises.append(float(logits.logsumexp(-1) - logits[token]))
            if token == self.tokenizer.eos_token_id:
                reason = "end"
                break
            new.append(token)
            if repeats(new):
                reason = "repetition"
                break
            text = str(self.tokenizer.decode(new, skip_special_tokens=True))
            if not text.endswith("\ufffd") and text != told:  # half a character: wait for the rest
                yield Piece(text[len(told) :])
                told = text
            step = torch.tensor([[token]], device=device)
        yield Piece("", reason, len(ids), len(new), sum(surprises) / max(1, len(surprises)))

    def _choose(self, logits: torch.Tensor, generator: torch.Generator) -> int:
        if self.settings.temperature <= 0:
            return int(logits.argmax())
        weights = torch.softmax(logits.float().cpu() / self.settings.temperature, -1)
        return int(torch.multinomial(weights, 1, generator=generator))


class _Surprises(LogitsProcessor):
    """Keeps how unlikely each greedily chosen token was, in nats, (rows,) at a step: all logits would be a gigabyte."""

    def __init__(self) -> None:
        self.steps: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        wide = scores.float()
        self.steps.append(wide.logsumexp(-1) - wide.max(-1).values)
        return scores


def served_dtype() -> torch.dtype:
    """bf16 prefills twice as fast where the processor has it and decodes at the same speed (measured)."""
    fast = torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if fast else torch.float32


def repeats(tokens: Sequence[int], times: int = REPEATS, longest: int = 24) -> bool:
    """The tail says the same `size` tokens `times` times over; short patterns must go on for longer, so that
    "....." or a repeated digit is not cut off."""
    for size in range(1, longest + 1):
        need = max(times, -(-12 // size))
        tail = list(tokens[-size * need :])
        if len(tail) == size * need and tail == tail[:size] * need:
            return True
    return False


def special_tokens(tokenizer: Any) -> list[str]:
    """Every token that the tokenizer takes out of plain text as one of its own, the longest first: more than the few
    that it has a name for."""
    added = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    return sorted({*added, *tokenizer.all_special_tokens}, key=lambda token: (-len(token), token))


def _neutral(text: str, special: Sequence[str]) -> str:
    text = neutral(text)
    for token in special:
        if len(token) > 1:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text
