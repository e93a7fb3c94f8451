"""A user and removed ids in, what is there before and what is still found afterwards out."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from memory.vault.byte_search import affordable, files_of, found_in
from memory.vault.rows import dumps
from memory.vault.traces import Traces

#: What is removed with a user, beside the cubes and all that hangs on them.
ERASED_TABLES = (
    ("extractions", "user"),
    ("turns", "user"),
    ("receipts", "user"),
    ("changes", "user"),
    ("snapshots", "user"),
    ("documents", "user"),
)
#: Where a user's name may stay: the keys keep working, and their memory begins anew.
_LASTING = {("keys", "user"), ("keys", "name")}

_AMONG = "(SELECT seq FROM cubes WHERE +owner = :user AND id IN (SELECT value FROM json_each(:ids)))"
_ALL = "(SELECT seq FROM cubes WHERE owner = :user)"
_COUNTS = {
    "cubes": f"SELECT count(*) FROM cubes WHERE seq IN {_AMONG}",
    "versions": f"SELECT count(*) FROM cubes WHERE seq IN {_AMONG} UNION ALL "
    f"SELECT count(*) FROM versions WHERE seq IN {_AMONG}",
    "fts": f"SELECT count(*) FROM cubes WHERE superseded_at IS NULL AND seq IN {_AMONG}",
    "vectors": f"SELECT count(*) FROM embeddings WHERE seq IN {_AMONG}",
    "outlines": f"SELECT count(*) FROM outlines WHERE owner = :user AND seq IN {_AMONG}",
    "labels": f"SELECT count(*) FROM labels WHERE seq IN {_AMONG}",
    "relations": f"SELECT count(*) FROM relations WHERE from_seq IN {_AMONG} OR to_seq IN {_AMONG}",
    "grants": f"SELECT count(*) FROM grants WHERE seq IN {_AMONG}",
}
_OF_USER = {
    "ledger": "SELECT count(*) FROM turns WHERE user = :user",
    "receipts": "SELECT count(*) FROM receipts WHERE user = :user",
    "queue": "SELECT count(*) FROM extractions WHERE user = :user",
    "changes": "SELECT count(*) FROM changes WHERE user = :user",
    "snapshots": "SELECT count(*) FROM snapshots WHERE user = :user",
    "documents": "SELECT count(*) FROM documents WHERE user = :user",
    "memberships": "SELECT count(*) FROM members WHERE user = :user",
}


def count_of(connection: sqlite3.Connection, user: str, ids: Sequence[str] | None) -> dict[str, int]:
    """Return how much there is in each store of these cubes; with None of all that the user has."""
    counted = _COUNTS if ids is not None else {name: sql.replace(_AMONG, _ALL) for name, sql in _COUNTS.items()}
    bound = {"user": user} if ids is None else {"user": user, "ids": dumps(list(ids))}
    counts = {name: sum(row[0] for row in connection.execute(sql, bound)) for name, sql in counted.items()}
    for name, sql in _OF_USER.items():
        counts[name] = connection.execute(sql, {"user": user}).fetchone()[0] if ids is None else 0
    return counts


def found_in_tables(connection: sqlite3.Connection, user: str, ids: Sequence[str], *, everything: bool) -> int:
    """Return how many rows are left: of the cubes, rows without what they hang on, with ``everything`` any of the user.

    With ``everything`` each column of each table is looked through, so that no table can be left out by mistake.
    """
    bound = {"user": user, "ids": dumps(list(ids))}
    found: int = connection.execute(_COUNTS["cubes"], bound).fetchone()[0]
    found += len(connection.execute("PRAGMA foreign_key_check").fetchall())
    if everything:
        for table, columns in _text_columns(connection):
            named = [column for column in columns if (table, column) not in _LASTING]
            if named:
                where = " OR ".join(f"{column} = :user" for column in named)
                found += connection.execute(f"SELECT count(*) FROM {table} WHERE {where}", {"user": user}).fetchone()[0]
    return found


def search_files(connection: sqlite3.Connection, database: Path, traces: Traces) -> dict[str, int]:
    """Return how many files were searched for how many ids and words, and how many of those were ``found``.

    All files of the data folder are searched. A word that a row of the database holds is not counted: it is somebody's
    who is there.
    """
    sought = traces.sought(affordable(database))
    files = files_of(database.parent)
    found = found_in(files, [word.encode() for word in sought], database=database)
    ids = set(traces.ids)
    places = {word.decode(): paths for word, paths in found.items()}
    said = _said_by_others(connection, [word for word in places if word not in ids])
    left = [word for word in places if word not in said]
    return {"files": len(files), "searched_for": len(sought), "found": sum(len(places[word]) for word in left)}


def _said_by_others(connection: sqlite3.Connection, words: Sequence[str]) -> set[str]:
    """Return the words that stand in any row."""
    said: set[str] = set()
    schema = ("sqlite_master", ["sql"])  # a column may be called as somebody's tag is
    for table, columns in (schema, *_text_columns(connection)):
        for word in words:
            where = " OR ".join(f"instr({column}, :word)" for column in columns)
            if (
                word not in said
                and connection.execute(f"SELECT 1 FROM {table} WHERE {where} LIMIT 1", {"word": word}).fetchone()
            ):
                said.add(word)
    return said


def _text_columns(connection: sqlite3.Connection) -> Iterator[tuple[str, list[str]]]:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    for (table,) in [tuple(row) for row in tables.fetchall()]:
        columns = connection.execute("SELECT name FROM pragma_table_info(?) WHERE type = 'TEXT'", (table,)).fetchall()
        if columns:
            yield table, [row[0] for row in columns]
