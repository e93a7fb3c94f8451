"""One step of a memory pipeline in, what it did out: ids, how many, and a text where it made one.

Runs inside the transaction of its pipeline, so a step sees what the steps before it did. Every operation is one that
the memory API has by itself; here they are bounded together: by time, and by how many memories a run may touch.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from memory.cube import MemCube, Origin, SemanticType, Source, State
from memory.errors import Invalid
from memory.lifecycle import Event, after
from memory.pipeline import Pipeline, Stations
from memory.ports import Written
from memory.templates import Values, filled
from memory.turn import Draft, Scope

_PAGE = 200
_MOST_SCANNED = 20_000  # memories that a retrieve without question or label looks at
_MOST_LIMIT = 10_000

Result = dict[str, Any]


class Stop(Exception):
    """A ``stop_if`` holds: the run ends here, and what it did stays."""


@dataclass(slots=True)
class Bounds:
    """What one run may still take."""

    cubes: int
    until_s: float
    seconds: Callable[[], float]
    touched: set[str] = field(default_factory=set)

    def check_time(self) -> None:
        """Raises: Invalid: the time is over."""
        if self.seconds() > self.until_s:
            raise Invalid("It takes too long; give the pipeline less to do, or raise limits.time_s.", code="time_limit")

    def touch(self, cube_id: str) -> None:
        """Raises: Invalid: one memory too many, or the time is over."""
        self.touched.add(cube_id)
        if len(self.touched) > self.cubes:
            raise Invalid(
                f"It touches more than {self.cubes} memories; narrow it, or raise limits.cubes.", code="cube_limit"
            )
        self.check_time()


class Steps:
    """The operations, over the stations and inside the caller's transaction."""

    def __init__(self, stations: Stations, pipeline: Pipeline, scope: Scope, bounds: Bounds) -> None:
        self.bounds = bounds
        self._at = stations
        self._pipeline = pipeline
        self._scope = scope
        self._operations: Mapping[str, Callable[[Mapping[str, Any], Values], Result]] = {
            "retrieve": self._retrieve,
            "augment": self._augment,
            "update": self._update,
            "archive": self._archive,
            "write": self._write,
            "tag": self._tag,
            "pin": self._pin,
            "forget": self._forget,
            "stop_if": self._stop_if,
            "fail_if": self._fail_if,
        }

    def do(self, operation: str, parameters: Mapping[str, Any], values: Values) -> Result:
        """Return what the operation did: ``ids``, ``count`` and, where there is one, ``text``.

        Raises: Stop. Invalid: a parameter cannot be used, or a limit is reached. Refused: governance or the life of a
        memory does not allow it.
        """
        return self._operations[operation](parameters, values)

    def _retrieve(self, raw: Mapping[str, Any], values: Values) -> Result:
        wanted = {name: filled(value, values) for name, value in raw.items()}
        limit = int(_number(wanted["limit"], "limit", least=1, most=_MOST_LIMIT))
        fits = _filter(wanted, self._at.clock())
        cubes: list[MemCube] = []
        for cube in self._candidates(wanted, limit):
            if fits(cube):
                cubes.append(cube)
            if len(cubes) >= limit:
                break
        return {**_named(cube.id for cube in cubes), "text": "\n".join(cube.text for cube in cubes)}

    def _candidates(self, wanted: Mapping[str, Any], limit: int) -> Iterator[MemCube]:
        """Yield what to choose from: best first for a question, else newest first."""
        labels = [*wanted["tags"], *wanted["entities"]]
        if "query" in wanted:
            recall = self._pipeline.search(self._scope, query=_text(wanted["query"], "query"), top_k=limit)
            least = wanted.get("min_relevance", 0.0)
            yield from (hit.cube for hit in recall.hits if hit.relevance >= least)
        elif labels:
            yield from self._at.vault.labelled(self._scope, list(map(str, labels)), limit=_MOST_SCANNED)
        else:
            yield from self._newest(wanted)

    def _newest(self, wanted: Mapping[str, Any]) -> Iterator[MemCube]:
        types = [SemanticType(name) for name in wanted["semantic_types"]]
        last: str | None = None
        for _ in range(_MOST_SCANNED // _PAGE):
            page = self._at.vault.page(
                self._scope, limit=_PAGE, after=last, semantic_types=types, pinned=wanted.get("pinned")
            )
            yield from page.cubes
            if not page.has_more:
                return
            self.bounds.check_time()
            last = page.cubes[-1].id

    def _augment(self, raw: Mapping[str, Any], values: Values) -> Result:
        cubes = self._cubes(raw, values)
        lines = [_text(filled(raw[name], values), name) for name in ("before",) if name in raw]
        lines += [str(filled(raw["line"], {**values, "cube": _fields(cube)})) for cube in cubes]
        lines += [_text(filled(raw[name], values), name) for name in ("after",) if name in raw]
        text, chars = [], 0
        for line in lines:
            chars += len(line) + 1
            if chars > raw["max_chars"] + 1:
                break
            text.append(line)
        return {**_named(cube.id for cube in cubes), "text": "\n".join(text)}

    def _update(self, raw: Mapping[str, Any], values: Values) -> Result:
        wanted = {name: filled(raw[name], values) for name in ("priority", "ttl_s") if name in raw}
        changes: dict[str, Any] = {}
        if "priority" in wanted:
            changes["priority"] = int(_number(wanted["priority"], "priority", least=-100, most=100))
        if "ttl_s" in wanted:
            changes["ttl_s"] = float(_number(wanted["ttl_s"], "ttl_s", least=1e-3, most=1e11))
        cubes = self._cubes(raw, values)
        for cube in cubes:
            self.bounds.touch(cube.id)
            changed = replace(cube, **changes)
            if "text" not in raw:
                self._change(changed)
                continue
            text = _text(filled(raw["text"], {**values, "cube": _fields(cube)}), "text")
            text = f"{cube.text}\n{text}" if raw["mode"] == "append" else text
            self._pipeline.revise(self._scope, replace(changed, text=text), expected_version=None)
        return _named(cube.id for cube in cubes)

    def _archive(self, raw: Mapping[str, Any], values: Values) -> Result:
        archived: list[str] = []
        for cube in self._cubes(raw, values):
            if cube.state is State.ARCHIVED:
                continue
            self.bounds.touch(cube.id)
            self._change(replace(cube, state=after(cube.state, Event.ARCHIVE)))
            archived.append(cube.id)
        self._at.embeddings.follow(self._scope, Written(superseded=tuple(archived)), {})
        return _named(archived)

    def _write(self, raw: Mapping[str, Any], values: Values) -> Result:
        wanted = {name: filled(value, values) for name, value in raw.items()}
        text = _text(wanted["text"], "text")
        sources = self._at.vault.get_many(self._scope, wanted["derived_from"])
        draft = Draft(
            text=text,
            semantic_type=SemanticType(wanted["semantic_type"]),
            origin=Origin.INFERENCE,
            source=Source(),
            valid_from=self._at.clock(),
            tags=tuple(_text(tag, "tags") for tag in wanted["tags"]),
            pinned=wanted["pinned"],
            ttl_s=float(_number(wanted["ttl_s"], "ttl_s", least=1e-3, most=1e11)) if "ttl_s" in wanted else None,
        )
        cube = self._pipeline.remember(self._scope, draft)
        self.bounds.touch(cube.id)
        if sources:
            trust = min(source.trust for source in (*sources, cube))
            derived = tuple(dict.fromkeys((*cube.derived_from, *(source.id for source in sources))))
            self._change(replace(cube, trust=trust, derived_from=derived))
        return {**_named([cube.id]), "text": cube.text}

    def _tag(self, raw: Mapping[str, Any], values: Values) -> Result:
        add, remove = ([self._tag_of(tag) for tag in filled(raw[name], values)] for name in ("add", "remove"))
        gone = {tag.casefold() for tag in remove}
        changed: list[str] = []
        for cube in self._cubes(raw, values):
            tags = tuple(dict.fromkeys((*(tag for tag in cube.tags if tag.casefold() not in gone), *add)))
            if tags != cube.tags:
                self.bounds.touch(cube.id)
                self._change(replace(cube, tags=tags))
                changed.append(cube.id)
        return _named(changed)

    def _pin(self, raw: Mapping[str, Any], values: Values) -> Result:
        changed = [cube for cube in self._cubes(raw, values) if cube.pinned != raw["pinned"]]
        for cube in changed:
            self.bounds.touch(cube.id)
            self._change(replace(cube, pinned=raw["pinned"]))
        return _named(cube.id for cube in changed)

    def _forget(self, raw: Mapping[str, Any], values: Values) -> Result:
        ids = [cube.id for cube in self._cubes(raw, values)]
        for cube_id in ids:
            self.bounds.touch(cube_id)
        removed = self._pipeline.delete(self._scope, ids).removed if ids else ()
        for cube_id in removed:  # utterances that state what is forgotten go with it
            self.bounds.touch(cube_id)
        return _named(removed)

    def _stop_if(self, raw: Mapping[str, Any], values: Values) -> Result:
        if _holds(raw, values):
            raise Stop
        return {}

    def _fail_if(self, raw: Mapping[str, Any], values: Values) -> Result:
        if _holds(raw, values):
            message = filled(raw.get("message", "Its condition holds."), values)
            raise Invalid(str(message), code="pipeline_condition")
        return {}

    def _cubes(self, raw: Mapping[str, Any], values: Values) -> list[MemCube]:
        """Return the memories that a step names, as they are now; what is gone or somebody else's is left out."""
        ids = filled(raw["cubes"], values)
        if not all(isinstance(each, str) for each in ids):
            raise Invalid("cubes must be ids of memories.", param="cubes")
        return self._at.vault.get_many(self._scope, list(dict.fromkeys(ids)))

    def _change(self, cube: MemCube) -> None:
        """Store a new version whose text is the same."""
        self._at.vault.update(self._scope, cube, expected_version=None, vector=None, model_id="")

    def _tag_of(self, value: Any) -> str:
        return self._at.governance.redact(_text(value, "tags"))


def _named(ids: Iterable[str]) -> Result:
    found = list(ids)
    return {"ids": found, "count": len(found)}


def _filter(wanted: Mapping[str, Any], now: datetime) -> Callable[[MemCube], bool]:
    types, pinned = set(wanted["semantic_types"]), wanted.get("pinned")
    tags = {str(tag).casefold() for tag in wanted["tags"]}
    entities = {str(name).casefold() for name in wanted["entities"]}
    since = _days_before(now, wanted.get("newer_than_days"), "newer_than_days")
    until = _days_before(now, wanted.get("older_than_days"), "older_than_days")

    def fits(cube: MemCube) -> bool:
        return (
            (not types or cube.semantic_type.value in types)
            and (pinned is None or cube.pinned == pinned)
            and tags <= {tag.casefold() for tag in cube.tags}
            and entities <= {name.casefold() for name in cube.entities}
            and (since is None or cube.recorded_at >= since)
            and (until is None or cube.recorded_at <= until)
        )

    return fits


def _days_before(now: datetime, days: Any, name: str) -> datetime | None:
    return None if days is None else now - timedelta(days=_number(days, name, least=0, most=36_500))


def _holds(raw: Mapping[str, Any], values: Values) -> bool:
    value = filled(raw["value"], values)
    if "empty" in raw:
        return bool((value in ("", [], 0, None)) == raw["empty"])
    if "above" in raw:
        return _number(value, "value") > _number(filled(raw["above"], values), "above")
    if "below" in raw:
        return _number(value, "value") < _number(filled(raw["below"], values), "below")
    if "equals" in raw:
        return bool(value == filled(raw["equals"], values))
    return bool(value != filled(raw["not_equals"], values))


def _number(value: Any, name: str, *, least: float = -1e18, most: float = 1e18) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise Invalid(f"{name} must be a number from {least:g} to {most:g}.", param=name)
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Invalid(f"{name} must be a text with something in it.", param=name)
    return value


def _fields(cube: MemCube) -> Mapping[str, str]:
    """Return what ``${cube.…}`` stands for."""
    return {
        "id": cube.id,
        "text": cube.text,
        "date": f"{cube.valid_from:%Y-%m-%d}",
        "semantic_type": cube.semantic_type.value,
        "tags": ", ".join(cube.tags),
    }
