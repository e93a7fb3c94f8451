"""A scope and ids or partitions in, what others share with its user out.

Law: whether it is shared is asked in the statement that reads it, so what is revoked is gone from the next read on.
Reads that are to change something use ``memory/vault/reading.py``: a user's own memories and nothing else.
"""

import sqlite3
from collections.abc import Sequence

import numpy as np

from memory.cube import MemCube
from memory.errors import Invalid, NotFound, Refused
from memory.ports import Matrix, Page
from memory.spaces import Partition, SharedCube
from memory.turn import Scope
from memory.vault.access import IN_FORCE, IN_USE, REACH, READABLE, SHARED_WITH, bound_to, partitions_of
from memory.vault.reading import VaultBase
from memory.vault.rows import CUBE_COLUMNS, cube_of, dumps, folded

_CUBES_ALIVE = "(cubes.expires_at IS NULL OR cubes.expires_at > :now)"
_BY_IDS = f"""
    WITH {REACH} SELECT seq, {CUBE_COLUMNS} FROM cubes
    WHERE {READABLE} AND {_CUBES_ALIVE} AND id IN (SELECT value FROM json_each(:ids))
"""
_VIA = f"""
    WITH {REACH} SELECT grants.seq, spaces.id, spaces.name FROM grants
    JOIN reach ON reach.space = grants.space JOIN spaces ON spaces.id = grants.space
    WHERE grants.seq IN (SELECT value FROM json_each(:seqs)) AND {IN_FORCE}
    ORDER BY grants.granted_at DESC, spaces.id
"""
_VECTORS = f"""
    WITH {REACH} SELECT cubes.id, vector FROM grants JOIN cubes USING (seq) JOIN embeddings USING (seq)
    WHERE grants.space = :space AND grants.task = :shared_for AND grants.space IN (SELECT space FROM reach)
      AND {IN_FORCE} AND {_CUBES_ALIVE} AND {IN_USE} AND model_id = :model_id ORDER BY seq
"""
_IN_SPACE = f"""
    WITH {REACH} SELECT cubes.seq, {CUBE_COLUMNS} FROM grants JOIN cubes USING (seq)
    WHERE grants.space = :space AND grants.space IN (SELECT space FROM reach) AND {IN_FORCE}
      AND superseded_at IS NULL AND {_CUBES_ALIVE} AND cubes.seq < :before ORDER BY cubes.seq DESC LIMIT :limit
"""
_LABELLED = f"""
    WITH {REACH} SELECT seq, {CUBE_COLUMNS} FROM cubes
    WHERE cubes.owner <> :owner AND {SHARED_WITH} AND {_CUBES_ALIVE} AND seq IN (
        SELECT seq FROM labels WHERE owner IN (SELECT value FROM json_each(:partitions))
        AND label IN (SELECT value FROM json_each(:labels))
    ) ORDER BY recorded_at DESC, seq DESC LIMIT :limit
"""
_WRITABLE = f"""
    WITH {REACH} SELECT cubes.owner FROM cubes
    WHERE id = :id AND cubes.owner <> :owner AND {_CUBES_ALIVE} AND superseded_at IS NULL AND EXISTS (
        SELECT 1 FROM grants JOIN reach ON reach.space = grants.space
        WHERE grants.seq = cubes.seq AND {IN_FORCE} AND grants.rights = 'write' AND reach.role IN ('writer', 'admin')
    )
"""
_SEQ = f"WITH {REACH} SELECT seq FROM cubes WHERE id = :id AND {READABLE}"


