"""Shares in, the rows, indexes and mirrored scopes that go with them out; inside the caller's transaction.

Law: a grant, the index entries of its space and the scope that the memory shows change together. The scope is a mirror
of the grants, not a part of what the memory says: it makes no new version. Whoever ends a share, the change names the
memories whose shares it ended.
"""

import sqlite3
from collections.abc import Iterable, Sequence

from memory.spaces import Terms, partition_name
from memory.vault import lexical, partitions
from memory.vault.cubes import StoredCube, index_in, stored, unindex_in
from memory.vault.journal import touch
from memory.vault.rows import dumps, maybe_micros

_PUT = """
    INSERT INTO grants (seq, space, rights, task, granted_by, granted_at, expires_at)
    VALUES (:seq, :space, :rights, :task, :granted_by, :now, :expires_at)
"""
_TASKS = "SELECT DISTINCT task FROM grants WHERE space = ?"
_IN_SPACE = "seq IN (SELECT seq FROM grants WHERE space = ?)"
_BY_MEMBER = "SELECT seq FROM grants JOIN cubes USING (seq) WHERE space = ? AND owner = ?"
_MIRROR = "UPDATE cubes SET data = json_set(data, '$.scope', ?) WHERE seq = ?"
_AT = "seq IN (SELECT value FROM json_each(?))"
_OVER = """
    SELECT owner, seq FROM grants JOIN cubes USING (seq)
    WHERE grants.expires_at <= ? ORDER BY grants.expires_at LIMIT ?
"""
_OVER_AT = """
    SELECT grants.seq, space FROM grants JOIN cubes USING (seq)
    WHERE grants.expires_at <= ? AND +owner = ? AND grants.seq IN (SELECT value FROM json_each(?)) ORDER BY space, seq
"""
_AGE_SPACE = "UPDATE spaces SET generation = generation + 1 WHERE id = ?"


def put(connection: sqlite3.Connection, cube: StoredCube, space_id: str, terms: Terms, now: int) -> None:
    """Share a cube in a space; new terms take the place of earlier ones."""
    end(connection, cube, space_id)
    row = {
        "seq": cube.seq,
        "space": space_id,
        "rights": terms.rights.value,
        "task": terms.task,
        "granted_by": cube.cube.owner,
        "now": now,
        "expires_at": maybe_micros(terms.expires_at),
    }
    connection.execute(_PUT, row)
    index_in(connection, partition_name(space_id, terms.task), cube.seq, cube.cube)
    partitions.aged(connection, cube.seq)
    _mirror(connection, [cube.seq])


def end(connection: sqlite3.Connection, cube: StoredCube, space_id: str) -> bool:
    """Share a cube no more in a space, and take it out of what it was brought into; False when it was not shared."""
    there = [each for each in partitions.granted(connection, cube.seq) if each.space_id == space_id]
    for each in there:
        unindex_in(connection, each.partition, cube.seq, cube.cube)
    if there:
        connection.execute(_AGE_SPACE, (space_id,))
        connection.execute("DELETE FROM grants WHERE seq = ? AND space = ?", (cube.seq, space_id))
        partitions.withdraw(connection, cube.seq)
        _mirror(connection, [cube.seq])
        touch(connection, cube.seq, cube.cube, cube.cube)
    return bool(there)


def end_all(connection: sqlite3.Connection, space_id: str) -> None:
    """Share nothing any more in a space."""
    shared = stored(connection, _IN_SPACE, (space_id,))
    for row in connection.execute(_TASKS, (space_id,)).fetchall():
        name = partition_name(space_id, row["task"])
        lexical.drop(connection, name)
        connection.execute("DELETE FROM labels WHERE owner = ?", (name,))
    connection.execute("DELETE FROM grants WHERE space = ?", (space_id,))
    connection.execute(_AGE_SPACE, (space_id,))
    for each in shared:
        partitions.withdraw(connection, each.seq)
        touch(connection, each.seq, each.cube, each.cube)
    _mirror(connection, [each.seq for each in shared])


def end_of_member(connection: sqlite3.Connection, space_id: str, user: str) -> None:
    """Share nothing any more of a user in a space."""
    seqs = [row["seq"] for row in connection.execute(_BY_MEMBER, (space_id, user)).fetchall()]
    for seq in seqs:
        for each in stored(connection, "seq = ?", (seq,)):
            end(connection, each, space_id)


def over(connection: sqlite3.Connection, now: int, *, limit: int) -> list[tuple[str, int]]:
    """Return owners and places of memories with a share whose time is over, those that are over longest first."""
    return [(row["owner"], row["seq"]) for row in connection.execute(_OVER, (now, limit))]


def over_at(connection: sqlite3.Connection, owner: str, seqs: Sequence[int], now: int) -> list[tuple[int, str]]:
    """Return which of the owner's memories at these places are shared in which spaces for a time that is over."""
    rows = connection.execute(_OVER_AT, (now, owner, dumps(list(seqs))))
    return [(row["seq"], row["space"]) for row in rows]


def end_over(connection: sqlite3.Connection, owner: str, seqs: Sequence[int], space_id: str, now: int) -> None:
    """Share these memories of the owner no more in a space, those whose time there is over."""
    places = [seq for seq, space in over_at(connection, owner, seqs, now) if space == space_id]
    for each in stored(connection, _AT, (dumps(places),)):
        end(connection, each, space_id)


def _mirror(connection: sqlite3.Connection, seqs: Iterable[int]) -> None:
    """Let memories show whom they are shared with now."""
    for seq in seqs:
        connection.execute(_MIRROR, (partitions.scope_of(partitions.granted(connection, seq)), seq))
