"""Laws of the vault that hold for whatever arrives, in whatever order."""

import itertools
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.cube import FactKey, Origin, SemanticType, Source
from memory.errors import Invalid
from memory.governance import Governance
from memory.turn import Draft, Forget, Message, Retract, Scope, TurnRecord
from memory.vault import open_vault

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOVERNANCE = Governance(None)
PLACES = ("Lisbon", "Porto", "Faro", "lisbon")
USERS = (Scope(user="bo"), Scope(user="ann b'\"; --"), Scope(user="ボー"))
LAW = settings(max_examples=40, deadline=None)


@contextmanager
def opened():
    ticks = itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        files = open_vault(Path(folder), clock=lambda: START + timedelta(seconds=next(ticks)))
        try:
            yield files
        finally:
            files.close()


def lives(place, at, *, single=True, text=None):
    return Draft(
        text=text or f"The user lives in {place}.",
        semantic_type=SemanticType.FACT,
        origin=Origin.INFERENCE,
        source=Source(conversation_id="c", message_ids=(f"m{at}",)),
        valid_from=START - timedelta(days=1000 - at),
        fact=FactKey(subject="user", attribute="lives", value=place, single=single, profile=True),
    )


def put(files, *drafts, scope=USERS[0], vectors=None):
    return files.vault.put(GOVERNANCE.admit(scope, drafts), vectors, "model")


statements = st.lists(st.tuples(st.sampled_from(PLACES), st.integers(0, 30)), min_size=1, max_size=8)


@LAW
@given(statements)
def test_one_value_is_current_and_it_is_the_one_stated_last_whatever_the_order(told):
    with opened() as files:
        for place, at in told:
            put(files, lives(place, at))
        (current,) = files.vault.page(USERS[0]).cubes
        latest = max(at for _, at in told)
        assert current.fact.value.casefold() in {place.casefold() for place, at in told if at == latest}
        every = files.vault.page(USERS[0], limit=100, include_superseded=True).cubes
        assert all(cube.valid_to is None or cube.valid_to >= cube.valid_from for cube in every)
        assert [cube.current for cube in every].count(True) == 1
        assert [cube.id for cube in files.vault.profile(USERS[0])] == [current.id]
        ids = {cube.id for cube in every}
        assert all(set(cube.supersedes) <= ids for cube in every)


@LAW
@given(statements)
def test_history_is_never_rewritten(told):
    """What was known at a time is told alike at any later time."""
    with opened() as files:
        snapshots = []
        for place, at in told:
            put(files, lives(place, at))
            now = files.vault._clock()
            snapshots.append((now, files.vault.known_at(USERS[0], now)))
        for now, known in snapshots:
            assert files.vault.known_at(USERS[0], now) == known
        for cube in files.vault.page(USERS[0], limit=100, include_superseded=True).cubes:
            versions = files.vault.history(USERS[0], cube.id)
            assert [version.version for version in versions] == list(range(1, len(versions) + 1))
            assert versions[-1] == cube


@LAW
@given(st.lists(st.tuples(st.sampled_from(USERS), st.sampled_from(PLACES), st.booleans()), max_size=12))
def test_no_read_of_one_user_returns_anothers_cube(told):
    with opened() as files:
        vault = files.vault
        for at, (scope, place, single) in enumerate(told):
            put(files, lives(place, at, single=single), scope=scope, vectors=np.eye(1, 4, dtype=np.float32))
        everything = {
            scope: {cube.id for cube in vault.page(scope, limit=99, include_superseded=True).cubes} for scope in USERS
        }
        every = set().union(*everything.values())
        assert sum(map(len, everything.values())) == len(every)
        for scope, mine in everything.items():
            reads = [
                [cube.owner for cube in vault.page(scope, limit=99, include_superseded=True).cubes],
                [cube.owner for cube in vault.get_many(scope, sorted(every))],
                [cube.owner for cube in vault.profile(scope)],
                [cube.owner for cube in vault.recent(scope, limit=99)],
                [cube.owner for cube in vault.labelled(scope, ["lisbon"], limit=99)],
                [cube.owner for cube in vault.known_at(scope, START + timedelta(days=1))],
                [row["owner"] for row in vault.export(scope) if row["object"] == "memos.cube"],
            ]
            assert set().union(*reads) <= {scope.user}
            assert {cube_id for cube_id, _ in vault.lexical(scope, "lives Lisbon Porto Faro")[0]} <= mine
            assert set(vault.vectors(scope, "model")[0]) <= mine


@LAW
@given(st.lists(st.sampled_from(USERS), min_size=1, max_size=4), st.data())
def test_removing_what_one_user_has_leaves_the_others_as_they_were(scopes, data):
    with opened() as files:
        vault = files.vault
        for scope in USERS:
            put(files, lives("Lisbon", 1), lives("Porto", 2), scope=scope)
            files.ledger.append(_record(scope, "I live in Porto."))
        untouched = [scope for scope in USERS if scope not in scopes]
        before = {scope: list(vault.export(scope))[1:] for scope in untouched}
        for scope in scopes:
            way = data.draw(st.sampled_from(["erase", "forget", "everything", "retract"]))
            if way == "erase":
                assert vault.erase(scope, None)["verified"]
            elif way == "retract":
                vault.retract(scope, [Retract(fact=lives("", 0).fact, at=START)])
            else:
                vault.forget(scope, Forget(target="x", attributes=("lives",), everything=way == "everything"))
            assert vault.page(scope).cubes == []
        assert {scope: list(vault.export(scope))[1:] for scope in untouched} == before


