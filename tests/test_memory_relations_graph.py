"""Relations between memories: written with the cubes that they join, gone with them, and walked by their owner only."""

import itertools
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.cube import FactKey, Origin, SemanticType, Source
from memory.errors import NotFound
from memory.governance import Governance
from memory.turn import Draft, Message, Scope, TurnRecord
from memory.vault import open_vault
from memory.vault.migrations import MIGRATIONS, statements
from memory.vault.relations import Relation

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOVERNANCE = Governance(None)
ADA, BO = Scope(user="ada"), Scope(user="bo")
PLACES = ("Lisbon", "Porto", "Faro")


@contextmanager
def opened(folder=None):
    ticks = itertools.count()
    with tempfile.TemporaryDirectory() as made:
        files = open_vault(Path(folder or made), clock=lambda: START + timedelta(seconds=next(ticks)))
        try:
            yield files
        finally:
            files.close()


def fact(place, day, *, trust=None, entities=()):
    draft = Draft(
        text=f"The user lives in {place}.",
        semantic_type=SemanticType.FACT,
        origin=Origin.INFERENCE,
        source=Source(conversation_id="c"),
        valid_from=START + timedelta(days=day),
        fact=FactKey(subject="user", attribute="lives", value=place, profile=True),
        entities=(place, *entities),
    )
    return draft if trust is None else replace(draft, trust=trust)


def said(text, day, derived_from=(), semantic_type=SemanticType.TURN):
    return Draft(
        text=text,
        semantic_type=semantic_type,
        origin=Origin.USER_INPUT,
        source=Source(conversation_id="c", message_ids=(text,)),
        valid_from=START + timedelta(days=day),
        derived_from=derived_from,
    )


def put(files, *drafts, scope=ADA, turn_id=None):
    return files.vault.put(GOVERNANCE.admit(scope, drafts), None, "", turn_id=turn_id)


def turn(files, text, *, conversation="c", scope=ADA):
    record = TurnRecord(
        scope=scope, turn_hash=f"{conversation}/{text}", conversation_id=conversation,
        messages=(Message(role="user", text=text),),
    )  # fmt: skip
    turn_id, _ = files.ledger.append(record)
    return turn_id


def kept(files, text, *, conversation="c", scope=ADA):
    """A turn with one verbatim cube, written by the writer's way; the cube."""
    turn_id = turn(files, text, conversation=conversation, scope=scope)
    return put(files, said(text, 0), scope=scope, turn_id=turn_id).created[0]


def rows(files):
    sql = """
        SELECT a.id, type, b.id, entity FROM relations JOIN cubes AS a ON a.seq = from_seq
        LEFT JOIN cubes AS b ON b.seq = to_seq ORDER BY 1, 2, 3, 4
    """
    with files.connections.read() as connection:
        return [tuple(row) for row in connection.execute(sql)]


def of_type(files, relation):
    return [(a, b) for a, kind, b, _ in rows(files) if kind == relation]


def test_a_newer_value_supersedes_and_contradicts_the_older_one():
    with opened() as files:
        old = put(files, fact("Lisbon", 0)).created[0]
        new = put(files, fact("Porto", 5)).created[0]
        assert of_type(files, "supersedes") == [(new.id, old.id)]
        assert of_type(files, "contradicts") == [(new.id, old.id)]
        history = files.vault.get(ADA, old.id)
        assert (history.current, history.valid_to) == (False, START + timedelta(days=5))


def test_a_statement_that_comes_late_contradicts_the_newer_one_and_supersedes_nothing():
    with opened() as files:
        new = put(files, fact("Porto", 5)).created[0]
        late = put(files, fact("Lisbon", 0)).created[0]
        assert of_type(files, "supersedes") == []
        assert of_type(files, "contradicts") == [(late.id, new.id)]


def test_what_is_derived_and_what_it_is_about_are_relations():
    with opened() as files:
        words = said("I live in Lisbon with Rex.", 0)
        written = put(files, words, replace(fact("Lisbon", 0, entities=("Rex",)), derived_from=(0,)))
        source, derived = written.created
        assert of_type(files, "derived_from") == [(derived.id, source.id)]
        about = sorted(entity for _, kind, _, entity in rows(files) if kind == "about")
        assert {"lisbon", "rex"} <= set(about)


