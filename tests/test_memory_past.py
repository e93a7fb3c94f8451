"""Questions about an earlier time find what was known then without reading all of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from memory.cube import FactKey, Origin, SemanticType, Source
from memory.governance import Governance
from memory.turn import Draft, Scope
from memory.vault import open_vault

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANN = Scope(user="ann")
FILLERS = 600  # more than are read as a whole


class World:
    def __init__(self, folder) -> None:
        self.now = START
        self.files = open_vault(folder, clock=lambda: self.now)
        self.vault = self.files.vault
        self.put(*(f"Note {number} is about stamps." for number in range(FILLERS)))

    def put(self, *texts, **more):
        self.now += timedelta(hours=1)
        drafts = [
            Draft(
                text=text,
                semantic_type=SemanticType.FACT,
                origin=Origin.USER_INPUT,
                source=Source(),
                valid_from=self.now,
                **more,
            )
            for text in texts
        ]
        return self.vault.put(Governance(None).admit(ANN, drafts), None, "").created[0]

    def revise(self, cube, **changes):
        self.now += timedelta(hours=1)
        wished = replace(self.vault.get(ANN, cube.id), **changes)
        return self.vault.update(ANN, wished, expected_version=None, vector=None, model_id="")

    def lives(self, city, **more):
        fact = FactKey(subject="user", attribute="lives", value=city, profile=True)
        return self.put(f"The user lives in {city}.", fact=fact, **more)

    def likely(self, as_of, query, near=()):
        return {cube.text for cube in self.vault.known_likely(ANN, as_of, query, near)}


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.files.close()


def test_what_was_superseded_is_found_by_its_own_words(world):
    """It has left the indexes of the present."""
    world.lives("Lisbon")
    then = world.now
    world.lives("Porto")
    assert "The user lives in Lisbon." in world.likely(then, "Lisbon?")
    assert "The user lives in Porto." not in world.likely(then, "Porto?")
    assert "The user lives in Lisbon." not in world.likely(world.now, "Lisbon?")


def test_the_value_of_then_is_found_by_the_value_of_now(world):
    """A question may be like the present value only: it states the same fact."""
    world.lives("Lisbon")
    then = world.now
    present = world.lives("Porto")
    assert "The user lives in Lisbon." in world.likely(then, "Whereabouts?", near=[present.id])


def test_earlier_words_of_a_memory_are_found(world):
    """A revision takes the old words out of the index; whatever state it is in now."""
    cube = world.put("The violin is in the cupboard.")
    then = world.now
    world.revise(cube, text="The cello is in the attic.")
    later = world.now
    world.revise(cube, superseded_at=world.now)
    assert world.likely(then, "violin") == {"The violin is in the cupboard."}
    assert world.likely(later, "cello") == {"The cello is in the attic."}
    assert world.likely(then - timedelta(days=1), "violin") == set()


def test_the_profile_of_then_is_what_reading_everything_gives(world):
    """Also what is pinned no longer."""
    world.lives("Lisbon")
    pinned = world.put("Answer in British English.", pinned=True)
    times = [world.now]
    world.lives("Porto")
    times.append(world.now)
    world.revise(pinned, pinned=False)
    times.append(world.now)
    for time in times:
        known = world.vault.known_at(ANN, time)
        of_then = [cube for cube in known if cube.pinned or (cube.fact is not None and cube.fact.profile)]
        assert world.vault.profile(ANN, as_of=time) == of_then
        assert of_then


def test_deleted_words_of_the_past_are_gone(world, tmp_path):
    """They lie among the labels, and go with their cube."""
    cube = world.put("The violin is in the cupboard.")
    then = world.now
    world.revise(cube, text="The cello is in the attic.")
    world.vault.delete(ANN, [cube.id])
    assert world.likely(then, "violin cello") == set()
    world.files.connections.checkpoint()
    assert b"violin" not in (tmp_path / "memos.db").read_bytes()


def test_no_search_of_the_present_reads_the_words_of_the_past(world):
    """They are nobody's labels."""
    cube = world.put("The violin is in the cupboard.")
    world.revise(cube, text="The cello is in the attic.")
    assert world.vault.labelled(ANN, ["violin"], limit=9) == []
    assert world.vault.lexical(ANN, "violin")[0] == []


def test_what_was_known_before_the_words_were_kept_is_read_as_a_whole(world):
    """A vault of an older program has history without them."""
    world.lives("Lisbon")
    then = world.now
    world.lives("Porto")
    with world.files.connections.write() as connection:
        connection.execute("UPDATE past_words SET since = ?", (2**60,))
        connection.execute("DELETE FROM labels")
    known = world.likely(then, "anything")
    assert "The user lives in Lisbon." in known
    assert len(known) == FILLERS + 1
