"""Memories computed apart in, how they become one sequence out: what both engines' composers have in common.

The law: what is approximate says so. Only ``exact`` comes to what reading the whole text would: the tokens of a block
that was computed apart have not seen the blocks before it. Its keys are turned to where they now stand (rotary
embeddings add up, arXiv 2104.09864), and some of its tokens may be computed again there: the first ones of a block
(EPIC, arXiv 2410.15332), or those that differ most (CacheBlend, arXiv 2405.16444).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from adapters.generation import SequenceContext, Span
from adapters.prefix_cache import State
from memory.errors import Invalid

MODES: Final = "exact, shift, relink:N (tokens), relink:last, blend:SHARE (above 0, up to 1)"
_LAST: Final = "last"


class Method(StrEnum):
    """How blocks come to stand behind each other."""

    EXACT = "exact"  #: every block is computed again at its place
    NAIVE = "naive"  #: keys as they were computed, alone and from the first position on; a baseline, never offered
    SHIFT = "shift"  #: keys turned to their place
    RELINK = "relink"  #: so, and the first tokens of each block are computed again
    BLEND = "blend"  #: so, and the tokens that differ most are computed again


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """A method with its measure."""

    method: Method
    first: int | None = None  #: relink: tokens of each block; None: the whole last block and nothing else
    share: float = 0.0  #: blend: of the tokens that are not exact

    def __str__(self) -> str:
        if self.method is Method.RELINK:
            return f"{self.method}:{_LAST if self.first is None else self.first}"
        return f"{self.method}:{self.share:g}" if self.method is Method.BLEND else str(self.method)

    def repeated(self, lengths: Sequence[int]) -> list[int]:
        """Return how many tokens of each block, from its first on, are computed again.

        The first block is exact wherever blocks are computed behind the prefix that it still follows.
        """
        if self.method is Method.EXACT:
            return list(lengths)
        if self.method is not Method.RELINK:
            return [0] * len(lengths)
        if self.first is None:
            return [length if index == len(lengths) - 1 and index else 0 for index, length in enumerate(lengths)]
        return [min(self.first, length) if index else 0 for index, length in enumerate(lengths)]


def parse_mode(text: str) -> Mode:
    """Return what a text such as ``relink:16`` stands for. Raises: Invalid, naming the modes."""
    name, _, measure = text.partition(":")
    if name in (Method.EXACT, Method.SHIFT) and name == text:
        return Mode(method=Method(name))
    try:
        if name == Method.RELINK and (measure == _LAST or int(measure) > 0):
            return Mode(method=Method.RELINK, first=None if measure == _LAST else int(measure))
        if name == Method.BLEND and 0 < float(measure) <= 1:
            return Mode(method=Method.BLEND, share=float(measure))
    except ValueError as error:
        raise _no_mode(text) from error
    raise _no_mode(text)


def _no_mode(text: str) -> Invalid:
    return Invalid(
        f"{text!r} is no way to compose memories. The ways are: {MODES}.",
        param="composition",
        code="composition_unknown",
    )


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Tokens and the state of them alone, as they were computed from position ``start`` on."""

    tokens: Sequence[int]
    state: State
    start: int


@dataclass(frozen=True, slots=True)
class Composition:
    """A sequence that was put together."""

    length: int  #: tokens
    computed: int  #: of them, at their place
    measured: int = 0  #: tokens that went through the first layer, to see which differ


class Composer(Protocol):
    """One engine's way to put blocks behind each other."""

    def compose(self, sequence: int, prefix: Block, blocks: Sequence[Block], mode: Mode) -> Composition:
        """Make prefix and blocks, in that order, the empty sequence; it is empty still when this fails.

        Raises: Invalid (``composition_unavailable``: this engine does not know the mode), CellsExhausted.
        """
        ...


def compute_block(context: SequenceContext, sequence: int, tokens: Sequence[int], behind: Block | None = None) -> Block:
    """Return a block that has read only what it stands ``behind``, a prefix; the empty sequence is left empty.

    Raises: Invalid (states of this model cannot be cut, or there are no tokens), CellsExhausted.
    """
    if not tokens:
        raise Invalid("A block without tokens cannot be computed.", code="composition_empty")
    require_slices(context)
    start = 0
    try:
        if behind is not None:
            start = context.restore(sequence, behind.state)
        read_tokens(context, sequence, start, tokens)
        state = context.codec.rows(context.save(sequence), start, start + len(tokens))
    finally:
        context.truncate(sequence, 0)
    return Block(tuple(tokens), state, start)


def read_tokens(context: SequenceContext, sequence: int, start: int, tokens: Sequence[int]) -> None:
    """Compute tokens behind the ``start`` that the sequence holds, batch by batch. Raises: CellsExhausted."""
    for at in range(0, len(tokens), context.batch_tokens):
        part = tokens[at : at + context.batch_tokens]
        context.decode([Span(sequence, start + at, part, wants_logits=False)])


def require_slices(context: SequenceContext) -> None:
    """Raises: Invalid (``composition_unavailable``): states of this context mean something only as a whole."""
    if not context.codec.slices:
        raise Invalid(
            "Memories can only be composed where every layer attends to every token: this model's states are whole.",
            code="composition_unavailable",
        )
