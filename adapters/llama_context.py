"""A model in, one KV cache with many sequences out.

The law: a context belongs to one thread, and what its architecture cannot do exactly is not offered.
"""

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from adapters.generation import CellsExhausted, Sampling, Span
from adapters.llama_batch import LlamaBatch
from adapters.llama_build import VERSION
from adapters.llama_model import Binding, LlamaModel
from adapters.llama_probe import probe_rope, probe_states
from adapters.llama_rope import Rope
from adapters.llama_sampler import SamplerChain
from adapters.llama_state import LlamaStateCodec
from adapters.llama_tiles import Tiles, has_tiles
from adapters.prefix_cache import State
from memory.errors import EngineDown, Invalid

KV_TYPES: Final = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 8, "bf16": 30}  #: ggml's numbers
_SMALL_VOCABULARY: Final = 65536
_WORTH_THREADS: Final = 4_000_000  #: multiplications: about a quarter of a millisecond
_MOST_SEQUENCES: Final = 256  #: LLAMA_MAX_SEQ
_NO_ROOM: Final = 1  #: llama_decode: no slot for the batch, nothing was changed


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextOptions:
    """How a context is made."""

    context_tokens: int = 8192  #: cells, shared by all sequences
    max_sequences: int = 64  #: at most 256, with full attention 255: one more is kept for putting states together
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
        sequences = int(api.llama_n_seq_max(self._pointer))
        self._scratch = sequences - 1 if self.branches_anywhere else None  # a sequence that is nobody's
        self._max_sequences = sequences if self._scratch is None else self._scratch
        self._flash_attention = options.flash_attention
        self._kv_type = options.kv_type
        self._codec: LlamaStateCodec | None = None
        self._rope: Rope | None = None
        self._context_tokens = int(api.llama_n_ctx(self._pointer))
        self._threads = self._computing = options.threads
        self._batch = LlamaBatch(api, self._batch_tokens)
        self._tiles = Tiles(model.token_cost, self._scratch if self._attends_in_tiles(options) else None)

    def _params(self, options: ContextOptions) -> Any:
        params = self._api.llama_context_default_params()
        params.n_ctx = options.context_tokens
        params.n_batch = self._batch_tokens
        params.n_ubatch = min(512, self._batch_tokens)
        params.n_seq_max = min(_MOST_SEQUENCES, options.max_sequences + self.branches_anywhere)
        params.n_threads = params.n_threads_batch = options.threads
        params.flash_attn_type = {"off": 0, "on": 1, "auto": -1}[options.flash_attention]
        params.type_k = params.type_v = KV_TYPES[options.kv_type]
        params.kv_unified = True
        # Sliding-window layers keep all cells too, so that one number of free cells holds for every layer.
        params.swa_full = True
        params.no_perf = True
        return params

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
        filler = self._tiles.filler(spans)
        code = self._compute([*spans, *filler])
        for span in filler:
            self.truncate(span.sequence, 0)
            if code == _NO_ROOM:
                code = self._compute(spans)
        if code == _NO_ROOM:
            raise CellsExhausted("The context has no room for this batch.", retry_after_s=1.0)
        if code:
            raise EngineDown(f"llama_decode failed with {code}: {'; '.join(self._binding.errors)}")

    def _attends_in_tiles(self, options: ContextOptions) -> bool:
        return not self.model.gpu_layers and has_tiles(options.kv_type, options.flash_attention, self._batch_tokens)

    def _compute(self, spans: Sequence[Span]) -> int:
        self._batch.fill(spans)
        self._choose_threads(self._batch.tokens)
        return int(self._api.llama_decode(self._pointer, self._batch.value))

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
        return sampler.draw(self._pointer, self._batch.rows[span_index])

    def logits(self, span_index: int) -> npt.NDArray[np.float32]:
        """Return a copy of the logits, shape (vocabulary,), after that span of the latest batch."""
        row = self._binding.quick.llama_get_logits_ith(self._pointer, self._batch.rows[span_index])
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
        if taken != source.nbytes or not self.length(sequence):
            self._binding.quick.llama_memory_seq_rm(self._memory, sequence, -1, -1)
            raise Invalid("The saved state does not fit this context.", code="state_refused")
        return self.length(sequence)

    def restore_parts(self, sequence: int, parts: Sequence[State]) -> int:
        """Restore saved states, one behind the other, behind what the sequence holds, and return its length in tokens.

        Each is copied once, into cells of its own. Any error leaves the sequence empty. Raises: Invalid.
        """
        if len(parts) == 1 and not self.codec.slices:
            return self.restore(sequence, parts[0])
        try:
            for part in parts:
                self._append(sequence, part)
        except Exception:
            self.truncate(sequence, 0)
            if self._scratch is not None:
                self.truncate(self._scratch, 0)
            raise
        return self.length(sequence)

    def _append(self, sequence: int, part: State) -> None:
        positions = self.codec.parse(part).positions
        length = self.length(sequence)
        if positions[0] != length:
            raise Invalid(f"The saved state does not begin at token {length}.", code="state_refused")
        if not length or self._scratch is None:
            self.restore(sequence, part)
            return
        self.restore(self._scratch, part)
        self.fork(self._scratch, sequence, int(positions[-1]) + 1)
        self.truncate(self._scratch, 0)

    @property
    def codec(self) -> LlamaStateCodec:
        """Cuts and compresses what ``save`` returns.

        Asked for the first time it computes a few tokens to see what the model's states are. Raises: CellsExhausted.
        """
        if self._codec is None:
            if self._scratch is None:
                self._codec = LlamaStateCodec(None)
            else:
                self._codec, transposed = probe_states(self, self._scratch)
                if transposed is not None:
                    self._flash_attention = "off" if transposed else "on"
        return self._codec

    @property
    def rope(self) -> Rope:
        """How the codec's ``shifted`` turns keys, confirmed with a few tokens. Raises: Invalid, CellsExhausted."""
        if self._scratch is None or not self.codec.slices or self._kv_type.startswith("q"):
            raise Invalid("The states of this context cannot be moved.", code="positions_fixed")
        if self._rope is None:
            self._rope = probe_rope(self, self.codec, self._scratch, self.model.rope)
        return self._rope

    @property
    def fingerprint(self) -> Mapping[str, str | int | float | bool]:
        """What of the context, beside the model's file, decides what a state means."""
        model, divisible = self.model, self.codec.slices  # which tells of flash attention too
        scaling = f"{model.architecture}.rope.scaling."
        original = model.metadata(scaling + "original_context_length") or ""
        return {
            "engine": "llama.cpp",
            "version": VERSION,
            "architecture": model.architecture,
            "layers": model.layers,
            "kv_type": self._kv_type,
            "states_divisible": divisible,
            "flash_attention": self._flash_attention,
            "rope_kind": model.rope_kind,
            "rope_base": model.rope_base or "usual",
            "rope_scale": model.rope_scale,
            "rope_scaling": model.metadata(scaling + "type") or "none",
            # Some models have other frequencies for contexts beyond what they were first trained for.
            "rope_beyond_original": original.isdecimal() and int(original) < self._context_tokens,
            "adapters": "none",
        }

    def close(self) -> None:
        """Free the context and its model."""
        if self._pointer:
            self._api.llama_free(self._pointer)
            self._pointer = None
            self.model.close()


def _as_bytes(array: npt.NDArray[np.uint8]) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
