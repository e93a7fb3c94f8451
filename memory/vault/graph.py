"""Memories or an entity in, what they are joined to out: a bounded walk along the relations of one user's memories.

Law: the user is asked for in every query, and what is expired is not walked through, so another user's memories are
neither shown nor passed. A walk costs one query for each step of depth, and never more rows than its limit.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from memory.cube import MemCube
from memory.errors import NotFound
from memory.turn import Scope
from memory.vault.reading import VaultBase
from memory.vault.relations import Relation
from memory.vault.rows import CUBE_COLUMNS, cube_of, dumps, folded

MAX_DEPTH = 3
MAX_NODES = 500

# "+" keeps SQLite on the indexes of the two ends, of which the frontier names a few.
_FROM = """
    SELECT from_seq, type, to_seq, entity FROM relations
    WHERE from_seq IN (SELECT value FROM json_each(:seqs))
      AND +owner = :owner AND +type IN (SELECT value FROM json_each(:types))
    ORDER BY from_seq DESC, type, to_seq, entity LIMIT :limit
"""
_TO = """
    SELECT from_seq, type, to_seq, entity FROM relations
    WHERE to_seq IN (SELECT value FROM json_each(:seqs))
      AND +owner = :owner AND +type IN (SELECT value FROM json_each(:types))
    ORDER BY to_seq DESC, type, from_seq DESC LIMIT :limit
"""
_ABOUT = """
    SELECT from_seq, type, to_seq, entity FROM relations
    WHERE owner = :owner AND entity IN (SELECT value FROM json_each(:entities)) AND entity <> ''
      AND :about IN (SELECT value FROM json_each(:types))
    ORDER BY from_seq DESC LIMIT :limit
"""
_ALIVE = """
    SELECT seq FROM cubes
    WHERE +owner = :owner AND seq IN (SELECT value FROM json_each(:seqs)) AND (expires_at IS NULL OR expires_at > :now)
"""
_CUBES = f"""
    SELECT seq, {CUBE_COLUMNS} FROM cubes
    WHERE +owner = :owner AND seq IN (SELECT value FROM json_each(:seqs)) AND (expires_at IS NULL OR expires_at > :now)
    ORDER BY seq DESC
"""
_SEQS = """
    SELECT seq FROM cubes
    WHERE +owner = :owner AND id IN (SELECT value FROM json_each(:ids)) AND (expires_at IS NULL OR expires_at > :now)
"""
# What these are made of says what they say, and so does all that is made of these. What else is made of the former may
# say it as well, unless it states a fact of its own: of an utterance that told two facts, the other one stays.
_FAMILY = """
    WITH RECURSIVE asked (seq) AS (
        SELECT seq FROM cubes WHERE +owner = :owner AND id IN (SELECT value FROM json_each(:ids))
    ), sources (seq) AS (
        SELECT seq FROM asked
        UNION
        SELECT to_seq FROM relations JOIN sources ON from_seq = seq WHERE +owner = :owner AND type = 'derived_from'
    ), made (seq) AS (
        SELECT seq FROM asked
        UNION
        SELECT from_seq FROM relations JOIN sources ON to_seq = sources.seq JOIN cubes ON cubes.seq = from_seq
        WHERE +relations.owner = :owner AND type = 'derived_from' AND cubes.subject IS NULL
        UNION
        SELECT from_seq FROM relations JOIN made ON to_seq = seq WHERE +owner = :owner AND type = 'derived_from'
    )
    SELECT id FROM cubes WHERE +owner = :owner AND seq IN (SELECT seq FROM sources UNION SELECT seq FROM made)
    ORDER BY seq
