"""Turns in, work for the writer out: the turn ledger, which is the truth that memories are read from.

    open ──close──▸ queued ──claim, put──▸ stored | empty
                      ▴  └──claim, fail──▸ failed ──claim──▸ ...   failed too often ──▸ dead

A user's rows are claimed in order, one at a time; a dead row does not hold up the others. Texts are redacted before
they are stored. Rows carry the name of the process that opened or leased them, so that only what a dead process left
behind is taken back.
"""

import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from memory.cube import Trust
from memory.ports import Clock
from memory.turn import Exchange, LedgerRow, Scope, TurnRecord, TurnState
from memory.vault.access import still_readable
from memory.vault.connections import Connections
from memory.vault.exchanges import UNREADABLE, exchange_of
from memory.vault.liveness import Liveness
from memory.vault.rows import dumps, maybe_micros, micros, moment

logger = logging.getLogger(__name__)

_ERROR_CHARS = 500
_CLAIM_ROUNDS = 64  # of one claim, each but the last finds a row that cannot be read

_INSERT = """
    INSERT INTO turns (id, user, key_id, conversation_id, turn_hash, follows, request_id, state, due_at, process,
                       messages, injected, occurred_at, created_at)
    VALUES (:id, :user, :key_id, :conversation_id, :turn_hash, :follows, :request_id, :state, :now, :process,
            :messages, :injected, :occurred_at, :now)
"""
_SAME = """
    SELECT id, state FROM turns WHERE user = ? AND turn_hash = ? AND turn_hash <> '' AND created_at > ?
    ORDER BY created_at DESC, seq DESC LIMIT 1
"""
# Without the client's word that it repeats a turn, only the newest one, unchanged since, can be the same.
_NEWEST = """
    SELECT id, turn_hash, messages, created_at FROM turns WHERE user = ? ORDER BY seq DESC LIMIT 1
"""
_REPEAT_WINDOW_S = 86_400  # an agent may work on one turn for hours
_STANDING = "SELECT count(*) FROM cubes WHERE owner = ? AND id IN (SELECT value FROM json_each(?))"
# The first waiting row of each user, by jumps through the index from one user to the next.
_HEADS = """
    WITH RECURSIVE heads (user, seq) AS (
        SELECT * FROM (SELECT user, seq FROM turns WHERE state IN ('queued', 'failed') ORDER BY user, seq LIMIT 1)
        UNION ALL
        SELECT t.user, t.seq FROM heads CROSS JOIN turns AS t ON t.seq = (
            SELECT next.seq FROM turns AS next WHERE next.state IN ('queued', 'failed') AND next.user > heads.user
            ORDER BY next.user, next.seq LIMIT 1
        )
    )
    SELECT turns.* FROM heads JOIN turns USING (seq)
    WHERE due_at <= :now AND (leased_until IS NULL OR leased_until <= :now)
    ORDER BY seq LIMIT :limit
"""
_LEASE = """
    UPDATE turns SET leased_until = ?, attempts = attempts + 1, process = ?, changed = 0 WHERE seq = ?
"""
_FAIL = """
    UPDATE turns SET state = ?, error = ?, due_at = ?, leased_until = NULL, changed = 0, attempts = max(0, attempts - ?)
    WHERE id = ? AND state IN ('queued', 'failed')
"""
_REVIVE = "UPDATE turns SET state = 'queued', attempts = 0, due_at = ?, error = '' WHERE user = ? AND state = 'dead'"
# An agent's later request brings in what the first one knew nothing of: what a tool said.
_DISTRUST = """
    UPDATE turns SET injected = json_set(injected, '$.trust', :trust)
    WHERE id = :id AND coalesce(injected ->> '$.trust', 3) > :trust
"""
_SHOWN = """
    INSERT INTO shown (seq, turn_id)
    SELECT DISTINCT cubes.seq, :id FROM json_each(:injected, '$.shared') AS shared JOIN cubes ON cubes.id = shared.value
"""
_FIND = """
    SELECT id, user, conversation_id, turn_hash, state, attempts, created_at, error, answer, injected FROM turns
    WHERE user = ? AND turn_hash IN (SELECT value FROM json_each(?)) ORDER BY seq DESC
"""


