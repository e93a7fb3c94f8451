"""Laws of the Time Machine over random histories: what a time looked like from later is what a way back to it gives."""

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.flat import Flat
from adapters.registry import embedders
from memory.change import Change, Operation
from memory.cube import FactKey, MemCube, Origin, SemanticType, Source, State
from memory.embeddings import Embeddings
from memory.errors import NotFound, Refused, Stale
from memory.governance import Governance
from memory.injector import Injector
from memory.operator import Operator, Weights
from memory.pipeline import Pipeline, Stations
from memory.ports import Embedder
from memory.reader import Reader
from memory.rules.questions import asked_about
from memory.scheduler import Policy, Scheduler
from memory.timemachine import TimeMachine, same_content
from memory.turn import Controls, Draft, Retract, Scope
from memory.vault import VaultFiles, open_vault
from memory.vault.cubes import by_ids, change
from memory.writer import Writer

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA = Scope(user="ada", key_id="k1")
BEN = Scope(user="ben", key_id="k2")
PLACES = ("Lisbon", "Porto", "Faro")
LAW = settings(max_examples=30, deadline=None)
FEWER = settings(max_examples=15, deadline=None)


class Words:
    """Counts words as tokens."""

    exact = False

    def count(self, texts: list[str]) -> list[int]:
        return [len(text.split()) for text in texts]


@dataclass
class World:
    """One vault with all that works on it, and a clock that ticks at every look."""

    files: VaultFiles
    pipeline: Pipeline
    machine: TimeMachine
    clock: Callable[[], datetime]
    snapshots: list[str] = field(default_factory=list)

    def current(self, scope: Scope = ADA) -> dict[str, MemCube]:
        """What is known now, by id."""
        return {cube.id: cube for cube in self.files.vault.known_at(scope, self.clock())}

    def at(self, time: datetime) -> dict[str, MemCube]:
        return {cube.id: cube for cube in self.files.vault.known_at(ADA, time)}

    def every(self) -> list[MemCube]:
        return self.files.vault.page(ADA, limit=1000, include_superseded=True).cubes


@contextmanager
def world(embedder: Embedder | None = None) -> Iterator[World]:
    ticks = itertools.count()

    def clock() -> datetime:
        return START + timedelta(seconds=next(ticks))

    with tempfile.TemporaryDirectory() as folder:
        files = open_vault(Path(folder), clock=clock)
        embeddings = Embeddings(embedder, Flat(budget_bytes=1 << 20), files.vault)
        stations = Stations(
            reader=Reader(clock),
            scheduler=Scheduler(Policy()),
            operator=Operator(files.vault, embeddings, Weights(), asked_about),
            injector=Injector(Words()),
            writer=Writer(keep_turns="all", derive_facts=True, assistant_novel_words=4),
            governance=Governance(None),
            vault=files.vault,
            ledger=files.ledger,
            embeddings=embeddings,
            clock=clock,
        )
        pipeline = Pipeline(stations)
        try:
            yield World(files, pipeline, TimeMachine(pipeline, stations, files.history), clock)
        finally:
            files.close()


def draft(text: str, at: datetime, fact: FactKey | None = None, **more: Any) -> Draft:
    return Draft(
        text=text,
        semantic_type=SemanticType.FACT,
        origin=Origin.USER_INPUT,
        source=Source(conversation_id="c"),
        valid_from=at,
        fact=fact,
        **more,
    )


def lives(place: str, at: datetime) -> Draft:
    fact = FactKey(subject="user", attribute="lives", value=place, profile=True)
    return draft(f"The user lives in {place}.", at, fact)


# One step of a history: what is done, and two numbers that choose to what.
KINDS = ("tell", "move", "likes", "revise", "pin", "retract", "archive", "rollback", "undo", "redo", "snapshot", "use")
steps = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 7), st.integers(0, 3)), min_size=1, max_size=14)


def live(here: World, history: list[tuple[str, int, int]]) -> list[datetime]:
    """Live through a history; return the moments between its steps."""
    moments = [here.clock()]
    for kind, one, other in history:
        step(here, kind, one, other, moments)
        moments.append(here.clock())
    return moments


