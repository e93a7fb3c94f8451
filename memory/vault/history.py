"""The journal of a user in, its changes, and the ways back to before them out.

Law: a way back is a change like any other. It stands in the journal, and can itself be undone; only what was deleted,
forgotten or erased stays away.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson

from memory.change import Change, Operation
from memory.errors import Invalid, NotFound, Refused, Stale
from memory.history import ChangePage, ChangeRecord, KeptTurn, Restored, Snapshot, VersionStep
from memory.ports import Clock
from memory.turn import Scope
from memory.vault.connections import Connections
from memory.vault.exchanges import exchange_of
from memory.vault.restoring import roll_back
from memory.vault.rows import dumps, micros, moment
from memory.vault.undoing import CHANGE, Undoing, standing_undone, take_back

MAX_SNAPSHOTS = 1000
_MAX_STEPS = 1000  # of one change, in a page of the journal

_STEPS = """
    SELECT cubes.id, version_before, version_after, COUNT(*) OVER () AS size
    FROM change_cubes JOIN cubes USING (seq) WHERE change_seq = ? AND owner = ? ORDER BY seq LIMIT ?
"""
# What the extractor is still to find in turns that are rolled back would come back without them.
_UNREAD_SINCE = """
    DELETE FROM extractions
    WHERE user = ? AND turn_id IN (SELECT id FROM turns WHERE user = ? AND created_at > ?)
"""
_MISSING = """
    SELECT id, text FROM cubes
    WHERE owner = :owner AND superseded_at IS NULL AND state NOT IN ('archived', 'expired')
      AND (expires_at IS NULL OR expires_at > :now)
      AND NOT EXISTS (SELECT 1 FROM embeddings WHERE embeddings.seq = cubes.seq AND model_id = :model_id)
    ORDER BY seq LIMIT :limit
