"""Rows of a KV cache in, one flat state out, and back: how a sequence of full attention is saved.

The law: a state says what it holds (number type, shape of every layer, first and last token) and is refused where that
is not what is asked for; nothing in it is executed. Layout: a header of 32-bit numbers, then for each layer the keys
and the values, each of shape (heads, tokens, width) in the order of the tokens, so that tokens can be cut out.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from adapters.prefix_cache import State
from memory.errors import Invalid

NUMBER_BYTES: Final = {"float32": 4, "float16": 2, "bfloat16": 2}
_NAMES: Final = tuple(NUMBER_BYTES)  # their places are their numbers in the header
_MAGIC: Final = 0x314B4648  #: "HFK1"
_MAGIC_INT8: Final = 0x38514648  #: "HFQ8"
_FIXED: Final = 6  #: header fields before the layers: magic, number type, first token, end, layers, spare
_PER_LAYER: Final = 3
_ALIGNED_BYTES: Final = 64
_MOST_LAYERS: Final = 4096
_MOST_INT8: Final = 127

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LayerShape:
    """One layer's cache: heads, and numbers of a key and of a value in each."""

    heads: int
    key: int
    value: int


@dataclass(frozen=True, slots=True)
class RowLayout:
    """What the states of one context have in common."""

    numbers: str  #: float32, float16 or bfloat16
    layers: tuple[LayerShape, ...]

    @property
    def token_bytes(self) -> int:
        """Bytes of one token over all layers."""
        return sum(shape.heads * (shape.key + shape.value) for shape in self.layers) * NUMBER_BYTES[self.numbers]

    def state_bytes(self, tokens: int) -> int:
        """Return the size of a state of so many tokens."""
        return _header_bytes(len(self.layers)) + tokens * self.token_bytes

    def widths(self) -> Iterator[tuple[int, int]]:
        """Yield heads and numbers of a row of the keys, then of the values, layer by layer."""
        for shape in self.layers:
            yield shape.heads, shape.key
            yield shape.heads, shape.value


@dataclass(frozen=True, slots=True, eq=False)
class RowState:
    """A state that was understood. ``blocks`` are views: keys and values in turn, shape (heads, tokens, bytes)."""

    layout: RowLayout
    start: int
    stop: int
    blocks: tuple[State, ...]


def new_state(layout: RowLayout, start: int, stop: int) -> tuple[State, RowState]:
    """Return a state of these tokens whose rows are yet to be written, and the views to write them through."""
    state: State = np.empty(layout.state_bytes(stop - start), np.uint8)
    header = _header(_MAGIC, layout, start, stop)
    state[: header.nbytes] = header.view(np.uint8)
    state[header.nbytes : _header_bytes(len(layout.layers))] = 0
    return state, _view(state, layout, start, stop)


def read_state(state: State) -> RowState:
    """Return what a state holds, without copying it. Raises: Invalid (``state_refused``)."""
    layout, start, stop = _read_header(state, _MAGIC)
    if state.nbytes != layout.state_bytes(stop - start):
        raise _refused("it is cut short")
    return _view(state, layout, start, stop)


class RowCodec:
    """Cuts and compresses the states of full attention: a ``StateCodec``."""

    @property
    def slices(self) -> bool:
        """True."""
        return True

    def rows(self, state: State, start: int, stop: int) -> State:
        """Return the state of the tokens from ``start`` to ``stop`` alone. Raises: Invalid."""
        held = read_state(state)
        if not held.start <= start <= stop <= held.stop:
            raise _refused(f"it holds the tokens from {held.start} to {held.stop}")
        part, views = new_state(held.layout, start, stop)
        for source, target in zip(held.blocks, views.blocks, strict=True):
            target[:] = source[:, start - held.start : stop - held.start]
        return part

    def to_int8(self, state: State) -> State | None:
        """Return 8 bits a number and a 16-bit scale a row; None where a number is not finite."""
        held = read_state(state)
        layout, tokens = held.layout, held.stop - held.start
        data: State = np.empty(_int8_bytes(layout, tokens), np.uint8)
        header = _header(_MAGIC_INT8, layout, held.start, held.stop)
        data[: header.nbytes] = header.view(np.uint8)
        data[header.nbytes : _header_bytes(len(layout.layers))] = 0
        for block, (scales, values) in zip(held.blocks, _int8_blocks(data, layout, tokens), strict=True):
            numbers = _to_floats(block, layout.numbers)
            peaks = np.abs(numbers).max(axis=-1, keepdims=True, initial=0)
            with np.errstate(over="ignore"):
                scales[:] = peaks / _MOST_INT8
            if not np.isfinite(scales).all():
                return None
            used = scales.astype(np.float32)
            values[:] = np.rint(np.divide(numbers, used, out=np.zeros_like(numbers), where=used > 0)).clip(
                -_MOST_INT8, _MOST_INT8
            )
        return data

    def from_int8(self, data: State) -> State:
        """Return nearly the state that ``to_int8`` was given. Raises: Invalid."""
        layout, start, stop = _read_header(data, _MAGIC_INT8)
        if data.nbytes != _int8_bytes(layout, stop - start):
            raise _refused("it is cut short")
        state, views = new_state(layout, start, stop)
        for block, (scales, values) in zip(views.blocks, _int8_blocks(data, layout, stop - start), strict=True):
            block[:] = _to_bytes(values.astype(np.float32) * scales.astype(np.float32), layout.numbers)
        return state


