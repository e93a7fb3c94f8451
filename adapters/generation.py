"""What the batching engine and a model context say to each other: values, events and one Protocol.

The law: a ``SequenceContext`` is called from one thread only, and every reuse of computed tokens that it allows is
exact, meaning that the result is the one of computing them again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from adapters.prefix_cache import Boundary, State, StateCodec, Tier
from memory.errors import Unavailable

NO_TOKEN: Final = -1


class CellsExhausted(Unavailable):
    """The context has no room for this batch."""


class FinishReason(StrEnum):
    """Why a generation ended, in OpenAI's words."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """What an answer must look like. A grammar that is complete lets the answer only end."""

    text: str  #: GBNF, beginning with the rule ``root``; empty: anything may be said
    opens: str = ""  #: the answer is free until this stands in it, and only what follows is bound
    shown: Mapping[int, bytes] = field(default_factory=dict)  #: control tokens that are part of the answer's text


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is drawn. The defaults change nothing: temperature 1, no filter, no penalty."""

    temperature: float = 1.0  #: 0 takes the most probable token and ignores top_k, top_p, min_p and seed
    top_k: int = 0  #: 0: all tokens
    top_p: float = 1.0
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repeat_penalty: float = 1.0  #: counts the prompt too, as llama.cpp does; the two above count what was generated
    seed: int | None = None
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    grammar: Grammar | None = None
    top_logprobs: int | None = None  #: probabilities of what was drawn, and of so many others; None: not asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a generation cost, in tokens."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int  #: the part of the prompt that was not computed


@dataclass(frozen=True, slots=True)
class TokenScore:
    """How probable a token was before anything but ``logit_bias`` touched the model's distribution."""

    data: bytes  #: may be part of a character
    logprob: float  #: natural logarithm
    top: Sequence["TokenScore"] = ()  #: the most probable ones, in order


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a stored prefix spared a prompt."""

    tokens: int  #: the longest stored prefix of the prompt that was not computed for it, wherever it lay
    tier: Tier
    digest: str = ""
    note: str = ""  #: why less was restored than there might have been, or that it is not exact


@dataclass(frozen=True, slots=True)
class Started:
    """The first event of a generation: it has its place in the context."""

    cached_tokens: int  #: of the prompt, not computed; may become more while it waits for one that begins alike
    restored: Restored


@dataclass(frozen=True, slots=True)
class Piece:
    """The next piece of the answer: whole characters, never part of a stop string."""

    text: str
    scores: Sequence[TokenScore] = ()  #: of the tokens that begin in it, where they were asked for


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of a generation that ended by itself."""

    reason: FinishReason
    usage: Usage


@dataclass(frozen=True, slots=True)
class Failed:
    """The last event of a generation that could not go on."""

    error: Exception


Event = Started | Piece | Finished | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One prompt to continue. ``on_event`` must return at once."""

    prompt: Sequence[int]
    max_tokens: int
    on_event: Callable[[Event], None]
    #: runs its argument where ``on_event`` belongs, such as on an event loop; called once for all events of a batch
    post: Callable[[Callable[[], None]], object] | None = None  #: None: in the engine's thread
    sampling: Sampling = field(default_factory=Sampling)
    stop: Sequence[str] = ()
    cache_salt: str = ""  #: computed tokens are shared between requests of the same salt only
    shared_salt: str = ""  #: stored prefixes of this owner may be used too; "": of nobody else
    use_activation: bool = True  #: stored prefixes may be restored


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """A prefix to compute and store."""

    tokens: Sequence[int]
    boundaries: Sequence[Boundary]  #: in order; the last is the whole, and its owner computes it
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    idle: bool = True  #: only while nothing else runs or waits


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive tokens of one sequence in a batch, the first at position ``start``."""

    sequence: int
    start: int
    tokens: Sequence[int]
    wants_logits: bool  #: of the last token


class SequenceContext(Protocol):
    """A model with room for ``context_tokens`` computed tokens (cells), shared by ``max_sequences`` sequences."""

    @property
    def context_tokens(self) -> int: ...

    @property
    def max_sequences(self) -> int: ...

    @property
    def batch_tokens(self) -> int:
        """The most tokens that one ``decode`` takes."""
        ...

    def decode(self, spans: Sequence[Span]) -> None:
        """Compute all spans in one batch.

        Raises CellsExhausted when nothing was computed for want of room; after any other error the state of every
        sequence is unknown and ``reset`` is due.
        """
        ...

    def new_sampler(self, sampling: Sampling, prompt: Sequence[int]) -> Any:
        """Return what draws tokens for one generation; its ``score`` is that of the latest, where asked for."""
        ...

    def sample(self, span_index: int, sampler: Any) -> int:
        """Return the token drawn after the last token of that span of the latest batch.

        It is ``NO_TOKEN`` when the grammar demands what the model's vocabulary cannot write.
        """
        ...

    def is_end(self, token: int) -> bool:
        """Return True for tokens by which the model says that it is done."""
        ...

    def piece(self, token: int) -> bytes:
        """Return the token's bytes, which may be part of a character; control tokens have none."""
        ...

    def branch_point(self, sequence: int, length: int) -> int:
        """Return the longest prefix of at most ``length`` tokens after which the sequence can exactly be continued."""
        ...

    def fork(self, source: int, target: int, length: int) -> None:
        """Let the empty sequence ``target`` share the first ``length`` tokens of ``source``: a ``branch_point``."""
        ...

    def truncate(self, sequence: int, length: int) -> None:
        """Forget all but the first ``length`` tokens: 0 or a ``branch_point``."""
        ...

    def reset(self) -> None:
        """Forget all sequences."""
        ...

    @property
    def branches_anywhere(self) -> bool:
        """True when every prefix of every saved sequence is a ``branch_point`` once it is restored."""
        ...

    def state_bytes(self, sequence: int) -> int:
        """Return the size of what ``save`` would return."""
        ...

    def save(self, sequence: int) -> npt.NDArray[np.uint8]:
        """Return the state of a sequence."""
        ...

    def restore(self, sequence: int, data: npt.NDArray[np.uint8]) -> int:
        """Make a saved state the empty sequence and return its length in tokens. Raises: Invalid when refused."""
        ...

    def restore_parts(self, sequence: int, parts: Sequence[State]) -> int:
        """Make saved states, one behind the other, the empty sequence and return its length in tokens.

        One part is a whole state; more are what the codec's ``rows`` cut. It needs no more cells than the sequence that
        it makes, and none of the other ids below ``max_sequences``. Raises: Invalid when refused; after any
        error the sequence is empty.
        """
        ...

    @property
    def codec(self) -> StateCodec:
        """Cuts and compresses what ``save`` returns."""
        ...

    @property
    def fingerprint(self) -> Mapping[str, str | int | float | bool]:
        """What of the context, beside the model's file, decides what a state means: settings, engine and version."""
        ...

    def close(self) -> None: ...
