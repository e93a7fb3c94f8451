"""Memories and spaces in, what others may read and write of them out.

The store says who may what (``memory/vault/sharing.py``); here is what a change of shared memory asks beside it: a
member's revision is admitted, embedded and followed like one of the owner's, and is trusted less than the owner's word.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from memory.cube import MemCube, Trust
from memory.errors import NotFound, Refused
from memory.pipeline import Pipeline
from memory.ports import Page, Update, Vault, Vector
from memory.spaces import Member, Role, Share, SharedCube, Space, SpaceKind, Terms
from memory.turn import Scope

_MEMBERS_CHANGE = ("text", "tags")


class SharedVault(Vault, Protocol):
    """A vault of which parts are shared."""

    def share(self, scope: Scope, cube_id: str, space_id: str, terms: Terms) -> Share:
        """Raises: NotFound. Refused: the user may not share there. Invalid: it would end before it begins."""
        ...

    def revoke(self, scope: Scope, cube_id: str, space_id: str) -> None:
        """Raises: NotFound."""
        ...

    def shares(self, scope: Scope, cube_id: str) -> list[Share]:
        """Raises: NotFound."""
        ...

    def shared_page(self, scope: Scope, space_id: str, *, limit: int, after: str | None = None) -> Page:
        """What is shared in a space, newest first. Raises: Invalid."""
        ...

    def writable_owner(self, scope: Scope, cube_id: str) -> str:
        """Whose memory it is that the user may revise, though it is not theirs. Raises: NotFound, Refused."""
        ...

    def update_shared(
        self,
        scope: Scope,
        owner: Scope,
        cube: MemCube,
        *,
        expected_version: int | None,
        vector: Vector | None,
        model_id: str,
    ) -> MemCube:
        """As ``update``, by a member. Raises: NotFound, Refused: not (any more) the member's to write."""
        ...


class Spaces(Protocol):
    """Spaces and their members; a space that is none of the user's looks like one that does not exist."""

    def create(self, scope: Scope, *, kind: SpaceKind, name: str, invited: str | None = None) -> Space: ...

    def of_user(self, scope: Scope) -> list[Space]: ...

    def get(self, scope: Scope, space_id: str) -> Space: ...

    def members(self, scope: Scope, space_id: str) -> list[Member]: ...

    def rename(self, scope: Scope, space_id: str, name: str) -> Space: ...

    def delete(self, scope: Scope, space_id: str) -> None: ...

    def invite(self, scope: Scope, space_id: str, user: str, role: Role) -> None: ...

    def join(self, scope: Scope, space_id: str) -> Space: ...

    def remove(self, scope: Scope, space_id: str, user: str) -> None: ...


class Sharing:
    """What users share with each other; ``spaces`` and ``vault`` ask for permission in their own statements."""

    def __init__(self, pipeline: Pipeline, vault: SharedVault, spaces: Spaces) -> None:
        self._pipeline = pipeline
        self.vault = vault
        self.spaces = spaces

    def read(self, scope: Scope, cube_id: str) -> MemCube:
        """Return a memory of the user, or as ``SharedCube`` one that is shared with the user. Raises: NotFound."""
        found = self.vault.readable(scope, [cube_id])
        if not found:
            raise NotFound(f"There is no memory {cube_id!r}.")
        return found[0]

    def check_own(self, scope: Scope, cube_id: str, only_owner: str) -> None:
        """Raises: NotFound. Refused: it is somebody else's; ``only_owner`` says what members cannot do with it."""
        if isinstance(self.read(scope, cube_id), SharedCube):
            raise Refused(
                f"The memory {cube_id!r} is somebody else's, shared with you: only its owner can {only_owner}.",
                code="not_the_owner",
            )

    def to_revise(self, scope: Scope, cube_id: str) -> MemCube:
        """Return a memory that the user may revise, their own or one that is shared with the right to write.

        Raises: NotFound. Refused: it is shared for reading only.
        """
        cube = self.read(scope, cube_id)
        if isinstance(cube, SharedCube):
            self.vault.writable_owner(scope, cube_id)
        return cube

    def revise(
        self, scope: Scope, cube_id: str, changes: Mapping[str, Any], *, expected_version: int | None
    ) -> MemCube:
        """Revise a memory that is shared with the right to write, and return it as the member sees it.

        It becomes a version in its owner's history. It says now what a member wrote, so it is trusted as what an
        assistant says: it takes nobody's own word's place.

        Raises: NotFound. Stale. Refused: it may only be read, or more than text and tags changes. As
        ``Pipeline.revise``.
        """
        owner = Scope(user=self.vault.writable_owner(scope, cube_id), key_id=scope.key_id)
        if any(name not in _MEMBERS_CHANGE for name in changes):
            raise Refused(
                f"Members can change {' and '.join(_MEMBERS_CHANGE)} of what is shared; the rest is its owner's.",
                code="space_role",
            )
        cube = self.vault.get(owner, cube_id)
        told = replace(cube, **changes, trust=min(cube.trust, Trust.ASSISTANT))
        update: Update = partial(self.vault.update_shared, scope)
        self._pipeline.revise(owner, told, expected_version=expected_version, update=update)
        return self.read(scope, cube_id)
