"""What the proxy asks of whatever answers a chat: OpenAI requests in, raw OpenAI responses out.

Unlike the ports of memory this one is asynchronous: it lives on the event loop, between two sockets.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from memory.errors import EngineDown

RawHeaders = Sequence[tuple[bytes, bytes]]  # in wire order, names in any case, repeats allowed


class BrokenOff(EngineDown):
    """The model server's answer broke off."""


class BackendResponse(Protocol):
    """A response whose status and headers are here and whose body is still coming."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> RawHeaders: ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it was read: one read of the socket is one chunk, never empty.

        Raises: BrokenOff: it ended before its end, or fell silent for the read time-out.
        """
        ...

    def close(self) -> None:
        """Give the connection back when the body was read to its end, otherwise close its socket at once."""
        ...


class Backend(Protocol):
    """A model server that speaks OpenAI's protocol."""

    @property
    def shares_cache(self) -> bool:
        """True for our own engine: it keeps computed prefixes and takes ``cache_salt`` to keep users apart."""
        ...

    async def send(self, method: str, path: str, headers: RawHeaders, body: bytes = b"") -> BackendResponse:
        """Return the response once its headers are here; ``path`` stands below the base URL, e.g. ``/models``.

        Raises: EngineDown: it cannot be reached, or (code ``upstream_timeout``) does not answer in time.
        """
        ...

    async def ready(self) -> str | None:
        """Return why it cannot take a chat now, None when it can; computes nothing, asks no model."""
        ...

    async def close(self) -> None: ...
