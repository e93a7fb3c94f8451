"""A GGUF file in, a model's weights, vocabulary and metadata out.

The law: everything but ``close`` may be called from any thread: the vocabulary does not change.
"""

import ctypes
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from adapters.chat_template import Segment
from adapters.llama_rope import Rope
from adapters.llama_tiles import TokenCost
from memory.errors import EngineMissing, Invalid

_PLAIN_ROPES: Final = {0: True, 2: False}  #: by ggml's number: pairs side by side, or half of the values apart
_USUAL_ROPE_BASE: Final = 10000.0  #: where a file names none
_QUICK: Final = (
    "llama_sampler_sample",
    "llama_get_logits_ith",
    "llama_memory_seq_cp",
    "llama_memory_seq_rm",
    "llama_memory_seq_pos_max",
    "llama_memory_seq_pos_min",
)


@dataclass(frozen=True)
class Binding:
    """llama.cpp's low-level API, and the latest lines of its log that told of trouble."""

    api: Any
    errors: deque[str] = field(default_factory=lambda: deque(maxlen=5))
    kept: list[Any] = field(default_factory=list)  #: what the library holds pointers to

    @cached_property
    def quick(self) -> Any:
        """The same API, in which calls of microseconds keep the interpreter's lock.

        Giving it up and taking it back costs more than such a call while another thread wants it.
        """
        return _Quick(self.api)


class _Quick:
    def __init__(self, api: Any) -> None:
        self._api = api
        for name in _QUICK:
            function = getattr(api, name)
            kept = ctypes.PYFUNCTYPE(function.restype, *function.argtypes)
            setattr(self, name, kept(ctypes.cast(function, ctypes.c_void_p).value or 0))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)


