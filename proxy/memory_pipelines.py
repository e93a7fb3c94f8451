"""Calls to ``/v1/memory/pipelines`` in, runs of configured pipelines on the caller's own memory out."""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request

from config.pipelines import PipelineFile
from memory.change import Operation
from memory.pipelines import Input, Recipe, Step
from proxy import memory_wire as wire
from proxy import pipelines_wire
from proxy.memory_access import Access, blocking
from proxy.parts import Parts

_READING = ("retrieve", "augment")  # their texts are part of the answer


def pipelines_router(parts: Parts) -> APIRouter:
    """Return the routes of the pipelines, to be included without a prefix."""
    access = Access(parts)
    pipelines, notes = parts.pipelines, parts.notes

    async def list_pipelines() -> pipelines_wire.Pipelines:
        """List the pipelines that can be run, with their inputs and steps."""
        recipes = sorted(pipelines.recipes.values(), key=lambda recipe: recipe.name)
        return pipelines_wire.Pipelines(data=[pipelines_wire.Pipeline.of(recipe) for recipe in recipes])

    async def run_pipeline(
        request: Request, name: str, body: pipelines_wire.RunRequest | None = None
    ) -> pipelines_wire.PipelineRun:
        """Run a pipeline as one change that is kept whole or not at all.

        When a step fails nothing has changed, and the error names the step. What this user said before is waited for,
        so a run sees it.
        """
        body = body or pipelines_wire.RunRequest.model_validate({})
        scope = await access.settled(request, body)
        await notes.written()
        run = await blocking(pipelines.run, scope, name, body.input, dry=body.dry_run)
        read = [cube_id for step in run.steps if step.operation in _READING for cube_id in step.result["ids"]]
        notes.read(scope, Operation.READ, read, note=run.id)
        return pipelines_wire.PipelineRun.of(run)

    router = access.router()
    missing: dict[int | str, dict[str, Any]] = {404: {"model": wire.Error, "description": "there is no such pipeline"}}
    router.add_api_route("/pipelines", list_pipelines, methods=["GET"], dependencies=[Depends(access.reader)])
    router.add_api_route(
        "/pipelines/{name}/run",
        run_pipeline,
        methods=["POST"],
        dependencies=[Depends(access.reader), Depends(access.creator)],
        responses=missing,
    )
    return router


def recipes_of(files: Mapping[str, PipelineFile], *, time_s: float, cubes: int) -> Iterable[Recipe]:
    """Return what the files describe, none above the given limits."""
    for name, file in files.items():
        yield Recipe(
            name=name,
            description=file.description,
            steps=tuple(
                Step(name=step.name, operation=step.operation, parameters=step.parameters) for step in file.steps
            ),
            inputs={key: Input(**each.model_dump()) for key, each in file.input.items()},
            time_s=min(file.limits.time_s, time_s),
            cubes=min(file.limits.cubes, cubes),
        )
