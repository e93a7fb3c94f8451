"""An open vault in, what is inconsistent in it out: one line for each kind of damage, none for a sound one.

What is checked is what a write that was cut off could have left half done: each of these holds after every commit.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from memory.document import documents_partition
from memory.vault.connections import Connections

_MOST_LINES = 5


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong."""

    what: str  #: file | rows | journal | versions | index | outlines
    message: str


_ORPHANS = """
    SELECT count(*) FROM cubes WHERE NOT EXISTS (SELECT 1 FROM change_cubes WHERE change_cubes.seq = cubes.seq)
    AND EXISTS (SELECT 1 FROM changes)
"""
_LACKING = """
    SELECT count(*) FROM cubes WHERE superseded_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM embeddings WHERE embeddings.seq = cubes.seq)
"""
_UNAUDITED = "SELECT count(*) FROM changes WHERE NOT EXISTS (SELECT 1 FROM audit WHERE audit.seq = changes.audit_seq)"
_AHEAD = """
    SELECT count(*) FROM versions JOIN cubes USING (seq) WHERE versions.version >= cubes.version
"""
_IN_USE = """
    SELECT owner, coalesce(json_extract(data, '$.source.document_id'), '') <> '' AS shelved, count(*) FROM cubes
    WHERE superseded_at IS NULL AND state NOT IN ('archived', 'expired') GROUP BY 1, 2
"""


def examined(connections: Connections) -> Iterator[Flaw]:
    """Yield what is wrong; reads the whole file once.

    Raises: Unavailable: the file is damaged so far that it cannot be read.
    """
    with connections.snapshot() as connection:
        damage = [row[0] for row in connection.execute(f"PRAGMA quick_check({_MOST_LINES})")]
        if damage != ["ok"]:
            yield Flaw("file", f"the file is damaged: {'; '.join(damage)}")
            return
        dangling = {row[0] for row in connection.execute("PRAGMA foreign_key_check")}
        if dangling:
            yield Flaw("rows", f"rows of {', '.join(sorted(dangling))} belong to nothing")
        if count := _count(connection, _UNAUDITED):
            yield Flaw("journal", f"{count} changes stand in the journal and not in the audit log")
        if count := _count(connection, _AHEAD):
            yield Flaw("versions", f"{count} versions are newer than the memory that they are of")
        unindexed, unoutlined = _unlike(connection)
        if unindexed:
            yield Flaw("index", f"the word index of {unindexed} users does not hold what they have")
        if unoutlined:
            yield Flaw("outlines", f"the outlines of {unoutlined} users do not hold what they have")


def _unlike(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return of how many users the word index, and of how many the outlines, hold other numbers than there are."""
    have = {(owner, bool(shelved)): count for owner, shelved, count in connection.execute(_IN_USE)}
    indexed = dict(connection.execute("SELECT owner, cubes FROM lexicons").fetchall())
    outlined = dict(connection.execute("SELECT owner, count(*) FROM outlines GROUP BY owner").fetchall())
    owners = [row[0] for row in connection.execute("SELECT DISTINCT owner FROM cubes")]
    unindexed = [
        owner
        for owner in owners
        if indexed.get(owner, 0) != have.get((owner, False), 0)
        or indexed.get(documents_partition(owner), 0) != have.get((owner, True), 0)
    ]
    unoutlined = [owner for owner in owners if outlined.get(owner, 0) != have.get((owner, False), 0)]
    return len(unindexed), len(unoutlined)


def unrecorded(connections: Connections) -> int:
    """Return how many memories no change in the journal made; memories of before there was a journal are among them."""
    with connections.read() as connection:
        return _count(connection, _ORPHANS)


def without_vectors(connections: Connections) -> int:
    """Return how many current memories have no embedding by any embedder: they are found by their words only."""
    with connections.read() as connection:
        return _count(connection, _LACKING)


def _count(connection: sqlite3.Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])
