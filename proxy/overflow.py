"""A model server's error in, whether it says that the request is too long out."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

import orjson

from adapters.backend import BackendResponse, RawHeaders

OVERFLOW_STATUS = 400
#: OpenAI, LiteLLM and our engine say it by code, llama-server by type; vLLM, SGLang and TGI only in words
_CODES = {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}
_WORDS = (
    "maximum context length",
    "context length",
    "context size",
    "context window",
    "inputs tokens + max_new_tokens",
)


@dataclass(frozen=True, slots=True)
class Replayed:
    """A response that was read to its end and can be relayed all the same."""

    status: int
    headers: RawHeaders
    body: bytes

    @classmethod
    async def of(cls, response: BackendResponse) -> Self:
        """Read a response. Raises: BrokenOff."""
        pieces = [piece async for piece in response.chunks()]
        return cls(response.status, response.headers, b"".join(pieces))

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body."""
        if self.body:
            yield self.body

    def close(self) -> None:
        """There is nothing left to close."""


def is_overflow(body: bytes) -> bool:
    """True when the error says that the prompt does not fit into the model's context."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    error = content.get("error", content) if isinstance(content, dict) else None
    if isinstance(error, str):
        error = {"message": error}
    if not isinstance(error, dict):
        return False
    if error.get("code") in _CODES or error.get("type") in _CODES:
        return True
    message = str(error.get("message", "")).lower()
    return any(words in message for words in _WORDS)
