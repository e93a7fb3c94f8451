"""Texts in, unit vectors of any OpenAI-compatible ``/v1/embeddings`` out."""

from collections.abc import Sequence

import httpx
import numpy as np

from memory.errors import EngineDown, Invalid
from memory.ports import Matrix

_BATCH = 32  # texts of one call; servers refuse very large ones


class EmbeddingsApi:
    """An ``Embedder`` behind HTTP. Its dimension is asked for once, at the start."""

    def __init__(self, *, base_url: str, model: str, api_key: str = "", timeout_s: float = 10.0) -> None:
        """Connect and learn the dimension.

        Raises: EngineDown: the server does not answer as it should.
        """
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(base_url=base_url.rstrip("/") + "/", headers=headers, timeout=timeout_s)
        self._model = model
        self.model_id = f"{model}@{httpx.URL(base_url).host}"
        self.dimension = self.embed(["dimension"]).shape[1]

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return one unit row per text, in order; ``_BATCH`` texts to a call.

        Raises: EngineDown: no answer, or one that is no list of embeddings.
        """
        batches = [self._call(texts[i : i + _BATCH]) for i in range(0, len(texts), _BATCH)]
        vectors = np.concatenate(batches).astype(np.float32)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Matrix = vectors / np.maximum(norms, 1e-12)
        return unit

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _call(self, texts: Sequence[str]) -> Matrix:
        # asked for as floats: some servers answer base64 unasked, none answers floats with something else
        body = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        try:
            response = self._client.post("embeddings", json=body)
            response.raise_for_status()
            rows = sorted(response.json()["data"], key=lambda row: row["index"])
            vectors: Matrix = np.array([row["embedding"] for row in rows], np.float32)
        except httpx.HTTPError as exc:
            raise EngineDown(f"The embedder at {self._client.base_url} does not answer: {exc}") from exc
        except (ValueError, KeyError, TypeError) as exc:
            raise EngineDown(f"The embedder at {self._client.base_url} sent no embeddings.") from exc
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise Invalid(f"The embedder sent {vectors.shape} for {len(texts)} texts.")
        return vectors
