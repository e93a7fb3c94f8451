"""Folders of YAML files in, checked memory pipelines out; every problem is named with its file, line and step.

A pipeline is data: named steps, each with one operation, and parameters that may refer to the inputs and to what
earlier steps gave (``${input.tag}``, ``${found.ids}``). There are no expressions; the one comparison is that of
``stop_if`` and ``fail_if``. What the operations do is in ``memory/pipeline_steps.py``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from config.layers import ConfigError, Lines, read_tree

SHIPPED = Path(__file__).with_name("policies") / "pipelines"
MOST_CUBES, MOST_STEPS, MOST_TIME_S = 10_000, 32, 60.0
#: what later steps may refer to, by operation
RESULTS: Mapping[str, tuple[str, ...]] = {
    "retrieve": ("ids", "count", "text"),
    "augment": ("ids", "count", "text"),
    "update": ("ids", "count"),
    "archive": ("ids", "count"),
    "write": ("ids", "count", "text"),
    "tag": ("ids", "count"),
    "pin": ("ids", "count"),
    "forget": ("ids", "count"),
    "stop_if": (),
    "fail_if": (),
}
#: of each memory in turn, in ``augment.line`` and ``update.text``
CUBE_FIELDS = ("id", "text", "date", "semantic_type", "tags")
_RESERVED = {"input", "cube", "now"}
_NAME = r"^[a-z][a-z0-9_-]{0,63}$"
_STEP_NAME = r"^[a-z][a-z0-9_]{0,63}$"
_MESSAGES = {
    "extra_forbidden": "there is no such key",
    "missing": "is missing",
    "string_pattern_mismatch": "must be a reference such as ${found.ids}, or a name in small letters",
}
_REFERENCE = re.compile(r"\$(?:\$|\{([^}]*)\})")


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Reference = Annotated[str, Field(pattern=r"^\$\{[^}]+\}$")]
Template = Annotated[str, Field(min_length=1, max_length=20_000)]
Cubes = Annotated[list[Reference], BeforeValidator(_listed), Field(min_length=1, max_length=16)]
Tags = Annotated[list[Template], BeforeValidator(_listed), Field(max_length=100)]
Number = Annotated[float, Field(allow_inf_nan=False)] | Reference
Limit = Annotated[int, Field(ge=1, le=MOST_CUBES)] | Reference
Days = Annotated[float, Field(ge=0, le=36_500)] | Reference
SemanticType = Literal["fact", "preference", "event", "procedure", "task_prompt", "document", "turn"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Retrieve(_Model):
    """Finds memories: by a question, by labels, or the newest; what is given narrows it together."""

    query: Template | None = None
    tags: Tags = Field(default_factory=list, description="memories that carry all of them")
    entities: Tags = Field(default_factory=list, description="memories that name all of them")
    semantic_types: list[SemanticType] = Field(default_factory=list)
    pinned: bool | None = None
    newer_than_days: Days | None = None
    older_than_days: Days | None = None
    min_relevance: Annotated[float, Field(ge=0, le=1)] | None = None
    limit: Limit = 100


class Augment(_Model):
    """Makes a text of memories; changes nothing."""

    cubes: Cubes
    before: Template | None = None
    line: Template = "- ${cube.text}"
    after: Template | None = None
    max_chars: Annotated[int, Field(ge=1, le=20_000)] = 8_000


class Update(_Model):
    """Makes a new version of each memory."""

    cubes: Cubes
    text: Template | None = None
    mode: Literal["overwrite", "append"] = "overwrite"
    priority: Annotated[int, Field(ge=-100, le=100)] | Reference | None = None
    ttl_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | Reference | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.text is None and self.priority is None and self.ttl_s is None:
            raise ValueError("nothing to change: set text, priority or ttl_s")
        return self


class Archive(_Model):
    """Takes memories out of recall; they stay in history and come back by an undo."""

    cubes: Cubes


class Write(_Model):
    """Writes one memory."""

    text: Template
    semantic_type: SemanticType = "event"
    tags: Tags = Field(default_factory=list)
    pinned: bool = False
    ttl_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | Reference | None = None
    derived_from: Annotated[list[Reference], BeforeValidator(_listed)] = Field(default_factory=list)


class Tag(_Model):
    """Adds and removes tags."""

    cubes: Cubes
    add: Tags = Field(default_factory=list)
    remove: Tags = Field(default_factory=list)

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.add and not self.remove:
            raise ValueError("nothing to change: set add or remove")
        return self


class Pin(_Model):
    """Pins memories, or unpins them."""

    cubes: Cubes
    pinned: bool = True


class Forget(_Model):
    """Removes memories for good: no undo brings them back."""

    cubes: Cubes


class Condition(_Model):
    """Compares one value with one other."""

    value: Reference
    equals: str | float | bool | None = None
    not_equals: str | float | bool | None = None
    above: Number | None = None
    below: Number | None = None
    empty: bool | None = None
    message: Template | None = None

    @model_validator(mode="after")
    def _compares_once(self) -> Self:
        given = self.model_fields_set & {"equals", "not_equals", "above", "below", "empty"}
        if len(given) != 1:
            raise ValueError("needs exactly one of equals, not_equals, above, below, empty")
        return self


class Step(_Model):
    """One step: a name, and one operation with its parameters."""

    name: Annotated[str, Field(pattern=_STEP_NAME)]
    retrieve: Retrieve | None = None
    augment: Augment | None = None
    update: Update | None = None
    archive: Archive | None = None
    write: Write | None = None
    tag: Tag | None = None
    pin: Pin | None = None
    forget: Forget | None = None
    stop_if: Condition | None = None
    fail_if: Condition | None = None

    @model_validator(mode="after")
    def _one_operation(self) -> Self:
        if len(self.model_fields_set - {"name"}) != 1:
            raise ValueError(f"needs exactly one operation: {', '.join(RESULTS)}")
        return self

    @property
    def operation(self) -> str:
        """The name of its operation."""
        return next(iter(self.model_fields_set - {"name"}))

    @property
    def parameters(self) -> dict[str, Any]:
        """The operation's parameters, without those that are absent."""
        chosen: BaseModel = getattr(self, self.operation)
        return chosen.model_dump(exclude_none=True)


