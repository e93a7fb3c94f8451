"""A scope and a question in, the user's cubes out: never another user's, never expired ones."""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import numpy as np
import orjson

from memory.aliases import PREFIXES, Named
from memory.cube import MemCube, SemanticType, State, Trust
from memory.document import documents_partition
from memory.errors import Invalid, NotFound
from memory.lifecycle import ended
from memory.ports import Clock, Matrix, Page
from memory.turn import Scope
from memory.vault import lexical
from memory.vault.access import IN_USE, REACH, READABLE, bound_to, partitions_of
from memory.vault.connections import Connections
from memory.vault.rows import CUBE_COLUMNS, cube_from_json, cube_of, dumps, folded, micros
from memory.vault.spelling import terms_as_spelled
from memory.vault.words import query_terms

_ALIVE = "(expires_at IS NULL OR expires_at > :now)"
_MINE = f"SELECT {CUBE_COLUMNS} FROM cubes WHERE owner = :owner AND {_ALIVE}"
_CURRENT = f"{_MINE} AND superseded_at IS NULL"

# "+owner" keeps SQLite from walking through all of a user's rows where ids are given.
_BY_IDS = f"""
    SELECT {CUBE_COLUMNS} FROM cubes
    WHERE +owner = :owner AND {_ALIVE} AND id IN (SELECT value FROM json_each(:ids))
"""
_STABLE = f"{_MINE} AND {IN_USE} AND stable = 1 ORDER BY valid_from, recorded_at, seq"
_USED = f"{_MINE} AND {IN_USE} AND last_used_at IS NOT NULL ORDER BY last_used_at DESC, recorded_at DESC LIMIT :limit"
_UNUSED = f"{_MINE} AND {IN_USE} AND last_used_at IS NULL ORDER BY recorded_at DESC, seq DESC LIMIT :limit"
_LABELLED = f"""
    SELECT {CUBE_COLUMNS} FROM cubes
    WHERE +owner = :owner AND {_ALIVE} AND superseded_at IS NULL AND seq IN (
        SELECT seq FROM labels WHERE owner = :owner AND label IN (SELECT value FROM json_each(:labels))
    ) ORDER BY recorded_at DESC, seq DESC LIMIT :limit
"""
_IDS = f"""
    WITH {REACH} SELECT seq, id FROM cubes
    WHERE {READABLE} AND {_ALIVE} AND seq IN (SELECT value FROM json_each(:seqs))
"""
_VECTORS = f"""
    SELECT id, vector FROM cubes JOIN embeddings USING (seq)
    WHERE owner = :owner AND {_ALIVE} AND {IN_USE} AND model_id = :model_id AND document IS NULL ORDER BY seq
"""
_DOCUMENT_VECTORS = _VECTORS.replace("document IS NULL", "document IS NOT NULL")
_MISSING = f"""
    SELECT owner, id, text FROM cubes
    WHERE {IN_USE} AND {_ALIVE}
      AND NOT EXISTS (SELECT 1 FROM embeddings WHERE embeddings.seq = cubes.seq AND model_id = :model_id)
    ORDER BY seq LIMIT :limit
"""
_NAMED = f"""
    SELECT attribute, json_extract(data, '$.fact.value') AS name FROM cubes
    WHERE owner = :owner AND subject = 'user' AND attribute >= :prefix AND attribute < :end
      AND {_ALIVE} AND {IN_USE} AND trust >= {int(Trust.USER)} ORDER BY recorded_at DESC LIMIT :limit
"""
_NAMED_THEN = _NAMED.replace(IN_USE, "recorded_at <= :as_of AND (superseded_at IS NULL OR superseded_at > :as_of)")
_VERSIONS = """
    SELECT versions.data FROM versions JOIN cubes USING (seq)
    WHERE owner = :owner AND id = :id ORDER BY versions.version
"""
# What was the newest version then: the head where it is old enough, else the newest kept version that is.
_KNOWN_HEADS = f"""
    SELECT {CUBE_COLUMNS} FROM cubes
    WHERE owner = :owner AND recorded_at <= :as_of AND updated_at <= :as_of
      AND (superseded_at IS NULL OR superseded_at > :as_of)
"""
_KNOWN_VERSIONS = """
    SELECT versions.data, MAX(versions.version) FROM cubes JOIN versions USING (seq)
    WHERE owner = :owner AND recorded_at <= :as_of AND cubes.updated_at > :as_of
      AND versions.updated_at <= :as_of
    GROUP BY seq
"""
# "+": the same of a few, which are found by their numbers.
_AMONG = " AND seq IN (SELECT value FROM json_each(:seqs))"
_SOME_HEADS = _KNOWN_HEADS.replace("owner =", "+owner =").rstrip() + _AMONG
_SOME_VERSIONS = _KNOWN_VERSIONS.replace("owner =", "+owner =").replace("GROUP BY", f"{_AMONG} GROUP BY")


