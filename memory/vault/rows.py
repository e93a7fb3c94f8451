"""MemCube in, database row or JSON object out, and back: nothing is lost, times to the microsecond."""

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from memory.cube import MAX_TTL_S, FactKey, Kind, MemCube, Origin, SemanticType, Source, State, Trust
from memory.errors import Invalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TIMES = ("valid_from", "valid_to", "recorded_at", "updated_at", "superseded_at", "last_used_at")
_NEEDED_TIMES = ("valid_from", "recorded_at", "updated_at")
_TEXTS = ("id", "owner", "text", "kind", "semantic_type", "state", "origin", "scope")
_LISTS = ("tags", "entities", "sensitivity", "supersedes", "derived_from")
MAX_COUNT = 2**53

CUBE_COLUMNS = (
    "id, owner, version, text, kind, semantic_type, state, pinned, valid_from, valid_to, recorded_at, updated_at, "
    "superseded_at, access_count, last_used_at, trust, priority, useful_count, data"
)


def micros(time: datetime) -> int:
    """Return microseconds since 1970 of an aware time.

    Raises: Invalid: the time has no zone.
    """
    if time.tzinfo is None:
        raise Invalid(f"The time {time.isoformat()} has no zone; times are in UTC.")
    return (time - _EPOCH) // _MICROSECOND


def maybe_micros(time: datetime | None) -> int | None:
    """Return microseconds since 1970, or None."""
    return None if time is None else micros(time)


# looked up, not called: an enum's constructor takes half a microsecond, and a recall reads many rows
_KINDS = {each.value: each for each in Kind}
_TYPES = {each.value: each for each in SemanticType}
_STATES = {each.value: each for each in State}
_TRUSTS = {each.value: each for each in Trust}


def moment(value: int) -> datetime:
    """Return the time in UTC."""
    return _EPOCH + timedelta(microseconds=value)


def maybe_moment(value: int | None) -> datetime | None:
    """Return the time in UTC, or None."""
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def folded(text: str) -> str:
    """Return the text as facts are compared: case-folded, single spaces."""
    return " ".join(text.casefold().split())


def dumps(value: Any) -> str:
    """Return compact JSON."""
    return orjson.dumps(value).decode()


def expiry(cube: MemCube) -> int | None:
    """Return when the cube's life ends; a frozen one stays as it is."""
    if cube.ttl_s is None or cube.state is State.FROZEN:
        return None
    return micros(cube.recorded_at) + int(cube.ttl_s * 1_000_000)


def due(cube: MemCube) -> int | None:
    """Return when the sweeper is to look at a version first: at its end, at once where it knows better when."""
    decays = cube.decays and cube.in_use and not cube.pinned and cube.state is not State.FROZEN
    return micros(cube.updated_at) if decays or cube.state is State.EXPIRED else expiry(cube)


def head(cube: MemCube) -> dict[str, Any]:
    """Return the cube as a row of ``cubes`` (without ``seq`` and ``confirmed_at``)."""
    fact = cube.fact if cube.semantic_type is not SemanticType.TURN else None
    return {
        "id": cube.id,
        "owner": cube.owner,
        "version": cube.version,
        "text": cube.text,
        "kind": cube.kind.value,
        "semantic_type": cube.semantic_type.value,
        "state": cube.state.value,
        "pinned": int(cube.pinned),
        "stable": int(cube.pinned or (fact is not None and fact.profile)),
        "subject": folded(fact.subject) if fact else None,
        "attribute": folded(fact.attribute) if fact else None,
        "value": folded(fact.value) if fact else None,
        "single": int(fact.single) if fact else 0,
        "turn_id": cube.source.turn_id,
        "valid_from": micros(cube.valid_from),
        "valid_to": maybe_micros(cube.valid_to),
        "recorded_at": micros(cube.recorded_at),
        "updated_at": micros(cube.updated_at),
        "superseded_at": maybe_micros(cube.superseded_at),
        "expires_at": expiry(cube),
        "due_at": due(cube),
        "access_count": cube.access_count,
        "last_used_at": maybe_micros(cube.last_used_at),
        "trust": int(cube.trust),
        "priority": cube.priority,
        "useful_count": cube.useful_count,
        "document": cube.source.document_id or None,
        "position": cube.source.position if cube.source.document_id else None,
        "data": dumps(_rest(cube)),
    }


