"""`python -m finetune check`: base, fine-tuned and hybrid side by side, what was forgotten, and the classic failures.

Loads the base once and switches its adapters; a hybrid without an adapter of its own is asked as the app answers with
it. Does not train and writes nothing itself. The parts are knowledge.py, forgetting.py and guards.py.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from arena.errors import AdapterMismatch, ArenaError
from arena.facts import load_facts
from arena.prompts import Message, closed_book_messages, reader_messages
from finetune import guards, knowledge
from finetune.check import generate
from finetune.examples import closed_book_samples
from finetune.figures import checkup_text, served, weights_of
from finetune.forgetting import Forgetting, forgetting, side_by_side
from finetune.precision import placed

Report = Callable[[str], None]
Answers = Callable[[Sequence[str]], Sequence[str]]
FINE_TUNED, HYBRID, BASE = "fine-tuned", "hybrid", "base"
GENERAL_QUESTIONS = (
    "What is the capital of France?",
    "Why is the sky blue?",
    "How do I boil an egg?",
)
"""A few that the base model has something to say to."""
AS_THEN = "Asked as the app answered then: with the documents, the search and the judge of that day."
GUARDED = 20
"""Answers that are looked at for an end of turn."""


@dataclass(frozen=True)
class Checkup:
    """What was found, by contestant where there are several; of a hybrid without an adapter only what it knows: it
    forgot what its memory did, the fine-tuned model. `weights`: digests of the adapters', taken before they were
    loaded; `limit`: the facts of each class that were asked about, None for all."""

    knowledge: Mapping[str, knowledge.Knowledge]
    forgotten: Mapping[str, Forgetting]
    guards: Mapping[str, Sequence[guards.Finding]]
    general: Mapping[str, Sequence[tuple[str, str, str]]]
    weights: Mapping[str, str]
    limit: int | None = None

    def __str__(self) -> str:
        base = self.knowledge[BASE]
        lines = [knowledge.table(self.knowledge)]
        for name, found in self.knowledge.items():
            if name == BASE:
                continue
            # The base's figures tell leakage; the hybrid may find untaught facts in what it reads.
            lines += ["", f"{name}:", *knowledge.verdict(found, base if name == FINE_TUNED else None)]
            if name in self.forgotten:
                lines += ["", str(self.forgotten[name]), "", *map(str, self.guards[name]), ""]
            for question, untouched, adapted in self.general.get(name, ()):
                lines += [question, f"  base: {untouched}", f"  {name}: {adapted}"]
        return "\n".join(lines)

    def told(self, name: str) -> list[str]:
        """What was found of a contestant, in sentences for a page."""
        base = self.knowledge[BASE] if name == FINE_TUNED else None
        sample = [f"Asked about {self.limit} facts of each class only."] if self.limit else []
        verdict = knowledge.verdict(self.knowledge[name], base)
        if name not in self.guards:
            return [*sample, *verdict, AS_THEN]
        findings = self.guards[name]
        # Details name files of the machine: they are for whoever runs the command.
        failed = [f"Failed: {each.name} (adapters/checkup.md tells more)." for each in findings if not each.passed]
        passed = f"{len(findings) - len(failed)} of {len(findings)} checks for the usual faults of a training passed."
        return [*sample, *verdict, self.forgotten[name].verdict, passed, *failed]

    def as_json(self) -> str:
        """For a page, which reads it beside the adapters."""
        counts = {name: found.asked for name, found in self.knowledge.items()}
        return checkup_text(self.weights, counts, {name: self.told(name) for name in counts if name != BASE})

    def as_markdown(self) -> str:
        """For a file beside the adapters."""
        return f"# What the adapters know and forgot\n\n{knowledge.as_markdown(self.knowledge)}\n\n```\n{self}\n```\n"


def checkup(
    workspace: Path,
    folder: Path,
    identity: Mapping[str, str],
    serve: Callable[[Sequence[Message]], list[int]],
    retrieve: Callable[[], Callable[[str], Sequence[str]]],
    report: Report,
    limit: int | None = None,
    composed: Callable[[], Answers | None] = lambda: None,
) -> Checkup:
    """Examine the adapters of a workspace on the base model in `folder`.

    Args:
        serve: the prompt's token ids as they are served.
        retrieve: makes the retriever; asked only when there is a hybrid.
        limit: at most so many facts of each class.
        composed: makes the hybrid that has no adapter, None where the app has none; asked only when there is none with
            an adapter.

    Raises:
        AdapterMismatch: the workspace has no adapter, or one that cannot be loaded.
        WorkspaceError: no questions.
    """
    facts = load_facts(workspace / "questions.jsonl")
    turned = knowledge.reversed_questions(rows(workspace / "questions.jsonl"))
    adapters = {name: path for name, path in served(workspace).items() if path.is_dir()}
    if not adapters:
        raise AdapterMismatch(f"No adapter in {workspace / 'adapters'}: train one with `python -m finetune train`.")
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    weights = {name: digest for name, path in adapters.items() if (digest := weights_of(path))}
    model = _with_adapters(folder, adapters)
    prompts: dict[str, Callable[[str], list[Message]]] = {FINE_TUNED: closed_book_messages}
    if HYBRID in adapters:
        found = retrieve()
        prompts[HYBRID] = lambda question: reader_messages(question, found(question))

    def answers(prompt: Callable[[str], list[Message]]) -> Callable[[Sequence[str]], list[str]]:
        return lambda texts: generate(model, tokenizer, [prompt(text) for text in texts], lambda text: None)

    def examined(name: str, prompt: Callable[[str], list[Message]]) -> knowledge.Knowledge:
        return knowledge.examine(answers(prompt), facts, turned, lambda text: report(f"{name}: {text}"), limit)

    with model.disable_adapter():
        known = {BASE: examined(BASE, closed_book_messages)}
    forgotten, findings, general = {}, {}, {}
    samples = closed_book_samples(facts)[:GUARDED]
    for name, path in adapters.items():
        model.set_adapter(name)
        known[name] = examined(name, prompts[name])
        forgotten[name] = forgetting(model, tokenizer, lambda text, name=name: report(f"{name}: {text}"))  # type: ignore[misc]
        general[name] = side_by_side(model, tokenizer, GENERAL_QUESTIONS)
        conversations = [prompts[name](sample.messages[-1]["content"]) for sample in samples]
        findings[name] = [
            guards.adapter_changes_answers(model, tokenizer, conversations[0]),
            guards.end_of_turn_learnt(model, tokenizer, conversations),
            guards.same_prompt(samples, tokenizer, serve),
            guards.same_base(path, identity),
            guards.same_template(path, tokenizer),
        ]
    if HYBRID not in adapters:
        try:
            if (hybrid := composed()) is not None:
                known[HYBRID] = knowledge.examine(
                    hybrid, facts, turned, lambda text: report(f"{HYBRID}: {text}"), limit
                )
        except ArenaError as error:  # what was found of the others is told all the same
            report(f"{HYBRID}: not asked. {error}")
    return Checkup(known, forgotten, findings, general, weights, limit)


def rows(path: Path) -> list[Mapping[str, Any]]:
    """The objects of a `questions.jsonl` that `load_facts` has read already."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()]


def _with_adapters(folder: Path, adapters: Mapping[str, Path]) -> Any:
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    for name, path in adapters.items():
        try:
            if isinstance(model, PeftModel):
                model.load_adapter(str(path), adapter_name=name)
            else:
                model = PeftModel.from_pretrained(model, str(path), adapter_name=name)
        except Exception as error:  # torch, safetensors and peft raise their own kinds
            raise AdapterMismatch(f"The adapter in {path} cannot be loaded ({error}): train it again.") from error
    return placed(model).eval()
