"""Documents in, rows of an export out, and back: with the chunks that wait still waiting.

Where a document was shared is not taken over: the space is another one, or none, in the vault that takes it.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from memory.cube import MAX_TTL_S
from memory.errors import Invalid
from memory.vault.rows import count_of, dumps, micros, moment, time_of

_TEXTS = ("id", "digest", "title", "media_type")
_ALL = "SELECT * FROM documents WHERE user = ? ORDER BY seq"
_WAITING = "SELECT position, text FROM document_queue WHERE document = ? ORDER BY position"
_INSERT = """
    INSERT OR IGNORE INTO documents (id, user, key_id, digest, title, media_type, source_url, tags, ttl_s, chunks,
                                     created_at, due_at)
    VALUES (:id, :user, '', :digest, :title, :media_type, :source_url, :tags, :ttl_s, :chunks, :at, :at)
"""


def exported(connection: sqlite3.Connection, user: str) -> Iterator[dict[str, Any]]:
    """Yield a row for each document of the user."""
    for row in connection.execute(_ALL, (user,)):
        yield {
            "object": "memos.document",
            **{name: row[name] for name in (*_TEXTS, "source_url", "ttl_s", "chunks")},
            "tags": orjson.loads(row["tags"]),
            "created_at": moment(row["created_at"]).isoformat(),
            "waiting": [list(each) for each in connection.execute(_WAITING, (row["id"],))],
        }


def checked(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row of an export. Raises: Invalid, KeyError, TypeError: it is not of a document."""
    for name in _TEXTS:
        if not isinstance(row[name], str):
            raise TypeError(f"{name} is not a text")
    if not isinstance(row["source_url"], str | None):
        raise TypeError("source_url is not a text")
    if not isinstance(row["tags"], list) or not all(isinstance(tag, str) for tag in row["tags"]):
        raise TypeError("tags is not a list of texts")
    ttl_s = row["ttl_s"]
    if ttl_s is not None and (type(ttl_s) not in (int, float) or not 0 < ttl_s <= MAX_TTL_S):
        raise Invalid("ttl_s is not a number of seconds", param="ttl_s")
    count_of(row, "chunks")
    time_of(row, "created_at")
    for position, text in row["waiting"]:
        if type(position) is not int or not isinstance(text, str):
            raise TypeError("waiting is not a list of positions and texts")
    return row


def taken(
    connection: sqlite3.Connection, user: str, new_id: str, row: Mapping[str, Any], redact: Callable[[str], str]
) -> bool:
    """Store a document of an export under this id; False when it, or one with its text, is there already."""
    stored = {
        **{name: row[name] for name in ("digest", "media_type", "source_url", "ttl_s", "chunks")},
        "id": new_id,
        "user": user,
        "title": redact(row["title"]),
        "tags": dumps([redact(tag) for tag in row["tags"]]),
        "at": micros(time_of(row, "created_at")),
    }
    if not connection.execute(_INSERT, stored).rowcount:
        return False
    connection.executemany(
        "INSERT OR IGNORE INTO document_queue (document, position, text) VALUES (?, ?, ?)",
        [(new_id, position, redact(text)) for position, text in row["waiting"]],
    )
    return True
