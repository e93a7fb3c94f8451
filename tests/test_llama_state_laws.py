"""State bytes as data, without an engine: what is cut, joined, moved or compressed is what the layout says."""

import struct
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.llama_rope import Rope
from adapters.llama_state import BF16, F16, F32, Layout, LlamaStateCodec, Rows, from_values, pack, parse, to_values
from memory.errors import Invalid

SIZES = {F16: 2, F32: 4, BF16: 2}
Q8_0 = 8


def write(positions, layout, seed=0, sequence=0, transposed=0, streams=1):
    """The bytes as llama.cpp writes them, put together here by hand; values are small numbers."""
    random = np.random.default_rng(seed)
    data = struct.pack("<IiII", 0xAF143CD8, sequence, streams, len(positions))
    for position in positions:
        data += struct.pack("<iIi", position, 1, sequence)
    data += struct.pack("<II", transposed, len(layout.keys))
    for kind, size in layout.all:
        data += struct.pack("<iQ", kind, size)
        if kind in SIZES:
            values = random.standard_normal((len(positions), size // SIZES[kind])).astype(np.float32)
            data += from_values(values, Rows(kind, size)).tobytes()
        else:
            data += random.integers(0, 256, len(positions) * size, np.uint8).tobytes()
    return np.frombuffer(data, np.uint8)


def layout_of(kind, values=64, layers=2, latent=False):
    rows = Rows(kind, values * SIZES.get(kind, 1))
    return Layout((rows,) * layers, () if latent else (rows,) * layers)


layouts = st.builds(
    layout_of,
    kind=st.sampled_from([F16, F32, BF16, Q8_0]),
    values=st.sampled_from([32, 64, 96]),
    layers=st.integers(1, 3),
    latent=st.booleans(),
)


@given(layouts, st.integers(0, 1000), st.integers(1, 12), st.integers(0, 200))
def test_taken_apart_and_put_together_every_byte_is_the_same(layout, first, count, sequence):
    state = write(range(first, first + count), layout, sequence=sequence)
    parsed = parse(state)
    assert parsed.layout == layout
    assert np.array_equal(pack(parsed, sequence=sequence), state)


@given(layouts, st.integers(0, 7))
def test_where_the_bytes_lie_in_a_file_does_not_matter(layout, offset):
    state = write(range(6), layout)
    file = np.frombuffer(bytes(offset) + state.tobytes(), np.uint8)
    codec = LlamaStateCodec(layout)
    assert np.array_equal(codec.rows(file[offset:], 2, 5), codec.rows(state, 2, 5))
    small = codec.to_int8(state)
    if small is not None:
        file = np.frombuffer(bytes(offset) + small.tobytes(), np.uint8)
        assert np.array_equal(codec.from_int8(file[offset:]), codec.from_int8(small))


@given(layouts, st.integers(0, 100), st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_all_rows_in_their_order_are_the_whole(layout, first, lengths):
    codec = LlamaStateCodec(layout)
    state = write(range(first, first + sum(lengths)), layout)
    before = state.copy()
    starts = np.cumsum([first, *lengths]).tolist()
    parts = [codec.rows(state, start, stop) for start, stop in pairwise(starts)]
    assert np.array_equal(codec.joined(parts), state)
    assert np.array_equal(state, before)
    assert [part.nbytes for part in parts] == [len(write(range(length), layout)) for length in lengths], (
        "a part holds its own tokens and no more"
    )


@given(st.permutations(range(9)), st.integers(0, 8))
def test_tokens_are_cut_by_position_wherever_their_cells_lie(order, cut):
    """Cells that were used before are used again, so that llama.cpp writes later tokens first."""
    layout = layout_of(F16)
    codec = LlamaStateCodec(layout)
    scattered = write(order, layout)
    tidy = codec.rows(scattered, 0, 9)
    assert parse(tidy).positions.tolist() == list(range(9))
    for position in range(9):
        there = parse(scattered).rows[0][order.index(position)]
        assert np.array_equal(there, parse(tidy).rows[0][position])
    one = codec.rows(scattered, cut, cut + 1)
    assert np.array_equal(one, codec.rows(tidy, cut, cut + 1))


@given(st.data())
def test_no_damage_to_what_is_not_numbers_is_taken_for_a_state(data):
    """Every byte that llama.cpp would act on is checked: a changed one is refused, not handed to it."""
    layout = layout_of(F16)
    codec = LlamaStateCodec(layout)
    state = write(range(5, 9), layout)
    places = [*range(4), *range(8, 16 + 12 * 4 + 8 + 12)]  # all but the sequence's number, which means nothing
    place = data.draw(st.sampled_from(places))
    damaged = state.copy()
    damaged[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Invalid):
        codec.parse(damaged)


@given(st.integers(0, 2000), st.integers(1, 40))
def test_what_is_cut_short_or_goes_on_is_refused(keep, more):
    layout = layout_of(F16)
    codec = LlamaStateCodec(layout)
    state = write(range(4), layout)
    with pytest.raises(Invalid):
        codec.parse(state[: min(keep, len(state) - 1)])
    with pytest.raises(Invalid):
        codec.parse(np.concatenate([state, np.zeros(more, np.uint8)]))
    small = codec.to_int8(state)
    with pytest.raises(Invalid):
        codec.from_int8(small[: min(keep, len(small) - 1)])
    with pytest.raises(Invalid):
        codec.from_int8(np.concatenate([small, np.zeros(more, np.uint8)]))


@pytest.mark.parametrize(
    "state",
    [
        write(range(4), layout_of(F32)),
        write(range(4), layout_of(F16, layers=3)),
        write(range(4), layout_of(F16, values=128)),
        write(range(4), layout_of(F16, latent=True)),
        write(range(4), layout_of(F16), transposed=1),
        write(range(4), layout_of(F16), streams=2),
        write([0, 1, 3], layout_of(F16)),
        write([0, 1, 1], layout_of(F16)),
        write([], layout_of(F16)),
        np.zeros(0, np.uint8),
        np.random.default_rng(0).integers(0, 256, 5000, np.uint8),
    ],
)
def test_states_of_other_contexts_are_refused(state):
    with pytest.raises(Invalid):
        LlamaStateCodec(layout_of(F16)).parse(state)


def test_rows_that_are_not_there_are_refused():
    layout = layout_of(F16)
    codec = LlamaStateCodec(layout)
    state = write(range(5, 9), layout)
    for start, stop in ((0, 5), (4, 6), (8, 10), (6, 6), (7, 6)):
        with pytest.raises(Invalid):
            codec.rows(state, start, stop)
    with pytest.raises(Invalid):
        codec.joined([write(range(4), layout), state])  # token 4 is missing
    with pytest.raises(Invalid):
        codec.joined([])


def test_a_codec_without_a_layout_cuts_nothing():
    codec = LlamaStateCodec(None)
    state = write(range(4), layout_of(F16))
    assert not codec.slices
    assert codec.to_int8(state) is None
    for use in (lambda: codec.rows(state, 0, 2), lambda: codec.joined([state]), lambda: codec.from_int8(state)):
        with pytest.raises(Invalid):
            use()


@given(st.sampled_from([F16, F32, BF16]), st.sampled_from([32, 64, 128]), st.floats(1e-6, 1e3))
def test_8_bits_keep_every_number_to_a_254th_of_the_largest_beside_it(kind, values, size):
    layout = layout_of(kind, values)
    state = parse(write(range(3, 9), layout))
    state = replace(
        state,
        rows=tuple(from_values(to_values(r, k) * size, k) for r, k in zip(state.rows, layout.all, strict=True)),
    )
    codec, whole = LlamaStateCodec(layout), pack(state)
    small = codec.to_int8(whole)
    assert small.nbytes < whole.nbytes * (0.35 if kind == F32 else 0.7)
    back = codec.parse(codec.from_int8(small))
    assert back.positions.tolist() == list(range(3, 9))
    step = {F16: 2**-11, BF16: 2**-8, F32: 0}[kind]
    for before, after, rows in zip(state.rows, back.rows, layout.all, strict=True):
        old, new = to_values(before, rows).reshape(-1, 32), to_values(after, rows).reshape(-1, 32)
        largest = np.abs(to_values(before, rows)).reshape(-1, min(values, 64)).max(1)
        allowed = np.repeat(largest, min(values, 64) // 32)[:, None] * (0.5 / 127 + step) + 2**-24
        assert (np.abs(old - new) <= allowed * 1.001).all()


def test_8_bits_of_half_precision_take_about_half():
    layout = layout_of(F16, values=256, layers=4)
    state = write(range(100), layout)
    assert LlamaStateCodec(layout).to_int8(state).nbytes < 0.55 * state.nbytes


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
def test_what_cannot_be_in_8_bits_stays_as_it_is(number):
    assert LlamaStateCodec(layout_of(Q8_0)).to_int8(write(range(4), layout_of(Q8_0))) is None
    odd = layout_of(F16, values=20)
    assert LlamaStateCodec(odd).to_int8(write(range(4), odd)) is None
    layout = layout_of(F32)
    state = write(range(4), layout).copy()
    state[-4:] = np.array([number], "<f4").view(np.uint8)
    assert LlamaStateCodec(layout).to_int8(state) is None


@given(st.floats(width=32, min_value=-(2.0**126), max_value=2.0**126))
def test_bfloat16_is_rounded_to_the_nearest(number):
    kind = Rows(BF16, 2)
    back = float(to_values(from_values(np.array([[number]], np.float32), kind), kind)[0, 0])
    assert abs(back - number) <= abs(number) * 2**-8 + 2.0**-133


ropes = st.builds(
    Rope,
    interleaved=st.booleans(),
    base=st.sampled_from([1e4, 1e6]),
    scale=st.sampled_from([1.0, 0.25]),
    head_size=st.just(16),
    dimensions=st.sampled_from([16, 8, 4]),
)


@given(ropes, st.integers(-500, 500), st.integers(-500, 500))
def test_turns_add_up_and_keep_lengths(rope, one, other):
    keys = np.random.default_rng(0).standard_normal((3, 32)).astype(np.float32)
    twice = rope.rotated(rope.rotated(keys, one), other)
    assert np.abs(twice - rope.rotated(keys, one + other)).max() < 1e-5
    assert np.abs(np.linalg.norm(twice, axis=1) - np.linalg.norm(keys, axis=1)).max() < 1e-5
    untouched = np.s_[..., rope.dimensions :]
    assert np.array_equal(twice.reshape(3, 2, 16)[untouched], keys.reshape(3, 2, 16)[untouched])


def test_turning_moves_positions_and_keys_and_leaves_values():
    layout = layout_of(F32)
    codec = LlamaStateCodec(layout)
    rope = Rope(interleaved=False, base=1e4, scale=1.0, head_size=32, dimensions=32)
    state = write(range(4), layout)
    there = codec.parse(codec.shifted(state, 100, rope))
    assert there.positions.tolist() == [100, 101, 102, 103]
    assert not np.array_equal(there.rows[0], codec.parse(state).rows[0])
    assert all(np.array_equal(a, b) for a, b in zip(there.rows[2:], codec.parse(state).rows[2:], strict=True))
    with pytest.raises(Invalid):
        codec.shifted(state, -1, rope)
    with pytest.raises(Invalid):
        LlamaStateCodec(layout_of(Q8_0)).shifted(write(range(4), layout_of(Q8_0)), 1, rope)
    with pytest.raises(Invalid):
        codec.shifted(state, 1, replace(rope, head_size=48))