def test_verbatim_turns_stand_in_the_order_of_their_conversation_whatever_the_order_of_writing():
    with opened() as files:
        ids = {text: turn(files, text) for text in ("one", "two", "three")}
        other = kept(files, "elsewhere", conversation="d")
        cubes = {}
        for text in ("three", "one", "two"):
            cubes[text] = put(files, said(text, 0), turn_id=ids[text]).created[0].id
        assert set(of_type(files, "next")) == {(cubes["one"], cubes["two"]), (cubes["two"], cubes["three"])}
        files.vault.delete(ADA, [cubes["two"]])
        assert of_type(files, "next") == [(cubes["one"], cubes["three"])]
        assert other.id not in {end for pair in of_type(files, "next") for end in pair}


def test_relations_follow_the_version_that_is_the_newest():
    with opened() as files:
        cube = put(files, fact("Lisbon", 0, entities=("Rex",))).created[0]
        changed = replace(files.vault.get(ADA, cube.id), entities=("Porto",))
        files.vault.update(ADA, changed, expected_version=1, vector=None, model_id="")
        assert [entity for _, kind, _, entity in rows(files) if kind == "about"] == ["porto"]
        files.vault.update(ADA, replace(changed, entities=cube.entities), expected_version=2, vector=None, model_id="")
        about = [entity for _, kind, _, entity in rows(files) if kind == "about"]
        assert sorted(about) == sorted(name.casefold() for name in cube.entities)


def test_a_memory_that_is_revised_to_another_value_takes_the_place_of_the_current_one():
    """Of a fact that has one value, one is current also after a change by hand."""
    with opened() as files:
        lives = put(files, fact("Lisbon", 0)).created[0]
        note = put(files, said("A note.", 1, semantic_type=SemanticType.FACT)).created[0]
        wished = replace(note, text="The user lives in Faro.", fact=fact("Faro", 1).fact)
        changed = files.vault.update(ADA, wished, expected_version=1, vector=None, model_id="")
        assert changed.supersedes == (lives.id,)
        assert not files.vault.get(ADA, lives.id).current
        assert of_type(files, "contradicts") == [(changed.id, lives.id)]


def test_a_walk_stays_inside_its_depth_its_types_and_its_limit():
    with opened() as files:
        cubes = [put(files, fact(place, day)).created[0] for day, place in enumerate((*PLACES, "Braga", "Evora"))]
        first, second, third = (cube.id for cube in cubes[:3])
        near = files.vault.related(ADA, first, types=[Relation.SUPERSEDES])
        assert {cube.id for cube in near.cubes} == {first, second}
        far = files.vault.related(ADA, first, types=[Relation.SUPERSEDES], depth=2)
        assert {cube.id for cube in far.cubes} == {first, second, third}
        assert {edge.relation for edge in far.edges} == {Relation.SUPERSEDES}
        few = files.vault.related(ADA, first, depth=3, limit=2)
        assert len(few.cubes) + len(few.entities) <= 2
        assert not few.complete
        assert [cube.id for cube in files.vault.neighbours(ADA, [cubes[3].id])] == [cubes[4].id]


def test_an_entity_leads_to_all_memories_about_it():
    with opened() as files:
        fact_id = put(files, fact("Porto", 0)).created[0].id
        note = replace(said("Porto has good fish.", 0, semantic_type=SemanticType.FACT), entities=("Porto",))
        note_id = put(files, note).created[0].id
        put(files, replace(note, entities=("Lisbon",), text="Lisbon too."))
        found = files.vault.about(ADA, [" PORTO "])
        assert {cube.id for cube in found.cubes} == {fact_id, note_id}
        assert found.entities == ["porto"]
        assert files.vault.about(ADA, ["nobody"]).cubes == []
        through = files.vault.related(ADA, fact_id, types=[Relation.ABOUT], depth=2)
        assert {cube.id for cube in through.cubes} == {fact_id, note_id}


