"""One cube in, its rows in all tables out: head, versions, labels, embeddings and word index always change together.

Everything here runs inside a transaction that the caller holds.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from memory.cube import MemCube
from memory.document import documents_partition
from memory.ports import Vector
from memory.spaces import PRIVATE
from memory.vault import lexical, outlines, partitions, relations
from memory.vault.journal import Touched, touch, touched
from memory.vault.labels import labels_of
from memory.vault.past_words import keep_words
from memory.vault.rows import CUBE_COLUMNS, cube_json, cube_of, dumps, head, micros, moment

# "+owner" keeps SQLite from walking through all of a user's rows where ids are given.
_STORED = f"SELECT seq, confirmed_at, {CUBE_COLUMNS} FROM cubes"

# All but the words by which the past is found: see memory/vault/past_words.py.
_UNLABEL = "DELETE FROM labels WHERE seq = ? AND owner = ? AND NOT (label >= char(1) AND label < char(2))"


@dataclass(frozen=True, slots=True)
class StoredCube:
    """A cube and where it lies."""

    seq: int
    confirmed_at: int  #: microseconds: when the fact was last stated
    cube: MemCube


def stored(
    connection: sqlite3.Connection, where: str, parameters: Sequence[object], *, limit: int = -1
) -> list[StoredCube]:
    """Return the (first) cubes that satisfy a condition, in order of arrival."""
    rows = connection.execute(f"{_STORED} WHERE {where} ORDER BY seq LIMIT ?", (*parameters, limit))
    return [StoredCube(row["seq"], row["confirmed_at"], cube_of(row)) for row in rows]


def by_ids(connection: sqlite3.Connection, owner: str, ids: Sequence[str]) -> list[StoredCube]:
    """Return the owner's cubes among these ids, in order of arrival."""
    return stored(connection, "+owner = ? AND id IN (SELECT value FROM json_each(?))", (owner, dumps(list(ids))))


def insert(connection: sqlite3.Connection, cube: MemCube, *, confirmed_at: int | None = None) -> StoredCube:
    """Store a new cube and index it when it is current; it is private, for nobody has shared it yet."""
    cube = cube if cube.scope == PRIVATE else replace(cube, scope=PRIVATE)
    row = {**head(cube), "confirmed_at": micros(cube.valid_from) if confirmed_at is None else confirmed_at}
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    cursor = connection.execute(f"INSERT INTO cubes ({columns}) VALUES ({marks})", list(row.values()))
    seq = cursor.lastrowid or 0
    _index(connection, seq, cube)
    if not cube.current:
        keep_words(connection, seq, cube)
    relations.follow(connection, seq, None, cube)
    touch(connection, seq, None, cube)
    return StoredCube(seq, row["confirmed_at"], cube)


def change(
    connection: sqlite3.Connection, old: StoredCube, new: MemCube, *, now: datetime, confirmed_at: int | None = None
) -> StoredCube:
    """Store ``new`` as the next version of ``old``; the old version stays in history. Its scope says what is shared."""
    scope = partitions.scope_of(partitions.granted(connection, old.seq))
    cube = replace(new, version=old.cube.version + 1, updated_at=now, scope=scope)
    keep_version(connection, old.seq, old.cube, confirmed_at=old.confirmed_at)
    row = {**head(cube), "confirmed_at": old.confirmed_at if confirmed_at is None else confirmed_at}
    assignments = ", ".join(f"{column} = ?" for column in row)
    connection.execute(f"UPDATE cubes SET {assignments} WHERE seq = ?", [*row.values(), old.seq])
    if _index_entry(old.cube) != _index_entry(cube):
        _unindex(connection, old.seq, old.cube)
        _index(connection, old.seq, cube)
        if old.cube.current:
            keep_words(connection, old.seq, old.cube)
    relations.follow(connection, old.seq, old.cube, cube)
    touch(connection, old.seq, old.cube, cube)
    if cube.text != old.cube.text:
        connection.execute("DELETE FROM embeddings WHERE seq = ?", (old.seq,))
    return StoredCube(old.seq, row["confirmed_at"], cube)


