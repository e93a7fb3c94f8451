"""Where a memory comes from, as a value (the papers' Provenance API)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from memory.cube import MemCube
from memory.turn import Message, Scope


def provenance_id(cube_id: str) -> str:
    """Return the id under which a memory's provenance is known: the same for all its versions, in every vault."""
    return f"prov_{hashlib.sha256(f'provenance of {cube_id}'.encode()).hexdigest()[:24]}"


class Origins(Protocol):
    """Who knows where memories come from."""

    def of(self, scope: Scope, cube_id: str) -> "Provenance":
        """Raises: NotFound: this user has no such memory."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBy:
    """The change that made a version."""

    id: str
    at: datetime
    operation: str
    key_id: str  #: which key acted; "": the system itself
    turn_id: str | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a memory, and the change that made it as long as the journal knows it."""

    cube: MemCube
    made_by: MadeBy | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A turn that a memory rests on, as the ledger still has it."""

    turn_id: str
    conversation_id: str
    request_id: str  #: "" for turns that came by the API
    occurred_at: datetime
    messages: Sequence[Message]
    in_context: Sequence[str]  #: ids of the memories that were brought in before the model answered
    model: str | None  #: the model that was asked; None: no receipt tells (any more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """All that is known about where a memory comes from, and what came of it."""

    cube: MemCube
    versions: Sequence[Version]  #: oldest first, the last is the current one
    grounds: Sequence[Ground]  #: oldest first
    missing_turns: Sequence[str]  #: turns that it rests on and the ledger does not have any more
    derivations: Sequence[str]  #: ids of the memories that are derived from it
    superseded_by: Sequence[str]  #: ids of the memories that took its place
