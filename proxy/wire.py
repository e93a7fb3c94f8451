"""What crosses the two sockets: bodies with a limit, JSON both ways, and which headers go on.

Headers are ASGI pairs with lower-case names. A header goes on unless it belongs to one connection, to this proxy or to
its memory.
"""

import asyncio
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.types import Message, Receive

from memory.errors import Invalid
from proxy.identity import KEY_PREFIX
from proxy.restored import ACTIVATION_HEADERS

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
#: of a request, beside the above: recomputed, replaced, or nobody's business behind the proxy
_NOT_SENT = HOP_BY_HOP | {
    b"host",
    b"content-length",
    b"accept-encoding",
    b"expect",
    b"authorization",
    b"api-key",
    b"x-api-key",
    b"cookie",
}
_NOT_SENT_PREFIXES = (b"x-memory", b"x-openwebui-")
_OWN_KEY = KEY_PREFIX.encode()
#: of a response: the server in front writes its own
_NOT_RETURNED = HOP_BY_HOP | ACTIVATION_HEADERS | {b"date", b"server", b"set-cookie", b"alt-svc"}
_NOT_RETURNED_PREFIX = b"x-memory"  # of another proxy with memory behind this one: it speaks of another memory
# orjson turns integers beyond 64 bits into floats, without a word. Looked for by a table, since a regular expression
# takes longer over a long prompt than all the rest of the request.
_DIGITS = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
_LONG_NUMBER = b"0" * 19
IDENTITY_ENCODING = (b"accept-encoding", b"identity")


class ClientLeft(Exception):
    """The client closed its connection before its request was whole."""


class RequestHeaders:
    """Turns a caller's headers into those that the model server gets."""

    def __init__(self, memory_headers: Iterable[str]) -> None:
        """``memory_headers``: further names that speak to the memory only (users, conversations)."""
        self._dropped = _NOT_SENT | {name.lower().encode("latin-1") for name in memory_headers}

    def forwarded(self, headers: Iterable[tuple[bytes, bytes]], authorization: bytes | None) -> Headers:
        """Return the headers to send; ``authorization`` None leaves it to the backend's own key."""
        named = connection_named(headers)
        kept = [
            (name, value)
            for name, value in headers
            if name not in self._dropped
            and not name.startswith(_NOT_SENT_PREFIXES)
            and name not in named
            and _OWN_KEY not in value
        ]
        kept.append(IDENTITY_ENCODING)
        if authorization is not None:
            kept.append((b"authorization", authorization))
        return kept


def connection_named(headers: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    """Return the lower-case names that ``Connection`` declares to be of this connection only (RFC 9110, 7.6.1)."""
    return {
        token.strip().lower()
        for name, value in headers
        if len(name) == 10 and name.lower() == b"connection"
        for token in value.split(b",")
    }


def returned(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return those of a model server's headers that the client gets, names in lower case."""
    lower = [(name.lower(), value) for name, value in headers]
    named = connection_named(lower)
    return [
        (name, value)
        for name, value in lower
        if name not in _NOT_RETURNED and not name.startswith(_NOT_RETURNED_PREFIX) and name not in named
    ]


def value_of(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bytes:
    """Return a header's first value, or nothing."""
    return next((value for name, value in headers if name == wanted), b"")


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """How large a body may be and how long it may stall."""

    size_bytes: int
    knob: str  #: the setting that raises ``size_bytes``
    silence_s: float

    def check_declared(self, content_length: bytes) -> None:
        """Raises: Invalid: the body is to be too large."""
        if content_length.isdigit() and int(content_length[:20]) > self.size_bytes:
            raise self.too_large()

    async def next_message(self, receive: Receive) -> Message:
        """Return what comes next. Raises: Invalid: nothing comes for too long."""
        try:
            async with asyncio.timeout(self.silence_s):
                return await receive()
        except TimeoutError:
            raise Invalid(
                f"The request's body stopped for {self.silence_s:g} s (server.body_timeout_s); send it again.",
                code="request_timeout",
            ) from None

    def too_large(self) -> Invalid:
        """Return the fault for a body beyond the limit."""
        return Invalid(
            f"The request body is larger than {self.size_bytes >> 20} MiB ({self.knob}).", code="request_too_large"
        )


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limit: BodyLimit) -> bytes:
    """Return the whole request body.

    Raises: Invalid: it is larger than the limit, compressed or stalled. ClientLeft.
    """
    if headers.get(b"content-encoding", b"identity").lower() not in (b"identity", b""):
        raise Invalid("Send the body uncompressed.", code="unsupported_content_encoding")
    limit.check_declared(headers.get(b"content-length", b"0"))
    pieces: list[bytes] = []
    size_bytes = 0
    while True:
        message = await limit.next_message(receive)
        if message["type"] == "http.disconnect":
            raise ClientLeft
        piece = message.get("body", b"")
        size_bytes += len(piece)
        if size_bytes > limit.size_bytes:
            raise limit.too_large()
        pieces.append(piece)
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in ``body``; integers keep their value whatever their size.

    Raises: Invalid.
    """
    try:
        value = json.loads(body, parse_constant=_refuse) if _has_long_number(body) else orjson.loads(body)
    except orjson.JSONDecodeError as error:
        value = _parse_leniently(body, error)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"The body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise Invalid("The body must be a JSON object.")
    return value


def _has_long_number(body: bytes) -> bool:
    return _LONG_NUMBER in body.translate(_DIGITS)


def dump_object(value: Mapping[str, Any]) -> bytes:
    """Return ``value`` as JSON."""
    try:
        return orjson.dumps(value)
    except TypeError:  # integers beyond 64 bits, halves of surrogate pairs
        return json.dumps(value, separators=(",", ":")).encode()


def _parse_leniently(body: bytes, error: orjson.JSONDecodeError) -> Any:
    """JavaScript cuts emoji in half: the halves are valid JSON, and orjson refuses them."""
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Invalid(f"The body is not valid JSON: {error.msg} at character {error.pos}.") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def request_id() -> str:
    """Return a new id for a request."""
    return f"req_{uuid.uuid4().hex}"
