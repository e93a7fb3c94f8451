"""All that a user has in, JSON-ready rows out, and back into any vault.

Rows: a manifest first, then each cube as one row per version (oldest first, ``"newest": true`` on the last), then the
turns of the ledger. Embeddings are not part of it: they are made again by the embedder of the vault that takes them.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from memory.cube import MemCube
from memory.errors import Invalid
from memory.turn import Scope, TurnState
from memory.vault.cubes import StoredCube, insert, keep_version, stored
from memory.vault.reading import VaultBase
from memory.vault.rows import cube_from_json, cube_json, dumps, micros, moment

FORMAT = 1
_BATCH_ROWS = 200
_IMPORT_BATCH_ROWS = 500
_COPIED = ("conversation_id", "turn_hash", "request_id", "state", "attempts", "error", "answer")
_TURN = f"SELECT seq, id, messages, injected, occurred_at, created_at, {', '.join(_COPIED)} FROM turns"
_INSERT_TURN = f"""
    INSERT INTO turns (id, user, key_id, process, due_at, messages, injected, occurred_at, created_at,
                       {", ".join(_COPIED)})
    VALUES (:id, :user, '', '', :created_at, :messages, :injected, :occurred_at, :created_at,
            {", ".join(":" + name for name in _COPIED)})
"""


class CubeTransfer(VaultBase):
    """Export and import."""

    def export(self, scope: Scope) -> Iterator[dict[str, Any]]:
        """Yield everything the user has; read in batches, so writers are not held up."""
        yield {
            "object": "memos.export",
            "format": FORMAT,
            "user": scope.user,
            "exported_at": self._clock().isoformat(),
        }
        last = 0
        while cubes := self._cubes_after(scope, last):
            for each, older in cubes:
                yield from ({"object": "memos.cube", "newest": False, **data} for data in older)
                confirmed = moment(each.confirmed_at).isoformat()
                yield {"object": "memos.cube", "newest": True, "confirmed_at": confirmed, **cube_json(each.cube)}
            last = cubes[-1][0].seq
        last = 0
        while turns := self._turns_after(scope, last):
            yield from (_turn_json(row) for row in turns)
            last = turns[-1]["seq"]

    def import_rows(self, scope: Scope, rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        """Take back what ``export`` gave, into this user's memory, in one transaction.

        What is already there is left alone; an id that another user has is replaced by a fresh one, also where other
        rows refer to it.

        Raises: Invalid: a row is not of an export; nothing is imported then.
        """
        taken = _Import(scope, self)
        with self._connections.write() as connection:
            for number, row in enumerate(rows, start=1):
                try:
                    taken.take(connection, row)
                except Invalid as error:
                    raise Invalid(f"Row {number}: {error}") from error
                except (KeyError, TypeError, ValueError, AttributeError, sqlite3.IntegrityError) as error:
                    raise Invalid(f"Row {number} is not a row of an export: {error!r}.") from error
        return taken.counts

    def fresh_id(self, prefix: str) -> str:
        """Return an id that nothing has."""
        return f"{prefix}_{self._new_id()}"

    def redacted(self, text: str) -> str:
        """Return the text without secrets."""
        return self._redact(text)

    def _cubes_after(self, scope: Scope, seq: int) -> list[tuple[StoredCube, list[dict[str, Any]]]]:
        sql = "SELECT data FROM versions WHERE seq = ? ORDER BY version"
        with self._connections.snapshot() as connection:
            where = "owner = ? AND seq > ? AND seq IN (SELECT seq FROM cubes WHERE owner = ?2 ORDER BY seq)"
            del where
            cubes = stored(connection, "owner = ? AND seq > ?", (scope.user, seq))[:_BATCH_ROWS]
            return [(each, [orjson.loads(row[0]) for row in connection.execute(sql, (each.seq,))]) for each in cubes]

    def _turns_after(self, scope: Scope, seq: int) -> list[sqlite3.Row]:
        with self._connections.read() as connection:
            sql = f"{_TURN} WHERE user = ? AND seq > ? ORDER BY seq LIMIT ?"
            return connection.execute(sql, (scope.user, seq, _BATCH_ROWS)).fetchall()
