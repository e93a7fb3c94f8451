"""Duplicates: what is one memory, what never is, and that a merge loses nothing and can be taken back."""

import itertools
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.flat import Flat
from memory.cube import FactKey, Origin, SemanticType, Source, State, Trust
from memory.duplicates import may_be_same, reading_of, same_content, same_words
from memory.embeddings import Embeddings, embedding_text
from memory.errors import EngineDown
from memory.governance import Governance
from memory.organiser import Organiser
from memory.turn import Draft, Message, Scope, TurnRecord
from memory.vault import open_vault
from memory.vault.relations import Relation

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOVERNANCE = Governance(None)
ADA, BO = Scope(user="ada"), Scope(user="bo")

EQUAL_WORDS = """
The user's favourite colour is teal.|Teal is the user's favorite color
I live in Lisbon.|The user lives in Lisbon
I'm vegetarian.|I am a vegetarian
Answer in British English.|Please answer in British English
Don't call me before 9:00.|do not call me before 9:00
The user prefers tea to coffee.|I prefer tea to coffee.
The user is learning the cello.|I am currently learning the cello
"""
EQUAL_CONTENT = """
The user enjoys hiking.|The user enjoys hikes.
If it rains, I take the tram.|I take the tram if it rains.
"""
#: What must stay two memories without a model's word.
DIFFERENT = """
I live in Porto.|I lived in Porto.
I like cilantro.|I dislike cilantro.
I like cilantro.|I don't like cilantro.
My door code is 4821.|My door code is 4812.
I moved to Porto.|I moved from Porto.
I have a dog.|I have two dogs.
Ann is taller than Bob.|Bob is taller than Ann.
The dog bit the man.|The man bit the dog.
I work at Siemens.|I work at Bosch.
I run daily.|I run weekly.
I may move to Rome.|I moved to Rome.
I take it before meals.|I take it after meals.
My budget is $500.|My budget is €500.
I was vegetarian.|I am vegetarian.
I love my job.|I loved my job.
I'm allergic to walnuts.|I'm allergic to peanuts.
The meeting is at 7:05.|The meeting is at 7:50.
My sister lives in Porto.|My brother lives in Porto.
I sold Ann's car to Bob.|I sold Bob's car to Ann.
I always drink tea|I never drink tea
I can swim|I can't swim
I want a dog|I have a dog
Her name is Ana|His name is Ana
It is at -5 degrees|It is at 5 degrees
I moved to Porto.|I moved to Porto?
My dog is called Rex.|My cat is called Rex.
I used to smoke|I smoke
I quit smoking|I started smoking
I drink only tea|I drink tea
I don't mind cats|I mind cats
I will visit Rome|I visit Rome
I retrained: I used to be an actuary and now I'm a baker.|I retrained: I used to be a baker and now I'm an actuary.
I sold the Dacia and bought a Skoda.|I sold the Skoda and bought a Dacia.
The password is teal-banjo-36.|The password is teal-banjo-63.
The user has a peanut allergy.|The user is allergic to peanuts and latex.
"""
#: What not even a model is asked about.
NEVER = """
I live in Porto.|I lived in Porto.
My door code is 4821.|My door code is 4812.
I like cilantro.|I don't like cilantro.
I work at Siemens.|I work at Bosch.
The dog bit the man.|The man bit the dog.
I retrained: I used to be an actuary and now I'm a baker.|I retrained: I used to be a baker and now I'm an actuary.
"""


def pairs(table):
    return [tuple(line.split("|")) for line in table.strip().splitlines()]


@contextmanager
def opened():
    ticks = itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        files = open_vault(Path(folder), clock=lambda: START + timedelta(seconds=next(ticks)))
        try:
            yield files
        finally:
            files.close()


def note(text, *, day=0, semantic_type=SemanticType.PREFERENCE, **more):
    return Draft(
        text=text,
        semantic_type=semantic_type,
        origin=Origin.USER_INPUT,
        source=Source(conversation_id="c", message_ids=(f"m{day}",)),
        valid_from=START - timedelta(days=30 - day),
        **more,
    )


