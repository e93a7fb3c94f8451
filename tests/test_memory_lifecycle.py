"""The life of a MemCube: every pair of state and event is either a line of the table or an error."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.cube import FactKey, MemCube, State
from memory.errors import Refused
from memory.lifecycle import BY_HAND, TRANSITIONS, Event, after, check_change, ended, thaws, wished
from memory.lifespan import LOOK_AGAIN, Lifespans, cold_at, heat, next_step
from memory.usefulness import showed, standing

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
RULES = Lifespans(half_life=timedelta(days=10), cold_below=0.125, expired_keep=timedelta(days=5))
CUBE = MemCube(
    id="mem_1", version=1, owner="ada", text="The user keeps bees.", valid_from=NOON, recorded_at=NOON, updated_at=NOON
)
IN_USE = (State.GENERATED, State.ACTIVATED, State.MERGED, State.FROZEN)


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_each_pair_leads_where_the_table_says_or_is_refused(state, event):
    if (state, event) in TRANSITIONS:
        assert after(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(Refused, match=state.value):
            after(state, event)


def test_nothing_leads_out_of_the_end():
    assert not [key for key in TRANSITIONS if key[0] is State.EXPIRED]


def test_only_a_thaw_leads_out_of_the_ice():
    assert [event for state, event in TRANSITIONS if state is State.FROZEN] == [Event.THAW]


@pytest.mark.parametrize("state", [state for state in State if state not in (State.FROZEN, State.EXPIRED)])
def test_time_ends_what_is_not_frozen(state):
    assert after(state, Event.EXPIRE) is State.EXPIRED


def test_each_state_is_reached_from_generated():
    reached = {State.GENERATED}
    while new := {to for (state, _), to in TRANSITIONS.items() if state in reached} - reached:
        reached |= new
    assert reached == set(State)


@pytest.mark.parametrize("new", list(State))
def test_a_frozen_memory_cannot_be_changed_not_even_in_place(new):
    with pytest.raises(Refused, match="frozen"):
        check_change(State.FROZEN, new)


def test_a_thaw_changes_nothing_else():
    frozen = replace(CUBE, state=State.FROZEN)
    assert thaws(frozen, CUBE)
    assert not thaws(frozen, replace(CUBE, text="The user keeps wasps."))
    assert not thaws(frozen, replace(CUBE, pinned=True))
    assert not thaws(CUBE, CUBE)


@pytest.mark.parametrize(("old", "new"), [pair for pair in product(State, State) if pair[0] is not State.FROZEN])
def test_a_change_follows_the_table(old, new):
    allowed = old is new or any(state is old and to is new for (state, _), to in TRANSITIONS.items())
    if allowed and old is not State.EXPIRED:
        check_change(old, new)
    else:
        with pytest.raises(Refused):
            check_change(old, new)


@pytest.mark.parametrize(("state", "wish"), list(product(State, BY_HAND)))
def test_what_a_person_asks_for_is_granted_by_the_table_alone(state, wish):
    cube = replace(CUBE, state=state)
    stays = state is wish or (state, wish) == (State.MERGED, State.ACTIVATED)
    event = Event.THAW if (state, wish) == (State.FROZEN, State.ACTIVATED) else BY_HAND[wish]
    if stays:
        assert wished(cube, wish) is state
    elif (state, event) in TRANSITIONS:
        assert wished(cube, wish) is TRANSITIONS[state, event]
    else:
        with pytest.raises(Refused):
            wished(cube, wish)


def test_what_newer_knowledge_replaced_cannot_be_activated_beside_it():
    with pytest.raises(Refused, match="Newer knowledge"):
        wished(replace(CUBE, state=State.ARCHIVED, superseded_at=NOON), State.ACTIVATED)


@pytest.mark.parametrize("state", list(State))
def test_recall_looks_first_at_what_is_in_use(state):
    cube = replace(CUBE, state=state)
    assert cube.in_use == (state in IN_USE)
    assert cube.current == (state is not State.EXPIRED)
    assert not replace(cube, superseded_at=NOON).in_use


@given(
    state=st.sampled_from(State),
    ttl_s=st.none() | st.floats(0.001, 1e11),
    age_s=st.floats(0, 1e9),
    decays=st.booleans(),
    pinned=st.booleans(),
    uses=st.integers(0, 10_000),
    priority=st.integers(-100, 100),
    keep_s=st.none() | st.floats(0, 1e9),
)
def test_what_the_sweeper_does_is_in_the_table_and_comes_to_rest(
    state, ttl_s, age_s, decays, pinned, uses, priority, keep_s
):
    """Law: each step is a line of the table, or a later look; nothing stays due for ever."""
    cube = replace(CUBE, state=state, ttl_s=ttl_s, decays=decays, pinned=pinned, access_count=uses, priority=priority)
    rules = replace(RULES, expired_keep=None if keep_s is None else timedelta(seconds=keep_s))
    now = NOON + timedelta(seconds=age_s)
    step = next_step(cube, now, rules)
    if step.event is not None:
        assert not step.removes
        moved = replace(cube, state=after(cube.state, step.event))
        assert next_step(moved, now, rules).event is None
    elif not step.removes:
        assert step.look_at is None or step.look_at > now
    if state is State.FROZEN or (pinned and ttl_s is None and state is not State.EXPIRED):
        assert step.event is None
        assert not step.removes
    assert step.removes <= (state is State.EXPIRED)


def test_a_memory_expires_at_the_end_of_its_time_and_is_removed_later():
    cube = replace(CUBE, ttl_s=60)
    end = NOON + timedelta(seconds=60)
    assert next_step(cube, end - timedelta(seconds=1), RULES).look_at == end
    assert next_step(cube, end, RULES).event is Event.EXPIRE
    over = replace(cube, state=State.EXPIRED)
    assert next_step(over, end, RULES).look_at == end + RULES.expired_keep
    assert next_step(over, end + RULES.expired_keep, RULES).removes
    assert next_step(over, end, replace(RULES, expired_keep=None)).look_at == end + LOOK_AGAIN


def test_a_frozen_memory_has_no_end():
    cube = replace(CUBE, ttl_s=60, state=State.FROZEN)
    assert not ended(cube, NOON + timedelta(days=999))
    assert next_step(cube, NOON + timedelta(days=999), RULES).event is None


def test_a_memory_cools_by_half_in_each_half_life_and_is_archived_when_it_is_cold():
    cube = replace(CUBE, decays=True)
    assert heat(cube, NOON, RULES) == 1
    assert heat(cube, NOON + timedelta(days=20), RULES) == pytest.approx(0.25)
    assert next_step(cube, NOON + timedelta(days=29), RULES).look_at == NOON + timedelta(days=30)
    assert next_step(cube, NOON + timedelta(days=30), RULES).event is Event.ARCHIVE


@given(
    first=st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(-100, 100), st.integers(0, 999)),
    second=st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(-100, 100), st.integers(0, 999)),
)
def test_the_colder_of_two_memories_is_cold_earlier(first, second):
    """Law: one order, at whatever time it is asked for."""
    colds, heats = [], []
    for uses, useful, priority, day in (first, second):
        last = NOON + timedelta(days=day)
        cube = replace(CUBE, access_count=uses, useful_count=useful, priority=priority, last_used_at=last)
        colds.append(cold_at(uses, useful, priority, last, RULES))
        heats.append(heat(cube, NOON + timedelta(days=1000), RULES))
    if heats[0] < heats[1] * (1 - 1e-9):
        assert colds[0] <= colds[1]


def test_use_usefulness_and_priority_keep_a_memory_longer():
    plain = cold_at(0, 0, 0, NOON, RULES)
    assert plain < cold_at(1, 0, 0, NOON, RULES) < cold_at(1, 1, 0, NOON, RULES)
    assert cold_at(0, 0, -50, NOON, RULES) < plain < cold_at(0, 0, 50, NOON, RULES)


@pytest.mark.parametrize(
    ("question", "answer", "was_of_use"),
    [
        ("Where do I live?", "You live in Porto.", True),
        ("Where do I live?", "In PORTO, near the river.", True),
        ("Do I live in Porto?", "Yes, you live in Porto.", False),
        ("Where do I live?", "I do not know.", False),
        ("Where do I live?", "Somewhere portable.", False),
    ],
)
def test_a_fact_was_of_use_when_the_answer_says_its_value_and_the_question_does_not(question, answer, was_of_use):
    fact = FactKey(subject="user", attribute="lives", value="Porto")
    assert showed(replace(CUBE, text="The user lives in Porto.", fact=fact), question, answer) is was_of_use


@pytest.mark.parametrize(
    ("answer", "was_of_use"),
    [("Your trip to Kyoto was in April, for the blossoms.", True), ("It was a fine trip.", False), ("", False)],
)
def test_a_turn_was_of_use_when_the_answer_says_what_only_it_says(answer, was_of_use):
    cube = replace(CUBE, text="I went to Kyoto in April to see the cherry blossoms.")
    assert showed(cube, "When was my trip?", answer) is was_of_use


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(-100, 100))
def test_use_and_priority_break_ties_and_no_more(uses, useful, priority):
    value = standing(replace(CUBE, access_count=max(uses, useful), useful_count=useful, priority=priority))
    assert -0.5 <= value <= 1.5
    assert standing(CUBE) == 0
