"""The JSON of the Time Machine's calls, as models: ways back, the journal, differences, snapshots and replays."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from memory.change import Operation
from memory.history import ChangeRecord, Difference, Restored, Snapshot
from memory.turn import Injection
from proxy.memory_wire import Cube, Name, Request

MAX_IDS = 1000  #: of each outcome, in an answer
_CHANGE_ID = "chg_01k2v9"
When = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        description="ISO 8601 with a zone, or the name of a snapshot",
        examples=["2026-05-03T00:00:00Z", "before the move"],
    ),
]


class RollbackRequest(Request):
    """A way back to an earlier time or snapshot."""

    model_config = ConfigDict(json_schema_extra={"example": {"to": "2026-05-03T00:00:00Z"}})

    to: When


class UndoRequest(Request):
    """What to undo."""

    model_config = ConfigDict(json_schema_extra={"example": {"change": _CHANGE_ID}})

    change: Name | None = Field(None, description="absent: the newest that stands and is no undo itself")


class Memories(BaseModel):
    """Some memories."""

    count: int
    ids: list[str] = Field(description=f"the first {MAX_IDS} of them")

    @classmethod
    def of(cls, ids: Sequence[str]) -> Self:
        """Return how many there are, and which."""
        return cls(count=len(ids), ids=list(ids[:MAX_IDS]))


class RestoredMemory(BaseModel):
    """What a rollback or an undo changed. It is a change itself, so it can be undone."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "memory.rollback",
                "change": _CHANGE_ID,
                "to": "2026-05-03T00:00:00Z",
                "restored": {"count": 1, "ids": ["mem_01k2v1"]},
                "closed": {"count": 1, "ids": ["mem_01k2v9"]},
                "unchanged": {"count": 40, "ids": []},
                "frozen": {"count": 0, "ids": []},
                "gone": {"count": 0, "ids": []},
                "deleted": 0,
            }
        }
    )

    object: Literal["memory.rollback", "memory.undo"]
    change: str | None = Field(description="the id of the change that was made; null: nothing had to change")
    to: datetime | None = Field(description="the time gone back to; null: one change was undone")
    restored: Memories = Field(description="an earlier version is the newest again")
    closed: Memories = Field(description="not known then: no longer recalled, kept in history")
    unchanged: Memories
    frozen: Memories = Field(description="other than they were then; frozen memories are left as they are")
    gone: Memories = Field(description="expired: these do not come back")
    deleted: int = Field(description="how many memories were removed for good since then; these do not come back")

    @classmethod
    def of(cls, restored: Restored, to: datetime | None = None) -> Self:
        """Return the wire form; ``to`` of a rollback."""
        return cls(
            object="memory.undo" if to is None else "memory.rollback",
            change=restored.change_id,
            to=to,
            restored=Memories.of(restored.restored),
            closed=Memories.of(restored.closed),
            unchanged=Memories.of(restored.unchanged),
            frozen=Memories.of(restored.frozen),
            gone=Memories.of(restored.gone),
            deleted=restored.deleted,
        )


class Step(BaseModel):
    """One memory in a change."""

    id: str
    version_before: int = Field(description="0: it was not there")
    version_after: int


class MemoryChange(BaseModel):
    """One change of the journal: everything that was written together."""

    id: str
    object: Literal["memory.change"] = "memory.change"
    at: datetime
    operation: Operation
    key_id: str = Field(description="the API key that acted; empty: the system itself")
    turn_id: str | None = Field(description="the turn whose words brought it about")
    note: str = Field(description="of an undo: the change that it undid; of a rollback: the time gone back to")
    cubes: list[Step] = Field(description=f"the first {MAX_IDS} memories that it touched and that still exist")
    count: int = Field(description="how many these are in all")
    undone_by: str | None = Field(description="the change that undid it, while that one stands")

    @classmethod
    def of(cls, change: ChangeRecord) -> Self:
        """Return the wire form of a change."""
        return cls(
            id=change.id,
            at=change.at,
            operation=change.operation,
            key_id=change.key_id,
            turn_id=change.turn_id,
            note=change.note,
            cubes=[
                Step(id=each.cube_id, version_before=each.before, version_after=each.after) for each in change.steps
            ],
            count=change.size,
            undone_by=change.undone_by,
        )


