"""Turns that are stored in, work for the extractor out: a durable queue beside the turn ledger.

    vault.put(extract=True) ─▸ waiting ──claim, vault.put_extracted──▸ gone
                                  ▴ └──claim, fail──▸ waiting, later   failed too often ──▸ dead

An entry names a turn and holds none of its words: they are read when it is claimed, and again when the facts are
stored. Users are served in turn, whoever has most waiting. What a dead process had leased is taken back.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from memory.ports import Clock
from memory.turn import Exchange, Scope
from memory.vault.connections import Connections
from memory.vault.exchanges import UNREADABLE, exchange_of
from memory.vault.liveness import Liveness
from memory.vault.rows import dumps, folded, micros

logger = logging.getLogger(__name__)

_ERROR_CHARS = 500

_ADD = """
    INSERT INTO extractions (turn_id, user, due_at) SELECT id, user, ? FROM turns WHERE id = ?
    ON CONFLICT (turn_id) DO UPDATE SET due_at = excluded.due_at, attempts = 0, leased_until = NULL, error = ''
"""
# A turn that waits to be written (again) is left to the writer first: that makes the entry due anew. CROSS JOIN and "+"
# keep SQLite from walking through all turns that are stored.
_ENTRIES = """
    SELECT turns.*, entry.attempts AS tried, entry.withheld FROM extractions AS entry
    CROSS JOIN turns ON turns.id = entry.turn_id AND +turns.state IN ('stored', 'empty')
"""
_NEXT = f"""
    {_ENTRIES}
    WHERE entry.user > :after AND entry.due_at <= :now AND (entry.leased_until IS NULL OR entry.leased_until <= :now)
    ORDER BY entry.user, entry.due_at LIMIT 1
