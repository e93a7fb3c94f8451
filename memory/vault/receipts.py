"""What happened in a request in, the same out for a while: receipts by request id, readable by their user only."""

from collections.abc import Sequence
from typing import Any

import orjson

from memory.errors import NotFound
from memory.ports import Clock
from memory.turn import Scope
from memory.vault.connections import Connections
from memory.vault.rows import micros

_PRUNE_ROWS = 100


class SqliteReceipts:
    """Receipts in the vault's database; those older than ``keep_s`` seconds are removed as new ones come."""

    def __init__(self, connections: Connections, clock: Clock, *, keep_s: float = 7 * 86_400) -> None:
        self._connections = connections
        self._clock = clock
        self._keep_s = keep_s

    def put_all(self, rows: Sequence[tuple[Scope, str, str]]) -> None:
        """Store or replace receipts, JSON objects."""
        now = micros(self._clock())
        prune = "DELETE FROM receipts WHERE rowid IN (SELECT rowid FROM receipts WHERE created_at < ? LIMIT ?)"
        put = "INSERT OR REPLACE INTO receipts (user, request_id, created_at, data) VALUES (?, ?, ?, ?)"
        with self._connections.write() as connection:
            connection.execute(prune, (now - int(self._keep_s * 1_000_000), _PRUNE_ROWS))
            connection.executemany(put, [(scope.user, key, now, receipt) for scope, key, receipt in rows])

    def get(self, scope: Scope, request_id: str) -> dict[str, Any]:
        """Raises: NotFound: there is none for this user (any more)."""
        sql = "SELECT data FROM receipts WHERE user = ? AND request_id = ? AND created_at >= ?"
        oldest = micros(self._clock()) - int(self._keep_s * 1_000_000)
        with self._connections.read() as connection:
            row = connection.execute(sql, (scope.user, request_id, oldest)).fetchone()
        if row is None:
            raise NotFound(f"There is no receipt of a request {request_id!r}; they are kept for a while only.")
        receipt: dict[str, Any] = orjson.loads(row["data"])
        return receipt
