"""The retriever's training: what it looks at, what it loses by, and that on the real MiniLM it moves questions only."""

import json
import math
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from arena.errors import ModelUnavailable, WorkspaceError
from arena.facts import Fact, load_facts
from finetune.embedder import encoded
from finetune.retriever import (
    EVERY_FACT,
    LEAST_STEPS,
    Corpus,
    NearEvidence,
    RetrieverSettings,
    Sought,
    brought,
    fitting,
    rehearsal,
    rows,
    sought,
    train_retriever,
    write_retriever,
)
from rag.embedder import ADAPTER, SentenceEmbedder, load, open_embedder, weights_folder, workspace_embedder
from rag.settings import RETRIEVER, Settings

SENTENCES = (
    "The red lamp costs 3 crowns.",
    "The blue lamp costs 4 crowns.",
    "Ann leads the lamp team.",
    "The lamp team sits in Tarn.",
    "Nobody has asked about the canteen.",
    "The  RED lamp costs 3 crowns",
)
TINY = RetrieverSettings(epochs=24, batch=4, rank=4, alpha=8, checkpoint_steps=20)


def fact(name: str, evidence: tuple[str, ...], training: tuple[str, ...], kind: str = "trained") -> Fact:
    held = (f"Held out about {name}?",)
    return Fact(name, kind, ("lamps.md",), training, held, "x", ("x",), evidence=evidence)  # type: ignore[arg-type]


RED = fact("red", (SENTENCES[0],), ("What sets me back three for a ruby light?", "ruby", "Ruby light, charge"))
BLUE = fact("blue", (SENTENCES[1],), ("Sapphire light, charge", "sapphire", "What is paid for a sapphire light?"))
LEAD = fact("lead", (SENTENCES[3], SENTENCES[2]), ("Who is boss in Tarn?", "Tarn, chief", "Head of those in Tarn"))
UNTAUGHT = fact("canteen", (SENTENCES[4],), ("Canteen?",), "documents only")
UNANSWERABLE = fact("moon", (), ("Moon?",), "unanswerable")
ELSEWHERE = fact("gone", ("This stands in no document.",), ("Where?",))
FACTS = [RED, BLUE, LEAD, UNTAUGHT, UNANSWERABLE, ELSEWHERE]


def corpus(vectors: numpy.ndarray) -> Corpus:
    """Two sentences to a passage, the last one's in the first."""
    parents = numpy.array([0, 0, 1, 1, 2, 0])
    passages = numpy.stack([vectors[parents == passage].mean(axis=0) for passage in range(3)])
    passages /= numpy.linalg.norm(passages, axis=1, keepdims=True)
    return Corpus(SENTENCES, vectors, parents, passages)


def test_evidence_is_found_wherever_it_stands_and_facts_without_are_left_out() -> None:
    found = sought(FACTS, corpus(numpy.eye(6, dtype=numpy.float32)))
    assert found == [
        Sought(RED.training, ((0, 5),)),
        Sought(BLUE.training, ((1,),)),
        Sought(LEAD.training, ((3,), (2,))),
    ]


def test_a_rehearsal_asks_what_it_did_not_train_on_and_never_what_is_held_out() -> None:
    facts = load_facts(Path("demo") / "questions.jsonl")
    practised, wordings, others = rehearsal(facts)
    trained = {text for each in practised for text in each.training}
    asked = {text for each in (*wordings, *others) for text in each.training}
    usable = [each for each in facts if each.kind == "trained" and each.evidence]
    assert not trained & asked
    assert trained | asked == {text for each in usable for text in each.training}
    assert len(others) == len(usable) // EVERY_FACT
    assert not {each.id for each in practised} & {each.id for each in others}
    held = {text for each in facts for text in (*each.held_out, *each.oblique)}
    assert not held & (trained | asked)
    # Every kind of writing is asked for: the plain wordings come first, the riddles last.
    whole = {each.id: each.training for each in facts}
    places = {whole[each.id].index(text) / len(whole[each.id]) for each in wordings for text in each.training}
    assert min(places) < 0.2 and max(places) > 0.8