class VaultBase:
    """The database file, the clock and the source of new ids."""

    def __init__(
        self,
        connections: Connections,
        clock: Clock,
        new_id: Callable[[], str],
        *,
        redact: Callable[[str], str] | None = None,
        decaying: Collection[SemanticType] = (),
    ) -> None:
        self._connections = connections
        self._clock = clock
        self._new_id = new_id
        self._redact = redact or (lambda text: text)
        self._decaying = frozenset(decaying)  #: new memories of these types decay, unless a draft says otherwise

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Make one transaction of all changes inside: all of them stand, or none. One that is slow holds others up."""
        with self._connections.write():
            yield

    def _now(self) -> int:
        return micros(self._clock())


class CubeReading(VaultBase):
    """All reads of the vault."""

    def get(self, scope: Scope, cube_id: str) -> MemCube:
        """Raises: NotFound."""
        found = self.get_many(scope, [cube_id])
        if not found:
            raise NotFound(f"There is no memory {cube_id!r}.")
        return found[0]

    def get_many(self, scope: Scope, cube_ids: Sequence[str]) -> list[MemCube]:
        """Return those that exist, in the order asked."""
        found = {cube.id: cube for cube in self._select(scope, _BY_IDS, ids=dumps(list(cube_ids)))}
        return [found[cube_id] for cube_id in cube_ids if cube_id in found]

    def history(self, scope: Scope, cube_id: str) -> list[MemCube]:
        """Return all versions, oldest first.

        Raises: NotFound.
        """
        with self._connections.snapshot() as connection:
            newest = self._rows(connection, scope, _BY_IDS, ids=dumps([cube_id]))
            if not newest:
                raise NotFound(f"There is no memory {cube_id!r}.")
            older = self._rows(connection, scope, _VERSIONS, id=cube_id)
        return [*(cube_from_json(orjson.loads(row[0])) for row in older), cube_of(newest[0])]

    def page(
        self,
        scope: Scope,
        *,
        limit: int = 20,
        after: str | None = None,
        semantic_types: Sequence[SemanticType] = (),
        states: Sequence[State] = (),
        pinned: bool | None = None,
        include_superseded: bool = False,
    ) -> Page:
        """Return cubes newest first, those that come after the cube ``after``.

        Raises: Invalid: ``after`` names no cube of this user.
        """
        sql = _MINE if include_superseded else _CURRENT
        if State.EXPIRED in states:  # asked for by name, they show until they are purged
            sql = sql.replace(_ALIVE, "TRUE")
        bound: dict[str, object] = {"limit": limit + 1}
        if semantic_types:
            sql += " AND semantic_type IN (SELECT value FROM json_each(:semantic_types))"
            bound["semantic_types"] = dumps(list(semantic_types))
        if states:
            sql += " AND state IN (SELECT value FROM json_each(:states))"
            bound["states"] = dumps(list(states))
        if pinned is not None:
            sql += " AND pinned = :pinned"
            bound["pinned"] = int(pinned)
        with self._connections.snapshot() as connection:
            if after is not None:
                sql += " AND (recorded_at, seq) < (:recorded_at, :seq)"
                bound["recorded_at"], bound["seq"] = _position(connection, scope, after)
            sql += " ORDER BY recorded_at DESC, seq DESC LIMIT :limit"
            cubes = [cube_of(row) for row in self._rows(connection, scope, sql, **bound)]
        return Page(cubes=cubes[:limit], has_more=len(cubes) > limit)

    def profile(self, scope: Scope, *, as_of: datetime | None = None) -> list[MemCube]:
        """Return pinned cubes and current profile facts, by when they began to hold."""
        if as_of is None:
            return self._select(scope, _STABLE)
        known = self.known_at(scope, as_of)
        return [cube for cube in known if cube.in_use and (cube.pinned or (cube.fact and cube.fact.profile))]

    def lexical(self, scope: Scope, query: str, *, limit: int = 256) -> tuple[list[tuple[str, float]], int]:
        """Return (cube id, BM25 score >= 0) best first, and how many cubes were ranked.

        They are the user's own current cubes, and those that are shared with the user.
        """
        with self._connections.snapshot() as connection:
            shared = partitions_of(connection, scope, self._now())
            searched = [scope.user, *(each.name for each in shared)]
            terms = terms_as_spelled(
                connection, searched, query_terms(query), lambda: [documents_partition(scope.user)]
            )
            cubes, _ = lexical.size(connection, searched)
            found = lexical.search(connection, searched, terms, limit=limit) if terms and limit > 0 else []
            bound = {**bound_to(scope), "seqs": dumps([seq for seq, _ in found])}
            ids = {row[0]: row[1] for row in self._rows(connection, scope, _IDS, **bound)} if found else {}
        return [(ids[seq], score) for seq, score in found if seq in ids], cubes

    def recent(self, scope: Scope, *, limit: int) -> list[MemCube]:
        """Return current cubes, the last used first; to have been told is a cube's first use."""
        found = [*self._select(scope, _USED, limit=limit), *self._select(scope, _UNUSED, limit=limit)]
        found.sort(key=lambda cube: (cube.last_used_at or cube.recorded_at, cube.recorded_at), reverse=True)
        return found[:limit]

    def labelled(self, scope: Scope, labels: Sequence[str], *, limit: int) -> list[MemCube]:
        """Return current cubes that carry any of the labels as tag or entity, newest first."""
        return self._select(scope, _LABELLED, labels=dumps([folded(label) for label in labels]), limit=limit)

    def named(self, scope: Scope, *, as_of: datetime | None = None, limit: int = 64) -> list[Named]:
        """Return what the user's people and animals are called, of each sort the newest; in the user's own word.

        ``as_of``: as it was known then, in words as they are now.
        """
        found: list[Named] = []
        sql, then = (_NAMED, {}) if as_of is None else (_NAMED_THEN, {"as_of": micros(as_of)})
        with self._connections.snapshot() as connection:
            for prefix in PREFIXES:
                bound = {"prefix": prefix, "end": prefix[:-1] + ";", "limit": limit}  # ";" comes right after ":"
                rows = self._rows(connection, scope, sql, **bound, **then)
                found += [Named(row["attribute"].removeprefix(prefix), row["name"]) for row in rows]
        return found

    def known_at(self, scope: Scope, as_of: datetime) -> list[MemCube]:
        """Return all cubes as they were known at that time, by when they began to hold."""
        with self._connections.snapshot() as connection:
            return known_in(connection, scope.user, as_of)

    def vectors(self, scope: Scope, model_id: str) -> tuple[list[str], Matrix]:
        """Return ids and embeddings (n, d) of the user's current cubes that have one by this model; (0, 0) for none.

        Without those of documents: see ``document_vectors``.
        """
        return self._vectors(scope, _VECTORS, model_id)

    def document_vectors(self, scope: Scope, model_id: str) -> tuple[list[str], Matrix]:
        """As ``vectors``, of the chunks of the user's documents."""
        return self._vectors(scope, _DOCUMENT_VECTORS, model_id)

    def _vectors(self, scope: Scope, sql: str, model_id: str) -> tuple[list[str], Matrix]:
        with self._connections.read() as connection:
            rows = self._rows(connection, scope, sql, model_id=model_id)
        matrix = np.frombuffer(b"".join([row[1] for row in rows]), "<f4").astype(np.float32, copy=False)
        return [row[0] for row in rows], matrix.reshape(len(rows), -1) if rows else matrix.reshape(0, 0)

    def missing_vectors(self, model_id: str, *, limit: int) -> list[tuple[str, str, str]]:
        """Return (user, cube id, text) of current cubes of all users that lack an embedding by this model."""
        bound = {"now": self._now(), "model_id": model_id, "limit": limit}
        with self._connections.read() as connection:
            return [tuple(row) for row in connection.execute(_MISSING, bound)]

    def _rows(self, connection: sqlite3.Connection, scope: Scope, sql: str, **bound: object) -> list[sqlite3.Row]:
        return connection.execute(sql, {"owner": scope.user, "now": self._now(), **bound}).fetchall()

    def _select(self, scope: Scope, sql: str, **bound: object) -> list[MemCube]:
        with self._connections.read() as connection:
            return [cube_of(row) for row in self._rows(connection, scope, sql, **bound)]


