"""How wiring.py puts together what loads in the background, without models."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from arena.errors import IndexUnavailable
from arena.loading import Loading
from arena.question import Question
from arena.runner import answer_all
from arena.workspace import open_workspace
from wiring import Parts

FOREIGN = "The adapter in a was trained on somebody/big; the base model here is small. Train it again on this base."


def test_a_side_whose_adapter_was_refused_says_why(tmp_path: Path) -> None:
    refused = SimpleNamespace(failures={"fine-tuned": FOREIGN, "reader": FOREIGN}, identities={})

    def no_index(report: Any) -> Any:
        raise IndexUnavailable("no index in this test")

    parts = Parts(open_workspace(tmp_path))
    parts.engine = Loading("base model", lambda report: refused)
    parts.index = Loading("document index", no_index)
    answers = answer_all(parts.start().runner(), {name: Question("?") for name in ("fine-tuned", "rag")})
    assert {name: answer.failure for name, answer in answers.items()} == {"fine-tuned": FOREIGN, "rag": FOREIGN}


def test_the_hybrid_takes_part_when_its_adapter_was_trained(tmp_path: Path) -> None:
    assert "hybrid" not in Parts(open_workspace(tmp_path)).runner().contestants
    (tmp_path / "adapters" / "hybrid").mkdir(parents=True)
    parts = Parts(open_workspace(tmp_path))
    assert "hybrid" in parts.runner().contestants
    assert parts._adapters()["hybrid"] == tmp_path / "adapters" / "hybrid"
