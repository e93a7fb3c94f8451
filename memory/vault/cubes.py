"""One cube in, its rows in all tables out: head, versions, labels, embeddings and word index always change together.

Everything here runs inside a transaction that the caller holds.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from memory.cube import MemCube
from memory.ports import Vector
from memory.vault import lexical
from memory.vault.journal import Touched, touch, touched
from memory.vault.rows import CUBE_COLUMNS, cube_json, cube_of, dumps, folded, head, micros

# "+owner" keeps SQLite from walking through all of a user's rows where ids are given.
_STORED = f"SELECT seq, confirmed_at, {CUBE_COLUMNS} FROM cubes"


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
    """Store a new cube and index it when it is current."""
    row = {**head(cube), "confirmed_at": micros(cube.valid_from) if confirmed_at is None else confirmed_at}
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    cursor = connection.execute(f"INSERT INTO cubes ({columns}) VALUES ({marks})", list(row.values()))
    seq = cursor.lastrowid or 0
    if cube.current:
        _index(connection, seq, cube)
    touch(connection, seq, None, cube)
    return StoredCube(seq, row["confirmed_at"], cube)


def change(
    connection: sqlite3.Connection, old: StoredCube, new: MemCube, *, now: datetime, confirmed_at: int | None = None
) -> StoredCube:
    """Store ``new`` as the next version of ``old``; the old version stays in history."""
    cube = replace(new, version=old.cube.version + 1, updated_at=now)
    keep_version(connection, old.seq, old.cube)
    row = {**head(cube), "confirmed_at": old.confirmed_at if confirmed_at is None else confirmed_at}
    assignments = ", ".join(f"{column} = ?" for column in row)
    connection.execute(f"UPDATE cubes SET {assignments} WHERE seq = ?", [*row.values(), old.seq])
    if _index_entry(old.cube) != _index_entry(cube):
        _unindex(connection, old.seq, old.cube)
        if cube.current:
            _index(connection, old.seq, cube)
    touch(connection, old.seq, old.cube, cube)
    if cube.text != old.cube.text:
        connection.execute("DELETE FROM embeddings WHERE seq = ?", (old.seq,))
    return StoredCube(old.seq, row["confirmed_at"], cube)


def keep_version(connection: sqlite3.Connection, seq: int, cube: MemCube) -> None:
    """Put a version into the history."""
    connection.execute(
        "INSERT INTO versions (seq, version, updated_at, data) VALUES (?, ?, ?, ?)",
        (seq, cube.version, micros(cube.updated_at), dumps(cube_json(cube))),
    )


def remove(connection: sqlite3.Connection, cubes: Sequence[StoredCube]) -> None:
    """Remove cubes with all their versions, labels, embeddings and index entries."""
    for each in cubes:
        _unindex(connection, each.seq, each.cube)
        touch(connection, each.seq, each.cube, None)
        connection.execute("DELETE FROM cubes WHERE seq = ?", (each.seq,))


def remove_all(connection: sqlite3.Connection, owner: str) -> tuple[str, ...]:
    """Remove everything about all cubes of the owner; return their ids."""
    gone = connection.execute(
        "SELECT seq, id, kind, version FROM cubes WHERE owner = ? ORDER BY seq", (owner,)
    ).fetchall()
    for row in gone:
        touched(connection, Touched(row["seq"], row["id"], row["kind"], row["version"], 0, ""))
    lexical.drop(connection, owner)
    connection.execute("DELETE FROM labels WHERE owner = ?", (owner,))
    connection.execute("DELETE FROM cubes WHERE owner = ?", (owner,))
    return tuple(row["id"] for row in gone)


def put_vector(connection: sqlite3.Connection, seq: int, model_id: str, vector: Vector) -> None:
    """Store or replace the embedding of a cube by a model."""
    connection.execute(
        "INSERT OR REPLACE INTO embeddings (seq, model_id, vector) VALUES (?, ?, ?)",
        (seq, model_id, np.ascontiguousarray(vector, "<f4").tobytes()),
    )


def _index_entry(cube: MemCube) -> tuple[object, ...] | None:
    return (lexical.indexed_text(cube), cube.tags, cube.entities) if cube.current else None


def _index(connection: sqlite3.Connection, seq: int, cube: MemCube) -> None:
    lexical.add(connection, seq, cube)
    labels = {folded(label) for label in (*cube.tags, *cube.entities)}
    connection.executemany(
        "INSERT INTO labels (owner, label, seq) VALUES (?, ?, ?)", [(cube.owner, label, seq) for label in labels]
    )


def _unindex(connection: sqlite3.Connection, seq: int, cube: MemCube) -> None:
    if cube.current:
        lexical.remove(connection, seq, cube)
        connection.execute("DELETE FROM labels WHERE seq = ?", (seq,))
