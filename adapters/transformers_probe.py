"""A loaded model in, the context that computes it exactly out, found out by computing a few tokens in several ways.

The law: what transformers computes for a prompt at once is what is right. A way that does not come to the same is not
used, and a model that no way is right for is refused.
"""

import logging
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from adapters.generation import SequenceContext, Span
from adapters.transformers_context import ContextOptions, RowContext
from adapters.transformers_dump import dump_cache, fill_cache, schema_of
from adapters.transformers_model import Logits, TransformersModel, last_logits, new_cache
from adapters.transformers_state import NUMBER_BYTES, LayerShape, RowLayout
from adapters.transformers_whole import WholeContext
from memory.errors import EngineDown, Invalid

logger = logging.getLogger(__name__)
_TOKENS: Final = 24
_CUT: Final = 16
#: how far logits may be from those that are right, as a share of how far they spread; rounding is well below
_NEAR: Final = {4: 1e-3, 2: 0.1}
_FULL: Final = "DynamicLayer"  #: transformers' class of a layer that keeps everything
_FAILURES: Final = (
    *(NotImplementedError, RuntimeError, TypeError, ValueError, AttributeError, KeyError, IndexError),
    *(AssertionError, EngineDown),
)


def new_context(model: TransformersModel, options: ContextOptions) -> SequenceContext:
    """Return a context, which owns the model from now on: closing it frees both.

    Raises: Invalid (``model_not_supported``): nothing here computes this model exactly.
    """
    tokens = [(7919 * place + 13) % max(1, _vocabulary(model)) for place in range(_TOKENS)]
    cache = new_cache(model)
    try:
        right = last_logits(model, cache, tokens)
    except _FAILURES as error:
        raise _refused(model, f"{type(error).__name__}: {error}") from error
    if not np.isfinite(right).all():
        raise _refused(model, f"it computes no finite numbers in {model.dtype} (engine.dtype float32 may help)")
    usual = model.network.config._attn_implementation  # it has no other name
    layout = _layout(model, cache)
    if layout is not None:
        context = _rows_context(model, options, layout, tokens, right)
        if context is not None:
            return context
        model.network.set_attn_implementation(usual)
    return _whole_context(model, options, tokens, right)


def _vocabulary(model: TransformersModel) -> int:
    return min(model.vocabulary.size, model.folder.vocabulary or model.vocabulary.size)


def _layout(model: TransformersModel, cache: Any) -> RowLayout | None:
    """Return what a token is in the cache; None where a layer keeps something else than a row for each token."""
    shapes = []
    for layer in cache.layers:
        if type(layer).__name__ != _FULL or layer.keys is None or str(layer.keys.dtype) != f"torch.{model.dtype}":
            return None
        (_, heads, tokens, key), (_, value_heads, _, value) = layer.keys.shape, layer.values.shape
        if tokens != _TOKENS or heads != value_heads:
            return None
        shapes.append(LayerShape(heads, key, value))
    return RowLayout(model.dtype, tuple(shapes))


def _rows_context(
    model: TransformersModel, options: ContextOptions, layout: RowLayout, tokens: Sequence[int], right: Logits
) -> RowContext | None:
    """Return the context if two sequences, computed side by side in chunks, both come to what is right."""
    try:
        context = RowContext(model, options, layout)
        context.decode([Span(0, 0, tokens[:_CUT], False), Span(1, 0, tokens[: _CUT // 2], False)])
        context.decode([Span(1, _CUT // 2, tokens[_CUT // 2 :], True), Span(0, _CUT, tokens[_CUT:-1], False)])
        context.decode([Span(0, _TOKENS - 1, tokens[-1:], True)])
        far = _distance(context.logits(0), right)
        context.reset()
    except _FAILURES as error:
        logger.info("%s cannot be computed row by row: %s", model.architecture, error)
        return None
    if not far <= _near(model):
        logger.info("%s computed row by row is %.3g off", model.architecture, far)
        return None
    return context


def _whole_context(
    model: TransformersModel, options: ContextOptions, tokens: Sequence[int], right: Logits
) -> WholeContext:
    """Return the context if a saved state goes on as it would have, and find out what its chunks may be."""
    torch = model.binding.torch
    begun, saved, singles = new_cache(model), new_cache(model), new_cache(model)
    try:
        last_logits(model, begun, tokens[:_CUT])
        schema = schema_of(begun)
        fill_cache(torch, saved, dump_cache(torch, begun, _CUT), model.device, schema)
        last_logits(model, singles, tokens[:_CUT])
        chunked, single, restored = (
            last_logits(model, begun, tokens[_CUT:]),
            [last_logits(model, singles, [token]) for token in tokens[_CUT:]],
            [last_logits(model, saved, [token]) for token in tokens[_CUT:]],
        )
    except (*_FAILURES, Invalid) as error:
        raise _refused(model, f"{type(error).__name__}: {error}") from error
    if not _distance(single[-1], right) <= _near(model):
        raise _refused(model, "computed token by token it comes to something else")
    if not np.array_equal(single, restored):
        raise _refused(model, "what is saved of it does not go on as it would have")
    return WholeContext(model, options, schema, reads_chunks=_distance(chunked, right) <= _near(model))


def _distance(found: Logits, right: Logits) -> float:
    spread = float(np.linalg.norm(right - right.mean()))
    return float(np.linalg.norm(found - right)) / max(spread, 1e-9)


def _near(model: TransformersModel) -> float:
    return _NEAR[NUMBER_BYTES[model.dtype]]


def _refused(model: TransformersModel, why: str) -> Invalid:
    return Invalid(
        f"{model.folder.path} ({model.architecture}) cannot be computed exactly by this engine: {why.rstrip('.')}. "
        "Serve it as a GGUF file with --model, or with another server by --upstream.",
        code="model_not_supported",
    )
