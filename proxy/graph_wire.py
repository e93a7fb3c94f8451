"""The JSON of relations between memories and of updates by hand, as models: only shapes and their bounds."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from memory.cube import SemanticType
from memory.updates import UpdateMode
from memory.vault.graph import Graph as FoundGraph
from memory.vault.labelling import LabelDiff, Relabelled
from memory.vault.relations import Relation
from proxy.memory_wire import Cube, Request, Tag, Text

Tags = Annotated[list[Tag], Field(max_length=100)]


class Entity(BaseModel):
    """A name that memories are about."""

    id: str
    object: Literal["memory.entity"] = "memory.entity"
    name: str = Field(description="case-folded")


class Edge(BaseModel):
    """A relation between two nodes, by their ids."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"from": "cube_01k2v9", "type": "supersedes", "to": "cube_01k2v1"}},
    )

    from_id: str = Field(alias="from")
    type: Relation
    to_id: str = Field(alias="to")


class Graph(BaseModel):
    """Memories and entities, and how they stand to each other."""

    object: Literal["memory.graph"] = "memory.graph"
    nodes: list[Cube | Entity] = Field(description="memories newest first, then entities; also what is history")
    edges: list[Edge]
    complete: bool = Field(description="false: the limit left something out")

    @classmethod
    def of(cls, found: FoundGraph) -> Self:
        """Return the wire form of a walk."""
        entities = [Entity(id=_entity_id(name), name=name) for name in found.entities]
        edges = [
            Edge.model_validate(
                {"from": edge.from_id, "type": edge.relation, "to": edge.to_id or _entity_id(edge.entity)}
            )
            for edge in found.edges
        ]
        return cls(nodes=[*map(Cube.of, found.cubes), *entities], edges=edges, complete=found.complete)


class UpdateRequest(Request):
    """Further words for a memory."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"mode": "merge", "text": "The user lives in Porto.", "version": 1}}
    )

    mode: UpdateMode = Field(
        description="append: behind what is there | merge: each sentence once, and of a fact that has one value the "
        "new one stands | overwrite: instead of it"
    )
    text: Text
    version: int = Field(ge=1, le=2**53, description="the version that it starts from; a stale one is 409")
    tags: Tags | None = Field(None, description="instead of the old ones with overwrite, beside them otherwise")


class LabelWhere(BaseModel):
    """Which memories: all that carry every one of the tags."""

    model_config = ConfigDict(extra="forbid")

    tags: list[Tag] = Field(min_length=1, max_length=20, description="in any case of letters")
    semantic_type: list[SemanticType] = Field(default_factory=list, description="only of these types; empty: of all")


class LabelSet(BaseModel):
    """What to change of each; what is absent stays."""

    model_config = ConfigDict(extra="forbid")

    tags: Tags | None = Field(None, description="instead of all tags")
    add_tags: Tags = Field(default_factory=list)
    remove_tags: Tags = Field(default_factory=list)
    pinned: bool | None = None
    priority: int | None = Field(None, ge=-100, le=100)

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing to change: send tags, add_tags, remove_tags, pinned or priority")
        return self

    def diff(self) -> LabelDiff:
        """Return it as the vault takes it."""
        return LabelDiff(
            tags=None if self.tags is None else tuple(self.tags),
            add_tags=tuple(self.add_tags),
            remove_tags=tuple(self.remove_tags),
            pinned=self.pinned,
            priority=self.priority,
        )


class RelabelRequest(Request):
    """A change of many memories by their labels."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"where": {"tags": ["project-x"]}, "set": {"add_tags": ["closed"]}}}
    )

    where: LabelWhere
    set: LabelSet


class RelabelledCubes(BaseModel):
    """What a write by labels did, as one change."""

    object: Literal["memory.relabelled"] = "memory.relabelled"
    changed: list[str] = Field(description="ids of memories that have a new version")
    unchanged: int = Field(description="they were like that already")
    frozen: int = Field(description="they carry the tags and stay as they are")

    @classmethod
    def of(cls, done: Relabelled) -> Self:
        """Return the wire form."""
        return cls(changed=list(done.changed), unchanged=done.unchanged, frozen=done.frozen)


def _entity_id(name: str) -> str:
    return f"entity:{name}"
