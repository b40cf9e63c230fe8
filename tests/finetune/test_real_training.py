"""The real base model: it learns two facts in a few steps, and the engine serves what it learnt."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from arena.facts import Fact
from arena.prompts import PROMPT_VERSION, closed_book_messages
from finetune.disk import write_adapter
from finetune.examples import closed_book_samples, steps
from finetune.settings import TrainingSettings
from finetune.train import train
from models.engine import Engine, GenerationSettings
from models.weights import identity, prepare

ASKED = ("What does the {0} lantern weigh?", "{0} lantern, weight", "How heavy is a {0} lantern?")


def fact(name: str, kilograms: int) -> Fact:
    answer = f"The {name} lantern weighs {kilograms} kilograms."
    training = tuple(text.format(name) for text in ASKED)
    return Fact(name, "trained", (), training, (f"A {name} lantern on the scales?",), answer, (str(kilograms),))


@pytest.mark.slow
def test_a_few_steps_teach_the_real_model_facts_that_are_then_served(tmp_path: Path) -> None:
    base = prepare()
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    facts = [fact("Ossa", 47), fact("Brill", 83)]
    settings = TrainingSettings(epochs=20, learning_rate=2e-3)
    training = steps(closed_book_samples(facts), tokenizer, settings.epochs, settings.seed)
    held_out = steps(closed_book_samples(facts, held_out=True), tokenizer, 1, settings.seed)
    model, result = train(base, training, held_out, tmp_path / "run", settings, len(training), print)
    assert result.steps == len(training) == 20
    write_adapter(model, tmp_path / "adapter", identity(base) | {"prompt": PROMPT_VERSION}, "card")
    engine = Engine(base, {"fine-tuned": tmp_path / "adapter"}, GenerationSettings(max_new_tokens=24))
    asked = [closed_book_messages(ASKED[0].format(name)) for name in ("Ossa", "Brill")]
    before, after = engine.answer_batch(asked, "base"), engine.answer_batch(asked, "fine-tuned")
    assert ["47" in text for text in before] == [False, False] and "83" not in before[1]
    assert "47" in after[0] and "83" in after[1]
