"""Calls about spaces and shares in, who belongs where and who reads what out.

A space that the caller neither belongs nor is invited to looks as if it did not exist, and so does every memory that is
not shared with the caller. Users are named as the caller's application names them; naming one tells nothing about them.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from memory.spaces import Role, Terms, asserted_user
from proxy import memory_wire as wire
from proxy import sharing_wire
from proxy.auth import Caller
from proxy.memory_access import Access, blocking
from proxy.parts import Parts

_MISSING: dict[int | str, dict[str, Any]] = {404: {"model": wire.Error, "description": "nothing under that id"}}


def sharing_router(parts: Parts) -> APIRouter:
    """Return the routes of spaces and shares, to be included without a prefix."""
    return SharingApi(parts).router()


class SharingApi:
    """The routes, over their parts."""

    def __init__(self, parts: Parts) -> None:
        self._access = Access(parts)
        self._spaces, self._vault = parts.sharing.spaces, parts.sharing.vault

    def router(self) -> APIRouter:
        """Return the router, to be included without a prefix."""
        router = self._access.router()
        for method, path, function, caller in self._routes():
            made = {"status_code": 201} if (method, path) == ("POST", "/spaces") else {}
            more: dict[str, Any] = {"responses": _MISSING, **made}
            router.add_api_route(path, function, methods=[method], dependencies=[Depends(caller)], **more)
        return router

    def _routes(self) -> Iterator[tuple[str, str, Callable[..., Any], Callable[..., Any]]]:
        read, write, create = self._access.reader, self._access.writer, self._access.creator
        yield "POST", "/spaces", self.create_space, create
        yield "GET", "/spaces", self.list_spaces, read
        yield "GET", "/spaces/{space_id}", self.read_space, read
        yield "PATCH", "/spaces/{space_id}", self.rename_space, write
        yield "DELETE", "/spaces/{space_id}", self.delete_space, write
        yield "POST", "/spaces/{space_id}/join", self.join_space, write
        yield "GET", "/spaces/{space_id}/cubes", self.list_shared, read
        yield "GET", "/spaces/{space_id}/members", self.list_members, read
        yield "PUT", "/spaces/{space_id}/members", self.put_member, create
        yield "DELETE", "/spaces/{space_id}/members", self.remove_member, write
        yield "POST", "/cubes/{cube_id}/share", self.share_cube, create
        yield "GET", "/cubes/{cube_id}/shares", self.list_shares, read
        yield "DELETE", "/cubes/{cube_id}/share/{space_id}", self.revoke_share, write

    async def create_space(self, request: Request, body: sharing_wire.SpaceRequest) -> sharing_wire.Space:
        """Make a space: a group, a space between two people, or the organisation of an application's users.

        You are its admin. Others belong to it once they say yes to an invitation; all users of an organisation belong
        to its space without being asked, as readers.
        """
        scope = await self._access.scope(request, body)
        invited = None if body.invited is None else _user(request, body.invited)
        made = await blocking(self._spaces.create, scope, kind=body.kind, name=body.name, invited=invited)
        return sharing_wire.Space.model_validate(made)

    async def list_spaces(self, request: Request) -> sharing_wire.SpaceList:
        """List the spaces that you belong or are invited to."""
        found = await blocking(self._spaces.of_user, await self._access.scope(request))
        return sharing_wire.SpaceList(data=[sharing_wire.Space.model_validate(each) for each in found])

    async def read_space(self, request: Request, space_id: str) -> sharing_wire.Space:
        """Read a space."""
        found = await blocking(self._spaces.get, await self._access.scope(request), space_id)
        return sharing_wire.Space.model_validate(found)

    async def rename_space(self, request: Request, space_id: str, body: sharing_wire.SpaceChange) -> sharing_wire.Space:
        """Give a space another name. For its admins."""
        scope = await self._access.scope(request, body)
        return sharing_wire.Space.model_validate(await blocking(self._spaces.rename, scope, space_id, body.name))

    async def delete_space(self, request: Request, space_id: str) -> sharing_wire.SpaceDeleted:
        """End a space and every share in it; the memories stay their owners'. For its admins."""
        await blocking(self._spaces.delete, await self._access.scope(request), space_id)
        return sharing_wire.SpaceDeleted(id=space_id)

    async def join_space(self, request: Request, space_id: str) -> sharing_wire.Space:
        """Say yes to an invitation. What is shared in the space can then stand in your prompts, under its name."""
        found = await blocking(self._spaces.join, await self._access.scope(request), space_id)
        return sharing_wire.Space.model_validate(found)

    async def list_shared(
        self,
        request: Request,
        space_id: str,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        after: Annotated[str | None, Query(description="the last id of the page before")] = None,
    ) -> wire.Cubes:
        """Page through what is shared in a space, the newest memory first."""
        scope = await self._access.scope(request)
        await blocking(self._spaces.get, scope, space_id)
        page = await blocking(self._vault.shared_page, scope, space_id, limit=limit, after=after)
        return wire.Cubes(data=[wire.Cube.of(cube) for cube in page.cubes], has_more=page.has_more)

    async def list_members(self, request: Request, space_id: str) -> sharing_wire.MemberList:
        """List who belongs to a space or is invited."""
        scope = await self._access.scope(request)
        members = await blocking(self._spaces.members, scope, space_id)
        return sharing_wire.MemberList(data=[sharing_wire.Member.of(each, scope.user) for each in members])

    async def put_member(
        self, request: Request, space_id: str, body: sharing_wire.MemberRequest
    ) -> sharing_wire.Invited:
        """Invite somebody, or give a member another role. For admins of the space.

        The answer is the same whether there is such a user or not.
        """
        scope = await self._access.scope(request, body)
        await blocking(self._spaces.invite, scope, space_id, _user(request, body.member), Role(body.role))
        return sharing_wire.Invited(member=body.member, role=body.role)

    async def remove_member(
        self,
        request: Request,
        space_id: str,
        member: Annotated[str | None, Query(description="absent: yourself", max_length=512)] = None,
    ) -> sharing_wire.Removed:
        """Take somebody out of a space, for its admins, or leave it; what they shared there is shared no more."""
        scope = await self._access.scope(request)
        user = scope.user if member is None else _user(request, member)
        await blocking(self._spaces.remove, scope, space_id, user)
        return sharing_wire.Removed(member=member or "")

    async def share_cube(self, request: Request, cube_id: str, body: sharing_wire.ShareRequest) -> sharing_wire.Share:
        """Share a memory of yours in a space, or change the terms on which it is shared there.

        Members recall its newest version, as your word and under the name of the space. Sharing with the public takes
        a key with the scope `admin`.
        """
        scope = await self._access.scope(request, body)
        terms = Terms(rights=body.rights, task=body.task.strip(), expires_at=body.expires_at)
        return sharing_wire.Share.of(await blocking(self._vault.share, scope, cube_id, body.space, terms))

    async def list_shares(self, request: Request, cube_id: str) -> sharing_wire.ShareList:
        """List where a memory of yours is shared."""
        found = await blocking(self._vault.shares, await self._access.scope(request), cube_id)
        return sharing_wire.ShareList(data=[sharing_wire.Share.of(each) for each in found])

    async def revoke_share(self, request: Request, cube_id: str, space_id: str) -> sharing_wire.Revoked:
        """Share a memory in a space no more, from the next recall on. For its owner, and for admins of the space."""
        await blocking(self._vault.revoke, await self._access.scope(request), cube_id, space_id)
        return sharing_wire.Revoked(cube_id=cube_id, space=space_id)


def _user(request: Request, name: str) -> str:
    """Return the user whom the caller means: with a key that names users, one of the same application."""
    caller: Caller = request.state.caller
    if not caller.holder.may_assert:
        return name
    return asserted_user(caller.holder.user, name)
