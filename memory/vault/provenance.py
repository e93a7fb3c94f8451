"""A memory's id in, all that the vault knows of where it comes from out: only for the user whose it is."""

import sqlite3
from collections.abc import Iterable, Sequence

import orjson

from memory.cube import MemCube
from memory.errors import NotFound
from memory.ports import Clock
from memory.provenance import Ground, MadeBy, Provenance, Version
from memory.turn import Scope
from memory.vault.connections import Connections
from memory.vault.exchanges import messages_of
from memory.vault.rows import CUBE_COLUMNS, cube_from_json, cube_of, dumps, micros, moment

_CUBE = f"""
    SELECT seq, {CUBE_COLUMNS} FROM cubes
    WHERE id = :id AND +owner = :user AND (expires_at IS NULL OR expires_at > :now)
"""
_CHANGES = """
    SELECT id, at, key_id, operation, turn_id, note, version_before, version_after
    FROM change_cubes JOIN changes ON changes.seq = change_seq
    WHERE change_cubes.seq = ? AND user = ? ORDER BY changes.seq
"""
_TURNS = """
    SELECT turns.id, conversation_id, turns.request_id, occurred_at, messages, answer, injected,
           receipts.data ->> '$.model' AS model
    FROM turns LEFT JOIN receipts ON receipts.user = turns.user AND receipts.request_id = turns.request_id
    WHERE +turns.user = ? AND turns.id IN (SELECT value FROM json_each(?)) ORDER BY occurred_at, turns.seq
"""
_OUTCOMES = """
    SELECT relations.type, cubes.id FROM relations JOIN cubes ON cubes.seq = from_seq
    WHERE to_seq = ? AND cubes.owner = ? AND relations.type IN ('derived_from', 'supersedes') ORDER BY cubes.seq
"""


class SqliteProvenance:
    """Reads cubes, versions, journal, ledger, receipts and relations together."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock

    def of(self, scope: Scope, cube_id: str) -> Provenance:
        """Raises: NotFound: this user has no such memory."""
        bound = {"id": cube_id, "user": scope.user, "now": micros(self._clock())}
        with self._connections.snapshot() as connection:
            row = connection.execute(_CUBE, bound).fetchone()
            if row is None:
                raise NotFound(f"There is no memory {cube_id!r}.")
            versions = _versions(connection, scope, row)
            turn_ids = _turn_ids(versions)
            grounds = _grounds(connection, scope, turn_ids)
            outcomes = connection.execute(_OUTCOMES, (row["seq"], scope.user)).fetchall()
        known = {ground.turn_id for ground in grounds}
        return Provenance(
            cube=versions[-1].cube,
            versions=versions,
            grounds=grounds,
            missing_turns=[turn_id for turn_id in turn_ids if turn_id not in known],
            derivations=[outcome["id"] for outcome in outcomes if outcome["type"] == "derived_from"],
            superseded_by=[outcome["id"] for outcome in outcomes if outcome["type"] == "supersedes"],
        )


def _versions(connection: sqlite3.Connection, scope: Scope, row: sqlite3.Row) -> list[Version]:
    sql = "SELECT data FROM versions WHERE seq = ? ORDER BY version"
    cubes = [cube_from_json(orjson.loads(each[0])) for each in connection.execute(sql, (row["seq"],))]
    changes = connection.execute(_CHANGES, (row["seq"], scope.user)).fetchall()
    return [Version(cube=cube, made_by=_made_by(cube, changes)) for cube in (*cubes, cube_of(row))]


def _made_by(cube: MemCube, changes: Sequence[sqlite3.Row]) -> MadeBy | None:
    """The change between whose versions this one lies; one change may make several."""
    row = next((each for each in changes if each["version_before"] < cube.version <= each["version_after"]), None)
    if row is None:
        return None
    return MadeBy(
        id=row["id"],
        at=moment(row["at"]),
        operation=row["operation"],
        key_id=row["key_id"],
        turn_id=row["turn_id"],
        note=row["note"],
    )


def _turn_ids(versions: Iterable[Version]) -> list[str]:
    """The turns that the memory was read from, was read in again, or whose messages it names ("<turn id>:<n>")."""
    ids: list[str | None] = []
    for version in versions:
        source = version.cube.source
        ids.append(source.turn_id)
        ids += [turn for turn, colon, _ in (each.rpartition(":") for each in source.message_ids) if colon]
        ids.append(version.made_by.turn_id if version.made_by else None)
    return [turn_id for turn_id in dict.fromkeys(ids) if turn_id and turn_id.startswith("turn_")]


def _grounds(connection: sqlite3.Connection, scope: Scope, turn_ids: Sequence[str]) -> list[Ground]:
    rows = connection.execute(_TURNS, (scope.user, dumps(list(turn_ids)))).fetchall()
    return [
        Ground(
            turn_id=row["id"],
            conversation_id=row["conversation_id"],
            request_id=row["request_id"],
            occurred_at=moment(row["occurred_at"]),
            messages=messages_of(row),
            in_context=orjson.loads(row["injected"]).get("ids", ()),
            model=row["model"],
        )
        for row in rows
    ]
