"""The memory API's JSON, as models: what is asked and what is answered, with examples for the OpenAPI page.

Only shapes and their bounds; what is done with them is in ``proxy/memory_api.py``. An unknown field is an error, so
that a misspelt one is never silently without effect.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from fastapi import Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from memory.cube import MAX_TTL_S, Kind, MemCube, Origin, SemanticType, State, Trust
from memory.turn import Hit, TurnState

MAX_TEXT_CHARS = 1_000_000
MAX_PRIORITY = 100
_EXAMPLE_ID = "cube_01k2v9"
_SAID = "I moved to Porto."


_YEARS = (1000, 9000)  # with room at both ends for what is counted from a time, such as "last year"
_MAX_VERSION = 2**53


def _utc(time: datetime) -> datetime:
    if not _YEARS[0] <= time.year <= _YEARS[1]:
        raise ValueError(f"the year must be from {_YEARS[0]} to {_YEARS[1]}")
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


Time = Annotated[datetime, AfterValidator(_utc)]  # ISO 8601 or Unix seconds; without an offset it is UTC
Name = Annotated[str, Field(min_length=1, max_length=512)]
Tag = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS)]
TrustName = Annotated[
    Literal["user", "assistant", "document", "tool"],
    BeforeValidator(lambda trust: trust.name.lower() if isinstance(trust, Trust) else trust),
]
UserQuery = Annotated[str | None, Query(alias="user", description="whose memory; only for keys that may assert users")]


Ttl = Annotated[float | None, Field(gt=0, le=MAX_TTL_S, allow_inf_nan=False)]
Priority = Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)]
WishedState = Literal[State.ACTIVATED, State.ARCHIVED, State.FROZEN]
_OF_STATE = "activated: in use | archived: out of the way, comes back when nothing else answers | frozen: cannot change"
_OF_PRIORITY = "of two that fit equally well the higher is brought in; the higher stays in use longer"
_OF_DECAY = "it is archived once it has long been of no use"


class Request(BaseModel):
    """A request body; every one may name the user."""

    model_config = ConfigDict(extra="forbid")

    user: Name | None = Field(None, description="whose memory; only a key that may assert users can name another")


class TextPart(BaseModel):
    """A text part of a message; parts of other types are left out."""

    type: str
    text: str = ""


class TurnMessage(BaseModel):
    """One message, shaped as in a chat request."""

    role: Literal["user", "assistant", "system", "developer", "tool", "function"]
    content: Annotated[str, Field(max_length=MAX_TEXT_CHARS)] | list[TextPart] | None = None
    id: Name | None = Field(
        None, description="yours, given back in `source.message_ids`; made from the content if absent"
    )
    name: Name | None = Field(None, description="the speaker")
    created_at: Time | None = Field(None, description="when it was said; absent: now")

    @property
    def text(self) -> str:
        """The text parts, joined by line breaks."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type in ("text", "input_text", "output_text"))
        return self.content or ""


class TurnsRequest(Request):
    """Messages to be kept as if they had been chatted."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "conversation_id": "letters-2026",
                "messages": [
                    {"id": "m1", "role": "user", "content": _SAID, "created_at": "2026-05-02T09:30:00Z"},
                    {
                        "id": "m2",
                        "role": "assistant",
                        "content": "How is the river?",
                        "created_at": "2026-05-02T09:30:05Z",
                    },
                ],
                "wait": True,
            }
        }
    )

    conversation_id: Name
    messages: list[TurnMessage] = Field(min_length=1, max_length=20_000)
    wait: bool = Field(False, description="answer when they can be found")


class Turn(BaseModel):
    """A user message with the assistant messages that follow it, as one row of the turn ledger."""

    id: str
    object: Literal["memory.turn"] = "memory.turn"
    state: TurnState
    message_ids: list[str]


class Turns(BaseModel):
    """Turns in the order of their messages."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "list",
                "data": [
                    {"id": "turn_01k2v8", "object": "memory.turn", "state": "stored", "message_ids": ["m1", "m2"]}
                ],
                "has_more": False,
            }
        }
    )

    object: Literal["list"] = "list"
    data: list[Turn]
    has_more: bool = False


