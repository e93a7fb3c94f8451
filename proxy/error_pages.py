"""FastAPI's own errors, and ours on its routes, in the shape that ``proxy/errors.py`` gives them."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from memory.errors import Invalid, MemoryFault
from proxy.errors import PASSING, REQUEST_ERROR, error_body, fault_body, fault_headers, fault_status, internal_fault


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
    kind = REQUEST_ERROR if error.status_code < 500 else "server_error"
    headers = dict(error.headers or {})
    if error.status_code not in PASSING:
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
