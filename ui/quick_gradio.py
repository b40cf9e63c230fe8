"""Halves the time of Gradio's start, and keeps it off the network.

At every import Gradio parses the source of each of its components to refresh the `.pyi` stubs that editors
read. That took 2.0 of 4.0 seconds here, and the stubs ship with the package. Gradio also imports pandas (0.5 s), which
nothing of it uses before a plot is drawn or an event is over, and makes its web application four times, of which the
last is served (0.6 s). Where a later version no longer does one of these, that part does nothing.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

STUB_WRITER_MODULE = "gradio.component_meta"
CACHING_MODULE = "gradio.caching"


class _Quicker:
    """Finds two modules as usual and changes how they run."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in (STUB_WRITER_MODULE, CACHING_MODULE):
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return spec
        run_module = spec.loader.exec_module

        def run_and_replace(module: ModuleType) -> None:
            run_module(module)
            _without_stubs(module)

        def run_without_pandas(module: ModuleType) -> None:
            with _later("pandas"):
                run_module(module)

        run = run_and_replace if name == STUB_WRITER_MODULE else run_without_pandas
        spec.loader.exec_module = run  # type: ignore[method-assign]
        return spec


def _without_stubs(module: ModuleType) -> None:
    if hasattr(module, "create_or_modify_pyi"):
        module.create_or_modify_pyi = lambda *_: None  # type: ignore[attr-defined]


class _Later(ModuleType):
    """Stands for a module and imports it when something in it is used."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def _later(name: str) -> Iterator[None]:
    """Whoever imports the module meanwhile gets a stand-in, and the module once something in it is used. For while no
    other thread imports."""
    if name in sys.modules:
        yield
        return
    stand_in = _Later(name)
    stand_in.__spec__ = importlib.util.find_spec(name)
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]


def prepare() -> None:
    """Call this before Gradio is imported; later it only keeps components of our own from getting stubs."""
    if "gradio" in sys.modules:
        if STUB_WRITER_MODULE in sys.modules:
            _without_stubs(sys.modules[STUB_WRITER_MODULE])
        return
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    # After every event Gradio summarises its last events for a monitoring page that we switch off.
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1000")
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "50")
    sys.meta_path.insert(0, _Quicker())


class _NoApp:
    """In the place of Gradio's class for its web application."""

    @staticmethod
    def create_app(*_: object, **__: object) -> None:
        """No application yet: `launch` makes the one that is served, with a class that it imports for itself."""


@contextmanager
def without_app() -> Iterator[None]:
    """While the pages are laid out and their queue is set up, Gradio makes no web application. For one thread at a
    time, since the whole process has one Gradio."""
    blocks: Any = importlib.import_module("gradio.blocks")
    if not hasattr(blocks, "App"):
        yield
        return
    kept, blocks.App = blocks.App, _NoApp
    try:
        yield
    finally:
        blocks.App = kept
