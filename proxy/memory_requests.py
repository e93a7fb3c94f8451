"""Requests to the memory API in, the same with a known caller and whole characters in their JSON out."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from memory.rules.sentences import well_formed

Check = Callable[[Request], Awaitable[None]]


class _Request(Request):
    """A request whose JSON holds no halves of surrogate pairs: JavaScript cuts emoji, and no store takes the halves."""

    async def json(self) -> Any:
        value = await super().json()
        return _mended(value) if b"\\u" in await self.body() else value


def guarded_by(check: Check) -> type[APIRoute]:
    """Return a class of routes that run ``check`` before the body is read."""

    class Guarded(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def checked(request: Request) -> Response:
                await check(request)
                return await answer(_Request(request.scope, request.receive))

            return checked

    return Guarded


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {well_formed(name): _mended(item) for name, item in value.items()}
    return value