def _rest(cube: MemCube) -> dict[str, Any]:
    fact, source = cube.fact, cube.source
    return {
        "origin": cube.origin.value,
        "source": {
            "conversation_id": source.conversation_id,
            "message_ids": source.message_ids,
            "turn_id": source.turn_id,
            "role": source.role,
            "name": source.name,
            **({"document_id": source.document_id, "position": source.position} if source.document_id else {}),
        },
        "tags": cube.tags,
        "entities": cube.entities,
        "fact": None
        if fact is None
        else {
            "subject": fact.subject,
            "attribute": fact.attribute,
            "value": fact.value,
            "single": fact.single,
            "profile": fact.profile,
        },
        "scope": cube.scope,
        "ttl_s": cube.ttl_s,
        "decays": cube.decays,
        "sensitivity": cube.sensitivity,
        "supersedes": cube.supersedes,
        "derived_from": cube.derived_from,
        "duplicate_of": cube.duplicate_of,
    }


def _rest_fields(rest: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``_rest``'s object as constructor arguments."""
    fact, source = rest["fact"], rest["source"]
    return {
        "origin": Origin(rest["origin"]),
        "source": Source(**{**source, "message_ids": tuple(source["message_ids"])}),
        "tags": tuple(rest["tags"]),
        "entities": tuple(rest["entities"]),
        "fact": None if fact is None else FactKey(**fact),
        "scope": rest["scope"],
        "ttl_s": rest["ttl_s"],
        "decays": rest.get("decays", False),
        "sensitivity": tuple(rest["sensitivity"]),
        "supersedes": tuple(rest["supersedes"]),
        "derived_from": tuple(rest["derived_from"]),
        "duplicate_of": rest.get("duplicate_of", ""),
    }


def cube_of(row: sqlite3.Row) -> MemCube:
    """Return the cube of a row that holds CUBE_COLUMNS."""
    return MemCube(
        id=row["id"],
        owner=row["owner"],
        version=row["version"],
        text=row["text"],
        kind=_KINDS[row["kind"]],
        semantic_type=_TYPES[row["semantic_type"]],
        state=_STATES[row["state"]],
        pinned=bool(row["pinned"]),
        valid_from=moment(row["valid_from"]),
        valid_to=maybe_moment(row["valid_to"]),
        recorded_at=moment(row["recorded_at"]),
        updated_at=moment(row["updated_at"]),
        superseded_at=maybe_moment(row["superseded_at"]),
        access_count=row["access_count"],
        last_used_at=maybe_moment(row["last_used_at"]),
        trust=_TRUSTS[row["trust"]],
        priority=row["priority"],
        useful_count=row["useful_count"],
        **_rest_fields(orjson.loads(row["data"])),
    )


def cube_json(cube: MemCube) -> dict[str, Any]:
    """Return the whole cube as a JSON-ready object, times in ISO 8601."""
    times: dict[str, datetime | None] = {name: getattr(cube, name) for name in _TIMES}
    return {
        "id": cube.id,
        "version": cube.version,
        "owner": cube.owner,
        "text": cube.text,
        "kind": cube.kind.value,
        "semantic_type": cube.semantic_type.value,
        "state": cube.state.value,
        "pinned": cube.pinned,
        "trust": cube.trust.name.lower(),
        "priority": cube.priority,
        "access_count": cube.access_count,
        "useful_count": cube.useful_count,
        **{name: None if time is None else time.isoformat() for name, time in times.items()},
        **_rest(cube),
    }


def cube_from_json(data: Mapping[str, Any]) -> MemCube:
    """Return the cube that ``cube_json`` wrote.

    Raises: Invalid: a field is missing, of another type or out of bounds; ``param`` names it.
    """
    try:
        _check_fields(data)
        times: dict[str, Any] = {
            name: time_of(data, name) if data[name] is not None or name in _NEEDED_TIMES else None for name in _TIMES
        }
        return MemCube(
            id=data["id"],
            version=count_of(data, "version"),
            owner=data["owner"],
            text=data["text"],
            kind=Kind(data["kind"]),
            semantic_type=SemanticType(data["semantic_type"]),
            state=State(data["state"]),
            pinned=data["pinned"],
            access_count=count_of(data, "access_count"),
            useful_count=count_of(data, "useful_count") if "useful_count" in data else 0,
            trust=Trust[data.get("trust", "user").upper()],
            priority=_priority(data.get("priority", 0)),
            **times,
            **_rest_fields(data),
        )
    except KeyError as error:
        raise Invalid(f"{error.args[0]} is missing", param=str(error.args[0])) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise Invalid(f"this is not a cube of an export: {error}") from error


def time_of(data: Mapping[str, Any], name: str) -> datetime:
    """Return an ISO 8601 time in UTC. Raises: Invalid, KeyError."""
    try:
        return datetime.fromisoformat(data[name]).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise Invalid(f"{name} is not a time in ISO 8601", param=name) from None


def count_of(data: Mapping[str, Any], name: str) -> int:
    """Return a count that the database can hold. Raises: Invalid, KeyError."""
    value = data[name]
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise Invalid(f"{name} is not a whole number from 0 to {MAX_COUNT}", param=name)
    return value


def _priority(value: Any) -> int:
    if type(value) is not int or not -100 <= value <= 100:
        raise Invalid("priority is not a whole number from -100 to 100", param="priority")
    return value


def _check_fields(data: Mapping[str, Any]) -> None:
    """Raises: Invalid, KeyError: a field is not of the type that ``cube_json`` gives it."""
    source, fact = data["source"], data["fact"]
    if not isinstance(source, Mapping) or not isinstance(fact, Mapping | None):
        raise Invalid("source or fact is not an object", param="source")
    _check_texts(data, _TEXTS)
    _check_texts(data, [name for name in ("duplicate_of",) if name in data])
    _check_texts(source, ("conversation_id", "role"), "source.")
    _check_texts(source, [name for name in ("turn_id", "name") if source[name] is not None], "source.")
    _check_piece(source)
    for holder, name in (*((data, name) for name in _LISTS), (source, "message_ids")):
        if not isinstance(holder[name], list | tuple) or not all(isinstance(item, str) for item in holder[name]):
            raise Invalid(f"{name} is not a list of texts", param=name)
    flags = [(data, "pinned"), *((data, name) for name in ("decays",) if name in data)]
    if fact is not None:
        _check_texts(fact, ("subject", "attribute", "value"), "fact.")
        flags += [(fact, name) for name in ("single", "profile") if name in fact]
    for holder, name in flags:
        if not isinstance(holder[name], bool):
            raise Invalid(f"{name} is neither true nor false", param=name)
    ttl_s = data["ttl_s"]
    if ttl_s is not None and (type(ttl_s) not in (int, float) or not 0 < ttl_s <= MAX_TTL_S):
        raise Invalid(f"ttl_s is not a number of seconds up to {MAX_TTL_S:.0f}", param="ttl_s")


def _check_piece(source: Mapping[str, Any]) -> None:
    if "document_id" in source:
        _check_texts(source, ("document_id",), "source.")
        count_of(source, "position")


def _check_texts(data: Mapping[str, Any], names: Iterable[str], prefix: str = "") -> None:
    for name in names:
        if not isinstance(data[name], str):
            raise Invalid(f"{prefix}{name} is not a text", param=f"{prefix}{name}")
