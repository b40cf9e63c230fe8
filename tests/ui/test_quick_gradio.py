"""What of Gradio's start is skipped, and that what was skipped still works when it is needed."""

import subprocess
import sys

import gradio as gr

import ui
from arena.runner import Runner
from tests.fakes import FakeContestant, FakeHistory
from ui.quick_gradio import without_app

IN_A_PROCESS_OF_ITS_OWN = """
import importlib.util
import sys
import ui.pages
import ui.server
import gradio
import gradio.caching
assert not any(name.startswith("pandas") for name in sys.modules), "pandas was imported"
import pandas
from pandas.io.formats.style import Styler
frame = pandas.DataFrame({"step": [1, 2]})
assert isinstance(frame, gradio.caching.pd.DataFrame)
assert gradio.caching._hash_repr(frame) != gradio.caching._hash_repr(frame * 2)
print("as usual")
"""


def test_gradio_starts_without_pandas_and_uses_it_later() -> None:
    told = subprocess.run([sys.executable, "-c", IN_A_PROCESS_OF_ITS_OWN], capture_output=True, text=True)
    assert told.stdout == "as usual\n", told.stderr


def test_no_web_application_is_made_while_the_pages_are_laid_out() -> None:
    with without_app():
        with gr.Blocks() as early:
            gr.Textbox()
        early.queue()
    assert early.app is None
    runner = Runner({name: FakeContestant(name) for name in ("fine-tuned", "rag")})
    assert ui.build(runner, FakeHistory(), ui.Settings(workspace="demo")).app is None
    with gr.Blocks() as usual:
        gr.Textbox()
    assert usual.app is not None
