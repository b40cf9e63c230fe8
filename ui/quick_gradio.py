"""Halves the time of importing Gradio, and keeps it off the network.

At every import Gradio parses the source of each of its components to refresh the `.pyi` stubs that editors
read. That took 2.0 of 4.0 seconds here, and the stubs ship with the package. Does nothing if a later
version no longer does this.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

STUB_WRITER_MODULE = "gradio.component_meta"


class _WithoutStubs:
    """Finds one module as usual and replaces one function once that module has run."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != STUB_WRITER_MODULE:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return spec
        run_module = spec.loader.exec_module

        def run_and_replace(module: ModuleType) -> None:
            run_module(module)
            _without_stubs(module)

        spec.loader.exec_module = run_and_replace  # type: ignore[method-assign]
        return spec


def _without_stubs(module: ModuleType) -> None:
    if hasattr(module, "create_or_modify_pyi"):
        module.create_or_modify_pyi = lambda *_: None  # type: ignore[attr-defined]


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
    sys.meta_path.insert(0, _WithoutStubs())
