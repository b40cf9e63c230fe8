"""What `next_pair.py` compares with: a Gradio page with nothing but one button that replaces a text.
`python -m tests.benchmarks.bare_page PORT`."""

import itertools
import sys

import gradio as gr
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


def ready(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ready")


def serve(port: int) -> None:
    """Until killed."""
    numbers = itertools.count(1)
    with gr.Blocks(analytics_enabled=False) as demo:
        text = gr.HTML("<p>0</p>", elem_id="text", js_on_load=None)
        button = gr.Button("Next", elem_id="next")
        button.click(lambda: f"<p>{next(numbers)}</p>", None, text, show_progress="hidden")
    routes = [Route("/healthz", ready)]
    demo.launch(server_port=port, quiet=True, ssr_mode=False, share=False, app_kwargs={"routes": routes})


if __name__ == "__main__":
    serve(int(sys.argv[1]))