class SearchRequest(Request):
    """A question to memory."""

    model_config = ConfigDict(json_schema_extra={"example": {"query": "Where do I live?", "top_k": 5}})

    query: Annotated[str, Field(min_length=1, max_length=100_000)]
    top_k: int = Field(10, ge=1, le=100)
    now: Time | None = Field(None, description="the time that words such as yesterday count from; absent: now")
    as_of: Time | None = Field(None, description="what was known at that time")
    kinds: list[Kind] | None = Field(None, min_length=1)
    without: list[Name] = Field(default_factory=list, max_length=256, description="as if these memories did not exist")


class CubeSource(BaseModel):
    """Where a cube came from."""

    model_config = ConfigDict(from_attributes=True)

    conversation_id: str
    message_ids: list[str]
    role: str
    name: str | None
    turn_id: str | None
    document_id: str = Field("", description="the document that it is a piece of")
    position: int = Field(0, description="of the piece in its document")


class CubeFact(BaseModel):
    """What a cube states, so that it can be compared."""

    model_config = ConfigDict(from_attributes=True)

    subject: str
    attribute: str
    value: str
    single: bool
    profile: bool


class Cube(BaseModel):
    """A memory."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": _EXAMPLE_ID,
                "object": "memory.cube",
                "version": 1,
                "text": "The user lives in Porto.",
                "kind": "plaintext",
                "semantic_type": "fact",
                "state": "activated",
                "score": 4.2,
                "tags": [],
                "entities": ["Porto"],
                "pinned": False,
                "ttl_s": None,
                "source": {
                    "conversation_id": "letters-2026",
                    "message_ids": ["m1"],
                    "role": "user",
                    "name": None,
                    "turn_id": "turn_01k2v8",
                },
                "valid_from": "2026-05-02T09:30:00Z",
                "valid_to": None,
                "recorded_at": "2026-05-02T09:30:06Z",
                "updated_at": "2026-05-02T09:30:06Z",
                "superseded_at": None,
                "origin": "inference_extraction",
                "trust": "user",
                "content_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "priority": 0,
                "decays": False,
                "access_count": 3,
                "useful_count": 1,
                "scope": "private",
            }
        },
    )

    id: str
    object: Literal["memory.cube"] = "memory.cube"
    version: int
    text: str
    kind: Kind
    semantic_type: SemanticType
    state: State
    score: float | None = Field(None, description="in a search: orders its results, comparable inside it only")
    tags: list[str]
    entities: list[str]
    pinned: bool
    ttl_s: float | None
    source: CubeSource
    valid_from: datetime = Field(description="from when it holds, or when it was said")
    valid_to: datetime | None
    recorded_at: datetime = Field(description="when it became known here")
    updated_at: datetime
    superseded_at: datetime | None = Field(description="when newer knowledge replaced it")
    origin: Origin
    trust: TrustName = Field(description="whose word it rests on, the least of all that it is derived from")
    content_hash: str
    priority: int = Field(description=f"from -{MAX_PRIORITY} to {MAX_PRIORITY}: {_OF_PRIORITY}")
    decays: bool = Field(description=_OF_DECAY)
    access_count: int = Field(description="how often it was brought into a chat")
    useful_count: int = Field(description="how often an answer then made use of it")
    last_used_at: datetime | None = Field(None, description="when it was brought in last")
    sensitivity: list[str] = Field(default_factory=list, description="what in it needs care, such as secret")
    supersedes: list[str] = Field(default_factory=list, description="ids of the memories whose place it took")
    derived_from: list[str] = Field(default_factory=list, description="ids of the memories that it was made from")
    fact: CubeFact | None = Field(None, description="what it states; null: nothing that can be compared")
    scope: str = Field(description="who may read it: private, group, organisation or public")
    space_id: str | None = Field(None, description="of somebody else's memory: the space in which it is shared")
    space_name: str | None = None
    sharer: str | None = Field(None, description="whose it is, where it is not the caller's")
    watermark: str = Field("", description="says that it is from here and unchanged: see `/v1/memory/verify`")

    @classmethod
    def of(cls, cube: MemCube, score: float | None = None) -> Self:
        """Return the wire form of a cube."""
        return cls.model_validate(cube).model_copy(update={"score": score})


class CubeWithHistory(Cube):
    """A memory with all its versions."""

    history: list[Cube] = Field(description="every version, oldest first; the last is the current one")


class Cubes(BaseModel):
    """A page of memories."""

    object: Literal["list"] = "list"
    data: list[Cube]
    has_more: bool = False


class Found(Cubes):
    """What a search found, best first."""

    sufficiency: float = Field(description="in [0, 1]: is there anything that answers?")

    @classmethod
    def of(cls, hits: tuple[Hit, ...], sufficiency: float) -> Self:
        """Return the wire form of a recall."""
        return cls(data=[Cube.of(hit.cube, hit.score) for hit in hits], sufficiency=sufficiency)


class CubeRequest(Request):
    """A memory written by hand."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"text": "Answer in British English.", "semantic_type": "preference", "pinned": True}
        }
    )

    text: Text
    semantic_type: SemanticType = SemanticType.FACT
    tags: list[Tag] = Field(default_factory=list, max_length=100)
    entities: list[Tag] | None = Field(
        None, min_length=1, max_length=100, description="names that it is about; absent: those that stand in the text"
    )
    pinned: bool = Field(False, description="always part of the stable block")
    ttl_s: Ttl = Field(None, description="it expires after so many seconds")
    priority: Priority = Field(0, description=_OF_PRIORITY)
    decays: bool | None = Field(None, description=f"{_OF_DECAY}; absent: as configured for its semantic type")
    state: WishedState = Field(State.ACTIVATED, description=_OF_STATE)
    role: Literal["user", "assistant", "document", "tool"] = Field(
        "user",
        description="whose word it is; a document's or a tool's never replaces the user's, and is quoted with "
        "its source",
    )