class MemoryChanges(BaseModel):
    """A page of the journal, newest first."""

    object: Literal["list"] = "list"
    data: list[MemoryChange]
    has_more: bool = False


class ChangedCube(BaseModel):
    """A memory that says something else now."""

    id: str
    before: Cube
    after: Cube


class MemoryDiff(BaseModel):
    """What was known at one time and not, or otherwise, at another."""

    object: Literal["memory.diff"] = "memory.diff"
    start: datetime = Field(alias="from", serialization_alias="from")
    end: datetime = Field(alias="to", serialization_alias="to")
    added: list[Cube]
    removed: list[Cube]
    changed: list[ChangedCube]
    counts: dict[str, int] = Field(description="of all three, also where the lists are cut off")

    @classmethod
    def of(cls, difference: Difference, limit: int) -> Self:
        """Return the wire form; each list has at most ``limit`` entries."""
        counts = {name: len(getattr(difference, name)) for name in ("added", "removed", "changed")}
        changed = [
            ChangedCube(id=after.id, before=Cube.of(before), after=Cube.of(after))
            for before, after in difference.changed[:limit]
        ]
        return cls.model_validate(
            {
                "from": difference.start,
                "to": difference.end,
                "added": [Cube.of(cube) for cube in difference.added[:limit]],
                "removed": [Cube.of(cube) for cube in difference.removed[:limit]],
                "changed": changed,
                "counts": counts,
            }
        )


class SnapshotRequest(Request):
    """A name for a time."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "before the move"}})

    name: Annotated[str, Field(min_length=1, max_length=200)]
    at: When | None = Field(None, description="absent: now")


class NamedTime(BaseModel):
    """A snapshot: a name for a moment, which costs nothing to keep."""

    name: str
    object: Literal["memory.snapshot"] = "memory.snapshot"
    at: datetime
    created_at: datetime

    @classmethod
    def of(cls, snapshot: Snapshot) -> Self:
        """Return the wire form of a snapshot."""
        return cls(name=snapshot.name, at=snapshot.at, created_at=snapshot.created_at)


class NamedTimes(BaseModel):
    """All snapshots, the latest moment first."""

    object: Literal["list"] = "list"
    data: list[NamedTime]
    has_more: bool = False


class SnapshotDeleted(BaseModel):
    """The name is gone; the memories are untouched."""

    name: str
    object: Literal["memory.snapshot.deleted"] = "memory.snapshot.deleted"
    deleted: Literal[True] = True


class ReplayRequest(Request):
    """A past request, asked of memory again."""

    model_config = ConfigDict(json_schema_extra={"example": {"without": ["mem_01k2v9"]}})

    without: list[Name] = Field(default_factory=list, max_length=256, description="as if these did not exist")
    as_of: When | None = Field(None, description="what was known at that time; absent: as the request said, else now")


class Blocks(BaseModel):
    """What stands in a prompt."""

    stable: str = Field(description="the block in the system message")
    turn: str = Field(description="the block in front of the user's message")
    ids: list[str]
    tokens: int

    @classmethod
    def of(cls, injection: Injection) -> Self:
        """Return the wire form of an injection."""
        return cls(
            stable=injection.stable_text,
            turn=injection.turn_text,
            ids=list(injection.cube_ids),
            tokens=injection.tokens,
        )


class Without(BaseModel):
    """What was left out."""

    ids: list[str]
    unknown: list[str] = Field(description="no memories of this user: nothing to leave out")


class Replayed(BaseModel):
    """What memory brought into a request then, beside what it would bring in now. No model was asked."""

    object: Literal["memory.replay"] = "memory.replay"
    request_id: str
    as_of: datetime | None
    without: Without
    then: Blocks
    now: Blocks
    added: list[str] = Field(description="memories that come in now and did not then")
    missing: list[str] = Field(description="memories that came in then and do not now")
    candidates: list[dict[str, Any]] = Field(description="each that was considered now, and why it is in or out")
