"""A cross-encoder as the judge of sentences: any reranker of sentence-transformers, from a folder or the Hub.

It reads question and sentence together (Nogueira and Cho, "Passage re-ranking with BERT", 2019), and its one logit
becomes a probability. None ships: no package carries the weights of one, and the reader's adapter judges instead.
Whoever has some says `judge = "cross-encoder"`; where to draw the line, `judged_below`, is another matter for each.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arena.errors import ModelUnavailable
from arena.worker import Caller, Worker

BATCH = 32
WAY_OUT = 'Set reranker under [rag] in workspace.toml to a folder or a Hub name, or judge = "workspace".'


class CrossEncoderJudge:
    """See `retrieve.Judge`. It computes in `worker`; without one in the caller's thread."""

    def __init__(self, model: Any, name: str, worker: Worker | None = None) -> None:
        self._model, self._worker = model, worker or Caller()
        revision = getattr(model.config, "_commit_hash", None)
        self.identity = {"cross_encoder": f"{name}@{revision}" if revision else name}

    def scores(
        self, question: str, sentences: Sequence[tuple[str, float]], twos: Sequence[tuple[str, float]] = ()
    ) -> list[float]:
        """For each sentence, and then for each two of them in one text, the logistic of its logit. The score that it
        was found by does not count."""
        from torch.nn import Sigmoid

        asked = [(question, text) for text, _ in (*sentences, *twos)]
        if not asked:
            return []
        told = self._worker.call(
            self._model.predict, asked, batch_size=BATCH, activation_fn=Sigmoid(), show_progress_bar=False
        )
        return [float(value) for value in told]


def open_reranker(name: str, worker: Worker | None = None) -> CrossEncoderJudge:
    """The cross-encoder in the folder `name`, or of that name on the Hub, whose cache comes first.

    Raises:
        ModelUnavailable: it cannot be had, or gives another number of scores than one, with what to do.
    """
    model = (worker or Caller()).call(_load, name)
    if model.num_labels != 1:
        raise ModelUnavailable(
            f"The cross-encoder '{name}' gives {model.num_labels} scores for a question and a sentence, and a reranker "
            f"gives one. {WAY_OUT}"
        )
    return CrossEncoderJudge(model, name, worker)


def _load(name: str) -> Any:
    from sentence_transformers import CrossEncoder

    try:
        return CrossEncoder(name, local_files_only=True)
    except Exception as at_home:
        if Path(name).is_dir():
            raise _not_loaded(name, at_home) from at_home
    try:
        return CrossEncoder(name)
    except Exception as error:
        raise _not_loaded(name, error) from error


def _not_loaded(name: str, error: Exception) -> ModelUnavailable:
    why = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return ModelUnavailable(f"The cross-encoder '{name}' cannot be loaded ({why}). {WAY_OUT}")
