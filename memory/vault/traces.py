"""Memories that are to be removed in, what must not be found afterwards out; and what still named them, without them.

Ids must not stand anywhere afterwards. Words may: others say them too. A word that is found in the bytes counts only
where no row that is there holds it: then it is what was left behind.
"""

import random
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from memory.vault.known import KnownCube
from memory.vault.rows import dumps
from memory.vault.words import stems, words

_DISTINCTIVE = re.compile(r"[^\W_]{5,40}")
_LEAST_CHARS = 5
_OF_A_TEXT = 4
_FRONT_CHARS = 20_000
_MOST_TEXTS = 400
#: Of old versions too: what was undone has no relation any more.
_REFERRING = """
    WITH gone (id) AS (SELECT value FROM json_each(:ids)),
         owners (owner) AS (SELECT DISTINCT owner FROM cubes WHERE id IN (SELECT id FROM gone))
    SELECT from_seq FROM relations WHERE to_seq IN (SELECT seq FROM cubes WHERE id IN (SELECT id FROM gone))
    UNION
    SELECT versions.seq FROM versions JOIN cubes USING (seq), gone
    WHERE cubes.owner IN (SELECT owner FROM owners) AND instr(versions.data, gone.id) AND cubes.id <> gone.id
"""
_SHARED = """
    SELECT id FROM cubes WHERE id IN (SELECT value FROM json_each(?)) AND (
        EXISTS (SELECT 1 FROM grants WHERE grants.seq = cubes.seq)
        OR EXISTS (SELECT 1 FROM change_cubes JOIN changes ON changes.seq = change_cubes.change_seq
                   WHERE change_cubes.seq = cubes.seq AND operation IN ('share', 'revoke'))
    )
"""
_TEXTS = """
    SELECT text FROM cubes WHERE owner = :user
    UNION ALL SELECT messages || coalesce(answer, '') FROM turns WHERE user = :user
    UNION ALL SELECT title FROM documents WHERE user = :user
"""
_NAMES = """
    SELECT DISTINCT conversation_id FROM turns WHERE user = :user
    UNION ALL SELECT name FROM snapshots WHERE user = :user
    UNION ALL SELECT id FROM documents WHERE user = :user
"""


@dataclass(frozen=True, slots=True)
class Traces:
    """What is searched for in the bytes."""

    ids: tuple[str, ...] = ()  #: must not be found
    words: tuple[str, ...] = ()  #: must not be found but where others say them

    def sought(self, most: int) -> list[str]:
        """Return at most so many of them, evenly of both: always the same ones."""
        share = most // 2
        chosen = _some(self.ids, max(share, most - len(self.words)))
        return [*chosen, *_some(self.words, most - len(chosen))]


def of_cubes(cubes: Iterable[KnownCube]) -> tuple[str, ...]:
    """Return distinctive words of all versions of these memories, in every form in which they are stored."""
    said = (
        text
        for each in cubes
        for cube in each.versions
        for text in (cube.text, *cube.tags, *cube.entities, *((cube.fact.value,) if cube.fact else ()))
    )
    return _forms(said)


def of_user(connection: sqlite3.Connection, user: str) -> tuple[str, ...]:
    """Return what names the user's rows, and distinctive words of what was said; of much of it a part."""
    bound = {"user": user}
    names = [row[0] for row in connection.execute(f"{_NAMES} LIMIT {_MOST_TEXTS}", bound)]
    texts = [row[0] for row in connection.execute(f"{_TEXTS} LIMIT {_MOST_TEXTS}", bound)]
    whole = [name for name in (user, *names) if len(name) >= _LEAST_CHARS]
    return tuple(dict.fromkeys((*whole, *_forms(texts))))


def referring(connection: sqlite3.Connection, ids: Sequence[str]) -> list[int]:
    """Return the cubes that name any of these as superseded or as their source."""
    return [row[0] for row in connection.execute(_REFERRING, {"ids": dumps(list(ids))})]


def shared(connection: sqlite3.Connection, ids: Sequence[str]) -> list[str]:
    """Return those that others may have been shown."""
    return [row[0] for row in connection.execute(_SHARED, (dumps(list(ids)),))]


def unname(connection: sqlite3.Connection, seqs: Iterable[int], ids: Sequence[str]) -> None:
    """Take removed ids out of what other cubes, in all their versions, say they replaced or were made of."""
    gone = set(ids)
    for seq in seqs:
        for row in connection.execute("SELECT data FROM cubes WHERE seq = ?", (seq,)).fetchall():
            connection.execute("UPDATE cubes SET data = ? WHERE seq = ?", (_without(row["data"], gone), seq))
        for row in connection.execute("SELECT version, data FROM versions WHERE seq = ?", (seq,)).fetchall():
            sql = "UPDATE versions SET data = ? WHERE seq = ? AND version = ?"
            connection.execute(sql, (_without(row["data"], gone), seq, row["version"]))


def unname_for_others(connection: sqlite3.Connection, user: str, ids: Sequence[str]) -> None:
    """Take removed ids out of the receipts of those who were shown them."""
    for cube_id in ids:
        sql = "SELECT user, request_id, data FROM receipts WHERE user <> ? AND instr(data, ?)"
        for row in connection.execute(sql, (user, cube_id)).fetchall():
            receipt = _unnamed(orjson.loads(row["data"]), cube_id)
            update = "UPDATE receipts SET data = ? WHERE user = ? AND request_id = ?"
            connection.execute(update, (dumps(receipt), row["user"], row["request_id"]))


def _without(data: str, gone: set[str]) -> str:
    fields = orjson.loads(data)
    for name in ("supersedes", "derived_from"):
        fields[name] = [cube_id for cube_id in fields[name] if cube_id not in gone]
    if fields.get("duplicate_of") in gone:
        fields["duplicate_of"] = ""
    return dumps(fields)


def _unnamed(value: object, cube_id: str) -> object:
    if isinstance(value, list):
        return [_unnamed(each, cube_id) for each in value if not _names(each, cube_id)]
    if isinstance(value, dict):
        return {key: _unnamed(each, cube_id) for key, each in value.items() if key != cube_id and each != cube_id}
    return value


def _names(value: object, cube_id: str) -> bool:
    return value == cube_id or (isinstance(value, dict) and cube_id in value.values())


def _forms(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the most distinctive words of each text as they stand there, folded, and as the word index has them."""
    found = dict.fromkeys(form for text in texts for word in _distinctive(text) for form in _forms_of(word))
    return tuple(found)


def _distinctive(text: str) -> list[str]:
    """Return a few words, those with digits and the long ones first: others seldom say the same."""
    said = dict.fromkeys(_DISTINCTIVE.findall(text[:_FRONT_CHARS]))
    return sorted(said, key=lambda word: (word.isalpha(), -len(word)))[:_OF_A_TEXT]


def _forms_of(word: str) -> Iterator[str]:
    yield word
    yield from (form for form in (*words(word), *stems(words(word))) if len(form) >= _LEAST_CHARS)


def _some(items: Sequence[str], most: int) -> list[str]:
    """Return a sample that is the same for the same items."""
    return list(items) if len(items) <= most else random.Random(len(items)).sample(list(items), most)  # noqa: S311
