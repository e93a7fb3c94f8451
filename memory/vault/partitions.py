"""A stored cube in, where else it is found out: the spaces in which it is shared have indexes of their own.

Law: what a space's indexes hold is what is shared there and current. They only find: whether a user may read what was
found is asked of ``grants`` and ``members`` in the query that reads it (``memory/vault/access.py``).
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from memory.spaces import PRIVATE, SCOPES, SpaceKind, partition_name
from memory.vault.rows import dumps

_GRANTED = """
    SELECT grants.space, grants.task, spaces.kind FROM grants JOIN spaces ON spaces.id = grants.space
    WHERE grants.seq = ? ORDER BY grants.space
"""
_AGED = "UPDATE spaces SET generation = generation + 1 WHERE id IN (SELECT space FROM grants WHERE seq = ?)"
_SHOWN = "SELECT turns.seq, injected FROM shown JOIN turns ON turns.id = shown.turn_id WHERE shown.seq = ?"

_SHOWN_TO = """
    SELECT DISTINCT turns.seq, injected FROM turns JOIN shown ON shown.turn_id = turns.id
    WHERE turns.user = ? AND shown.seq IN (SELECT seq FROM grants WHERE space = ?)
"""


@dataclass(frozen=True, slots=True)
class Granted:
    """One space in which a cube is shared."""

    space_id: str
    task: str
    kind: SpaceKind

    @property
    def partition(self) -> str:
        """The key of the index that finds it there."""
        return partition_name(self.space_id, self.task)


def granted(connection: sqlite3.Connection, seq: int) -> list[Granted]:
    """Return where a cube is shared."""
    rows = connection.execute(_GRANTED, (seq,)).fetchall()
    return [Granted(row["space"], row["task"], SpaceKind(row["kind"])) for row in rows]


def scope_of(shares: Sequence[Granted]) -> str:
    """Return the widest scope among them; "private" for none."""
    kinds = [SpaceKind.GROUP if each.kind is SpaceKind.DIRECT else each.kind for each in shares]
    return max((kind.value for kind in kinds), key=SCOPES.index, default=PRIVATE)


def aged(connection: sqlite3.Connection, seq: int) -> None:
    """Take down that what is shared is another one now: vectors of these spaces are loaded anew."""
    connection.execute(_AGED, (seq,))


def withdraw(connection: sqlite3.Connection, seq: int) -> None:
    """Take the blocks out of the ledger that a cube was brought into for others; their conversations go on without."""
    _blank(connection, connection.execute(_SHOWN, (seq,)).fetchall())
    connection.execute("DELETE FROM shown WHERE seq = ?", (seq,))


def withdraw_from(connection: sqlite3.Connection, space_id: str, user: str) -> None:
    """Take the blocks out of a user's ledger into which anything was brought that is shared in a space."""
    _blank(connection, connection.execute(_SHOWN_TO, (user, space_id)).fetchall())


def without_shared(injected: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a turn's ledger row says was brought in, without the block that holds what others shared."""
    of_turn = set(injected.get("turn_ids", ()))
    kept = [cube_id for cube_id in injected.get("ids", ()) if cube_id not in of_turn]
    return {**injected, "turn": "", "ids": kept, "turn_ids": [], "shared": []}


def _blank(connection: sqlite3.Connection, rows: Iterable[sqlite3.Row]) -> None:
    for row in rows:
        injected = without_shared(orjson.loads(row["injected"]))
        connection.execute("UPDATE turns SET injected = ? WHERE seq = ?", (dumps(injected), row["seq"]))
