"""A vault in, its spaces of all users out, for the operator of the server: on the command line, never on the wire."""

from dataclasses import dataclass
from datetime import datetime

from memory.change import Change, Operation
from memory.errors import NotFound
from memory.spaces import Member, Role, SpaceKind
from memory.vault import grants
from memory.vault.connections import Connections
from memory.vault.rows import moment

_SPACES = """
    SELECT id, kind, name, created_at, created_by,
           (SELECT count(*) FROM members WHERE space = id AND joined_at IS NOT NULL) AS members,
           (SELECT count(*) FROM grants WHERE grants.space = id) AS shared
    FROM spaces ORDER BY created_at, id
"""
_MEMBERS = "SELECT user, role, joined_at FROM members WHERE space = ? ORDER BY joined_at IS NULL, joined_at, user"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceCount:
    """A space and how much there is in it."""

    id: str
    kind: SpaceKind
    name: str
    created_at: datetime
    members: int  #: who joined; not those who belong without being asked
    shared: int  #: memories


class SpaceDesk:
    """What the operator sees and ends."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def spaces(self) -> list[SpaceCount]:
        """Return all spaces, the oldest first."""
        with self._connections.read() as connection:
            return [
                SpaceCount(
                    id=row["id"],
                    kind=SpaceKind(row["kind"]),
                    name=row["name"],
                    created_at=moment(row["created_at"]),
                    members=row["members"],
                    shared=row["shared"],
                )
                for row in connection.execute(_SPACES)
            ]

    def members(self, space_id: str) -> list[Member]:
        """Return who joined or is invited. Raises: NotFound."""
        self._known(space_id)
        with self._connections.read() as connection:
            rows = connection.execute(_MEMBERS, (space_id,)).fetchall()
        return [Member(user=r["user"], role=Role(r["role"]), joined=r["joined_at"] is not None) for r in rows]

    def end(self, space_id: str) -> SpaceCount:
        """End a space with every share in it, and return what it was. Raises: NotFound."""
        known = self._known(space_id)
        change = Change(user="", operation=Operation.REVOKE, note=f"ended {space_id}", audited=True)
        with self._connections.write(change) as connection:
            grants.end_all(connection, space_id)
            connection.execute("DELETE FROM spaces WHERE id = ?", (space_id,))
        return known

    def _known(self, space_id: str) -> SpaceCount:
        found = next((each for each in self.spaces() if each.id == space_id), None)
        if found is None:
            raise NotFound(f"There is no space {space_id!r}; `memos spaces list` shows them.", param="id")
        return found
