"""A user's current memories in, what ranking needs of all of them at once out: outlines, and the query's postings."""

import contextlib
import sqlite3
from collections.abc import Sequence

from memory.cube import MemCube, SemanticType
from memory.document import documents_partition
from memory.errors import Unavailable
from memory.outline import Entry, packed
from memory.postings import Postings
from memory.rules.marks import marks_of
from memory.turn import Scope
from memory.vault import lexical
from memory.vault.access import partitions_of
from memory.vault.reading import VaultBase
from memory.vault.rows import dumps, micros
from memory.vault.spelling import spelled
from memory.vault.words import query_terms, terms

_COLUMNS = "seq, id, utterance, conversation, role, speaker, at, words, marks"
_OUTLINE = f"SELECT {_COLUMNS} FROM outlines WHERE owner = :owner ORDER BY seq"
_SOME = f"""
    SELECT {_COLUMNS} FROM outlines WHERE owner = :owner
    AND seq IN (SELECT seq FROM cubes WHERE +owner = :owner AND id IN (SELECT value FROM json_each(:ids)))
    ORDER BY seq
"""
_COUNTED = "UPDATE outlines SET words = ?, marks = ? WHERE owner = ? AND seq = ? AND words IS NULL"
_TEXTS = "SELECT seq, text FROM cubes WHERE seq IN (SELECT value FROM json_each(?))"
_PUT = f"INSERT OR REPLACE INTO outlines (owner, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def put(connection: sqlite3.Connection, seq: int, cube: MemCube) -> None:
    """Store the outline of a cube that is in use."""
    connection.execute(_PUT, (cube.owner, *_entry(seq, cube)))


def drop(connection: sqlite3.Connection, owner: str, seq: int) -> None:
    """Remove the outline of a cube."""
    connection.execute("DELETE FROM outlines WHERE owner = ? AND seq = ?", (owner, seq))


def drop_all(connection: sqlite3.Connection, owner: str) -> None:
    """Remove the outlines of all of an owner's cubes."""
    connection.execute("DELETE FROM outlines WHERE owner = ?", (owner,))


class CubeOutlining(VaultBase):
    """Reads what ranking knows of all memories."""

    def outline(self, scope: Scope, cube_ids: Sequence[str] | None = None) -> list[Entry]:
        """Return the outlines of the user's current memories (of these), in order of arrival."""
        bound = {"owner": scope.user, "ids": dumps(list(cube_ids or ()))}
        with self._connections.snapshot() as connection:
            rows = connection.execute(_OUTLINE if cube_ids is None else _SOME, bound).fetchall()
            older = [row["seq"] for row in rows if row["words"] is None]  # than the program that counts
            texts = dict(connection.execute(_TEXTS, (dumps(older),)).fetchall()) if older else {}
        entries = [_read(row, texts) for row in rows]
        if older:
            self._counted(scope, [entry for entry in entries if entry.seq in texts])
        return entries

    def _counted(self, scope: Scope, entries: Sequence[Entry]) -> None:
        """Keep what was counted of older memories; where the vault is busy they are counted again the next time."""
        with contextlib.suppress(Unavailable), self._connections.write() as connection:
            rows = [(entry.words, entry.marks, scope.user, entry.seq) for entry in entries]
            connection.executemany(_COUNTED, rows)

    def postings(self, scope: Scope, query: str) -> Postings:
        """Return where the query's terms stand in the user's own current memories, as they are spelt there."""
        own = [scope.user]
        with self._connections.snapshot() as connection:
            cubes, words = lexical.size(connection, own)

            def elsewhere() -> list[str]:
                shared = partitions_of(connection, scope, self._now())
                return [documents_partition(scope.user), *(each.name for each in shared)]

            wanted = spelled(connection, own, query_terms(query), elsewhere)
            return Postings(
                {term: lexical.postings(connection, own, term) for term in dict.fromkeys(wanted.values())},
                cubes,
                words,
                frozenset(found for asked, found in wanted.items() if found not in wanted),
            )


def _entry(seq: int, cube: MemCube) -> Entry:
    text = lexical.indexed_text(cube)
    source = cube.source
    return Entry(
        seq=seq,
        id=cube.id,
        utterance=cube.semantic_type is SemanticType.TURN,
        conversation=source.conversation_id,
        role=source.role,
        speaker=source.name or "",
        at=micros(cube.valid_from),
        words=min(len(terms(text)), lexical.MAX_LENGTH),
        marks=packed(marks_of(cube.text)),
    )


def _read(row: sqlite3.Row, texts: dict[int, str]) -> Entry:
    entry = Entry(*row)
    if entry.words is not None:
        return entry
    text = texts.get(entry.seq, "")
    return entry._replace(
        words=min(len(terms(f"{entry.speaker} {text}")), lexical.MAX_LENGTH), marks=packed(marks_of(text))
    )