def tell(files, *drafts, scope=ADA, embeddings=None):
    """Store drafts, one after the other; return their cubes."""
    told = []
    for draft in drafts:
        vectors = embeddings.embed([embedding_text(draft.text)]) if embeddings else None
        model_id = embeddings.model_id if embeddings else ""
        told += files.vault.put(GOVERNANCE.admit(scope, [draft]), vectors, model_id).created
    return told


def organiser(files, embedder=None, **more):
    embeddings = Embeddings(embedder, Flat(), files.vault)
    return Organiser(files.vault, embeddings, None, **more), embeddings


def everything(work, *, limit=64):
    while work.step(limit=limit):
        pass


def current(files, scope=ADA):
    return sorted(cube.text for cube in files.vault.page(scope, limit=100).cubes)


def merge_changes(files):
    with files.connections.read() as connection:
        return [row[0] for row in connection.execute("SELECT id FROM changes WHERE operation = 'merge' ORDER BY seq")]


@pytest.mark.parametrize(("a", "b"), pairs(EQUAL_WORDS))
def test_texts_of_the_same_words_are_the_same(a, b):
    assert same_words(reading_of(a), reading_of(b))


@pytest.mark.parametrize(("a", "b"), pairs(EQUAL_CONTENT))
def test_texts_of_the_same_words_in_other_forms_are_the_same_where_they_are_near(a, b):
    assert same_content(reading_of(a), reading_of(b))


@pytest.mark.parametrize(("a", "b"), pairs(DIFFERENT))
def test_statements_that_differ_are_never_the_same_however_near_they_are(a, b):
    for one, other in ((a, b), (b, a)):
        assert not same_words(reading_of(one), reading_of(other))
        assert not same_content(reading_of(one), reading_of(other))


@pytest.mark.parametrize(("a", "b"), pairs(NEVER))
def test_what_a_model_is_not_even_asked_about(a, b):
    assert not may_be_same(reading_of(a), reading_of(b))


@given(st.text(max_size=80), st.text(max_size=80))
def test_comparing_is_symmetric_and_a_text_with_words_equals_itself(a, b):
    left, right = reading_of(a), reading_of(b)
    assert same_words(left, right) == same_words(right, left)
    assert may_be_same(left, right) == may_be_same(right, left)
    assert same_words(left, left) == bool(left.words)


def test_near_duplicates_are_merged_and_everything_else_stays(minilm):
    """With the real embedder: pairs of both kinds in one memory, all in the order in which they came."""
    with opened() as files:
        work, embeddings = organiser(files, minilm)
        same = [*pairs(EQUAL_WORDS), *pairs(EQUAL_CONTENT)]
        for a, b in same:
            tell(files, note(a), note(b, day=1), scope=Scope(user=a), embeddings=embeddings)
        for number, (a, b) in enumerate(pairs(DIFFERENT)):
            tell(files, note(a), note(b, day=1), scope=Scope(user=f"different {number}"), embeddings=embeddings)
        everything(work, limit=10)
        assert {a: len(current(files, Scope(user=a))) for a, _ in same} == {a: 1 for a, _ in same}
        left = [len(current(files, Scope(user=f"different {n}"))) for n in range(len(pairs(DIFFERENT)))]
        assert left == [2] * len(left)
        assert work.counted.merged == len(same)


def test_the_survivor_takes_in_all_that_the_other_knew_and_the_other_stays_in_history():
    with opened() as files:
        old, new = tell(
            files,
            note("Answer in British English.", tags=("style",), entities=("English",), pinned=True),
            note("Please answer in British English", day=9, tags=("Language",)),
        )
        files.vault.used(ADA, [old.id, old.id, new.id])
        work, _ = organiser(files)
        everything(work)
        (left,) = files.vault.page(ADA).cubes
        assert (left.id, left.state, left.text) == (new.id, State.MERGED, new.text)
        assert set(left.tags) == {"style", "Language"}
        assert set(left.source.message_ids) == {"m0", "m9"}
        assert (left.pinned, left.access_count, left.valid_from) == (True, 3, old.valid_from)
        gone = files.vault.get(ADA, old.id)
        assert (gone.state, gone.current, gone.duplicate_of) == (State.ARCHIVED, False, new.id)
        assert [cube.text for cube in files.vault.history(ADA, old.id)] == [old.text] * 2
        (edge,) = [e for e in files.vault.related(ADA, old.id).edges if e.relation == "duplicate_of"]
        assert (edge.from_id, edge.to_id) == (old.id, new.id)


