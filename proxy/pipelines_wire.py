"""Memory pipelines in JSON: what there is, what a run is given and what it did."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from memory.pipelines import Recipe, Run
from proxy.memory_wire import Request


class PipelineInput(BaseModel):
    """A value that a run is given."""

    model_config = ConfigDict(from_attributes=True)

    type: Literal["text", "number", "flag", "texts"]
    description: str
    required: bool
    default: Any = None


class PipelineStep(BaseModel):
    """One step of a pipeline."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    operation: str


class Pipeline(BaseModel):
    """A pipeline that can be run."""

    name: str
    object: Literal["memory.pipeline"] = "memory.pipeline"
    description: str
    input: dict[str, PipelineInput]
    steps: list[PipelineStep]
    undoable: bool = Field(description="false: it removes memories for good")
    time_limit_s: float
    cube_limit: int

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        """Return the wire form of a pipeline."""
        return cls(
            name=recipe.name,
            description=recipe.description,
            input={name: PipelineInput.model_validate(each) for name, each in recipe.inputs.items()},
            steps=[PipelineStep.model_validate(step) for step in recipe.steps],
            undoable=recipe.undoable,
            time_limit_s=recipe.time_s,
            cube_limit=recipe.cubes,
        )


class Pipelines(BaseModel):
    """All pipelines, by name."""

    object: Literal["list"] = "list"
    data: list[Pipeline]
    has_more: bool = False


class RunRequest(Request):
    """What a run is given."""

    model_config = ConfigDict(json_schema_extra={"example": {"input": {"tag": "apollo"}, "dry_run": True}})

    input: dict[str, Any] = Field(default_factory=dict, description="by the names that the pipeline gives its inputs")
    dry_run: bool = Field(False, description="say what it would do, and do nothing")


class StepRun(BaseModel):
    """What a step did."""

    name: str
    operation: str
    count: int = Field(description="memories that it found, made or changed")
    ids: list[str]
    text: str | None = Field(description="what it made of them, where it made a text")


class PipelineRun(BaseModel):
    """What a run did. All of it is one change."""

    id: str
    object: Literal["memory.pipeline.run"] = "memory.pipeline.run"
    pipeline: str
    dry_run: bool
    steps: list[StepRun]
    stopped_at: str | None = Field(description="the step that ended it early")
    touched: int = Field(description="memories that it changed, made or removed")
    undoable: bool = Field(description="one undo takes all of it back")

    @classmethod
    def of(cls, run: Run) -> Self:
        """Return the wire form of a run."""
        steps = [
            StepRun(
                name=step.name,
                operation=step.operation,
                count=step.result.get("count", 0),
                ids=step.result.get("ids", []),
                text=step.result.get("text"),
            )
            for step in run.steps
        ]
        return cls(
            id=run.id,
            pipeline=run.recipe.name,
            dry_run=run.dry,
            steps=steps,
            stopped_at=run.stopped_at,
            touched=run.touched,
            undoable=run.recipe.undoable and run.touched > 0 and not run.dry,
        )
