"""A user and removed ids in, what is there before and what is still found afterwards out."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from memory.vault.byte_search import count_found
from memory.vault.rows import dumps

#: What is removed with a user, beside the cubes and all that hangs on them.
ERASED_TABLES = (
    ("extractions", "user"),
    ("turns", "user"),
    ("receipts", "user"),
    ("changes", "user"),
    ("snapshots", "user"),
)
_OWNED_TABLES = (
    ("cubes", "owner"),
    ("labels", "owner"),
    ("postings", "owner"),
    ("lexicons", "owner"),
    ("relations", "owner"),
    *ERASED_TABLES,
)
_SEARCHED_IDS = 64  # in the files: each is a search through all bytes

_AMONG = "(SELECT seq FROM cubes WHERE +owner = :user AND id IN (SELECT value FROM json_each(:ids)))"
_ALL = "(SELECT seq FROM cubes WHERE owner = :user)"
_COUNTS = {
    "cubes": f"SELECT count(*) FROM cubes WHERE seq IN {_AMONG}",
    "versions": f"SELECT count(*) FROM cubes WHERE seq IN {_AMONG} UNION ALL "
    f"SELECT count(*) FROM versions WHERE seq IN {_AMONG}",
    "fts": f"SELECT count(*) FROM cubes WHERE superseded_at IS NULL AND seq IN {_AMONG}",
    "vectors": f"SELECT count(*) FROM embeddings WHERE seq IN {_AMONG}",
    "ledger": "SELECT count(*) FROM turns WHERE user = :user",
    "receipts": "SELECT count(*) FROM receipts WHERE user = :user",
}


def count_of(connection: sqlite3.Connection, user: str, ids: Sequence[str] | None) -> dict[str, int]:
    """Return how much there is in each store of these cubes; with None of all that the user has."""
    if ids is not None:
        bound = {"user": user, "ids": dumps(list(ids))}
        counts = {name: sum(row[0] for row in connection.execute(sql, bound)) for name, sql in _COUNTS.items()}
        return {**counts, "ledger": 0, "receipts": 0}
    every = {name: sql.replace(_AMONG, _ALL) for name, sql in _COUNTS.items()}
    return {name: sum(row[0] for row in connection.execute(sql, {"user": user})) for name, sql in every.items()}


def found_in_tables(connection: sqlite3.Connection, user: str, ids: Sequence[str], *, everything: bool) -> int:
    """Return how many rows are left: of the cubes, rows without their cube, with ``everything`` any of the user."""
    bound = {"user": user, "ids": dumps(list(ids))}
    found: int = connection.execute(_COUNTS["cubes"], bound).fetchone()[0]
    for table in ("versions", "embeddings", "labels"):
        sql = f"SELECT count(*) FROM {table} WHERE NOT EXISTS (SELECT 1 FROM cubes WHERE cubes.seq = {table}.seq)"
        found += connection.execute(sql).fetchone()[0]
    if everything:
        for table, owner in _OWNED_TABLES:
            found += connection.execute(f"SELECT count(*) FROM {table} WHERE {owner} = ?", (user,)).fetchone()[0]
    return found


def found_in_files(database: Path, ids: Sequence[str]) -> int:
    """Return how many of (a sample of) the removed ids the bytes of the database and its log still hold."""
    step = max(1, len(ids) // _SEARCHED_IDS)
    log = database.with_name(database.name + "-wal")
    return count_found([database, log], [cube_id.encode() for cube_id in ids[::step]])
