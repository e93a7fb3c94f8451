"""Faults in, OpenAI-shaped error responses out: the one table from what went wrong to what the wire says.

``{"error": {"message", "type", "param", "code"}}`` on every route and status. Official clients repeat a request on 408,
409, 429 and from 500 on by themselves; ``x-should-retry: false`` stops them where repeating cannot help.
"""

import logging
import math
from collections.abc import Sequence
from http import HTTPStatus

import orjson
from starlette.types import Send

from memory.errors import (
    EngineDown,
    EngineMissing,
    Invalid,
    MemoryFault,
    NotFound,
    QueueFull,
    Refused,
    Stale,
    Unavailable,
    VaultLocked,
)
from proxy.identity import Unauthenticated

logger = logging.getLogger(__name__)

REQUEST_ERROR = "invalid_request_error"
#: class to (status, type, code when the fault names none); the first class that fits counts
FAULTS: Sequence[tuple[type[MemoryFault], int, str, str | None]] = (
    (Unauthenticated, 401, REQUEST_ERROR, "invalid_api_key"),
    (Invalid, 400, REQUEST_ERROR, None),
    (NotFound, 404, REQUEST_ERROR, "not_found"),
    (Stale, 409, REQUEST_ERROR, "version_conflict"),
    (Refused, 403, "permission_error", "permission_denied"),
    (QueueFull, 429, "rate_limit_error", "rate_limit_exceeded"),
    (VaultLocked, 503, "server_error", "vault_locked"),
    (EngineDown, 502, "server_error", "upstream_unavailable"),
    (Unavailable, 503, "server_error", "unavailable"),
    (EngineMissing, 501, "server_error", "engine_missing"),
    (MemoryFault, 500, "server_error", "internal_error"),
)
#: codes that say more than their class
STATUS_BY_CODE = {
    "invalid_api_key": 401,
    "model_not_found": 404,
    "request_timeout": 408,
    "request_too_large": 413,
    "document_too_large": 413,
    "unsupported_content_encoding": 415,
    "model_loading": 503,
    "upstream_timeout": 504,
}
RETRY_AFTER_S = 1.0
_UNREAD = ("request_too_large", "request_timeout")  # the rest of the body is not read
PASSING = {408, 429, 500, 502, 503, 504}  # repeating may help
_INTERNAL = "Something went wrong inside the proxy; its log has the details under this request's id."


def error_body(message: str, kind: str, *, param: str | None = None, code: str | None = None) -> bytes:
    """Return the error as OpenAI shapes it."""
    return orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})


def fault_body(fault: MemoryFault) -> bytes:
    """Return the body that says what went wrong."""
    _, kind, code = _row(fault)
    return error_body(str(fault), kind, param=fault.param, code=code)


def fault_status(fault: MemoryFault) -> int:
    """Return the HTTP status of a fault."""
    return _row(fault)[0]


def fault_code(fault: MemoryFault) -> str:
    """Return the code of a fault, as clients and the log get it; its class's name when it has none."""
    return _row(fault)[2] or type(fault).__name__


def fault_headers(fault: MemoryFault) -> list[tuple[bytes, bytes]]:
    """Return the headers that go with it: what a client should do next."""
    status = fault_status(fault)
    headers = [(b"content-type", b"application/json")]
    if status not in PASSING:
        headers.append((b"x-should-retry", b"false"))
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    wait_s = getattr(fault, "retry_after_s", None)
    if wait_s is not None or status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        wait_s = wait_s or RETRY_AFTER_S
        headers.append((b"retry-after", str(max(1, math.ceil(wait_s))).encode()))
    if fault.code in _UNREAD:
        headers.append((b"connection", b"close"))
    return headers


async def send_fault(send: Send, fault: MemoryFault, headers: Sequence[tuple[bytes, bytes]] = ()) -> int:
    """Answer a request with a fault and return the status."""
    body, status = fault_body(fault), fault_status(fault)
    sent = [*fault_headers(fault), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body, "more_body": False})
    return status


def internal_fault() -> MemoryFault:
    """Return the fault that stands for a mistake in the program; the mistake itself is for the log only."""
    return MemoryFault(_INTERNAL)


def _row(fault: MemoryFault) -> tuple[int, str, str | None]:
    for kind, status, wire_type, code in FAULTS:
        if isinstance(fault, kind):
            code = fault.code or code
            return STATUS_BY_CODE.get(code or "", status), wire_type, code
    raise AssertionError("the table ends with MemoryFault itself")