class Input(_Model):
    """One value that whoever runs the pipeline gives."""

    type: Literal["text", "number", "flag", "texts"] = "text"
    description: str = ""
    default: Any = None
    required: bool = True

    @model_validator(mode="before")
    @classmethod
    def _optional_by_default(cls, data: Any) -> Any:
        return {"required": False, **data} if isinstance(data, dict) and "default" in data else data


class Limits(_Model):
    """What one run may take at most."""

    time_s: Annotated[float, Field(gt=0, le=MOST_TIME_S)] = 5.0
    cubes: Annotated[int, Field(ge=1, le=MOST_CUBES)] = 1_000


class PipelineFile(_Model):
    """One file."""

    description: Annotated[str, Field(min_length=1, max_length=1_000)]
    input: dict[Annotated[str, Field(pattern=_STEP_NAME)], Input] = Field(default_factory=dict)
    limits: Limits = Field(default_factory=Limits)
    steps: list[Step] = Field(min_length=1, max_length=MOST_STEPS)


def shipped_and(own: Path | None) -> dict[str, PipelineFile]:
    """Return the shipped pipelines and those of a folder of one's own. Raises: ConfigError."""
    return load_pipelines([SHIPPED] if own is None else [SHIPPED, own])


def load_pipelines(folders: Sequence[Path]) -> dict[str, PipelineFile]:
    """Return the pipelines of all ``*.yaml`` files by the files' names; a later folder's replace an earlier one's.

    Raises: ConfigError: any of them cannot be used; all problems of all files.
    """
    found: dict[str, PipelineFile] = {}
    problems: list[str] = []
    for folder in folders:
        if not folder.is_dir():
            problems.append(f"pipelines.dir: {folder} is not a folder")
        for path in sorted(folder.glob("*.yaml")):
            try:
                found[path.stem] = read_pipeline(path)
            except ConfigError as error:
                problems += error.problems
    if problems:
        raise ConfigError(problems)
    return found


