"""Laws of the MemCube: JSON keeps all of it, equal content has an equal hash, and nothing changes in place."""

import dataclasses
import hashlib
import json
import sqlite3
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.change import Change, Operation
from memory.cube import MAX_TTL_S, FactKey, Kind, MemCube, Origin, SemanticType, Source, State, Trust
from memory.turn import Scope
from memory.vault import open_vault
from memory.vault.cubes import by_ids, change, insert
from memory.vault.rows import CUBE_COLUMNS, cube_from_json, cube_json, cube_of, head
from proxy.memory_schema import memcube_schema
from proxy.memory_wire import Cube

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
names = texts.filter(bool)
times = st.datetimes(datetime(1970, 1, 2), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
lists = st.lists(names, max_size=3, unique=True).map(tuple)
facts = st.builds(FactKey, subject=names, attribute=names, value=texts, single=st.booleans(), profile=st.booleans())
sources = st.builds(
    Source, conversation_id=texts, message_ids=lists, turn_id=st.none() | names, role=names, name=st.none() | names
)
cubes = st.builds(
    MemCube,
    id=names,
    version=st.integers(1, 2**53),
    owner=names,
    text=texts,
    kind=st.sampled_from(Kind),
    semantic_type=st.sampled_from(SemanticType),
    origin=st.sampled_from(Origin),
    source=sources,
    tags=lists,
    entities=lists,
    fact=st.none() | facts,
    state=st.sampled_from(State),
    scope=st.sampled_from(["private", "group", "organisation", "public"]),
    trust=st.sampled_from(Trust),
    pinned=st.booleans(),
    ttl_s=st.none() | st.floats(1e-6, MAX_TTL_S),
    decays=st.booleans(),
    priority=st.integers(-100, 100),
    sensitivity=lists,
    access_count=st.integers(0, 2**53),
    useful_count=st.integers(0, 2**53),
    last_used_at=st.none() | times,
    supersedes=lists,
    derived_from=lists,
    duplicate_of=texts,
    valid_from=times,
    valid_to=st.none() | times,
    recorded_at=times,
    updated_at=times,
    superseded_at=st.none() | times,
)
LAW = settings(max_examples=100, deadline=None)
#: what a cube says; everything else is about it
CONTENT = {"text", "kind", "semantic_type", "valid_from"}


def shuffled(value: Any, reverse: bool) -> Any:
    """The same JSON with its fields in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], reverse) for key in sorted(value, reverse=reverse)}
    return [shuffled(item, reverse) for item in value] if isinstance(value, list | tuple) else value


@LAW
@given(cubes, st.booleans())
def test_a_cube_comes_back_from_json_as_it_was_whatever_the_order_of_its_fields(cube: MemCube, reverse: bool) -> None:
    written = orjson.dumps(shuffled(cube_json(cube), reverse))
    again = cube_from_json(orjson.loads(written))
    assert again == cube
    assert again.content_hash == cube.content_hash
    assert cube_json(again) == cube_json(cube)


def test_json_has_every_field_of_a_cube() -> None:
    """A field that is added and left out of the JSON would be lost by versions and exports."""
    now = datetime(2026, 3, 14, tzinfo=UTC)
    cube = MemCube(id="a", version=1, owner="b", text="c", valid_from=now, recorded_at=now, updated_at=now)
    assert cube_json(cube).keys() == {each.name for each in dataclasses.fields(MemCube)}


@LAW
@given(cubes)
def test_a_cube_comes_back_from_its_row_as_it_was(cube: MemCube) -> None:
    row = head(cube)
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.execute(f"CREATE TABLE cubes ({', '.join(row)})")
    connection.execute(f"INSERT INTO cubes VALUES ({', '.join('?' * len(row))})", list(row.values()))
    assert cube_of(connection.execute(f"SELECT {CUBE_COLUMNS} FROM cubes").fetchone()) == cube
    connection.close()


@LAW
@given(cubes, cubes)
def test_equal_content_has_an_equal_hash_and_other_content_another(one: MemCube, other: MemCube) -> None:
    same = all(getattr(one, name) == getattr(other, name) for name in CONTENT)
    assert (one.content_hash == other.content_hash) == same
    about = {each.name: getattr(other, each.name) for each in dataclasses.fields(MemCube) if each.name not in CONTENT}
    assert replace(one, **about).content_hash == one.content_hash


@LAW
@given(cubes, st.integers(-14, 14))
def test_the_hash_is_over_a_canonical_form_that_anyone_can_make(cube: MemCube, hours: int) -> None:
    """Canonical: sorted keys, the separators of json.dumps, UTF-8, ISO 8601 in UTC."""
    fields = shuffled({name: cube_json(cube)[name] for name in CONTENT}, reverse=True)
    canonical = json.dumps(fields, sort_keys=True, ensure_ascii=False).encode()
    assert hashlib.sha256(canonical).hexdigest() == cube.content_hash
    elsewhere = cube_json(cube) | {
        "valid_from": cube.valid_from.astimezone(timezone(timedelta(hours=hours))).isoformat()
    }
    assert cube_from_json(elsewhere).content_hash == cube.content_hash


@LAW
@given(cubes)
def test_a_cube_cannot_be_changed_in_place(cube: MemCube) -> None:
    before = hash(cube)
    for each in dataclasses.fields(cube):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(cube, each.name, None)
    assert hash(cube) == before
    assert hash(replace(cube)) == before


@LAW
@given(cubes)
def test_every_cube_is_as_the_published_schema_says(cube: MemCube) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    validator.validate({"object": "memos.cube", "newest": True, **orjson.loads(orjson.dumps(cube_json(cube)))})
    validator.validate(Cube.of(cube, score=1.0).model_dump(mode="json"))


SCHEMA = memcube_schema()


@settings(max_examples=20, deadline=None)
@given(cubes, st.lists(cubes, max_size=5))
def test_no_stored_version_changes_when_others_follow(first: MemCube, later: list[MemCube]) -> None:
    """Every version that was ever the newest is read back as it was written, bit by bit."""
    scope = Scope(user="ada")
    now = datetime(2026, 3, 14, tzinfo=UTC)
    start = replace(first, id="mem_a", owner="ada", version=1, scope="private", recorded_at=now, updated_at=now)
    with tempfile.TemporaryDirectory() as folder:
        files = open_vault(Path(folder), clock=lambda: now)
        with files.connections.write(Change.by(scope, Operation.REMEMBER)) as connection:
            written = [insert(connection, start).cube]
        for number, cube in enumerate(later, start=1):
            with files.connections.write(Change.by(scope, Operation.REVISE)) as connection:
                (stored,) = by_ids(connection, "ada", ["mem_a"])
                following = replace(cube, id="mem_a", owner="ada", recorded_at=now)
                written.append(change(connection, stored, following, now=now + timedelta(seconds=number)).cube)
        with files.connections.read() as connection:
            (newest,) = by_ids(connection, "ada", ["mem_a"])
            rows = connection.execute("SELECT data FROM versions ORDER BY version").fetchall()
        read = [*(cube_from_json(orjson.loads(row[0])) for row in rows), newest.cube]
        files.close()
    assert read == written
    assert [cube.version for cube in read] == list(range(1, len(later) + 2))
