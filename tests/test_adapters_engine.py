"""The batching engine against a deterministic context: its laws hold whatever computes the tokens."""

import itertools
import threading
from concurrent.futures import Future

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.cells import CellLedger
from adapters.engine import Engine
from adapters.generation import (
    CellsExhausted,
    Event,
    FinishReason,
    GenerationRequest,
    Piece,
)
from adapters.prefill_pace import PrefillPace, fair_shares
from adapters.prefix import common_prefix
from adapters.text_stream import TextStream
from adapters.waiting_line import WaitingLine
from memory.errors import EngineDown, Invalid, QueueFull
from tests.scripted_context import (
    END,
    PIECES,
    Caller,
    ScriptedContext,
    prompt_for,
    started_engines,  # noqa: F401  # the fixture `start`
)


def test_an_answer_comes_in_pieces_with_its_usage(start):
    engine = start(ScriptedContext())
    pieces, end = Caller(engine, prompt_for("Hello")).result()
    assert pieces == list("Hello")
    assert end.reason is FinishReason.STOP
    assert (end.usage.prompt_tokens, end.usage.completion_tokens, end.usage.cached_tokens) == (7, 6, 0)


def test_max_tokens_ends_with_length_and_holds_nothing_back(start):
    engine = start(ScriptedContext())
    pieces, end = Caller(engine, prompt_for("Hello"), max_tokens=4, stop=["lox"]).result()
    assert ("".join(pieces), end.reason, end.usage.completion_tokens) == ("Hell", FinishReason.LENGTH, 4)


def test_max_tokens_is_cut_to_what_the_context_has_left(start):
    engine = start(ScriptedContext(cells=64), max_request_tokens=12)
    pieces, end = Caller(engine, prompt_for("abcdefg"), max_tokens=10**6).result()
    assert ("".join(pieces), end.reason) == ("abc", FinishReason.LENGTH)


def test_a_prompt_that_can_never_fit_is_refused_at_once(start):
    engine = start(ScriptedContext(cells=64))
    with pytest.raises(Invalid) as caught:
        Caller(engine, prompt_for("a", filler=[1] * 64))
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(Invalid):
        Caller(engine, [])


def test_a_long_prompt_never_keeps_a_stream_out_of_a_batch(start):
    context = ScriptedContext(batch=64)
    context.gate = threading.Semaphore(0)
    engine = start(context)
    stream = Caller(engine, prompt_for("s" * 60))
    context.gate.release()
    assert isinstance(stream.events.get(timeout=10), Piece)
    long = Caller(engine, prompt_for("x", filler=[7] * 900))
    context.gate.release(10_000)
    stream.result()
    long.result()
    shared = [b for b in context.batches if any(span.tokens[0] == 7 for span in b)]
    beside = [b for b in shared if any(span.tokens == [ord("s")] for span in b)]
    assert len(beside) > 5, "the long prompt was computed in chunks beside the stream"
    sequence = context.batches[0][0].sequence
    first, last = context.batches.index(beside[0]), context.batches.index(beside[-1])
    assert all(any(span.sequence == sequence for span in b) for b in context.batches[first:last])


def test_prompts_share_batches_evenly(start):
    context = ScriptedContext(batch=64)
    context.gate = threading.Semaphore(0)
    engine = start(context)
    first = Caller(engine, prompt_for("a", filler=[1] * 300))
    assert context.at_gate.acquire(timeout=10)
    second = Caller(engine, prompt_for("b", filler=[2] * 40))
    context.gate.release(10_000)
    second.result()
    first.result()
    both = [sorted(len(span.tokens) for span in b) for b in context.batches if len(b) == 2]
    assert both[0] == [32, 32], "a short prompt gets its half although a long one came first"


def test_cancel_ends_a_generation_within_a_token_and_frees_its_cells(start):
    context = ScriptedContext()
    context.gate = threading.Semaphore(0)
    engine = start(context)
    caller = Caller(engine, prompt_for("abcdefgh"))
    context.gate.release(2)
    assert [caller.events.get(timeout=10) for _ in range(2)] == [Piece("a"), Piece("b")]
    for _ in range(3):
        assert context.at_gate.acquire(timeout=10)
    caller.cancel()
    context.gate.release()
    engine.call(lambda _: None).result(timeout=10)
    assert len(context.batches) == 3, "only the batch that was under way was computed"
    assert caller.events.empty()
    load = engine.load_now()
    assert (load.running, load.waiting) == (0, 0)
    context.gate.release(100)
    _, end = Caller(engine, prompt_for("abcdefgh")).result()
    assert end.usage.cached_tokens == 9, "what a cancelled request computed is still good"


