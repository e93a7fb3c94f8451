"""A sequence's saved state in, its rows cut, joined, moved or in 8 bits out: llama.cpp's state bytes as data.

The law: what is not understood to the last byte is refused, and no argument is changed. The layout is the one that
llama.cpp's ``llama_kv_cache::state_write`` writes for one sequence of one unified cache with flash attention: magic,
sequence, streams, cells; position, one, sequence for each cell; values transposed or not, layers; for each layer type,
row size and one row of keys for each cell; the same for the values, which latent attention has not. Cells come in the
order of their places, which is not the order of their positions once places have been used again.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from adapters.llama_rope import Rope
from adapters.prefix_cache import State
from memory.errors import Invalid

Positions = npt.NDArray[np.int32]
Values = npt.NDArray[np.float32]

F32, F16, BF16 = 0, 1, 30  #: ggml's numbers
_VALUE_BYTES: Final = {F32: 4, F16: 2, BF16: 2}
_MAGIC: Final = 0xAF143CD8
_HEAD: Final = struct.Struct("<IiII")  #: magic, sequence, streams, cells
_CELL_BYTES: Final = 12  #: position, number of sequences, sequence
_BODY: Final = struct.Struct("<II")  #: values transposed, layers
_ROWS: Final = struct.Struct("<iQ")  #: ggml's type, bytes of a row
_INT8_HEAD: Final = struct.Struct("<4sI")  #: mark, tokens; then positions, and for each layer scales and values
_INT8_MARK: Final = b"KVi8"
_BLOCK: Final = 64  #: values that share a scale
_LEAST_BLOCK: Final = 16  #: below it the scales take too much


class Rows(NamedTuple):
    """How the keys or the values of one layer lie there: a row for each token."""

    kind: int  #: ggml's number of the type
    size_bytes: int

    @property
    def values(self) -> int:
        """Numbers in a row; 0 where they are quantized."""
        return self.size_bytes // _VALUE_BYTES[self.kind] if self.kind in _VALUE_BYTES else 0


@dataclass(frozen=True, slots=True)
class Layout:
    """What the states of one context have in common."""

    keys: tuple[Rows, ...]  #: by layer
    values: tuple[Rows, ...]  #: by layer; none with latent attention

    @property
    def all(self) -> tuple[Rows, ...]:
        """In the order in which they are written."""
        return self.keys + self.values


@dataclass(frozen=True, slots=True, eq=False)
class SequenceState:
    """A state taken apart; the arrays are views of its bytes where nothing had to be moved."""

    sequence: int
    positions: Positions  #: shape (tokens,)
    layout: Layout
    rows: tuple[State, ...]  #: as in ``layout.all``, each of shape (tokens, row bytes)

    def ordered(self) -> "SequenceState":
        """Return it with its tokens in the order of their positions."""
        if len(self.positions) < 2 or (np.diff(self.positions) > 0).all():
            return self
        order = np.argsort(self.positions, kind="stable")
        return SequenceState(
            self.sequence, self.positions[order], self.layout, tuple(rows[order] for rows in self.rows)
        )

    def tokens(self, start: int, stop: int) -> "SequenceState":
        """Return the tokens from index ``start`` to ``stop`` alone."""
        return SequenceState(
            self.sequence, self.positions[start:stop], self.layout, tuple(rows[start:stop] for rows in self.rows)
        )


def parse(state: State) -> SequenceState:
    """Return a state taken apart, without copying it. Raises: Invalid: it is not of the one layout known here."""
    reader = _Reader(state)
    magic, sequence, streams, count = reader.unpack(_HEAD)
    if magic != _MAGIC or streams != 1 or not count:
        raise _refused("it is not one sequence of a unified cache")
    cells = reader.take(count * _CELL_BYTES).view("<i4").reshape(count, 3)
    transposed, layers = reader.unpack(_BODY)
    if (cells[:, 1] != 1).any() or (cells[:, 2] != sequence).any() or (cells[:, 0] < 0).any() or transposed:
        raise _refused("its cells are of another kind")
    kinds: list[Rows] = []
    rows: list[State] = []
    while reader.left and len(kinds) < 2 * layers:
        kinds.append(Rows(*reader.unpack(_ROWS)))
        rows.append(reader.take(count * kinds[-1].size_bytes).reshape(count, kinds[-1].size_bytes))
    if reader.left or not layers or len(kinds) not in (layers, 2 * layers):
        raise _refused("its layers are of another kind")
    return SequenceState(sequence, cells[:, 0], Layout(tuple(kinds[:layers]), tuple(kinds[layers:])), tuple(rows))


def pack(*parts: SequenceState, sequence: int = 0) -> State:
    """Return the bytes of the tokens of all parts, which have the same layout, in that order."""
    positions = np.concatenate([part.positions for part in parts])
    cells = np.empty((len(positions), 3), "<i4")
    cells[:, 0], cells[:, 1], cells[:, 2] = positions, 1, sequence
    layout = parts[0].layout
    pieces = [_bytes(_HEAD.pack(_MAGIC, sequence, 1, len(positions))), cells.reshape(-1).view(np.uint8)]
    pieces.append(_bytes(_BODY.pack(0, len(layout.keys))))
    for index, rows in enumerate(layout.all):
        pieces.append(_bytes(_ROWS.pack(*rows)))
        pieces += [part.rows[index].reshape(-1) for part in parts]
    return np.concatenate(pieces)


def values_transposed(state: State) -> bool | None:
    """Return True where flash attention was off, False where it was on, None where that cannot be read."""
    reader = _Reader(state)
    try:
        magic, _, streams, count = reader.unpack(_HEAD)
        reader.take(count * _CELL_BYTES)
        transposed, _ = reader.unpack(_BODY)
    except Invalid:
        return None
    known = magic == _MAGIC and streams == 1 and count and transposed in (0, 1)
    return bool(transposed) if known else None


class LlamaStateCodec:
    """Cuts and compresses the states of one kind of context: a ``StateCodec``; positions are counted from the root."""

    def __init__(self, layout: Layout | None) -> None:
        """``layout`` None: states of this context are known to nobody but llama.cpp."""
        self.layout = layout

    @property
    def slices(self) -> bool:
        """True when states can be cut."""
        return self.layout is not None

    def parse(self, state: State) -> SequenceState:
        """Return a state taken apart, its tokens consecutive. Raises: Invalid: not one of this context's."""
        if self.layout is None:
            raise Invalid("The states of this model cannot be cut.", code="state_not_divisible")
        parsed = parse(state).ordered()
        if parsed.layout != self.layout:
            raise _refused("its layers are of another model or another KV type")
        if (np.diff(parsed.positions) != 1).any():
            raise _refused("its tokens do not follow each other")
        return parsed

    def rows(self, state: State, start: int, stop: int) -> State:
        """Return the state of the tokens from position ``start`` to ``stop``. Raises: Invalid."""
        parsed = self.parse(state)
        first = int(parsed.positions[0])
        if not first <= start < stop <= first + len(parsed.positions):
            raise Invalid(f"There are no tokens from {start} to {stop} in this state.", code="state_refused")
        return pack(parsed.tokens(start - first, stop - first))

    def joined(self, states: Sequence[State]) -> State:
        """Return one state of several, each beginning where the one before ends. Raises: Invalid."""
        parts = [self.parse(state) for state in states]
        for before, after in pairwise(parts):
            if before.positions[-1] + 1 != after.positions[0]:
                raise _refused("it does not begin where the one before ends")
        if not parts:
            raise _refused("there is none")
        return pack(*parts)

    def shifted(self, state: State, by: int, rope: Rope) -> State:
        """Return the state as if its tokens stood ``by`` positions later: keys turned further, values as they are.

        What the tokens attended to stays what it was, so for all but the first layer this is an approximation.
        Raises: Invalid: quantized keys, or a position below 0.
        """
        parsed = self.parse(state)
        if parsed.positions[0] + by < 0 or parsed.positions[-1] + by > np.iinfo(np.int32).max:
            raise _refused("there is no such position")
        layers = len(parsed.layout.keys)
        rows = list(parsed.rows)
        for index, kind in enumerate(parsed.layout.keys):
            rows[index] = from_values(rope.rotated(to_values(rows[index], kind), by), kind)
        moved = (parsed.positions + np.int32(by)).astype(np.int32)
        return pack(SequenceState(0, moved, parsed.layout, (*rows[:layers], *parsed.rows[layers:])))

    def to_int8(self, state: State) -> State | None:
        """Return it in 8 bits with a scale for every 64 values; None for quantized, infinite or oddly sized rows."""
        if self.layout is None or not all(_block(rows) for rows in self.layout.all):
            return None
        parsed = self.parse(state)
        pieces = [_bytes(_INT8_HEAD.pack(_INT8_MARK, len(parsed.positions)))]
        pieces.append(np.ascontiguousarray(parsed.positions, "<i4").view(np.uint8))
        for rows, kind in zip(parsed.rows, parsed.layout.all, strict=True):
            blocks = to_values(rows, kind).reshape(-1, _block(kind))
            scales = np.abs(blocks).max(axis=1) / 127
            if not np.isfinite(scales).all():
                return None
            steps = np.divide(1, scales, out=np.zeros_like(scales), where=scales > np.finfo(np.float32).tiny)
            pieces.append(scales.view(np.uint8))
            pieces.append(np.rint(blocks * steps[:, None]).astype(np.int8).reshape(-1).view(np.uint8))
        return np.concatenate(pieces)

    def from_int8(self, data: State) -> State:
        """Return a state of which ``to_int8`` made this. Raises: Invalid: it did not."""
        reader = _Reader(data)
        mark, count = reader.unpack(_INT8_HEAD)
        layout = self.layout
        if layout is None or mark != _INT8_MARK or not count or not all(_block(rows) for rows in layout.all):
            raise _refused("it is not a state of this model in 8 bits")
        positions = reader.take(4 * count).view("<i4")
        rows: list[State] = []
        for kind in layout.all:
            block = _block(kind)
            scales = reader.take(4 * count * kind.values // block).view("<f4")
            if not np.isfinite(scales).all():
                raise _refused("its scales are not numbers")
            small = reader.take(count * kind.values).view(np.int8).reshape(-1, block)
            values = small.astype(np.float32) * scales[:, None]
            rows.append(from_values(values.reshape(count, kind.values), kind))
        if reader.left:
            raise _refused("there is more than belongs to it")
        return pack(SequenceState(0, positions, layout, tuple(rows)))


def to_values(rows: State, kind: Rows) -> Values:
    """Return rows as numbers, shape (tokens, values). Raises: Invalid: they are quantized."""
    if kind.kind == F16:
        return rows.view("<f2").astype(np.float32)
    if kind.kind == F32:
        return rows.view("<f4")
    if kind.kind == BF16:
        return (rows.view("<u2").astype(np.uint32) << 16).view(np.float32)
    raise _refused("its rows are quantized")


def from_values(values: Values, kind: Rows) -> State:
    """Return finite numbers as rows, rounded to the nearest, ties to even."""
    if kind.kind == F16:
        with np.errstate(over="ignore"):
            return values.astype("<f2").view(np.uint8)
    if kind.kind == F32:
        return np.ascontiguousarray(values, "<f4").view(np.uint8)
    bits = np.ascontiguousarray(values, "<f4").view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2").view(np.uint8)


def _block(rows: Rows) -> int:
    """Return how many values share a scale; 0: rows that cannot be had in 8 bits."""
    block = math.gcd(rows.values, _BLOCK)
    return block if rows.values and block >= _LEAST_BLOCK else 0


def _bytes(data: bytes) -> State:
    return np.frombuffer(data, np.uint8)


def _refused(reason: str) -> Invalid:
    return Invalid(f"The saved state does not fit this context: {reason}.", code="state_refused")


class _Reader:
    """Bytes from front to back. Raises: Invalid: there are no more."""

    def __init__(self, data: State) -> None:
        self._data = np.ascontiguousarray(data, np.uint8).reshape(-1)
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> State:
        if size > self.left:
            raise _refused("it is cut short")
        self._at += size
        return self._data[self._at - size : self._at]

    def unpack(self, form: struct.Struct) -> tuple[Any, ...]:
        return form.unpack(self.take(form.size).tobytes())
