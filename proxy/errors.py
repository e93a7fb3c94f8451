"""Faults in, OpenAI-shaped error responses out: the one table from what went wrong to what the wire says.

``{"error": {"message", "type", "param", "code"}}`` on every route and status. Official clients repeat a request on 408,
409, 429 and from 500 on by themselves; ``x-should-retry: false`` stops them where repeating cannot help.
"""

import logging
import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
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

_REQUEST = "invalid_request_error"
#: class to (status, type, code when the fault names none); the first class that fits counts
FAULTS: Sequence[tuple[type[MemoryFault], int, str, str | None]] = (
    (Unauthenticated, 401, _REQUEST, "invalid_api_key"),
    (Invalid, 400, _REQUEST, None),
    (NotFound, 404, _REQUEST, "not_found"),
    (Stale, 409, _REQUEST, "version_conflict"),
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
    "unsupported_content_encoding": 415,
    "upstream_timeout": 504,
}
RETRY_AFTER_S = 1.0
_UNREAD = ("request_too_large", "request_timeout")  # the rest of the body is not read
_PASSING = {408, 429, 500, 502, 503, 504}  # repeating may help
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


def fault_headers(fault: MemoryFault) -> list[tuple[bytes, bytes]]:
    """Return the headers that go with it: what a client should do next."""
    status = fault_status(fault)
    headers = [(b"content-type", b"application/json")]
    if status not in _PASSING:
        headers.append((b"x-should-retry", b"false"))
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        wait_s = getattr(fault, "retry_after_s", None) or RETRY_AFTER_S
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


def install(app: FastAPI) -> None:
    """Give every error of the app's routes OpenAI's shape, those of the framework too."""
    app.add_exception_handler(MemoryFault, _on_fault)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(Exception, _on_mistake)


async def _on_fault(_request: Request, error: Exception) -> Response:
    return _response(error if isinstance(error, MemoryFault) else internal_fault())


async def _on_mistake(_request: Request, _error: Exception) -> Response:
    return _response(internal_fault())  # the server logs the exception itself


async def _on_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _response(internal_fault())
    message, code = str(error.detail), None
    if error.status_code == HTTPStatus.NOT_FOUND and message == HTTPStatus.NOT_FOUND.phrase:
        message, code = f"There is nothing at {request.method} {request.scope['path']}.", "unknown_url"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        message, code = f"{request.method} is not allowed at {request.scope['path']}.", "method_not_allowed"
    kind = _REQUEST if error.status_code < 500 else "server_error"
    headers = dict(error.headers or {})
    if error.status_code not in _PASSING:
        headers["x-should-retry"] = "false"
    return Response(
        error_body(message, kind, code=code), error.status_code, headers=headers, media_type="application/json"
    )


async def _on_validation(_request: Request, error: Exception) -> Response:
    problems: Sequence[Any] = error.errors() if isinstance(error, RequestValidationError) else ()
    first = problems[0] if problems else {"loc": (), "msg": "The request is not valid."}
    _where, *path = first["loc"] or ("body",)  # where: body, query, path or header
    param = ".".join(str(part) for part in path) or None
    message = f"{param}: {first['msg']}" if param else str(first["msg"])
    if first.get("type") == "json_invalid":
        message, param = "The request's body is not valid JSON.", None
    if len(problems) > 1:
        message += f" (and {len(problems) - 1} more)"
    return _response(Invalid(message, param=param))


def _response(fault: MemoryFault) -> Response:
    response = Response(fault_body(fault), fault_status(fault))
    response.raw_headers.extend(fault_headers(fault))
    return response


def _row(fault: MemoryFault) -> tuple[int, str, str | None]:
    for kind, status, wire_type, code in FAULTS:
        if isinstance(fault, kind):
            code = fault.code or code
            return STATUS_BY_CODE.get(code or "", status), wire_type, code
    raise AssertionError("the table ends with MemoryFault itself")
