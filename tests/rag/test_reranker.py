"""A cross-encoder as the judge: a tiny one with random weights and the real tokenizer."""

from pathlib import Path
from typing import Any

import pytest

from arena.errors import ModelUnavailable
from rag.embedder import weights_folder
from rag.index import Index
from rag.reranker import open_reranker
from rag.retrieve import search

QUESTION = "How heavy is the glass lamp?"


def make_cross_encoder(folder: Path, labels: int = 1) -> Path:
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(weights_folder())
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=labels,
        initializer_range=1.0,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cross_encoder(tmp_path_factory.mktemp("cross-encoder"))


def by_hand(folder: Path, question: str, text: str) -> float:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        logit = model(**tokenizer(question, text, return_tensors="pt")).logits
    return float(torch.sigmoid(logit[0, 0]))


def test_each_text_gets_the_probability_of_its_own_logit(cross_encoder: Path) -> None:
    sentences, twos = [("It rains.", 0.3), ("Ann came in May.", 0.5)], [("It rains. Ann came in May.", 0.4)]
    told = open_reranker(str(cross_encoder)).scores("Who came?", sentences, twos)
    texts = [text for text, _ in (*sentences, *twos)]
    assert told == pytest.approx([by_hand(cross_encoder, "Who came?", text) for text in texts], abs=1e-4)
    assert len(set(told)) == 3


def test_the_sentence_that_it_likes_best_is_shown(cross_encoder: Path, index: Index) -> None:
    judge = open_reranker(str(cross_encoder))
    found = search(index, QUESTION, judge)
    best = index.sentences[found.sentences[0]].text
    assert found.scores[0] == pytest.approx(by_hand(cross_encoder, QUESTION, best), abs=1e-4)
    others = [(sentence.text, 0.0) for sentence in index.sentences]
    assert not found.together and len(others) <= index.settings.candidates
    assert found.scores[0] == pytest.approx(max(judge.scores(QUESTION, others)), abs=1e-4)


def test_no_sentences_take_no_model(cross_encoder: Path) -> None:
    assert open_reranker(str(cross_encoder)).scores(QUESTION, []) == []


def test_a_cross_encoder_that_is_nowhere_says_what_to_do(tmp_path: Path) -> None:
    for name in (str(tmp_path), "nobody/no-such-reranker"):
        with pytest.raises(ModelUnavailable, match=f"'{name}' cannot be loaded.*Set reranker"):
            open_reranker(name)


def test_a_classifier_with_several_scores_is_no_reranker(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="gives 3 scores"):
        open_reranker(str(make_cross_encoder(tmp_path, labels=3)))
