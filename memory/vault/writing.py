"""Admitted drafts and changes in, cubes out; each call is one transaction."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from memory.change import Change, Operation
from memory.cube import EXTRACTED, MemCube, State
from memory.errors import Invalid, NotFound, Stale
from memory.lifecycle import Event, after, check_change, ended, thaws
from memory.ports import Matrix, Vector, Written
from memory.turn import Admitted, Draft, Exchange, Retract, Scope, TurnState
from memory.vault import extractions, merging, relations, timeline
from memory.vault.cubes import StoredCube, by_ids, insert, put_vector, remove, stored
from memory.vault.reading import VaultBase
from memory.vault.rows import micros
from memory.vault.same_value import same_value


@dataclass(frozen=True, slots=True)
class _Batch:
    admitted: Sequence[Admitted]
    vectors: Matrix | None
    model_id: str
    turn_id: str | None
    replaces: "Callable[[MemCube | Draft], bool]" = lambda _: True  #: which part of what the turn gave


class CubeWriting(VaultBase):
    """All writes of the vault that add or change."""

    def put(
        self,
        admitted: Sequence[Admitted],
        vectors: Matrix | None,
        model_id: str,
        *,
        turn_id: str | None = None,
        extract: bool = False,
    ) -> Written:
        """Store new cubes, superseding older values of single-valued facts; with ``turn_id`` the turn is then done.

        A turn whose texts a forget changed since it was claimed is queued again and nothing is written. Cubes that an
        earlier run wrote for the turn stay when they are drafted again, and are removed when they are not. With
        ``extract`` the turn then waits for the extractor, and what that found earlier stays until it has read again.

        Raises: NotFound: there is no such turn (any more). Invalid: vectors and drafts do not match.
        """
        _check(admitted, vectors)
        with self._connections.write(_remembering(admitted, turn_id)) as connection:
            if turn_id is None:
                return self._store(connection, _Batch(admitted, vectors, model_id, None), [])
            if not _finish(connection, turn_id, admitted):
                return Written()
            if not extract:
                return self._rewrite(connection, _Batch(admitted, vectors, model_id, turn_id), turn_id)
            extractions.add(connection, turn_id, self._now())
            return self._rewrite(connection, _Batch(admitted, vectors, model_id, turn_id, _by_rules), turn_id)

    def put_extracted(
        self, admitted: Sequence[Admitted], vectors: Matrix | None, model_id: str, *, read: Exchange
    ) -> Written:
        """Store the extracted facts of a turn in the place of earlier ones, and end its wait for the extractor.

        Of the other drafts nothing is stored: they say what the facts are derived from. When the turn was erased,
        nothing is written; when its words or those before it changed since they were ``read``, it waits again.

        Raises: Invalid: vectors and drafts do not match.
        """
        _check(admitted, vectors)
        change = Change.by(read.scope, Operation.REMEMBER, turn_id=read.turn_id, note="extracted")
        with self._connections.write(change) as connection:
            if not extractions.finish(connection, read):
                return Written()
            return self._rewrite(
                connection, _Batch(admitted, vectors, model_id, read.turn_id, _extracted), read.turn_id
            )

    def update(
        self, scope: Scope, cube: MemCube, *, expected_version: int | None, vector: Vector | None, model_id: str
    ) -> MemCube:
        """Store a new version of a cube. Owner, record time and use counts stay as they are.

        One that now states another value of a single-valued fact supersedes the current one of that fact.
        Raises: NotFound. Stale: ``expected_version`` is not the newest. Refused: frozen, or no such change of state.
        """
        now = self._clock()
        with self._connections.write(Change.by(scope, Operation.REVISE)) as connection:
            found = by_ids(connection, scope.user, [cube.id])
            if not found:
                raise NotFound(f"There is no memory {cube.id!r}.")
            old = found[0].cube
            if expected_version is not None and expected_version != old.version:
                raise Stale(
                    f"The memory is at version {old.version}, not {expected_version}: read it again.", param="version"
                )
            if not thaws(old, cube):
                check_change(old.state, cube.state)
            new = replace(
                cube,
                owner=old.owner,
                recorded_at=old.recorded_at,
                access_count=old.access_count,
                last_used_at=old.last_used_at,
                useful_count=old.useful_count,
            )
            changed = timeline.revise(connection, found[0], new, now)
            if vector is not None:
                put_vector(connection, changed.seq, model_id, vector)
            return changed.cube

    def retract(self, scope: Scope, retracts: Sequence[Retract]) -> Written:
        """Close facts that no longer hold; later statements stay, and without a value those of that time too.

        Without a value, where values add up: only one that stands alone, for "I sold my cat" does not say which.
        """
        now = self._clock()
        closed: list[str] = []
        with self._connections.write(Change.by(scope, Operation.RETRACT)) as connection:
            extractions.withhold(
                connection, scope.user, [(each.fact.subject, each.fact.attribute) for each in retracts]
            )
            for each in retracts:
                value, at = each.fact.value.strip(), micros(each.at)
                for known in _meant(timeline.of_key(connection, scope.user, each.fact), value):
                    if known.cube.state is not State.FROZEN and known.confirmed_at < at + bool(value):
                        timeline.supersede(connection, known, at=each.at, now=now)
                        closed.append(known.cube.id)
        return Written(superseded=tuple(closed))

    def used(self, scope: Scope, cube_ids: Sequence[str]) -> None:
        """Count that these were brought in, each as often as it stands there; no new version."""
        if not cube_ids:
            return
        sql = """
            UPDATE cubes SET access_count = access_count + ?, last_used_at = ? WHERE +owner = ? AND id = ?
        """
        with self._connections.write() as connection:
            now = self._now()
            connection.executemany(sql, [(count, now, scope.user, cube) for cube, count in Counter(cube_ids).items()])

    def store_vectors(self, model_id: str, cube_ids: Sequence[str], vectors: Matrix) -> None:
        """Store embeddings by cube id; cubes that are gone are skipped."""
        with self._connections.write() as connection:
            for cube_id, vector in zip(cube_ids, vectors, strict=True):
                row = connection.execute("SELECT seq FROM cubes WHERE id = ?", (cube_id,)).fetchone()
                if row is not None:
                    put_vector(connection, row["seq"], model_id, vector)

    def _rewrite(self, connection: sqlite3.Connection, batch: _Batch, turn_id: str) -> Written:
        """Store what a turn gave, in the place of what an earlier run wrote for it."""
        prior = stored(connection, "turn_id = ?", (turn_id,))
        drafted = {_content(each.draft) for each in batch.admitted}
        kept = [each for each in prior if _content(each.cube) in drafted]
        gone = [each for each in prior if _content(each.cube) not in drafted and batch.replaces(each.cube)]
        if gone:  # a turn in which nothing is found any more names no user itself
            with self._connections.write(
                Change(user=gone[0].cube.owner, operation=Operation.REMEMBER, turn_id=turn_id)
            ):
                merging.release(connection, [each.seq for each in gone], self._clock())
                remove(connection, gone)
                for each in gone:
                    timeline.reinstate(connection, each.cube.owner, each.cube.supersedes, self._clock())
        written = self._store(connection, batch, kept)
        relations.order(connection, turn_id)
        return replace(written, removed=tuple(each.cube.id for each in gone))

    def _store(self, connection: sqlite3.Connection, batch: _Batch, kept: Sequence[StoredCube]) -> Written:
        now = self._clock()
        at_hand = {_content(each.cube): each for each in kept}
        ids: list[str] = []
        created: list[MemCube] = []
        confirmed: list[MemCube] = []
        superseded: list[str] = []
        for position, admitted in enumerate(batch.admitted):
            known = at_hand.get(_content(admitted.draft))
            if known is None and not batch.replaces(admitted.draft):
                ids.append("")
                continue
            if known is None:
                cube = self._new_cube(admitted, ids, now, batch.turn_id)
                known, closed = _store_one(connection, cube, admitted.draft.stated_at or cube.valid_from, now)
                superseded += closed
                (created if known.cube.id == cube.id else confirmed).append(known.cube)
            ids.append(known.cube.id)
            if batch.vectors is not None:
                put_vector(connection, known.seq, batch.model_id, batch.vectors[position])
        gone = tuple(dict.fromkeys(superseded))
        return Written(created=tuple(created), confirmed=tuple(confirmed), superseded=gone)

    def _new_cube(self, admitted: Admitted, ids: Sequence[str], now: datetime, turn_id: str | None) -> MemCube:
        draft = admitted.draft
        return MemCube(
            id=f"mem_{self._new_id()}",
            version=1,
            owner=admitted.scope.user,
            text=draft.text,
            kind=draft.kind,
            semantic_type=draft.semantic_type,
            origin=draft.origin,
            source=draft.source if turn_id is None else replace(draft.source, turn_id=turn_id),
            tags=draft.tags,
            entities=draft.entities,
            fact=draft.fact,
            state=after(State.GENERATED, Event.ACTIVATE),
            pinned=draft.pinned,
            ttl_s=draft.ttl_s,
            decays=draft.semantic_type in self._decaying if draft.decays is None else draft.decays,
            priority=draft.priority,
            trust=draft.trust,
            sensitivity=admitted.sensitivity,
            derived_from=tuple(ids[place] for place in draft.derived_from if place < len(ids) and ids[place]),
            valid_from=draft.valid_from,
            valid_to=draft.valid_to,
            recorded_at=now,
            updated_at=now,
        )


def _store_one(
    connection: sqlite3.Connection, cube: MemCube, stated_at: datetime, now: datetime
) -> tuple[StoredCube, list[str]]:
    """Store a cube, or let the current one that states the same fact take it in; return it and what it superseded."""
    if cube.fact is None or not timeline.competes(cube):
        return insert(connection, cube), []
    cubes = [each for each in timeline.of_key(connection, cube.owner, cube.fact) if not ended(each.cube, now)]
    equal = timeline.equal_fact(cubes, cube.fact, cube.trust)
    if equal is not None:
        return timeline.confirm(connection, equal, cube, stated_at, now), []
    if cube.fact.single:
        return timeline.place(connection, cubes, cube, stated_at, now)
    return timeline.restate(connection, cubes, cube, now)


def _remembering(admitted: Sequence[Admitted], turn_id: str | None) -> Change | None:
    """Return the change; None where nothing new is told."""
    if not admitted:
        return None
    return Change.by(admitted[0].scope, Operation.REMEMBER, turn_id=turn_id)


def _check(admitted: Sequence[Admitted], vectors: Matrix | None) -> None:
    if vectors is not None and len(vectors) != len(admitted):
        raise Invalid(f"{len(admitted)} drafts came with {len(vectors)} vectors.")


def _extracted(item: MemCube | Draft) -> bool:
    return EXTRACTED in item.tags


def _by_rules(item: MemCube | Draft) -> bool:
    return not _extracted(item)


def _content(item: MemCube | Draft) -> tuple[object, ...]:
    """Return what makes a cube of a turn the same cube when the turn is read again."""
    return (item.semantic_type, item.text, item.fact, item.source.role)


def _finish(connection: sqlite3.Connection, turn_id: str, admitted: Sequence[Admitted]) -> bool:
    """Mark the turn as read; False when its texts changed since it was claimed: then it is queued again."""
    row = connection.execute("SELECT user, changed, messages FROM turns WHERE id = ?", (turn_id,)).fetchone()
    if row is None:
        raise NotFound(f"There is no turn {turn_id!r} (any more).")
    if any(each.scope.user != row["user"] for each in admitted):
        raise Invalid(f"The turn {turn_id!r} belongs to another user.")
    state = TurnState.STORED if admitted else TurnState.EMPTY
    if row["changed"]:
        state = TurnState.QUEUED if row["messages"] != "[]" else TurnState.EMPTY
    sql = "UPDATE turns SET state = ?, leased_until = NULL, changed = 0, error = '' WHERE id = ?"
    connection.execute(sql, (state, turn_id))
    return not row["changed"]


def _meant(known: Sequence[StoredCube], value: str) -> list[StoredCube]:
    """Return the current facts that hold the value; without one all, or of several that add up none."""
    stated = [(each, each.cube.fact) for each in known if each.cube.current and each.cube.fact is not None]
    if value:
        return [each for each, fact in stated if same_value(fact.value, value)]
    several = len({fact.value.casefold() for _, fact in stated if not fact.single}) > 1
    return [each for each, fact in stated if fact.single or not several]
