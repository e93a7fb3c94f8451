"""Rows of a cache as data: who holds which, and states that are cut, joined and put into 8 bits."""

import contextlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.generation import CellsExhausted
from adapters.transformers_cells import CellMap, rows_of
from adapters.transformers_state import LayerShape, RowCodec, RowLayout, WholeCodec, follow, new_state, read_state
from memory.errors import Invalid

CELLS = 60
steps = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.integers(0, 4), st.integers(1, 25)),
        st.tuples(st.just("fork"), st.integers(0, 4), st.integers(0, 4), st.integers(0, 60)),
        st.tuples(st.just("truncate"), st.integers(0, 4), st.integers(0, 60)),
    ),
    max_size=40,
)


def rows(cells: CellMap, sequence: int) -> list[int]:
    runs = cells.runs(sequence)
    return rows_of(runs).tolist() if runs else []


@given(steps)
@settings(deadline=None)
def test_sequences_hold_the_rows_they_were_given_and_share_only_what_was_forked(steps):
    """Against the plainest books there are: a list of rows for each sequence."""
    cells, books = CellMap(CELLS), {n: [] for n in range(5)}
    for name, sequence, *rest in steps:
        held = {row for each in books.values() for row in each}
        if name == "grow":
            try:
                added = rows_of(cells.grow(sequence, rest[0])).tolist()
            except CellsExhausted:
                assert len(held) + rest[0] > CELLS
                added = []
            assert not held & set(added), "a row that somebody holds was given away"
            books[sequence] += added
        elif name == "fork" and not books[rest[0]] and rest[0] != sequence:
            length = min(rest[1], len(books[sequence]))
            cells.fork(sequence, rest[0], length)
            books[rest[0]] = books[sequence][:length]
        elif name == "truncate":
            cells.truncate(sequence, rest[0])
            del books[sequence][rest[0] :]
        assert {n: rows(cells, n) for n in books} == books
        assert cells.free == CELLS - len({row for each in books.values() for row in each})
    cells.clear()
    assert cells.free == CELLS


def test_sequences_that_grow_by_turns_stay_in_one_piece():
    cells = CellMap(4096)
    for _ in range(300):
        for sequence in range(6):
            cells.grow(sequence, 1)
    assert [len(cells.runs(sequence)) for sequence in range(6)] == [1] * 6


LAYOUT = RowLayout("float32", (LayerShape(2, 4, 6), LayerShape(1, 8, 8)))


def filled(tokens: int, numbers: str = "float32", seed: int = 0) -> np.ndarray:
    state, views = new_state(RowLayout(numbers, LAYOUT.layers), 0, tokens)
    random = np.random.default_rng(seed)
    for block in views.blocks:
        values = random.standard_normal((*block.shape[:2], block.shape[2] // (4 if numbers == "float32" else 2)))
        values = values.astype(np.float32)
        if numbers == "float16":
            block[:] = values.astype(np.float16).view(np.uint8)
        elif numbers == "bfloat16":
            block[:] = (values.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
        else:
            block[:] = values.view(np.uint8)
    return state


@given(st.integers(0, 30), st.lists(st.integers(0, 30), max_size=4))
@settings(deadline=None)
def test_what_was_cut_is_whole_again_one_behind_the_other(tokens, cuts):
    codec, state = RowCodec(), filled(tokens)
    places = sorted({0, tokens, *(cut for cut in cuts if cut <= tokens)})
    parts = [read_state(codec.rows(state, a, b)) for a, b in itertools.pairwise(places)]
    assert follow(parts, LAYOUT) == (tokens if parts else 0)
    for index, block in enumerate(read_state(state).blocks):
        joined = [part.blocks[index] for part in parts]
        assert np.array_equal(np.concatenate(joined, axis=1) if joined else block[:, :0], block)


@pytest.mark.parametrize(("numbers", "share"), [("float32", 0.45), ("float16", 0.75), ("bfloat16", 0.75)])
def test_8_bits_are_a_127th_of_the_largest_number_of_a_row_off_at_most(numbers, share):
    codec, state = RowCodec(), filled(50, numbers)
    packed = codec.to_int8(state)
    assert packed.nbytes < share * state.nbytes  # rows this narrow carry a scale for few numbers
    again = read_state(codec.from_int8(packed))
    for before, after in zip(read_state(state).blocks, again.blocks, strict=True):
        left, right = (as_floats(block, numbers) for block in (before, after))
        assert (np.abs(left - right).max(axis=-1) <= 0.012 * np.abs(left).max(axis=-1)).all()
    assert codec.rows(codec.from_int8(packed), 10, 20).nbytes == codec.rows(state, 10, 20).nbytes


def as_floats(block: np.ndarray, numbers: str) -> np.ndarray:
    block = np.ascontiguousarray(block)
    if numbers == "bfloat16":
        return (block.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return block.view(np.dtype(numbers)).astype(np.float32)


def test_rows_of_zeros_and_numbers_without_end():
    codec = RowCodec()
    state, views = new_state(LAYOUT, 0, 3)
    for block in views.blocks:
        block[:] = 0
    assert np.array_equal(codec.from_int8(codec.to_int8(state)), state)
    views.blocks[0][0, 0, :4] = np.array([np.inf], np.float32).view(np.uint8)
    assert codec.to_int8(state) is None


@given(st.data())
@settings(deadline=None)
def test_a_state_that_was_tampered_with_is_refused_or_read_as_what_it_says(data):
    """Never anything else: no crash, and no read beyond its end."""
    state = filled(5)
    at = data.draw(st.integers(0, 24))
    state = state.copy()
    state[at] = data.draw(st.integers(0, 255))
    state = state[: data.draw(st.integers(0, len(state)))]
    for read in (read_state, RowCodec().from_int8, RowCodec().to_int8, lambda s: RowCodec().rows(s, 1, 3)):
        with contextlib.suppress(Invalid):
            read(state)


def test_whole_states_are_neither_cut_nor_compressed():
    codec = WholeCodec()
    assert not codec.slices
    assert codec.to_int8(filled(3)) is None
    for refused in (lambda: codec.rows(filled(3), 0, 1), lambda: codec.from_int8(filled(3))):
        with pytest.raises(Invalid):
            refused()
