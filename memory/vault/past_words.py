"""A version that leaves the indexes in, its stems among its owner's labels out, behind a mark of their own.

Law: no search of the present reads them, and they go with their cube. ``memory/vault/past.py`` finds by them.
"""

import sqlite3

from memory.cube import MemCube
from memory.vault.lexical import indexed_text
from memory.vault.words import content_terms

_PAST = "\1"
_KEEP = "INSERT OR IGNORE INTO labels (owner, label, seq) VALUES (?, ?, ?)"


def keep_words(connection: sqlite3.Connection, seq: int, cube: MemCube) -> None:
    """Let a version be found by questions about its time."""
    connection.executemany(_KEEP, [(cube.owner, past_label(stem), seq) for stem in content_terms(indexed_text(cube))])


def past_label(stem: str) -> str:
    """Return the label under which past versions with this word stand."""
    return _PAST + stem
