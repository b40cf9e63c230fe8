"""How wiring.py puts together what loads in the background, without models."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from arena.errors import IndexUnavailable
from arena.loading import Loading
from arena.question import Question
from arena.runner import answer_all
from arena.workspace import open_workspace
from rag.build import EMBEDDING
from tests.rag.examples import tiny_workspace
from tests.rag.test_reranker import make_cross_encoder
from wiring import Parts

FOREIGN = "The adapter in a was trained on somebody/big; the base model here is small. Train it again on this base."


def test_a_side_whose_adapter_was_refused_says_why(tmp_path: Path) -> None:
    refused = SimpleNamespace(failures={"fine-tuned": FOREIGN, "reader": FOREIGN}, identities={})

    def no_index(report: Any) -> Any:
        raise IndexUnavailable("no index in this test")

    parts = Parts(open_workspace(tmp_path))
    parts.engine = Loading("base model", lambda report: refused)
    parts.index = Loading("document index", no_index)
    assert parts.models().status == "loading"
    answers = answer_all(parts.start().runner(), {name: Question("?") for name in ("fine-tuned", "rag")})
    assert parts.models().status == "ready" and f"Without reader: {FOREIGN}" in parts.models().detail
    assert {name: answer.failure for name, answer in answers.items()} == {"fine-tuned": FOREIGN, "rag": FOREIGN}


def test_the_hybrid_takes_part_when_its_adapter_was_trained(tmp_path: Path) -> None:
    assert "hybrid" not in Parts(open_workspace(tmp_path)).runner().contestants
    (tmp_path / "adapters" / "hybrid").mkdir(parents=True)
    parts = Parts(open_workspace(tmp_path))
    assert "hybrid" in parts.runner().contestants
    assert parts._adapters()["hybrid"] == tmp_path / "adapters" / "hybrid"


def test_a_workspaces_own_judge_judges_unless_the_reader_is_wanted(tmp_path: Path) -> None:
    own = tmp_path / "adapters" / "judge"

    def judge() -> tuple[Any, bool]:
        parts = Parts(open_workspace(tmp_path))
        adapters = parts._adapters()
        engine = SimpleNamespace(
            failures={}, identities={name: {"adapter": name} for name in adapters}, settings=SimpleNamespace()
        )
        parts.engine = Loading("base model", lambda report: engine)
        embedder = SimpleNamespace(query_identity="")
        parts.index = Loading("document index", lambda report: SimpleNamespace(embedder=embedder))
        parts._chat_model = lambda name, report: None  # type: ignore[method-assign, assignment, return-value]
        for loading in (parts.engine, parts.index):
            loading.start()
        return parts._judge(lambda text: None), "its own judge decides" in parts.about_rag()

    assert judge()[0].identity["adapter"] == "reader" and not judge()[1]
    own.mkdir(parents=True)
    (own / "adapter_model.safetensors").write_bytes(b"weights")
    assert judge()[0].identity["adapter"] == "judge" and judge()[1]
    (tmp_path / "workspace.toml").write_text('[rag]\njudge = "reader"\n')
    assert judge()[0].identity["adapter"] == "reader" and not judge()[1]
    (tmp_path / "workspace.toml").write_text('[rag]\njudge = "none"\n')
    assert judge()[0] is None


def test_a_cross_encoder_judges_where_one_is_wanted(tmp_path: Path) -> None:
    folder = make_cross_encoder(tmp_path / "reranker")
    (tmp_path / "workspace.toml").write_text(f'[rag]\njudge = "cross-encoder"\nreranker = "{folder}"\n')
    parts = Parts(open_workspace(tmp_path))
    assert f"the cross-encoder {folder} decides" in parts.about_rag()
    parts.index = Loading("document index", lambda report: None).start()
    parts.reranker.start()
    assert parts._judge(lambda text: None).identity == {"cross_encoder": str(folder)}


@pytest.mark.parametrize(
    ("trained", "told"),
    [
        ((), "the reader adapter decides."),
        (("retriever",), "the reader adapter decides. Trained on this workspace's questions: its search."),
        (
            ("retriever", "judge"),
            "its own judge decides. Trained on this workspace's questions: its search and its judge.",
        ),
    ],
)
def test_the_page_tells_what_of_rag_was_trained_here(trained: tuple[str, ...], told: str, tmp_path: Path) -> None:
    for name in trained:
        (tmp_path / "adapters" / name).mkdir(parents=True)
    about = Parts(open_workspace(tmp_path)).about_rag()
    assert about == f"RAG answers are written by the reader adapter. Which sentences it reads, {told}"


def test_the_page_tells_when_the_untouched_base_model_writes(tmp_path: Path) -> None:
    (tmp_path / "workspace.toml").write_text('[rag]\ngenerator = "base"\njudge = "none"\n')
    assert Parts(open_workspace(tmp_path)).about_rag() == "RAG answers are written by the untouched base model."


def test_the_hybrids_judge_is_never_laxer_than_rags(tmp_path: Path) -> None:
    def needed(rag: float, hybrid: float) -> float:
        text = f"[rag]\njudged_below = {rag}\n\n[hybrid]\njudged_below = {hybrid}\n"
        (tmp_path / "workspace.toml").write_text(text)
        parts = Parts(open_workspace(tmp_path))
        return parts.hybrids_line

    assert needed(0.65, 0.6) == 0.65 and needed(0.3, 0.6) == 0.6


def test_the_building_of_an_index_is_told_on_the_page_and_in_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = Parts(open_workspace(tiny_workspace(tmp_path)))
    parts.engine = Loading("base model", lambda report: None).start()
    on_the_page: list[str] = []
    parts._index(on_the_page.append)
    assert [text for text in on_the_page if text.startswith(f"document index: {EMBEDDING}")]
    assert EMBEDDING in capsys.readouterr().err