class WholeCodec:
    """For states that mean something only as a whole: a ``StateCodec`` that does nothing."""

    @property
    def slices(self) -> bool:
        """False."""
        return False

    def rows(self, state: State, start: int, stop: int) -> State:
        """Raises: Invalid."""
        raise _refused(f"of {state.nbytes} bytes the tokens {start} to {stop} cannot be told")

    def to_int8(self, state: State) -> State | None:  # noqa: ARG002  # the Protocol's signature
        """Return None."""
        return None

    def from_int8(self, data: State) -> State:
        """Raises: Invalid."""
        raise _refused(f"nothing of {data.nbytes} bytes was compressed here")


def _header_bytes(layers: int) -> int:
    numbers = 4 * (_FIXED + _PER_LAYER * layers)
    return -(-numbers // _ALIGNED_BYTES) * _ALIGNED_BYTES


def _header(magic: int, layout: RowLayout, start: int, stop: int) -> npt.NDArray[np.int32]:
    fixed = [magic, _NAMES.index(layout.numbers), start, stop, len(layout.layers), 0]
    shapes = [number for shape in layout.layers for number in (shape.heads, shape.key, shape.value)]
    return np.array(fixed + shapes, "<i4")


def _read_header(state: State, magic: int) -> tuple[RowLayout, int, int]:
    if state.nbytes < _header_bytes(0):
        raise _refused("it is cut short")
    found, numbers, start, stop, layers, _ = _ints(state, 0, _FIXED)
    if found != magic or not 0 <= numbers < len(_NAMES) or not 0 <= layers <= _MOST_LAYERS or not 0 <= start <= stop:
        raise _refused("it is of another kind")
    if state.nbytes < _header_bytes(layers):
        raise _refused("it is cut short")
    shapes = _ints(state, _FIXED, _FIXED + _PER_LAYER * layers)
    if any(number < 0 for number in shapes):
        raise _refused("it is of another kind")
    triples = zip(shapes[0::3], shapes[1::3], shapes[2::3], strict=True)
    return RowLayout(_NAMES[numbers], tuple(LayerShape(*triple) for triple in triples)), start, stop


def _ints(state: State, first: int, last: int) -> list[int]:
    found: list[int] = np.frombuffer(state[4 * first : 4 * last].tobytes(), "<i4").tolist()
    return found


def _view(state: State, layout: RowLayout, start: int, stop: int) -> RowState:
    blocks = []
    at, tokens, number_bytes = _header_bytes(len(layout.layers)), stop - start, NUMBER_BYTES[layout.numbers]
    for heads, width in layout.widths():
        shape = (heads, tokens, width * number_bytes)
        end = at + math.prod(shape)
        blocks.append(state[at:end].reshape(shape))
        at = end
    return RowState(layout, start, stop, tuple(blocks))


def _int8_bytes(layout: RowLayout, tokens: int) -> int:
    return _header_bytes(len(layout.layers)) + sum(heads * tokens * (2 + width) for heads, width in layout.widths())


def _int8_blocks(
    data: State, layout: RowLayout, tokens: int
) -> Iterator[tuple[npt.NDArray[np.float16], npt.NDArray[np.int8]]]:
    """Yield scales of shape (heads, tokens, 1) and values of shape (heads, tokens, width), as views."""
    at = _header_bytes(len(layout.layers))
    for heads, width in layout.widths():
        rows = heads * tokens
        scales = data[at : at + 2 * rows].view(np.float16).reshape(heads, tokens, 1)
        at += 2 * rows
        yield scales, data[at : at + rows * width].view(np.int8).reshape(heads, tokens, width)
        at += rows * width


def _to_floats(block: State, numbers: str) -> Floats:
    """Return the numbers that bytes of shape (..., bytes) stand for, shape (..., numbers)."""
    block = np.ascontiguousarray(block)
    if numbers == "float32":
        return block.view(np.float32)
    if numbers == "float16":
        return block.view(np.float16).astype(np.float32)
    return (block.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def _to_bytes(values: Floats, numbers: str) -> State:
    if numbers == "float32":
        return values.view(np.uint8)
    if numbers == "float16":
        return values.astype(np.float16).view(np.uint8)
    bits = values.view(np.uint32)
    nearest = bits + 0x7FFF + ((bits >> 16) & 1)  # to even, as processors do
    return (nearest >> 16).astype(np.uint16).view(np.uint8)


def _refused(why: str) -> Invalid:
    return Invalid(f"The saved state does not fit this context: {why}.", code="state_refused")


def follow(parts: Sequence[RowState], layout: RowLayout) -> int:
    """Return the tokens of parts that stand one behind the other from the first token on. Raises: Invalid."""
    length = 0
    for part in parts:
        if part.layout != layout:
            raise _refused("it belongs to another model or number type")
        if part.start != length:
            raise _refused(f"it begins at token {part.start}, and {length} are there")
        length = part.stop
    return length