def known_in(
    connection: sqlite3.Connection, owner: str, as_of: datetime, seqs: Collection[int] | None = None
) -> list[MemCube]:
    """Return the owner's cubes (all, or those among ``seqs``) as they were known then, by when they began to hold."""
    bound: dict[str, object] = {"owner": owner, "as_of": micros(as_of)}
    heads_sql, versions_sql = _KNOWN_HEADS, _KNOWN_VERSIONS
    if seqs is not None:
        bound["seqs"] = dumps(list(seqs))
        heads_sql, versions_sql = _SOME_HEADS, _SOME_VERSIONS
    cubes = [cube_of(row) for row in connection.execute(heads_sql, bound)]
    cubes += [cube_from_json(orjson.loads(row[0])) for row in connection.execute(versions_sql, bound)]
    known = [cube for cube in cubes if _known(cube, as_of)]
    return sorted(known, key=lambda cube: (cube.valid_from, cube.recorded_at, cube.id))


def _known(cube: MemCube, as_of: datetime) -> bool:
    """True for a version of then that was neither superseded nor over by then."""
    over = cube.state is State.EXPIRED or ended(cube, as_of)
    return not over and (cube.superseded_at is None or cube.superseded_at > as_of)


def _position(connection: sqlite3.Connection, scope: Scope, cube_id: str) -> tuple[int, int]:
    sql = "SELECT recorded_at, seq FROM cubes WHERE owner = ? AND id = ?"
    row = connection.execute(sql, (scope.user, cube_id)).fetchone()
    if row is None:
        raise Invalid(f"There is no memory {cube_id!r} to continue after.", param="after")
    return row["recorded_at"], row["seq"]