class Fixed(torch.nn.Module):
    """A model that gives these vectors, whatever it is asked."""

    def __init__(self, vectors: list[list[float]]) -> None:
        super().__init__()
        self.vectors = torch.tensor(vectors)

    def forward(self, features: Any) -> dict[str, torch.Tensor]:
        return {"sentence_embedding": self.vectors}


def lost(vector: list[float], label: int, passage_weight: float = 0.0) -> float:
    settings = RetrieverSettings(scale=2.0, passage_weight=passage_weight)
    space = corpus(numpy.eye(6, dtype=numpy.float32))
    loss = NearEvidence(Fixed([vector]), space, sought(FACTS, space), settings)
    return float(loss([{}], torch.tensor([label])))


def test_the_loss_is_the_evidences_share_among_the_evidence_of_all_facts() -> None:
    # Five sentences are evidence, the one about the canteen is not. At twice the cosine, exp(2) against four times 1.
    toward_blue = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert lost(toward_blue, 1) == pytest.approx(-math.log(math.exp(2) / (math.exp(2) + 4)))
    # Said twice: one of the two places will do.
    assert lost([1.0, 0, 0, 0, 0, 0], 0) == pytest.approx(-math.log((math.exp(2) + 1) / (math.exp(2) + 4)))
    # Two sentences of evidence: the mean of both.
    both = [-math.log(math.exp(2) / (math.exp(2) + 4)), -math.log(1 / (math.exp(2) + 4))]
    assert lost([0, 0, 0, 1.0, 0, 0], 2) == pytest.approx(sum(both) / 2)


def test_what_no_fact_rests_on_is_not_pushed_away() -> None:
    assert lost([0, 0.5, 0, 0, 0.8660254, 0], 1) == pytest.approx(-math.log(math.exp(1) / (math.exp(1) + 4)))


def test_passages_count_by_their_weight() -> None:
    vector = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    near = 1 / math.sqrt(3)  # of the blue sentence to the mean of the three in its passage
    passage = -math.log(math.exp(2 * near) / (math.exp(2 * near) + 1))  # two passages hold evidence
    assert lost(vector, 1, 0.5) == pytest.approx(lost(vector, 1) + 0.5 * passage)


def test_the_same_seed_gives_the_same_order_in_whole_batches() -> None:
    found = sought(FACTS, corpus(numpy.eye(6, dtype=numpy.float32)))
    data = rows(found, TINY)
    assert data == rows(found, TINY) != rows(found, RetrieverSettings(epochs=24, batch=4, seed=7))
    assert len(data) == 216  # 24 times 9 wordings, in batches of 4
    assert len(rows(found, RetrieverSettings(epochs=1, batch=4))) == 8  # one fills no batch
    assert {row["anchor"]: row["label"] for row in data}["sapphire"] == 1


def test_a_few_wordings_are_shown_until_there_are_enough_steps() -> None:
    found = sought(FACTS, corpus(numpy.eye(6, dtype=numpy.float32)))
    few = fitting(found, RetrieverSettings())
    assert (few.batch, few.epochs) == (9, LEAST_STEPS)
    many = [Sought(tuple(f"question {number}" for number in range(5000)), ((0,),))]
    assert (fitting(many, RetrieverSettings()).batch, fitting(many, RetrieverSettings()).epochs) == (64, 2)
    assert fitting(found, RetrieverSettings(epochs=1)).epochs == 1


def test_two_facts_with_evidence_are_needed(tmp_path: Path) -> None:
    space = corpus(numpy.eye(6, dtype=numpy.float32))
    with pytest.raises(WorkspaceError, match='1 facts of class .trained. have training wordings and "evidence"'):
        train_retriever(None, space, sought([RED, UNTAUGHT], space), tmp_path, TINY, lambda _: None)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, tuple[int, int]]]:
    """(a workspace with an adapter, its run folder, what was brought before and after) on the real MiniLM."""
    folder = tmp_path_factory.mktemp("retriever")
    embedder = open_embedder()
    space = corpus(embedder.encode(SENTENCES))
    found = sought(FACTS, space)
    model = load(weights_folder(), ADAPTER)
    told = {f"{name} before": value for name, value in brought(model, space, found).items()}
    result = train_retriever(model, space, found, folder / "run", TINY, lambda _: None)
    assert result.steps == 54 and result.pairs == 216 and result.losses
    told |= brought(model, space, found)
    write_retriever(model, folder / RETRIEVER, "some/name", embedder.identity, "# card\n")
    return folder, folder / "run", told