class SqliteLedger:
    """The turn ledger in the vault's database."""

    def __init__(
        self,
        connections: Connections,
        clock: Clock,
        new_id: Callable[[], str],
        liveness: Liveness,
        *,
        redact: Callable[[str], str] | None = None,
    ) -> None:
        self._connections = connections
        self._clock = clock
        self._new_id = new_id
        self._liveness = liveness
        self._redact = redact or (lambda text: text)

    def open(self, record: TurnRecord, *, dedupe_window_s: float) -> str:
        """Return the row's id: of a new row, or of the one that this turn already has.

        A turn that ``repeats`` is the row of the same turn_hash, of the last day. Any other is the same only as the
        user's newest row, inside the window and with the same words: people do say things again, after other things.
        """
        row = self._row(record, TurnState.OPEN)
        with self._connections.write() as connection:
            if same := _same(connection, record, row, window_s=dedupe_window_s):
                connection.execute(_DISTRUST, {"id": same, "trust": record.injected.get("trust", Trust.USER)})
                return same
            # forgotten, or shared no more, while the model was asked: it must not come back by this
            if not _stands(connection, record, micros(self._clock())):
                row["injected"] = dumps({"trust": record.injected.get("trust", Trust.USER)})
            connection.execute(_INSERT, row)
            connection.execute(_SHOWN, {"id": row["id"], "injected": row["injected"]})
        return str(row["id"])

    def close(self, scope: Scope, turn_id: str, answer: str | None) -> None:
        """Record the answer and queue the row. A row that was erased meanwhile, or is closed already, is left alone;

        another answer (an agent loop's last one, a retry's) replaces the earlier, and the row is read again.
        """
        answer = None if answer is None else self._redact(answer)
        with self._connections.write() as connection:
            sql = "SELECT seq, state, answer, messages, leased_until FROM turns WHERE id = ? AND user = ?"
            row = connection.execute(sql, (turn_id, scope.user)).fetchone()
            if row is None:
                return
            is_open = row["state"] == TurnState.OPEN
            if not is_open and (answer is None or answer == row["answer"]):
                return
            state = TurnState.EMPTY if row["messages"] == "[]" else TurnState.QUEUED
            connection.execute(  # another answer is other work: what was tried with the one before does not count
                "UPDATE turns SET answer = ?, state = ?, due_at = ?, changed = leased_until IS NOT NULL, attempts = 0 "
                "WHERE seq = ?",
                (None if state is TurnState.EMPTY else answer, state, micros(self._clock()), row["seq"]),
            )

    def append(self, record: TurnRecord) -> tuple[str, TurnState]:
        """Return the id and state of the queued turn; an equal turn_hash of this user, of any age, is the same row."""
        row = self._row(record, TurnState.QUEUED)
        with self._connections.write() as connection:
            same = connection.execute(_SAME, (record.scope.user, record.turn_hash, -1)).fetchone()
            if same is not None:
                return str(same["id"]), TurnState(same["state"])
            connection.execute(_INSERT, row)
        return str(row["id"]), TurnState.QUEUED

    def find(self, scope: Scope, turn_hashes: Sequence[str]) -> list[LedgerRow]:
        """Return the rows with these hashes, newest first."""
        with self._connections.read() as connection:
            rows = connection.execute(_FIND, (scope.user, dumps(list(turn_hashes)))).fetchall()
        return [_ledger_row(row) for row in rows]

    def claim(self, *, limit: int, lease_s: float) -> list[Exchange]:
        """Lease due rows, oldest first, of each user only the first that waits; leases that ran out count as due.

        An answer stands last among the messages, in the role of the assistant. Messages without an id get
        "<turn id>:<position>". A row that cannot be read is dead-lettered, and holds up none of the others.
        """
        now = micros(self._clock())
        with self._connections.read() as connection:  # a look before the lock: mostly there is nothing to do
            if not connection.execute(_HEADS, {"now": now, "limit": 1}).fetchall():
                return []
        claimed: list[Exchange] = []
        with self._connections.write() as connection:
            for _ in range(_CLAIM_ROUNDS):
                rows = connection.execute(_HEADS, {"now": now, "limit": limit - len(claimed)}).fetchall()
                for row in rows:
                    connection.execute(_LEASE, (now + int(lease_s * 1_000_000), self._liveness.name, row["seq"]))
                read = [_read(connection, row, now) for row in rows]
                claimed += [exchange for exchange in read if exchange is not None]
                if None not in read:
                    break  # else the next row of that user waits behind the dead one
        return claimed

    def fail(self, turn_id: str, error: str, *, retry_in_s: float | None, counts: bool = True) -> None:
        """Record a failed attempt; None dead-letters the row. A row that is done or gone is left alone."""
        state = TurnState.DEAD if retry_in_s is None else TurnState.FAILED
        due_at = micros(self._clock()) + int((retry_in_s or 0.0) * 1_000_000)
        with self._connections.write() as connection:
            text = self._redact(error)[:_ERROR_CHARS]
            connection.execute(_FAIL, (state, text, due_at, 0 if counts else 1, turn_id))

    def release(self) -> None:
        """Give back what this process has leased; it is due at once."""
        sql = """
            UPDATE turns SET leased_until = NULL, due_at = min(due_at, ?)
            WHERE process = ? AND state IN ('queued', 'failed') AND leased_until IS NOT NULL
        """
        with self._connections.write() as connection:
            connection.execute(sql, (micros(self._clock()), self._liveness.name))

    def pending(self, scope: Scope) -> int:
        """Return how many rows of this user are queued, leased or due; those that wait for their next try are not."""
        sql = """
            SELECT count(*) FROM turns
            WHERE user = ? AND state IN ('queued', 'failed') AND (due_at <= ? OR leased_until IS NOT NULL)
        """
        with self._connections.read() as connection:
            return int(connection.execute(sql, (scope.user, micros(self._clock()))).fetchone()[0])

    def recover(self) -> int:
        """Return how many rows that dead processes left open or leased went back to the queue."""
        left = "state = 'open' OR (state IN ('queued', 'failed') AND leased_until IS NOT NULL)"
        update = f"""
            UPDATE turns SET state = CASE WHEN messages = '[]' THEN 'empty' ELSE 'queued' END, leased_until = NULL,
                             due_at = ? WHERE process = ? AND ({left})
        """
        with self._connections.write() as connection:
            names = [row[0] for row in connection.execute(f"SELECT DISTINCT process FROM turns WHERE {left}")]
            dead = [name for name in names if name != self._liveness.name and not self._liveness.alive(name)]
            now = micros(self._clock())
            return sum(connection.execute(update, (now, name)).rowcount for name in dead)

    def retry_dead(self, scope: Scope, turn_ids: Sequence[str] | None = None) -> int:
        """Queue dead rows again (None: all of this user) and return how many."""
        sql = (
            "UPDATE turns SET state = 'queued', attempts = 0, due_at = ?, error = '' WHERE user = ? AND state = 'dead'"
        )
        bound: list[Any] = [micros(self._clock()), scope.user]
        if turn_ids is not None:
            sql += " AND id IN (SELECT value FROM json_each(?))"
            bound.append(dumps(list(turn_ids)))
        with self._connections.write() as connection:
            return connection.execute(sql, bound).rowcount

    def states(self, scope: Scope, turn_ids: Sequence[str]) -> dict[str, TurnState]:
        """Return the states by id of those rows that exist."""
        sql = "SELECT id, state FROM turns WHERE +user = ? AND id IN (SELECT value FROM json_each(?))"
        with self._connections.read() as connection:
            rows = connection.execute(sql, (scope.user, dumps(list(turn_ids)))).fetchall()
        return {row["id"]: TurnState(row["state"]) for row in rows}

    def counts(self) -> dict[str, int]:
        """Return how many rows of all users are in each state."""
        with self._connections.read() as connection:
            rows = connection.execute("SELECT state, count(*) FROM turns GROUP BY state").fetchall()
        return {state.value: 0 for state in TurnState} | {row[0]: row[1] for row in rows}

    def _row(self, record: TurnRecord, state: TurnState) -> dict[str, Any]:
        now = micros(self._clock())
        messages = [
            {
                "role": message.role,
                "text": self._redact(message.text),
                "id": message.id,
                "name": message.name,
                "created_at": maybe_micros(message.created_at),
            }
            for message in record.messages
        ]
        injected = {
            key: self._redact(value) if isinstance(value, str) else value for key, value in record.injected.items()
        }
        return {
            "id": f"turn_{self._new_id()}",
            "user": record.scope.user,
            "key_id": record.scope.key_id,
            "conversation_id": record.conversation_id,
            "turn_hash": record.turn_hash,
            "follows": record.follows,
            "request_id": record.request_id,
            "state": state.value,
            "process": self._liveness.name,
            "messages": dumps(messages),
            "injected": dumps(injected),
            "occurred_at": now if record.occurred_at is None else micros(record.occurred_at),
            "now": now,
        }


