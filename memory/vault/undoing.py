"""A change of the journal in, the same taken back out: each of its memories is again as it was before.

Everything here runs inside a transaction that the caller holds. A change is taken back whole or not at all, and only
while nothing has changed its memories since.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from memory.change import DESTROYING, Operation
from memory.cube import MemCube, State
from memory.errors import NotFound, Refused, Stale
from memory.turn import Scope
from memory.vault import timeline
from memory.vault.cubes import StoredCube, stored
from memory.vault.journal import Journal
from memory.vault.restoring import Outcome, Version, bring_back, numbered, stands
from memory.vault.rows import dumps, micros, moment

_NAMED = 5  # conflicts that an error names
#: They say who may read a memory, not what it says: each ends by the other.
_SHARING = (Operation.SHARE, Operation.REVOKE)
#: What the system does by itself, and undoing: an undo that names no change passes over these.
_PASSED_OVER = (Operation.UNDO, Operation.SWEEP, Operation.EXPIRE, *_SHARING)

CHANGE = "SELECT seq, id, at, operation, key_id, turn_id, note, audit_seq FROM changes WHERE user = :user"
_TOUCHED = "SELECT seq, version_before, version_after FROM change_cubes WHERE change_seq = ? ORDER BY seq"
_UNDOINGS = "SELECT id, note FROM changes WHERE user = ? AND operation = ? ORDER BY seq DESC"
_LAST_OF = """
    SELECT changes.id, operation FROM change_cubes JOIN changes ON changes.seq = change_seq
    WHERE change_cubes.seq = ? AND user = ? ORDER BY change_seq DESC LIMIT 1
"""
_MADE_AT = """
    SELECT min(coalesce(versions.updated_at, cubes.updated_at))
    FROM change_cubes AS step JOIN cubes USING (seq)
    LEFT JOIN versions ON versions.seq = step.seq AND versions.version = step.version_after
    WHERE change_seq = ?
"""
_REMOVED_SINCE = """
    SELECT COALESCE(SUM(cubes), 0) FROM audit
    WHERE who = :who AND operation IN (SELECT value FROM json_each(:operations)) AND (at > :at OR seq > :seq)
"""


@dataclass(frozen=True, slots=True)
class _Step:
    """What one change did to one memory that still exists."""

    stored: StoredCube
    before: int
    after: int


class Undoing:
    """Chooses what to take back."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def chosen(self, connection: sqlite3.Connection, scope: Scope, change_id: str | None) -> sqlite3.Row:
        """Return the change that is to be undone; None: the newest.

        Raises: NotFound. Stale: it is undone already, or it, or the newest thing done, removed memories for good.
        """
        undone = standing_undone(connection, scope)
        if change_id is None:
            return self._newest(connection, scope, undone)
        bound = {"user": scope.user, "id": change_id}
        row: sqlite3.Row | None = connection.execute(f"{CHANGE} AND id = :id", bound).fetchone()
        if row is None:
            raise NotFound(f"There is no change {change_id!r}.", param="change")
        if row["operation"] in _SHARING:
            raise Stale(
                "Sharing is not undone but revoked, and revoking by sharing again.", param="change", code="sharing"
            )
        if change_id in undone:
            raise Stale(
                f"The change is undone already, by {undone[change_id]}; undo that one to have it back.",
                param="change",
                code="undone_already",
            )
        if removed := self._removed_in(connection, scope, row):
            before = _before(connection, row)
            raise Stale(
                f"That change removed {removed} memories for good, which cannot be undone, and a change is undone "
                f'whole or not at all. To have what it left as it was, roll back to before it ("to": "{before}").',
                param="change",
                code="removed_for_good",
            )
        return row

    def removed(
        self, connection: sqlite3.Connection, scope: Scope, *, after: datetime | None = None, since_seq: int = 2**62
    ) -> int:
        """Return how many memories were removed for good after a time, or after a line of the audit log."""
        bound = {
            "who": self._journal.who(scope.user),
            "operations": dumps(list(DESTROYING)),
            "at": 2**62 if after is None else micros(after),
            "seq": since_seq,
        }
        return int(connection.execute(_REMOVED_SINCE, bound).fetchone()[0])

    def _newest(self, connection: sqlite3.Connection, scope: Scope, undone: Mapping[str, str]) -> sqlite3.Row:
        sql = f"""
            {CHANGE} AND operation NOT IN (SELECT value FROM json_each(:passed))
            AND id NOT IN (SELECT value FROM json_each(:undone))
            AND EXISTS (SELECT 1 FROM change_cubes WHERE change_seq = changes.seq) ORDER BY seq DESC
        """
        bound = {"user": scope.user, "passed": dumps(list(_PASSED_OVER)), "undone": dumps(list(undone))}
        rows: Iterator[sqlite3.Row] = iter(connection.execute(sql, bound))
        newest = next(rows, None)
        if newest is None:
            raise NotFound("There is no change to undo.", code="nothing_to_undo")
        if not (removed := self.removed(connection, scope, since_seq=newest["audit_seq"])):
            return newest
        lasting = (row for row in chain((newest,), rows) if not self._removed_in(connection, scope, row))
        before = next(lasting, None)
        named = f" To undo what was done before, name it: {before['id']} ({before['operation']})." if before else ""
        raise Stale(
            f"The newest that was done removed {removed} memories for good, which cannot be undone.{named}",
            code="removed_for_good",
        )

    def _removed_in(self, connection: sqlite3.Connection, scope: Scope, row: sqlite3.Row) -> int:
        """Return how many memories a change that stands in the journal removed for good beside."""
        return self._journal.removed_by(connection, scope.user, row["id"], row["audit_seq"])


