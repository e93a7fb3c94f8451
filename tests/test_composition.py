"""Memories computed apart and put behind each other: exact where that is said, at the right places everywhere."""

from collections.abc import Sequence
from pathlib import Path

import composition as benchmark
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.composition import MODES, Block, Method, Mode, compute_block, parse_mode
from adapters.embedded import gguf_path
from adapters.generation import CellsExhausted, Span
from adapters.llama_composition import LlamaComposer
from adapters.llama_context import ContextOptions
from adapters.llama_cpp import load_model, new_context
from adapters.llama_state import to_values
from adapters.transformers_composition import RowComposer
from adapters.transformers_state import read_state
from memory.errors import Invalid
from tests.hf_models import needs_hf, open_context, write_folder
from tests.test_adapters_llama_architectures import write_recurrent, write_sliding_window
from tests.test_llama_state import write_attention

RANDOM = np.random.default_rng(5)
PREFIX, QUESTION = RANDOM.integers(10, 2000, 11).tolist(), RANDOM.integers(10, 2000, 9).tolist()
TEXTS = [RANDOM.integers(10, 2000, length).tolist() for length in (20, 1, 33, 14)]
PROMPT = [*PREFIX, *(token for text in TEXTS for token in text)]
NAIVE = Mode(method=Method.NAIVE)
ANSWERING, WORKING = 0, 1
TOLERANCE = 0.05  #: logits; keys are rounded to half precision, and a sum's order depends on where the cells lie


class LlamaRig:
    """A context of llama.cpp with its composer; first-layer rows of a sequence as numbers."""

    def __init__(self, path: Path, **options) -> None:
        chosen = {"context_tokens": 512, "max_sequences": 3, "batch_tokens": 24, **options}
        self.context = new_context(load_model(path), ContextOptions(**chosen))
        self.composer = LlamaComposer(self.context)

    def rows(self, sequence: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        parsed = self.context.codec.parse(self.context.save(sequence))
        layers = len(parsed.layout.keys)
        keys, values = (to_values(parsed.rows[at], parsed.layout.all[at]) for at in (0, layers))
        return parsed.positions, keys, values


class RowRig:
    """A context of transformers with its composer."""

    def __init__(self, path: Path | None = None) -> None:
        places = {} if path is None else {"path": path}
        self.context = open_context(**places, context_tokens=512, batch_tokens=24)
        self.composer = RowComposer(self.context, WORKING)

    def rows(self, sequence: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        state = read_state(self.context.save(sequence))
        keys, values = (np.ascontiguousarray(block).view(np.float32) for block in state.blocks[:2])
        return np.arange(state.start, state.stop), keys.swapaxes(0, 1), values.swapaxes(0, 1)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("embedded", marks=pytest.mark.engine),
        pytest.param("llama", marks=pytest.mark.engine),
        pytest.param("qwen2", marks=pytest.mark.engine),
        pytest.param("transformers", marks=needs_hf),
        pytest.param("random transformers", marks=needs_hf),
    ],
)
def rig(request, tmp_path_factory):
    """Both engines, with the embedded model and with random ones of other shapes."""
    folder = tmp_path_factory.mktemp("model")
    if request.param == "embedded":
        made = LlamaRig(gguf_path())
    elif request.param in ("llama", "qwen2"):
        made = LlamaRig(write_attention(folder / "model.gguf", request.param))
    else:
        made = RowRig(write_folder(folder, "full") if request.param.startswith("random") else None)
    yield made
    made.context.close()


@pytest.fixture(autouse=True)
def empty(request):
    """Each test finds the shared context's sequences empty."""
    if "rig" in request.fixturenames:
        for sequence in (ANSWERING, WORKING):
            request.getfixturevalue("rig").context.truncate(sequence, 0)


