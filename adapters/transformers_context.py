"""A model in, a context of many sequences out: what both kinds of context share, and the kind for full attention.

The law: a context belongs to one thread. What its model cannot do exactly is not offered: whether it can was tried with
the model itself (``transformers_probe``), not read from its name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adapters.generation import NO_TOKEN, CellsExhausted, Sampling, Span
from adapters.logit_sampler import LogitSampler
from adapters.prefix_cache import State
from adapters.transformers_cells import CellMap
from adapters.transformers_model import Logits, TransformersModel, floats
from adapters.transformers_rows import ARENA, ATTENTION, RowArena
from adapters.transformers_state import RowCodec, RowLayout, follow, new_state, read_state
from memory.errors import EngineDown, Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextOptions:
    """How a context is made."""

    context_tokens: int = 8192  #: shared by all sequences
    max_sequences: int = 32
    batch_tokens: int = 512


class TransformersContext:
    """What every context of transformers does in the same way."""

    def __init__(self, model: TransformersModel, options: ContextOptions) -> None:
        self.model = model
        self._torch = model.binding.torch
        self._context_tokens = options.context_tokens
        self._max_sequences = options.max_sequences
        self._batch_tokens = max(options.batch_tokens, options.max_sequences)
        self._logits: list[Logits | None] = []  # of each span of the latest batch

    @property
    def context_tokens(self) -> int:
        """Tokens that there is room for, over all sequences."""
        return self._context_tokens

    @property
    def max_sequences(self) -> int:
        """How many sequences there can be at once."""
        return self._max_sequences

    @property
    def batch_tokens(self) -> int:
        """The most tokens that one ``decode`` takes."""
        return self._batch_tokens

    def new_sampler(self, sampling: Sampling, prompt: Sequence[int]) -> LogitSampler:
        """Return what draws tokens for one generation. Raises: Invalid for a grammar."""
        if sampling.grammar is not None and sampling.grammar.text:
            self.model.check_grammar(sampling.grammar.text)
        return LogitSampler(sampling, prompt, self.model.shown)

    def sample(self, span_index: int, sampler: LogitSampler) -> int:
        """Return the token drawn after that span of the latest batch, which must have asked for logits."""
        logits = self.logits(span_index)
        return sampler.draw(logits) if np.isfinite(logits.max()) else NO_TOKEN

    def logits(self, span_index: int) -> Logits:
        """Return the logits, shape (vocabulary,), after that span of the latest batch."""
        logits = self._logits[span_index]
        if logits is None:
            raise EngineDown("The batch did not ask for these logits.")
        return logits

    def is_end(self, token: int) -> bool:
        """Return True for tokens by which the model says that it is done."""
        return self.model.vocabulary.is_end(token)

    def piece(self, token: int) -> bytes:
        """Return the token's bytes; control tokens have none."""
        return self.model.piece(token)

    def _described(self, states: str) -> Mapping[str, str | int | float | bool]:
        return {
            "engine": "transformers",
            "version": str(self.model.binding.library.__version__),
            "torch": str(self._torch.__version__),
            "architecture": self.model.architecture,
            "dtype": self.model.dtype,
            "device": self.model.device.partition(":")[0],
            "states": states,
            "adapters": "none",
        }

    def close(self) -> None:
        """Free the context and its model."""
        self._logits = []
        self.model.close()


class RowContext(TransformersContext):
    """For models in which every layer attends to everything: a ``SequenceContext`` that can be cut anywhere.

    A token's keys and values are rows of their own. Sequences share rows, a batch is one forward pass, and saved states
    can be cut and put one behind the other.
    """

    def __init__(self, model: TransformersModel, options: ContextOptions, layout: RowLayout) -> None:
        super().__init__(model, options)
        self._layout = layout
        self._cells = CellMap(options.context_tokens)
        self._arena = RowArena(self._torch, layout, options.context_tokens, model.device)
        self._codec = RowCodec()
        model.network.set_attn_implementation(ATTENTION)

    def decode(self, spans: Sequence[Span]) -> None:
        """Compute all spans in one batch. Raises: CellsExhausted (nothing was changed)."""
        if sum(len(span.tokens) for span in spans) > self._cells.free:
            raise CellsExhausted("The context has no room for this batch.", retry_after_s=1.0)
        added = [self._cells.grow(span.sequence, len(span.tokens)) for span in spans]
        tokens = [token for span in spans for token in span.tokens]
        positions = [place for span in spans for place in range(span.start, span.start + len(span.tokens))]
        ends = np.cumsum([len(span.tokens) for span in spans]) - 1
        wanted = [index for index, span in enumerate(spans) if span.wants_logits]
        with self._torch.inference_mode():
            self._arena.begin(spans, added, self._cells)
            found = self.model.network(
                input_ids=self.model.ids(tokens),
                position_ids=self.model.ids(positions),
                past_key_values=self._arena,
                use_cache=True,
                logits_to_keep=self.model.ids(ends[wanted].tolist())[0],
                **{ARENA: self._arena},
            )
            rows = floats(found.logits[0])
        self._logits = [None] * len(spans)
        for row, index in enumerate(wanted):
            self._logits[index] = rows[row]

    def branch_point(self, sequence: int, length: int) -> int:
        """Return ``length``, or all there is: full attention can be cut anywhere."""
        return min(length, self._cells.length(sequence))

    def fork(self, source: int, target: int, length: int) -> None:
        """Let ``target`` share the first ``length`` rows of ``source``."""
        self._cells.fork(source, target, length)

    def truncate(self, sequence: int, length: int) -> None:
        """Forget all but the first ``length`` tokens."""
        self._cells.truncate(sequence, length)

    def reset(self) -> None:
        """Forget all sequences."""
        self._cells.clear()

    @property
    def branches_anywhere(self) -> bool:
        """True."""
        return True

    def state_bytes(self, sequence: int) -> int:
        """Return the size of what ``save`` would return."""
        return self._layout.state_bytes(self._cells.length(sequence))

    def save(self, sequence: int) -> State:
        """Return the state of a sequence: its rows as they are, for this model in this number type."""
        state, views = new_state(self._layout, 0, self._cells.length(sequence))
        self._arena.copy_out(self._cells.runs(sequence), views.blocks)
        return state

    def restore(self, sequence: int, data: State) -> int:
        """Make a saved state the empty sequence and return its length in tokens. Raises: Invalid."""
        return self.restore_parts(sequence, [data])

    def restore_parts(self, sequence: int, parts: Sequence[State]) -> int:
        """Make saved states, one behind the other, the empty sequence; any error leaves it empty.

        Raises: Invalid.
        """
        held = [read_state(part) for part in parts]
        length = follow(held, self._layout)
        if length > self._cells.free:
            raise Invalid("The saved state does not fit this context: there is no room.", code="state_refused")
        try:
            for part in held:
                self._arena.copy_in(self._cells.grow(sequence, part.stop - part.start), part.blocks)
        except Exception:
            self._cells.truncate(sequence, 0)
            raise
        return length

    @property
    def codec(self) -> RowCodec:
        """Cuts and compresses what ``save`` returns."""
        return self._codec

    @property
    def fingerprint(self) -> Mapping[str, str | int | float | bool]:
        """What of the context, beside the model's files, decides what a state means."""
        return self._described("rows")
