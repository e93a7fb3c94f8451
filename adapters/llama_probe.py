"""A context in, what its saved states are and how its keys are turned out: measured with a few tokens of its own.

The law: what a measurement does not confirm is not offered. Both use one sequence that belongs to nobody, and leave it
empty.
"""

import logging
from typing import Final

import numpy as np

from adapters.generation import SequenceContext, Span
from adapters.llama_rope import Rope
from adapters.llama_state import BF16, LlamaStateCodec, SequenceState, pack, parse, to_values, values_transposed
from adapters.prefix_cache import State
from memory.errors import Invalid

logger = logging.getLogger(__name__)
_TOKENS: Final = (3, 5, 7, 11, 13, 2, 1)  #: any; every vocabulary has them
_NEAR: Final = (1, 97)  #: positions: what is wrong with fast turns shows here, with slow ones at the far end
_OFF: Final = 0.01  #: of the largest key: half precision rounds to a twentieth of this
_OFF_BF16: Final = 0.03


def probe_states(context: SequenceContext, sequence: int) -> tuple[LlamaStateCodec, bool | None]:
    """Return the codec that fits, and whether values are transposed (None: not known). Raises: CellsExhausted."""
    try:
        whole = _state_of(context, sequence, _TOKENS)
        transposed = values_transposed(whole)
        if transposed:
            return LlamaStateCodec(None), True
        return LlamaStateCodec(_confirmed(context, sequence, whole).layout), transposed
    except Invalid as error:
        logger.info("The states of this model are kept whole: %s", error)
        return LlamaStateCodec(None), None
    finally:
        context.truncate(sequence, 0)


def _confirmed(context: SequenceContext, sequence: int, whole: State) -> SequenceState:
    """Return the state taken apart when put together it is the same, and llama.cpp takes its parts for its own."""
    parsed = parse(whole)
    if parsed.positions.tolist() != list(range(len(_TOKENS))):
        raise Invalid("positions are not counted one by one")
    if not np.array_equal(pack(parsed, sequence=sequence), whole):
        raise Invalid("taken apart and put together again it is another")
    for start, stop in ((0, 3), (3, len(_TOKENS))):
        part = pack(parsed.tokens(start, stop), sequence=sequence)
        context.truncate(sequence, 0)
        context.restore(sequence, part)
        if not np.array_equal(context.save(sequence), part):
            raise Invalid("a part of it is not taken for what it is")
    return parsed


def probe_rope(context: SequenceContext, codec: LlamaStateCodec, sequence: int, rope: Rope) -> Rope:
    """Return ``rope`` when it is what the context does to keys, in every layer and up to its last position.

    A token that is alone attends to itself wherever it stands, so only the turn of its keys tells where.
    Raises: Invalid (``positions_fixed``), CellsExhausted.
    """
    try:
        here = _lone_state(context, codec, sequence, 0)
        for position in (*_NEAR, context.context_tokens - 1):
            there = codec.parse(_lone_state(context, codec, sequence, position))
            if not _agree(codec.parse(codec.shifted(here, position, rope)), there):
                raise Invalid(
                    "Keys of this model depend on their position in a way that is not known here.",
                    code="positions_fixed",
                )
    finally:
        context.truncate(sequence, 0)
    return rope


def _agree(computed: SequenceState, found: SequenceState) -> bool:
    for kind, one, other in zip(found.layout.all, computed.rows, found.rows, strict=True):
        expected, measured = to_values(one, kind), to_values(other, kind)
        allowed = (_OFF_BF16 if kind.kind == BF16 else _OFF) * np.abs(measured).max()
        if not (np.abs(expected - measured) <= allowed).all():
            return False
    return True


def _lone_state(context: SequenceContext, codec: LlamaStateCodec, sequence: int, position: int) -> State:
    state = _state_of(context, sequence, _TOKENS[:1], position)
    if codec.parse(state).positions.tolist() != [position]:
        raise Invalid("The positions of this model are not counted one by one.", code="positions_fixed")
    return state


def _state_of(context: SequenceContext, sequence: int, tokens: tuple[int, ...], start: int = 0) -> State:
    context.truncate(sequence, 0)
    for at in range(0, len(tokens), context.batch_tokens):
        part = tokens[at : at + context.batch_tokens]
        context.decode([Span(sequence, start + at, part, wants_logits=False)])
    return context.save(sequence)