def step(here: World, kind: str, one: int, other: int, moments: list[datetime]) -> None:
    cubes = [cube for cube in here.every() if cube.current]
    if kind in ON_A_CUBE and cubes:
        ON_A_CUBE[kind](here, cubes[one % len(cubes)], one, other)
    elif kind == "rollback":
        here.machine.rollback(ADA, moments[one % len(moments)].isoformat())
    elif kind in ("undo", "redo"):
        _undo(here, kind, one)
    elif kind == "snapshot":
        here.snapshots.append(here.machine.keep_snapshot(ADA, f"s{len(here.snapshots)}").name)
    elif kind == "retract":
        fact = FactKey(subject="user", attribute="lives", value="")
        here.files.vault.retract(ADA, [Retract(fact=fact, at=here.clock())])
    else:
        here.pipeline.remember(ADA, _told(kind, one, other, here.clock()))


def _told(kind: str, one: int, other: int, now: datetime) -> Draft:
    if kind == "move":
        return lives(PLACES[other % 3], now - timedelta(days=one))
    if kind == "likes":
        fact = FactKey(subject="user", attribute="likes", value=f"thing{other}", single=False)
        return draft(f"The user likes thing{other}.", now, fact)
    return draft(f"Note {one} about topic{other}.", now, tags=(f"tag{one}",))


def _revise(here: World, cube: MemCube, one: int, other: int) -> None:
    here.pipeline.revise(ADA, replace(cube, text=f"Revised {one} about topic{other}."), expected_version=None)


def _pin(here: World, cube: MemCube, _one: int, _other: int) -> None:
    here.pipeline.revise(ADA, replace(cube, pinned=not cube.pinned), expected_version=None)


def _use(here: World, cube: MemCube, _one: int, _other: int) -> None:
    here.files.vault.used(ADA, [cube.id])


def _archive(here: World, cube: MemCube, _one: int, _other: int) -> None:
    """Put a memory away for being of no use: it is current still."""
    with here.files.connections.write(Change.by(ADA, Operation.ARCHIVE)) as connection:
        (stored,) = by_ids(connection, ADA.user, [cube.id])
        if stored.cube.state in (State.ACTIVATED, State.MERGED):
            change(connection, stored, replace(stored.cube, state=State.ARCHIVED), now=here.clock())


ON_A_CUBE = {"revise": _revise, "pin": _pin, "use": _use, "archive": _archive}


def _undo(here: World, kind: str, one: int) -> None:
    page = here.files.history.changes(ADA, limit=100).changes
    wanted = [each for each in page if (each.operation is Operation.UNDO) == (kind == "redo")]
    try:
        if kind == "undo" and one % 2:
            here.machine.undo(ADA, None)
        elif wanted:
            here.machine.undo(ADA, wanted[one % len(wanted)].id)
    except (NotFound, Stale):
        pass  # refused whole: the laws hold all the same


def same(one: dict[str, MemCube], other: dict[str, MemCube]) -> bool:
    return one.keys() == other.keys() and all(same_content(one[key], other[key]) for key in one)


@LAW
@given(steps, st.data())
def test_a_rollback_gives_what_was_known_then(history: list[tuple[str, int, int]], data: st.DataObject) -> None:
    with world() as here:
        moments = live(here, history)
        then = data.draw(st.sampled_from(moments))
        known = here.at(then)
        here.machine.rollback(ADA, then.isoformat())
        assert same(here.current(), known)
        assert here.at(then) == known