def test_the_queue_is_bounded_and_a_cancelled_place_in_it_is_free_again(start):
    context = ScriptedContext(sequences=1)
    context.gate = threading.Semaphore(0)
    engine = start(context, queue_limit=2)
    running = Caller(engine, prompt_for("abc"))
    assert context.at_gate.acquire(timeout=10)
    waiting = [Caller(engine, prompt_for(answer)) for answer in ("d", "e")]
    with pytest.raises(QueueFull) as caught:
        Caller(engine, prompt_for("f"))
    assert caught.value.retry_after_s
    waiting[0].cancel()
    last = Caller(engine, prompt_for("g"))
    context.gate.release(10_000)
    assert ["".join(c.result()[0]) for c in (running, waiting[1], last)] == ["abc", "e", "g"]
    assert waiting[0].events.empty()


def test_who_is_being_admitted_takes_one_place_only(start):
    """It runs already and is still first in line, for as long as making its sampler takes."""

    class Slow(ScriptedContext):
        admitting, go_on = threading.Semaphore(0), threading.Semaphore(0)

        def new_sampler(self, sampling, prompt):
            self.admitting.release()
            assert self.go_on.acquire(timeout=10)
            return super().new_sampler(sampling, prompt)

    context = Slow(sequences=2)
    engine = start(context, queue_limit=1)
    callers = [Caller(engine, prompt_for("a"))]
    assert context.admitting.acquire(timeout=10)
    load = engine.load_now()
    assert (load.running, load.waiting) == (1, 0)
    callers += [Caller(engine, prompt_for(answer)) for answer in "bc"]
    with pytest.raises(QueueFull):
        Caller(engine, prompt_for("d"))
    context.go_on.release(10)
    assert ["".join(c.result()[0]) for c in callers] == ["a", "b", "c"]


def test_requests_wait_until_cells_are_free(start):
    context = ScriptedContext(cells=40, sequences=8)
    engine = start(context)
    callers = [Caller(engine, prompt_for(f"answer{n}"), max_tokens=12) for n in range(12)]
    assert ["".join(c.result()[0]) for c in callers] == [f"answer{n}" for n in range(12)]


def test_a_prefix_is_reused_under_the_same_salt_only(start):
    engine = start(ScriptedContext())
    prompt = prompt_for("hi", filler=[5] * 100)
    _, first = Caller(engine, prompt, cache_salt="anna").result()
    _, other = Caller(engine, prompt, cache_salt="berta").result()
    pieces, again = Caller(engine, prompt, cache_salt="anna").result()
    assert (first.usage.cached_tokens, other.usage.cached_tokens) == (0, 0)
    assert again.usage.cached_tokens == len(prompt) - 1, "the last token of a prompt is always computed"
    assert "".join(pieces) == "hi"


def test_the_next_turn_of_a_conversation_computes_only_what_is_new(start):
    engine = start(ScriptedContext())
    first = prompt_for("hello", filler=[5] * 50)
    Caller(engine, first).result()
    resident = first + list(b"hello")
    follow = [*resident, END, *prompt_for("next")]
    # The scripted model reads the first ASK, so the follow-up is only looked at for what it reused.
    _, end = Caller(engine, follow, max_tokens=1).result()
    assert end.usage.cached_tokens == len(resident)


def test_a_running_sequence_can_be_shared_too(start):
    context = ScriptedContext()
    context.gate = threading.Semaphore(0)
    engine = start(context)
    running = Caller(engine, prompt_for("a" * 50, filler=[5] * 100))
    context.gate.release(5)
    for _ in range(6):
        assert context.at_gate.acquire(timeout=10)
    second = Caller(engine, prompt_for("b", filler=[5] * 100))
    context.gate.release(10_000)
    _, end = second.result()
    assert end.usage.cached_tokens == 101
    assert "".join(running.result()[0]) == "a" * 50


def test_a_context_that_cannot_be_cut_reuses_whole_sequences_only(start):
    context = ScriptedContext(whole_only=True)
    engine = start(context)
    prompt = prompt_for("hi", filler=[5] * 20)
    Caller(engine, prompt).result()
    _, again = Caller(engine, prompt).result()
    assert again.usage.cached_tokens == 0
    _, longer = Caller(engine, [*prompt, *b"hi", 9], max_tokens=1).result()
    assert longer.usage.cached_tokens == len(prompt) + 2


