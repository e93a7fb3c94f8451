"""Calls to ``/v1/memory`` in, the caller's own memories out.

Every call is about the memory of one user: the key's own, or the one that a key which may assert users names (by
header, ``user`` in the body, or ``?user=``). Other users' ids look as if they did not exist. The stores block, so each
call of them runs in a worker thread.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from memory.change import Operation
from memory.cube import Origin, SemanticType, Source, State
from memory.errors import NotFound
from memory.lifecycle import wished
from memory.spaces import SharedCube
from memory.turn import Draft, Scope, TurnState
from proxy import memory_wire as wire
from proxy.memory_access import Access, blocking
from proxy.memory_stream import json_lines, rows_of, spooled
from proxy.memory_turns import turn_records
from proxy.parts import Parts
from proxy.transform import Transforming
from proxy.transform_wire import Transformed, TransformRequest

_WAIT_TIMEOUT_S = 600.0  # ``wait`` waits so long; then the states say what is not yet done
_NAMED = 5  # of unknown ids in an error
_SETTLED = (TurnState.STORED, TurnState.EMPTY, TurnState.DEAD)


def memory_router(parts: Parts) -> APIRouter:
    """Return the routes of ``/v1/memory``, to be included without a prefix."""
    return MemoryApi(parts).router()


class MemoryApi:
    """The routes, over their parts."""

    def __init__(self, parts: Parts) -> None:
        self._at = parts
        self._access = Access(parts)
        self._vault, self._ledger, self._receipts = parts.store.vault, parts.store.ledger, parts.store.receipts
        self._sharing = parts.sharing
        self._notes = parts.notes
        self._transforming = Transforming(
            self._vault, parts.activating, parts.activation_files, parts.settings.backend.kind
        )

    def router(self) -> APIRouter:
        """Return the router, to be included without a prefix."""
        router = self._access.router()
        for method, path, function, caller, more in self._routes():
            router.add_api_route(path, function, methods=[method], dependencies=[Depends(caller)], **more)
        return router

    def _routes(self) -> Iterator[tuple[str, str, Callable[..., Any], Callable[..., Any], dict[str, Any]]]:
        read, write, create = self._access.reader, self._access.writer, self._access.creator
        later: dict[str, Any] = {"responses": {501: {"model": wire.Error, "description": "not in this version"}}}
        missing: dict[str, Any] = {"responses": {404: {"model": wire.Error, "description": "nothing under that id"}}}
        yield "POST", "/turns", self.keep_turns, create, {}
        yield "POST", "/search", self.search, read, {}
        yield "POST", "/cubes", self.create_cube, create, {"status_code": 201}
        yield "GET", "/cubes", self.list_cubes, read, {}
        yield "GET", "/cubes/{cube_id}", self.read_cube, read, missing
        yield "PATCH", "/cubes/{cube_id}", self.change_cube, write, missing
        yield "DELETE", "/cubes/{cube_id}", self.delete_cube, write, missing
        yield "POST", "/erase", self.erase, write, missing
        yield "GET", "/requests/{request_id}", self.read_receipt, read, missing
        yield "GET", "/export", self.export, read, {"response_class": StreamingResponse}
        yield "POST", "/import", self.import_, create, {}
        yield "POST", "/transform", self.transform, write, later

    async def keep_turns(self, request: Request, body: wire.TurnsRequest) -> wire.Turns:
        """Keep messages as if they had been chatted.

        One entry per turn: a user message with the assistant messages that follow it. System and tool messages are not
        kept. Sending the same messages again changes nothing. With `wait`, the answer comes when they can be found.
        """
        scope = await self._access.scope(request, body)
        records = turn_records(scope, body.conversation_id, body.messages)
        rows = await blocking(self._append, records)
        self._at.background.wake()
        states = dict(rows)
        if body.wait and any(state not in _SETTLED for state in states.values()):
            await self._at.background.settled(scope, timeout_s=_WAIT_TIMEOUT_S)
            states |= await blocking(self._ledger.states, scope, list(states))
        return wire.Turns(
            data=[
                wire.Turn(id=turn_id, state=states[turn_id], message_ids=[message.id for message in record.messages])
                for (turn_id, _), record in zip(rows, records, strict=True)
            ]
        )

    async def search(self, request: Request, body: wire.SearchRequest) -> wire.Found:
        """Find memories, best first. What this user said before is waited for, so it can be found."""
        scope = await self._access.settled(request, body)
        recall = await blocking(
            self._at.pipeline.search,
            scope,
            query=body.query,
            top_k=body.top_k,
            now=body.now,
            as_of=body.as_of,
            kinds=tuple(body.kinds or ()),
            without=body.without,
        )
        return wire.Found.of(recall.hits, recall.sufficiency)

    async def create_cube(self, request: Request, body: wire.CubeRequest) -> wire.Cube:
        """Write a memory by hand. Secrets in it are replaced before it is stored."""
        scope = await self._access.scope(request, body)
        draft = Draft(
            text=body.text,
            semantic_type=body.semantic_type,
            origin=Origin.USER_INPUT,
            source=Source(role=body.role),
            valid_from=self._at.clock(),
            tags=tuple(body.tags),
            entities=tuple(body.entities or ()),
            pinned=body.pinned,
            ttl_s=body.ttl_s,
            decays=body.decays,
            priority=body.priority,
        )
        await blocking(self._at.upkeep.admit, scope, len(body.text))
        cube = await blocking(self._at.pipeline.remember, scope, draft)
        # asked for nothing special, it is as it came out: history at once, where a word that is trusted more stands
        if body.state is not State.ACTIVATED and (state := wished(cube, body.state)) is not cube.state:
            changed = replace(cube, state=state)
            cube = await blocking(self._at.pipeline.revise, scope, changed, expected_version=cube.version)
        return wire.Cube.of(cube)

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
        scope = await self._access.settled(request)
        page = await blocking(
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
        scope = await self._access.scope(request)
        cube = await blocking(self._sharing.read, scope, cube_id)
        others = isinstance(cube, SharedCube)  # what it said before it was shared is its owner's alone
        history = [cube] if others else await blocking(self._vault.history, scope, cube_id)
        whole = wire.Cube.of(cube).model_dump()
        return wire.CubeWithHistory(**whole, history=[wire.Cube.of(version) for version in history])

    async def change_cube(self, request: Request, cube_id: str, body: wire.CubeChange) -> wire.Cube:
        """Change a memory. It becomes a new version; a change that starts from a stale version is refused with 409."""
        scope = await self._access.scope(request, body)
        changes = body.fields()
        if not await blocking(self._vault.get_many, scope, [cube_id]):  # perhaps somebody else's, shared to be revised
            revise = self._sharing.revise
            return wire.Cube.of(await blocking(revise, scope, cube_id, changes, expected_version=body.version))
        cube = await blocking(self._vault.get, scope, cube_id)
        if body.state is not None:
            changes["state"] = wished(cube, body.state)
        cube = replace(cube, **changes)
        return wire.Cube.of(await blocking(self._at.pipeline.revise, scope, cube, expected_version=body.version))

    async def delete_cube(self, request: Request, cube_id: str) -> wire.Deleted:
        """Delete a memory for good, with its versions, its embedding and its words in the turn ledger."""
        scope = await self._access.scope(request)
        await blocking(self._sharing.check_own, scope, cube_id, "delete it")
        await blocking(self._at.pipeline.delete, scope, [cube_id])
        return wire.Deleted(id=cube_id)

    async def erase(self, request: Request, body: wire.EraseRequest | None = None) -> dict[str, Any]:
        """Erase memories, or all that the user has, down to the bytes, and report it store by store.

        `unknown`: those of the ids that are neither a memory nor a document of the user.
        """
        scope = await self._access.settled(request, body)
        await self._notes.written()
        if body is None or body.ids is None:
            stores = {"spool": partial(self._at.background.spool.erase, scope.user)}
            return await blocking(self._at.pipeline.erase, scope, None, stores=stores)
        known = await blocking(self._stored, scope, body.ids)
        unknown = [each for each in dict.fromkeys(body.ids) if each not in known]
        if not known:
            raise NotFound(f"There is no memory {', '.join(map(repr, unknown[:_NAMED]))}.", param="ids")
        ids = await blocking(self._at.shelving.documents.withdrawn, scope, known)
        return {**await blocking(self._at.pipeline.erase, scope, ids), "unknown": unknown}

    def _stored(self, scope: Scope, ids: Sequence[str]) -> list[str]:
        """Return those of the ids that are memories or documents of the user, also expired ones."""
        found = set(self._vault.stored(scope, ids))
        for each in (each for each in ids if each.startswith("doc_")):
            with suppress(NotFound):
                found.add(self._at.shelving.store.document(scope, each).id)
        return [each for each in dict.fromkeys(ids) if each in found]

    async def read_receipt(self, request: Request, request_id: str) -> dict[str, Any]:
        """Read what memory did in a request: each station's time, each candidate and why it was in or out.

        A candidate's text is the memory's as it reads now; one that was removed since has none.
        """
        scope = await self._access.scope(request)
        await self._notes.written()
        receipt = await blocking(self._receipt, scope, request_id)
        shown = [line["cube_id"] for line in receipt["candidates"] if line["text"] is not None]
        self._notes.read(scope, Operation.READ, shown, note=request_id)
        return receipt

    def _receipt(self, scope: Scope, request_id: str) -> dict[str, Any]:
        receipt = self._receipts.get(scope, request_id)
        ids = [line["cube_id"] for line in receipt["candidates"]]
        texts = {cube.id: cube.text for cube in self._vault.readable(scope, ids)}
        return receipt | {"candidates": [line | {"text": texts.get(line["cube_id"])} for line in receipt["candidates"]]}

    async def export(self, request: Request) -> StreamingResponse:
        """Export everything the user has as JSON lines, a manifest first."""
        scope = await self._access.settled(request)
        self._notes.read(scope, Operation.EXPORT, everything=True)
        lines = json_lines(self._at.store.watermarks.marked(self._vault.export(scope)))
        headers = {"content-disposition": 'attachment; filename="memory.jsonl"'}
        return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)

    async def import_(self, request: Request) -> wire.Imported:
        """Take back an export, sent as the body. What is already there is left alone, so sending it again is safe."""
        scope = await self._access.scope(request)
        with await spooled(request.stream()) as file:
            await blocking(self._at.upkeep.admit, scope)
            counts = await blocking(self._at.pipeline.import_rows, scope, rows_of(file))
        return wire.Imported(imported=counts)

    async def transform(self, request: Request, body: TransformRequest) -> Transformed:
        """Change the form in which the stable block (pinned memories and profile) is kept for the model.

        `activation`: the local model computes it once, and chats that begin with it need not read it again; answers
        are the same. `plaintext`: what was computed is removed. Plaintext stays the source either way.
        """
        return await self._transforming.run(await self._access.settled(request, body), body)

    def _append(self, records: Sequence[Any]) -> list[tuple[str, TurnState]]:
        return [self._ledger.append(record) for record in records]
