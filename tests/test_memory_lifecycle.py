"""The life of a MemCube: every pair of state and event is either a line of the table or an error."""

from itertools import product

import pytest

from memory.cube import State
from memory.errors import Refused
from memory.lifecycle import TRANSITIONS, Event, after, check_change


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_each_pair_leads_where_the_table_says_or_is_refused(state, event):
    if (state, event) in TRANSITIONS:
        assert after(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(Refused, match=state.value):
            after(state, event)


@pytest.mark.parametrize("state", [State.FROZEN, State.EXPIRED])
def test_nothing_leads_out_of_an_end(state):
    assert not [key for key in TRANSITIONS if key[0] is state]


def test_each_state_is_reached_from_generated():
    reached = {State.GENERATED}
    while new := {to for (state, _), to in TRANSITIONS.items() if state in reached} - reached:
        reached |= new
    assert reached == set(State)


@pytest.mark.parametrize("new", list(State))
def test_a_frozen_memory_cannot_be_changed_not_even_in_place(new):
    with pytest.raises(Refused, match="frozen"):
        check_change(State.FROZEN, new)


@pytest.mark.parametrize(("old", "new"), [pair for pair in product(State, State) if pair[0] is not State.FROZEN])
def test_a_change_follows_the_table(old, new):
    allowed = old is new or any(state is old and to is new for (state, _), to in TRANSITIONS.items())
    if allowed:
        check_change(old, new)
    else:
        with pytest.raises(Refused):
            check_change(old, new)