class LlamaModel:
    """A model's weights, vocabulary and metadata."""

    def __init__(self, binding: Binding, path: Path, *, gpu_layers: int, use_mmap: bool) -> None:
        self._api = api = binding.api
        if not path.is_file():
            raise EngineMissing(f"There is no model file at {path}.", code="model_file_missing")
        params = api.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        params.load_mode = api.LLAMA_LOAD_MODE_MMAP if use_mmap else api.LLAMA_LOAD_MODE_NONE
        binding.errors.clear()
        self.pointer = api.llama_model_load_from_file(str(path).encode(), params)
        if not self.pointer:
            reason = "; ".join(binding.errors) or "the library gave no reason"
            raise Invalid(f"{path} cannot be loaded as a GGUF model: {reason}", code="model_not_loadable")
        if not api.llama_model_has_decoder(self.pointer) or api.llama_model_has_encoder(self.pointer):
            self.close()
            raise Invalid(f"{path} is not a decoder-only language model.", code="model_not_generative")
        self._vocab = api.llama_model_get_vocab(self.pointer)
        self.vocab_size: int = api.llama_vocab_n_tokens(self._vocab)
        self.context_length: int = api.llama_model_n_ctx_train(self.pointer)  #: tokens it was trained for
        self.parameters: int = api.llama_model_n_params(self.pointer)
        self.sliding_window: int = api.llama_model_n_swa(self.pointer)  #: tokens; 0: every layer sees everything
        self.is_recurrent: bool = bool(
            api.llama_model_is_recurrent(self.pointer) or api.llama_model_is_hybrid(self.pointer)
        )
        self.layers: int = api.llama_model_n_layer(self.pointer)
        self.gpu_layers = gpu_layers
        self.rope_kind: int = api.llama_model_rope_type(self.pointer)  #: ggml's number; -1: none
        self.rope_scale: float = api.llama_model_rope_freq_scale_train(self.pointer)
        self._pieces: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}

    def metadata(self, key: str) -> str | None:
        """Return the GGUF value of that key as text."""
        size = 256
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = self._api.llama_model_meta_val_str(self.pointer, key.encode(), buffer, size)
            if length < 0:
                return None
            if length < size:
                return buffer.raw[:length].decode(errors="replace")
            size = length + 1

    @property
    def rope(self) -> Rope:
        """How the file says that keys are turned by their position. Raises: Invalid: it is no plain turn."""
        width, heads = self._api.llama_model_n_embd(self.pointer), self._api.llama_model_n_head(self.pointer)
        family = self.architecture
        try:
            head_size = int(self.metadata(f"{family}.attention.key_length") or width // max(1, heads))
            return Rope(
                interleaved=_PLAIN_ROPES[self.rope_kind],
                base=float(self.rope_base or _USUAL_ROPE_BASE),
                scale=self.rope_scale,
                head_size=head_size,
                dimensions=int(self.metadata(f"{family}.rope.dimension_count") or head_size),
            )
        except (KeyError, ValueError) as error:  # another kind, or numbers that differ by layer
            raise Invalid("Keys of this model cannot be moved to another position.", code="positions_fixed") from error

    @cached_property
    def token_cost(self) -> TokenCost:
        """What computing a token takes, at most by the weights and at least by each cell."""
        values = self._api.llama_model_n_embd(self.pointer)
        return TokenCost(by_weights=self.parameters, by_cell=2 * values * self.layers)

    @property
    def rope_base(self) -> str:
        """The base of the frequencies by which keys are turned, as the file writes it; empty: the usual one."""
        return self.metadata(f"{self.architecture}.rope.freq_base") or ""

    @property
    def architecture(self) -> str:
        """The family, as llama.cpp names it."""
        return self.metadata("general.architecture") or "unknown"

    @property
    def name(self) -> str:
        """What the file calls itself; empty when it does not."""
        return self.metadata("general.name") or ""

    @property
    def chat_template(self) -> str | None:
        """The model's own Jinja chat template."""
        template = self._api.llama_model_chat_template(self.pointer, None)
        return template.decode(errors="replace") if template else None

    @property
    def tool_template(self) -> str | None:
        """Another one, for conversations with tools."""
        return self.metadata("tokenizer.chat_template.tool_use")

    @property
    def binds_answers(self) -> bool:
        """True: llama.cpp samples by a grammar."""
        return True

    @cached_property
    def control_tokens(self) -> Sequence[int]:
        """The tokens that steer and are no text."""
        return [t for t in range(self.vocab_size) if self._api.llama_vocab_is_control(self._vocab, t)]

    @property
    def control_texts(self) -> frozenset[str]:
        """How the tokens are written that no message may contain as such."""
        return self._control_texts

    @cached_property
    def _control_texts(self) -> frozenset[str]:
        return frozenset(text for t in self.control_tokens if (text := self.token_text(t)))

    @property
    def bos_text(self) -> str:
        """How the token that begins a text is written; empty when there is none."""
        return self.token_text(self._api.llama_vocab_bos(self._vocab))

    @property
    def eos_text(self) -> str:
        """How the token that ends a text is written; empty when there is none."""
        return self.token_text(self._api.llama_vocab_eos(self._vocab))

    def token_text(self, token: int) -> str:
        """Return how the vocabulary writes a token; empty for -1."""
        text = self._api.llama_vocab_get_text(self._vocab, token) if token >= 0 else None
        return text.decode(errors="replace") if text else ""

    def is_end(self, token: int) -> bool:
        """Return True for any of the tokens that end a generation."""
        known = self._ends.get(token)
        if known is None:
            known = self._ends[token] = bool(self._api.llama_vocab_is_eog(self._vocab, token))
        return known

    def tokenize_prompt(self, segments: Sequence[Segment]) -> list[int]:
        """Return the token ids of what a chat template wrote."""
        tokens: list[int] = []
        for index, segment in enumerate(segments):
            # The template may have written the first token itself; llama.cpp would add a second one.
            add_special = index == 0 and not (self.bos_text and segment.text.startswith(self.bos_text))
            tokens += self.tokenize(segment.text, add_special=add_special, parse_special=not segment.literal)
        return tokens

    def tokenize(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        """Return the token ids; ``parse_special`` lets the text name control tokens."""
        data = text.encode("utf-8", errors="replace")
        size = len(data) + 16
        buffer = (ctypes.c_int32 * size)()
        found = self._api.llama_tokenize(self._vocab, data, len(data), buffer, size, add_special, parse_special)
        if found < 0:
            size = -found
            buffer = (ctypes.c_int32 * size)()
            found = self._api.llama_tokenize(self._vocab, data, len(data), buffer, size, add_special, parse_special)
        if found < 0:
            raise Invalid("The text cannot be tokenized: it is too long.")
        return list(buffer[:found])

    def new_grammar(self, text: str) -> Any:
        """Return a llama_sampler, owned by the caller, that follows a grammar. Raises: Invalid."""
        pointer = self._api.llama_sampler_init_grammar(self._vocab, text.encode(), b"root")
        if not pointer:
            raise Invalid("It refers to itself without end, or is too large.")
        return pointer

    def check_grammar(self, text: str) -> None:
        """Raise Invalid if llama.cpp does not take the grammar."""
        self._api.llama_sampler_free(self.new_grammar(text))

    def piece(self, token: int) -> bytes:
        """Return the token's bytes; control tokens have none."""
        known = self._pieces.get(token)
        if known is not None:
            return known
        size = 128
        buffer = ctypes.create_string_buffer(size)
        length = self._api.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
        if length < 0:
            buffer = ctypes.create_string_buffer(-length)
            length = self._api.llama_token_to_piece(self._vocab, token, buffer, -length, 0, False)
        return self._pieces.setdefault(token, buffer.raw[: max(0, length)])

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Return the text of the tokens, control tokens left out."""
        return b"".join(self.piece(token) for token in tokens).decode("utf-8", errors="replace")

    def close(self) -> None:
        """Free the weights."""
        if self.pointer:
            self._api.llama_model_free(self.pointer)
            self.pointer = None