def take_back(connection: sqlite3.Connection, scope: Scope, row: sqlite3.Row, now: datetime) -> Outcome:
    """Take a change back and return what became of its memories.

    Raises: Stale: a memory was changed since, or none is left. Refused: one is frozen.
    """
    steps = _steps(connection, scope, row)
    _check_last(connection, scope, row, steps)
    outcome = Outcome()
    newest: list[StoredCube] = []
    for step in steps:
        version: Version | None = None
        if step.before:
            version = numbered(connection, step.stored.seq, step.before)
            if version is None:
                outcome.gone.append(step.stored.cube.id)
                continue
        newest.append(bring_back(connection, step.stored, version, now, outcome, undoing=True))
    if outcome.frozen:
        why = f"{_listed(outcome.frozen)} frozen since; a frozen memory cannot be changed: thaw it first."
        raise Refused(why, param="change", code="frozen")
    _check_values(connection, newest)
    if not (outcome.restored or outcome.closed):
        raise Stale(
            "The memories of that change have expired since; there is nothing to undo.", param="change", code="expired"
        )
    if row["operation"] == Operation.REMEMBER:  # what the extractor is still to find in the turn would come back
        connection.execute("DELETE FROM extractions WHERE user = ? AND turn_id = ?", (scope.user, row["turn_id"]))
    return outcome


def standing_undone(connection: sqlite3.Connection, scope: Scope) -> dict[str, str]:
    """Return the changes that stand undone, each with the undo: newest first, so an undo that is undone counts not."""
    undone: dict[str, str] = {}
    for row in connection.execute(_UNDOINGS, (scope.user, Operation.UNDO)):
        if row["id"] not in undone:
            undone[row["note"]] = row["id"]
    return undone


def _steps(connection: sqlite3.Connection, scope: Scope, row: sqlite3.Row) -> list[_Step]:
    touched = {each["seq"]: each for each in connection.execute(_TOUCHED, (row["seq"],))}
    where = "+owner = ? AND seq IN (SELECT value FROM json_each(?))"
    cubes = stored(connection, where, (scope.user, dumps(list(touched))))
    if not cubes:
        raise Stale(
            "The memories of that change were removed for good since; there is nothing to undo.",
            param="change",
            code="removed_for_good",
        )
    steps = [(each, touched[each.seq]) for each in cubes]
    return [_Step(each, step["version_before"], step["version_after"]) for each, step in steps]


def _check_last(connection: sqlite3.Connection, scope: Scope, row: sqlite3.Row, steps: Sequence[_Step]) -> None:
    """Raises: Stale: a memory says something else than the change made it say."""
    moved = [step.stored for step in steps if not stands(connection, step.stored, step.after)]
    if not moved:
        return
    found = [connection.execute(_LAST_OF, (each.seq, scope.user)).fetchone() for each in moved]
    later = list(dict.fromkeys(f"{each['id']} ({each['operation']})" for each in found if each is not None))
    before = _before(connection, row)
    raise Stale(
        f"{_listed([each.cube.id for each in moved])} changed since, by {', '.join(later[:_NAMED]) or 'others'}: "
        f'undo that first, or roll back to before this change ("to": "{before}").',
        param="change",
        code="changed_since",
    )


def _before(connection: sqlite3.Connection, row: sqlite3.Row) -> str:
    """Return the last time at which nothing of a change was made, as a rollback takes it."""
    made_at = connection.execute(_MADE_AT, (row["seq"],)).fetchone()[0]
    return moment((row["at"] if made_at is None else made_at) - 1).isoformat()


def _check_values(connection: sqlite3.Connection, newest: Sequence[StoredCube]) -> None:
    """Raises: Stale: a fact that holds one value at a time would hold two."""
    for each in newest:
        if not each.cube.current or not _single(each.cube):
            continue
        fact = each.cube.fact
        others = timeline.of_key(connection, each.cube.owner, fact) if fact is not None else []
        rivals = [one.cube.id for one in others if one.seq != each.seq and one.cube.current and _single(one.cube)]
        if rivals and each.cube.state is not State.FROZEN:
            raise Stale(
                f"{_listed(rivals)} told since, and took the place of {each.cube.id}: undo that first.",
                param="change",
                code="changed_since",
            )


def _single(cube: MemCube) -> bool:
    return timeline.competes(cube) and cube.fact is not None and cube.fact.single


def _listed(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    verb = "was" if len(ids) == 1 else "were"
    return f"{', '.join(ids[:_NAMED])}{more} {verb}"
