"""The models of a memory in, the JSON Schema of the MemCube out: ``GET /v1/memory/schema``.

Made from the models that answers are made with, so it cannot fall behind them. Each field says what it holds and to
which of the papers' groups it belongs (arXiv 2507.03724, "MemCube"): ``x-memcube-group`` is descriptive, governance,
behavioral, time, or payload.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from memory.cube import Kind, Origin, SemanticType, State
from memory.vault.transfer import FORMAT
from proxy.memory_access import Access
from proxy.memory_wire import Cube
from proxy.parts import Parts

SCHEMA_ID = f"urn:memos-proxy:memcube:{FORMAT}"
GROUP = "x-memcube-group"

#: group to its fields and what they hold
FIELDS: Mapping[str, Mapping[str, str]] = {
    "payload": {
        "text": "what is remembered",
        "fact": "what it states as subject, attribute and value; null: nothing that can be compared",
        "content_hash": "SHA-256 over what it says, in canonical JSON: equal content has an equal hash in any vault",
    },
    "descriptive": {
        "object": "what kind of object this is",
        "id": "names the memory in all its versions",
        "version": "counts from 1; every change makes the next, and none is ever rewritten",
        "newest": "true on the last version of a memory in an export",
        "kind": "where it acts: plaintext in the prompt, activation as computed state, parametric as an adapter",
        "semantic_type": "what it is for; a turn is what was said, word for word",
        "origin": "how it came to be",
        "source": "the conversation, turn and messages that it came from",
        "tags": "labels that were given to it",
        "entities": "names that it mentions",
        "score": "in a search: orders its results, comparable inside it only",
        "relevance": "in a search: how well it fits, in [0, 1]",
        "history": "every version, oldest first; the last is the newest",
    },
    "governance": {
        "owner": "whose memory it is",
        "state": "where it is in its life",
        "scope": "who may read it: private, group, organisation or public",
        "space_id": "of somebody else's memory: the space in which it is shared",
        "space_name": "of somebody else's memory: what that space is called",
        "sharer": "of somebody else's memory: whose it is",
        "trust": "whose word it rests on: user, assistant, document, tool; the least of all that it is derived from",
        "pinned": "always part of the block in front of a conversation",
        "ttl_s": "it expires so many seconds after it was recorded; null: it does not",
        "decays": "it is archived once it has long been of no use",
        "priority": "from -100 to 100: of two memories that fit equally well the higher one is brought in",
        "sensitivity": "what in it needs care, such as secret",
        "watermark": "says that it is from this vault, and unchanged",
    },
    "behavioral": {
        "access_count": "how often it was brought into a chat",
        "useful_count": "how often an answer then made use of it",
        "last_used_at": "when it was brought in last",
        "supersedes": "ids of the memories whose place it took",
        "derived_from": "ids of the memories that it was made from",
        "duplicate_of": "id of the memory that took it in because both say the same; empty: none",
    },
    "time": {
        "valid_from": "from when it holds in the world, or when it was said",
        "valid_to": "until when it held in the world; null: it still does",
        "confirmed_at": "when its fact was last stated",
        "recorded_at": "when it became known here",
        "updated_at": "when this version was made",
        "superseded_at": "when it ceased to be what is known here; null: it still is",
    },
}
_PARTS: Mapping[str, str] = {
    "conversation_id": "the conversation, as the caller named it or as it was named by its first message",
    "message_ids": "the messages that it rests on",
    "turn_id": "the turn of the ledger; null: it was written by hand",
    "role": "who said it",
    "name": "the speaker's name, where the message carried one",
    "document_id": "the document that it is a piece of; empty: of none",
    "position": "which piece of it, from 0",
    "subject": "who or what it is about",
    "attribute": "which of its properties, such as lives or favourite:colour",
    "value": "the value, as it was said",
    "single": "true: one value holds at a time, so a newer one takes the older one's place",
    "profile": "true: stable enough to stand in front of every conversation",
}
#: field to (group, what it holds)
DESCRIBED = {name: (group, text) for group, fields in FIELDS.items() for name, text in fields.items()}


class ExportedSource(BaseModel):
    """Where a memory came from."""

    conversation_id: str
    message_ids: list[str]
    turn_id: str | None
    role: str
    name: str | None
    document_id: str = ""
    position: int = 0


class ExportedFact(BaseModel):
    """What a memory states."""

    subject: str
    attribute: str
    value: str
    single: bool
    profile: bool


class ExportedCube(BaseModel):
    """One version of a memory as a row of an export."""

    object: Literal["memos.cube"]
    newest: bool
    id: str
    version: int
    owner: str
    text: str
    kind: Kind
    semantic_type: SemanticType
    state: State
    pinned: bool
    trust: Literal["user", "assistant", "document", "tool"] = "user"
    priority: int = 0
    access_count: int
    useful_count: int = 0
    valid_from: datetime
    valid_to: datetime | None
    confirmed_at: datetime | None = None
    recorded_at: datetime
    updated_at: datetime
    superseded_at: datetime | None
    last_used_at: datetime | None
    origin: Origin
    source: ExportedSource
    tags: list[str]
    entities: list[str]
    fact: ExportedFact | None
    scope: str
    ttl_s: float | None
    decays: bool = False
    sensitivity: list[str]
    supersedes: list[str]
    derived_from: list[str]
    duplicate_of: str = ""
    watermark: str = ""


def memcube_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12): a memory is one as the API answers it, or a row of an export."""
    _, whole = models_json_schema(
        [(Cube, "serialization"), (ExportedCube, "validation")], ref_template="#/$defs/{model}"
    )
    models: dict[str, Any] = whole["$defs"]
    for name, model in models.items():
        for field, schema in model.get("properties", {}).items():
            _describe(schema, field, whole_cube=name in (Cube.__name__, ExportedCube.__name__))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "MemCube",
        "description": "The unit of memory: a payload with descriptive, governance and behavioral metadata.",
        "anyOf": [{"$ref": f"#/$defs/{Cube.__name__}"}, {"$ref": f"#/$defs/{ExportedCube.__name__}"}],
        "$defs": models,
    }


def schema_router(parts: Parts) -> APIRouter:
    """Return the route of the schema, to be included without a prefix."""
    access = Access(parts)
    router = access.router()

    async def schema(request: Request) -> dict[str, Any]:
        """Read the JSON Schema of a memory: every field, what it holds, and the group to which it belongs."""
        await access.scope(request)
        return memcube_schema()

    router.add_api_route("/schema", schema, methods=["GET"], dependencies=[Depends(access.reader)])
    return router


def _describe(schema: dict[str, Any], field: str, *, whole_cube: bool) -> None:
    schema.pop("title", None)
    if whole_cube and field in DESCRIBED:
        group, text = DESCRIBED[field]
        schema[GROUP] = group
        schema.setdefault("description", text)
    elif field in _PARTS:
        schema.setdefault("description", _PARTS[field])
