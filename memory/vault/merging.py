"""Memories that say the same in, one of them out that has taken in the others: nothing is lost by it.

Law: what a merge takes out of use stays in history as it was said, marked with the memory that took it in, and the
merge is one change in the journal: undone, both are as they were. Only memories that are still what was compared are
merged; frozen ones never are. The result is the same in whatever order they come, up to which of them survives.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from memory.change import Change, Operation
from memory.cube import MemCube, SemanticType, State
from memory.lifecycle import Event, after
from memory.ports import Unorganised, Written
from memory.spaces import PRIVATE
from memory.turn import Scope
from memory.vault import timeline
from memory.vault.cubes import StoredCube, by_ids, change, stored
from memory.vault.reading import VaultBase
from memory.vault.rows import dumps

#: What is kept verbatim is raw material and stands in the order of its conversation: it is never merged.
MERGEABLE = frozenset(set(SemanticType) - {SemanticType.TURN})

# One look at the primary key from where the last one ended.
_NEXT = """
    seq > ? AND superseded_at IS NULL AND kind = 'plaintext' AND state IN ('generated', 'activated', 'merged')
    AND semantic_type IN (SELECT value FROM json_each(?)) AND (expires_at IS NULL OR expires_at > ?)
"""
_TAKEN_IN = """
    seq IN (
        SELECT from_seq FROM relations WHERE type = 'duplicate_of' AND to_seq IN (SELECT value FROM json_each(?))
    )
"""
_TYPES = dumps(sorted(MERGEABLE))


class CubeMerging(VaultBase):
    """Finds what is new, and merges what somebody found to say the same."""

    def unorganised(self, *, limit: int) -> Unorganised:
        """Return the next cubes that no look for duplicates has reached; none at the end."""
        with self._connections.snapshot() as connection:
            start = connection.execute("SELECT through_seq FROM organised").fetchone()[0]
            last = connection.execute("SELECT max(seq) FROM cubes").fetchone()[0] or 0
            if last <= start:
                return Unorganised([], start)
            found = stored(connection, _NEXT, (start, _TYPES, self._now()), limit=limit)
        through = found[-1].seq if len(found) == limit else last
        return Unorganised([each.cube for each in found], through)

    def organised(self, through: int) -> None:
        """Let the next look begin behind this place."""
        with self._connections.write() as connection:
            connection.execute("UPDATE organised SET through_seq = max(through_seq, ?)", (through,))

    def merge(self, scope: Scope, cubes: Sequence[MemCube], *, note: str = "") -> Written:
        """Let one of these memories, as they were compared, take in the others; fewer than two that are left: nothing.

        The survivor is the one that is trusted most, of these the one that was stated last. It is ``confirmed``, the
        others are ``superseded``.
        """
        now = self._clock()
        compared = {cube.id: cube for cube in cubes}
        with self._connections.write(Change.by(scope, Operation.MERGE, note=note)) as connection:
            found = by_ids(connection, scope.user, list(compared))
            left = [each for each in found if mergeable(each.cube) and _same(each.cube, compared[each.cube.id])]
            if len(left) < 2 or len({(each.cube.kind, each.cube.semantic_type) for each in left}) > 1:
                return Written()
            *others, survivor = sorted(left, key=lambda each: (each.cube.trust, each.confirmed_at, each.seq))
            merged = _merge(connection, survivor, others, now)
        return Written(confirmed=(merged.cube,), superseded=tuple(each.cube.id for each in others))


def _merge(
    connection: sqlite3.Connection, survivor: StoredCube, others: Sequence[StoredCube], now: datetime
) -> StoredCube:
    for each in others:
        archived = replace(
            each.cube,
            state=after(each.cube.state, Event.ARCHIVE),
            superseded_at=now,
            duplicate_of=survivor.cube.id,
        )
        change(connection, each, archived, now=now)
    peers = [each for each in others if each.cube.trust is survivor.cube.trust]
    confirmed_at = max(each.confirmed_at for each in (survivor, *peers))
    whole = taken_in(survivor.cube, [each.cube for each in sorted(others, key=lambda each: each.seq)])
    return change(connection, survivor, whole, now=now, confirmed_at=confirmed_at)


def mergeable(cube: MemCube) -> bool:
    """True for a private memory in use that is not kept verbatim: what is shared is others' to read as it is."""
    frozen = cube.state is State.FROZEN
    return cube.in_use and not frozen and cube.semantic_type in MERGEABLE and cube.scope == PRIVATE


def release(connection: sqlite3.Connection, seqs: Sequence[int], now: datetime) -> None:
    """Bring back what was merged into memories that are about to be replaced, as it was before the merge."""
    for each in stored(connection, _TAKEN_IN, (dumps(list(seqs)),)):
        if each.cube.state is State.ARCHIVED and not _replaced(connection, each.cube):
            state = after(each.cube.state, Event.ACTIVATE)
            change(connection, each, replace(each.cube, state=state, superseded_at=None, duplicate_of=""), now=now)


def taken_in(survivor: MemCube, others: Sequence[MemCube]) -> MemCube:
    """Return the survivor with all that the others know of sources, labels, use and standing; its text stays."""
    every = (*others, survivor)
    ids = {cube.id for cube in every}
    conversations = [cube.source.message_ids for cube in every]
    peers = [cube for cube in every if cube.trust is survivor.trust]  # whoever is trusted less moves no dates
    last_used = [cube.last_used_at for cube in every if cube.last_used_at is not None]
    return replace(
        survivor,
        state=after(survivor.state, Event.MERGE),
        source=replace(survivor.source, message_ids=_union(conversations)),
        tags=_union([cube.tags for cube in every]),
        entities=_union([cube.entities for cube in every]),
        sensitivity=_union([cube.sensitivity for cube in every]),
        supersedes=_without(_union([cube.supersedes for cube in every]), ids),
        derived_from=_without(_union([cube.derived_from for cube in every]), ids),
        pinned=any(cube.pinned for cube in every),
        decays=all(cube.decays for cube in every),
        ttl_s=_longest(survivor, others),
        priority=max(cube.priority for cube in every),
        access_count=sum(cube.access_count for cube in every),
        useful_count=sum(cube.useful_count for cube in every),
        last_used_at=max(last_used, default=None),
        valid_from=min(cube.valid_from for cube in peers),
        valid_to=_latest([cube.valid_to for cube in peers]),
    )


def _replaced(connection: sqlite3.Connection, cube: MemCube) -> bool:
    """True when another value of the memory's fact is current now."""
    if cube.fact is None or not cube.fact.single:
        return False
    return any(other.cube.current for other in timeline.of_key(connection, cube.owner, cube.fact))


def _same(now: MemCube, then: MemCube) -> bool:
    """True while a memory still says what was compared; that it was used or labelled meanwhile changes nothing."""
    return (now.text, now.fact, now.valid_from) == (then.text, then.fact, then.valid_from)


def _longest(survivor: MemCube, others: Sequence[MemCube]) -> float | None:
    """Return the time to live, from when the survivor was recorded, that ends when the last of all ends."""
    left: list[float] = []
    for cube in (survivor, *others):
        if cube.ttl_s is None:
            return None
        left.append(cube.ttl_s + (cube.recorded_at - survivor.recorded_at).total_seconds())
    return max(left)


def _latest(ends: Sequence[datetime | None]) -> datetime | None:
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def _union(lists: Sequence[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for items in lists for item in items))


def _without(items: Sequence[str], ids: set[str]) -> tuple[str, ...]:
    return tuple(item for item in items if item not in ids)
