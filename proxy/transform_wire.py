"""The JSON of ``POST /v1/memory/transform``, as models: what is asked and what is answered."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from memory.cube import Kind
from proxy.memory_wire import Name, Request


class TransformRequest(Request):
    """A change of the form in which memories are kept for the model."""

    model_config = ConfigDict(json_schema_extra={"example": {"to": "activation", "wait": True}})

    to: Kind
    ids: list[Name] | None = Field(None, min_length=1, description="pinned memories or profile facts; absent: all")
    wait: bool = Field(False, description="answer when what was made would outlive a crash")


class Made(BaseModel):
    """One activation memory: the stable block as chats in one setting get it."""

    digest: str | None = Field(description="names it; null while it is being computed")
    tokens: int = Field(description="of the prompt, that chats need not compute")
    size_bytes: int
    build_ms: float = Field(description="what computing it took, once")
    new: bool = Field(description="false: it was there already")
    durable: bool = Field(description="it would outlive a crash")
    system: str = Field(description="the caller's own system prompt and tools, as a hash; none: there are none")
    budget_tokens: int | None = Field(description="X-Memory-Budget of the chats that it serves; null: the usual one")
    ids: list[str] = Field(description="the memories in it")


class Skipped(BaseModel):
    """A form that the engine could not make."""

    system: str
    budget_tokens: int | None
    ids: list[str]
    reason: str


class Removed(BaseModel):
    """What is no longer kept."""

    prefixes: int
    files: int
    bytes: int
    found: int = Field(description="what is still there although it was to be removed")


class Transformed(BaseModel):
    """What was made, from what, at what cost."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "memory.transform",
                "to": "activation",
                "made": [
                    {
                        "digest": "6f1d3c0f5a3e4b6c8d9e0f1a2b3c4d5e",
                        "tokens": 96,
                        "size_bytes": 221184,
                        "build_ms": 84.2,
                        "new": True,
                        "durable": True,
                        "system": "none",
                        "budget_tokens": None,
                        "ids": ["mem_01k2v9"],
                    }
                ],
                "skipped": [],
                "removed": None,
            }
        }
    )

    object: Literal["memory.transform"] = "memory.transform"
    to: Kind
    made: list[Made] = Field(default_factory=list)
    skipped: list[Skipped] = Field(default_factory=list)
    removed: Removed | None = None