class CubeChange(Request):
    """A change of a memory; what is absent stays."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"text": "The user lives in Porto, near the river.", "version": 1}}
    )

    version: int = Field(
        ge=1, le=_MAX_VERSION, description="the version that the change starts from; a stale one is 409"
    )
    text: Text | None = None
    tags: list[Tag] | None = Field(None, max_length=100)
    pinned: bool | None = None
    state: WishedState | None = Field(None, description=f"{_OF_STATE} until it is activated again")
    priority: Priority | None = Field(None, description=_OF_PRIORITY)
    ttl_s: Ttl = Field(None, description="it expires so many seconds after it was recorded; null: it does not")
    decays: bool | None = Field(None, description=_OF_DECAY)

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.fields():
            raise ValueError("nothing to change: send text, tags, pinned, state, priority, ttl_s or decays")
        return self

    def fields(self) -> dict[str, Any]:
        """Return what is to change, as fields of a cube; ``state`` is a wish until the table grants it."""
        sent = self.model_dump(exclude={"user", "version", "tags", "ttl_s"}, exclude_none=True)
        if self.tags is not None:
            sent["tags"] = tuple(self.tags)
        if "ttl_s" in self.model_fields_set:
            sent["ttl_s"] = self.ttl_s
        return sent


class Deleted(BaseModel):
    """A memory is gone, with its versions, its embedding and its words in the turn ledger."""

    id: str
    object: Literal["memory.cube.deleted"] = "memory.cube.deleted"
    deleted: Literal[True] = True


class EraseRequest(Request):
    """What to erase."""

    model_config = ConfigDict(json_schema_extra={"example": {"ids": [_EXAMPLE_ID]}})

    ids: list[Name] | None = Field(None, min_length=1, description="absent: all that the user has")


class Imported(BaseModel):
    """How much of an export was taken in; what was already there is left alone."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"object": "memory.import", "imported": {"cubes": 12, "turns": 5, "skipped": 0}}}
    )

    object: Literal["memory.import"] = "memory.import"
    imported: dict[str, int]


class ErrorDetail(BaseModel):
    """What went wrong and what to do."""

    message: str
    type: str
    param: str | None
    code: str | None


class Error(BaseModel):
    """An error, as OpenAI's clients read it."""

    error: ErrorDetail


#: for ``responses=`` of a route
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": Error, "description": "the request cannot be used"},
    401: {"model": Error, "description": "no valid key"},
    403: {"model": Error, "description": "the key may not do that"},
}
