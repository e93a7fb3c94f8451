"""Spaces and their members in the vault's database: each statement says who asks.

Law: a space that the user does not belong to, and was not invited to, looks like one that does not exist. Naming a user
tells nothing about whether there is one: an invitation to nobody is never answered.
"""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from memory.change import Change, Operation
from memory.errors import Invalid, NotFound, Refused
from memory.ports import Clock
from memory.spaces import (
    MAX_MEMBERS,
    MAX_SPACES,
    Member,
    Role,
    Space,
    SpaceKind,
    organisation_of,
    organisation_owned_by,
)
from memory.turn import Scope
from memory.vault import grants
from memory.vault.access import POWERS, bound_to
from memory.vault.connections import Connections
from memory.vault.partitions import withdraw_from
from memory.vault.rows import micros, moment

_RANKED = "CASE max(CASE role WHEN 'admin' THEN 3 WHEN 'writer' THEN 2 ELSE 1 END) WHEN 3 THEN 'admin' WHEN 2 THEN 'writer' ELSE 'reader' END"  # noqa: E501
_SEEN = f"""
    WITH {POWERS}
    SELECT id, kind, name, created_at, {_RANKED} AS role, max(joined) AS joined FROM spaces JOIN (
        SELECT space, role, 1 AS joined FROM reach
        UNION ALL
        SELECT space, role, 0 FROM members WHERE user = :owner AND joined_at IS NULL
    ) ON space = id WHERE (:id IS NULL OR id = :id) GROUP BY id ORDER BY created_at, id
"""
_MEMBERS = "SELECT user, role, joined_at FROM members WHERE space = ? ORDER BY joined_at IS NULL, joined_at, user"
_PUT_MEMBER = """
    INSERT INTO members (space, user, role, joined_at) VALUES (:space, :user, :role, :joined_at)
    ON CONFLICT (user, space) DO UPDATE SET role = excluded.role, joined_at = coalesce(joined_at, excluded.joined_at)
"""
_ADMINS = "SELECT user FROM members WHERE space = ? AND role = 'admin' AND joined_at IS NOT NULL"


