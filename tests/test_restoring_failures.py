"""Contexts of both engines whose memory gives out while states are restored hold nothing of them afterwards."""

import numpy as np
import pytest

from adapters.generation import Span
from adapters.transformers_folder import read_model_folder
from proxy.engine_hf import _plan
from tests.hf_models import HF_FOLDER, hf_options, needs_hf, open_context

TOKENS = np.random.default_rng(1).integers(10, 2000, 200).tolist()


@needs_hf
def test_a_restore_that_fails_half_way_leaves_the_sequence_empty():
    context = open_context()
    context.decode([Span(0, 0, TOKENS, True)])
    state = context.save(0)
    parts = [context.codec.rows(state, 0, 77), context.codec.rows(state, 77, 200)]
    free, copy_in = context._cells.free, context._arena.copy_in

    def fails_with_the_second(runs, blocks):
        if context._cells.length(1) > 77:
            raise RuntimeError("CUDA out of memory")
        copy_in(runs, blocks)

    context._arena.copy_in = fails_with_the_second
    with pytest.raises(RuntimeError, match="out of memory"):
        context.restore_parts(1, parts)
    assert (context._cells.length(1), context._cells.free) == (0, free)
    context._arena.copy_in = copy_in
    assert context.restore_parts(1, parts) == 200
    assert np.array_equal(context.save(1), state)
    context.close()


@needs_hf
def test_the_plan_of_a_folder_counts_the_memories_in_ram():
    folder = read_model_folder(HF_FOLDER)

    def reserved(**options) -> int:
        return _plan(hf_options(**options), folder, "float32", "cpu").compute_bytes

    without = reserved(parked_mb=1, activation_ram_mb=0)
    assert reserved(parked_mb=1, activation_ram_mb=3) == without + (3 << 20)
    assert reserved(parked_mb=0, activation_ram_mb=4) == without + (3 << 20)
