"""Shared by all rooms' tests: nothing reaches the network, and a tiny real model is made once."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.tiny import make_tiny_model

    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a real PostgreSQL server with pgvector, which lives as long as the tests."""
    from tests import servers

    with servers.postgresql(servers.with_pgvector()) as url:
        yield url


@pytest.fixture(scope="session")
def votes_server() -> Iterator[str]:
    """The URL of a real PostgreSQL server as Debian has it, which lives as long as the tests."""
    from tests import servers

    with servers.postgresql(servers.debians()) as url:
        yield url


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests go last: Playwright keeps an event loop running in this thread until the session ends,
    and asyncio.run refuses to start beside it. The longest of them goes first, so that a process beside this one has
    something to do meanwhile."""
    items.sort(key=lambda item: ("end_to_end" in item.path.parts, item.path.stem != "test_real_journey"))