def read(context, start: int, tokens: Sequence[int]) -> np.ndarray:
    """Return the logits after tokens that stand behind the first ``start``."""
    for at in range(0, len(tokens), context.batch_tokens):
        part = tokens[at : at + context.batch_tokens]
        context.decode([Span(ANSWERING, start + at, part, at + len(part) == len(tokens))])
    return context.logits(0)


def greedy(context, start: int, logits: np.ndarray, count: int = 12) -> list[int]:
    tokens: list[int] = []
    for at in range(count):
        tokens.append(int(logits.argmax()))
        logits = read(context, start + at, tokens[-1:])
    return tokens


def blocks_of(rig, *, alone: bool = False, order=(2, 0, 3, 1)) -> tuple[Block, list[Block]]:
    """The prefix and the blocks, computed in another order than they stand in."""
    prefix = compute_block(rig.context, WORKING, PREFIX)
    made = {at: compute_block(rig.context, WORKING, TEXTS[at], None if alone else prefix) for at in order}
    return prefix, [made[at] for at in range(len(TEXTS))]


def composed(rig, mode: Mode, count: int = len(TEXTS), *, alone: bool = False):
    prefix, blocks = blocks_of(rig, alone=alone)
    return rig.composer.compose(ANSWERING, prefix, blocks[:count], mode)


def plain(rig, tokens: Sequence[int] = PROMPT) -> np.ndarray:
    return read(rig.context, 0, [*tokens, *QUESTION])


# Modes


@pytest.mark.parametrize("text", ["exact", "shift", "relink:16", "relink:last", "blend:0.15", "blend:1"])
def test_a_mode_is_read_and_written_the_same(text):
    assert str(parse_mode(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "naive", "Shift", "shift:2", "exact:", "relink", "relink:", "relink:0", "relink:-4", "relink:few"),
        *("blend", "blend:0", "blend:1.5", "blend:nan", "blend:last"),
    ],
)
def test_what_is_no_mode_is_refused_with_the_modes(text):
    """Among them the baseline: keys at wrong places are measured, never offered."""
    with pytest.raises(Invalid, match="relink:N") as refused:
        parse_mode(text)
    assert MODES in str(refused.value)
    assert refused.value.code == "composition_unknown"


@given(st.lists(st.integers(1, 50), max_size=8), st.integers(1, 60))
def test_relink_computes_the_first_tokens_of_all_blocks_but_the_first(lengths, first):
    counts = Mode(method=Method.RELINK, first=first).repeated(lengths)
    assert counts == [0 if index == 0 else min(first, length) for index, length in enumerate(lengths)]
    last = Mode(method=Method.RELINK).repeated(lengths)
    assert last == [0] * (len(lengths) - 1) + [lengths[-1]] if len(lengths) > 1 else not any(last)


# Sequences


def test_exact_says_what_the_whole_prompt_says_token_by_token(rig):
    logits = plain(rig)
    said = greedy(rig.context, len(PROMPT) + len(QUESTION), logits)
    rig.context.truncate(ANSWERING, 0)
    made = composed(rig, parse_mode("exact"))
    assert (made.length, made.computed) == (len(PROMPT), len(PROMPT) - len(PREFIX))
    found = read(rig.context, made.length, QUESTION)
    assert np.abs(found - logits).max() < TOLERANCE
    assert greedy(rig.context, made.length + len(QUESTION), found) == said


@pytest.mark.parametrize("text", ["shift", "relink:4", "relink:last"])
def test_every_row_stands_at_its_place(rig, text):
    """The first layer's keys and values depend on the token and its place alone: they are the whole prompt's."""
    read(rig.context, 0, PROMPT)
    _, keys, values = rig.rows(ANSWERING)
    rig.context.truncate(ANSWERING, 0)
    made = composed(rig, parse_mode(text))
    positions, found_keys, found_values = rig.rows(ANSWERING)
    assert positions.tolist() == list(range(made.length)) == list(range(len(PROMPT)))
    assert np.abs(found_keys - keys).max() < 0.01 * np.abs(keys).max()
    assert np.abs(found_values - values).max() < 0.01 * np.abs(values).max()


