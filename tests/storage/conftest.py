"""A history in a file of its own for each test, and a way to be nobody in particular."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage import DATABASE_FILE, DatabaseHistory, open_history

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / DATABASE_FILE


@pytest.fixture
def history(path: Path) -> DatabaseHistory:
    return open_history(path)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that an unprivileged user can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)
        Path(folder).chmod(0o777)


@contextmanager
def without_privileges() -> Iterator[None]:
    """File permissions bind root only when it is somebody else meanwhile."""
    privileged = os.geteuid() == 0
    if privileged:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if privileged:
            os.seteuid(0)
