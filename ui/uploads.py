"""Files from a browser, and nothing else: Gradio's own component also fetches addresses and reads other folders' files.

A path comes from the browser: only what lies in the folder that uploads go to is taken. Does not decide who may upload
(`ui.server.Guard`, and the handlers) and does not look into the files.
"""

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ListFiles

Upload = tuple[str, Path]
"""The name that its owner gave it, and where it lies."""


class Uploads(gr.File):
    """Several files. Hands its handler a list of `Upload`."""

    is_template = True  # Gradio then draws it as its own File

    async def async_move_resource_to_block_cache(self, url_or_file_path: str | Path | None) -> str | None:
        """Of what a browser says that it has uploaded, fetches nothing."""
        path = Path(str(url_or_file_path)).resolve()
        if not path.is_file() or not path.is_relative_to(Path(self.GRADIO_CACHE).resolve()):
            raise gr.Error("This is no uploaded file: choose it again.", print_exception=False)
        return str(path)

    def preprocess(self, payload: Any) -> list[Upload]:  # type: ignore[override]
        files = payload.root if isinstance(payload, ListFiles) else [payload] if payload else []
        return [(file.orig_name or Path(file.path).name, Path(file.path)) for file in files]


def forget(uploads: list[Upload]) -> None:
    """Clear away what Gradio keeps of them."""
    for _, path in uploads:
        path.unlink(missing_ok=True)
