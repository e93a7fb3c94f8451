"""What an import must not bring in: text that others shared, states that wait for nothing, histories that cannot be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.flat import Flat
from memory.cube import Origin, SemanticType, Source, State
from memory.embeddings import Embeddings
from memory.errors import Invalid
from memory.governance import Governance
from memory.lifespan import Lifespans
from memory.organiser import Organiser
from memory.spaces import Role, SpaceKind, Terms
from memory.turn import Draft, Message, Scope, TurnRecord
from memory.upkeep import Quota, Upkeep
from memory.vault import open_vault

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANN, BEN = Scope(user="ann"), Scope(user="ben")


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def files(tmp_path, clock):
    opened = open_vault(tmp_path / "one", clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def other(tmp_path, clock):
    opened = open_vault(tmp_path / "other", clock=clock)
    yield opened
    opened.close()


def tell(files, text, scope=ANN, **more):
    fields = {"semantic_type": SemanticType.FACT, "origin": Origin.USER_INPUT, "source": Source(), "valid_from": START}
    admitted = Governance(None).admit(scope, [Draft(text=text, **(fields | more))])
    return files.vault.put(admitted, None, "").created[0]


def rows(files, sql, *bound):
    with files.connections.read() as connection:
        return [tuple(row) for row in connection.execute(sql, bound)]


# -- what others had shared


def talk(files, scope, text, injected):
    record = TurnRecord(
        scope=scope,
        turn_hash=text,
        conversation_id="c",
        messages=(Message(role="user", text=text),),
        injected={"stable": "S", "trust": 1, **injected},
    )
    files.ledger.close(scope, files.ledger.open(record, dedupe_window_s=0), "Okay.")


def test_what_others_had_shared_does_not_come_back_with_a_turn(files, other):
    """It may be shared no more: an import must not undo a revocation, here or in another vault."""
    cube = tell(files, "The violin is in the cupboard.")
    space = files.spaces.create(ANN, kind=SpaceKind.GROUP, name="Kitchen").id
    files.spaces.invite(ANN, space, "ben", Role.READER)
    files.spaces.join(BEN, space)
    files.vault.share(ANN, cube.id, space, Terms())
    own = tell(files, "The user plays the violin.", BEN)
    ids = [own.id, cube.id]
    injected = {"turn": f"- {own.text}\n- {cube.text}", "ids": ids, "turn_ids": ids, "shared": [cube.id]}
    talk(files, BEN, "Where is it?", injected)
    kept = list(files.vault.export(BEN))
    assert "cupboard" in str(kept), "it is shared, so it stands in the export"
    files.vault.revoke(ANN, cube.id, space)
    files.vault.erase(BEN, None)
    for vault in (files.vault, other.vault):
        assert vault.import_rows(BEN, kept)["turns"] == 1
    for each in (files, other):
        assert "cupboard" not in str(rows(each, "SELECT injected, messages, answer FROM turns"))
        (row,) = each.ledger.find(BEN, ["Where is it?"])
        assert row.injected == {"stable": "S", "turn": "", "ids": [], "turn_ids": [], "shared": [], "trust": 1}


def test_a_turn_with_nothing_shared_in_it_is_taken_in_as_it_was(files, other):
    """The block of the own memories is what the turn was answered from."""
    own = tell(files, "The user plays the violin.", BEN)
    injected = {"turn": f"- {own.text}", "ids": [own.id], "turn_ids": [own.id], "shared": []}
    talk(files, BEN, "What do I play?", injected)
    other.vault.import_rows(BEN, list(files.vault.export(BEN)))
    (row,) = other.ledger.find(BEN, ["What do I play?"])
    assert row.injected == {"stable": "S", "trust": 1, **injected}


# -- states


def organised(files):
    work = Organiser(files.vault, Embeddings(None, Flat(), files.vault), None)
    return [work.step(limit=9) for _ in range(3)]


def test_memories_that_were_only_generated_are_in_use_once_they_are_imported(files, other):
    """No other way leads them out of that state, and what cannot be merged holds the organiser up."""
    for text in ("The user keeps bees.", "The user keeps bees!"):
        tell(files, text, semantic_type=SemanticType.PREFERENCE)
    told = [{**row, "state": "generated"} if row["object"] == "memos.cube" else row for row in files.vault.export(ANN)]
    other.vault.import_rows(ANN, told)
    assert {cube.state for cube in other.vault.page(ANN, limit=9).cubes} == {State.ACTIVATED}
    assert organised(other) == [2, 0, 0]
    assert len(other.vault.page(ANN, limit=9).cubes) == 1


def test_a_memory_that_cannot_be_merged_does_not_hold_the_organiser_up(files):
    """An earlier program took in such states; each batch that failed was looked at again, for ever."""
    for text in ("The user keeps bees.", "The user keeps bees!", "I drink tea.", "I drink tea!"):
        tell(files, text, semantic_type=SemanticType.PREFERENCE)
    with files.connections.write() as connection:
        connection.execute("UPDATE cubes SET state = 'generated' WHERE text LIKE '%bees%'")
    assert organised(files) == [4, 0, 0]
    texts = sorted(cube.text for cube in files.vault.page(ANN, limit=9).cubes)
    assert [text for text in texts if "bees" in text] == ["The user keeps bees!", "The user keeps bees."]
    assert len(texts) == 3, "the others are merged"


# -- versions


def versions_of(files):
    """The rows of one memory with three versions, and its manifest."""
    cube = tell(files, "The soup is on Monday.", ttl_s=60)
    for tag in ("one", "two"):
        current = files.vault.get(ANN, cube.id)
        told = replace(current, tags=(tag,))
        files.vault.update(ANN, told, expected_version=current.version, vector=None, model_id="")
    manifest, *rest = files.vault.export(ANN)
    assert [row["version"] for row in rest] == [1, 2, 3]
    return manifest, rest


@pytest.mark.parametrize(
    ("numbers", "bad_row"),
    [((1, 1, 2), 3), ((1, 2, 2), 4), ((2, 1, 3), 3), ((0, 1, 2), 2), ((3, 3, 3), 3)],
    ids=["repeated", "newest repeated", "backwards", "from zero", "all the same"],
)
def test_a_history_whose_versions_do_not_grow_is_refused_whole(files, other, numbers, bad_row):
    """The next change of such a memory would fail, and with it each sweep of its user."""
    manifest, rest = versions_of(files)
    told = [{**row, "version": number} for row, number in zip(rest, numbers, strict=True)]
    named = f"Row {bad_row} .*version {numbers[bad_row - 2]} of '{rest[0]['id']}'"
    with pytest.raises(Invalid, match=named) as e:
        other.vault.import_rows(ANN, [manifest, *told])
    assert e.value.param == "version"
    assert rows(other, "SELECT * FROM cubes") == []


def test_versions_may_have_gaps_and_stand_between_those_of_others(files, other, clock):
    """What matters to the next change is that they grow; after it the sweep goes on as ever."""
    manifest, rest = versions_of(files)
    told = [{**row, "version": number} for row, number in zip(rest, (2, 5, 9), strict=True)]
    second = [{**row, "id": "mem_second"} for row in rest]
    mixed = [row for pair in zip(told, second, strict=True) for row in pair]
    assert other.vault.import_rows(ANN, [manifest, *mixed])["cubes"] == 2
    clock.now += timedelta(hours=1)
    upkeep = Upkeep(other.vault, Embeddings(None, Flat(), other.vault), None, rules=Lifespans(), quota=Quota(), batch=9)
    assert upkeep.sweep() == 2
    assert sorted(rows(other, "SELECT version, state FROM cubes")) == [(4, "expired"), (10, "expired")]


def test_a_turn_that_comes_twice_is_refused_with_its_row(files, other):
    """As a version that comes twice; else the database says it, in words of its own."""
    talk(files, BEN, "Hi!", {})
    told = list(files.vault.export(BEN))
    with pytest.raises(Invalid, match=r"Row 3 .*turn_") as e:
        other.vault.import_rows(BEN, [*told, told[-1]])
    assert e.value.param == "id"
