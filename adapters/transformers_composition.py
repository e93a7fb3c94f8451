"""Blocks computed apart in, one sequence of a transformers context out; any of its tokens can be computed again.

The law: turning keys by the model's own rotary embedding was measured to be what the model does, or is refused.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from adapters.composition import Block, Composition, Method, Mode, read_tokens
from adapters.generation import Span
from adapters.prefix_cache import State
from adapters.transformers_context import RowContext
from adapters.transformers_rows import ARENA
from adapters.transformers_state import RowLayout, new_state, read_state
from memory.errors import Invalid

_ANY_TOKEN: Final = 5
_POSITIONS: Final = (1, 97, 997)  #: what is wrong with fast turns shows here, with slow ones at the far end
_NEAR: Final = {"float32": 1e-3, "float16": 0.01, "bfloat16": 0.05}  #: of the largest key
_TELLING_LAYER: Final = 1  #: the first one whose keys depend on more than the token and its position


class RowComposer:
    """Puts the rows of blocks together and computes some again in one pass over them. A ``Composer``."""

    def __init__(self, context: RowContext, scratch: int) -> None:
        """``scratch``: an empty sequence, which is left empty. Raises: Invalid (``positions_fixed``)."""
        self._context = context
        self._model = context.model
        self._torch = context.model.binding.torch
        self._rotary = _rotary_of(context.model.network)
        self._confirm(scratch)

    def compose(self, sequence: int, prefix: Block, blocks: Sequence[Block], mode: Mode) -> Composition:
        """Make prefix and blocks the empty sequence. Raises: Invalid, CellsExhausted."""
        if mode.method is Method.EXACT:
            return self._computed(sequence, prefix, blocks)
        layout = read_state(prefix.state).layout
        if any(read_state(block.state).layout != layout for block in blocks):
            raise Invalid("The blocks were not all computed by one model.", code="state_refused")
        with self._torch.inference_mode():
            rows = self._placed(prefix, blocks, mode)
            tokens = [token for block in (prefix, *blocks) for token in block.tokens]
            inexact = len(prefix.tokens) + len(blocks[0].tokens) if blocks else len(tokens)
            chosen, measured = self._chosen(rows, tokens, inexact, blocks, mode)
            self._compute(_Overlay(self._torch, rows), tokens, chosen)
            state = _packed(self._torch, layout, rows)
        return Composition(self._context.restore(sequence, state), len(chosen), measured)

    def _computed(self, sequence: int, prefix: Block, blocks: Sequence[Block]) -> Composition:
        tokens = [token for block in blocks for token in block.tokens]
        start = self._context.restore(sequence, prefix.state)
        try:
            read_tokens(self._context, sequence, start, tokens)
        except Exception:
            self._context.truncate(sequence, 0)
            raise
        return Composition(start + len(tokens), len(tokens))

    # -- rows at their place ------------------------------------------------------------------------------------

    def _placed(self, prefix: Block, blocks: Sequence[Block], mode: Mode) -> list[Any]:
        """Return keys and values of each layer in turn, shape (heads, tokens, width), of all blocks."""
        parts: list[list[Any]] = []
        at = 0
        for block in (prefix, *blocks):
            rows = self._rows(block.state)
            if at != block.start and mode.method is not Method.NAIVE:
                rows[0::2] = [self._turned(keys, at - block.start) for keys in rows[0::2]]
            parts.append(rows)
            at += len(block.tokens)
        return [self._torch.cat(same, 1) for same in zip(*parts, strict=True)]

    def _rows(self, state: State) -> list[Any]:
        held = read_state(state)
        numbers = getattr(self._torch, held.layout.numbers)
        return [self._torch.from_numpy(np.array(b)).view(numbers).to(self._model.device) for b in held.blocks]

    def _turned(self, keys: Any, by: int) -> Any:
        """Return keys as they are ``by`` positions later."""
        torch = self._torch
        found = keys.float()
        cosine, sine = (turn[0] for turn in self._rotary(found, self._model.ids([by])))
        turning, rest = found[..., : cosine.shape[-1]], found[..., cosine.shape[-1] :]
        first, second = turning.chunk(2, -1)
        turning = turning * cosine + torch.cat((-second, first), -1) * sine
        return torch.cat((turning, rest), -1).to(keys.dtype)

    def _confirm(self, scratch: int) -> None:
        """A token that is alone attends to itself wherever it stands, so only the turn of its keys tells where."""
        here = self._lone_keys(scratch, 0)
        for position in (*_POSITIONS, self._context.context_tokens - 1):
            there = self._lone_keys(scratch, position)
            for one, other in zip(here, there, strict=True):
                off = (self._turned(one, position).float() - other.float()).abs().max()
                if not float(off) <= _NEAR[self._model.dtype] * float(other.float().abs().max()):
                    raise _fixed()

    def _lone_keys(self, scratch: int, position: int) -> list[Any]:
        self._context.decode([Span(scratch, position, (_ANY_TOKEN,), wants_logits=False)])
        try:
            return self._rows(self._context.save(scratch))[0::2]
        finally:
            self._context.truncate(scratch, 0)

    # -- tokens computed again ----------------------------------------------------------------------------------

    def _chosen(
        self, rows: Sequence[Any], tokens: Sequence[int], inexact: int, blocks: Sequence[Block], mode: Mode
    ) -> tuple[list[int], int]:
        """Return the places of the tokens to compute again, in order, and how many were measured for it."""
        if mode.method is Method.BLEND:
            return self._most_different(rows, tokens, range(inexact, len(tokens)), mode.share)
        lengths = [len(block.tokens) for block in blocks]
        at = len(tokens) - sum(lengths)
        chosen: list[int] = []
        for length, count in zip(lengths, mode.repeated(lengths), strict=True):
            chosen += range(at, at + count)
            at += length
        return chosen, 0

    def _most_different(
        self, rows: Sequence[Any], tokens: Sequence[int], places: range, share: float
    ) -> tuple[list[int], int]:
        """Return that share of the places whose keys and values differ most from what the whole text would give.

        The first layer's are the same wherever a token stands; what it makes of all tokens before decides the next
        layer's, so that computing one layer tells (CacheBlend, section 4.3).
        """
        if not places or len(rows) <= 2 * _TELLING_LAYER:
            return list(places), 0
        probe = _Probe(self._torch, rows)
        self._compute(probe, tokens, list(places))
        differs = 0.0
        for placed, found in zip(rows[2 * _TELLING_LAYER :][:2], probe.joined(), strict=True):
            off = (found.float() - placed[:, places.start :].float()).square().sum((0, 2))
            differs = differs + off / off.mean().clamp(min=1e-12)
        count = math.ceil(share * len(places))
        found = self._torch.topk(differs, count).indices.tolist()
        return sorted(places.start + index for index in found), len(places)

    def _compute(self, overlay: "_Overlay", tokens: Sequence[int], places: Sequence[int]) -> None:
        """Compute the tokens at these places, in order, chunk by chunk."""
        network: Any = self._model.network
        for first in range(0, len(places), self._context.batch_tokens):
            part = places[first : first + self._context.batch_tokens]
            overlay.begin(self._model.ids(part)[0])
            try:
                network(
                    input_ids=self._model.ids([tokens[place] for place in part]),
                    position_ids=self._model.ids(part),
                    past_key_values=overlay,
                    use_cache=True,
                    logits_to_keep=1,
                    **{ARENA: overlay},
                )
            except _EnoughSeen:
                continue


class _EnoughSeen(Exception):
    """Ends a pass whose other layers nobody needs."""


class _Overlay:
    """Rows of one sequence, some of which a forward pass replaces: what stands for transformers' own cache in it."""

    is_compileable: Final = False

    def __init__(self, torch: Any, rows: Sequence[Any]) -> None:
        self._torch = torch
        self.rows = rows
        self._places: Any = None
        self._mask: Any = None

    def begin(self, places: Any) -> None:
        """Prepare for a pass over the tokens at these places, a tensor in order."""
        self._places = places
        everything = self._torch.arange(self.rows[0].shape[1], device=places.device)
        self._mask = everything[None, :] <= places[:, None]

    def update(self, keys: Any, values: Any, layer_idx: int, *_: object, **__: object) -> tuple[Any, Any]:
        """Replace a layer's rows by keys and values of shape (1, heads, tokens, width), and return these."""
        self.rows[2 * layer_idx].index_copy_(1, self._places, keys[0])
        self.rows[2 * layer_idx + 1].index_copy_(1, self._places, values[0])
        return keys, values

    def get_seq_length(self, layer_idx: int = 0) -> int:  # noqa: ARG002  # transformers' signature
        """Return 0: positions are given with the tokens."""
        return 0

    def attend(self, layer: int, query: Any, scaling: float | None) -> Any:
        """Return what queries, shape (1, heads, tokens, width), find; shape (1, tokens, heads, width)."""
        keys, values = self.rows[2 * layer][None], self.rows[2 * layer + 1][None]
        attention = self._torch.nn.functional.scaled_dot_product_attention
        shared = keys.shape[1] != query.shape[1]
        found = attention(query, keys, values, attn_mask=self._mask, scale=scaling, enable_gqa=shared)
        return found.transpose(1, 2)


