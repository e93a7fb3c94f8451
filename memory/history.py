"""What the journal of a user's memory tells, as values, and the contract of who keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from memory.change import Operation
from memory.cube import MemCube
from memory.turn import Exchange, Scope


@dataclass(frozen=True, slots=True)
class VersionStep:
    """One memory in one change."""

    cube_id: str
    before: int  #: its version before; 0: it was not there
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRecord:
    """One line of the journal, as far as its memories still exist."""

    id: str
    at: datetime
    operation: Operation
    key_id: str
    turn_id: str | None
    note: str
    steps: tuple[VersionStep, ...]  #: the first of them, where there are very many
    size: int  #: how many memories it touched that still exist
    undone_by: str | None = None  #: the change that undid it, while that one stands


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePage:
    """One page of the journal, newest first."""

    changes: list[ChangeRecord]
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a rollback or an undo did; every field of ids is in order of arrival."""

    change_id: str | None = None  #: None: nothing needed to change
    restored: tuple[str, ...] = ()  #: an earlier version is the newest again
    closed: tuple[str, ...] = ()  #: not known then: out of recall, in history
    unchanged: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()  #: other than they were then, and left so
    gone: tuple[str, ...] = ()  #: expired, or without the version that it would take
    deleted: int = 0  #: memories that were removed for good since then; they do not come back


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A name for a moment."""

    name: str
    at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What was known at one time and not, or otherwise, at another."""

    start: datetime
    end: datetime
    added: list[MemCube]
    removed: list[MemCube]
    changed: list[tuple[MemCube, MemCube]]  #: before and after


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTurn:
    """A turn that the ledger still holds, with what was brought into it."""

    exchange: Exchange
    injected: Mapping[str, Any] = field(default_factory=dict)  #: as ``Injection.for_ledger`` gave it


class History(Protocol):
    """The journal of each user's memory, and the ways back. A way back is a change as well."""

    def rollback(self, scope: Scope, to: datetime) -> Restored:
        """Make what was known at ``to`` the newest version of each memory, in one change; nothing is destroyed."""
        ...

    def undo(self, scope: Scope, change_id: str | None) -> Restored:
        """Take one change back whole; None: the newest. An undo that is undone is a redo.

        Raises: NotFound. Stale: one of its memories was changed since. Refused: one is frozen.
        """
        ...

    def changes(
        self,
        scope: Scope,
        *,
        limit: int = 20,
        after: str | None = None,
        operations: Sequence[Operation] = (),
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> ChangePage:
        """Newest first."""
        ...

    def keep_snapshot(self, scope: Scope, name: str, at: datetime | None = None) -> Snapshot:
        """Name a moment; None: now. Raises: Stale: the name is taken."""
        ...

    def snapshots(self, scope: Scope, *, name: str | None = None) -> list[Snapshot]: ...

    def drop_snapshot(self, scope: Scope, name: str) -> None:
        """Raises: NotFound."""
        ...

    def turn(self, scope: Scope, turn_id: str) -> KeptTurn:
        """Raises: NotFound: nothing of its words is kept (any more)."""
        ...

    def missing_vectors(self, scope: Scope, model_id: str, *, limit: int) -> list[tuple[str, str]]:
        """(cube id, text) of the user's current cubes that lack an embedding by this model."""
        ...
