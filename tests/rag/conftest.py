"""The real MiniLM, loaded once, and a tiny workspace indexed with the real FAISS."""

from pathlib import Path

import pytest

from rag.embedder import SentenceEmbedder, open_embedder
from rag.index import Index, open_or_build
from tests.rag.examples import tiny_workspace


@pytest.fixture(scope="session")
def embedder() -> SentenceEmbedder:
    return open_embedder()


@pytest.fixture(scope="session")
def index(embedder: SentenceEmbedder, tmp_path_factory: pytest.TempPathFactory) -> Index:
    return open_or_build(tiny_workspace(tmp_path_factory.mktemp("shared")), embedder)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tiny_workspace(tmp_path)
