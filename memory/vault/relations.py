"""A cube that was written in, its rows of the relations table out: they change with the cubes that they join.

Law: a relation joins two cubes of one owner, both stored, or a cube and an entity; what is removed takes its relations
along. ``supersedes``, ``derived_from``, ``duplicate_of`` and ``about`` are what the cube's present version says, so a
version that comes back brings its relations back. ``contradicts`` stands from the cube that was told later to one that
states another value of the same single-valued fact; ``next`` from a verbatim turn to the one that follows it in the
conversation.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import pairwise

from memory.cube import FactKey, MemCube
from memory.vault.rows import dumps, folded


class Relation(StrEnum):
    """How a memory stands to another one, or to an entity."""

    SUPERSEDES = "supersedes"
    CONTRADICTS = "contradicts"
    DERIVED_FROM = "derived_from"
    ABOUT = "about"
    NEXT = "next"
    DUPLICATE_OF = "duplicate_of"


_SAID = dumps([Relation.SUPERSEDES, Relation.DERIVED_FROM, Relation.ABOUT, Relation.DUPLICATE_OF])
_JOIN = """
    INSERT OR IGNORE INTO relations (owner, from_seq, type, to_seq)
    SELECT owner, :seq, :type, seq FROM cubes
    WHERE +owner = :owner AND seq <> :seq AND id IN (SELECT value FROM json_each(:ids))
"""
# A cube told a value of a fact, the cubes that it replaced told others.
_CONTRADICT = """
    INSERT OR IGNORE INTO relations (owner, from_seq, type, to_seq)
    SELECT owner, :seq, 'contradicts', seq FROM cubes
    WHERE +owner = :owner AND seq <> :seq AND id IN (SELECT value FROM json_each(:ids))
      AND subject = :subject AND attribute = :attribute AND value <> :value AND single = 1
"""
_ABOUT = "INSERT INTO relations (owner, from_seq, type, entity) VALUES (?, ?, 'about', ?)"
_ARROW = "INSERT OR IGNORE INTO relations (owner, from_seq, type, to_seq) VALUES (?, ?, ?, ?)"
_TURNS_OF = """
    SELECT seq FROM cubes WHERE turn_id = ? AND owner = ? AND semantic_type = 'turn' ORDER BY valid_from, seq
"""
# CROSS JOIN: from turn to turn until one has left something verbatim, not the other way round.
_NEIGHBOUR = """
    SELECT cubes.seq FROM turns CROSS JOIN cubes ON cubes.turn_id = turns.id
    WHERE turns.user = ?1 AND turns.conversation_id = ?2 AND turns.seq {than} ?3
      AND cubes.owner = ?1 AND cubes.semantic_type = 'turn'
    ORDER BY turns.seq {order}, cubes.valid_from {order}, cubes.seq {order} LIMIT 1
