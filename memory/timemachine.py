"""A time or a snapshot's name in, the user's memory as it was then out: read, compared, or made the present again.

The Time Machine of the papers (arXiv 2507.03724, "MemVault", version rollback). Law: what recall as of a time gives is
what recall gives after a rollback to it, up to what has expired or was removed for good since. What is computed of
memories, the vector index and what engines keep, goes the same way before the answer.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from memory.cube import MemCube
from memory.embeddings import embedding_text
from memory.errors import Invalid, NotFound, Unavailable
from memory.history import Difference, History, KeptTurn, Restored, Snapshot
from memory.pipeline import Pipeline, Stations
from memory.turn import Controls, Injection, Mode, Scope, Station

logger = logging.getLogger(__name__)

_BATCH = 128
_DATED = re.compile(r"\d{4}-?\d\d?-?\d\d?(?!\d)")
#: "+" that stands bare in a query string arrives as a space
_LOST_PLUS = re.compile(r"(T[\d:.,]+) (\d\d:?\d\d)$")
_YEARS = (1000, 9000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What memory brought into a request then, and what it would bring in now."""

    then: Injection
    now: Injection
    stations: tuple[Station, ...]


class TimeMachine:
    """Goes through the versions of a user's memory."""

    def __init__(self, pipeline: Pipeline, stations: Stations, history: History) -> None:
        self._pipeline = pipeline
        self._at = stations
        self.history = history

    def moment(self, scope: Scope, when: str) -> datetime:
        """Return the time that is meant: ISO 8601 with a zone, or the name of a snapshot.

        Raises: Invalid: it is no such time, or lies ahead. NotFound: there is no snapshot of that name.
        """
        if not is_dated(when):
            found = self.history.snapshots(scope, name=when)
            if not found:
                raise NotFound(
                    f"There is no snapshot {when[:80]!r}; times are ISO 8601 with a zone, such as "
                    "2026-03-14T09:00:00Z.",
                    code="snapshot_not_found",
                )
            return found[0].at
        at = _parsed(when)
        if at > self._at.clock():
            raise Invalid(f"The time {when} lies ahead; memory can only be taken back.", code="future_time")
        return at

    def rollback(self, scope: Scope, to: str) -> tuple[datetime, Restored]:
        """Make what was known at a time the present again, in one change; return the time and what changed.

        Raises: Invalid, NotFound: as for ``moment``.
        """
        at = self.moment(scope, to)
        return at, self._following(scope, lambda: self.history.rollback(scope, at))

    def undo(self, scope: Scope, change_id: str | None) -> Restored:
        """Take one change back; None: the newest one that stands.

        Raises: NotFound. Stale: a memory of it was changed since. Refused: one is frozen.
        """
        return self._following(scope, lambda: self.history.undo(scope, change_id))

    def keep_snapshot(self, scope: Scope, name: str, at: str | None = None) -> Snapshot:
        """Name a time; None: now.

        Raises: Invalid: the name reads as a time, or the time is none. Stale: the name is taken.
        """
        if is_dated(name):
            raise Invalid("A snapshot's name must not begin with a date, or it would be taken for one.", param="name")
        return self.history.keep_snapshot(scope, name, None if at is None else self.moment(scope, at))

    def difference(self, scope: Scope, start: str, end: str | None) -> Difference:
        """Return what one has to do with the memory of ``start`` to get that of ``end``; None: now.

        Each list in the order in which things began to hold. Raises: Invalid, NotFound: as for ``moment``.
        """
        first = self.moment(scope, start)
        last = self._at.clock() if end is None else self.moment(scope, end)
        before = {cube.id: cube for cube in self._at.vault.known_at(scope, first)}
        after = {cube.id: cube for cube in self._at.vault.known_at(scope, last)}
        return Difference(
            start=first,
            end=last,
            added=[cube for cube in after.values() if cube.id not in before],
            removed=[cube for cube in before.values() if cube.id not in after],
            changed=[
                (before[cube.id], cube)
                for cube in after.values()
                if cube.id in before and not same_content(before[cube.id], cube)
            ],
        )

    def replay(self, scope: Scope, turn_id: str, controls: Controls) -> Replay:
        """Return what memory would bring in if the turn's words were said now; no model is called, nothing is kept.

        The messages before it are those that the ledger still holds. Raises: NotFound: its words are no longer kept.
        """
        kept = self.history.turn(scope, turn_id)
        wishes = replace(controls, mode=Mode.READ_ONLY, conversation_id=kept.exchange.conversation_id)
        prepared = self._pipeline.before(_messages_of(kept), scope, wishes)
        return Replay(then=Injection.from_ledger(kept.injected), now=prepared.injection, stations=tuple(prepared.trace))

    def _following(self, scope: Scope, change: Callable[[], Restored]) -> Restored:
        """Make a change, and let all that is computed of memories follow it."""
        with self._at.embeddings.writing(scope):
            restored = change()
            if restored.change_id is None:
                return restored
            self._embed(scope)
            self._at.embeddings.drop(scope)
        if self._at.derivations is not None:
            self._at.derivations.removed(scope)
        return restored

    def _embed(self, scope: Scope) -> None:
        """Embed what came back with another text, so that it is found by its meaning at once."""
        model_id = self._at.embeddings.model_id
        try:
            while model_id and (missing := self.history.missing_vectors(scope, model_id, limit=_BATCH)):
                vectors = self._at.embeddings.embed([embedding_text(text) for _, text in missing])
                if vectors is None:
                    return
                self._at.vault.store_vectors(model_id, [cube_id for cube_id, _ in missing], vectors)
        except Unavailable:  # the change stands; by their words they are found
            logger.exception("memories that came back are found by their words only, until they are embedded")


def is_dated(text: str) -> bool:
    """Return True when the text is meant as a time rather than as a snapshot's name."""
    return _DATED.match(text) is not None


def same_content(one: MemCube, other: MemCube) -> bool:
    """Return True when two versions say the same; when they were made and how often they were used does not count."""
    return one == replace(
        other,
        version=one.version,
        updated_at=one.updated_at,
        access_count=one.access_count,
        useful_count=one.useful_count,
        last_used_at=one.last_used_at,
    )


def _parsed(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text.strip()))
    except ValueError:
        raise Invalid(
            f"{text[:80]!r} is no time; send ISO 8601 with a zone, such as 2026-03-14T09:00:00Z.", code="invalid_time"
        ) from None
    if time.tzinfo is None:
        raise Invalid(f"The time {text} has no zone; add one, such as {time.isoformat()}Z.", code="invalid_time")
    if not _YEARS[0] <= time.year <= _YEARS[1]:
        raise Invalid(f"The year must be from {_YEARS[0]} to {_YEARS[1]}.", code="invalid_time")
    return time.astimezone(UTC)


def _messages_of(kept: KeptTurn) -> list[dict[str, Any]]:
    """The turn's messages as a request: what was said before it, and the user's words without the answer."""
    said = list(kept.exchange.messages)
    while said and said[-1].role != "user":
        said.pop()
    if not said:
        raise NotFound("The words of that request are no longer kept.", code="turn_not_kept")
    return [{"role": each.role, "content": each.text} for each in (*kept.exchange.context, *said)]