"""


class SqliteHistory:
    """The journal in the vault's database, and what leads back along it."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock
        self._undoing = Undoing(connections.journal)

    def rollback(self, scope: Scope, to: datetime) -> Restored:
        """Make what was known at ``to`` the newest version of each of the user's memories, in one change."""
        change = Change.by(scope, Operation.ROLLBACK, note=to.isoformat())
        with self._connections.write(change) as connection:
            outcome = roll_back(connection, scope.user, to, self._clock())
            connection.execute(_UNREAD_SINCE, (scope.user, scope.user, micros(to)))
            removed = self._undoing.removed(connection, scope, after=to)
        return outcome.told(change.id, deleted=removed)

    def undo(self, scope: Scope, change_id: str | None) -> Restored:
        """Take one change back: each of its memories is again as it was before; what was not there is closed.

        None: the newest that stands, was made by a caller and is no undo itself. An undo that is undone is a redo.

        Raises: NotFound. Stale: a memory was changed since, or nothing of the change is left. Refused: one is frozen.
        """
        with self._connections.read() as connection:  # a look for the name that the change's note needs
            named = self._undoing.chosen(connection, scope, change_id)["id"]
        change = Change.by(scope, Operation.UNDO, note=named)
        with self._connections.write(change) as connection:
            row = self._undoing.chosen(connection, scope, named)
            return take_back(connection, scope, row, self._clock()).told(change.id)

    def changes(
        self,
        scope: Scope,
        *,
        limit: int = 20,
        after: str | None = None,
        operations: Sequence[Operation] = (),
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> ChangePage:
        """Return the journal newest first, those lines that come after the change ``after``; ``until`` is excluded.

        Raises: Invalid: ``after`` names no change of this user.
        """
        sql, bound = CHANGE, {"user": scope.user, "limit": limit + 1}
        if operations:
            sql += " AND operation IN (SELECT value FROM json_each(:operations))"
            bound["operations"] = dumps(list(operations))
        if since is not None:
            sql, bound["since"] = f"{sql} AND at >= :since", micros(since)
        if until is not None:
            sql, bound["until"] = f"{sql} AND at < :until", micros(until)
        with self._connections.snapshot() as connection:
            if after is not None:
                sql, bound["after"] = f"{sql} AND seq < :after", _position(connection, scope, after)
            rows = connection.execute(f"{sql} ORDER BY seq DESC LIMIT :limit", bound).fetchall()
            undone = standing_undone(connection, scope)
            changes = [_record(connection, scope, row, undone) for row in rows[:limit]]
        return ChangePage(changes=changes, has_more=len(rows) > limit)

    def keep_snapshot(self, scope: Scope, name: str, at: datetime | None = None) -> Snapshot:
        """Name a moment; None: now.

        Raises: Stale: the name is taken. Refused: there are too many.
        """
        with self._connections.write() as connection:
            now = self._clock()
            kept = Snapshot(name=name, at=at or now, created_at=now)
            count = connection.execute("SELECT count(*) FROM snapshots WHERE user = ?", (scope.user,)).fetchone()[0]
            if count >= MAX_SNAPSHOTS:
                raise Refused(f"There are {count} snapshots already; delete one first.", code="too_many_snapshots")
            try:
                connection.execute(
                    "INSERT INTO snapshots (user, name, at, created_at) VALUES (?, ?, ?, ?)",
                    (scope.user, name, micros(kept.at), micros(now)),
                )
            except sqlite3.IntegrityError as error:
                raise Stale(
                    f"There is a snapshot {name!r} already; delete it first, or choose another name.",
                    param="name",
                    code="snapshot_exists",
                ) from error
        return kept

    def snapshots(self, scope: Scope, *, name: str | None = None) -> list[Snapshot]:
        """Return the user's snapshots (or the one of that name), the latest moment first."""
        sql = "SELECT name, at, created_at FROM snapshots WHERE user = :user AND (:name IS NULL OR name = :name)"
        with self._connections.read() as connection:
            rows = connection.execute(f"{sql} ORDER BY at DESC, name", {"user": scope.user, "name": name}).fetchall()
        return [Snapshot(name=row["name"], at=moment(row["at"]), created_at=moment(row["created_at"])) for row in rows]

    def drop_snapshot(self, scope: Scope, name: str) -> None:
        """Remove the name; the memories are not touched. Raises: NotFound."""
        with self._connections.write() as connection:
            sql = "DELETE FROM snapshots WHERE user = ? AND name = ?"
            if not connection.execute(sql, (scope.user, name)).rowcount:
                raise NotFound(f"There is no snapshot {name!r}.")

    def turn(self, scope: Scope, turn_id: str) -> KeptTurn:
        """Return a turn of the ledger. Raises: NotFound: there is none, or none of its words are left."""
        with self._connections.snapshot() as connection:
            row = connection.execute("SELECT * FROM turns WHERE user = ? AND id = ?", (scope.user, turn_id)).fetchone()
            if row is None or row["messages"] == "[]":
                raise NotFound("The words of that request are no longer kept.", code="turn_not_kept")
            return KeptTurn(
                exchange=exchange_of(connection, row, attempt=row["attempts"]), injected=orjson.loads(row["injected"])
            )

    def missing_vectors(self, scope: Scope, model_id: str, *, limit: int) -> list[tuple[str, str]]:
        """Return (cube id, text) of the user's current cubes that lack an embedding by this model."""
        bound = {"owner": scope.user, "now": micros(self._clock()), "model_id": model_id, "limit": limit}
        with self._connections.read() as connection:
            return [tuple(row) for row in connection.execute(_MISSING, bound)]


def _record(connection: sqlite3.Connection, scope: Scope, row: sqlite3.Row, undone: Mapping[str, str]) -> ChangeRecord:
    steps = connection.execute(_STEPS, (row["seq"], scope.user, _MAX_STEPS)).fetchall()
    return ChangeRecord(
        id=row["id"],
        at=moment(row["at"]),
        operation=Operation(row["operation"]),
        key_id=row["key_id"],
        turn_id=row["turn_id"],
        note=row["note"],
        steps=tuple(VersionStep(step[0], step[1], step[2]) for step in steps),
        size=steps[0]["size"] if steps else 0,
        undone_by=undone.get(row["id"]),
    )


def _position(connection: sqlite3.Connection, scope: Scope, change_id: str) -> int:
    row = connection.execute("SELECT seq FROM changes WHERE user = ? AND id = ?", (scope.user, change_id)).fetchone()
    if row is None:
        raise Invalid(f"There is no change {change_id!r} to continue after.", param="after")
    return int(row[0])