class _Probe(_Overlay):
    """Computes one layer and keeps what the next would store, without storing it."""

    def __init__(self, torch: Any, rows: Sequence[Any]) -> None:
        super().__init__(torch, rows)
        self._found: list[tuple[Any, Any]] = []

    def update(self, keys: Any, values: Any, layer_idx: int, *_: object, **__: object) -> tuple[Any, Any]:
        """Replace the rows of the layers before the telling one; there, end the pass."""
        if layer_idx >= _TELLING_LAYER:
            self._found.append((keys[0], values[0]))
            raise _EnoughSeen
        return super().update(keys, values, layer_idx)

    def joined(self) -> tuple[Any, Any]:
        """Return the telling layer's keys and values of all passes, shape (heads, tokens, width)."""
        keys, values = (self._torch.cat(parts, 1) for parts in zip(*self._found, strict=True))
        return keys, values


def _packed(torch: Any, layout: RowLayout, rows: Sequence[Any]) -> State:
    state, views = new_state(layout, 0, rows[0].shape[1])
    for block, found in zip(views.blocks, rows, strict=True):
        block[:] = found.contiguous().view(torch.uint8).cpu().numpy()
    return state


def _rotary_of(network: Any) -> Any:
    """Return the module that knows by how much keys are turned. Raises: Invalid: there is not just one."""
    found = [module for name, module in network.named_modules() if name.endswith("rotary_emb")]
    if len(found) != 1:
        raise _fixed()
    return found[0]


def _fixed() -> Invalid:
    return Invalid("Keys of this model cannot be moved to another position.", code="positions_fixed")