"""


@dataclass(frozen=True, slots=True)
class Edge:
    """One relation: of a memory to another one, or to an entity."""

    from_id: str
    relation: Relation
    to_id: str | None  #: None: to an entity
    entity: str = ""  #: case-folded


@dataclass(frozen=True, slots=True)
class Graph:
    """What a walk found: memories newest first, entities in order, and the relations between them."""

    cubes: list[MemCube]
    entities: list[str]
    edges: list[Edge]
    complete: bool  #: False: there is more than the limit let in


@dataclass(slots=True)
class _Walk:
    """The state of one walk; memories by their place in the vault, at most ``limit`` of them with the entities."""

    types: Sequence[Relation]
    limit: int
    seqs: set[int] = field(default_factory=set)
    entities: set[str] = field(default_factory=set)
    edges: set[tuple[int, str, int | None, str]] = field(default_factory=set)
    complete: bool = True

    def room(self) -> int:
        return self.limit - len(self.seqs) - len(self.entities)


class CubeGraph(VaultBase):
    """Walks along relations."""

    def related(
        self, scope: Scope, cube_id: str, *, types: Sequence[Relation] = (), depth: int = 1, limit: int = 100
    ) -> Graph:
        """Return the memory with what is joined to it in at most ``depth`` steps (to 3), whichever way they point.

        Through an entity two memories about it are two steps apart. Raises: NotFound.
        """
        with self._connections.snapshot() as connection:
            seqs = self._alive_ids(connection, scope, [cube_id])
            if not seqs:
                raise NotFound(f"There is no memory {cube_id!r}.")
            walk = _Walk(types or tuple(Relation), min(limit, MAX_NODES), seqs=set(seqs))
            return self._walked(connection, scope, walk, set(seqs), set(), depth)

    def about(
        self, scope: Scope, entities: Sequence[str], *, types: Sequence[Relation] = (), depth: int = 1, limit: int = 100
    ) -> Graph:
        """Return the memories about these entities, and what is joined to them in at most ``depth`` steps."""
        names = {name for name in map(folded, entities) if name}
        walk = _Walk(types or tuple(Relation), min(limit, MAX_NODES), entities=set(names))
        if types and Relation.ABOUT not in types:  # the first step is asked for by the entity itself
            walk.types = (*types, Relation.ABOUT)
        with self._connections.snapshot() as connection:
            return self._walked(connection, scope, walk, set(), names, depth)

    def neighbours(
        self, scope: Scope, cube_ids: Sequence[str], *, types: Sequence[Relation] = (), limit: int = 32
    ) -> list[MemCube]:
        """Return what one step leads to from these memories and is current, newest first: two queries, for recall.

        ``types`` empty: every relation but ``about``, whose entities may join very many memories.
        """
        chosen = types or tuple(each for each in Relation if each is not Relation.ABOUT)
        with self._connections.snapshot() as connection:
            seqs = self._alive_ids(connection, scope, cube_ids)
            walk = _Walk(chosen, MAX_NODES, seqs=set(seqs))
            rows = self._edges(connection, scope, walk, seqs, set(), 4 * limit)
            ends = {end for row in rows for end in (row[0], row[2]) if end is not None} - seqs
            cubes = [cube for _, cube in self._cubes(connection, scope, ends) if cube.current]
        return cubes[:limit]

    def family(self, scope: Scope, cube_ids: Sequence[str]) -> list[str]:
        """Return the ids of these and of what says the same: all that is derived from them, and what they are made of.

        Transitive in both directions; one query.
        """
        if not cube_ids:
            return []
        with self._connections.read() as connection:
            bound = {"owner": scope.user, "ids": dumps(list(cube_ids))}
            return [row[0] for row in connection.execute(_FAMILY, bound)]

    def _walked(
        self, connection: sqlite3.Connection, scope: Scope, walk: _Walk, seqs: set[int], entities: set[str], depth: int
    ) -> Graph:
        for _ in range(min(depth, MAX_DEPTH)):
            if not seqs and not entities:
                break
            seqs, entities = self._step(connection, scope, walk, seqs, entities)
        found = dict(self._cubes(connection, scope, walk.seqs))
        return Graph(
            cubes=list(found.values()),
            entities=sorted(walk.entities),
            edges=sorted(_edges_between(walk, found), key=_position),
            complete=walk.complete,
        )

    def _step(
        self, connection: sqlite3.Connection, scope: Scope, walk: _Walk, seqs: set[int], entities: set[str]
    ) -> tuple[set[int], set[str]]:
        """Take one step from a frontier and return the next one."""
        rows = self._edges(connection, scope, walk, seqs, entities, walk.limit + 1)
        walk.complete = walk.complete and len(rows) <= walk.limit
        ends = {end for row in rows for end in (row[0], row[2]) if end is not None} - walk.seqs
        alive = self._alive(connection, scope, ends)
        next_seqs: set[int] = set()
        next_entities: set[str] = set()
        for row in rows:
            new_seqs = {end for end in (row[0], row[2]) if end is not None} - walk.seqs
            new_entities = {row[3]} - walk.entities - {""}
            if not new_seqs <= alive:
                continue
            if len(new_seqs) + len(new_entities) > walk.room():
                walk.complete = False
                continue
            walk.seqs |= new_seqs
            walk.entities |= new_entities
            walk.edges.add(row)
            next_seqs |= new_seqs
            next_entities |= new_entities
        return next_seqs, next_entities

    def _edges(
        self,
        connection: sqlite3.Connection,
        scope: Scope,
        walk: _Walk,
        seqs: Collection[int],
        entities: Collection[str],
        limit: int,
    ) -> list[tuple[int, str, int | None, str]]:
        bound = {
            "owner": scope.user,
            "seqs": dumps(sorted(seqs)),
            "entities": dumps(sorted(entities)),
            "types": dumps([each.value for each in walk.types]),
            "about": Relation.ABOUT.value,
            "limit": limit,
        }
        queries = [_FROM, _TO] if seqs else []
        queries += [_ABOUT] if entities else []
        rows = [tuple(row) for query in queries for row in connection.execute(query, bound)]
        return list(dict.fromkeys(rows))

    def _alive_ids(self, connection: sqlite3.Connection, scope: Scope, ids: Sequence[str]) -> set[int]:
        bound = {"owner": scope.user, "now": self._now(), "ids": dumps(list(ids))}
        return {row[0] for row in connection.execute(_SEQS, bound)}

    def _alive(self, connection: sqlite3.Connection, scope: Scope, seqs: Iterable[int]) -> set[int]:
        bound = {"owner": scope.user, "now": self._now(), "seqs": dumps(sorted(seqs))}
        return {row[0] for row in connection.execute(_ALIVE, bound)}

    def _cubes(self, connection: sqlite3.Connection, scope: Scope, seqs: Iterable[int]) -> list[tuple[int, MemCube]]:
        bound = {"owner": scope.user, "now": self._now(), "seqs": dumps(sorted(seqs))}
        return [(row["seq"], cube_of(row)) for row in connection.execute(_CUBES, bound)]


def _edges_between(walk: _Walk, found: dict[int, MemCube]) -> Iterable[Edge]:
    for start, relation, end, entity in walk.edges:
        if start in found and (end is None or end in found):
            yield Edge(found[start].id, Relation(relation), None if end is None else found[end].id, entity)


def _position(edge: Edge) -> tuple[str, str, str, str]:
    return edge.from_id, edge.relation.value, edge.to_id or "", edge.entity
