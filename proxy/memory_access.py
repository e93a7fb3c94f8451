"""A request to the memory API in, whose memory it is about and whether it may touch it out; for every router of it.

Other users' ids look as if they did not exist. The stores block, so each call of them runs in a worker thread.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from memory.change import Operation
from memory.turn import Scope
from proxy import memory_wire as wire
from proxy.auth import Caller
from proxy.identity import Identity
from proxy.memory_marks import MarkedResponse, marking
from proxy.memory_requests import FormReader, guarded_by
from proxy.parts import Parts

P = ParamSpec("P")
T = TypeVar("T")


class Access:
    """Who calls, and for whom. ``reader``, ``writer`` and ``creator`` are dependencies of routes."""

    def __init__(self, parts: Parts) -> None:
        self._at = parts
        self._settle_timeout_s = parts.settings.memory.settle_timeout_ms / 1000

    def router(self, forms: FormReader | None = None) -> APIRouter:
        """Return an empty router of ``/v1/memory`` that looks at the key before it reads a body.

        On every memory that its answers hold stands a watermark, and reading them stands in the audit log. With
        ``forms`` its calls may also be posted as forms with a file.
        """
        return APIRouter(
            prefix="/v1/memory",
            tags=["memory"],
            responses=wire.ERRORS,
            route_class=guarded_by(self._authenticate, self._answered, forms),
            default_response_class=marking(self._at.store.watermarks),
        )

    async def reader(self, request: Request, user: wire.UserQuery = None) -> None:
        """Raises: Refused: the key may not read memory."""
        _identified(request, user).check_read()

    async def writer(self, request: Request, user: wire.UserQuery = None) -> None:
        """Raises: Refused: the key may not write memory."""
        _identified(request, user).check_write()

    async def creator(self, request: Request, user: wire.UserQuery = None) -> None:
        """Raises: Refused: the key may not make memories by this call."""
        _identified(request, user).check_create()

    async def scope(self, request: Request, body: wire.Request | None = None) -> Scope:
        """Return whose memory the request is about. Raises: Refused, Invalid: it names a user that it may not."""
        caller: Caller = request.state.caller
        named = (*request.state.named, body.user or "") if body is not None else request.state.named
        task = request.headers.get("x-memory-task", "").strip()
        request.state.scope = replace(caller.acting(named=named).scope, task=task)
        scope: Scope = request.state.scope
        return scope

    async def settled(self, request: Request, body: wire.Request | None = None) -> Scope:
        """Return the scope when all that its user said before has become memory, or after the settle time-out."""
        scope = await self.scope(request, body)
        await self._at.background.settled(scope, timeout_s=self._settle_timeout_s)
        return scope

    async def _authenticate(self, request: Request) -> None:
        """Look at the key before a byte of the body is read, so that strangers get no further."""
        request.state.caller = await blocking(self._at.authenticator.caller, request.headers.raw)

    def _answered(self, request: Request, response: Response) -> None:
        """Note which memories somebody got to read; who changed one has a line in the log for that."""
        cube_ids = response.cube_ids if isinstance(response, MarkedResponse) else ()
        search = request.url.path.endswith("/search")
        if (cube_ids and request.method == "GET") or search:
            self._at.notes.read(request.state.scope, Operation.SEARCH if search else Operation.READ, cube_ids)


def _identified(request: Request, user: str | None) -> Identity:
    """Whom the request is for, as far as headers and query tell; ``Access.scope`` adds the body."""
    caller: Caller = request.state.caller
    request.state.named = (user or "",)
    return caller.acting(named=request.state.named)


async def blocking(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a blocking call returns, from a worker thread."""
    return await to_thread.run_sync(partial(call, *args, **kwargs))
