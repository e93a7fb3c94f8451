"""A question and texts in, how well each answers it out, by a cross-encoder behind any ``/rerank`` endpoint.

The request is what Cohere, Jina, vLLM, llama-server and LiteLLM take; TEI's bare list is read too.
"""

from collections.abc import Mapping, Sequence

import httpx
import numpy as np

from memory.errors import EngineDown
from memory.ports import Vector


class RerankApi:
    """A ``Reranker`` behind HTTP."""

    def __init__(self, *, base_url: str, model: str, api_key: str = "", timeout_s: float = 1.0) -> None:
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(base_url=base_url.rstrip("/") + "/", headers=headers, timeout=timeout_s)
        self._model = model

    def score(self, question: str, texts: Sequence[str]) -> Vector:
        """Return one number a text, in order; a text that the server leaves out gets the least of the others.

        Raises: EngineDown: no answer in time, or one that holds no scores.
        """
        body = {
            "model": self._model,
            "query": question,
            "documents": list(texts),
            "texts": list(texts),
            "top_n": len(texts),
        }
        try:
            response = self._client.post("rerank", json=body)
            response.raise_for_status()
            told = response.json()
            rows = told["results"] if isinstance(told, Mapping) else told
            found = {int(row["index"]): float(row.get("relevance_score", row.get("score"))) for row in rows}
        except httpx.HTTPError as exc:
            raise EngineDown(f"The reranker at {self._client.base_url} does not answer: {exc}") from exc
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise EngineDown(f"The reranker at {self._client.base_url} sent no scores.") from exc
        if not found or not np.isfinite(list(found.values())).all():
            raise EngineDown(f"The reranker at {self._client.base_url} sent no scores.")
        least = min(found.values())
        return np.array([found.get(n, least) for n in range(len(texts))], np.float32)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
