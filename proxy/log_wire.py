"""The JSON of the audit log, of provenance and of watermarks, as models."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from memory.audit import LoggedChange, LogLine, LogPage
from memory.cube import State
from memory.provenance import Ground, MadeBy, Provenance, Version, provenance_id
from memory.turn import Message
from memory.watermark import Verdict, Watermarks
from proxy.memory_wire import Cube, Request

MAX_ROWS = 1000


class ChangedCube(BaseModel):
    """A memory in a change; version 0: it was not there."""

    id: str
    version_before: int
    version_after: int


class LogChange(BaseModel):
    """The change behind a line, while what it is about is there."""

    id: str
    turn_id: str | None
    note: str
    cubes: list[ChangedCube]

    @classmethod
    def of(cls, change: LoggedChange) -> Self:
        """Return the wire form."""
        cubes = [ChangedCube(id=id_, version_before=old, version_after=new) for id_, old, new in change.cubes]
        return cls(id=change.id, turn_id=change.turn_id, note=change.note, cubes=cubes)


class LogEntry(BaseModel):
    """One line of the audit log."""

    object: Literal["memory.log.entry"] = "memory.log.entry"
    seq: int = Field(description="its place in the chain that `memos audit verify` proves")
    at: datetime
    who: str = Field(description="whose memory it is about; in another's line a pseudonym")
    key_id: str = Field(description="the key that acted; empty: the system itself")
    operation: str
    kinds: list[str]
    cubes: int = Field(description="how many memories it touched or brought in")
    change: LogChange | None = None

    @classmethod
    def of(cls, line: LogLine, who: str | None) -> Self:
        """Return the wire form; ``who`` None: the pseudonym."""
        return cls(
            seq=line.seq,
            at=line.at,
            who=line.who if who is None else who,
            key_id=line.key_id,
            operation=line.operation,
            kinds=list(line.kinds),
            cubes=line.cubes,
            change=None if line.change is None else LogChange.of(line.change),
        )


class Log(BaseModel):
    """A page of the audit log, newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "list",
                "data": [
                    {
                        "object": "memory.log.entry",
                        "seq": 412,
                        "at": "2026-05-02T09:30:06Z",
                        "who": "u_5b1c09",
                        "key_id": "9f86d081",
                        "operation": "remember",
                        "kinds": ["plaintext"],
                        "cubes": 1,
                        "change": {
                            "id": "chg_01k2v9",
                            "turn_id": "turn_01k2v8",
                            "note": "",
                            "cubes": [{"id": "mem_01k2v9", "version_before": 0, "version_after": 1}],
                        },
                    }
                ],
                "has_more": True,
            }
        }
    )

    object: Literal["list"] = "list"
    data: list[LogEntry]
    has_more: bool = False

    @classmethod
    def of(cls, page: LogPage, who: str | None) -> Self:
        """Return the wire form of a page; ``who`` as in ``LogEntry.of``."""
        return cls(data=[LogEntry.of(line, who) for line in page.lines], has_more=page.has_more)


class VersionMadeBy(BaseModel):
    """The change that made a version."""

    change_id: str
    at: datetime
    operation: str
    key_id: str
    turn_id: str | None
    note: str

    @classmethod
    def of(cls, made: MadeBy) -> Self:
        """Return the wire form."""
        return cls(
            change_id=made.id,
            at=made.at,
            operation=made.operation,
            key_id=made.key_id,
            turn_id=made.turn_id,
            note=made.note,
        )


class VersionLink(BaseModel):
    """One version in the chain."""

    version: int
    text: str
    state: State
    updated_at: datetime
    content_hash: str
    watermark: str
    made_by: VersionMadeBy | None = Field(description="absent in the journal: it came by an import, or is older")

    @classmethod
    def of(cls, version: Version, watermarks: Watermarks) -> Self:
        """Return the wire form."""
        cube = version.cube
        return cls(
            version=cube.version,
            text=cube.text,
            state=cube.state,
            updated_at=cube.updated_at,
            content_hash=cube.content_hash,
            watermark=watermarks.of(cube),
            made_by=VersionMadeBy.of(version.made_by) if version.made_by else None,
        )


