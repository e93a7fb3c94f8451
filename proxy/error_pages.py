"""FastAPI's own errors, and ours on its routes, in the shape that ``proxy/errors.py`` gives them."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from config.layers import suggestion
from memory.errors import Invalid, MemoryFault
from proxy.body_fields import fields_at
from proxy.errors import PASSING, REQUEST_ERROR, error_body, fault_body, fault_headers, fault_status, internal_fault

_OF_OURS = "Value error, "  # what pydantic puts before a validator's own words
_MEMBER = re.compile(r"<\w+\.\w+: ([^>]+)>")  # of an enumeration, as Python writes it: its value is what can be sent
_MOST_TOLD = 20  # fields that one message names: a body may hold thousands


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


async def _on_validation(request: Request, error: Exception) -> Response:
    problems: Sequence[Any] = error.errors() if isinstance(error, RequestValidationError) else ()
    if not problems:
        return _response(Invalid("The request is not valid."))
    if problems[0].get("type") == "json_invalid":
        return _response(Invalid("The request's body is not valid JSON."))
    told: dict[str, str] = {}
    for problem in problems:
        told.setdefault(_param(problem), _told(problem, request))
    return _response(Invalid(_joined(list(told.values())), param=_param(problems[0]) or None))


def _param(problem: Any) -> str:
    return ".".join(str(part) for part in problem["loc"][1:])  # the first says where: body, query, path or header


def _told(problem: Any, request: Request) -> str:
    """Return a sentence about one field, with what may have been meant where there is none of that name."""
    param, message = _param(problem), _MEMBER.sub(r"\1", str(problem["msg"])).removeprefix(_OF_OURS)
    if problem.get("type") == "extra_forbidden":
        *holder, name = problem["loc"][1:]
        message += suggestion(str(name), fields_at(request.scope.get("route"), holder))
    return f"{param}: {message}" if param else message


def _joined(sentences: Sequence[str]) -> str:
    if len(sentences) == 1:
        return sentences[0]
    more = f" And {len(sentences) - _MOST_TOLD} more." if len(sentences) > _MOST_TOLD else ""
    return " ".join(each if each.endswith((".", "?")) else f"{each}." for each in sentences[:_MOST_TOLD]) + more


def _response(fault: MemoryFault) -> Response:
    response = Response(fault_body(fault), fault_status(fault))
    response.raw_headers.extend(fault_headers(fault))
    return response