@LAW
@given(steps, st.data())
def test_of_two_rollbacks_the_last_one_counts_and_forward_works_like_back(
    history: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    with world() as here:
        moments = live(here, history)
        first, second = data.draw(st.sampled_from(moments)), data.draw(st.sampled_from(moments))
        before, known = here.current(), here.at(second)
        present = here.clock()
        here.machine.rollback(ADA, first.isoformat())
        here.machine.rollback(ADA, second.isoformat())
        assert same(here.current(), known)
        here.machine.rollback(ADA, present.isoformat())
        assert same(here.current(), before)
        again = here.machine.rollback(ADA, present.isoformat())[1]
        assert (again.restored, again.closed) == ((), ())


@LAW
@given(steps)
def test_no_version_is_ever_rewritten_and_each_follows_the_one_before(history: list[tuple[str, int, int]]) -> None:
    with world() as here:
        seen: dict[tuple[str, int], MemCube] = {}
        moments = [here.clock()]
        for kind, one, other in history:
            step(here, kind, one, other, moments)
            moments.append(here.clock())
            for cube in here.every():
                versions = here.files.vault.history(ADA, cube.id)
                assert [each.version for each in versions] == list(range(1, len(versions) + 1))
                times = [each.updated_at for each in versions]
                assert times == sorted(times)
                for version in versions[:-1]:
                    assert seen.setdefault((cube.id, version.version), version) == version
                newest = replace(versions[-1], access_count=0, last_used_at=None)
                known = seen.get((cube.id, newest.version))
                assert known is None or same_content(known, newest)


@LAW
@given(steps)
def test_what_was_known_at_a_time_is_told_alike_for_ever(history: list[tuple[str, int, int]]) -> None:
    with world() as here:
        moments = [here.clock()]
        told = [(moments[0], here.at(moments[0]))]
        for kind, one, other in history:
            step(here, kind, one, other, moments)
            moments.append(here.clock())
            told.append((moments[-1], here.at(moments[-1])))
        for moment, known in told:
            assert same(here.at(moment), known)


@LAW
@given(steps)
def test_undo_gives_what_was_before_and_redo_what_was_after(history: list[tuple[str, int, int]]) -> None:
    with world() as here:
        live(here, history)
        newest = here.files.history.changes(ADA, limit=1).changes
        if not newest:
            return
        after = here.current()
        undone = here.machine.undo(ADA, newest[0].id)
        assert undone.change_id is not None
        made = here.files.history.changes(ADA, limit=2).changes
        assert made[0].id == undone.change_id
        assert (made[0].note, made[1].undone_by) == (newest[0].id, undone.change_id)
        here.machine.undo(ADA, undone.change_id)
        assert same(here.current(), after)


@LAW
@given(steps)
def test_undoing_everything_newest_first_leaves_nothing_known(history: list[tuple[str, int, int]]) -> None:
    with world() as here:
        live(here, [each for each in history if each[0] not in ("undo", "redo")])
        count = 0
        while True:
            try:
                here.machine.undo(ADA, None)
            except NotFound:
                break
            count += 1
            assert count <= 2 * len(history)
        assert here.current() == {}
        assert all(not cube.current for cube in here.every())


@LAW
@given(steps, st.data())
def test_the_index_of_words_and_labels_follows_every_way_back(
    history: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    with world() as here:
        moments = live(here, history)
        here.machine.rollback(ADA, data.draw(st.sampled_from(moments)).isoformat())
        in_use = {key: cube for key, cube in here.current().items() if cube.in_use}
        for word in ("topic0", "topic1", "topic2", "thing1", "Lisbon", "Porto"):
            expected = {key for key, cube in in_use.items() if word in cube.text.replace(".", "").split()}
            assert {cube_id for cube_id, _ in here.files.vault.lexical(ADA, word)[0]} == expected
        assert here.files.vault.lexical(ADA, "x")[1] == len(in_use)
        for number in range(8):
            found = here.files.vault.labelled(ADA, [f"tag{number}"], limit=99)
            labelled = {key for key, cube in here.current().items() if f"tag{number}" in cube.tags}
            assert labelled & in_use.keys() <= {cube.id for cube in found} <= labelled


@LAW
@given(steps, st.data())
def test_a_fact_has_one_value_after_any_way_back(history: list[tuple[str, int, int]], data: st.DataObject) -> None:
    with world() as here:
        moments = live(here, history)
        here.machine.rollback(ADA, data.draw(st.sampled_from(moments)).isoformat())
        homes = [cube for cube in here.current().values() if cube.fact and cube.fact.attribute == "lives"]
        assert len(homes) <= 1
        now = here.clock()
        here.pipeline.remember(ADA, lives("Evora", now))
        homes = [cube for cube in here.current().values() if cube.fact and cube.fact.attribute == "lives"]
        assert [cube.fact.value for cube in homes if cube.fact] == ["Evora"]


@LAW
@given(steps, st.data())
def test_nobody_elses_memory_is_touched(history: list[tuple[str, int, int]], data: st.DataObject) -> None:
    with world() as here:
        here.pipeline.remember(BEN, lives("Braga", here.clock()))
        before = list(here.files.vault.export(BEN))[1:]
        moments = live(here, history)
        here.machine.rollback(ADA, data.draw(st.sampled_from(moments)).isoformat())
        assert list(here.files.vault.export(BEN))[1:] == before
        for each in here.files.history.changes(ADA, limit=100).changes:
            with pytest.raises(NotFound):
                here.machine.undo(BEN, each.id)


@LAW
@given(steps, st.data())
def test_a_difference_leads_from_one_time_to_the_other(
    history: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    with world() as here:
        moments = live(here, history)
        start, end = data.draw(st.sampled_from(moments)), data.draw(st.sampled_from(moments))
        difference = here.machine.difference(ADA, start.isoformat(), end.isoformat())
        state = here.at(start)
        for cube in difference.removed:
            del state[cube.id]
        state |= {cube.id: cube for cube in difference.added}
        state |= {after.id: after for before, after in difference.changed if same_content(state[before.id], before)}
        assert same(state, here.at(end))
        back = here.machine.difference(ADA, end.isoformat(), start.isoformat())
        assert {cube.id for cube in back.added} == {cube.id for cube in difference.removed}


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return embedders().create("minilm", cache_dir=tmp_path_factory.mktemp("cache"), threads=1)


def recalled(here: World, query: str, **more: Any) -> set[tuple[str, str]]:
    hits = here.pipeline.search(ADA, query=query, top_k=100, **more).hits
    return {(hit.cube.id, hit.cube.text) for hit in hits if hit.cube.in_use}


def brought_in(here: World, question: str, as_of: datetime | None = None) -> tuple[str, str]:
    messages = [{"role": "user", "content": question}]
    injection = here.pipeline.before(messages, ADA, Controls(conversation_id="new", as_of=as_of)).injection
    return injection.stable_text, injection.turn_text


@pytest.mark.parametrize("embedded", [True, False])
def test_recall_as_of_a_time_is_recall_after_a_rollback_to_it(embedded: bool, minilm: Embedder) -> None:
    """By search, and by the very bytes that a chat gets."""

    @FEWER
    @given(steps, st.data())
    def law(history: list[tuple[str, int, int]], data: st.DataObject) -> None:
        with world(minilm if embedded else None) as here:
            moments = live(here, [each for each in history if each[0] != "archive"])
            then = data.draw(st.sampled_from(moments))
            question = data.draw(st.sampled_from(["Where do I live?", "topic1", "What do I like? thing1"]))
            searched, shown = recalled(here, question, as_of=then), brought_in(here, question, as_of=then)
            here.machine.rollback(ADA, then.isoformat())
            found = recalled(here, question)
            if embedded:
                assert brought_in(here, question) == shown
                assert found == searched
            else:  # the word index finds whole words only; a time is searched by their beginnings as well
                assert found <= searched
            assert recalled(here, question, as_of=then) == searched

    law()


@FEWER
@given(steps, st.data())
def test_without_some_memories_is_as_if_they_were_not_there(
    history: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    with world() as here:
        live(here, history)
        known = here.current()
        ids = data.draw(st.sets(st.sampled_from(sorted(known)), max_size=3)) if known else set()
        messages = [{"role": "user", "content": "Where do I live? topic1 thing1"}]
        controls = Controls(conversation_id="new", without=(*ids, "mem_nobody"))
        prepared = here.pipeline.before(messages, ADA, controls)
        assert not ids & set(prepared.injection.cube_ids)
        assert {line.cube_id for line in prepared.injection.candidates if not line.block} >= ids
        said = next(each.detail for each in prepared.trace if each.name == "what_if")
        assert (set(said["without"]), said["unknown"]) == (ids, ["mem_nobody"])
        whole = here.pipeline.before(messages, ADA, Controls(conversation_id="new")).injection
        if not ids & set(whole.cube_ids):
            assert (prepared.injection.stable_text, prepared.injection.turn_text) == (
                whole.stable_text,
                whole.turn_text,
            )
        found = here.pipeline.search(ADA, query="topic1", top_k=50, without=sorted(ids)).hits
        assert not ids & {hit.cube.id for hit in found}
        here.files.vault.delete(ADA, sorted(ids))
        gone = here.pipeline.before(messages, ADA, Controls(conversation_id="new")).injection
        assert set(gone.stable_ids) == set(prepared.injection.stable_ids)


def test_a_frozen_memory_is_left_as_it_is_and_told() -> None:
    with world() as here:
        before = here.clock()
        cube = here.pipeline.remember(ADA, draft("Note about topic1.", here.clock()))
        here.pipeline.revise(ADA, replace(cube, state=State.FROZEN), expected_version=None)
        _, restored = here.machine.rollback(ADA, before.isoformat())
        assert (restored.frozen, restored.closed, restored.change_id) == ((cube.id,), (), None)
        assert here.current()[cube.id].state is State.FROZEN
        told = here.files.history.changes(ADA).changes
        with pytest.raises(Stale, match="changed since"):
            here.machine.undo(ADA, told[-1].id)
        here.machine.undo(ADA, told[0].id)
        assert here.current()[cube.id].state is State.ACTIVATED


def test_what_expired_or_was_deleted_does_not_come_back_and_is_told() -> None:
    with world() as here:
        short = here.pipeline.remember(ADA, draft("Note about topic1.", here.clock(), ttl_s=200))
        doomed = here.pipeline.remember(ADA, draft("Note about topic2.", here.clock()))
        then = here.clock()
        here.pipeline.revise(ADA, replace(short, text="Changed."), expected_version=None)
        here.pipeline.delete(ADA, [doomed.id])
        for _ in range(250):
            here.clock()
        _, restored = here.machine.rollback(ADA, then.isoformat())
        assert restored.gone == (short.id,)
        assert restored.deleted == 1
        assert doomed.id not in {cube.id for cube in here.every()}


def test_when_a_fact_was_last_stated_goes_back_with_it() -> None:
    """Else a statement of in between, told late, would be held for outdated."""
    with world() as here:
        here.pipeline.remember(ADA, replace(lives("Lisbon", START - timedelta(days=30)), tags=("a",)))
        then = here.clock()
        here.pipeline.remember(ADA, replace(lives("Lisbon", START - timedelta(days=2)), tags=("b",)))
        here.machine.rollback(ADA, then.isoformat())
        here.pipeline.remember(ADA, lives("Porto", START - timedelta(days=10)))
        assert [cube.text for cube in here.current().values()] == ["The user lives in Porto."]


def test_the_newest_change_is_not_undone_past_a_removal() -> None:
    with world() as here:
        here.pipeline.remember(ADA, draft("Note about topic1.", here.clock()))
        cube = here.pipeline.remember(ADA, draft("Note about topic2.", here.clock()))
        here.pipeline.delete(ADA, [cube.id])
        with pytest.raises(Stale, match="for good"):
            here.machine.undo(ADA, None)
        assert len(here.current()) == 1


def test_a_value_that_another_one_followed_does_not_come_back_beside_it() -> None:
    with world() as here:
        here.pipeline.remember(ADA, lives("Lisbon", here.clock()))
        fact = FactKey(subject="user", attribute="lives", value="")
        here.files.vault.retract(ADA, [Retract(fact=fact, at=here.clock())])
        retracted = here.files.history.changes(ADA, limit=1).changes[0]
        here.pipeline.remember(ADA, lives("Porto", here.clock()))
        with pytest.raises((Stale, Refused), match="undo that first"):
            here.machine.undo(ADA, retracted.id)
        assert [cube.text for cube in here.current().values()] == ["The user lives in Porto."]


def test_vectors_are_there_again_before_the_answer(minilm: Embedder) -> None:
    with world(minilm) as here:
        cube = here.pipeline.remember(ADA, draft("The boat is painted vermilion.", here.clock()))
        then = here.clock()
        here.pipeline.revise(ADA, replace(cube, text="The cat sleeps."), expected_version=None)
        assert recalled(here, "What colour is the ship?")
        here.machine.rollback(ADA, then.isoformat())
        hits = here.pipeline.search(ADA, query="What colour is the ship?", top_k=5).hits
        assert hits[0].signals["dense"] > 0.3
        assert here.files.history.missing_vectors(ADA, minilm.model_id, limit=9) == []
