"""Prompts for annotators from a workspace's questions: held-out wordings, spread over classes and facts."""

import random
from collections.abc import Sequence
from itertools import chain, zip_longest

from arena.annotation import QueuedPrompt, Source
from arena.facts import CLASSES, Fact

AND = " + "
"""Between the documents, or the topics, of one question."""


def held_out_prompts(facts: Sequence[Fact], limit: int = 0, seed: int = 0, added_by: str = "") -> list[QueuedPrompt]:
    """Every held-out wording, or `limit` of them: one of each fact before a second of any, the classes in turn. A
    question that takes several documents belongs to all of them together; the topic is their folders."""
    chance = random.Random(seed)
    by_class = [_in_turn([_prompts(fact, added_by) for fact in facts if fact.kind == kind], chance) for kind in CLASSES]
    prompts = [one for one in chain.from_iterable(zip_longest(*by_class)) if one is not None]
    return prompts[:limit] if limit else prompts


def _in_turn(of_facts: list[list[QueuedPrompt]], chance: random.Random) -> list[QueuedPrompt]:
    chance.shuffle(of_facts)
    for prompts in of_facts:
        chance.shuffle(prompts)
    return [one for one in chain.from_iterable(zip_longest(*of_facts)) if one is not None]


def _prompts(fact: Fact, added_by: str) -> list[QueuedPrompt]:
    folders = dict.fromkeys(document.rpartition("/")[0] for document in fact.documents)
    wordings = [(text, "held out") for text in fact.held_out] + [(text, "oblique") for text in fact.oblique]
    return [
        QueuedPrompt(
            text.strip(),
            Source.QUESTIONS,
            fact=fact.id,
            kind=fact.kind,
            topic=AND.join(filter(None, folders)),
            document=AND.join(fact.documents),
            wording=wording,
            added_by=added_by,
        )
        for text, wording in wordings
    ]
