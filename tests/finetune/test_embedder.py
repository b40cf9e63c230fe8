"""The embedder's adapter: what it is trained on, and that training, resuming and loading it work on the real MiniLM."""

import json
from pathlib import Path
from typing import Any

import numpy
import pytest

from arena.errors import ModelUnavailable
from finetune.embedder import (
    EmbedderSettings,
    brought,
    load_embedder,
    rows,
    train_embedder,
    write_embedder,
)
from finetune.reader import Record, load_records, split
from rag.embedder import ADAPTER, SentenceEmbedder, open_embedder, weights_folder

TINY = EmbedderSettings(epochs=2, batch=4, rank=2, alpha=4, checkpoint_steps=2)


def record(number: int) -> Record:
    names = ("red", "blue", "green", "white")
    sentences = tuple(f"The {name} lamp of house {number} costs {place} crowns." for place, name in enumerate(names))
    asked = tuple(
        ((place,), (f"Price of {name}, {number}?", f"{name} {number}")) for place, name in enumerate(names[:3])
    )
    return Record(f"lamps-{number}", sentences, (*asked, ((0, 1), ("Both?",))), ("Yellow?",))


RECORDS = [record(number) for number in range(4)]


def test_no_sentence_is_in_a_batch_twice_or_its_own_negative() -> None:
    settings = EmbedderSettings(epochs=2)
    practice, _ = split(load_records())
    data = rows(practice, settings)
    assert len(data) % settings.batch == 0
    for start in range(0, len(data), settings.batch):
        batch = data[start : start + settings.batch]
        answers = {row["positive"] for row in batch}
        assert len(answers) == len(batch)
        assert not answers & {row["negative"] for row in batch}


def test_every_wording_of_a_question_comes_once_in_an_epoch_and_what_takes_two_sentences_never() -> None:
    data = rows(RECORDS, EmbedderSettings(epochs=1, batch=4))
    assert len({row["anchor"] for row in data}) == len(data) == 24
    assert "Both?" not in {row["anchor"] for row in data}


def test_the_same_seed_gives_the_same_order_and_another_one_another() -> None:
    assert rows(RECORDS, TINY) == rows(RECORDS, TINY)
    assert rows(RECORDS, TINY) != rows(RECORDS, EmbedderSettings(epochs=2, batch=4, seed=7))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(adapter, run folder) of a tiny run on the real MiniLM."""
    folder = tmp_path_factory.mktemp("embedder")
    model, result = train_embedder(weights_folder(), RECORDS, folder / "run", TINY, lambda _: None)
    assert result.steps == 12 and result.pairs == 48 and result.losses
    write_embedder(model, folder / "adapter", "some/name", "# card\n")
    return folder / "adapter", folder / "run"


def test_a_trained_adapter_moves_questions_and_is_merged_when_loaded(trained: tuple[Path, Path]) -> None:
    adapter, _ = trained
    plain = SentenceEmbedder(weights_folder())
    adapted = SentenceEmbedder(weights_folder(), adapter=adapter)
    before, after = (embedder.encode(["Price of red, 1?"])[0] for embedder in (plain, adapted))
    assert numpy.linalg.norm(after) == pytest.approx(1, abs=1e-5)
    assert before @ after < 0.9999
    assert adapted.identity.startswith(plain.identity + "+")
    assert json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"] == "some/name"
    assert (adapter / "README.md").read_text() == "# card\n"


def test_the_adapter_is_merged_in_part_and_the_identity_says_how_much(
    trained: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(scale: float) -> SentenceEmbedder:
        monkeypatch.setattr("rag.embedder.ADAPTER_SCALE", scale)
        return SentenceEmbedder(weights_folder(), adapter=trained[0])

    plain, part, whole = (opened(scale) for scale in (0.0, 0.5, 1.0))
    question = ["Price of red, 1?"]
    before, between, after = (embedder.encode(question)[0] for embedder in (plain, part, whole))
    assert before == pytest.approx(SentenceEmbedder(weights_folder()).encode(question)[0], abs=1e-6)
    assert before @ after < min(before @ between, between @ after)
    assert len({plain.identity, part.identity, whole.identity}) == 3


def test_a_run_that_is_done_is_found_done_by_the_same_command(trained: tuple[Path, Path]) -> None:
    _, run = trained
    told: list[str] = []
    _, result = train_embedder(weights_folder(), RECORDS, run, TINY, told.append)
    assert result.steps == 12
    assert not [text for text in told if text.startswith("step")]  # nothing was trained again


def test_an_adapter_that_cannot_be_loaded_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="embedder_adapter"):
        SentenceEmbedder(weights_folder(), adapter=tmp_path)


def test_a_model_of_ones_own_is_used_as_it_is() -> None:
    assert "+" not in open_embedder(weights_folder()).identity
    assert "+" not in open_embedder(adapted=False).identity


def test_the_adapter_that_ships_brings_more_of_what_answers_than_the_model_as_it_comes(tmp_path: Path) -> None:
    """On every fourth practice record that it was not trained on."""
    _, held_out = split(load_records())
    base: Any = load_embedder(weights_folder())
    before = brought(base, held_out[::4])
    base.load_adapter(str(ADAPTER))
    after = brought(base, held_out[::4])
    for name, (right, _) in after.items():
        assert right >= before[name][0], name
    name = "nearest, last wording"
    assert (after[name][0] - before[name][0]) / after[name][1] > 0.05
