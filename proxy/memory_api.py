"""Calls to ``/v1/memory`` in, the caller's own memories out.

Every call is about the memory of one user: the key's own, or the one that a key which may assert users names (by
header, ``user`` in the body, or ``?user=``). Other users' ids look as if they did not exist. The stores block, so each
call of them runs in a worker thread.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ParamSpec, TypeVar

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from memory.cube import Origin, SemanticType, Source, State
from memory.errors import EngineMissing
from memory.turn import Draft, Scope, TurnState
from proxy import memory_wire as wire
from proxy.auth import Caller
from proxy.identity import Identity
from proxy.memory_requests import guarded_by
from proxy.memory_stream import json_lines, rows_of, spooled
from proxy.memory_turns import turn_records
from proxy.parts import Parts
from proxy.transform import Transforming
from proxy.transform_wire import Transformed, TransformRequest

P = ParamSpec("P")
T = TypeVar("T")

_WAIT_TIMEOUT_S = 600.0  # ``wait`` waits so long; then the states say what is not yet done
_SETTLED = (TurnState.STORED, TurnState.EMPTY, TurnState.DEAD)


def memory_router(parts: Parts) -> APIRouter:
    """Return the routes of ``/v1/memory``, to be included without a prefix."""
    return MemoryApi(parts).router()


class MemoryApi:
    """The routes, over their parts."""

    def __init__(self, parts: Parts) -> None:
        self._at = parts
        self._vault, self._ledger, self._receipts = parts.store.vault, parts.store.ledger, parts.store.receipts
        self._notes = parts.notes
        self._transforming = Transforming(
            self._vault, parts.activating, parts.activation_files, parts.settings.backend.kind
        )
        self._settle_timeout_s = parts.settings.memory.settle_timeout_ms / 1000

    def router(self) -> APIRouter:
        """Return the router, to be included without a prefix."""
        route_class = guarded_by(self._authenticate)
        router = APIRouter(prefix="/v1/memory", tags=["memory"], responses=wire.ERRORS, route_class=route_class)
        for method, path, function, caller, more in self._routes():
            router.add_api_route(path, function, methods=[method], dependencies=[Depends(caller)], **more)
        return router

    def _routes(self) -> Iterator[tuple[str, str, Callable[..., Any], Callable[..., Any], dict[str, Any]]]:
        read, write, create = self._reader, self._writer, self._creator
        later: dict[str, Any] = {"responses": {501: {"model": wire.Error, "description": "not in this version"}}}
        missing: dict[str, Any] = {"responses": {404: {"model": wire.Error, "description": "nothing under that id"}}}
        yield "POST", "/turns", self.keep_turns, create, {}
        yield "POST", "/search", self.search, read, {}
        yield "POST", "/cubes", self.create_cube, create, {"status_code": 201}
        yield "GET", "/cubes", self.list_cubes, read, {}
        yield "GET", "/cubes/{cube_id}", self.read_cube, read, missing
        yield "PATCH", "/cubes/{cube_id}", self.change_cube, write, missing
        yield "DELETE", "/cubes/{cube_id}", self.delete_cube, write, missing
        yield "POST", "/erase", self.erase, write, {}
        yield "GET", "/requests/{request_id}", self.read_receipt, read, missing
        yield "GET", "/export", self.export, read, {"response_class": StreamingResponse}
        yield "POST", "/import", self.import_, create, {}
        yield "POST", "/transform", self.transform, write, later
        yield "POST", "/rollback", self.rollback, write, later

    async def keep_turns(self, request: Request, body: wire.TurnsRequest) -> wire.Turns:
        """Keep messages as if they had been chatted.

        One entry per turn: a user message with the assistant messages that follow it. System and tool messages are not
        kept. Sending the same messages again changes nothing. With `wait`, the answer comes when they can be found.
        """
        scope = await self._scope(request, body)
        records = turn_records(scope, body.conversation_id, body.messages)
        rows = await _blocking(self._append, records)
        self._at.background.wake()
        states = dict(rows)
        if body.wait and any(state not in _SETTLED for state in states.values()):
            await self._at.background.settled(scope, timeout_s=_WAIT_TIMEOUT_S)
            states |= await _blocking(self._ledger.states, scope, list(states))
        return wire.Turns(
            data=[
                wire.Turn(id=turn_id, state=states[turn_id], message_ids=[message.id for message in record.messages])
                for (turn_id, _), record in zip(rows, records, strict=True)
            ]
        )

    async def search(self, request: Request, body: wire.SearchRequest) -> wire.Found:
        """Find memories, best first. What this user said before is waited for, so it can be found."""
        scope = await self._settled(request, body)
        recall = await _blocking(
            self._at.pipeline.search,
            scope,
            query=body.query,
            top_k=body.top_k,
            now=body.now,
            as_of=body.as_of,
            kinds=tuple(body.kinds or ()),
        )
        return wire.Found.of(recall.hits, recall.sufficiency)

    async def create_cube(self, request: Request, body: wire.CubeRequest) -> wire.Cube:
        """Write a memory by hand. Secrets in it are replaced before it is stored."""
        scope = await self._scope(request, body)
        draft = Draft(
            text=body.text,
            semantic_type=body.semantic_type,
            origin=Origin.USER_INPUT,
            source=Source(),
            valid_from=self._at.clock(),
            tags=tuple(body.tags),
            pinned=body.pinned,
            ttl_s=body.ttl_s,
        )
        return wire.Cube.of(await _blocking(self._at.pipeline.remember, scope, draft))

    async def list_cubes(
        self,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        after: Annotated[str | None, Query(description="the last id of the page before")] = None,
        semantic_type: Annotated[list[SemanticType] | None, Query()] = None,
        state: Annotated[list[State] | None, Query()] = None,
        pinned: bool | None = None,
        include_superseded: Annotated[bool, Query(description="also what newer knowledge replaced")] = False,
    ) -> wire.Cubes:
        """Page through memories, newest first."""
        scope = await self._settled(request)
        page = await _blocking(
            self._vault.page,
            scope,
            limit=limit,
            after=after,
            semantic_types=semantic_type or (),
            states=state or (),
            pinned=pinned,
            include_superseded=include_superseded,
        )
        return wire.Cubes(data=[wire.Cube.of(cube) for cube in page.cubes], has_more=page.has_more)

    async def read_cube(self, request: Request, cube_id: str) -> wire.CubeWithHistory:
        """Read a memory with its source and every version."""
        scope = await self._scope(request)
        cube = await _blocking(self._vault.get, scope, cube_id)
        history = await _blocking(self._vault.history, scope, cube_id)
        whole = wire.Cube.of(cube).model_dump()
        return wire.CubeWithHistory(**whole, history=[wire.Cube.of(version) for version in history])

    async def change_cube(self, request: Request, cube_id: str, body: wire.CubeChange) -> wire.Cube:
        """Change a memory. It becomes a new version; a change that starts from a stale version is refused with 409."""
        scope = await self._scope(request, body)
        cube = await _blocking(self._vault.get, scope, cube_id)
        changes: dict[str, Any] = body.model_dump(include={"text", "pinned"}, exclude_none=True)
        if body.tags is not None:
            changes["tags"] = tuple(body.tags)
        cube = replace(cube, **changes)
        return wire.Cube.of(await _blocking(self._at.pipeline.revise, scope, cube, expected_version=body.version))

    async def delete_cube(self, request: Request, cube_id: str) -> wire.Deleted:
        """Delete a memory for good, with its versions, its embedding and its words in the turn ledger."""
        scope = await self._scope(request)
        await _blocking(self._vault.get, scope, cube_id)
        await _blocking(self._at.pipeline.delete, scope, [cube_id])
        return wire.Deleted(id=cube_id)

    async def erase(self, request: Request, body: wire.EraseRequest | None = None) -> dict[str, Any]:
        """Erase memories, or all that the user has, down to the bytes, and report it store by store."""
        scope = await self._settled(request, body)
        await self._notes.written()
        return await _blocking(self._at.pipeline.erase, scope, body.ids if body else None)

    async def read_receipt(self, request: Request, request_id: str) -> dict[str, Any]:
        """Read what memory did in a request: each station's time, each candidate and why it was in or out.

        A candidate's text is the memory's as it reads now; one that was removed since has none.
        """
        scope = await self._scope(request)
        await self._notes.written()
        return await _blocking(self._receipt, scope, request_id)

    def _receipt(self, scope: Scope, request_id: str) -> dict[str, Any]:
        receipt = self._receipts.get(scope, request_id)
        ids = [line["cube_id"] for line in receipt["candidates"]]
        texts = {cube.id: cube.text for cube in self._vault.get_many(scope, ids)}
        return receipt | {"candidates": [line | {"text": texts.get(line["cube_id"])} for line in receipt["candidates"]]}

    async def export(self, request: Request) -> StreamingResponse:
        """Export everything the user has as JSON lines, a manifest first."""
        lines = json_lines(self._vault.export(await self._settled(request)))
        headers = {"content-disposition": 'attachment; filename="memory.jsonl"'}
        return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)

    async def import_(self, request: Request) -> wire.Imported:
        """Take back an export, sent as the body. What is already there is left alone, so sending it again is safe."""
        scope = await self._scope(request)
        with await spooled(request.stream()) as file:
            counts = await _blocking(self._at.pipeline.import_rows, scope, rows_of(file))
        return wire.Imported(imported=counts)

    async def transform(self, request: Request, body: TransformRequest) -> Transformed:
        """Change the form in which the stable block (pinned memories and profile) is kept for the model.

        `activation`: the local model computes it once, and chats that begin with it need not read it again; answers
        are the same. `plaintext`: what was computed is removed. Plaintext stays the source either way.
        """
        return await self._transforming.run(await self._settled(request, body), body)

    async def rollback(self, request: Request, body: wire.RollbackRequest) -> None:
        """Go back to an earlier time or snapshot. Not available in this version."""
        await self._scope(request, body)
        raise EngineMissing(
            "Rolling back is not available in this version; search with `as_of` to see what was known at a time.",
            code="not_available",
        )

    def _append(self, records: Sequence[Any]) -> list[tuple[str, TurnState]]:
        return [self._ledger.append(record) for record in records]

    async def _reader(self, request: Request, user: wire.UserQuery = None) -> None:
        _identified(request, user).check_read()

    async def _writer(self, request: Request, user: wire.UserQuery = None) -> None:
        _identified(request, user).check_write()

    async def _creator(self, request: Request, user: wire.UserQuery = None) -> None:
        _identified(request, user).check_create()

    async def _authenticate(self, request: Request) -> None:
        """Look at the key before a byte of the body is read, so that strangers get no further."""
        request.state.caller = await _blocking(self._at.authenticator.caller, request.headers.raw)

    async def _settled(self, request: Request, body: wire.Request | None = None) -> Scope:
        """Return the scope when all that its user said before has become memory, or after the settle time-out."""
        scope = await self._scope(request, body)
        await self._at.background.settled(scope, timeout_s=self._settle_timeout_s)
        return scope

    async def _scope(self, request: Request, body: wire.Request | None = None) -> Scope:
        caller: Caller = request.state.caller
        named = (*request.state.named, body.user or "") if body is not None else request.state.named
        return caller.acting(named=named).scope


def _identified(request: Request, user: str | None) -> Identity:
    """Whom the request is for, as far as headers and query tell; ``_scope`` adds the body."""
    caller: Caller = request.state.caller
    request.state.named = (user or "",)
    return caller.acting(named=request.state.named)


async def _blocking(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return await to_thread.run_sync(partial(call, *args, **kwargs))