def test_a_failed_batch_fails_those_in_it_and_nobody_after(start):
    context = ScriptedContext()
    engine = start(context)
    Caller(engine, prompt_for("warm")).result()
    context.failures = [RuntimeError("device lost")]
    with pytest.raises(EngineDown):
        Caller(engine, prompt_for("a")).result()
    pieces, end = Caller(engine, prompt_for("warm")).result()
    assert ("".join(pieces), end.usage.cached_tokens) == ("warm", 0), "an unknown state is not reused"


def test_an_engine_that_fails_again_and_again_stops_and_says_so(start):
    context = ScriptedContext()
    engine = start(context)
    context.failures = [RuntimeError("device lost")] * 3
    for _ in range(3):
        with pytest.raises(EngineDown):
            Caller(engine, prompt_for("a")).result()
    assert isinstance(engine.wait(), EngineDown)
    with pytest.raises(EngineDown):
        Caller(engine, prompt_for("a"))
    assert not engine.alive


def test_want_of_room_evicts_what_is_idle_and_goes_on(start):
    context = ScriptedContext()
    engine = start(context)
    Caller(engine, prompt_for("old")).result()
    context.failures = [CellsExhausted()]
    pieces, _ = Caller(engine, prompt_for("new")).result()
    assert "".join(pieces) == "new"


def test_an_owner_that_cannot_be_reached_is_cancelled_alone(start):
    engine = start(ScriptedContext())

    def gone(_: Event) -> None:
        raise RuntimeError("the loop is closed")

    engine.submit(GenerationRequest(prompt=prompt_for("x" * 500), max_tokens=600, on_event=gone))
    pieces, _ = Caller(engine, prompt_for("fine")).result()
    assert "".join(pieces) == "fine"


def test_calls_run_in_the_engines_thread_and_hand_their_errors_back(start):
    engine = start(ScriptedContext())
    assert engine.call(lambda _: threading.current_thread().name).result(timeout=10) == "engine"

    def fail(_: ScriptedContext) -> None:
        raise ValueError("inside")

    failed: Future[None] = engine.call(fail)
    with pytest.raises(ValueError, match="inside"):
        failed.result(timeout=10)
    assert Caller(engine, prompt_for("ok")).result()[0]


def test_a_failed_load_is_told_to_whoever_waits():
    def load() -> ScriptedContext:
        raise Invalid("no such model")

    engine = Engine(load)
    with pytest.raises(Invalid):
        engine.start().result(timeout=10)
    assert not engine.alive
    with pytest.raises(EngineDown):
        Caller(engine, prompt_for("a"))


# -- laws -------------------------------------------------------------------------------------------------------------

ALPHABET = st.sampled_from("ab€😀x")
TEXTS = st.text(ALPHABET, max_size=30)
STOPS = st.lists(st.text(ALPHABET, min_size=1, max_size=4), max_size=4)


def until_stop(text: str, stops: list[str]) -> str:
    """The definition: read character by character and end when the text read ends in a stop string."""
    for end in range(len(text) + 1):
        hits = [stop for stop in stops if text[:end].endswith(stop)]
        if hits:
            return text[: end - max(map(len, hits))]
    return text