def keep_version(connection: sqlite3.Connection, seq: int, cube: MemCube, *, confirmed_at: int | None = None) -> None:
    """Put a version into the history, with when its fact was last stated, where that is known."""
    data = cube_json(cube)
    if confirmed_at is not None:
        data["confirmed_at"] = moment(confirmed_at).isoformat()
    connection.execute(
        "INSERT INTO versions (seq, version, updated_at, data) VALUES (?, ?, ?, ?)",
        (seq, cube.version, micros(cube.updated_at), dumps(data)),
    )


def remove(connection: sqlite3.Connection, cubes: Sequence[StoredCube]) -> None:
    """Remove cubes with all their versions, labels, embeddings and index entries."""
    for each in cubes:
        _unindex(connection, each.seq, each.cube)
        touch(connection, each.seq, each.cube, None)
        partitions.withdraw(connection, each.seq)
        relations.unlink(connection, each.seq)
        connection.execute("DELETE FROM cubes WHERE seq = ?", (each.seq,))


def remove_all(connection: sqlite3.Connection, owner: str) -> tuple[str, ...]:
    """Remove everything about all cubes of the owner; return their ids."""
    gone = connection.execute(
        "SELECT seq, id, kind, version FROM cubes WHERE owner = ? ORDER BY seq", (owner,)
    ).fetchall()
    for row in gone:
        touched(connection, Touched(row["seq"], row["id"], row["kind"], row["version"], 0, ""))
    for each in stored(connection, "owner = ? AND seq IN (SELECT seq FROM grants)", (owner,)):
        _unindex(connection, each.seq, each.cube)
        partitions.withdraw(connection, each.seq)
    lexical.drop(connection, owner)
    lexical.drop(connection, documents_partition(owner))
    outlines.drop_all(connection, owner)
    connection.execute("DELETE FROM labels WHERE owner = ?", (owner,))
    connection.execute("DELETE FROM cubes WHERE owner = ?", (owner,))
    return tuple(row["id"] for row in gone)


def put_vector(connection: sqlite3.Connection, seq: int, model_id: str, vector: Vector) -> None:
    """Store or replace the embedding of a cube by a model."""
    connection.execute(
        "INSERT OR REPLACE INTO embeddings (seq, model_id, vector) VALUES (?, ?, ?)",
        (seq, model_id, np.ascontiguousarray(vector, "<f4").tobytes()),
    )
    partitions.aged(connection, seq)


def _index_entry(cube: MemCube) -> tuple[object, ...] | None:
    return (
        (cube.in_use, cube.valid_from, lexical.indexed_text(cube), cube.tags, cube.entities) if cube.current else None
    )


def index_in(connection: sqlite3.Connection, partition: str, seq: int, cube: MemCube) -> None:
    """Make a cube that is current be found in a partition: its owner's, or a space's."""
    if not cube.current:
        return
    if cube.in_use:
        lexical.add(connection, _words_of(partition, cube), seq, cube)
    connection.executemany(
        "INSERT INTO labels (owner, label, seq) VALUES (?, ?, ?)",
        [(partition, label, seq) for label in labels_of(cube)],
    )


def unindex_in(connection: sqlite3.Connection, partition: str, seq: int, cube: MemCube) -> None:
    """Make a cube no longer be found in a partition; the cube must be as it was when it was indexed."""
    if cube.in_use:
        lexical.remove(connection, _words_of(partition, cube), seq, cube)
    if cube.current:
        connection.execute(_UNLABEL, (seq, partition))


def _words_of(partition: str, cube: MemCube) -> str:
    """Return where the cube's words are indexed: those of documents not among their owner's own."""
    own_document = cube.source.document_id and partition == cube.owner
    return documents_partition(cube.owner) if own_document else partition


def _index(connection: sqlite3.Connection, seq: int, cube: MemCube) -> None:
    if cube.in_use and not cube.source.document_id:
        outlines.put(connection, seq, cube)
    for partition in (cube.owner, *(each.partition for each in partitions.granted(connection, seq))):
        index_in(connection, partition, seq, cube)


def _unindex(connection: sqlite3.Connection, seq: int, cube: MemCube) -> None:
    shares = partitions.granted(connection, seq)
    outlines.drop(connection, cube.owner, seq)
    for partition in (cube.owner, *(each.partition for each in shares)):
        unindex_in(connection, partition, seq, cube)
    if shares:
        partitions.aged(connection, seq)
