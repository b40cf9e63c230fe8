"""The right sentences, each once, at the price of one embedding."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from rag.embedder import SentenceEmbedder
from rag.index import Index, open_or_build
from rag.lexical import Lexicon
from rag.passages import SentenceRetriever, sentences_of
from rag.retrieve import BRIDGE_ENDS, BRIDGE_STARTS, min_max, passage_scores, reciprocal_ranks, search
from rag.settings import Settings
from tests.rag.examples import ScriptedJudge


class Counting:
    """An embedder that counts the texts it is handed."""

    def __init__(self, inner: SentenceEmbedder) -> None:
        self.inner, self.identity, self.query_identity, self.texts = inner, inner.identity, "", 0

    def encode(self, texts: Sequence[str]) -> numpy.ndarray:
        self.texts += len(texts)
        return self.inner.encode(texts)

    def encode_query(self, texts: Sequence[str]) -> numpy.ndarray:
        return self.encode(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self.inner.count_tokens(texts)


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("How heavy is the glass lamp?", "The Orlin glass lamp weighs 9 kilograms."),
        ("How heavy is the brass lamp?", "The Orlin brass lamp weighs 4 kilograms."),
        ("How many days off do I get each year?", "Every employee has 31 days of paid holiday a year."),
        ("price of the brass lamp", "Lamp: Brass lamp; Price: 80 euros"),
    ],
)
def test_the_sentence_that_answers_comes_first(index: Index, question: str, sentence: str) -> None:
    assert index.sentences[search(index, question).sentences[0]].text == sentence


def test_a_question_in_two_steps_brings_up_the_sentence_behind_the_first(index: Index) -> None:
    # In a tiny index words weigh less than in a real one: the bridge is given enough weight to be seen at work.
    two = replace(index, settings=replace(Settings(), sentences=2, bridge_weight=0.5))
    found = [two.sentences[place].text for place in search(two, "In which factory is the glass lamp made?").sentences]
    assert found == [
        "The glass lamp is made in the Fenmoor works.",
        "The Fenmoor works stand in the town of Aldergate.",
    ]


def test_a_judge_decides_which_sentence_is_shown(index: Index) -> None:
    judge = ScriptedJudge(Tavi_Brunn=0.9, weighs=0.7)
    found = search(index, "How heavy is the glass lamp?", judge)
    assert [index.sentences[place].text for place in found.sentences][:1] == ["It was designed by Tavi Brunn."]
    assert found.best == 0.9
    assert len(found.sentences) == index.settings.judged_sentences
    assert len(judge.asked) == 1 and len(judge.asked[0]) <= index.settings.candidates


def test_two_sentences_are_judged_together_when_none_is_enough(index: Index) -> None:
    judge = ScriptedJudge(**{"Fenmoor works. The Fenmoor": 0.8, "made in": 0.2})
    found = search(index, "In which town is the glass lamp made?", judge)
    assert [index.sentences[place].text for place in found.sentences] == [
        "The glass lamp is made in the Fenmoor works.",
        "The Fenmoor works stand in the town of Aldergate.",
    ]
    assert found.scores == (0.8, 0.8)


def test_without_bridges_only_single_sentences_are_judged(index: Index) -> None:
    judge = ScriptedJudge()
    search(replace(index, settings=replace(Settings(), bridges=0)), "Where is the glass lamp made?", judge)
    assert len(judge.asked) == 1


def test_twos_are_of_different_sentences_and_few(workspace: Path, embedder: SentenceEmbedder) -> None:
    (workspace / "documents" / "copy.md").write_text("The glass lamp is made in the Fenmoor works.")
    judge = ScriptedJudge()
    found = open_or_build(workspace, embedder)
    search(found, "In which town is the glass lamp made?", judge)
    single, with_twos = judge.asked
    twos = with_twos[len(single) :]
    assert with_twos[: len(single)] == single and 0 < len(twos) <= BRIDGE_STARTS * BRIDGE_ENDS
    assert "The glass lamp is made in the Fenmoor works. The glass lamp is made in the Fenmoor works." not in twos


def test_what_no_sentence_answers_keeps_its_low_score(index: Index) -> None:
    assert search(index, "What is the price of the steel lamp?", ScriptedJudge()).best == 0.1


def test_a_query_costs_one_embedding(workspace: Path, embedder: SentenceEmbedder) -> None:
    counting = Counting(embedder)
    index = open_or_build(workspace, counting)
    counting.texts = 0
    search(index, "How heavy is the glass lamp?")
    assert counting.texts == 1


def test_the_same_sentence_in_two_documents_is_shown_once(workspace: Path, embedder: SentenceEmbedder) -> None:
    (workspace / "documents" / "copy.md").write_text("The Orlin glass lamp weighs 9 kilograms.")
    index = open_or_build(workspace, embedder)
    texts = [index.sentences[place].text for place in search(index, "weight of the glass lamp").sentences]
    assert len(texts) == len(set(texts)) == index.settings.sentences


def test_documents_carry_location_score_and_verbatim_sentences(index: Index) -> None:
    documents = SentenceRetriever(index=index).invoke("How heavy is the glass lamp?")
    assert documents[0].metadata["document"] == "lamps.md"
    assert documents[0].metadata["location"] == "Glass lamp"
    assert all(text in document.page_content for document in documents for text in sentences_of([document]))
    assert sentences_of(documents)[0] == "The Orlin glass lamp weighs 9 kilograms."


@pytest.mark.parametrize("question", ["😀", "!!!", "the of and", "مرحبا", "x" * 2000])
def test_a_question_without_known_words_is_searched_all_the_same(index: Index, question: str) -> None:
    assert len(search(index, question).sentences) == index.settings.sentences


def test_coverage_weighs_rare_words_more() -> None:
    lexicon = Lexicon(["lamp brass", "lamp glass", "lamp steel"])
    brass, glass, steel = lexicon.coverage("Which lamps are of brass?")
    # log(1 + 3/4) for "lamp" in all three, log(1 + 3/2) for "brass" in one
    assert glass == steel == pytest.approx(0.5596 / (0.5596 + 0.9163), abs=1e-3)
    assert brass == pytest.approx(1.0)


def test_shared_words_leave_out_those_of_the_question() -> None:
    lexicon = Lexicon(["The lamp is from the Fenmoor works.", "Fenmoor lies in Aldergate.", "The lamp is heavy."])
    shared = lexicon.shared("The lamp is from the Fenmoor works.", without="Where is the lamp from?")
    assert shared[0] > shared[1] > shared[2] == 0


def test_reciprocal_ranks_are_those_of_the_paper_and_may_rank_passages(index: Index) -> None:
    assert reciprocal_ranks(numpy.array([0.2, 0.0, 0.9])).tolist() == pytest.approx([1 / 62, 0.0, 1 / 61])
    question = "Which lamp is made of brass?"
    query = index.embedder.encode_query([question])

    def fused(**settings: Any) -> numpy.ndarray:
        return passage_scores(replace(index, settings=replace(Settings(), **settings)), question, query)[0]

    meaning, words = fused(dense_weight=1.0), fused(dense_weight=0.0)
    both = 0.6 * reciprocal_ranks(meaning) + 0.4 * reciprocal_ranks(words)
    assert fused(fusion="reciprocal rank", dense_weight=0.6) == pytest.approx(min_max(both), abs=1e-4)
    named = replace(Settings(), fusion="reciprocal rank").as_identity()
    assert named.keys() - Settings().as_identity().keys() == {"fusion"}


def test_min_max_stretches_and_survives_equal_scores() -> None:
    assert min_max(numpy.array([2.0, 3.0, 4.0])).tolist() == [0.0, 0.5, 1.0]
    assert min_max(numpy.array([2.0, 2.0])).tolist() == [0.0, 0.0]