class SharedReading(VaultBase):
    """Reads of what is shared."""

    def readable(self, scope: Scope, cube_ids: Sequence[str]) -> list[MemCube]:
        """Return the user's own among these cubes, and as ``SharedCube`` those that are shared with the user, in order.

        Of what others share the newest version is there, as long as it is current.
        """
        with self._connections.snapshot() as connection:
            now = self._now()
            rows = self._shared_rows(connection, scope, _BY_IDS, ids=dumps(list(cube_ids)), now=now)
            cubes = {cube.id: cube for cube in self._seen(connection, scope, rows, now)}
        return [cubes[cube_id] for cube_id in cube_ids if cube_id in cubes]

    def partitions(self, scope: Scope) -> list[Partition]:
        """Return what is searched beside the user's own memories; two indexed reads."""
        with self._connections.read() as connection:
            return partitions_of(connection, scope, self._now())

    def labelled_by_others(self, scope: Scope, labels: Sequence[str], *, limit: int) -> list[MemCube]:
        """Return cubes that others share and that carry any of the labels as tag or entity, newest first."""
        with self._connections.snapshot() as connection:
            now = self._now()
            searched = [each.name for each in partitions_of(connection, scope, now)]
            if not searched:
                return []
            folded_labels = dumps([folded(label) for label in labels])
            bound = {"partitions": dumps(searched), "labels": folded_labels, "limit": limit, "now": now}
            return self._seen(connection, scope, self._shared_rows(connection, scope, _LABELLED, **bound), now)

    def partition_vectors(self, scope: Scope, partition: Partition, model_id: str) -> tuple[list[str], Matrix]:
        """Return ids and embeddings of what is shared there; nothing when the user does not belong to the space."""
        bound = {"space": partition.space_id, "shared_for": partition.task, "model_id": model_id}
        with self._connections.read() as connection:
            rows = self._shared_rows(connection, scope, _VECTORS, **bound)
        matrix = np.frombuffer(b"".join([row[1] for row in rows]), "<f4").astype(np.float32, copy=False)
        return [row[0] for row in rows], matrix.reshape(len(rows), -1) if rows else matrix.reshape(0, 0)

    def shared_page(self, scope: Scope, space_id: str, *, limit: int, after: str | None = None) -> Page:
        """Return what is shared in a space, the newest memory first, those that come after the cube ``after``.

        Nothing when the user does not belong to the space. Raises: Invalid: ``after`` is no memory of it.
        """
        with self._connections.snapshot() as connection:
            now, before = self._now(), 2**62
            if after is not None:
                row = next(iter(self._shared_rows(connection, scope, _SEQ, id=after)), None)
                if row is None:
                    raise Invalid(f"There is no memory {after!r} to continue after.", param="after")
                before = row["seq"]
            bound = {"space": space_id, "before": before, "limit": limit + 1, "now": now}
            rows = self._shared_rows(connection, scope, _IN_SPACE, **bound)
            cubes = self._seen(connection, scope, rows[:limit], now)
        return Page(cubes=cubes, has_more=len(rows) > limit)

    def writable_owner(self, scope: Scope, cube_id: str) -> str:
        """Return whose memory it is that the user may revise, though it is not theirs.

        Raises: NotFound: there is none that the user can read. Refused: it may only be read.
        """
        with self._connections.read() as connection:
            return self.owner_to_write(connection, scope, cube_id)

    def owner_to_write(self, connection: sqlite3.Connection, scope: Scope, cube_id: str) -> str:
        """As ``writable_owner``, inside the caller's transaction."""
        row = next(iter(self._shared_rows(connection, scope, _WRITABLE, id=cube_id)), None)
        if row is not None:
            return str(row["owner"])
        seen = self._shared_rows(connection, scope, _BY_IDS, ids=dumps([cube_id]))
        if any(each["owner"] != scope.user for each in seen):
            raise Refused(
                f"The memory {cube_id!r} is shared for reading only: to change it takes the role of a writer in a "
                "space where its owner shared it with the right to write.",
                code="read_only_share",
            )
        raise NotFound(f"There is no memory {cube_id!r}.")

    def _shared_rows(
        self, connection: sqlite3.Connection, scope: Scope, sql: str, **bound: object
    ) -> list[sqlite3.Row]:
        return connection.execute(sql, {**bound_to(scope), "now": self._now(), **bound}).fetchall()

    def _seen(
        self, connection: sqlite3.Connection, scope: Scope, rows: Sequence[sqlite3.Row], now: int
    ) -> list[MemCube]:
        """Return the cubes of rows (with ``seq``) as the user sees them."""
        foreign = [row["seq"] for row in rows if row["owner"] != scope.user]
        via: dict[int, sqlite3.Row] = {}
        if foreign:
            found = self._shared_rows(connection, scope, _VIA, seqs=dumps(foreign), now=now)
            via = {row["seq"]: row for row in found}  # the space in which it was shared first
        return [
            cube_of(row)
            if row["owner"] == scope.user
            else SharedCube.of(
                cube_of(row),
                space_id=via[row["seq"]]["id"],
                space_name=via[row["seq"]]["name"],
                reader=scope.user,
            )
            for row in rows
        ]
