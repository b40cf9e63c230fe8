"""The local engine as a judge of sentences: how likely each one answers the question.

A pointwise reranker (monoT5, Nogueira et al. 2020): one "Yes or No" per sentence, in one batch.
"""

from collections.abc import Sequence

from arena.prompts import JUDGEMENTS, judge_messages
from models.engine import Engine


class LocalJudge:
    """One adapter of a local engine, asked about sentences."""

    def __init__(self, engine: Engine, adapter: str) -> None:
        self._engine, self._adapter = engine, adapter

    def scores(self, question: str, sentences: Sequence[str]) -> list[float]:
        """For each sentence the probability, 0 to 1, that it answers the question."""
        if not sentences:
            return []
        conversations = [judge_messages(question, sentence) for sentence in sentences]
        return self._engine.chances(conversations, JUDGEMENTS, self._adapter)