class GroundMessage(BaseModel):
    """A message of a turn."""

    id: str
    role: str
    name: str | None
    text: str
    created_at: datetime | None
    named: bool = Field(description="the memory's source names this very message")

    @classmethod
    def of(cls, message: Message, named: bool) -> Self:
        """Return the wire form."""
        return cls(
            id=message.id,
            role=message.role,
            name=message.name,
            text=message.text,
            created_at=message.created_at,
            named=named,
        )


class GroundTurn(BaseModel):
    """A turn that a memory rests on, as the ledger still has it."""

    id: str
    conversation_id: str
    request_id: str | None
    occurred_at: datetime
    model: str | None = Field(description="the model that was asked; null: no receipt tells (any more)")
    in_context: list[str] = Field(description="memories that were brought in before the model answered")
    messages: list[GroundMessage]

    @classmethod
    def of(cls, ground: Ground, named: set[str]) -> Self:
        """Return the wire form; ``named`` are the messages that the memory's sources name."""
        return cls(
            id=ground.turn_id,
            conversation_id=ground.conversation_id,
            request_id=ground.request_id or None,
            occurred_at=ground.occurred_at,
            model=ground.model,
            in_context=list(ground.in_context),
            messages=[GroundMessage.of(message, message.id in named) for message in ground.messages],
        )


class CubeProvenance(BaseModel):
    """Where a memory comes from, and what came of it."""

    id: str = Field(description="of the provenance: the same for all versions of the memory, for good")
    object: Literal["memory.provenance"] = "memory.provenance"
    cube: Cube = Field(description="the memory itself, with origin, trust and watermark")
    turns: list[GroundTurn] = Field(description="what it rests on, oldest first")
    missing_turns: list[str] = Field(description="turns it rests on that are erased or were never here")
    versions: list[VersionLink] = Field(description="oldest first; the last is the current one")
    derived_from: list[str]
    derivations: list[str] = Field(description="memories that are derived from it")
    supersedes: list[str]
    superseded_by: list[str]

    @classmethod
    def of(cls, found: Provenance, watermarks: Watermarks) -> Self:
        """Return the wire form."""
        cube = found.cube
        named = {message_id for version in found.versions for message_id in version.cube.source.message_ids}
        return cls(
            id=provenance_id(cube.id),
            cube=Cube.of(cube),
            turns=[GroundTurn.of(ground, named) for ground in found.grounds],
            missing_turns=list(found.missing_turns),
            versions=[VersionLink.of(version, watermarks) for version in found.versions],
            derived_from=list(cube.derived_from),
            derivations=list(found.derivations),
            supersedes=list(cube.supersedes),
            superseded_by=list(found.superseded_by),
        )


class VerifyRequest(Request):
    """Rows whose watermarks are to be checked: memories as the API gives them, or rows of an export."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "rows": [
                    {
                        "id": "mem_01k2v9",
                        "version": 1,
                        "text": "The user lives in Porto.",
                        "kind": "plaintext",
                        "semantic_type": "fact",
                        "valid_from": "2026-05-02T09:30:00Z",
                        "watermark": "wm_" + "0" * 48,
                    }
                ]
            }
        }
    )

    rows: list[dict[str, Any]] = Field(min_length=1, max_length=MAX_ROWS)


class RowVerdict(BaseModel):
    """Where a row is from."""

    id: str | None
    version: int | None
    verdict: Verdict = Field(
        description="unchanged: given away here with this content; changed: given away here, and changed since; "
        "foreign: not from here, or without its watermark"
    )


class Verdicts(BaseModel):
    """Verdicts in the order of the rows."""

    object: Literal["list"] = "list"
    data: list[RowVerdict]
    has_more: bool = False
    unchanged: bool = Field(description="true: every row came from here and is as it was")

    @classmethod
    def of(cls, rows: list[dict[str, Any]], watermarks: Watermarks) -> Self:
        """Return the verdicts on some rows."""
        data = [
            RowVerdict(
                id=row["id"] if isinstance(row.get("id"), str) else None,
                version=row["version"] if type(row.get("version")) is int else None,
                verdict=watermarks.verdict(row),
            )
            for row in rows
        ]
        return cls(data=data, unchanged=all(each.verdict is Verdict.UNCHANGED for each in data))
