"""Questions to the audit log, to a memory's provenance and to watermarks in, what is known out.

A user sees the lines about their own memory. A key with the scope ``admin`` may see those of all users, by pseudonyms
and without the ids of memories: what it may know is who did what and when, not what anybody remembers.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from memory.audit import LogQuery
from memory.change import Operation
from memory.cube import Kind
from memory.turn import Scope
from proxy import memory_wire as wire
from proxy.auth import Caller
from proxy.log_wire import CubeProvenance, Log, Verdicts, VerifyRequest
from proxy.memory_access import Access, blocking
from proxy.parts import Parts

_MISSING: dict[int | str, Any] = {404: {"model": wire.Error, "description": "nothing under that id"}}
_MAX_SEQ = 2**62

Named = Annotated[
    str | None,
    Query(alias="user", description="whose lines; for keys that may assert users, and with `admin` any user"),
]


def _wanted(
    since: Annotated[wire.Time | None, Query(description="from this time on")] = None,
    until: Annotated[wire.Time | None, Query(description="before this time")] = None,
    operation: Annotated[list[Operation] | None, Query()] = None,
    kind: Annotated[Kind | None, Query(description="about memories of this kind")] = None,
    key_id: Annotated[str | None, Query(description="what this key did")] = None,
) -> LogQuery:
    return LogQuery(since=since, until=until, operations=operation or (), kind=kind, key_id=key_id)


def log_router(parts: Parts) -> APIRouter:
    """Return the routes of the audit log, provenance and watermarks, to be included without a prefix."""
    return LogApi(parts).router()


class LogApi:
    """The routes, over their parts."""

    def __init__(self, parts: Parts) -> None:
        self._access = Access(parts)
        self._audit, self._provenance = parts.store.audit, parts.store.provenance
        self._watermarks = parts.store.watermarks
        self._notes = parts.notes
        self._sharing = parts.sharing

    def router(self) -> APIRouter:
        """Return the router, to be included without a prefix."""
        router = self._access.router()
        read = [Depends(self._access.reader)]
        router.add_api_route("/log", self.log, methods=["GET"])
        router.add_api_route(
            "/cubes/{cube_id}/provenance", self.provenance, methods=["GET"], dependencies=read, responses=_MISSING
        )
        router.add_api_route("/verify", self.verify, methods=["POST"], dependencies=read)
        return router

    async def log(
        self,
        request: Request,
        wanted: Annotated[LogQuery, Depends(_wanted)],
        user: Named = None,
        all_users: Annotated[bool, Query(alias="all", description="of all users; only with the scope `admin`")] = False,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        after: Annotated[int | None, Query(ge=1, le=_MAX_SEQ, description="the last `seq` of the page before")] = None,
    ) -> Log:
        """Read the audit log: who did what with this memory and when, newest first. Nothing in it is ever changed.

        A key with the scope `admin` sees any user's lines (`user`), or those of all (`all=true`), by pseudonyms.
        """
        await self._notes.written()
        caller: Caller = request.state.caller
        if all_users or (user is not None and caller.holder.may_admin and not caller.holder.may_assert):
            caller.holder.check_admin()
            others = None if all_users else user
            page = await blocking(self._audit.lines, wanted, user=others, limit=limit, after=after)
            scope = Scope(user=caller.holder.user, key_id=caller.holder.key_id)
            self._notes.read(scope, Operation.LOG, note="of all users" if others is None else "of a user")
            return Log.of(page, others)
        await self._access.reader(request, user)
        scope = await self._access.scope(request)
        return Log.of(await blocking(self._audit.own, scope, wanted, limit=limit, after=after), scope.user)

    async def provenance(self, request: Request, cube_id: str) -> CubeProvenance:
        """Read where a memory comes from: the words it rests on, who changed it when, and what came of it.

        Of a memory that somebody else shares only its owner is told.
        """
        scope = await self._access.scope(request)
        await self._notes.written()
        await blocking(self._sharing.check_own, scope, cube_id, "see where it comes from")
        return CubeProvenance.of(await blocking(self._provenance.of, scope, cube_id), self._watermarks)

    async def verify(self, request: Request, body: VerifyRequest) -> Verdicts:
        """Check the watermarks of memories that left: did each come from here, and is it as it was?

        Only the rows themselves are looked at, so the answer is the same after a memory was erased here.
        """
        await self._access.scope(request, body)
        return Verdicts.of(body.rows, self._watermarks)