def test_what_is_expired_is_neither_shown_nor_walked_through():
    now = [START]
    with tempfile.TemporaryDirectory() as folder:
        files = open_vault(Path(folder), clock=lambda: now[0])
        first = put(files, fact("Lisbon", 0)).created[0].id
        put(files, replace(fact("Porto", 1), ttl_s=60.0))
        last = put(files, fact("Faro", 2)).created[0].id
        now[0] += timedelta(hours=1)
        found = files.vault.related(ADA, first, types=[Relation.SUPERSEDES], depth=3)
        assert [cube.id for cube in found.cubes] == [first]
        assert last not in {edge.from_id for edge in found.edges}
        files.close()


def test_relations_of_what_was_stored_before_are_found_by_the_migration(tmp_path):
    with opened(tmp_path) as files:
        a = kept(files, "one")
        put(files, replace(fact("Lisbon", 0), derived_from=()))
        put(files, fact("Porto", 1, entities=("ÉVORA",)))
        b = kept(files, "two")
        before = rows(files)
        assert {(a.id, "next", b.id, "")} <= set(before)
        with files.connections.write() as connection:
            connection.execute("DELETE FROM relations")
            connection.execute("DROP TABLE organised")
            for statement in statements(MIGRATIONS[3]):  # what brings version 3 to version 4
                connection.execute(statement)
    with opened(tmp_path) as files:
        assert rows(files) == before


def test_an_import_brings_the_relations_along_whatever_the_order_of_its_rows():
    with opened() as files, opened() as other:
        kept(files, "one")
        put(files, fact("Lisbon", 0))
        put(files, fact("Porto", 1))
        kept(files, "two")
        manifest, *lines = files.vault.export(ADA)
        cubes = [line for line in lines if line["object"] == "memos.cube"]
        whole = [list(group) for _, group in itertools.groupby(cubes, key=lambda line: line["id"])]
        turned = [line for group in reversed(whole) for line in group]
        other.vault.import_rows(ADA, [manifest, *turned, *(each for each in lines if each not in cubes)])
        assert rows(other) == rows(files)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("fact"), st.sampled_from((ADA, BO)), st.sampled_from(PLACES), st.integers(0, 9)),
        st.tuples(st.just("turn"), st.sampled_from((ADA, BO)), st.sampled_from(("c", "d")), st.integers(0, 99)),
        st.tuples(st.just("delete"), st.sampled_from((ADA, BO)), st.just(""), st.integers(0, 9)),
        st.tuples(st.just("erase"), st.sampled_from((ADA, BO)), st.just(""), st.just(0)),
    ),
    max_size=12,
)


@settings(max_examples=25)
@given(STEPS)
def test_relations_never_dangle_and_never_cross_users(steps):
    """Whatever is written and removed, both ends are stored, belong to the owner, and a turn has one successor."""
    with opened() as files:
        for number, (what, scope, word, value) in enumerate(steps):
            if what == "fact":
                put(files, fact(word, value), scope=scope)
            elif what == "turn":
                kept(files, f"{word} {number}", conversation=word, scope=scope)
            elif what == "delete":
                ids = [cube.id for cube in files.vault.page(scope, include_superseded=True).cubes]
                files.vault.delete(scope, ids[value : value + 1])
            else:
                files.vault.erase(scope, None)
        sql = """
            SELECT relations.owner AS owner, a.owner AS mine, b.owner AS theirs, type, to_seq
            FROM relations LEFT JOIN cubes AS a ON a.seq = from_seq LEFT JOIN cubes AS b ON b.seq = to_seq
        """
        with files.connections.read() as connection:
            found = connection.execute(sql).fetchall()
            twice = connection.execute(
                "SELECT count(*) FROM relations WHERE type = 'next' GROUP BY from_seq HAVING count(*) > 1"
            ).fetchall()
        assert all(row["owner"] == row["mine"] for row in found)
        assert all(row["to_seq"] is None or row["owner"] == row["theirs"] for row in found)
        assert not twice
        for scope, other in ((ADA, BO), (BO, ADA)):
            for cube in files.vault.page(scope, limit=100, include_superseded=True).cubes:
                graph = files.vault.related(scope, cube.id, depth=3)
                assert {each.owner for each in graph.cubes} == {scope.user}
                with pytest.raises(NotFound):
                    files.vault.related(other, cube.id)
            assert all(each.owner == scope.user for each in files.vault.about(scope, PLACES, depth=3).cubes)
