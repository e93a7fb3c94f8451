"""The time in, what is over or cold taken out of use: expiry, decay, quotas, shares and the final removal.

Law: a look that finds nothing due reads one entry of each of the indexes ``cubes_due`` and ``grants_due``, however many
memories and shares there are. What is due is dealt with user by user in short transactions, each one a change of its
own. A share whose time is over ends as one that is revoked by hand.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from memory.change import Change, Operation
from memory.lifecycle import Event, after
from memory.lifespan import Lifespans, cold_at, next_step
from memory.ports import Swept, Usage
from memory.turn import Scope
from memory.vault import grants
from memory.vault.cubes import StoredCube, change, remove, stored
from memory.vault.reading import VaultBase
from memory.vault.rows import dumps, maybe_micros, moment

_DUE = "SELECT owner, seq FROM cubes WHERE due_at <= ? ORDER BY due_at LIMIT ?"
_IN_USE = "owner = ? AND superseded_at IS NULL AND state NOT IN ('archived', 'expired')"
_UNFROZEN = "superseded_at IS NULL AND state NOT IN ('archived', 'expired', 'frozen')"
# A vector counts as it is stored; what the indexes add is a fraction of that.
_USAGE = f"""
    SELECT count(*), coalesce(sum(length(text) + length(data)), 0), coalesce(sum(
        (SELECT sum(length(vector)) FROM embeddings WHERE embeddings.seq = cubes.seq)), 0)
    FROM cubes WHERE {_IN_USE}
"""
_SIZES = f"""
    SELECT seq, access_count, useful_count, priority, coalesce(last_used_at, recorded_at) AS last,
           length(text) + length(data) + coalesce(
               (SELECT sum(length(vector)) FROM embeddings WHERE embeddings.seq = cubes.seq), 0) AS size_bytes
    FROM cubes WHERE {_IN_USE} AND pinned = 0 AND state <> 'frozen'
"""
_AT = "+owner = ? AND seq IN (SELECT value FROM json_each(?))"


class CubeSweeping(VaultBase):
    """What time and quotas do."""

    def due(self, *, limit: int) -> dict[str, list[int]]:
        """Return where memories lie that are due, or a share of which is over, those due longest, by user."""
        now = self._now()
        with self._connections.read() as connection:
            found = [(row["owner"], row["seq"]) for row in connection.execute(_DUE, (now, limit))]
            found += grants.over(connection, now, limit=limit)
        users: dict[str, list[int]] = {}
        for owner, seq in dict.fromkeys(found):
            users.setdefault(owner, []).append(seq)
        return users

    def sweep(self, scope: Scope, places: Sequence[int], rules: Lifespans) -> Swept:
        """Do what is due with the user's memories at these places, in one transaction; what is not due stays.

        Shares of theirs whose time is over are ended before, in one transaction for each space.
        """
        self._end_shares(scope, places)
        now = self._clock()
        with self._connections.write(Change.by(scope, Operation.SWEEP)) as connection:
            due = stored(connection, f"{_AT} AND due_at <= ?", (scope.user, dumps(list(places)), self._now()))
            steps = [(each, next_step(each.cube, now, rules)) for each in due]
            moved = [_move(connection, each, step.event, now) for each, step in steps if step.event is not None]
            over = [each for each, step in steps if step.removes]
            told = [each for each in over if each.cube.source.turn_id is not None]
            remove(connection, [each for each in over if each not in told])
            for each, step in steps:
                if step.event is None and not step.removes:
                    _look_at(connection, each.seq, step.look_at)
            for each in moved:
                if not each.cube.current:  # when an archived one is due stands in its row already
                    _look_at(connection, each.seq, next_step(each.cube, now, rules).look_at or now)
        return Swept(
            expired=tuple(each.cube for each in moved if not each.cube.current),
            archived=tuple(each.cube for each in moved if each.cube.current),
            removed=tuple(each.cube.id for each in over if each not in told),
            doomed=tuple(each.cube.id for each in told),
        )

    def _end_shares(self, scope: Scope, places: Sequence[int]) -> None:
        now = self._now()
        with self._connections.read() as connection:
            spaces = {space_id: None for _, space_id in grants.over_at(connection, scope.user, places, now)}
        for space_id in spaces:
            change = Change.by(scope, Operation.REVOKE, note=f"expired in {space_id}")
            with self._connections.write(change) as connection:
                grants.end_over(connection, scope.user, places, space_id, now)

    def usage(self, scope: Scope) -> Usage:
        """Return what the user's memories in use take; reads a row for each."""
        with self._connections.read() as connection:
            cubes, texts, vectors = connection.execute(_USAGE, (scope.user,)).fetchone()
        return Usage(cubes, texts + vectors)

    def coldest(self, scope: Scope, excess: Usage, rules: Lifespans) -> list[int]:
        """Return where the coldest memories lie without which the excess is gone, the coldest first.

        Pinned and frozen ones are never among them, so they may not suffice. Reads a row for each memory in use.
        """
        with self._connections.read() as connection:
            rows = connection.execute(_SIZES, (scope.user,)).fetchall()
        chosen: list[int] = []
        size_bytes = 0
        for row in sorted(rows, key=lambda row: (_cold_at(row, rules), row["seq"])):
            if len(chosen) >= excess.cubes and size_bytes >= excess.size_bytes:
                break
            chosen.append(row["seq"])
            size_bytes += row["size_bytes"]
        return chosen

    def users_changed(self, after: int) -> tuple[list[str], int]:
        """Return whose memories changed after this place of the journal, and its present end."""
        with self._connections.snapshot() as connection:
            end = connection.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()[0]
            rows = connection.execute("SELECT DISTINCT user FROM changes WHERE seq > ?", (after,)).fetchall()
        return [row[0] for row in rows], end

    def put_away(self, scope: Scope, places: Sequence[int], *, note: str) -> Swept:
        """Archive the user's memories at these places that are in use and not frozen, in one transaction."""
        now = self._clock()
        with self._connections.write(Change.by(scope, Operation.ARCHIVE, note=note)) as connection:
            where = f"{_AT} AND {_UNFROZEN}"
            found = stored(connection, where, (scope.user, dumps(list(places))))
            archived = [_move(connection, each, Event.ARCHIVE, now).cube for each in found]
        return Swept(archived=tuple(archived))


def _move(connection: sqlite3.Connection, old: StoredCube, event: Event, now: datetime) -> StoredCube:
    new = change(connection, old, replace(old.cube, state=after(old.cube.state, event)), now=now)
    if event is Event.EXPIRE:  # as-of recall needs the words only
        connection.execute("DELETE FROM embeddings WHERE seq = ?", (old.seq,))
    return new


def _look_at(connection: sqlite3.Connection, seq: int, time: datetime | None) -> None:
    connection.execute("UPDATE cubes SET due_at = ? WHERE seq = ?", (maybe_micros(time), seq))


def _cold_at(row: sqlite3.Row, rules: Lifespans) -> datetime:
    return cold_at(row["access_count"], row["useful_count"], row["priority"], moment(row["last"]), rules)