def test_questions_come_nearer_to_what_answers_them(
    trained: tuple[Path, Path, dict[str, tuple[int, int]]],
) -> None:
    _, _, told = trained
    assert told["nearest before"][0] < 6
    assert told["nearest"] == (9, 9)


def test_only_questions_move_when_the_adapter_is_loaded(
    trained: tuple[Path, Path, dict[str, tuple[int, int]]],
) -> None:
    workspace, *_ = trained
    usual, own = open_embedder(), workspace_embedder(workspace, None, Settings())
    assert own.identity == usual.identity and own.query_identity and not usual.query_identity
    assert own.encode(["ruby"]) == pytest.approx(usual.encode(["ruby"]), abs=1e-6)
    assert usual.encode_query(["ruby"]) == pytest.approx(usual.encode(["ruby"]))
    asked = own.encode_query(["ruby"])[0]
    red, blue = own.encode(SENTENCES[:2])
    assert asked @ red > asked @ blue + 0.2
    assert own.embed_query("ruby") == pytest.approx(asked)
    left_out = workspace_embedder(workspace, None, Settings(query_adapter="none"))
    assert not left_out.query_identity


def test_a_run_that_is_done_is_not_trained_again(trained: tuple[Path, Path, dict[str, tuple[int, int]]]) -> None:
    space = corpus(open_embedder().encode(SENTENCES))
    told: list[str] = []
    model = load(weights_folder(), ADAPTER)
    result = train_retriever(model, space, sought(FACTS, space), trained[1], TINY, told.append)
    assert result.steps == 54 and not [text for text in told if text.startswith("step")]
    # What was merged into the embedder before is still there: the checkpoint brings the adapter alone.
    asked = workspace_embedder(trained[0], None, Settings()).encode_query(["ruby"])
    assert encoded(model, ["ruby"]) == pytest.approx(asked, abs=1e-5)


def test_an_adapter_of_another_embedder_or_a_damaged_one_says_how_to_go_on(
    trained: tuple[Path, Path, dict[str, tuple[int, int]]], tmp_path: Path
) -> None:
    own = trained[0] / RETRIEVER
    with pytest.raises(ModelUnavailable, match=r"another embedder.*finetune retriever.*query_adapter = .none"):
        SentenceEmbedder(weights_folder(), query_adapter=own)  # without the adapter that it was trained on
    with pytest.raises(ModelUnavailable, match=r"cannot be read.*finetune retriever"):
        open_embedder(query_adapter=tmp_path)
    for file in own.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "adapter_model.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelUnavailable, match=r"cannot be loaded.*finetune retriever"):
        open_embedder(query_adapter=tmp_path)
    # The same model from the Hub may be another file; another adapter of it is another embedder.
    mark = json.loads((own / "arena.json").read_text())["embedder"]
    model, adapter = mark.split("+")
    (tmp_path / "adapter_model.safetensors").write_bytes((own / "adapter_model.safetensors").read_bytes())
    (tmp_path / "arena.json").write_text(json.dumps({"embedder": f"{model[:-4]}beef+{adapter}"}))
    assert open_embedder(query_adapter=tmp_path).query_identity
    (tmp_path / "arena.json").write_text(json.dumps({"embedder": f"{model}+{adapter[:-4]}beef"}))
    with pytest.raises(ModelUnavailable, match="another embedder"):
        open_embedder(query_adapter=tmp_path)
    config = json.loads((own / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "some/name"
    assert (own / "README.md").read_text() == "# card\n"
