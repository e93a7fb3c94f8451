"""The whole vault in, what still waits in it out: for the person who runs it, over all users.

The only reads without a Scope, and none of them gives out what was said.
"""

from collections.abc import Sequence

from memory.turn import LedgerRow, TurnState
from memory.vault.connections import Connections
from memory.vault.rows import dumps, moment

WAITING = (TurnState.OPEN, TurnState.QUEUED, TurnState.FAILED, TurnState.DEAD)

_ROWS = """
    SELECT id, user, conversation_id, turn_hash, state, attempts, created_at, error FROM turns
    WHERE state IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?
"""
_EXTRACTIONS = """
    WITH entries AS (
        SELECT turn_id, attempts, error, CASE WHEN due_at IS NULL THEN 'dead' WHEN error <> '' THEN 'failed'
                                         ELSE 'queued' END AS state
        FROM extractions
    )
    SELECT turns.id, user, conversation_id, turn_hash, entries.state, entries.attempts, created_at, entries.error
    FROM entries JOIN turns ON turns.id = turn_id
    WHERE entries.state IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?
"""
_LACKING = """
    SELECT count(*) FROM cubes WHERE superseded_at IS NULL AND state NOT IN ('archived', 'expired')
    AND NOT EXISTS (SELECT 1 FROM embeddings AS e WHERE e.seq = cubes.seq AND e.model_id = ?)
"""
_USERS = "SELECT user FROM keys UNION SELECT DISTINCT owner FROM cubes ORDER BY 1"


class Backlog:
    """What waits in a vault."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def rows(self, states: Sequence[TurnState] = WAITING, *, limit: int = 1000) -> list[LedgerRow]:
        """Return ledger rows in these states, oldest first, without answers and injected text."""
        return self._found(_ROWS, states, limit)

    def extractions(self, states: Sequence[TurnState] = WAITING, *, limit: int = 1000) -> list[LedgerRow]:
        """Return the rows of turns that the extractor is still to read, with the states of that; oldest first."""
        return self._found(_EXTRACTIONS, states, limit)

    def _found(self, sql: str, states: Sequence[TurnState], limit: int) -> list[LedgerRow]:
        with self._connections.read() as connection:
            rows = connection.execute(sql, (dumps([state.value for state in states]), limit)).fetchall()
        return [
            LedgerRow(
                id=row["id"],
                user=row["user"],
                conversation_id=row["conversation_id"],
                turn_hash=row["turn_hash"],
                state=TurnState(row["state"]),
                attempts=row["attempts"],
                created_at=moment(row["created_at"]),
                error=row["error"],
            )
            for row in rows
        ]

    def users(self) -> list[str]:
        """Return all who have a key or a memory, sorted."""
        with self._connections.read() as connection:
            return [row[0] for row in connection.execute(_USERS)]

    def missing_vectors(self, model_id: str) -> int:
        """Return how many current cubes have no embedding by this model."""
        with self._connections.read() as connection:
            return int(connection.execute(_LACKING, (model_id,)).fetchone()[0])