def read_pipeline(path: Path) -> PipelineFile:
    """Raises: ConfigError: the file cannot be read or used."""
    if not re.match(_NAME, path.stem):
        raise ConfigError([f"{path}: name the file in small letters, digits and hyphens, such as daily-digest.yaml"])
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8 text'}"]) from None
    data, lines = read_tree(text, str(path))
    try:
        pipeline = PipelineFile.model_validate(data)
    except ValidationError as error:
        raise ConfigError(list(_explained(error.errors(include_url=False), path, data, lines))) from None
    if wrong := list(_wrong_references(pipeline, path, lines)):
        raise ConfigError(wrong)
    return pipeline


def _explained(details: Sequence[ErrorDetails], path: Path, data: Any, lines: Lines) -> Iterator[str]:
    """Yield what is wrong, once for each place: of a value of two possible types the first type's complaint."""
    told: set[tuple[str | int, ...]] = set()
    for detail in details:
        where: tuple[str | int, ...] = ()
        for part in detail["loc"]:  # it also names the sides of a union
            if (*where, part) in lines:
                where = (*where, part)
        message = _MESSAGES.get(detail["type"], detail["msg"].removeprefix("Value error, "))
        if detail["type"] == "missing":
            message = f"{detail['loc'][-1]}: {message}"
        elif where in told:
            continue
        told.add(where)
        message = message[:1].lower() + message[1:]
        yield f"{_place(path, lines, where)}: {_step_name(data, where)}{_dotted(where)}{message}"


def _place(path: Path, lines: Lines, where: tuple[str | int, ...]) -> str:
    return f"{path}, line {lines.get(where, 1)}"


def _step_name(data: Any, where: tuple[str | int, ...]) -> str:
    match where:
        case ("steps", int(number), *_):
            step = data["steps"][number]
            name = step.get("name") if isinstance(step, dict) else None
            return f"step {name if isinstance(name, str) else number + 1}: "
    return ""


def _dotted(where: tuple[str | int, ...]) -> str:
    inner = where[2:] if where[:1] == ("steps",) else where
    return f"{'.'.join(map(str, inner))}: " if inner else ""


def _wrong_references(pipeline: PipelineFile, path: Path, lines: Lines) -> Iterator[str]:
    """Yield what refers to nothing: an unknown input, a step that comes later, a result that a step does not give."""
    known: dict[str, tuple[str, ...]] = {"input": tuple(pipeline.input), "now": ("date", "time")}
    for number, step in enumerate(pipeline.steps):
        place, name = _place(path, lines, ("steps", number)), step.name
        if name in known or name in _RESERVED:
            yield f"{place}: step {name}: the name is taken; give it another"
        for key, text in _texts(step.parameters):
            is_each = (step.operation, key) in (("augment", "line"), ("update", "text"))
            seen = {**known, "cube": CUBE_FIELDS} if is_each else known
            for written in _REFERENCE.findall(text):
                if problem := _unknown(written, seen):
                    where = _place(path, lines, ("steps", number, step.operation, key))
                    yield f"{where}: step {name}: {key}: {problem}"
        known[name] = RESULTS[step.operation]


def _unknown(written: str, known: Mapping[str, tuple[str, ...]]) -> str:
    if not written:  # "$$"
        return ""
    source, _, result = written.partition(".")
    if source not in known:
        return f"${{{written}}} refers to nothing: there is no earlier step {source}"
    if result not in known[source]:
        choices = ", ".join(f"${{{source}.{each}}}" for each in known[source]) or "nothing"
        return f"${{{written}}} refers to nothing: {source} gives {choices}"
    return ""


def _texts(parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in parameters.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                yield key, each