class SqliteSpaces:
    """Spaces and members; what is shared in them is in ``grants``."""

    def __init__(self, connections: Connections, clock: Clock, new_id: Callable[[], str]) -> None:
        self._connections = connections
        self._clock = clock
        self._new_id = new_id

    def create(self, scope: Scope, *, kind: SpaceKind, name: str, invited: str | None = None) -> Space:
        """Return a new space with the user as its admin; of a direct one ``invited`` is the other person.

        Raises: Refused: an organisation is made by its own key; there is one already; the user has too many.
        """
        if kind is SpaceKind.PUBLIC:
            raise Invalid("There is one public space, and it is there already.", param="kind")
        if (invited is not None) != (kind is SpaceKind.DIRECT):
            raise Invalid("A direct space is between you and the one whom `with` names.", param="with")
        own = kind is SpaceKind.ORGANISATION
        space_id = organisation_owned_by(scope.user) if own else f"spc_{self._new_id()}"
        with self._write(scope, Operation.SHARE, f"made {space_id}") as connection:
            if own:
                _check_owns_organisation(connection, scope, space_id)
            made = connection.execute("SELECT count(*) FROM spaces WHERE created_by = ?", (scope.user,)).fetchone()[0]
            if made >= MAX_SPACES:
                raise Refused(f"You have made {made} spaces; delete one first.", code="too_many_spaces")
            now = self._now()
            sql = "INSERT INTO spaces (id, kind, name, created_by, created_at) VALUES (?, ?, ?, ?, ?)"
            connection.execute(sql, (space_id, kind.value, name, scope.user, now))
            _put_member(connection, space_id, scope.user, Role.ADMIN, now)
            if invited is not None:
                _check_another(scope, invited)
                _put_member(connection, space_id, invited, Role.ADMIN, None)
            return self._one(connection, scope, space_id)

    def of_user(self, scope: Scope) -> list[Space]:
        """Return the spaces that the user belongs to or is invited to, the oldest first."""
        with self._connections.read() as connection:
            return _spaces(connection, scope, None)

    def get(self, scope: Scope, space_id: str) -> Space:
        """Raises: NotFound: there is none that the user belongs or is invited to."""
        with self._connections.read() as connection:
            return self._one(connection, scope, space_id)

    def members(self, scope: Scope, space_id: str) -> list[Member]:
        """Return who belongs to a space and who is invited; those who belong without being asked are not listed.

        Raises: NotFound. Refused: the user is only invited.
        """
        with self._connections.snapshot() as connection:
            self._joined(connection, scope, space_id)
            rows = connection.execute(_MEMBERS, (space_id,)).fetchall()
        return [Member(user=r["user"], role=Role(r["role"]), joined=r["joined_at"] is not None) for r in rows]

    def rename(self, scope: Scope, space_id: str, name: str) -> Space:
        """Raises: NotFound. Refused: the user is no admin of it."""
        with self._write(scope, Operation.SHARE, f"named {space_id}") as connection:
            self._ruled(connection, scope, space_id)
            connection.execute("UPDATE spaces SET name = ? WHERE id = ?", (name, space_id))
            return self._one(connection, scope, space_id)

    def delete(self, scope: Scope, space_id: str) -> None:
        """End a space with all that is shared in it. Raises: NotFound. Refused: the user is no admin of it."""
        with self._write(scope, Operation.REVOKE, f"ended {space_id}") as connection:
            self._ruled(connection, scope, space_id)
            grants.end_all(connection, space_id)
            connection.execute("DELETE FROM spaces WHERE id = ?", (space_id,))

    def invite(self, scope: Scope, space_id: str, user: str, role: Role) -> None:
        """Invite a user, or give a member another role.

        The organisation's own key makes its users members at once: it could say yes in their name anyway.

        Raises: NotFound. Refused: the user is no admin; or nobody would be. Invalid: nobody is invited to this kind.
        """
        with self._write(scope, Operation.SHARE, f"{role.value} of {space_id}") as connection:
            space = self._ruled(connection, scope, space_id)
            if space.kind in (SpaceKind.PUBLIC, SpaceKind.DIRECT):
                raise Invalid(f"Nobody is invited to a {space.kind} space.", param="space_id")
            own = organisation_of(user) == organisation_owned_by(scope.user)
            if space.kind is SpaceKind.ORGANISATION and not own:
                raise Invalid("Only users of the organisation can have a role in it.", param="member")
            if role is not Role.ADMIN:
                _check_not_last(connection, space_id, user)
            count = connection.execute("SELECT count(*) FROM members WHERE space = ?", (space_id,)).fetchone()[0]
            if count >= MAX_MEMBERS:
                raise Refused(f"A space has at most {MAX_MEMBERS} members.", code="too_many_members")
            _put_member(connection, space_id, user, role, self._now() if own and "/" not in scope.user else None)

    def join(self, scope: Scope, space_id: str) -> Space:
        """Say yes to an invitation; saying it again changes nothing. Raises: NotFound."""
        with self._write(scope, Operation.SHARE, f"joined {space_id}") as connection:
            self._one(connection, scope, space_id)
            sql = "UPDATE members SET joined_at = ? WHERE space = ? AND user = ? AND joined_at IS NULL"
            connection.execute(sql, (self._now(), space_id, scope.user))
            return self._one(connection, scope, space_id)

    def remove(self, scope: Scope, space_id: str, user: str) -> None:
        """Take a member out, or leave; what they shared there is shared no more. Nobody who is none is no error.

        Raises: NotFound. Refused: the user is no admin and names another; the last admin cannot leave.
        """
        with self._write(scope, Operation.REVOKE, f"left {space_id}") as connection:
            asked = self._one if user == scope.user else self._ruled
            if asked(connection, scope, space_id).kind is SpaceKind.PUBLIC:
                raise Invalid("Everybody belongs to the public space.", param="space_id")
            _check_not_last(connection, space_id, user)
            grants.end_of_member(connection, space_id, user)
            withdraw_from(connection, space_id, user)
            connection.execute("DELETE FROM members WHERE space = ? AND user = ?", (space_id, user))
            connection.execute("UPDATE spaces SET generation = generation + 1 WHERE id = ?", (space_id,))

    def _ruled(self, connection: sqlite3.Connection, scope: Scope, space_id: str) -> Space:
        space = self._joined(connection, scope, space_id)
        if space.role is not Role.ADMIN:
            raise Refused("Only an admin of the space may do that.", param="space_id", code="space_role")
        return space

    def _joined(self, connection: sqlite3.Connection, scope: Scope, space_id: str) -> Space:
        space = self._one(connection, scope, space_id)
        if not space.joined:
            raise Refused("Join the space first: you are invited to it.", param="space_id", code="space_role")
        return space

    def _one(self, connection: sqlite3.Connection, scope: Scope, space_id: str) -> Space:
        found = _spaces(connection, scope, space_id)
        if not found:
            raise NotFound(f"There is no space {space_id!r}.", param="space_id")
        return found[0]

    def _write(self, scope: Scope, operation: Operation, note: str) -> AbstractContextManager[sqlite3.Connection]:
        return self._connections.write(replace(Change.by(scope, operation, note=note), audited=True))

    def _now(self) -> int:
        return micros(self._clock())