def _record(scope, text):
    messages = (Message(role="user", text=text, id="m1", created_at=START),)
    return TurnRecord(scope=scope, turn_hash=text, conversation_id="c", messages=messages)


def _without_redundant(rows):
    """Export rows without what an import cannot keep: when it was exported."""
    return [{key: value for key, value in row.items() if key != "exported_at"} for row in rows]


@LAW
@given(statements, st.lists(st.text(min_size=1, max_size=40), max_size=4))
def test_an_export_taken_in_elsewhere_gives_the_same_export(told, texts):
    with opened() as files, opened() as other:
        for place, at in told:
            put(files, lives(place, at))
        for number, text in enumerate(texts):
            put(files, lives(str(number), number, single=False, text=text))
            files.ledger.append(_record(USERS[0], text))
        rows = list(files.vault.export(USERS[0]))
        counts = other.vault.import_rows(USERS[0], rows)
        assert counts["skipped"] == 0
        assert _without_redundant(other.vault.export(USERS[0])) == _without_redundant(rows)
        again = other.vault.import_rows(USERS[0], rows)
        assert (again["cubes"], again["turns"]) == (0, 0)
        assert _without_redundant(other.vault.export(USERS[0])) == _without_redundant(rows)
        assert other.vault.lexical(USERS[0], "Lisbon Porto Faro")[1] == files.vault.lexical(USERS[0], "x")[1]


@LAW
@given(statements)
def test_an_import_by_another_user_of_the_same_vault_is_a_copy_with_ids_of_its_own(told):
    with opened() as files:
        for place, at in told:
            put(files, lives(place, at))
        files.ledger.append(_record(USERS[0], "I live in Porto."))
        rows = list(files.vault.export(USERS[0]))
        files.vault.import_rows(USERS[1], rows)
        files.vault.import_rows(USERS[1], rows)
        mine, theirs = (
            files.vault.page(scope, limit=99, include_superseded=True).cubes for scope in (USERS[0], USERS[1])
        )
        assert [cube.text for cube in mine] == [cube.text for cube in theirs]
        assert not {cube.id for cube in mine} & {cube.id for cube in theirs}
        ids = {cube.id for cube in theirs}
        assert all(set(cube.supersedes) <= ids for cube in theirs)
        assert list(files.vault.export(USERS[0]))[1:] == rows[1:]


def test_an_import_into_a_memory_with_a_newer_value_keeps_one_value_current():
    with opened() as files, opened() as other:
        put(files, lives("Lisbon", 1))
        put(other, lives("Porto", 9))
        other.vault.import_rows(USERS[0], list(files.vault.export(USERS[0])))
        assert [cube.fact.value for cube in other.vault.page(USERS[0]).cubes] == ["Porto"]


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"object": "else"},
        {"object": "memos.export", "format": 99},
        {"object": "memos.cube", "id": 3},
        {"object": "memos.turn", "id": "turn_1"},
    ],
)
def test_a_row_of_something_else_imports_nothing(row):
    with opened() as files, opened() as other:
        put(files, lives("Lisbon", 1))
        rows = [*files.vault.export(USERS[0]), row]
        with pytest.raises(Invalid, match=f"Row {len(rows)}"):
            other.vault.import_rows(USERS[0], rows)
        assert other.vault.page(USERS[0]).cubes == []


@LAW
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abcd")), max_size=40))
def test_the_word_index_agrees_with_the_cubes_after_any_changes(steps):
    """Put, change and delete in any order: the index finds exactly the current cubes that hold the word."""
    with opened() as files:
        vault, scope = files.vault, USERS[0]
        for slot, letter in steps:
            cubes = vault.page(scope, limit=99).cubes
            if slot < len(cubes) and letter == "d":
                vault.delete(scope, [cubes[slot].id])
            elif slot < len(cubes) and letter == "c":
                changed = _changed(cubes[slot], f"word{slot} changed")
                vault.update(scope, changed, expected_version=None, vector=None, model_id="")
            else:
                put(files, lives("x", slot, single=False, text=f"word{slot} {letter}"))
        cubes = vault.page(scope, limit=99).cubes
        for word in ("word0", "word3", "changed", "a"):
            expected = {cube.id for cube in cubes if word in cube.text.split()}
            found, count = vault.lexical(scope, word)
            assert {cube_id for cube_id, _ in found} == expected
            assert count == len(cubes)
        assert all(score >= 0 for _, score in vault.lexical(scope, "word0 changed a")[0])


def _changed(cube, text):
    from dataclasses import replace

    return replace(cube, text=text, fact=None)
