"""What is read in the audit log and what is written there of reading, as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from memory.change import Operation
from memory.cube import Kind
from memory.turn import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Memories that somebody got to read."""

    scope: Scope
    operation: Operation
    at: datetime
    cube_ids: tuple[str, ...] = ()
    note: str = ""  #: short, never a memory's words; it goes into the row's digest only
    everything: bool = False  #: all that the user has, so that no ids need be named


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which lines of the audit log are wanted; what is left out wants all."""

    since: datetime | None = None
    until: datetime | None = None  #: before this time
    operations: Sequence[Operation] = ()
    kind: Kind | None = None  #: lines about memories of this kind
    key_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedChange:
    """The journal's line behind a line of the audit log, as long as what it is about is there."""

    id: str
    turn_id: str | None
    note: str
    cubes: tuple[tuple[str, int, int], ...]  #: (id, version before, version after); 0: it was not there


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of the audit log."""

    seq: int  #: 1, 2, 3: its place in the chain
    at: datetime
    who: str  #: pseudonym of the user whose memory it is about
    key_id: str  #: which key acted; "": the system itself
    operation: str
    kinds: tuple[str, ...]
    cubes: int  #: how many memories it touched or brought in
    change: LoggedChange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """Lines, newest first."""

    lines: list[LogLine]
    has_more: bool


class AuditTrail(Protocol):
    """The audit log, to be asked and to be written to."""

    def own(self, scope: Scope, wanted: LogQuery, *, limit: int, after: int | None = None) -> LogPage:
        """Return the user's own lines, newest first, those before line ``after``, with the changes behind them."""
        ...

    def lines(self, wanted: LogQuery, *, user: str | None = None, limit: int, after: int | None = None) -> LogPage:
        """Return lines of one user, or with None of all, by pseudonyms only."""
        ...

    def record(self, reads: Sequence[Read]) -> None:
        """Append what was read, in one transaction."""
        ...