def test_organising_again_changes_nothing():
    with opened() as files:
        tell(files, note("Use metric units."), note("use metric units", day=1), note("Use metric units!", day=2))
        work, _ = organiser(files)
        everything(work)
        versions = {cube.id: cube.version for cube in files.vault.page(ADA, include_superseded=True).cubes}
        with files.connections.write() as connection:
            connection.execute("UPDATE organised SET through_seq = 0")
        everything(work)
        again = {cube.id: cube.version for cube in files.vault.page(ADA, include_superseded=True).cubes}
        assert versions == again
        assert len(current(files)) == 1


def test_an_undone_merge_leaves_both_as_they_were_and_is_not_made_again():
    with opened() as files:
        told = tell(files, note("Use metric units.", tags=("a",)), note("use metric units", day=1, tags=("b",)))
        work, _ = organiser(files)
        everything(work)
        (change,) = merge_changes(files)
        files.history.undo(ADA, change)
        both = files.vault.get_many(ADA, [cube.id for cube in told])
        for before, now in zip(told, both, strict=True):
            bookkeeping = {"version": 0, "updated_at": START}
            assert replace(now, **bookkeeping) == replace(before, **bookkeeping)
        assert files.vault.related(ADA, told[0].id, types=[Relation.DUPLICATE_OF]).edges == []
        everything(work)
        assert len(current(files)) == 2


def test_what_is_frozen_verbatim_or_of_another_kind_is_left_alone():
    with opened() as files:
        frozen, *_ = tell(files, note("Use metric units."), note("use metric units", day=1))
        files.vault.update(ADA, replace(frozen, state=State.FROZEN), expected_version=1, vector=None, model_id="")
        tell(
            files,
            note("I ran home.", semantic_type=SemanticType.TURN),
            note("I ran home", day=1, semantic_type=SemanticType.TURN),
            note("The user ran home.", semantic_type=SemanticType.EVENT),
            note("The user ran home", day=2, semantic_type=SemanticType.EVENT),
            note("Use metric units", semantic_type=SemanticType.PROCEDURE),
        )
        tell(files, note("Use metric units."), scope=BO)
        work, _ = organiser(files)
        before = current(files)
        everything(work)
        assert current(files) == before
        assert current(files, BO) == ["Use metric units."]


def test_facts_are_one_only_where_they_are_about_the_same():
    def likes(value, attribute="likes"):
        fact = FactKey(subject="user", attribute=attribute, value=value, single=False)
        return note(f"The user likes {value}.", fact=fact)

    with opened() as files:
        tell(files, likes("Tea"), likes("the tea"), likes("tea", "drink"), likes("green tea"))
        work, _ = organiser(files)
        everything(work)
        assert current(files) == ["The user likes green tea.", "The user likes tea.", "The user likes the tea."]


def test_the_word_that_is_trusted_more_survives_and_keeps_its_dates():
    with opened() as files:
        mine, theirs = tell(
            files,
            note("Use metric units.", day=5),
            note("use metric units", day=9, trust=Trust.TOOL),
        )
        work, _ = organiser(files)
        everything(work)
        (left,) = files.vault.page(ADA).cubes
        assert (left.id, left.trust, left.valid_from) == (mine.id, Trust.USER, mine.valid_from)
        assert files.vault.get(ADA, theirs.id).duplicate_of == mine.id


def test_what_was_merged_into_a_memory_that_a_second_reading_takes_away_comes_back():
    """A turn is read again and no longer says it: what another turn said stands again."""
    with opened() as files:
        record = TurnRecord(scope=ADA, turn_hash="t", conversation_id="c", messages=(Message(role="user", text="x"),))
        turn_id, _ = files.ledger.append(record)
        (old,) = tell(files, note("Use metric units."))
        files.vault.put(GOVERNANCE.admit(ADA, [note("use metric units", day=3)]), None, "", turn_id=turn_id)
        work, _ = organiser(files)
        everything(work)
        assert current(files) == ["use metric units"]
        files.vault.put(GOVERNANCE.admit(ADA, [note("Something else.")]), None, "", turn_id=turn_id)
        back = files.vault.get(ADA, old.id)
        assert (back.current, back.state, back.duplicate_of) == (True, State.ACTIVATED, "")