def test_the_baseline_has_its_keys_at_wrong_places(rig):
    """Otherwise it would not be what it is compared as; the positions of the sequence are in order all the same."""
    read(rig.context, 0, PROMPT)
    _, keys, values = rig.rows(ANSWERING)
    rig.context.truncate(ANSWERING, 0)
    composed(rig, NAIVE, alone=True)
    positions, found_keys, found_values = rig.rows(ANSWERING)
    assert positions.tolist() == list(range(len(PROMPT)))
    assert np.abs(found_keys - keys)[: len(PREFIX)].max() < 0.01 * np.abs(keys).max()
    assert np.abs(found_keys - keys)[len(PREFIX) :].max() > 0.1 * np.abs(keys).max()
    assert np.abs(found_values - values).max() < 0.01 * np.abs(values).max()


@pytest.mark.parametrize(("text", "count"), [("shift", 1), ("relink:last", 1), ("relink:last", 2), ("relink:33", 4)])
def test_what_has_seen_everything_before_it_is_exact(rig, text, count):
    """The first block behind its prefix; the last of two when it is computed again; all when all of them are."""
    tokens = [*PREFIX, *(token for one in TEXTS[:count] for token in one)]
    logits = plain(rig, tokens)
    rig.context.truncate(ANSWERING, 0)
    made = composed(rig, parse_mode(text), count)
    assert made.length == len(tokens)
    assert made.computed == sum(map(len, TEXTS[1:count]))
    assert np.abs(read(rig.context, made.length, QUESTION) - logits).max() < TOLERANCE


def test_shift_alone_is_an_approximation(rig):
    """What the tests above find equal could be told apart."""
    logits = plain(rig)
    rig.context.truncate(ANSWERING, 0)
    made = composed(rig, parse_mode("shift"))
    assert made.computed == 0
    assert np.abs(read(rig.context, made.length, QUESTION) - logits).max() > 2 * TOLERANCE


def test_blocks_serve_in_any_order_and_stay_as_they_are(rig):
    prefix, blocks = blocks_of(rig)
    before = [block.state.copy() for block in blocks]
    for order in ([3, 1, 0], [0, 1, 2, 3], [2]):
        chosen = [blocks[at] for at in order]
        made = rig.composer.compose(ANSWERING, prefix, chosen, parse_mode("relink:4"))
        positions, _, _ = rig.rows(ANSWERING)
        assert positions.tolist() == list(range(len(PREFIX) + sum(len(TEXTS[at]) for at in order)))
        assert made.computed == sum(min(4, len(TEXTS[at])) for at in order[1:])
        rig.context.truncate(ANSWERING, 0)
    for block, state in zip(blocks, before, strict=True):
        np.testing.assert_array_equal(block.state, state)


def test_no_blocks_are_the_prefix_alone(rig):
    for text in ("exact", "shift", "relink:4"):
        made = rig.composer.compose(ANSWERING, compute_block(rig.context, WORKING, PREFIX), [], parse_mode(text))
        assert (made.length, made.computed) == (len(PREFIX), 0)
        rig.context.truncate(ANSWERING, 0)


def test_a_block_without_tokens_is_refused(rig):
    with pytest.raises(Invalid) as refused:
        compute_block(rig.context, WORKING, [])
    assert refused.value.code == "composition_empty"


# llama.cpp


@pytest.fixture
def opened():
    made = []
    yield made
    for each in made:
        each.context.close()


@pytest.mark.engine
@pytest.mark.parametrize("text", ["exact", "shift", "relink:4"])
def test_without_room_the_sequence_stays_empty(opened, text):
    opened.append(LlamaRig(gguf_path(), context_tokens=256))
    rig = opened[0]
    prefix, blocks = blocks_of(rig)
    with pytest.raises((CellsExhausted, Invalid)):
        rig.composer.compose(ANSWERING, prefix, blocks * 5, parse_mode(text))
    assert rig.context.length(ANSWERING) == 0
    assert rig.composer.compose(ANSWERING, prefix, blocks, parse_mode(text)).length == len(PROMPT)