def leave_all(connection: sqlite3.Connection, user: str) -> int:
    """Take a user who is erased out of all spaces and return how many there were.

    The oldest other member becomes the admin where there was no other; a space without members ends.
    """
    spaces = [row[0] for row in connection.execute("SELECT space FROM members WHERE user = ?", (user,)).fetchall()]
    connection.execute("DELETE FROM members WHERE user = ?", (user,))
    connection.execute("UPDATE spaces SET created_by = '' WHERE created_by = ?", (user,))
    for space_id in spaces:
        if connection.execute(_ADMINS, (space_id,)).fetchone() is not None:
            continue
        oldest = connection.execute(f"{_MEMBERS} LIMIT 1", (space_id,)).fetchone()
        if oldest is not None and oldest["joined_at"] is not None:
            _put_member(connection, space_id, oldest["user"], Role.ADMIN, oldest["joined_at"])
        else:
            grants.end_all(connection, space_id)
            connection.execute("DELETE FROM spaces WHERE id = ?", (space_id,))
    return len(spaces)


def _spaces(connection: sqlite3.Connection, scope: Scope, space_id: str | None) -> list[Space]:
    bound = {**bound_to(scope), "key": scope.key_id, "id": space_id}
    return [
        Space(
            id=row["id"],
            kind=SpaceKind(row["kind"]),
            name=row["name"],
            created_at=moment(row["created_at"]),
            role=Role(row["role"]),
            joined=bool(row["joined"]),
        )
        for row in connection.execute(_SEEN, bound).fetchall()
    ]


def _put_member(connection: sqlite3.Connection, space_id: str, user: str, role: Role, joined_at: int | None) -> None:
    bound = {"space": space_id, "user": user, "role": role.value, "joined_at": joined_at}
    connection.execute(_PUT_MEMBER, bound)


def _check_not_last(connection: sqlite3.Connection, space_id: str, user: str) -> None:
    admins = [row["user"] for row in connection.execute(_ADMINS, (space_id,))]
    if admins == [user]:
        raise Refused(
            "The last admin cannot leave or step down: make another member admin first, or delete the space.",
            code="last_admin",
        )


def _check_another(scope: Scope, invited: str) -> None:
    if invited == scope.user:
        raise Invalid("A direct space is between two people; name somebody else.", param="with")


def _check_owns_organisation(connection: sqlite3.Connection, scope: Scope, space_id: str) -> None:
    sql = "SELECT 1 FROM keys WHERE id = ? AND user = ? AND assert_users = 1 AND revoked_at IS NULL"
    if connection.execute(sql, (scope.key_id, scope.user)).fetchone() is None:
        raise Refused(
            "An organisation is made with a key that may assert users, without naming one of them.",
            param="kind",
            code="key_scope",
        )
    if connection.execute("SELECT 1 FROM spaces WHERE id = ?", (space_id,)).fetchone() is not None:
        raise Refused("The space of this organisation is there already.", param="kind", code="space_exists")
