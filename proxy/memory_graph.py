"""Calls about relations and updates in, a bounded graph of the caller's own memories or their next versions out."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from memory.vault.graph import MAX_DEPTH, MAX_NODES
from memory.vault.relations import Relation
from proxy import graph_wire
from proxy import memory_wire as wire
from proxy.memory_access import Access, blocking
from proxy.parts import Parts

Types = Annotated[list[Relation] | None, Query(description="only these relations; absent: all")]
Depth = Annotated[int, Query(ge=1, le=MAX_DEPTH, description="steps; through an entity it is two to the next memory")]
Limit = Annotated[int, Query(ge=1, le=MAX_NODES, description="nodes at most")]
_MISSING = {"model": wire.Error, "description": "nothing under that id"}
_CONFLICT = {"model": wire.Error, "description": "the version is not the newest"}


def graph_router(parts: Parts) -> APIRouter:
    """Return the routes, to be included without a prefix."""
    return GraphApi(parts).router()


class GraphApi:
    """The routes, over their parts."""

    def __init__(self, parts: Parts) -> None:
        self._access = Access(parts)
        self._updates = parts.updates
        self._graph = parts.graph

    def router(self) -> APIRouter:
        """Return the router, to be included without a prefix."""
        router = self._access.router()
        for method, path, function, callers, responses in self._routes():
            dependencies = [Depends(caller) for caller in callers]
            router.add_api_route(path, function, methods=[method], dependencies=dependencies, responses=responses)
        return router

    def _routes(self) -> Iterator[tuple[str, str, Callable[..., Any], list[Callable[..., Any]], dict[int | str, Any]]]:
        read, write = self._access.reader, self._access.writer
        yield "GET", "/cubes/{cube_id}/relations", self.relations, [read], {404: _MISSING}
        yield "GET", "/graph", self.graph, [read], {}
        yield "POST", "/cubes/{cube_id}/update", self.update, [write], {404: _MISSING, 409: _CONFLICT}
        yield "PATCH", "/cubes", self.relabel, [write], {}

    async def relations(
        self, request: Request, cube_id: str, types: Types = None, depth: Depth = 1, limit: Limit = 100
    ) -> graph_wire.Graph:
        """Walk from a memory along its relations, whichever way they point.

        `supersedes`, `contradicts`: newer to older. `derived_from`: to what it was read out of. `about`: to an entity.
        `next`: to what was said next in the conversation. `duplicate_of`: to the memory that took it in.
        """
        scope = await self._access.settled(request)
        found = await blocking(self._graph.related, scope, cube_id, types=types or (), depth=depth, limit=limit)
        return graph_wire.Graph.of(found)

    async def graph(
        self,
        request: Request,
        entity: Annotated[list[wire.Name], Query(min_length=1, max_length=20, description="in any case of letters")],
        types: Types = None,
        depth: Depth = 1,
        limit: Limit = 100,
    ) -> graph_wire.Graph:
        """Walk from one or more entities: the memories about them, newest first, and what these are joined to."""
        scope = await self._access.settled(request)
        found = await blocking(self._graph.about, scope, entity, types=types or (), depth=depth, limit=limit)
        return graph_wire.Graph.of(found)

    async def update(self, request: Request, cube_id: str, body: graph_wire.UpdateRequest) -> wire.Cube:
        """Append to a memory, merge words into it, or overwrite it. It becomes a new version.

        A change that starts from a stale version is refused with 409, which names the newest one. A merge that adds
        nothing makes no version.
        """
        scope = await self._access.scope(request, body)
        tags = None if body.tags is None else tuple(body.tags)
        cube = await blocking(
            self._updates.update, scope, cube_id, body.mode, body.text, version=body.version, tags=tags
        )
        return wire.Cube.of(cube)

    async def relabel(self, request: Request, body: graph_wire.RelabelRequest) -> graph_wire.RelabelledCubes:
        """Change tags, pin or priority of all memories that carry some tags, at most 1000, as one change."""
        scope = await self._access.settled(request, body)
        done = await blocking(
            self._updates.relabel, scope, body.where.tags, body.set.diff(), semantic_types=body.where.semantic_type
        )
        return graph_wire.RelabelledCubes.of(done)
