"""A database of any older version in, one of this version out: migrations in order, counted in ``user_version``.

Each migration runs in its own transaction with its count, so a crash leaves a whole version behind.
"""

import sqlite3
from importlib.resources import files

from memory.errors import Refused
from memory.vault.rows import folded

#: SQL scripts; the first makes an empty file into version 1. Append only.
MIGRATIONS: tuple[str, ...] = tuple(
    files("memory.vault").joinpath(name).read_text(encoding="utf-8")
    for name in (
        "schema.sql",
        "schema_2.sql",
        "schema_3.sql",
        "schema_4.sql",
        "schema_5.sql",
        "schema_6.sql",
        "schema_7.sql",
    )
)


def migrate(connection: sqlite3.Connection) -> int:
    """Return the version of the database after bringing it up to date; safe when several processes start at once.

    Raises: Refused: the database was written by a newer program.
    """
    connection.create_function("folded", 1, folded, deterministic=True)
    version = _version(connection)
    while version < len(MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection)  # another process may have been faster
            if version < len(MIGRATIONS):
                for statement in statements(MIGRATIONS[version]):
                    connection.execute(statement)
                version += 1
                connection.execute(f"PRAGMA user_version = {version:d}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a signal may come right after the commit
                connection.execute("ROLLBACK")
            raise
    if version > len(MIGRATIONS):
        raise Refused(
            f"The database has version {version} and this program knows versions up to {len(MIGRATIONS)}: "
            "install the newer program, or start with another data directory."
        )
    return version


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def statements(script: str) -> list[str]:
    """Return the single statements: ``executescript`` would commit the transaction around them."""
    statements: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
