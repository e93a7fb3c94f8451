"""The vault keeps what it was given: supersession, versions, two time axes, words, vectors, paging."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from memory.cube import FactKey, Origin, SemanticType, Source, State
from memory.errors import Invalid, NotFound, Refused, Stale
from memory.governance import Governance
from memory.turn import Draft, Message, Retract, Scope, TurnRecord, TurnState
from memory.vault import open_vault

BO, ANN = Scope(user="bo"), Scope(user="ann")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOVERNANCE = Governance(None)


class Ticking:
    """A clock that moves on by a second with each look."""

    def __init__(self):
        self.now = START

    def __call__(self):
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def clock():
    return Ticking()


@pytest.fixture
def files(tmp_path, clock):
    opened = open_vault(tmp_path, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def vault(files):
    return files.vault


def day(number):
    return START - timedelta(days=100) + timedelta(days=number)


def fact(value, at=0, *, attribute="lives", single=True, profile=False, message="m", subject="user", **more):
    return Draft(
        text=more.pop("text", f"The {subject} {attribute} {value}."),
        semantic_type=SemanticType.FACT,
        origin=Origin.INFERENCE,
        source=Source(conversation_id="c", message_ids=(message,)),
        valid_from=day(at),
        fact=FactKey(subject=subject, attribute=attribute, value=value, single=single, profile=profile),
        **more,
    )


def turn(text, at=0, **more):
    return Draft(
        text=text,
        semantic_type=SemanticType.TURN,
        origin=Origin.USER_INPUT,
        source=more.pop("source", Source(conversation_id="c")),
        valid_from=day(at),
        **more,
    )


def put(vault, *drafts, scope=BO, vectors=None, turn_id=None):
    return vault.put(GOVERNANCE.admit(scope, drafts), vectors, "model", turn_id=turn_id)


def current(vault, scope=BO):
    return [cube.text for cube in reversed(vault.page(scope, limit=100).cubes)]


def test_what_is_put_is_read_back_whole(vault):
    draft = fact("Lisbon", tags=("home",), entities=("Lisbon",), pinned=True, ttl_s=1e6, valid_to=day(5000))
    (cube,) = put(vault, draft).created
    assert vault.get(BO, cube.id) == cube
    assert (cube.version, cube.owner, cube.state, cube.recorded_at) == (1, "bo", State.ACTIVATED, cube.updated_at)
    for name in ("text", "semantic_type", "origin", "source", "valid_from", "valid_to", "fact", "tags", "pinned"):
        assert getattr(cube, name) == getattr(draft, name)


def test_a_newer_value_takes_the_place_of_an_older_one(vault):
    (lisbon,) = put(vault, fact("Lisbon", 1)).created
    written = put(vault, fact("Porto", 9))
    (porto,) = written.created
    assert written.superseded == porto.supersedes == (lisbon.id,)
    old = vault.get(BO, lisbon.id)
    assert (old.valid_to, old.state, old.current, old.version) == (day(9), State.ARCHIVED, False, 2)
    assert [cube.id for cube in vault.page(BO).cubes] == [porto.id]
    assert {cube.id for cube in vault.page(BO, include_superseded=True).cubes} == {lisbon.id, porto.id}
    assert [cube.valid_to for cube in vault.history(BO, lisbon.id)] == [None, day(9)]


def test_an_older_value_that_arrives_late_is_history_at_once(vault):
    put(vault, fact("Porto", 9))
    written = put(vault, fact("Lisbon", 1))
    (lisbon,) = written.created
    assert written.superseded == ()
    assert (lisbon.current, lisbon.valid_to, lisbon.state) == (False, day(9), State.ARCHIVED)
    assert current(vault) == ["The user lives Porto."]


def test_a_value_that_arrives_late_ends_where_the_next_began_and_ends_the_one_before(vault):
    put(vault, fact("Lisbon", 1))
    put(vault, fact("Porto", 9))
    put(vault, fact("Faro", 5))
    spans = {
        cube.fact.value: (cube.valid_from, cube.valid_to) for cube in vault.page(BO, include_superseded=True).cubes
    }
    assert spans == {"Lisbon": (day(1), day(5)), "Faro": (day(5), day(9)), "Porto": (day(9), None)}


def test_an_equal_fact_is_one_cube_with_more_sources(vault):
    (first,) = put(vault, fact("Lisbon", 1, message="m1")).created
    written = put(vault, fact("LISBON", 4, message="m2"))
    assert (written.created, written.superseded) == ((), ())
    cube = vault.get(BO, first.id)
    assert (cube.source.message_ids, cube.version, cube.fact.value) == (("m1", "m2"), 2, "Lisbon")
    put(vault, fact("lisbon", 4, message="m2"))
    assert vault.get(BO, first.id).version == 2


def test_a_fact_that_was_said_again_later_is_newer_than_what_arrives_from_between(vault):
    put(vault, fact("Lisbon", 1))
    put(vault, fact("Lisbon", 9))
    put(vault, fact("Porto", 5))
    assert current(vault) == ["The user lives Lisbon."]


def test_moving_back_is_a_new_cube(vault):
    for at, place in enumerate(("Lisbon", "Porto", "Lisbon")):
        put(vault, fact(place, at))
    assert current(vault) == ["The user lives Lisbon."]
    assert len(vault.page(BO, include_superseded=True).cubes) == 3


def test_values_that_add_up_do_not_supersede(vault):
    put(vault, fact("jazz", attribute="likes", single=False), fact("tea", attribute="likes", single=False))
    put(vault, fact("Jazz", attribute="likes", single=False))
    assert current(vault) == ["The user likes jazz.", "The user likes tea."]


def test_verbatim_turns_never_supersede_even_with_a_fact(vault):
    key = FactKey(subject="user", attribute="lives", value="Porto")
    put(vault, fact("Lisbon", 1), turn("I moved to Porto.", 9, fact=key))
    assert len(vault.page(BO).cubes) == 2


def test_other_subjects_and_other_users_have_facts_of_their_own(vault):
    put(vault, fact("Lisbon", 1))
    put(vault, fact("Porto", 2, subject="Ann"))
    put(vault, fact("Faro", 3), scope=ANN)
    assert len(vault.page(BO).cubes) == 2


def test_a_frozen_fact_stays_current_and_cannot_be_changed(vault):
    (cube,) = put(vault, fact("Lisbon", 1)).created
    vault.update(BO, replace(cube, state=State.FROZEN), expected_version=1, vector=None, model_id="")
    put(vault, fact("Porto", 9))
    assert current(vault) == ["The user lives Lisbon."]
    with pytest.raises(Refused, match="frozen"):
        vault.update(BO, replace(cube, text="x"), expected_version=None, vector=None, model_id="")
    assert vault.retract(BO, [Retract(fact=cube.fact, at=day(99))]).superseded == ()
    assert vault.delete(BO, [cube.id]).removed == (cube.id,)


def test_drafts_refer_to_each_other_by_position(vault):
    written = put(vault, turn("I moved to Porto."), fact("Porto", derived_from=(0,)))
    assert written.created[1].derived_from == (written.created[0].id,)


def test_only_current_cubes_are_found_by_words_vectors_profile_labels_and_use(vault):
    eye = np.eye(2, 4, dtype=np.float32)
    (lisbon,) = put(vault, fact("Lisbon", 1, profile=True, tags=("Home",)), vectors=eye[:1]).created
    (porto,) = put(vault, fact("Porto", 9, profile=True, tags=("home",)), vectors=eye[1:]).created
    found, count = vault.lexical(BO, "Who lives in Lisbon or Porto?")
    assert ([cube_id for cube_id, _ in found], count) == ([porto.id], 1)
    ids, vectors = vault.vectors(BO, "model")
    assert ids == [porto.id]
    assert np.array_equal(vectors, eye[1:])
    for read in (vault.profile(BO), vault.recent(BO, limit=9), vault.labelled(BO, ["HOME"], limit=9)):
        assert [cube.id for cube in read] == [porto.id]
    assert vault.get(BO, lisbon.id).text == lisbon.text


def test_words_rank_by_rarity_and_find_other_forms_and_accents(vault):
    put(vault, turn("I like tea."), turn("I like São Paulo."), turn("My allergies: peanuts, tea."))
    assert [score >= 0 for _, score in vault.lexical(BO, "tea")[0]] == [True, True]
    (best, *_), _ = vault.lexical(BO, "which tea am I allergic to, and allergy?")
    assert vault.get(BO, best[0]).text.startswith("My allergies")
    (best,), _ = vault.lexical(BO, "sao")
    assert "Paulo" in vault.get(BO, best[0]).text


@pytest.mark.parametrize(
    "query", ['"', "'", "tea OR", "NEAR(", "tea*", "text:tea", "-tea", "(((", "; DROP TABLE cubes"]
)
def test_nothing_in_a_query_breaks_it(vault, query):
    put(vault, turn("I like tea."))
    found, count = vault.lexical(BO, query)
    assert count == 1
    assert len(found) == ("tea" in query)


def test_a_speakers_name_is_found_too(vault):
    put(vault, turn("I went hiking.", source=Source(name="Caroline")), turn("I stayed.", source=Source(name="Mel")))
    (found,), _ = vault.lexical(BO, "Caroline")
    assert vault.get(BO, found[0]).text == "I went hiking."


def test_limits_are_kept_and_the_newer_of_two_equal_hits_is_first(vault):
    ids = [put(vault, turn("I like tea.", number)).created[0].id for number in range(9)]
    found, count = vault.lexical(BO, "tea", limit=4)
    assert ([cube_id for cube_id, _ in found], count) == (ids[:-5:-1], 9)
    assert vault.lexical(BO, "tea", limit=0) == ([], 9)


def test_an_expired_cube_is_never_returned(vault, clock):
    vectors = np.eye(1, 4, dtype=np.float32)
    (cube,) = put(vault, fact("Lisbon", ttl_s=60, profile=True, tags=("home",)), vectors=vectors).created
    clock.now += timedelta(seconds=61)
    with pytest.raises(NotFound):
        vault.get(BO, cube.id)
    assert vault.lexical(BO, "Lisbon")[0] == []
    assert vault.vectors(BO, "model")[0] == []
    assert vault.known_at(BO, clock.now) == []
    assert vault.page(BO).cubes == vault.profile(BO) == vault.recent(BO, limit=9) == []
    assert vault.labelled(BO, ["home"], limit=9) == []


def test_what_was_known_then_is_told_as_it_was_known_then(vault, clock):
    (lisbon,) = put(vault, fact("Lisbon", 1, profile=True)).created
    first = clock.now
    second = vault.update(
        BO, replace(lisbon, text="The user lives in Lisbon, Alfama."), expected_version=1, vector=None, model_id=""
    ).updated_at
    put(vault, fact("Porto", 9, profile=True))
    assert vault.known_at(BO, lisbon.recorded_at - timedelta(microseconds=1)) == []
    assert vault.known_at(BO, first) == [lisbon]
    assert [cube.text for cube in vault.known_at(BO, second)] == ["The user lives in Lisbon, Alfama."]
    assert [cube.text for cube in vault.known_at(BO, clock.now)] == ["The user lives Porto."]
    assert vault.profile(BO, as_of=first) == [lisbon]


def test_a_change_is_a_new_version_found_by_its_new_words_only(vault):
    (cube,) = put(vault, turn("I like tea."), vectors=np.eye(1, 4, dtype=np.float32)).created
    new = vault.update(BO, replace(cube, text="I like coffee."), expected_version=1, vector=None, model_id="")
    assert (new.version, new.recorded_at) == (2, cube.recorded_at)
    assert vault.history(BO, cube.id) == [cube, new]
    assert vault.lexical(BO, "tea") == ([], 1)
    assert [found for found, _ in vault.lexical(BO, "coffee")[0]] == [cube.id]
    assert vault.vectors(BO, "model")[0] == []
    assert vault.missing_vectors("model", limit=9) == [("bo", cube.id, "I like coffee.")]
    vault.store_vectors("model", [cube.id, "mem_gone"], np.eye(2, 4, dtype=np.float32))
    assert vault.missing_vectors("model", limit=9) == []


def test_a_change_on_an_old_version_is_stale(vault):
    (cube,) = put(vault, turn("I like tea.")).created
    vault.update(BO, replace(cube, pinned=True), expected_version=1, vector=None, model_id="")
    with pytest.raises(Stale, match="version 2"):
        vault.update(BO, cube, expected_version=1, vector=None, model_id="")
    with pytest.raises(NotFound):
        vault.update(ANN, cube, expected_version=None, vector=None, model_id="")


def test_a_fact_that_no_longer_holds_is_closed_and_stays_in_history(vault):
    (acme,) = put(vault, fact("Acme", 1, attribute="works")).created
    assert vault.retract(BO, [Retract(fact=replace(acme.fact, value="Other"), at=day(5))]).superseded == ()
    written = vault.retract(BO, [Retract(fact=replace(acme.fact, value="ACME"), at=day(5))])
    assert written.superseded == (acme.id,)
    assert current(vault) == []
    assert vault.get(BO, acme.id).valid_to == day(5)


def test_a_retraction_does_not_touch_what_was_said_later(vault):
    (acme,) = put(vault, fact("Acme", 9, attribute="works")).created
    assert vault.retract(BO, [Retract(fact=replace(acme.fact, value=""), at=day(5))]).superseded == ()


def test_use_is_counted_without_a_new_version(vault):
    first, second = put(vault, turn("one"), turn("two")).created
    vault.used(BO, [first.id])
    vault.used(ANN, [second.id])
    assert [cube.id for cube in vault.recent(BO, limit=9)] == [first.id, second.id]
    used = vault.get(BO, first.id)
    assert (used.access_count, used.version) == (1, 1)
    assert used.last_used_at is not None


def test_pages_run_from_the_newest_to_the_oldest(vault):
    ids = [put(vault, turn(f"number {number}")).created[0].id for number in range(5)]
    seen, after = [], None
    while True:
        page = vault.page(BO, limit=2, after=after)
        seen += [cube.id for cube in page.cubes]
        if not page.has_more:
            break
        after = seen[-1]
    assert seen == ids[::-1]
    with pytest.raises(Invalid):
        vault.page(ANN, after=ids[0])


def test_pages_can_be_narrowed(vault):
    put(vault, turn("a"), fact("Lisbon", pinned=True))
    assert [cube.semantic_type for cube in vault.page(BO, semantic_types=[SemanticType.TURN]).cubes] == ["turn"]
    assert len(vault.page(BO, pinned=True).cubes) == len(vault.page(BO, pinned=False).cubes) == 1
    assert vault.page(BO, states=[State.FROZEN]).cubes == []


def test_one_user_never_sees_anothers_cubes(vault):
    (cube,) = put(vault, fact("Lisbon", profile=True), vectors=np.eye(1, 4, dtype=np.float32)).created
    with pytest.raises(NotFound):
        vault.get(ANN, cube.id)
    with pytest.raises(NotFound):
        vault.history(ANN, cube.id)
    assert vault.lexical(ANN, "Lisbon") == ([], 0)
    assert vault.delete(ANN, [cube.id]).removed == ()
    assert vault.erase(ANN, [cube.id])["cubes"] == 0
    assert vault.get(BO, cube.id) == cube


def _claimed(files, *texts, scope=BO):
    messages = tuple(Message(role="user", text=text, id=f"m{number}") for number, text in enumerate(texts))
    record = TurnRecord(scope=scope, turn_hash="/".join(texts), conversation_id="c", messages=messages)
    turn_id, _ = files.ledger.append(record)
    files.ledger.claim(limit=9, lease_s=60)
    return turn_id


def test_a_turn_is_done_in_the_same_transaction(files, vault):
    turn_id = _claimed(files, "I live in Lisbon.")
    put(vault, fact("Lisbon"), turn_id=turn_id)
    assert files.ledger.states(BO, [turn_id]) == {turn_id: TurnState.STORED}
    assert vault.page(BO).cubes[0].source.turn_id == turn_id
    empty = _claimed(files, "Hi.")
    put(vault, turn_id=empty)
    assert files.ledger.states(BO, [empty]) == {empty: TurnState.EMPTY}


def test_reading_a_turn_again_replaces_what_it_gave_and_keeps_what_it_gives_again(files, vault):
    put(vault, fact("Lisbon", 1))
    turn_id = _claimed(files, "I moved to Porto. I like tea.")
    first = put(vault, turn("I moved to Porto.", 9), fact("Porto", 9), turn_id=turn_id)
    again = put(vault, turn("I moved to Porto.", 9), fact("Porto", 9), turn_id=turn_id)
    assert (again.created, again.removed) == ((), ())
    better = put(vault, turn("I moved to Porto.", 9), turn("I like tea.", 9), turn_id=turn_id)
    assert better.removed == (first.created[1].id,)
    assert current(vault) == ["The user lives Lisbon.", "I moved to Porto.", "I like tea."]


def test_a_turn_that_is_gone_or_belongs_to_another_cannot_be_written(files, vault):
    with pytest.raises(NotFound):
        put(vault, fact("Lisbon"), turn_id="turn_gone")
    turn_id = _claimed(files, "I live in Lisbon.")
    with pytest.raises(Invalid):
        put(vault, fact("Lisbon"), scope=ANN, turn_id=turn_id)
    assert files.ledger.states(BO, [turn_id]) == {turn_id: TurnState.QUEUED}
    assert vault.page(BO).cubes == vault.page(ANN).cubes == []


def test_vectors_that_do_not_match_the_drafts_are_refused(vault):
    with pytest.raises(Invalid, match="2 vectors"):
        put(vault, fact("Lisbon"), vectors=np.eye(2, 4, dtype=np.float32))


def test_a_mistake_in_the_middle_of_a_put_leaves_nothing(vault):
    with pytest.raises(IndexError):
        vault.put(GOVERNANCE.admit(BO, [fact("Lisbon"), turn("x")]), BadMatrix(), "model")
    assert vault.page(BO, include_superseded=True).cubes == []
    assert vault.lexical(BO, "Lisbon") == ([], 0)


class BadMatrix:
    """Two rows by its length, one to take."""

    def __len__(self):
        return 2

    def __getitem__(self, position):
        return [np.eye(1, 4, dtype=np.float32)[0]][position]


def test_a_newer_database_is_a_clear_error(tmp_path, clock):
    open_vault(tmp_path, clock=clock).close()
    connection = sqlite3.connect(tmp_path / "memos.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Refused, match="version 99"):
        open_vault(tmp_path, clock=clock)


def test_what_was_told_since_stands_before_what_was_used_before_it(vault):
    """Else a policy by last use would show the same few for ever: only what it shows is ever used."""
    (used,) = put(vault, turn("one")).created
    vault.used(BO, [used.id])
    (told,) = put(vault, turn("two")).created
    assert [cube.id for cube in vault.recent(BO, limit=9)] == [told.id, used.id]
    vault.used(BO, [used.id])
    assert [cube.id for cube in vault.recent(BO, limit=1)] == [used.id]


def test_a_signal_that_ends_a_read_halfway_comes_out_as_itself(files):
    """SQLite's complaint that nothing is left to roll back would take its place, and the exit status with it."""

    def ended():
        with files.connections.snapshot() as connection:
            connection.execute("ROLLBACK")
            raise SystemExit(143)

    with pytest.raises(SystemExit):
        ended()
    with files.connections.snapshot() as connection:
        assert connection.in_transaction
