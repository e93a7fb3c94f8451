"""An earlier state in, the same as new versions out: nothing is destroyed, so the way forward works as well.

Everything here runs inside a transaction that the caller holds. The laws: what is frozen stays as it is, what is
expired stays away, and a state is reached only by transitions of the table in ``memory/lifecycle.py``.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import orjson

from memory.cube import MemCube, State
from memory.history import Restored
from memory.lifecycle import TRANSITIONS, ended
from memory.vault.cubes import StoredCube, change, stored
from memory.vault.rows import cube_from_json, dumps, micros, time_of

_SINCE = "owner = ? AND (updated_at > ? OR recorded_at > ?)"
_UNTOUCHED = "SELECT id FROM cubes WHERE owner = ? AND NOT (updated_at > ? OR recorded_at > ?) ORDER BY seq"
# The newest version that was there then.
_THEN = """
    SELECT seq, data, MAX(version) FROM versions
    WHERE seq IN (SELECT value FROM json_each(?)) AND updated_at <= ? GROUP BY seq
"""
_NUMBERED = "SELECT data FROM versions WHERE seq = ? AND version = ?"
_LASTING = frozenset((State.FROZEN, State.EXPIRED))  # a way does not lead through these


@dataclass(frozen=True, slots=True)
class Version:
    """An earlier version of a memory, as it is kept."""

    cube: MemCube
    confirmed_at: int | None  #: microseconds; None: versions did not yet say so


@dataclass(slots=True)
class Outcome:
    """Collects what became of each memory."""

    restored: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def told(self, change_id: str, *, deleted: int = 0) -> Restored:
        """Return it as a value; without the change's id where nothing was written."""
        return Restored(
            change_id=change_id if self.restored or self.closed else None,
            restored=tuple(self.restored),
            closed=tuple(self.closed),
            unchanged=tuple(self.unchanged),
            frozen=tuple(self.frozen),
            gone=tuple(self.gone),
            deleted=deleted,
        )


def roll_back(connection: sqlite3.Connection, owner: str, to: datetime, now: datetime) -> Outcome:
    """Make what was known at ``to`` the newest version of each of the owner's memories."""
    outcome, then = Outcome(), micros(to)
    outcome.unchanged += [row["id"] for row in connection.execute(_UNTOUCHED, (owner, then, then))]
    since = stored(connection, _SINCE, (owner, then, then))
    versions = versions_at(connection, [each.seq for each in since], to)
    for each in since:
        version = versions.get(each.seq) if each.cube.recorded_at <= to else None
        bring_back(connection, each, version, now, outcome)
    return outcome


def versions_at(connection: sqlite3.Connection, seqs: Sequence[int], at: datetime) -> Mapping[int, Version]:
    """Return, of memories that changed since, the version that was the newest then."""
    rows = connection.execute(_THEN, (dumps(list(seqs)), micros(at)))
    return {row["seq"]: _version(row["data"]) for row in rows}


def stands(connection: sqlite3.Connection, head: StoredCube, version: int) -> bool:
    """Return True while a memory says what that version of it said, though it may have said other things between."""
    if head.cube.version == version:
        return True
    kept = numbered(connection, head.seq, version)
    return kept is not None and _as_it_was(head.cube, kept.cube) == head.cube


def numbered(connection: sqlite3.Connection, seq: int, version: int) -> Version | None:
    """Return an earlier version by its number; None when it is not kept."""
    row = connection.execute(_NUMBERED, (seq, version)).fetchone()
    return None if row is None else _version(row["data"])


def bring_back(
    connection: sqlite3.Connection,
    head: StoredCube,
    version: Version | None,
    now: datetime,
    outcome: Outcome,
    *,
    undoing: bool = False,
) -> StoredCube:
    """Make a version the newest again, with None close the memory, and note what came of it; return the newest.

    ``undoing``: what differs in nothing is a new version all the same, so that the undo stands in the journal; what
    differs in nothing but being frozen is thawed.
    """
    cube = head.cube
    if version is not None and ended(version.cube, now):
        version = None  # as it was then it would end at once, and for good
    new = _closed(cube, now) if version is None else _as_it_was(cube, version.cube)
    if new == cube and not (undoing and cube.state not in _LASTING and not ended(cube, now)):
        outcome.unchanged.append(cube.id)
    elif cube.state is State.FROZEN and not (undoing and replace(new, state=cube.state) == cube):
        outcome.frozen.append(cube.id)
    elif cube.state is State.EXPIRED or ended(cube, now):
        outcome.gone.append(cube.id)
    else:
        (outcome.restored if new.current or not cube.current else outcome.closed).append(cube.id)
        confirmed_at = None if version is None else version.confirmed_at
        return change(connection, head, new, now=now, confirmed_at=confirmed_at)
    return head


def _version(data: str) -> Version:
    fields = orjson.loads(data)
    confirmed_at = micros(time_of(fields, "confirmed_at")) if "confirmed_at" in fields else None
    return Version(cube_from_json(fields), confirmed_at)


def _closed(cube: MemCube, now: datetime) -> MemCube:
    if not cube.current:
        return cube
    return replace(cube, state=_state(cube.state, State.ARCHIVED), superseded_at=now)


def _as_it_was(cube: MemCube, then: MemCube) -> MemCube:
    """Return the content of ``then``. Counts are no part of it, nor is who may see it: that is not undone by the way.

    Equal to ``cube`` when nothing else differs.
    """
    return replace(
        then,
        version=cube.version,
        updated_at=cube.updated_at,
        state=_state(cube.state, then.state),
        scope=cube.scope,
        access_count=cube.access_count,
        useful_count=cube.useful_count,
        last_used_at=cube.last_used_at,
    )


def _state(old: State, wanted: State) -> State:
    """Return the wanted state, or the nearest to it that the table allows."""
    if old is wanted or wanted in _reached_from(old):
        return wanted
    return State.ACTIVATED if State.ACTIVATED in _reached_from(old) else old


def _reached_from(state: State) -> set[State]:
    found, ahead = set[State](), [state]
    while ahead:
        here = ahead.pop()
        if here in _LASTING and here is not state:
            continue
        steps = {to for (start, _), to in TRANSITIONS.items() if start is here} - found
        found |= steps
        ahead += steps
    return found
