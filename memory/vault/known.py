"""What to look for in, the cubes that hold it out, whichever of their versions does.

Texts are compared before cubes are built, so a search through all that a user has stays short.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import orjson

from memory.aliases import PREFIXES
from memory.cube import FactKey, MemCube
from memory.vault.cubes import StoredCube, stored
from memory.vault.relations import duplicates_of
from memory.vault.rows import cube_from_json, dumps, folded
from memory.vault.said_names import plain_name, same_name

_TEXTS = """
    SELECT seq, text FROM cubes WHERE owner = :user
    UNION ALL
    SELECT seq, json_extract(versions.data, '$.text') FROM versions JOIN cubes USING (seq) WHERE owner = :user
"""
_FACTS = """
    SELECT seq, subject, attribute FROM cubes WHERE owner = :user AND subject IS NOT NULL
    UNION ALL
    SELECT seq, json_extract(versions.data, '$.fact.subject'), json_extract(versions.data, '$.fact.attribute')
    FROM versions JOIN cubes USING (seq) WHERE owner = :user AND subject IS NOT NULL
"""
_VERSIONS = """
    SELECT seq, data FROM versions WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq, version
"""


@dataclass(frozen=True, slots=True)
class KnownCube:
    """A stored cube with all the versions that it had, the newest last."""

    stored: StoredCube
    versions: tuple[MemCube, ...]

    @property
    def id(self) -> str:
        """The cube's id."""
        return self.stored.cube.id

    @property
    def fact(self) -> FactKey | None:
        """The fact that the newest version states."""
        return self.stored.cube.fact


def with_ids(connection: sqlite3.Connection, user: str, ids: Sequence[str]) -> list[KnownCube]:
    """Return the user's cubes among these ids."""
    sql = "SELECT seq FROM cubes WHERE +owner = ? AND id IN (SELECT value FROM json_each(?))"
    return _loaded(connection, {row[0] for row in connection.execute(sql, (user, dumps(list(ids))))})


def with_duplicates(connection: sqlite3.Connection, user: str, chosen: Sequence[KnownCube]) -> list[KnownCube]:
    """Return the chosen cubes and what was merged into them: it says the same."""
    known = {each.stored.seq for each in chosen}
    sql = "SELECT seq FROM cubes WHERE owner = ? AND seq IN (SELECT value FROM json_each(?))"
    same = connection.execute(sql, (user, dumps(duplicates_of(connection, known)))) if known else ()
    return [*chosen, *_loaded(connection, {row[0] for row in same})]


def with_text(connection: sqlite3.Connection, user: str, is_sought: Callable[[str], bool]) -> list[KnownCube]:
    """Return the user's cubes of which any version has a text that is sought."""
    rows = connection.execute(_TEXTS, {"user": user})
    return _loaded(connection, {row[0] for row in rows if is_sought(row[1])})


def about(connection: sqlite3.Connection, user: str, subject: str, attributes: Sequence[str]) -> list[KnownCube]:
    """Return the cubes that state a fact of the subject; an attribute that ends in ":" names all below it.

    A subject is the same with its accents and without them.
    """
    is_named = _naming(subject, attributes)
    rows = connection.execute(_FACTS, {"user": user})
    return _loaded(connection, {row[0] for row in rows if row[1] is not None and is_named(row[1], row[2])})


def stated(connection: sqlite3.Connection, user: str, subject: str, attributes: Sequence[str]) -> list[FactKey]:
    """Return what cubes state of the subject, current or not, and what else they stated in earlier versions."""
    is_named = _naming(subject, attributes)
    known = about(connection, user, subject, attributes)
    facts = (version.fact for each in known for version in each.versions)
    return [fact for fact in facts if fact is not None and is_named(fact.subject, fact.attribute)]


def names_told(connection: sqlite3.Connection, user: str) -> list[str]:
    """Return what the user and the beings of theirs are or were called."""
    return [fact.value for fact in stated(connection, user, "user", ("name", *PREFIXES))]


def is_called(connection: sqlite3.Connection, user: str, name: str) -> bool:
    """True where somebody is called so."""
    return any(same_name(each, name) for each in names_told(connection, user))


def facts_of(cubes: Iterable[KnownCube]) -> list[FactKey]:
    """Return what the cubes state in all their versions."""
    return [cube.fact for each in cubes for cube in each.versions if cube.fact is not None]


def _naming(subject: str, attributes: Sequence[str]) -> Callable[[str, str], bool]:
    of_subject = plain_name(subject)
    wanted = [folded(attribute) for attribute in attributes]
    below = tuple(attribute for attribute in wanted if attribute.endswith(":"))
    return lambda of, name: plain_name(of) == of_subject and (folded(name) in wanted or folded(name).startswith(below))


def _loaded(connection: sqlite3.Connection, seqs: Collection[int]) -> list[KnownCube]:
    if not seqs:
        return []
    chosen = dumps(sorted(seqs))
    older: dict[int, list[MemCube]] = {}
    for row in connection.execute(_VERSIONS, (chosen,)):
        older.setdefault(row["seq"], []).append(cube_from_json(orjson.loads(row["data"])))
    heads = stored(connection, "seq IN (SELECT value FROM json_each(?))", (chosen,))
    return [KnownCube(each, (*older.get(each.seq, ()), each.cube)) for each in heads]
