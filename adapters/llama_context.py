"""A model in, one KV cache with many sequences out.

The law: a context belongs to one thread, and what its architecture cannot do exactly is not offered.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from adapters.generation import CellsExhausted, Sampling, Span
from adapters.llama_model import Binding, LlamaModel
from adapters.llama_sampler import SamplerChain
from memory.errors import EngineDown, Invalid

KV_TYPES: Final = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 8, "bf16": 30}  #: ggml's numbers
_SMALL_VOCABULARY: Final = 65536
_WORTH_THREADS: Final = 4_000_000  #: multiplications: about a quarter of a millisecond
_NO_ROOM: Final = 1  #: llama_decode: no slot for the batch, nothing was changed


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextOptions:
    """How a context is made."""

    context_tokens: int = 8192  #: cells, shared by all sequences
    max_sequences: int = 64
    batch_tokens: int = 512
    threads: int = 1
    kv_type: str = "f16"
    flash_attention: str = "on"  #: on, off or auto; one KV state cannot be read by a context of the other kind


class LlamaContext:
    """One unified KV cache with many sequences: a ``SequenceContext``, plus logits and saved states."""

    def __init__(self, binding: Binding, model: LlamaModel, options: ContextOptions) -> None:
        self.model = model
        self._binding = binding
        self._api = api = binding.api
        # To draw from a large vocabulary takes long enough for others to use the lock.
        self._drawing = binding.quick if model.vocab_size <= _SMALL_VOCABULARY else api
        self._batch_tokens = max(options.batch_tokens, options.max_sequences)
        self._pointer = api.llama_init_from_model(model.pointer, self._params(options))
        if not self._pointer:
            reason = "; ".join(binding.errors) or "most likely there is too little memory for it"
            raise Invalid(
                f"A context of {options.context_tokens} tokens cannot be made: {reason}", code="context_not_created"
            )
        self._memory = api.llama_get_memory(self._pointer)
        self._max_sequences = int(api.llama_n_seq_max(self._pointer))
        self._context_tokens = int(api.llama_n_ctx(self._pointer))
        self._threads = self._computing = options.threads
        self._allocate_batch()

    def _params(self, options: ContextOptions) -> Any:
        params = self._api.llama_context_default_params()
        params.n_ctx = options.context_tokens
        params.n_batch = self._batch_tokens
        params.n_ubatch = min(512, self._batch_tokens)
        params.n_seq_max = options.max_sequences
        params.n_threads = params.n_threads_batch = options.threads
        params.flash_attn_type = {"off": 0, "on": 1, "auto": -1}[options.flash_attention]
        params.type_k = params.type_v = KV_TYPES[options.kv_type]
        params.kv_unified = True
        # Sliding-window layers keep all cells too, so that one number of free cells holds for every layer.
        params.swa_full = True
        params.no_perf = True
        return params

    def _allocate_batch(self) -> None:
        """Lay out a llama_batch over numpy arrays, so that filling it needs no loop over tokens."""
        api, size = self._api, self._batch_tokens
        self._tokens = np.zeros(size, np.int32)
        self._positions = np.zeros(size, np.int32)
        self._sequences = np.zeros(size, np.int32)
        self._counts = np.ones(size, np.int32)
        self._outputs = np.zeros(size, np.int8)
        addresses = self._sequences.ctypes.data + np.arange(size, dtype=np.uint64) * self._sequences.itemsize
        self._addresses = addresses.astype(np.uint64)
        self._batch = api.llama_batch()
        for field, array in (
            ("token", self._tokens),
            ("pos", self._positions),
            ("n_seq_id", self._counts),
            ("seq_id", self._addresses),
            ("logits", self._outputs),
        ):
            kind = dict(api.llama_batch._fields_)[field]
            setattr(self._batch, field, ctypes.cast(array.ctypes.data, kind))
        self._rows: list[int] = []

    @property
    def context_tokens(self) -> int:
        """Cells, shared by all sequences."""
        return self._context_tokens

    @property
    def max_sequences(self) -> int:
        """How many sequences there can be at once."""
        return self._max_sequences

    @property
    def batch_tokens(self) -> int:
        """The most tokens that one ``decode`` takes."""
        return self._batch_tokens

    def decode(self, spans: Sequence[Span]) -> None:
        """Compute all spans in one batch. Raises: CellsExhausted (nothing was changed), EngineDown."""
        self._fill_batch(spans)
        self._choose_threads(self._batch.n_tokens)
        code = self._api.llama_decode(self._pointer, self._batch)
        if code == _NO_ROOM:
            raise CellsExhausted("The context has no room for this batch.", retry_after_s=1.0)
        if code:
            raise EngineDown(f"llama_decode failed with {code}: {'; '.join(self._binding.errors)}")

    def _fill_batch(self, spans: Sequence[Span]) -> None:
        tokens: list[int] = []
        positions: list[int] = []
        sequences: list[int] = []
        self._rows = []
        for span in spans:
            count = len(span.tokens)
            tokens += span.tokens
            positions += range(span.start, span.start + count)
            sequences += (span.sequence,) * count
            self._rows.append(len(tokens) - 1)
        size = len(tokens)
        self._tokens[:size], self._positions[:size], self._sequences[:size] = tokens, positions, sequences
        self._outputs[:size] = 0
        self._outputs[[row for row, span in zip(self._rows, spans, strict=True) if span.wants_logits]] = 1
        self._batch.n_tokens = size

    def _choose_threads(self, tokens: int) -> None:
        """Let one thread compute what is so little that several would mostly wait for each other."""
        threads = self._threads if tokens * self.model.parameters >= _WORTH_THREADS else 1
        if threads != self._computing:
            self._api.llama_set_n_threads(self._pointer, threads, threads)
            self._computing = threads

    def new_sampler(self, sampling: Sampling, prompt: Sequence[int]) -> SamplerChain:
        """Return a sampler chain for one generation."""
        return SamplerChain(self._drawing, self.model, sampling, prompt)

    def sample(self, span_index: int, sampler: SamplerChain) -> int:
        """Return the token drawn after that span of the latest batch, which must have asked for logits."""
        return sampler.draw(self._pointer, self._rows[span_index])

    def logits(self, span_index: int) -> npt.NDArray[np.float32]:
        """Return a copy of the logits, shape (vocabulary,), after that span of the latest batch."""
        row = self._binding.quick.llama_get_logits_ith(self._pointer, self._rows[span_index])
        if not row:
            raise EngineDown("The batch did not ask for these logits.")
        return np.ctypeslib.as_array(row, (self.model.vocab_size,)).astype(np.float32, copy=True)

    def is_end(self, token: int) -> bool:
        """Return True for tokens by which the model says that it is done."""
        return self.model.is_end(token)

    def piece(self, token: int) -> bytes:
        """Return the token's bytes; control tokens have none."""
        return self.model.piece(token)

    def length(self, sequence: int) -> int:
        """Return the number of tokens of a sequence."""
        return int(self._binding.quick.llama_memory_seq_pos_max(self._memory, sequence)) + 1

    def branch_point(self, sequence: int, length: int) -> int:
        """Return the longest prefix of at most ``length`` tokens after which continuing is exact.

        Full attention can be cut anywhere. A recurrent state is only known at its end. A sliding-window layer may have
        given up cells before the window, and llama.cpp cuts it all the same without a word: the window must be there.
        """
        if length >= self.length(sequence):
            return self.length(sequence)
        if self.model.is_recurrent:
            return 0
        window = self.model.sliding_window
        if window:
            oldest = int(self._binding.quick.llama_memory_seq_pos_min(self._memory, sequence))
            return length if oldest <= max(0, length - window - 1) else 0
        return length

    def fork(self, source: int, target: int, length: int) -> None:
        """Let ``target`` share the first ``length`` cells of ``source``."""
        end = -1 if length >= self.length(source) else length
        self._binding.quick.llama_memory_seq_cp(self._memory, source, target, -1, end)

    def truncate(self, sequence: int, length: int) -> None:
        """Forget all but the first ``length`` tokens."""
        if not self._binding.quick.llama_memory_seq_rm(self._memory, sequence, length if length else -1, -1):
            raise EngineDown(f"Sequence {sequence} cannot be cut after {length} tokens.")

    def reset(self) -> None:
        """Forget all sequences."""
        self._api.llama_memory_clear(self._memory, True)

    @property
    def branches_anywhere(self) -> bool:
        """True for full attention; a saved state holds only the window of sliding-window layers."""
        return not (self.model.is_recurrent or self.model.sliding_window)

    def state_bytes(self, sequence: int) -> int:
        """Return the size of what ``save`` would return."""
        return int(self._api.llama_state_seq_get_size(self._pointer, sequence))

    def save(self, sequence: int) -> npt.NDArray[np.uint8]:
        """Return the state of a sequence as bytes (1 KiB to 150 KiB a token, by model).

        The bytes fit only this model file, adapter set, KV type and flash-attention setting; llama.cpp checks only some
        of these, so the caller's key must hold them all.
        """
        size = self.state_bytes(sequence)
        data = np.empty(size, np.uint8)
        written = self._api.llama_state_seq_get_data(self._pointer, _as_bytes(data), size, sequence)
        if written != size:
            raise EngineDown(f"Saving sequence {sequence} gave {written} of {size} bytes.")
        return data

    def restore(self, sequence: int, data: npt.NDArray[np.uint8]) -> int:
        """Replace a sequence by a saved state and return its length in tokens.

        A refused state (another KV layout, cut short, or no room) leaves the sequence empty. Raises: Invalid.
        """
        source = np.ascontiguousarray(data)
        taken = self._api.llama_state_seq_set_data(self._pointer, _as_bytes(source), source.nbytes, sequence)
        if taken != source.nbytes:
            self._binding.quick.llama_memory_seq_rm(self._memory, sequence, -1, -1)
            raise Invalid("The saved state does not fit this context.", code="state_refused")
        return self.length(sequence)

    def close(self) -> None:
        """Free the context and its model."""
        if self._pointer:
            self._api.llama_free(self._pointer)
            self._pointer = None
            self.model.close()


def _as_bytes(array: npt.NDArray[np.uint8]) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
