"""A model of any layers in, a context out in which a sequence is one of transformers' own caches.

The law: a state is whole or nothing. A sliding window has given up what lay before it and a recurrent layer knows only
its end, so that a sequence is continued at its end and nowhere else.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.generation import CellsExhausted, Span
from adapters.prefix_cache import State
from adapters.transformers_context import ContextOptions, TransformersContext
from adapters.transformers_dump import Schema, dump_cache, dumped_bytes, fill_cache
from adapters.transformers_model import Logits, TransformersModel, last_logits, new_cache
from adapters.transformers_state import WholeCodec
from memory.errors import EngineDown, Invalid


class WholeContext(TransformersContext):
    """For sliding windows, recurrent layers and whatever else transformers has a cache for: a ``SequenceContext``."""

    def __init__(
        self, model: TransformersModel, options: ContextOptions, schema: Schema, *, reads_chunks: bool
    ) -> None:
        """``reads_chunks``: several tokens can be computed at once behind others; else one by one."""
        super().__init__(model, options)
        self._schema = schema
        self._reads_chunks = reads_chunks
        self._codec = WholeCodec()
        self._caches: dict[int, Any] = {}
        self._lengths: dict[int, int] = {}

    def decode(self, spans: Sequence[Span]) -> None:
        """Compute all spans, one after the other. Raises: CellsExhausted (nothing was changed)."""
        if sum(self._lengths.values()) + sum(len(span.tokens) for span in spans) > self._context_tokens:
            raise CellsExhausted("The context has no room for this batch.", retry_after_s=1.0)
        self._logits = [self._compute(span) for span in spans]

    def _compute(self, span: Span) -> Logits | None:
        if self._lengths.get(span.sequence, 0) != span.start:
            raise EngineDown(f"Sequence {span.sequence} does not end at {span.start}.")
        cache = self._cache(span.sequence)
        self._caches[span.sequence] = cache
        at_once = len(span.tokens) if self._reads_chunks or not span.start else 1
        found = None
        for first in range(0, len(span.tokens), at_once):
            found = last_logits(self.model, cache, span.tokens[first : first + at_once])
        self._lengths[span.sequence] = span.start + len(span.tokens)
        return found if span.wants_logits else None

    def branch_point(self, sequence: int, length: int) -> int:
        """Return all there is, or 0."""
        whole = self._lengths.get(sequence, 0)
        return whole if length >= whole else 0

    def fork(self, source: int, target: int, length: int) -> None:
        """Copy the whole of ``source`` to ``target``."""
        if length != self._lengths.get(source, 0):
            raise EngineDown(f"Sequence {source} cannot be cut after {length} tokens.")
        self.restore(target, self.save(source))

    def truncate(self, sequence: int, length: int) -> None:
        """Forget the sequence, or nothing of it."""
        whole = self._lengths.get(sequence, 0)
        if length == 0:
            self._caches.pop(sequence, None)
            self._lengths.pop(sequence, None)
        elif length < whole:
            raise EngineDown(f"Sequence {sequence} cannot be cut after {length} tokens.")

    def reset(self) -> None:
        """Forget all sequences."""
        self._caches.clear()
        self._lengths.clear()

    @property
    def branches_anywhere(self) -> bool:
        """False."""
        return False

    def state_bytes(self, sequence: int) -> int:
        """Return the size of what ``save`` would return."""
        return dumped_bytes(self._torch, self._cache(sequence), self._lengths.get(sequence, 0))

    def save(self, sequence: int) -> State:
        """Return the state of a sequence: every tensor of every layer."""
        return dump_cache(self._torch, self._cache(sequence), self._lengths.get(sequence, 0))

    def restore(self, sequence: int, data: State) -> int:
        """Make a saved state the empty sequence and return its length in tokens. Raises: Invalid."""
        cache = new_cache(self.model)
        length = fill_cache(self._torch, cache, data, self.model.device, self._schema)
        self._caches[sequence], self._lengths[sequence] = cache, length
        return length

    def restore_parts(self, sequence: int, parts: Sequence[State]) -> int:
        """Restore the one part there may be. Raises: Invalid."""
        if len(parts) != 1:
            raise Invalid("The states of this model cannot be put together.", code="state_refused")
        return self.restore(sequence, parts[0])

    def _cache(self, sequence: int) -> Any:
        cache = self._caches.get(sequence)
        return new_cache(self.model) if cache is None else cache

    @property
    def codec(self) -> WholeCodec:
        """Does nothing: these states are whole."""
        return self._codec

    @property
    def fingerprint(self) -> Mapping[str, str | int | float | bool]:
        """What of the context, beside the model's files, decides what a state means."""
        return self._described("whole")

    def close(self) -> None:
        """Free the context and its model."""
        self.reset()
        super().close()