def cut(data: bytes, points: list[int]) -> list[bytes]:
    edges = [0, *sorted(p % (len(data) + 1) for p in points), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


@given(TEXTS, STOPS, st.lists(st.integers(0, 200), max_size=12))
def test_law_text_is_the_same_however_the_bytes_are_cut(text, stops, points):
    stream = TextStream(stops)
    pieces = [stream.push(part) for part in cut(text.encode(), points)]
    shown = "".join(pieces) + stream.finish()
    assert shown == until_stop(text, stops)
    assert "\ufffd" not in shown
    assert not any(stop in shown for stop in stops)


@settings(max_examples=60, deadline=None)
@given(TEXTS, STOPS, st.lists(st.integers(0, 200), max_size=12))
def test_law_streamed_pieces_joined_are_the_whole_answer_and_no_stop_leaks(text, stops, points):
    context = ScriptedContext()
    context.pieces = cut(text.encode(), points)
    engine = Engine(lambda: context)
    engine.start().result(timeout=10)
    try:
        ids = [PIECES + n for n in range(len(context.pieces))]
        pieces, end = Caller(engine, prompt_for(ids), stop=stops).result()
    finally:
        engine.close()
    assert "".join(pieces) == until_stop(text, stops)
    assert end.reason is FinishReason.STOP


REQUESTS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 30), st.text("abc", max_size=10), st.integers(1, 14), st.booleans()),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(REQUESTS, st.integers(1, 4), st.integers(60, 150), st.booleans())
def test_law_cells_are_never_exceeded_and_everybody_is_answered(requests, sequences, cells, whole_only):
    context = ScriptedContext(cells=cells, sequences=sequences, batch=16, whole_only=whole_only)
    engine = Engine(lambda: context)
    engine.start().result(timeout=10)
    try:
        callers = []
        for salt, filler, answer, max_tokens, cancelled in requests:
            prompt = prompt_for(answer, filler=[salt + 1] * filler)
            caller = Caller(engine, prompt, max_tokens=max_tokens, cache_salt=str(salt))
            callers.append((caller, answer, max_tokens, cancelled))
            if cancelled:
                caller.cancel()
        for caller, answer, max_tokens, cancelled in callers:
            if not cancelled:
                assert "".join(caller.result()[0]) == answer[:max_tokens]
        assert engine.load_now().used_cells == engine.call(lambda c: c.used()).result(timeout=10)
    finally:
        engine.close()
    assert engine.failure is None


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.integers(0, 3), st.integers(1, 9)),
        st.tuples(st.just("truncate"), st.integers(0, 3), st.integers(0, 20)),
        st.tuples(st.just("fork"), st.integers(0, 3), st.integers(0, 20)),
    ),
    max_size=40,
)


@given(OPERATIONS)
def test_law_the_ledger_counts_shared_cells_once(operations):
    ledger, cells = CellLedger(), {n: [] for n in range(5)}
    for name, sequence, size in operations:
        length = min(size, len(cells[sequence]))
        if name == "grow":
            ledger.grow(sequence, size)
            cells[sequence] += [object() for _ in range(size)]
        elif name == "truncate":
            ledger.truncate(sequence, length)
            del cells[sequence][length:]
        else:
            ledger.truncate(4, 0)
            ledger.fork(sequence, 4, length)
            cells[4] = cells[sequence][:length]
        assert ledger.used == len({id(cell) for row in cells.values() for cell in row})
        assert [ledger.length(n) for n in range(5)] == [len(row) for row in cells.values()]


@given(st.lists(st.integers(0, 50), max_size=8), st.integers(0, 100), st.integers(0, 8))
def test_law_shares_are_fair_and_nothing_is_left_over(wanted, room, first):
    shares = fair_shares(wanted, room, first)
    assert sum(shares) == min(room, sum(wanted))
    assert all(share <= want for share, want in zip(shares, wanted, strict=True))
    unmet = [share for share, want in zip(shares, wanted, strict=True) if share < want]
    assert all(share <= min(unmet) + 1 for share in shares if unmet)


@given(st.lists(st.integers(0, 1), max_size=600), st.lists(st.integers(0, 1), max_size=600), st.integers(0, 600))
def test_law_common_prefix(left, right, shared):
    right = left[:shared] + right
    expected = next(
        (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right))
    )
    assert common_prefix(left, right) == expected


def test_salts_wait_in_turn_and_nobody_overtakes_the_first():
    line: WaitingLine[str] = WaitingLine()
    for name in ("a1", "a2", "a3", "b1", "c1"):
        line.append(name[0], name)
    order = []
    while (name := line.first()) is not None and name != "c1":
        order.append(name)
        line.pop(name)
    assert order == ["a1", "b1"]
    line.pop("a2")
    assert line.first() == "c1", "only the first can be taken out"
    line.remove("c", "c1")
    while (name := line.first()) is not None:
        order.append(name)
        line.pop(name)
    assert order[2:] == ["a2", "a3"]
    assert not len(line)


def test_chunks_shrink_to_the_measured_speed_only_while_somebody_streams():
    pace = PrefillPace(512, stall_s=0.25)
    assert pace.chunk_tokens(0) == 512
    assert pace.chunk_tokens(3) == 32, "nothing is known yet"
    pace.observe(512, 1.0)
    assert pace.chunk_tokens(3) == 128
    assert pace.chunk_tokens(0) == 512
    pace.observe(4, 100.0)
    assert pace.chunk_tokens(3) == 128, "a batch of single tokens says nothing about prompts"
