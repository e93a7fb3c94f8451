"""Idle conversations: out of the context, so that they slow nobody down, and exactly back when they go on."""

import threading
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.engine import Engine
from adapters.parking import MOST_STATES, Parked, ParkingLot
from adapters.residents import ResidentTable
from memory.errors import Invalid
from tests.scripted_context import (
    Caller,
    ScriptedContext,
    prompt_for,
    started_engines,  # noqa: F401  # the fixture `start`
)

SIZE_BYTES = 1 << 20


def retire_after(table: ResidentTable, tokens: list[int], salt: str = "") -> None:
    """Let a sequence of these tokens be computed and become idle."""
    resident = table.admit([*tokens, 9], len(tokens) + 1, salt)
    assert resident is not None
    compute(table, resident, tokens)
    table.retire(resident)


def compute(table: ResidentTable, resident: Any, tokens: list[int]) -> None:
    rest = tokens[len(resident.tokens) :]
    table._context.sequences.setdefault(resident.id, []).extend((token, object()) for token in rest)
    table.extend(resident, rest)


def test_idle_sequences_make_way_for_those_that_run_and_come_back():
    context = ScriptedContext(cells=8192)
    table = ResidentTable(context, SIZE_BYTES)
    conversations = [[number] * 200 for number in range(1, 6)]
    for tokens in conversations:
        retire_after(table, tokens)
    table.make_way()
    assert table.used_cells == 1000, "nobody runs, so nobody is slowed down"
    running = table.admit([7] * 301, 400, "")
    assert running is not None
    compute(table, running, [7] * 300)
    table.make_way()
    assert table.used_cells - 300 <= 300, "idle cells are no more than those that run"
    assert len(table.parked) >= 3
    for tokens in conversations:
        back = table.admit([*tokens, 8], 210, "")
        assert back is not None
        assert (back.tokens, context.tokens(back.id)) == (tokens, tokens), "nothing of it is computed again"
        table.retire(back)
        table.make_way()


def test_few_idle_cells_stay_where_they_are():
    table = ResidentTable(ScriptedContext(cells=8192), SIZE_BYTES)
    retire_after(table, [1] * 200)
    running = table.admit([7] * 51, 60, "")
    compute(table, running, [7] * 50)
    table.make_way()
    assert (len(table.parked), table.used_cells) == (0, 250)


def test_what_must_leave_for_want_of_room_comes_back_too(start):
    context = ScriptedContext(cells=500, sequences=2)
    engine = start(context)
    prompts = [prompt_for("hi", filler=[number] * 80) for number in range(1, 6)]
    for prompt in prompts:
        Caller(engine, prompt, max_tokens=10).result()
    for prompt in prompts:
        pieces, end = Caller(engine, prompt, max_tokens=10).result()
        assert ("".join(pieces), end.usage.cached_tokens) == ("hi", len(prompt) - 1)
    assert engine.load_now().parked_bytes > 0


def test_a_part_of_a_saved_sequence_serves_another_prompt_and_stays_saved(start):
    context = ScriptedContext(cells=300, sequences=2)
    engine = start(context)
    shared = [5] * 80
    first, second, other = (
        prompt_for(text, filler=[*shared, *tail]) for text, tail in (("a", [1] * 40), ("b", [2] * 40), ("c", []))
    )
    Caller(engine, first, max_tokens=10).result()
    for number in (6, 7):  # drives it out
        Caller(engine, prompt_for("x", filler=[number] * 120), max_tokens=10).result()
    pieces, end = Caller(engine, second, max_tokens=10).result()
    assert ("".join(pieces), end.usage.cached_tokens) == ("b", 80)
    pieces, end = Caller(engine, first, max_tokens=10).result()
    assert ("".join(pieces), end.usage.cached_tokens) == ("a", len(first) - 1)
    pieces, _ = Caller(engine, other, max_tokens=10).result()
    assert "".join(pieces) == "c"


def test_another_salt_gets_nothing_of_what_was_saved(start):
    engine = start(ScriptedContext(cells=400, sequences=1))
    prompt = prompt_for("hi", filler=[5] * 100)
    Caller(engine, prompt, cache_salt="anna", max_tokens=10).result()
    Caller(engine, prompt_for("x", filler=[6] * 50), cache_salt="anna", max_tokens=10).result()
    _, other = Caller(engine, prompt, cache_salt="berta", max_tokens=10).result()
    _, same = Caller(engine, prompt, cache_salt="anna", max_tokens=10).result()
    assert (other.usage.cached_tokens, same.usage.cached_tokens) == (0, len(prompt) - 1)


