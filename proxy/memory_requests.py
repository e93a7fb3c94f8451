"""Requests to the memory API in, the same with a known caller, taken as JSON, with whole characters in it, out."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Scope

from memory.rules.sentences import well_formed

Check = Callable[[Request], Awaitable[None]]
Answered = Callable[[Request, Response], None]


class _Request(Request):
    """A request whose JSON holds no halves of surrogate pairs: JavaScript cuts emoji, and no store takes the halves."""

    async def json(self) -> Any:
        value = await super().json()
        return _mended(value) if b"\\u" in await self.body() else value


def guarded_by(check: Check, answered: Answered) -> type[APIRoute]:
    """Return a class of routes that run ``check`` before the body is read, and read it as JSON whatever it is called.

    ``curl -d`` calls everything a form. ``answered`` is told of every answer before it leaves.
    """

    class Guarded(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def checked(request: Request) -> Response:
                await check(request)
                response = await answer(_Request(_called_json(request.scope), request.receive))
                answered(request, response)
                return response

            return checked

    return Guarded


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
