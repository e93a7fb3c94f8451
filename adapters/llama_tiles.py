"""The spans of a batch in, how many tokens it is filled up with out: llama.cpp attends in tiles of 64 tokens.

The law: what is added decides how long a batch takes and nothing else. A batch of fewer tokens is attended row by row,
which on x86 costs three to four times as much for each pair of a token and a cell (and sums in 16 bits what the tiles
sum in 32); a short question behind a long memory is answered sooner as a whole tile, where there are enough cells that
this is worth computing tokens that nobody needs (ggml's ``ggml_compute_forward_flash_attn_ext_f16``).
"""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adapters.generation import Span

TILE_TOKENS: Final = 64  #: ggml_fa_tile_config::Q
_ROW_TO_TILED: Final = 3.0  #: what a pair costs row by row, to what it costs in a tile; measured 3.3 to 4.3
_PAIR_TO_WEIGHT: Final = 2.0  #: what a multiplication costs in a tile, to one by the weights; measured 1.6 to 2.2
_ANY_TOKEN: Final = 1  #: every vocabulary has it
_TILED: Final = frozenset({"f16", "f32"})  #: types of KV
_MEASURED: Final = frozenset({"x86_64", "AMD64", "i686"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCost:
    """Multiplications that computing one token takes."""

    by_weights: int
    by_cell: int  #: for each cell that it attends to, over all layers


def has_tiles(kv_type: str, flash_attention: str, batch_tokens: int) -> bool:
    """Return True where the kernel has tiles and rows, on processors on which they were compared."""
    fits = batch_tokens >= TILE_TOKENS and platform.machine() in _MEASURED
    return fits and flash_attention == "on" and kv_type in _TILED


class Tiles:
    """What the batches of one context are filled up with."""

    def __init__(self, cost: TokenCost, sequence: int | None) -> None:
        """``sequence``: one that is nobody's; None: nothing is ever added."""
        self._cost = cost
        self._sequence = sequence

    def filler(self, spans: Sequence[Span]) -> list[Span]:
        """Return what is to be computed with these spans and forgotten: one span, or none."""
        sequence = self._sequence
        if sequence is None or any(span.sequence == sequence for span in spans):
            return []
        missing = missing_tokens(spans, self._cost)
        return [Span(sequence, 0, (_ANY_TOKEN,) * missing, wants_logits=False)] if missing else []


def missing_tokens(spans: Sequence[Span], cost: TokenCost) -> int:
    """Return how many tokens make it a tile; 0 when it is one, or when that would save nothing."""
    missing = TILE_TOKENS - sum(len(span.tokens) for span in spans)
    if missing <= 0 or missing > TILE_TOKENS - TILE_TOKENS // _ROW_TO_TILED:
        return 0
    ends = [span.start + len(span.tokens) for span in spans]
    by_row = sum(end * len(span.tokens) for end, span in zip(ends, spans, strict=True))
    saved = by_row * _ROW_TO_TILED - sum(ends) * TILE_TOKENS  # in a tile each token meets the cells of all
    return missing if saved * cost.by_cell * _PAIR_TO_WEIGHT > missing * cost.by_weights else 0