def test_a_state_that_the_context_refuses_is_computed_anew(start):
    class Refusing(ScriptedContext):
        def restore(self, sequence: int, data: np.ndarray) -> int:  # noqa: ARG002
            raise Invalid("The saved state does not fit this context.")

    engine = start(Refusing(cells=300, sequences=1))
    prompt = prompt_for("hi", filler=[5] * 100)
    Caller(engine, prompt, max_tokens=10).result()
    Caller(engine, prompt_for("x", filler=[6] * 250), max_tokens=10).result()
    assert engine.load_now().parked_bytes > 0
    pieces, end = Caller(engine, prompt, max_tokens=10).result()
    assert ("".join(pieces), end.usage.cached_tokens) == ("hi", 0)


def test_between_two_batches_only_so_much_is_saved():
    class Large(ScriptedContext):
        def state_bytes(self, sequence: int) -> int:
            return len(self.tokens(sequence)) << 18  # a quarter of a MiB a token

    table = ResidentTable(Large(cells=8192), 1 << 40)
    for number in range(1, 6):
        retire_after(table, [number] * 100)
    running = table.admit([7] * 301, 400, "")
    compute(table, running, [7] * 10)
    table.make_way()
    assert len(table.parked) == 2, "two of 25 MiB"
    table.begin_turn()
    table.make_way()
    assert len(table.parked) > 2


FAMILIES = st.lists(
    st.tuples(
        st.integers(0, 1),  # salt
        st.lists(st.integers(1, 2), min_size=1, max_size=4),  # what stands before, in blocks of 40 tokens
        st.text("abc", max_size=6),
        st.booleans(),  # cancelled at once
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(FAMILIES, st.integers(1, 4), st.integers(200, 500), st.sampled_from([0, 2000, SIZE_BYTES]), st.booleans())
def test_law_whatever_is_parked_answers_are_right_and_memory_is_bounded(requests, sequences, cells, size, whole_only):
    context = ScriptedContext(cells=cells, sequences=sequences, batch=64, whole_only=whole_only)
    engine = Engine(lambda: context, parked_bytes=size)
    engine.start().result(timeout=10)
    try:
        callers = []
        for salt, blocks, answer, cancelled in requests:
            prompt = prompt_for(answer, filler=[block for block in blocks for _ in range(40)])
            callers.append((Caller(engine, prompt, max_tokens=8, cache_salt=str(salt)), answer, cancelled))
            if cancelled:
                callers[-1][0].cancel()
        for caller, answer, cancelled in callers:
            if not cancelled:
                assert "".join(caller.result()[0]) == answer
        load = engine.load_now()
        assert load.parked_bytes <= min(size, 4 * cells)
        assert load.used_cells == engine.call(lambda c: c.used()).result(timeout=10)
    finally:
        engine.close()
    assert engine.failure is None


TOKENS = st.lists(st.integers(0, 1), min_size=1, max_size=12)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), TOKENS), max_size=30), st.sampled_from("ab"), TOKENS, st.booleans())
def test_law_the_lot_gives_the_most_that_is_shared(saved, salt, prompt, whole):
    lot = ParkingLot(1 << 30, 1 << 30)
    for owner, tokens in saved:
        lot.add(Parked(tokens, owner, np.zeros(4, np.uint8)))
    best, length = lot.best(prompt, salt, whole=whole)
    shares = [
        next((i for i, t in enumerate(tokens) if prompt[i : i + 1] != [t]), len(tokens))
        for owner, tokens in saved
        if owner == salt
    ]
    lengths = [len(tokens) for owner, tokens in saved if owner == salt]
    if whole:
        # What another continues was dropped, so a shorter one that would do may be gone.
        assert best is None or prompt[:length] == best.tokens
    else:
        assert length == max(shares, default=0)
        assert (best is None) == (length == 0)
    assert len(lot) <= len(lengths) + sum(owner != salt for owner, _ in saved)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=200))
def test_law_the_lot_keeps_its_bounds_and_its_books(entries):
    lot = ParkingLot(40, 60)
    for number, (tokens, size_bytes) in enumerate(entries):
        lot.add(Parked([number] * tokens, "", np.zeros(size_bytes, np.uint8)))
        assert lot.used_bytes <= 40
        assert lot.used_tokens <= 60
        assert len(lot) <= MOST_STATES
    if entries:
        newest, _ = lot.best([len(entries) - 1], "", whole=False)
        assert newest is not None, "those used least recently go first"


def test_saving_happens_in_the_thread_that_owns_the_context(start):
    context = ScriptedContext(cells=300, sequences=1)
    engine = start(context)
    threads = [
        threading.Thread(target=lambda n=n: Caller(engine, prompt_for("x", [n] * 200)).result()) for n in range(1, 5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert engine.failure is None, "the context checks its thread"
    assert engine.load_now().parked_bytes > 0
