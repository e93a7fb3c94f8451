"""Keys and values in, one arena for each layer out, which many sequences share; and attention that reads it.

The law: a token attends to the rows of its own sequence, in their order, and to nothing else, whoever is computed
beside it. Tokens of all sequences go through a layer's products together; only attention is done one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from adapters.generation import Span
from adapters.transformers_cells import CellMap, rows_of
from adapters.transformers_state import RowLayout

ATTENTION: Final = "memos_rows"  #: its name among transformers' attention functions
ARENA: Final = "memos_arena"  #: the argument by which a forward pass hands it on
_REFUSED: Final = ("softcap", "s_aux", "position_bias", "sliding_window")  #: what it does not do
_FEW_RUNS: Final = 4  #: up to so many pieces are copied one by one


@dataclass(frozen=True, slots=True)
class _Reading:
    """One span: where its tokens stand in the batch, and the rows that they see."""

    first: int
    stop: int
    run: tuple[int, int] | None  #: the rows in one piece
    rows: Any  #: else a tensor of them
    mask: Any  #: of shape (tokens, rows), True where it sees; None: by ``causal``
    causal: bool  #: each sees what is before it; False: all see all


class RowArena:
    """The rows of all sequences over all layers; takes the place of transformers' own cache in a forward pass."""

    is_compileable: Final = False

    def __init__(self, torch: Any, layout: RowLayout, cells: int, device: str) -> None:
        self._torch = torch
        self._device = device
        self.layout = layout
        numbers = getattr(torch, layout.numbers)
        self._blocks = [
            torch.empty((heads, cells, width), dtype=numbers, device=device) for heads, width in layout.widths()
        ]
        self._places: list[tuple[int, int, int]] = []
        self._place_rows: Any = None
        self._readings: list[_Reading] = []

    # -- the rows of one sequence -------------------------------------------------------------------------------

    def copy_out(self, runs: Sequence[tuple[int, int]], blocks: Sequence[npt.NDArray[np.uint8]]) -> None:
        """Write the rows into arrays of shape (heads, tokens, bytes), keys and values of each layer in turn."""
        for block, target in zip(self._blocks, blocks, strict=True):
            at = 0
            for start, stop in runs:
                target[:, at : at + stop - start] = self._as_bytes(block[:, start:stop])
                at += stop - start

    def copy_in(self, runs: Sequence[tuple[int, int]], blocks: Sequence[npt.NDArray[np.uint8]]) -> None:
        """Read the rows from such arrays."""
        for block, source in zip(self._blocks, blocks, strict=True):
            at = 0
            for start, stop in runs:
                self._take(block[:, start:stop], source[:, at : at + stop - start])
                at += stop - start

    def _as_bytes(self, rows: Any) -> npt.NDArray[np.uint8]:
        found: npt.NDArray[np.uint8] = rows.view(self._torch.uint8).cpu().numpy()
        return found

    def _take(self, rows: Any, source: npt.NDArray[np.uint8]) -> None:
        target = rows.view(self._torch.uint8)
        if self._device == "cpu":
            np.copyto(target.numpy(), source)
        else:
            target.copy_(self._torch.from_numpy(np.array(source)))

    # -- one forward pass ---------------------------------------------------------------------------------------

    def begin(self, spans: Sequence[Span], added: Sequence[Sequence[tuple[int, int]]], cells: CellMap) -> None:
        """Prepare for a batch: ``added`` are the rows of each span's tokens, which ``cells`` holds already."""
        self._places = []
        self._readings = []
        at = 0
        for span, runs in zip(spans, added, strict=True):
            self._readings.append(self._reading(span, at, cells.runs(span.sequence)))
            for start, stop in runs:
                self._places.append((at, start, stop))
                at += stop - start
        if len(self._places) > _FEW_RUNS:
            self._place_rows = self._tensor(rows_of([(start, stop) for _, start, stop in self._places]))

    def _reading(self, span: Span, at: int, runs: list[tuple[int, int]]) -> _Reading:
        count = len(span.tokens)
        mask = None
        if span.start and count > 1:
            seen = np.tri(count, span.start + count, span.start, dtype=np.bool_)
            mask = self._tensor(seen)
        run = runs[0] if len(runs) == 1 else None
        rows = None if run else self._tensor(rows_of(runs))
        return _Reading(at, at + count, run, rows, mask, causal=count > 1 and mask is None)

    def _tensor(self, array: npt.NDArray[Any]) -> Any:
        return self._torch.from_numpy(array).to(self._device)

    def update(self, keys: Any, values: Any, layer_idx: int, *_: object, **__: object) -> tuple[Any, Any]:
        """Keep a layer's keys and values, shape (1, heads, tokens, width), and return them."""
        for block, new in ((self._blocks[2 * layer_idx], keys[0]), (self._blocks[2 * layer_idx + 1], values[0])):
            if len(self._places) > _FEW_RUNS:
                block.index_copy_(1, self._place_rows, new)
                continue
            for at, start, stop in self._places:
                block[:, start:stop] = new[:, at : at + stop - start]
        return keys, values

    def get_seq_length(self, layer_idx: int = 0) -> int:  # noqa: ARG002  # transformers' signature
        """Return 0: positions are given with the tokens."""
        return 0

    def attend(self, layer: int, query: Any, scaling: float | None) -> Any:
        """Return what a layer's queries, shape (1, heads, tokens, width), find; shape (1, tokens, heads, width)."""
        keys, values = self._blocks[2 * layer], self._blocks[2 * layer + 1]
        found = query.new_empty((1, query.shape[2], query.shape[1], values.shape[2]))
        for reading in self._readings:
            asked = query[:, :, reading.first : reading.stop]
            found[:, reading.first : reading.stop] = self._attend(
                asked, _rows(keys, reading), _rows(values, reading), reading, scaling
            )
        return found

    def _attend(self, query: Any, keys: Any, values: Any, reading: _Reading, scaling: float | None) -> Any:
        _, heads, count, width = query.shape
        attention = self._torch.nn.functional.scaled_dot_product_attention
        if count == 1:  # heads that share keys ask together, which spares writing the keys out for each
            packed = query.reshape(1, keys.shape[1], heads // keys.shape[1], width)
            return attention(packed, keys, values, scale=scaling).reshape(1, 1, heads, values.shape[3])
        found = attention(
            query,
            keys,
            values,
            attn_mask=reading.mask,
            is_causal=reading.causal,
            scale=scaling,
            enable_gqa=keys.shape[1] != heads,
        )
        return found.transpose(1, 2)


def _rows(block: Any, reading: _Reading) -> Any:
    if reading.run is None:
        return block.index_select(1, reading.rows)[None]
    start, stop = reading.run
    return block[None, :, start:stop]


def attend_rows(module: Any, query: Any, _key: Any, _value: Any, _mask: Any, **options: Any) -> tuple[Any, None]:
    """Attend as one of transformers' attention functions; the keys were kept by ``RowArena.update``.

    Raises: NotImplementedError: the model asks for more than plain causal attention.
    """
    arena = options.get(ARENA)
    asked = [name for name in _REFUSED if options.get(name) is not None]
    if arena is None or asked or options.get("is_causal") is False:
        raise NotImplementedError(f"attention with {', '.join(asked) or 'another cache'}")
    return arena.attend(module.layer_idx, query, options.get("scaling")), None