@pytest.mark.engine
def test_llama_cpp_computes_no_scattered_tokens(opened):
    opened.append(LlamaRig(gguf_path()))
    prefix, blocks = blocks_of(opened[0])
    with pytest.raises(Invalid, match="relink") as refused:
        opened[0].composer.compose(ANSWERING, prefix, blocks, parse_mode("blend:0.2"))
    assert refused.value.code == "composition_unavailable"


@pytest.mark.engine
@pytest.mark.parametrize("write", [write_sliding_window, write_recurrent])
def test_windows_and_recurrent_layers_are_not_composed(write, tmp_path):
    context = new_context(load_model(write(tmp_path / "model.gguf")), ContextOptions(context_tokens=256))
    try:
        with pytest.raises(Invalid) as refused:
            LlamaComposer(context)
        assert refused.value.code == "composition_unavailable"
        with pytest.raises(Invalid):
            compute_block(context, WORKING, PREFIX)
    finally:
        context.close()


# transformers


@needs_hf
def test_blend_computes_its_share_and_with_all_of_them_is_exact(opened):
    opened.append(RowRig())
    rig = opened[0]
    prefix, blocks = blocks_of(rig)
    logits = plain(rig)
    inexact = sum(map(len, TEXTS[1:]))
    off = {}
    for text, count in (("blend:0.1", 5), ("blend:0.5", 24), ("blend:1", inexact)):
        rig.context.truncate(ANSWERING, 0)
        made = rig.composer.compose(ANSWERING, prefix, blocks, parse_mode(text))
        assert (made.computed, made.measured) == (count, inexact)
        off[text] = np.abs(read(rig.context, made.length, QUESTION) - logits).max()
    assert off["blend:1"] < TOLERANCE < off["blend:0.1"]


def rope(kind: str) -> dict[str, float | str]:
    return {"rope_type": kind, "factor": 4.0, "rope_theta": 10000.0, "original_max_position_embeddings": 128}


@needs_hf
def test_keys_that_are_not_plainly_turned_are_left_alone(tmp_path):
    """YaRN stretches keys as well as turning them; positions that only count slower are no obstacle."""
    slower, stretched = (
        open_context(write_folder(tmp_path / kind, "full", rope_parameters=rope(kind)), context_tokens=512)
        for kind in ("linear", "yarn")
    )
    RowComposer(slower, WORKING)
    with pytest.raises(Invalid) as refused:
        RowComposer(stretched, WORKING)
    assert refused.value.code == "positions_fixed"
    slower.close()
    stretched.close()


@needs_hf
@pytest.mark.engine
def test_both_engines_mean_the_same_by_relink(opened):
    """One places blocks one by one, the other computes scattered tokens in one pass."""
    opened += [LlamaRig(gguf_path()), RowRig()]
    found = []
    for rig in opened:
        made = composed(rig, parse_mode("relink:4"))
        found.append(read(rig.context, made.length, QUESTION))
    assert np.abs(found[0] - found[1]).max() < 2 * TOLERANCE


# The benchmark


@pytest.mark.engine
@needs_hf
def test_the_benchmark_finds_exact_equal_and_reports_every_way(tmp_path):
    out = tmp_path / "composition.md"
    benchmark.main(
        ["--count", "1", "--cells", "5 memories", "--modes", "exact,naive,shift,relink:4", "--out", str(out)]
    )
    text = out.read_text(encoding="utf-8")
    tables = [line.split(" | ") for line in text.splitlines() if line.startswith(("| exact", "| naive", "| relink:4"))]
    assert [row[0] for row in tables] == ["| exact", "| naive", "| relink:4"] * 2
    for row in tables[0::3]:
        assert row[1] == "100.0 %"
        assert float(row[5]) < 1e-4
    assert all(row[7] == "0.0 %" for row in tables[1::3])
