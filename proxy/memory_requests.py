"""Requests to the memory API in, the same with a known caller, taken as JSON, with whole characters in it, out.

A form with a file, where one is taken, is read as the JSON that would have said the same.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope

from memory.rules.sentences import well_formed

Check = Callable[[Request], Awaitable[None]]
FormReader = Callable[[Request], Awaitable[dict[str, Any] | None]]  #: None: it is no form
Answered = Callable[[Request, Response], None]


class _Request(Request):
    """A request whose JSON holds no halves of surrogate pairs: JavaScript cuts emoji, and no store takes the halves."""

    async def json(self) -> Any:
        value = await super().json()
        return _mended(value) if b"\\u" in await self.body() else value


class _Read(Request):
    """A request whose body has been read: the framework takes the fields found there for its JSON."""

    def __init__(self, scope: Scope, receive: Receive, fields: dict[str, Any]) -> None:
        super().__init__(scope, receive)
        self._fields = fields

    async def body(self) -> bytes:
        return b"{}"  # an empty one would have no JSON

    async def json(self) -> Any:
        return _mended(self._fields)


def guarded_by(check: Check, answered: Answered, forms: FormReader | None = None) -> type[APIRoute]:
    """Return a class of routes that run ``check`` before the body is read, and read it as JSON whatever it is called.

    ``curl -d`` calls everything a form. ``forms`` reads those that are posted as multipart/form-data. ``answered`` is
    told of every answer before it leaves.
    """

    class Guarded(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def checked(request: Request) -> Response:
                await check(request)
                response = await answer(await _readable(request, forms))
                answered(request, response)
                return response

            return checked

    return Guarded


async def _readable(request: Request, forms: FormReader | None) -> Request:
    scope = _called_json(request.scope)
    fields = await forms(request) if forms is not None and request.method == "POST" else None
    return _Request(scope, request.receive) if fields is None else _Read(scope, request.receive, fields)


def _called_json(scope: Scope) -> Scope:
    others = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
    return {**scope, "headers": [*others, (b"content-type", b"application/json")]}


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {well_formed(name): _mended(item) for name, item in value.items()}
    return value
