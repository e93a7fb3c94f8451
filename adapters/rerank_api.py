"""A question and texts in, how well each answers it out, by a cross-encoder behind any ``/rerank`` endpoint.

The request is the one that Cohere, Jina, vLLM, llama-server and LiteLLM take. A server that fails is left alone for a
while, so that not every recall waits for it.
"""

import json
import time
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np

from memory.errors import EngineDown
from memory.ports import Vector

_REST_S = 30.0
_MAX_ANSWER_BYTES = 4 << 20


class RerankApi:
    """A ``Reranker`` behind HTTP. Thread-safe."""

    def __init__(self, *, base_url: str, model: str, api_key: str = "", timeout_s: float = 1.0) -> None:
        """``timeout_s``: of the whole answer; connecting may take as long once more."""
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(base_url=base_url.rstrip("/") + "/", headers=headers, timeout=timeout_s)
        self._name = f"The reranker at {self._client.base_url.host}"
        self._model, self._timeout_s = model, timeout_s
        self._again_at = 0.0

    def score(self, question: str, texts: Sequence[str]) -> Vector:
        """Return one number a text, in order; a text that the server leaves out gets the least of the others.

        Raises: EngineDown: no answer in time, one that holds no scores, or none for the last half minute's sake.
        """
        if time.monotonic() < self._again_at:
            raise EngineDown(f"{self._name} is left alone for a while, because it failed.")
        try:
            return self._scores(
                {"model": self._model, "query": question, "documents": list(texts), "top_n": len(texts)}
            )
        except EngineDown:
            self._again_at = time.monotonic() + _REST_S
            raise

    def _scores(self, body: dict[str, Any]) -> Vector:
        try:
            rows = json.loads(self._answer(body))["results"]
            found = {int(row["index"]): float(row["relevance_score"]) for row in rows}
        except httpx.HTTPStatusError as exc:
            raise EngineDown(f"{self._name} answered {exc.response.status_code}.") from None
        except httpx.HTTPError as exc:
            raise EngineDown(f"{self._name} does not answer: {type(exc).__name__}.") from None
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as exc:
            raise EngineDown(f"{self._name} sent no scores.") from exc
        least = min(found.values(), default=float("nan"))
        with np.errstate(over="ignore"):
            scores = np.array([found.get(n, least) for n in range(len(body["documents"]))], np.float32)
        if not np.isfinite(scores).all():
            raise EngineDown(f"{self._name} sent no scores.")
        return scores

    def _answer(self, body: dict[str, Any]) -> bytes:
        """Return the body of the answer; a server that sends it drop by drop is cut off."""
        end = time.monotonic() + self._timeout_s
        with self._client.stream("POST", "rerank", json=body) as response:
            response.raise_for_status()
            told = bytearray()
            for part in response.iter_bytes():
                told += part
                if time.monotonic() > end or len(told) > _MAX_ANSWER_BYTES:
                    raise httpx.ReadTimeout("the answer takes too long")
        return bytes(told)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