"""
_BEFORE = _NEIGHBOUR.format(than="<", order="DESC")
_BEHIND = _NEIGHBOUR.format(than=">", order="ASC")


def follow(connection: sqlite3.Connection, seq: int, old: MemCube | None, new: MemCube) -> None:
    """Make the relations of a cube what its new version says; ``old``: the version before, None for a new cube."""
    if old is not None:
        if _says(old) == _says(new):
            return
        sql = "DELETE FROM relations WHERE from_seq = ? AND type IN (SELECT value FROM json_each(?))"
        connection.execute(sql, (seq, _SAID))
        if _stated(old) != _stated(new):
            sql = "DELETE FROM relations WHERE type = 'contradicts' AND (from_seq = ? OR to_seq = ?)"
            connection.execute(sql, (seq, seq))
    connection.executemany(_ABOUT, [(new.owner, seq, entity) for entity in entities_of(new)])
    _join(connection, seq, new)


def contradict(connection: sqlite3.Connection, owner: str, seq: int, others: Iterable[int]) -> None:
    """Record that a cube states another value than others of the same owner do, of one single-valued fact."""
    connection.executemany(
        _ARROW, [(owner, seq, Relation.CONTRADICTS.value, other) for other in others if other != seq]
    )


def order(connection: sqlite3.Connection, turn_id: str) -> None:
    """Put the verbatim cubes of a turn in their place between those before and behind it in the conversation."""
    turn = connection.execute("SELECT seq, user, conversation_id FROM turns WHERE id = ?", (turn_id,)).fetchone()
    if turn is None:
        return
    mine = [row[0] for row in connection.execute(_TURNS_OF, (turn_id, turn["user"]))]
    if not mine:
        return
    place = (turn["user"], turn["conversation_id"], turn["seq"])
    before = [row[0] for row in connection.execute(_BEFORE, place)]
    behind = [row[0] for row in connection.execute(_BEHIND, place)]
    _chain(connection, turn["user"], [*before, *mine, *behind])


def unlink(connection: sqlite3.Connection, seq: int) -> None:
    """Close the gap that a cube leaves in its conversation when it is removed; its relations go with it."""
    sql = """
        INSERT OR IGNORE INTO relations (owner, from_seq, type, to_seq)
        SELECT before.owner, before.from_seq, 'next', behind.to_seq FROM relations AS before, relations AS behind
        WHERE before.to_seq = ?1 AND before.type = 'next' AND behind.from_seq = ?1 AND behind.type = 'next'
    """
    connection.execute(sql, (seq,))


def complete(connection: sqlite3.Connection, cubes: Sequence[tuple[int, MemCube]], turn_ids: Iterable[str]) -> None:
    """Join cubes that were stored one by one to those that came after them (an import)."""
    for seq, cube in cubes:
        _join(connection, seq, cube)
    for turn_id in dict.fromkeys(turn_ids):
        order(connection, turn_id)


def duplicates_of(connection: sqlite3.Connection, seqs: Iterable[int]) -> list[int]:
    """Return the cubes that were merged into these, directly or through others: they say the same."""
    sql = """
        WITH RECURSIVE same (seq) AS (
            SELECT value FROM json_each(?)
            UNION SELECT from_seq FROM relations JOIN same ON to_seq = seq WHERE type = 'duplicate_of'
        ) SELECT seq FROM same
    """
    asked = set(seqs)
    return sorted({row[0] for row in connection.execute(sql, (dumps(sorted(asked)),))} - asked)


def entities_of(cube: MemCube) -> list[str]:
    """Return the entities that the cube is about, case-folded, each once."""
    return [entity for entity in dict.fromkeys(map(folded, cube.entities)) if entity]


def _chain(connection: sqlite3.Connection, owner: str, seqs: Sequence[int]) -> None:
    sql = "DELETE FROM relations WHERE type = 'next' AND from_seq = ?"
    connection.executemany(sql, [(seq,) for seq in seqs[:-1]])
    sql = "DELETE FROM relations WHERE type = 'next' AND to_seq = ?"
    connection.executemany(sql, [(seq,) for seq in seqs[1:]])
    connection.executemany(_ARROW, [(owner, a, Relation.NEXT.value, b) for a, b in pairwise(seqs)])


def _join(connection: sqlite3.Connection, seq: int, cube: MemCube) -> None:
    bound = {"owner": cube.owner, "seq": seq}
    for relation, ids in _joined(cube).items():
        if ids:
            connection.execute(_JOIN, {**bound, "type": relation.value, "ids": dumps(list(ids))})
    stated = _stated(cube)
    if stated is not None and cube.supersedes:
        subject, attribute, value = stated
        facts = {"subject": subject, "attribute": attribute, "value": value, "ids": dumps(list(cube.supersedes))}
        connection.execute(_CONTRADICT, {**bound, **facts})


def _joined(cube: MemCube) -> Mapping[Relation, Sequence[str]]:
    return {
        Relation.SUPERSEDES: cube.supersedes,
        Relation.DERIVED_FROM: cube.derived_from,
        Relation.DUPLICATE_OF: (cube.duplicate_of,) if cube.duplicate_of else (),
    }


def _says(cube: MemCube) -> tuple[object, ...]:
    return (cube.supersedes, cube.derived_from, cube.duplicate_of, entities_of(cube), _stated(cube))


def _stated(cube: MemCube) -> tuple[str, str, str] | None:
    """Return what the cube states of a fact that has one value at a time."""
    fact: FactKey | None = cube.fact
    if fact is None or not fact.single:
        return None
    return folded(fact.subject), folded(fact.attribute), folded(fact.value)