TELLINGS = st.lists(
    st.tuples(
        st.sampled_from(("Use metric units.", "use metric units", "Use metric units!")),
        st.integers(0, 20),
        st.sampled_from(((), ("a",), ("b", "c"))),
        st.sampled_from((None, 1e6, 2e6)),
        st.booleans(),
    ),
    min_size=2,
    max_size=5,
)


@settings(max_examples=30)
@given(TELLINGS, st.randoms(use_true_random=False))
def test_the_order_of_merging_changes_nothing_but_which_memory_survives(told, random):
    """All at once or one after the other in any order: the same content, labels, sources, dates and counts."""
    results = []
    for one_by_one in (False, True):
        with opened() as files:
            cubes = tell(files, *(note(t, day=d, tags=g, ttl_s=s, pinned=p) for t, d, g, s, p in told))
            files.vault.used(ADA, [cube.id for cube in cubes])
            if one_by_one:
                cubes = list(cubes)
                random.shuffle(cubes)
                left = cubes[0]
                for cube in cubes[1:]:
                    files.vault.merge(ADA, files.vault.get_many(ADA, [left.id, cube.id]))
                    (left,) = [c for c in files.vault.get_many(ADA, [left.id, cube.id]) if c.current]
            else:
                files.vault.merge(ADA, files.vault.get_many(ADA, [cube.id for cube in cubes]))
            (left,) = files.vault.page(ADA, limit=100).cubes
            ends = None if left.ttl_s is None else left.recorded_at + timedelta(seconds=left.ttl_s)
            results.append(
                (set(left.tags), set(left.source.message_ids), left.valid_from, left.pinned, left.access_count, ends)
            )
            assert len(files.vault.page(ADA, limit=100, include_superseded=True).cubes) == len(told)
            assert files.vault.merge(ADA, cubes).confirmed == ()
    assert results[0] == results[1]


def test_nothing_is_merged_that_changed_since_it_was_compared():
    with opened() as files:
        first, second = tell(files, note("Use metric units."), note("use metric units", day=1))
        files.vault.update(ADA, replace(second, text="Use miles."), expected_version=1, vector=None, model_id="")
        assert files.vault.merge(ADA, [first, second]).confirmed == ()
        assert files.vault.merge(BO, [first, second]).confirmed == ()
        assert current(files) == ["Use metric units.", "Use miles."]


class Judge:
    """A model that was told what to answer."""

    def __init__(self, answer):
        self.answer, self.prompts = answer, []

    def extract(self, prompt, _schema):
        self.prompts.append(prompt)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


GREY = ("The user has a peanut allergy.", "The user is allergic to peanuts.")


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ({"same": [1]}, 1),
        ({"same": []}, 2),
        ({"same": [2]}, 2),
        ({"same": ["1"]}, 2),
        ({"same": [True]}, 2),
        ({}, 2),
        (EngineDown("down"), 2),
    ],
)
def test_a_model_decides_the_grey_band_only_where_it_answers_by_the_schema(minilm, answer, left):
    with opened() as files:
        judge = Judge(answer)
        work, embeddings = organiser(files, minilm, judge=judge)
        tell(files, *map(note, GREY), embeddings=embeddings)
        everything(work)
        assert len(current(files)) == left
        assert len(judge.prompts) == 1


def test_without_a_model_the_grey_band_stays_as_it_is_and_guarded_pairs_are_not_asked_about(minilm):
    with opened() as files:
        judge = Judge({"same": [1, 2, 3, 4, 5, 6, 7, 8]})
        work, embeddings = organiser(files, minilm)
        asking, _ = organiser(files, minilm, judge=judge)
        tell(files, *map(note, GREY), embeddings=embeddings)
        everything(work)
        assert len(current(files)) == 2
        for a, b in pairs(NEVER):
            tell(files, note(a), note(b), scope=BO, embeddings=embeddings)
        everything(asking)
        assert not judge.prompts
