"""Calls to the Time Machine in, memory as it was, compared with now, or gone back to out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from memory.change import Operation
from memory.errors import NotFound, Unavailable
from memory.timemachine import Replay
from memory.turn import Controls, Scope
from proxy import memory_wire as wire
from proxy import time_wire
from proxy.memory_access import Access, blocking
from proxy.parts import Parts

_SETTLE_TIMEOUT_S = 30.0  # what is said before a way back is written first, or it would come in behind it
_MAX_DIFFERENCES = 1000
_CONFLICT = {"model": wire.Error, "description": "something was changed since, or exists already"}
_MISSING = {"model": wire.Error, "description": "nothing under that id or name"}


def time_router(parts: Parts) -> APIRouter:
    """Return the routes of the Time Machine, to be included without a prefix."""
    return TimeApi(parts).router()


class TimeApi:
    """The routes, over their parts."""

    def __init__(self, parts: Parts) -> None:
        self._at = parts
        self._access = Access(parts)
        self._machine = parts.time_machine

    def router(self) -> APIRouter:
        """Return the router, to be included without a prefix."""
        router = self._access.router()
        for method, path, function, caller, responses in self._routes():
            more: dict[str, Any] = {"responses": responses}
            if path == "/snapshots" and method == "POST":
                more["status_code"] = 201
            router.add_api_route(path, function, methods=[method], dependencies=[Depends(caller)], **more)
        return router

    def _routes(self) -> Iterator[tuple[str, str, Callable[..., Any], Callable[..., Any], dict[int | str, Any]]]:
        read, write = self._access.reader, self._access.writer
        missing: dict[int | str, Any] = {404: _MISSING}
        conflicting: dict[int | str, Any] = {404: _MISSING, 409: _CONFLICT}
        yield "POST", "/rollback", self.rollback, write, missing
        yield "POST", "/undo", self.undo, write, conflicting
        yield "GET", "/changes", self.changes, read, missing
        yield "GET", "/diff", self.difference, read, missing
        yield "POST", "/snapshots", self.keep_snapshot, write, conflicting
        yield "GET", "/snapshots", self.snapshots, read, {}
        yield "GET", "/snapshots/{name:path}", self.snapshot, read, missing
        yield "DELETE", "/snapshots/{name:path}", self.drop_snapshot, write, missing
        yield "POST", "/requests/{request_id}/replay", self.replay, read, missing

    async def rollback(self, request: Request, body: time_wire.RollbackRequest) -> time_wire.RestoredMemory:
        """Make what was known at a time, or at a snapshot, the present again.

        It is a new change: nothing is destroyed, and rolling forward or undoing it brings everything back. What was
        deleted, forgotten or erased since, and what has expired, stays away; frozen memories stay as they are.
        """
        scope = await self._written(request, body)
        to, restored = await blocking(self._machine.rollback, scope, body.to)
        return time_wire.RestoredMemory.of(restored, to)

    async def undo(self, request: Request, body: time_wire.UndoRequest | None = None) -> time_wire.RestoredMemory:
        """Take one change back, whole or not at all.

        Without `change`: the newest that stands and is no undo itself, so that calling again goes further back. An undo
        that is undone, by its id, is a redo. Where a memory was changed since, the answer is 409 and says by what.
        """
        scope = await self._written(request, body)
        return time_wire.RestoredMemory.of(
            await blocking(self._machine.undo, scope, body.change if body is not None else None)
        )

    async def changes(
        self,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        after: Annotated[str | None, Query(description="the last id of the page before")] = None,
        operation: Annotated[list[Operation] | None, Query()] = None,
        since: Annotated[str | None, Query(description="ISO 8601 with a zone, or a snapshot")] = None,
        until: Annotated[str | None, Query(description="ISO 8601 with a zone, or a snapshot; excluded")] = None,
    ) -> time_wire.MemoryChanges:
        """Page through the journal: who changed what and when, newest first."""
        scope = await self._access.settled(request)
        page = await blocking(
            self._machine.history.changes,
            scope,
            limit=limit,
            after=after,
            operations=operation or (),
            since=await self._moment(scope, since),
            until=await self._moment(scope, until),
        )
        return time_wire.MemoryChanges(
            data=[time_wire.MemoryChange.of(change) for change in page.changes], has_more=page.has_more
        )

    async def difference(
        self,
        request: Request,
        start: Annotated[str, Query(alias="from", description="ISO 8601 with a zone, or a snapshot")],
        end: Annotated[str | None, Query(alias="to", description="ISO 8601 with a zone, or a snapshot; now")] = None,
        limit: Annotated[int, Query(ge=1, le=_MAX_DIFFERENCES, description="of each list")] = 100,
    ) -> time_wire.MemoryDiff:
        """Compare what was known at two times: what came, what went, and what says something else."""
        scope = await self._access.settled(request)
        return time_wire.MemoryDiff.of(await blocking(self._machine.difference, scope, start, end), limit)

    async def keep_snapshot(self, request: Request, body: time_wire.SnapshotRequest) -> time_wire.NamedTime:
        """Name a time, so that a rollback or a comparison can name it. It costs nothing to keep."""
        scope = await self._written(request, body)
        return time_wire.NamedTime.of(await blocking(self._machine.keep_snapshot, scope, body.name, body.at))

    async def snapshots(self, request: Request) -> time_wire.NamedTimes:
        """List all snapshots, the latest moment first."""
        found = await blocking(self._machine.history.snapshots, await self._access.scope(request))
        return time_wire.NamedTimes(data=[time_wire.NamedTime.of(each) for each in found])

    async def snapshot(self, request: Request, name: str) -> time_wire.NamedTime:
        """Read which time a name stands for."""
        found = await blocking(self._machine.history.snapshots, await self._access.scope(request), name=name)
        if not found:
            raise NotFound(f"There is no snapshot {name!r}.")
        return time_wire.NamedTime.of(found[0])

    async def drop_snapshot(self, request: Request, name: str) -> time_wire.SnapshotDeleted:
        """Delete the name; memories stay as they are."""
        await blocking(self._machine.history.drop_snapshot, await self._access.scope(request), name)
        return time_wire.SnapshotDeleted(name=name)

    async def replay(
        self, request: Request, request_id: str, body: time_wire.ReplayRequest | None = None
    ) -> time_wire.Replayed:
        """Ask memory again for a past request: now, at another time, or as if some memories did not exist.

        No model is called and nothing is kept. It needs the words of that turn in the ledger: of a read-only request
        there are none.
        """
        wish = body or time_wire.ReplayRequest.model_validate({})
        scope = await self._access.settled(request, body)
        await self._at.notes.written()
        receipt = await blocking(self._at.store.receipts.get, scope, request_id)
        if receipt.get("turn_id") is None:
            raise NotFound("That request was not kept, so its words are not there to ask again.", code="turn_not_kept")
        as_of = await self._moment(scope, wish.as_of or receipt.get("as_of"))
        controls = self._controls(receipt, as_of, tuple(wish.without))
        replay = await blocking(self._machine.replay, scope, receipt["turn_id"], controls)
        replayed = await blocking(self._replayed, scope, request_id, controls, replay)
        read = [line["cube_id"] for line in replayed.candidates if line["text"] is not None]
        read += [*replay.then.cube_ids, *replay.now.cube_ids]
        self._at.notes.read(scope, Operation.READ, read, note=request_id)
        return replayed

    def _replayed(self, scope: Scope, request_id: str, controls: Controls, replay: Replay) -> time_wire.Replayed:
        then, now = replay.then, replay.now
        left_out = next((each.detail for each in replay.stations if each.name == "what_if"), {})
        cubes = self._at.store.vault.get_many(scope, [line.cube_id for line in now.candidates])
        texts = {cube.id: cube.text for cube in cubes}
        return time_wire.Replayed(
            request_id=request_id,
            as_of=controls.as_of,
            without=time_wire.Without(ids=left_out.get("without", []), unknown=left_out.get("unknown", [])),
            then=time_wire.Blocks.of(then),
            now=time_wire.Blocks.of(now),
            added=[cube_id for cube_id in now.cube_ids if cube_id not in then.cube_ids],
            missing=[cube_id for cube_id in then.cube_ids if cube_id not in now.cube_ids],
            candidates=[{**asdict(line), "text": texts.get(line.cube_id)} for line in now.candidates],
        )

    def _controls(self, receipt: Mapping[str, Any], as_of: datetime | None, without: tuple[str, ...]) -> Controls:
        """The wishes of a past request, as far as its receipt tells them apart from what is usual."""
        usual = self._at.settings.scheduler
        stations = receipt.get("stations") or ()
        plan: Mapping[str, Any] = next((each["detail"] for each in stations if each["name"] == "scheduler"), {})
        budget, policy = plan.get("budget_tokens"), plan.get("policy")
        return Controls(
            budget_tokens=None if budget == usual.budget_tokens else budget,
            policy=None if policy == usual.policy else policy,
            as_of=as_of,
            without=without,
        )

    async def _moment(self, scope: Scope, when: str | None) -> datetime | None:
        return None if when is None else await blocking(self._machine.moment, scope, when)

    async def _written(self, request: Request, body: wire.Request | None) -> Scope:
        """Return the scope when all that its user said before has become memory.

        Raises: Unavailable: that takes too long.
        """
        scope = await self._access.scope(request, body)
        if not await self._at.background.settled(scope, timeout_s=_SETTLE_TIMEOUT_S):
            raise Unavailable(
                "What was said before is still being written to memory; try again in a moment.", retry_after_s=5.0
            )
        return scope
