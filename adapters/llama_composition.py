"""Blocks computed apart in, one sequence of a llama.cpp context out.

The law: positions of a sequence are consecutive at every step, which llama.cpp asks for; so blocks are placed from
front to back, and what is computed again is computed when everything before it stands.
"""

from collections.abc import Sequence
from dataclasses import replace

from adapters.composition import Block, Composition, Method, Mode, read_tokens, require_slices
from adapters.llama_context import LlamaContext
from adapters.prefix_cache import State
from memory.errors import Invalid


class LlamaComposer:
    """Edits saved states: turning the context's own cells would cost a pass over all of them. A ``Composer``."""

    def __init__(self, context: LlamaContext) -> None:
        """Raises: Invalid (``positions_fixed``, ``composition_unavailable``), CellsExhausted: see ``context.rope``."""
        require_slices(context)
        self._context = context
        self._turned = context.rope
        self._unturned = replace(context.rope, scale=0.0)

    def compose(self, sequence: int, prefix: Block, blocks: Sequence[Block], mode: Mode) -> Composition:
        """Make prefix and blocks the empty sequence. Raises: Invalid, CellsExhausted."""
        if mode.method is Method.BLEND:
            raise Invalid(
                "blend computes scattered tokens, which llama.cpp cannot: take relink, or serve a model folder.",
                param="composition",
                code="composition_unavailable",
            )
        counts = mode.repeated([len(block.tokens) for block in blocks])
        try:
            length = self._place(sequence, prefix, list(zip(blocks, counts, strict=True)), mode)
        except Exception:
            self._context.truncate(sequence, 0)
            raise
        return Composition(length, sum(counts))

    def _place(self, sequence: int, prefix: Block, blocks: Sequence[tuple[Block, int]], mode: Mode) -> int:
        at = len(prefix.tokens)
        waiting = [prefix.state]
        for block, count in blocks:
            if count:
                self._append(sequence, waiting)
                waiting = []
                read_tokens(self._context, sequence, at, block.tokens[:count])
            if count < len(block.tokens):
                waiting.append(self._moved(block, count, at, mode))
            at += len(block.tokens)
        self._append(sequence, waiting)
        return at

    def _append(self, sequence: int, states: Sequence[State]) -> None:
        if states:
            joined = states[0] if len(states) == 1 else self._context.codec.joined(states)
            self._context.restore_parts(sequence, [joined])

    def _moved(self, block: Block, skipped: int, at: int, mode: Mode) -> State:
        """Return the block's tokens behind the ``skipped`` ones as if the block began at position ``at``."""
        codec, state = self._context.codec, block.state
        if skipped:
            state = codec.rows(state, block.start + skipped, block.start + len(block.tokens))
        rope = self._unturned if mode.method is Method.NAIVE else self._turned
        return codec.shifted(state, at - block.start, rope) if at != block.start else state