def _read(connection: sqlite3.Connection, row: sqlite3.Row, now: int) -> Exchange | None:
    """Return the exchange of a row that is leased; None: it cannot be read, and is dead from now on."""
    try:
        return exchange_of(connection, row, attempt=row["attempts"] + 1)
    except UNREADABLE as error:
        reason = type(error).__name__  # its text may quote what was said
    logger.error("turn %s is dead, its row cannot be read (%s): `memos queue retry` tries again", row["id"], reason)
    connection.execute(_FAIL, (TurnState.DEAD, f"its row cannot be read: {reason}", now, 0, row["id"]))
    return None


def _same(connection: sqlite3.Connection, record: TurnRecord, row: Mapping[str, Any], *, window_s: float) -> str | None:
    if not record.turn_hash:
        return None
    if record.repeats:
        since = row["now"] - int(max(window_s, _REPEAT_WINDOW_S) * 1_000_000)
        same = connection.execute(_SAME, (record.scope.user, record.turn_hash, since)).fetchone()
        return None if same is None else str(same["id"])
    newest = connection.execute(_NEWEST, (record.scope.user,)).fetchone()
    if newest is None or newest["turn_hash"] != record.turn_hash or newest["messages"] != row["messages"]:
        return None
    return str(newest["id"]) if newest["created_at"] > row["now"] - int(window_s * 1_000_000) else None


def _stands(connection: sqlite3.Connection, record: TurnRecord, now: int) -> bool:
    """True while every memory that was brought in is still there, and still shared where it is somebody else's."""
    shared = list(dict.fromkeys(record.injected.get("shared", ())))
    ids = [each for each in dict.fromkeys(record.injected.get("ids", ())) if each not in shared]
    if shared and still_readable(connection, record.scope, shared, now) < len(shared):
        return False
    return not ids or connection.execute(_STANDING, (record.scope.user, dumps(ids))).fetchone()[0] == len(ids)


def _ledger_row(row: sqlite3.Row) -> LedgerRow:
    return LedgerRow(
        id=row["id"],
        user=row["user"],
        conversation_id=row["conversation_id"],
        turn_hash=row["turn_hash"],
        state=TurnState(row["state"]),
        attempts=row["attempts"],
        created_at=moment(row["created_at"]),
        error=row["error"],
        answer=row["answer"],
        injected=orjson.loads(row["injected"]),
    )
