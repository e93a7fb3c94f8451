"""A named pipeline and its inputs in, one change of memory out, or none: the papers' Memory Pipeline.

    retrieve ─▸ augment ─▸ update ─▸ archive        (arXiv 2507.03724, "Memory API": retrieve, augment, update, archive)

The law: a run is one transaction. When any step fails, takes too long or touches too many memories, nothing of the run
stays, and the error names the step. While it runs nobody else writes to the vault, so it is kept short: its limits are
counted in seconds and in memories.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from memory.change import Change, Operation
from memory.errors import Invalid, MemoryFault, NotFound, Unavailable
from memory.pipeline import Pipeline, Stations
from memory.pipeline_steps import Bounds, Steps, Stop
from memory.turn import Scope

Transaction = Callable[[Change], AbstractContextManager[Any]]

_TYPES: Mapping[str, tuple[type, ...]] = {"text": (str,), "number": (int, float), "flag": (bool,), "texts": (list,)}
_MOST_CHARS = 20_000  # of all texts of an input
_LASTING = ("forget",)  # what no undo brings back


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A value that whoever runs the pipeline gives."""

    type: str  #: text, number, flag or texts
    description: str = ""
    required: bool = True
    default: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operation, and its parameters with references in them."""

    name: str
    operation: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A pipeline as it is configured."""

    name: str
    description: str
    steps: tuple[Step, ...]
    inputs: Mapping[str, Input] = field(default_factory=dict)
    time_s: float = 5.0
    cubes: int = 1000  #: how many memories one run may touch

    @property
    def undoable(self) -> bool:
        """False when it removes for good."""
        return not any(step.operation in _LASTING for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """What a step did."""

    name: str
    operation: str
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run did."""

    id: str
    recipe: Recipe
    dry: bool  #: nothing of it stayed
    steps: tuple[StepDone, ...]
    stopped_at: str | None  #: the step that ended it early
    touched: int  #: memories that it changed, made or removed


class _Undone(Exception):
    """Takes a rehearsal back."""


class Pipelines:
    """Runs pipelines. Thread-safe: of one user one run at a time."""

    def __init__(
        self,
        stations: Stations,
        transaction: Transaction,
        recipes: Sequence[Recipe],
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """``transaction`` opens one that writes and reads through ``stations.vault`` join; an error rolls it back."""
        self._at = replace(stations, derivations=None)  # they follow once, after the commit
        self._derivations = stations.derivations
        self._pipeline = Pipeline(self._at)
        self._transaction = transaction
        self._seconds = seconds
        self.recipes = {recipe.name: recipe for recipe in recipes}

    def run(self, scope: Scope, name: str, given: Mapping[str, Any], *, dry: bool = False) -> Run:
        """Run a pipeline and return what each step did; ``dry``: and take it back.

        Raises: NotFound: there is no such pipeline. Invalid: an input is missing or of another type, or the run went
        over a limit. Any other fault of a step, with the step's name in its message. Nothing has changed then.
        """
        recipe = self.recipes.get(name)
        if recipe is None:
            known = ", ".join(sorted(self.recipes)) or "none"
            raise NotFound(f"There is no pipeline {name!r}; there are {known}.", param="name")
        done = self._tried(scope, recipe, _checked(recipe, given), dry=dry)
        if done.touched and not dry and self._derivations is not None:
            self._derivations.removed(scope)
        return done

    def _tried(self, scope: Scope, recipe: Recipe, inputs: Mapping[str, Any], *, dry: bool) -> Run:
        """Return what one run did; a dry one leaves no trace."""
        run_id = f"run_{secrets.token_hex(10)}"
        bounds = Bounds(cubes=recipe.cubes, until_s=self._seconds() + recipe.time_s, seconds=self._seconds)
        steps = Steps(self._at, self._pipeline, scope, bounds)
        done: list[StepDone] = []
        stopped_at: str | None = None
        with self._at.embeddings.writing(scope):
            try:
                with self._transaction(Change.by(scope, Operation.PIPELINE, note=f"{recipe.name} {run_id}")):
                    stopped_at = self._all(recipe, inputs, steps, done)
                    if dry:
                        raise _Undone
            except BaseException as error:
                self._at.embeddings.drop(scope)  # it may hold what was rolled back
                self._at.embeddings.doubt_shared()
                if not isinstance(error, _Undone):
                    raise
        touched = len(bounds.touched)
        return Run(id=run_id, recipe=recipe, dry=dry, steps=tuple(done), stopped_at=stopped_at, touched=touched)

    def _all(self, recipe: Recipe, inputs: Mapping[str, Any], steps: Steps, done: list[StepDone]) -> str | None:
        """Do step by step; return the one that ended the run early."""
        now = self._at.clock()
        values: dict[str, Mapping[str, Any]] = {
            "input": inputs,
            "now": {"date": f"{now:%Y-%m-%d}", "time": now.isoformat(timespec="seconds")},
        }
        for step in recipe.steps:
            try:
                steps.bounds.check_time()
                result = steps.do(step.operation, step.parameters, values)
            except Stop:
                return step.name
            except MemoryFault as fault:
                raise _at_step(fault, recipe, step) from fault
            except Exception as error:
                error.add_note(f"in step {step.name} of the pipeline {recipe.name}; nothing of it stays")
                raise
            values[step.name] = result
            done.append(StepDone(name=step.name, operation=step.operation, result=result))
        return None


def _at_step(fault: MemoryFault, recipe: Recipe, step: Step) -> MemoryFault:
    """Return the same fault, which says where it happened and that nothing has changed."""
    message = (
        f"Step {step.name} ({step.operation}) of the pipeline {recipe.name} failed, and nothing was changed: {fault}"
    )
    param = f"steps.{step.name}"
    if isinstance(fault, Unavailable):
        return type(fault)(message, param=param, code=fault.code, retry_after_s=fault.retry_after_s)
    return type(fault)(message, param=param, code=fault.code)


def _checked(recipe: Recipe, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all inputs. Raises: Invalid."""
    if unknown := sorted(set(given) - set(recipe.inputs)):
        known = ", ".join(recipe.inputs) or "none"
        raise Invalid(
            f"The pipeline {recipe.name} has no input {unknown[0]!r}; it has {known}.", param=f"input.{unknown[0]}"
        )
    inputs: dict[str, Any] = {}
    for name, wanted in recipe.inputs.items():
        value = given.get(name, wanted.default)
        if name not in given and wanted.required:
            raise Invalid(f"The pipeline {recipe.name} needs the input {name!r}.", param=f"input.{name}")
        if name in given and not _fits(value, wanted.type):
            raise Invalid(f"The input {name!r} must be a {wanted.type}.", param=f"input.{name}")
        inputs[name] = value
    return inputs


def _fits(value: Any, kind: str) -> bool:
    if isinstance(value, bool) != (kind == "flag") or not isinstance(value, _TYPES[kind]):
        return False
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value) and sum(map(len, value)) <= _MOST_CHARS
    return not isinstance(value, str) or len(value) <= _MOST_CHARS