"""
_LEASE = "UPDATE extractions SET leased_until = ?, attempts = attempts + 1, process = ? WHERE turn_id = ?"
_FAIL = "UPDATE extractions SET due_at = ?, error = ?, leased_until = NULL WHERE turn_id = ?"
_GIVE_UP = "UPDATE extractions SET leased_until = NULL, attempts = max(0, attempts - 1) WHERE leased_until IS NOT NULL"


def add(connection: sqlite3.Connection, turn_id: str, now: int) -> None:
    """Let a turn be read by the extractor (again); what is withheld of it stays so."""
    connection.execute(_ADD, (now, turn_id))


def withhold(connection: sqlite3.Connection, user: str, keys: Iterable[tuple[str, str]]) -> None:
    """Let none of the turns that wait give a fact of these subjects and attributes: a later turn took it back."""
    pairs = [[folded(subject), folded(attribute)] for subject, attribute in keys]
    for row in connection.execute("SELECT turn_id, withheld FROM extractions WHERE user = ?", (user,)).fetchall():
        known = orjson.loads(row["withheld"])
        new = known + [pair for pair in pairs if pair not in known]
        connection.execute("UPDATE extractions SET withheld = ? WHERE turn_id = ?", (dumps(new), row["turn_id"]))


def finish(connection: sqlite3.Connection, read: Exchange) -> bool:
    """Remove the entry of what was read; False when it is gone, or when anything read then is different now.

    A different one is given up, to be claimed again with its new words.
    """
    where = "WHERE entry.turn_id = ? AND entry.user = ?"
    row = connection.execute(f"{_ENTRIES} {where}", (read.turn_id, read.scope.user)).fetchone()
    if row is None or replace(_exchange(connection, row), attempt=read.attempt) != read:
        connection.execute(f"{_GIVE_UP} AND turn_id = ?", (read.turn_id,))
        return False
    connection.execute("DELETE FROM extractions WHERE turn_id = ?", (read.turn_id,))
    return True


class SqliteExtractions:
    """The queue of extractions in the vault's database."""

    def __init__(
        self,
        connections: Connections,
        clock: Clock,
        liveness: Liveness,
        *,
        redact: Callable[[str], str] | None = None,
    ) -> None:
        self._connections = connections
        self._clock = clock
        self._liveness = liveness
        self._redact = redact or (lambda text: text)
        self._served = ""  # the user whose turn was given out last

    def claim(self, *, lease_s: float) -> Exchange | None:
        """Lease the oldest due entry of the next user in line; a lease that ran out counts as due.

        An entry whose turn cannot be read is given up as dead, and the next one is taken.
        """
        now = micros(self._clock())
        with self._connections.read() as connection:  # a look before the lock: mostly there is nothing to do
            if self._next(connection, now) is None:
                return None
        with self._connections.write() as connection:
            while (row := self._next(connection, now)) is not None:
                self._served = row["user"]
                connection.execute(_LEASE, (now + int(lease_s * 1_000_000), self._liveness.name, row["id"]))
                exchange = _read(connection, row)
                if exchange is not None:
                    return exchange
        return None

    def fail(self, turn_id: str, error: str, *, retry_in_s: float | None) -> None:
        """Record a failed attempt; None gives the entry up as dead. One that is done or gone is left alone."""
        due_at = None if retry_in_s is None else micros(self._clock()) + int(retry_in_s * 1_000_000)
        with self._connections.write() as connection:
            connection.execute(_FAIL, (due_at, self._redact(error)[:_ERROR_CHARS], turn_id))

    def give_up(self) -> int:
        """Return how many entries that this process had leased wait again, as if they had not been tried."""
        with self._connections.write() as connection:
            return connection.execute(f"{_GIVE_UP} AND process = ?", (self._liveness.name,)).rowcount

    def recover(self) -> int:
        """Return how many entries that dead processes had leased wait again; their attempts count."""
        sql = "UPDATE extractions SET leased_until = NULL WHERE leased_until IS NOT NULL AND process = ?"
        with self._connections.write() as connection:
            leased = "SELECT DISTINCT process FROM extractions WHERE leased_until IS NOT NULL"
            names = [row[0] for row in connection.execute(leased)]
            dead = [name for name in names if name != self._liveness.name and not self._liveness.alive(name)]
            return sum(connection.execute(sql, (name,)).rowcount for name in dead)

    def retry_dead(self, scope: Scope, turn_ids: Sequence[str] | None = None) -> int:
        """Let dead entries wait again (None: all of this user) and return how many."""
        sql = "UPDATE extractions SET due_at = ?, attempts = 0, error = '' WHERE user = ? AND due_at IS NULL"
        bound: list[Any] = [micros(self._clock()), scope.user]
        if turn_ids is not None:
            sql += " AND turn_id IN (SELECT value FROM json_each(?))"
            bound.append(dumps(list(turn_ids)))
        with self._connections.write() as connection:
            return connection.execute(sql, bound).rowcount

    def counts(self) -> dict[str, int]:
        """Return how many entries of all users wait, and how many are dead."""
        sql = "SELECT count(due_at), count(*) - count(due_at) FROM extractions"
        with self._connections.read() as connection:
            waiting, dead = connection.execute(sql).fetchone()
        return {"waiting": waiting, "dead": dead}

    def _next(self, connection: sqlite3.Connection, now: int) -> sqlite3.Row | None:
        for after in (self._served, ""):
            row: sqlite3.Row | None = connection.execute(_NEXT, {"after": after, "now": now}).fetchone()
            if row is not None:
                return row
        return None


def _read(connection: sqlite3.Connection, row: sqlite3.Row) -> Exchange | None:
    """Return the exchange of an entry that is leased; None: it cannot be read, and is dead from now on."""
    try:
        return _exchange(connection, row)
    except UNREADABLE as error:
        reason = type(error).__name__  # its text may quote what was said
    logger.error("turn %s is not extracted, its row cannot be read (%s)", row["id"], reason)
    connection.execute(_FAIL, (None, f"its row cannot be read: {reason}", row["id"]))
    return None


def _exchange(connection: sqlite3.Connection, row: sqlite3.Row) -> Exchange:
    return exchange_of(connection, row, attempt=row["tried"] + 1, withheld=orjson.loads(row["withheld"]))
