"""A supervised engine as a backend: requests in, its answers out, and while it is started again they wait.

The law: what could not be sent is sent when the engine is back; what may have brought it down is not sent for ever.
"""

import asyncio

from adapters.backend import Backend, BackendResponse, RawHeaders
from memory.errors import EngineDown
from proxy.supervisor import EngineProcess

_PATIENCE_S = 30.0
_PAUSE_S = 0.05
_NOTHING_SENT = "upstream_unreachable"


class EngineBackend:
    """The local model's process, reached over its socket."""

    def __init__(self, inner: Backend, engine: EngineProcess, *, patience_s: float = _PATIENCE_S) -> None:
        """``patience_s``: how long a request waits for an engine that is being started again."""
        self._inner = inner
        self._engine = engine
        self._patience_s = patience_s

    @property
    def shares_cache(self) -> bool:
        """As the engine does."""
        return self._inner.shares_cache

    async def send(self, method: str, path: str, headers: RawHeaders, body: bytes = b"") -> BackendResponse:
        """Return the response once its headers are here. Raises: EngineDown (``model_loading``: it is still away)."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._patience_s
        while await self._engine.wait_ready(max(0.0, end - loop.time())):
            try:
                return await self._inner.send(method, path, headers, body)
            except EngineDown as fault:
                if fault.code != _NOTHING_SENT or loop.time() >= end:
                    raise
                await asyncio.sleep(_PAUSE_S)  # until its end is noticed
        raise EngineDown(
            "The local model is being started again. Try again in a moment.", code="model_loading", retry_after_s=5.0
        )

    async def ready(self) -> str | None:
        """Return why it cannot take a chat now."""
        return await self._inner.ready() if self._engine.ready else "the local model is not loaded"

    async def close(self) -> None:
        """Close all connections."""
        await self._inner.close()
