"""A memory and a space in, the memory shared there, or no more, out; and what members write into it.

Law: only the owner shares; a writer or admin of the space it is shared in. The statement that stores a grant asks all
that. What a member with the right to write revises is a new version in the owner's history, under the member's key.
"""

import sqlite3
from dataclasses import replace
from typing import Any

from memory.change import Change, Operation
from memory.cube import MemCube
from memory.errors import Invalid, NotFound, Refused
from memory.ports import Vector
from memory.spaces import PUBLIC, Rights, Role, Share, SpaceKind, Terms
from memory.turn import Scope
from memory.vault import grants
from memory.vault.access import POWERS, bound_to
from memory.vault.cubes import StoredCube, by_ids, stored
from memory.vault.journal import touch
from memory.vault.rows import maybe_moment, micros, moment
from memory.vault.shared import SharedReading
from memory.vault.writing import CubeWriting

_PUBLIC_SPACE = f"""
    INSERT OR IGNORE INTO spaces (id, kind, name, created_by, created_at)
    VALUES ('{PUBLIC}', 'public', 'Public', '', ?)
"""
_ROLES = f"""
    WITH {POWERS} SELECT spaces.id, role FROM spaces JOIN reach ON reach.space = spaces.id WHERE spaces.id = :space
"""
_SHARES = """
    SELECT grants.*, cubes.id AS cube_id, spaces.name, spaces.kind FROM grants
    JOIN cubes USING (seq) JOIN spaces ON spaces.id = grants.space
    WHERE cubes.owner = :owner AND cubes.id = :id AND (grants.expires_at IS NULL OR grants.expires_at > :now)
    ORDER BY granted_at, space
"""
_HELD_BY_ANOTHER = f"""
    WITH {POWERS} SELECT cubes.seq FROM cubes JOIN grants USING (seq) JOIN reach ON reach.space = grants.space
    WHERE cubes.id = :id AND grants.space = :space AND reach.role = 'admin'
"""
_MAY_SHARE = (Role.WRITER, Role.ADMIN)


class CubeSharing(CubeWriting, SharedReading):
    """Sharing and revoking."""

    def share(self, scope: Scope, cube_id: str, space_id: str, terms: Terms) -> Share:
        """Share a memory, or share it on other terms.

        Raises: NotFound: the user has no such memory, or belongs to no such space. Refused: the user is no writer
        there. Invalid: it would end before it begins.
        """
        now = self._now()
        if terms.expires_at is not None and micros(terms.expires_at) <= now:
            raise Invalid("That time is over: `expires_at` must lie in the future.", param="expires_at")
        change = replace(Change.by(scope, Operation.SHARE, note=f"in {space_id}"), audited=True)
        with self._connections.write(change) as connection:
            cube = _own(connection, scope, cube_id)
            if space_id == PUBLIC:
                connection.execute(_PUBLIC_SPACE, (now,))
            roles = connection.execute(_ROLES, _bound(scope, space=space_id)).fetchall()
            if not roles:
                raise NotFound(f"There is no space {space_id!r}.", param="space")
            if not any(row["role"] in _MAY_SHARE for row in roles):
                needs = "a key with the scope `admin`" if space_id == PUBLIC else "the role of a writer"
                raise Refused(f"Sharing in this space takes {needs}.", param="space", code="space_role")
            grants.put(connection, cube, space_id, terms, now)
            touch(connection, cube.seq, cube.cube, cube.cube)
            return next(each for each in _shares(connection, scope, cube_id, now) if each.space_id == space_id)

    def revoke(self, scope: Scope, cube_id: str, space_id: str) -> None:
        """End a share, at once: the memory's owner may, and an admin of the space.

        Raises: NotFound: it is not shared there, as far as the user may know.
        """
        change = replace(Change.by(scope, Operation.REVOKE, note=f"in {space_id}"), audited=True)
        with self._connections.write(change) as connection:
            own = by_ids(connection, scope.user, [cube_id])
            rows = connection.execute(_HELD_BY_ANOTHER, _bound(scope, id=cube_id, space=space_id)).fetchall()
            ruled = [each for row in rows for each in stored(connection, "seq = ?", (row["seq"],))]
            if not any(grants.end(connection, each, space_id) for each in own or ruled):
                raise NotFound(f"The memory {cube_id!r} is not shared in a space {space_id!r}.")

    def shares(self, scope: Scope, cube_id: str) -> list[Share]:
        """Return where a memory of the user is shared now, the oldest share first. Raises: NotFound."""
        with self._connections.snapshot() as connection:
            _own(connection, scope, cube_id)
            return _shares(connection, scope, cube_id, self._now())

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
        """Store a member's revision in the owner's history; asked anew whether the member may, where it is written.

        Raises: NotFound, Refused: it is not (any more) the member's to write. As ``update``.
        """
        change = Change.by(replace(owner, key_id=scope.key_id), Operation.REVISE, note="by a member")
        with self._connections.write(change) as connection:
            if self.owner_to_write(connection, scope, cube.id) != owner.user:
                raise NotFound(f"There is no memory {cube.id!r}.")
            return self.update(owner, cube, expected_version=expected_version, vector=vector, model_id=model_id)


def _own(connection: sqlite3.Connection, scope: Scope, cube_id: str) -> StoredCube:
    found = by_ids(connection, scope.user, [cube_id])
    if not found:
        raise NotFound(f"There is no memory {cube_id!r}.")
    return found[0]


def _bound(scope: Scope, **more: Any) -> dict[str, Any]:
    return {**bound_to(scope), "key": scope.key_id, **more}


def _shares(connection: sqlite3.Connection, scope: Scope, cube_id: str, now: int) -> list[Share]:
    return [
        Share(
            cube_id=row["cube_id"],
            space_id=row["space"],
            space_name=row["name"],
            kind=SpaceKind(row["kind"]),
            terms=Terms(rights=Rights(row["rights"]), task=row["task"], expires_at=maybe_moment(row["expires_at"])),
            granted_at=moment(row["granted_at"]),
        )
        for row in connection.execute(_SHARES, {"owner": scope.user, "id": cube_id, "now": now})
    ]
