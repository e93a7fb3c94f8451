"""A batch that is filled up to one of llama.cpp's tiles says what it says without, and leaves nothing behind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.embedded import gguf_path
from adapters.generation import CellsExhausted, Span
from adapters.llama_context import ContextOptions, LlamaContext
from adapters.llama_cpp import load_model, new_context
from adapters.llama_tiles import TILE_TOKENS, Tiles, TokenCost, has_tiles, missing_tokens

pytestmark = pytest.mark.engine

COST = TokenCost(by_weights=80_000_000, by_cell=18_000)  #: of a model of 80 M parameters
TOLERANCE = 0.05  #: logits; a batch of rows is summed in 16 bits, and may be further off
MEMORY = np.random.default_rng(1).integers(10, 2000, 900).tolist()
QUESTION = np.random.default_rng(2).integers(10, 2000, 48).tolist()


def question(tokens: int, memory: int, sequence: int = 0) -> Span:
    return Span(sequence, memory, [5] * tokens, wants_logits=True)


spans = st.lists(
    st.builds(question, st.integers(1, 80), st.integers(0, 20_000), st.integers(0, 30)), min_size=1, max_size=40
)


@given(spans=spans)
def test_a_batch_becomes_one_whole_tile_or_stays_as_it_is(spans):
    tokens = sum(len(span.tokens) for span in spans)
    assert missing_tokens(spans, COST) in (0, max(0, TILE_TOKENS - tokens))


@given(tokens=st.integers(1, 63), memory=st.integers(0, 20_000), more=st.integers(0, 20_000))
def test_what_is_filled_behind_a_memory_is_filled_behind_a_longer_one(tokens, memory, more):
    if missing_tokens([question(tokens, memory)], COST):
        assert missing_tokens([question(tokens, memory + more)], COST)


@given(users=st.integers(1, 63), memory=st.integers(0, 20_000))
def test_the_tokens_of_many_streams_are_never_filled_up(users, memory):
    """In a tile each of them would meet the cells of all the others."""
    assert not missing_tokens([question(1, memory, sequence) for sequence in range(users)], COST)


def test_a_short_question_is_filled_up_behind_a_long_memory_only():
    assert missing_tokens([question(48, 2400)], COST) == 16
    assert not missing_tokens([question(48, 0)], COST)
    assert not missing_tokens([question(8, 2400)], COST)
    assert not missing_tokens([question(64, 2400)], COST)


def test_other_kernels_are_left_alone():
    assert not has_tiles("q8_0", "on", 512)
    assert not has_tiles("f16", "off", 512)
    assert not has_tiles("f16", "on", TILE_TOKENS - 1)


def test_a_sequence_that_is_used_is_not_what_a_batch_is_filled_up_with():
    assert Tiles(COST, 7).filler([question(48, 2400)]) == [Span(7, 0, (1,) * 16, wants_logits=False)]
    assert not Tiles(COST, 7).filler([question(48, 2400, 7)])
    assert not Tiles(COST, None).filler([question(48, 2400)])


@pytest.fixture
def open_context():
    opened: list[LlamaContext] = []

    def open_one(**options) -> LlamaContext:
        options = {"context_tokens": 2048, "max_sequences": 4, **options}
        opened.append(new_context(load_model(gguf_path()), ContextOptions(**options)))
        return opened[-1]

    yield open_one
    for context in opened:
        context.close()


def read(context: LlamaContext, tokens: list[int], start: int = 0, sequence: int = 0) -> np.ndarray:
    for at in range(0, len(tokens), context.batch_tokens):
        part = tokens[at : at + context.batch_tokens]
        context.decode([Span(sequence, start + at, part, wants_logits=True)])
    return context.logits(0)


def test_a_question_that_is_filled_up_is_read_as_in_one_prompt(open_context):
    context = open_context()
    assert missing_tokens([Span(0, len(MEMORY), QUESTION, True)], context.model.token_cost)
    read(context, MEMORY)
    behind = read(context, QUESTION, len(MEMORY))
    whole = read(context, MEMORY + QUESTION, sequence=1)
    assert np.abs(behind - whole).max() < TOLERANCE
    assert behind.argmax() == whole.argmax()


def test_nothing_stays_of_what_a_batch_was_filled_up_with(open_context):
    context = open_context()
    read(context, MEMORY)
    before = context.save(0)
    first = read(context, QUESTION, len(MEMORY))
    context.truncate(0, len(MEMORY))
    assert all(not context.length(sequence) for sequence in range(1, context.max_sequences + 1))
    assert np.array_equal(context.save(0), before)
    assert np.array_equal(read(context, QUESTION, len(MEMORY)), first)
    context.truncate(0, 0)
    assert context.restore_parts(0, [context.codec.rows(before, 0, 400), context.codec.rows(before, 400, 900)]) == 900
    assert np.array_equal(read(context, QUESTION, len(MEMORY)), first)


def test_streams_in_the_same_batch_get_their_own_answers(open_context):
    context = open_context()
    read(context, MEMORY)
    for sequence, length in ((1, 200), (2, 300)):
        context.fork(0, sequence, length)
    batch = [Span(1, 200, [17], True), Span(0, len(MEMORY), QUESTION, True), Span(2, 300, [23], True)]
    assert missing_tokens(batch, context.model.token_cost)
    context.decode(batch)
    together = [context.logits(index) for index in range(3)]
    for sequence, length in ((0, len(MEMORY)), (1, 200), (2, 300)):
        context.truncate(sequence, length)
    for span, logits in zip(batch, together, strict=True):
        context.decode([span])
        assert np.abs(context.logits(0) - logits).max() < 4 * TOLERANCE


def test_where_there_is_no_room_for_more_the_question_is_read_all_the_same(open_context):
    context = open_context(context_tokens=1024)
    memory = [*MEMORY, *MEMORY[:70]]
    read(context, memory)
    assert missing_tokens([Span(0, len(memory), QUESTION, True)], context.model.token_cost) == 16
    behind = read(context, QUESTION, len(memory))  # 1,018 of 1,024 cells
    context.reset()
    whole = read(context, memory + QUESTION)
    assert np.abs(behind - whole).max() < 4 * TOLERANCE
    assert behind.argmax() == whole.argmax()
    with pytest.raises(CellsExhausted):
        read(context, QUESTION, len(memory) + len(QUESTION))
    assert context.length(0) == len(memory) + len(QUESTION)
    assert not context.length(context.max_sequences)
