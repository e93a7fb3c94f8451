"""Many users at once, in batches, tokens a batch and hand-overs: what work is shared, and who waits for whom."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.engine import Engine
from adapters.generation import Event, Finished, GenerationRequest, Piece, Sampling, Span
from adapters.prefill_pace import shares_by_owner
from tests.scripted_context import (
    Caller,
    ScriptedContext,
    prompt_for,
    started_engines,  # noqa: F401  # the fixture `start`
)


def ask_at_once(engine: Engine[ScriptedContext], context: ScriptedContext, prompts: Sequence[list[int]]) -> list[str]:
    """Submit all while the first batch of another request is held back; return the answers."""
    context.gate = threading.Semaphore(0)
    first = Caller(engine, prompt_for("z"), max_tokens=1)
    assert context.at_gate.acquire(timeout=10)
    callers = [Caller(engine, prompt) for prompt in prompts]
    context.batches.clear()
    context.gate.release(100_000)
    first.result()
    return ["".join(caller.result()[0]) for caller in callers]


def test_eight_at_once_take_an_eighth_of_the_batches(start):
    context = ScriptedContext(cells=16384, sequences=16, batch=512)
    engine = start(context)
    prompts = [prompt_for(f"{number}" * 60, filler=[number + 1] * 20) for number in range(8)]
    alone = 0
    for prompt in prompts:
        context.batches.clear()
        Caller(engine, [9, *prompt]).result()
        alone += len(context.batches)
    answers = ask_at_once(engine, context, prompts)
    assert answers == [f"{number}" * 60 for number in range(8)]
    assert len(context.batches) <= alone / 8 + 2
    decoding = [batch for batch in context.batches if all(len(span.tokens) == 1 for span in batch)]
    assert sum(map(len, decoding)) / len(decoding) > 7, "mean streams in a batch"


def test_prompts_that_wait_together_are_computed_in_one_batch(start):
    context = ScriptedContext(cells=16384, sequences=16, batch=512)
    engine = start(context)
    ask_at_once(engine, context, [prompt_for("a", filler=[number + 1] * 50) for number in range(8)])
    sizes = [[len(span.tokens) for span in batch] for batch in context.batches]
    assert [53] * 8 in sizes, sizes
    assert len(sizes) <= 4


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_all_events_of_a_batch_reach_an_event_loop_in_one_call(
    start, new_loop: Callable[[], asyncio.AbstractEventLoop]
):
    context = ScriptedContext(cells=8192, batch=512)
    engine = start(context)
    context.gate = threading.Semaphore(0)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        calls = runner.run(collect(engine, context))
    assert sum(event == Piece("x") for _, event in calls) == 8 * 40
    assert sum(isinstance(event, Finished) for _, event in calls) == 8
    turns = {turn for turn, _ in calls}
    assert len(turns) <= len(context.batches), "the loop was woken once a batch, not once a token"


async def collect(engine: Engine[ScriptedContext], context: ScriptedContext) -> list[tuple[int, Event]]:
    """Return the events of eight requests, each with the number of the call to the loop that brought it."""
    loop = asyncio.get_running_loop()
    calls: list[tuple[int, Event]] = []
    posts = 0
    ended: asyncio.Queue[Event] = asyncio.Queue()

    class Loop:
        def post(self, deliver: Callable[[], None]) -> None:
            nonlocal posts
            posts += 1
            loop.call_soon_threadsafe(deliver)

        __eq__ = object.__eq__
        __hash__ = object.__hash__

    poster = Loop()

    def take(event: Event) -> None:
        assert asyncio.get_running_loop() is loop
        calls.append((posts, event))
        if isinstance(event, Finished):
            ended.put_nowait(event)

    for number in range(8):
        prompt = prompt_for("x" * 40, filler=[number + 1] * 5)
        # Bound methods anew each time, as callers write them: equal, not identical.
        engine.submit(GenerationRequest(prompt=prompt, max_tokens=100, on_event=take, post=poster.post))
    assert loop.call_soon_threadsafe == loop.call_soon_threadsafe, "what the engine groups by"
    context.gate.release(100_000)
    for _ in range(8):
        await asyncio.wait_for(ended.get(), 10)
    assert posts <= len(context.batches)
    return calls


def test_a_loop_that_is_closed_cancels_its_requests_and_no_others(start):
    engine = start(ScriptedContext())

    def closed(_: Callable[[], None]) -> None:
        raise RuntimeError("Event loop is closed")

    engine.submit(GenerationRequest(prompt=prompt_for("x" * 500), max_tokens=600, on_event=print, post=closed))
    pieces, _ = Caller(engine, prompt_for("fine")).result()
    assert "".join(pieces) == "fine"
    engine.call(lambda _: None).result(timeout=10)
    assert engine.load_now().running == 0


def test_one_salt_with_many_long_prompts_does_not_starve_the_short_one_of_another(start):
    context = ScriptedContext(cells=16384, sequences=16, batch=64)
    context.gate = threading.Semaphore(0)
    engine = start(context)
    greedy = [Caller(engine, prompt_for("g", filler=[number + 1] * 900), cache_salt="greedy") for number in range(8)]
    assert context.at_gate.acquire(timeout=10)
    context.gate.release(8)
    for _ in range(8):
        assert context.at_gate.acquire(timeout=10)
    before = len(context.batches)
    modest = Caller(engine, prompt_for("m", filler=[50] * 100), cache_salt="modest")
    context.gate.release(100_000)
    modest.result()
    mine = [sum(len(s.tokens) for s in batch if s.tokens[0] == 50) for batch in context.batches[before:]]
    full = [size for size in mine if size]
    assert full[0] == 32, "half of the batch, although eight prompts of the other salt want it"
    assert len(full) <= 4
    for caller in greedy:
        caller.result()


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from("abc")), max_size=10),
    st.integers(0, 100),
    st.integers(0, 50),
)
def test_law_shares_are_fair_between_owners_first(wishes, room, first):
    wanted, owners = [w for w, _ in wishes], [owner for _, owner in wishes]
    shares = shares_by_owner(wanted, owners, room, first)
    assert sum(shares) == min(room, sum(wanted))
    assert all(share <= want for share, want in zip(shares, wanted, strict=True))
    got = {owner: sum(s for s, o in zip(shares, owners, strict=True) if o == owner) for owner in owners}
    unmet = [got[o] for o in got if got[o] < sum(w for w, p in wishes if p == o)]
    assert all(value <= min(unmet) + 1 for value in got.values() if unmet)


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=9))
def test_law_nobody_starves_however_little_room_there_is(owners):
    got = [0] * len(owners)
    for turn in range(len(owners) * len(owners) * 6):
        for index, share in enumerate(shares_by_owner([1000] * len(owners), owners, 1, turn)):
            got[index] += share
    assert all(got)


def test_nobody_outside_waits_while_a_request_is_taken_in(start):
    entered, leave = threading.Event(), threading.Event()

    class Slow(ScriptedContext):
        def new_sampler(self, sampling: Sampling, prompt: Sequence[int]) -> Any:
            entered.set()
            assert leave.wait(10)
            return super().new_sampler(sampling, prompt)

    engine = start(Slow())
    first = Caller(engine, prompt_for("a"))
    assert entered.wait(10)
    # On the event loop these would stop everybody's streams if they waited for the engine's thread.
    second = Caller(engine, prompt_for("b"))
    third = Caller(engine, prompt_for("c"))
    third.cancel()
    assert engine.load_now().waiting >= 1
    leave.set()
    assert ["".join(caller.result()[0]) for caller in (first, second)] == ["a", "b"]


def test_a_chunk_beside_streams_takes_no_longer_than_it_may(start):
    """What bounds the time between two tokens, in a clock that only computing moves."""

    class Timed(ScriptedContext):
        now_s = 0.0

        def decode(self, spans: Sequence[Span]) -> None:
            super().decode(spans)
            self.now_s += 0.001 + 0.002 * sum(len(span.tokens) for span in spans)

    context = Timed(cells=8192, batch=512)
    context.gate = threading.Semaphore(0)
    engine = start(context, stall_s=0.1, clock=lambda: context.now_s)
    stream = Caller(engine, prompt_for("s" * 200))
    context.gate.release(3)
    for _ in range(4):
        assert context.at_gate.acquire(timeout=10)
    long = [Caller(engine, prompt_for("x", filler=[7 + n] * 1000), cache_salt=str(n)) for n in range(3)]
    context.gate.release(100_000)
    stream.result()
    for caller in long:
        caller.result()
    sequence = context.batches[0][0].sequence
    beside = [batch for batch in context.batches[1:] if any(span.sequence == sequence for span in batch)]
    shared = [sum(len(span.tokens) for span in batch) for batch in beside if len(batch) > 1]
    assert len(shared) > 20
    assert max(shared) * 0.002 <= 0.1 + 0.01
    assert sum(shared) / len(shared) * 0.002 >= 0.05, "and no shorter than it may"


def test_who_does_not_fit_is_asked_again_only_when_somebody_has_ended(start):
    context = ScriptedContext(cells=120, sequences=8)
    engine = start(context)
    asked: list[int] = []
    branch_point = context.branch_point

    def counting(sequence: int, length: int) -> int:
        asked.append(sequence)
        return branch_point(sequence, length)

    context.branch_point = counting
    context.gate = threading.Semaphore(0)
    running = Caller(engine, prompt_for("r" * 40, filler=[5] * 5), max_tokens=50)
    assert context.at_gate.acquire(timeout=10)
    waiting = Caller(engine, prompt_for("w" * 40, filler=[5] * 5), max_tokens=50)
    context.gate.release(100_000)
    assert "".join(running.result()[0]) == "r" * 40
    assert "".join(waiting.result()[0]) == "w" * 40
    assert len(asked) <= 4, "not once for each of forty batches"


def computed(context: ScriptedContext) -> int:
    return sum(len(span.tokens) for batch in context.batches for span in batch)


def test_a_burst_of_prompts_that_begin_alike_computes_the_beginning_once(start):
    context = ScriptedContext(cells=32768, sequences=16, batch=64)
    engine = start(context)
    beginning = [5] * 200
    prompts = [prompt_for(f"{number}", filler=[*beginning, *[number + 10] * 20]) for number in range(8)]
    answers = ask_at_once(engine, context, prompts)
    assert answers == [str(number) for number in range(8)]
    assert computed(context) <= 3 + 200 + 8 * (20 + 3 + 2) + 8


@pytest.mark.parametrize("whole_only", [False, True])
def test_the_same_prompt_many_times_at_once_is_computed_once_where_it_can_be_shared(start, whole_only):
    context = ScriptedContext(cells=32768, sequences=16, batch=64, whole_only=whole_only)
    engine = start(context)
    prompt = prompt_for("same", filler=[5] * 150)
    assert ask_at_once(engine, context, [prompt] * 8) == ["same"] * 8
    once = len(prompt) + 8 * 6
    assert computed(context) <= once if not whole_only else computed(context) >= 8 * len(prompt)


def test_who_waits_for_a_prompt_that_is_cancelled_goes_on_from_where_it_was(start):
    context = ScriptedContext(cells=32768, sequences=16, batch=64)
    context.gate = threading.Semaphore(0)
    engine = start(context)
    beginning = [5] * 600
    leader = Caller(engine, prompt_for("l", filler=[*beginning, 6]))
    assert context.at_gate.acquire(timeout=10)
    follower = Caller(engine, prompt_for("f", filler=[*beginning, 7]))
    context.gate.release(3)
    for _ in range(3):
        assert context.at_gate.acquire(timeout=10)
    leader.cancel()
    context.gate.release(100_000)
    pieces, end = follower.result()
    assert "".join(pieces) == "f"
    assert 100 <= end.usage.cached_tokens < 600, "what the leader had computed, and the rest by itself"


def test_prompts_of_different_salts_do_not_wait_for_each_other(start):
    context = ScriptedContext(cells=32768, sequences=16, batch=64)
    context.gate = threading.Semaphore(0)
    engine = start(context)
    callers = [Caller(engine, prompt_for("x", filler=[5] * 300), cache_salt=salt) for salt in "ab"]
    context.gate.release(100_000)
    usages = [caller.result()[1].usage for caller in callers]
    assert [usage.cached_tokens for usage in usages] == [0, 0]
