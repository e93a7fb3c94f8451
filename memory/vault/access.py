"""Who may read what, as SQL: the conditions that every query of shared memories holds.

Parameters: ``:owner`` the user who asks, ``:organisation`` the id of their organisation's space, ``:task`` the
request's task, ``:now``.
"""

import sqlite3
from collections.abc import Sequence

from memory.spaces import PUBLIC, Partition, organisation_of, partition_name
from memory.turn import Scope
from memory.vault.rows import dumps

#: Condition on a row of ``cubes``: recall looks at it first.
IN_USE = "superseded_at IS NULL AND state NOT IN ('archived', 'expired')"

_BELONGS = f"""
    SELECT space, role FROM members WHERE user = :owner AND joined_at IS NOT NULL
    UNION ALL
    SELECT id, 'reader' FROM spaces WHERE id IN (:organisation, '{PUBLIC}')
"""
_RULES = f"""
    SELECT '{PUBLIC}', 'admin' FROM keys
    WHERE id = :key AND revoked_at IS NULL AND 'admin' IN (SELECT value FROM json_each(keys.scopes))
"""
#: ``WITH`` part: the spaces that the user belongs to, with each role there.
REACH = f"reach (space, role) AS ({_BELONGS})"
#: The same, and what the key gives: one with the scope ``admin`` rules the public space. ``:key`` is its id.
POWERS = f"reach (space, role) AS ({_BELONGS} UNION ALL {_RULES})"
#: Condition on a row of ``grants``: it counts in this request.
IN_FORCE = "(grants.task = '' OR grants.task = :task) AND (grants.expires_at IS NULL OR grants.expires_at > :now)"
#: Condition on a row of ``cubes``: somebody else's, current, and shared with the user.
SHARED_WITH = f"""
    (cubes.superseded_at IS NULL AND EXISTS (
        SELECT 1 FROM grants JOIN reach ON reach.space = grants.space WHERE grants.seq = cubes.seq AND {IN_FORCE}
    ))
"""
#: Condition on a row of ``cubes``: the user's own, or shared with the user.
READABLE = f"(cubes.owner = :owner OR {SHARED_WITH})"


_PARTITIONS = f"""
    WITH {REACH} SELECT DISTINCT spaces.id, spaces.generation FROM reach JOIN spaces ON spaces.id = reach.space
    WHERE EXISTS (SELECT 1 FROM grants WHERE grants.space = spaces.id) ORDER BY spaces.id
"""
_OTHERS = f"WITH {REACH} SELECT count(*) FROM cubes WHERE id IN (SELECT value FROM json_each(:ids)) AND {SHARED_WITH}"


def bound_to(scope: Scope) -> dict[str, object]:
    """Return the parameters that say who asks; ``:now`` is the caller's to add."""
    return {"owner": scope.user, "organisation": organisation_of(scope.user), "task": scope.task}


def partitions_of(connection: sqlite3.Connection, scope: Scope, now: int) -> list[Partition]:
    """Return what is searched beside the user's own memories."""
    rows = connection.execute(_PARTITIONS, {**bound_to(scope), "now": now}).fetchall()
    tasks = ("", scope.task) if scope.task else ("",)
    return [
        Partition(partition_name(row["id"], task), row["id"], task, row["generation"]) for row in rows for task in tasks
    ]


def still_readable(connection: sqlite3.Connection, scope: Scope, cube_ids: Sequence[str], now: int) -> int:
    """Return how many of these cubes are somebody else's and shared with the user."""
    bound = {**bound_to(scope), "now": now, "ids": dumps(list(cube_ids))}
    return int(connection.execute(_OTHERS, bound).fetchone()[0])
