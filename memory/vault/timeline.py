"""A new fact among the cubes of its key in, who is current out: supersession.

Law: less trust never replaces more. What a tool or a document says of something that the user has stated is history at
once, and the user's word replaces theirs, whenever it was said.

Of a fact that holds one value at a time, the value that was stated last in the world is current, in whatever order the
statements arrive. An older value keeps its interval: it ends where the next one begins.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from memory.cube import FactKey, MemCube, SemanticType, State, Trust
from memory.errors import Refused
from memory.lifecycle import Event, after
from memory.vault import relations
from memory.vault.cubes import StoredCube, change, insert, stored
from memory.vault.rows import folded, micros, moment

_KEY = "owner = ? AND subject = ? AND attribute = ?"


def of_key(connection: sqlite3.Connection, owner: str, fact: FactKey) -> list[StoredCube]:
    """Return all cubes about the same subject and attribute, current or not, in order of arrival."""
    return stored(connection, _KEY, (owner, folded(fact.subject), folded(fact.attribute)))


def equal_facts(cubes: Sequence[StoredCube], fact: FactKey) -> list[StoredCube]:
    """Return the current cubes that state the same value."""
    value = folded(fact.value)
    return [each for each in cubes if each.cube.current and each.cube.fact and folded(each.cube.fact.value) == value]


def equal_fact(cubes: Sequence[StoredCube], fact: FactKey, trust: Trust) -> StoredCube | None:
    """Return the current cube that states the same value and is trusted no less."""
    return next((each for each in equal_facts(cubes, fact) if each.cube.trust >= trust), None)


def confirm(
    connection: sqlite3.Connection, known: StoredCube, told: MemCube, stated_at: datetime, now: datetime
) -> StoredCube:
    """Let a current cube take in the sources of an equal one; it is a new version when that adds anything."""
    if known.cube.state is State.FROZEN or told.trust < known.cube.trust:
        return known  # whoever is trusted less cannot make the user's word newer than it is
    confirmed_at = max(known.confirmed_at, micros(stated_at))
    source = known.cube.source
    message_ids = tuple(dict.fromkeys((*source.message_ids, *told.source.message_ids)))
    merged = replace(
        known.cube,
        state=known.cube.state if known.cube.in_use else after(known.cube.state, Event.ACTIVATE),
        source=replace(source, message_ids=message_ids),
        tags=tuple(dict.fromkeys((*known.cube.tags, *told.tags))),
        entities=tuple(dict.fromkeys((*known.cube.entities, *told.entities))),
        pinned=known.cube.pinned or told.pinned,
    )
    if merged != known.cube:
        return change(connection, known, merged, now=now, confirmed_at=confirmed_at)
    connection.execute("UPDATE cubes SET confirmed_at = ? WHERE seq = ?", (confirmed_at, known.seq))
    return replace(known, confirmed_at=confirmed_at)


def place(
    connection: sqlite3.Connection, cubes: Sequence[StoredCube], told: MemCube, stated_at: datetime, now: datetime
) -> tuple[StoredCube, list[str]]:
    """Store a further value of a single-valued key; return it and the ids that it superseded.

    ``stated_at`` is later than the value's begin where it is news: "I moved to Porto yesterday."

    It is stored as already superseded when a current value was stated later, or is frozen, or is trusted more.
    """
    rivals = [each for each in cubes if each.cube.current and each.cube.fact is not None and each.cube.fact.single]
    told_at = micros(told.valid_from)
    later = [each for each in rivals if _outlasts(each, told, micros(stated_at))]
    if not later:
        told = replace(told, supersedes=tuple(each.cube.id for each in rivals))
        placed = insert(connection, told, confirmed_at=micros(stated_at))
        for each in rivals:
            supersede(connection, each, at=told.valid_from, now=now)
        return placed, [each.cube.id for each in rivals]
    starts = [micros(each.cube.valid_from) for each in cubes] + [each.confirmed_at for each in later]
    until = moment(min((start for start in starts if start > told_at), default=told_at))
    if told.valid_to is not None:
        until = min(until, told.valid_to)
    if all(each.cube.trust <= told.trust for each in cubes):
        _trim(connection, cubes, told.valid_from, now)
    archived = replace(told, state=after(State.GENERATED, Event.ARCHIVE), superseded_at=now, valid_to=until)
    placed = insert(connection, archived)
    relations.contradict(connection, told.owner, placed.seq, [each.seq for each in later])
    return placed, []


def restate(
    connection: sqlite3.Connection, cubes: Sequence[StoredCube], told: MemCube, now: datetime
) -> tuple[StoredCube, list[str]]:
    """Store a value of a key whose values add up, in the place of equal ones that are trusted less."""
    assert told.fact is not None  # noqa: S101 - the caller found the cubes by it
    replaced = [each for each in equal_facts(cubes, told.fact) if each.cube.state is not State.FROZEN]
    placed = insert(connection, replace(told, supersedes=tuple(each.cube.id for each in replaced)))
    for each in replaced:
        supersede(connection, each, at=told.valid_from, now=now)
    return placed, [each.cube.id for each in replaced]


def revise(connection: sqlite3.Connection, old: StoredCube, new: MemCube, now: datetime) -> StoredCube:
    """Store a version written by hand; where it states another fact than before, it was stated now.

    Raises: Refused: a memory that is frozen or trusted more states another value of that fact.
    """
    if new.fact is None or new.fact == old.cube.fact or not competes(new) or not new.current:
        return change(connection, old, new, now=now)
    rivals: list[StoredCube] = []
    if new.fact.single:
        others = [each for each in of_key(connection, old.cube.owner, new.fact) if each.seq != old.seq]
        rivals = [each for each in others if each.cube.current and each.cube.fact is not None and each.cube.fact.single]
    for each in rivals:
        if each.cube.state is State.FROZEN or each.cube.trust > new.trust:
            raise Refused(f"The memory {each.cube.id} states it and cannot be replaced.", param="text", code="frozen")
    said_at = max(old.confirmed_at, micros(now))
    replaced = tuple(dict.fromkeys((*new.supersedes, *(each.cube.id for each in rivals))))
    changed = change(connection, old, replace(new, supersedes=replaced), now=now, confirmed_at=said_at)
    for each in rivals:
        supersede(connection, each, at=now, now=now)
    return changed


def supersede(connection: sqlite3.Connection, old: StoredCube, *, at: datetime, now: datetime) -> StoredCube:
    """Close a current cube: it held until ``at`` and is history from now on."""
    closed = replace(
        old.cube,
        state=after(old.cube.state, Event.ARCHIVE),
        superseded_at=now,
        valid_to=max(at, old.cube.valid_from),
    )
    return change(connection, old, closed, now=now)


def reinstate(connection: sqlite3.Connection, owner: str, ids: Sequence[str], now: datetime) -> None:
    """Make superseded facts current again whose successor is gone, where no other value has taken its place."""
    for cube_id in ids:
        for each in stored(connection, "owner = ? AND id = ? AND state = ?", (owner, cube_id, State.ARCHIVED)):
            fact = each.cube.fact
            if fact is not None and not any(other.cube.current for other in of_key(connection, owner, fact)):
                reopened = replace(
                    each.cube, state=after(each.cube.state, Event.ACTIVATE), superseded_at=None, valid_to=None
                )
                change(connection, each, reopened, now=now)


def settle(connection: sqlite3.Connection, placed: StoredCube, now: datetime) -> None:
    """Leave one value current of the key of a cube that was stored as it is (an import): the one stated last."""
    fact = placed.cube.fact
    if fact is None or not fact.single or not competes(placed.cube):
        return
    current = [
        each
        for each in of_key(connection, placed.cube.owner, fact)
        if each.cube.current and each.cube.fact is not None and each.cube.fact.single
    ]
    current.sort(key=lambda each: (each.cube.state is State.FROZEN, each.cube.trust, each.confirmed_at, each.seq))
    for each in current[:-1]:
        if each.cube.state is not State.FROZEN:
            supersede(connection, each, at=current[-1].cube.valid_from, now=now)
            relations.contradict(connection, each.cube.owner, current[-1].seq, [each.seq])


def competes(cube: MemCube) -> bool:
    """True when the cube states a fact; a verbatim turn never does."""
    return cube.fact is not None and cube.semantic_type is not SemanticType.TURN


def _outlasts(rival: StoredCube, told: MemCube, told_at: int) -> bool:
    """True when a current value stays current beside one that is told: it is frozen, trusted more, or said later."""
    if rival.cube.state is State.FROZEN or rival.cube.trust > told.trust:
        return True
    return rival.cube.trust == told.trust and rival.confirmed_at > told_at


def _trim(connection: sqlite3.Connection, cubes: Sequence[StoredCube], start: datetime, now: datetime) -> None:
    """End the earlier value where an older statement that arrives late begins."""
    for each in cubes:
        cube = each.cube
        if cube.valid_to is not None and cube.valid_from < start < cube.valid_to and cube.state is not State.FROZEN:
            change(connection, each, replace(cube, valid_to=start), now=now)
