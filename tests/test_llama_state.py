"""Saved states of real llama.cpp contexts: cut, put together, compressed and moved, they say what computing says."""

from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.embedded import gguf_path
from adapters.generation import CellsExhausted, Span
from adapters.llama_context import ContextOptions, LlamaContext
from adapters.llama_cpp import load_model, new_context
from adapters.llama_state import parse, to_values
from memory.errors import Invalid
from tests.test_adapters_llama_architectures import ModelWriter, write_recurrent, write_sliding_window

pytestmark = pytest.mark.engine

MEMORY = np.random.default_rng(1).integers(10, 2000, 200).tolist()
QUESTION = np.random.default_rng(2).integers(10, 2000, 21).tolist()
TOLERANCE = 0.05  #: logits; the order in which cells lie changes the order of a sum
DIVISIBLE = [("f16", "on"), ("f32", "on"), ("bf16", "on"), ("q8_0", "on"), ("f16", "auto")]


def write_attention(path: Path, architecture: str = "llama", *, prepare=lambda _model: None) -> Path:
    """A random model with full attention: pairs of a key's values lie side by side (llama) or apart (qwen2)."""
    model = ModelWriter(path, architecture, 64)
    w, inner, heads, kv_heads, layers = model.writer, 128, 2, 1, 3
    w.add_block_count(layers)
    w.add_feed_forward_length(inner)
    w.add_head_count(heads)
    w.add_head_count_kv(kv_heads)
    w.add_layer_norm_rms_eps(1e-6)
    w.add_rope_freq_base(10000.0)
    size = 64 // heads
    for layer in range(layers):
        block = f"blk.{layer}."
        model.ones(block + "attn_norm", 64)
        model.ones(block + "ffn_norm", 64)
        for name, rows in (("attn_q", 64), ("attn_k", kv_heads * size), ("attn_v", kv_heads * size)):
            model.noise(block + name, rows, 64)
            if architecture.startswith("qwen2"):
                model.noise(block + name, rows, suffix=".bias")
        model.noise(block + "attn_output", 64, 64)
        model.noise(block + "ffn_gate", inner, 64)
        model.noise(block + "ffn_up", inner, 64)
        model.noise(block + "ffn_down", 64, inner)
    prepare(model)
    return model.close()


def llama(path):
    return write_attention(path, "llama")


def qwen2(path):
    return write_attention(path, "qwen2")


def embedded(_path):
    return gguf_path()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def open_context(models):
    """Contexts over the model that ``write`` makes; all are closed in the end."""
    opened: list[LlamaContext] = []

    def open_one(write=embedded, *, once: bool = False, **options) -> LlamaContext:
        if once and opened:
            return opened[0]
        path = models / f"{write.__name__}.gguf"
        path = path if path.exists() else write(path)
        options = {"context_tokens": 1024, "max_sequences": 4, "batch_tokens": 256, **options}
        opened.append(new_context(load_model(path), ContextOptions(**options)))
        return opened[-1]

    yield open_one
    for context in opened:
        context.close()


def compute(context: LlamaContext, sequence: int, tokens: Sequence[int], start: int = 0) -> np.ndarray:
    """Return the logits after each token, shape (vocabulary,) of the last."""
    context.decode([Span(sequence, start, tokens, True)])
    return context.logits(0)


def saved(context: LlamaContext, sequence: int = 0, tokens: Sequence[int] = MEMORY) -> np.ndarray:
    """Compute tokens in an empty sequence and return their state."""
    compute(context, sequence, tokens)
    return context.save(sequence)


def cut(context: LlamaContext, state: np.ndarray, *lengths: int) -> list[np.ndarray]:
    ends = np.cumsum(lengths).tolist()
    return [context.codec.rows(state, end - length, end) for end, length in zip(ends, lengths, strict=True)]


# Parts, one behind the other


@pytest.mark.parametrize("write", [embedded, llama, qwen2])
@pytest.mark.parametrize(("kv_type", "flash"), DIVISIBLE)
def test_parts_restored_in_another_context_continue_bit_for_bit(open_context, write, kv_type, flash):
    """Other size, other sequence: the logits are those of the context that never stopped."""
    first = open_context(write, kv_type=kv_type, flash_attention=flash)
    state = saved(first)
    parts = cut(first, state, 120, 1, 79)
    plain = compute(first, 0, QUESTION, 200)
    other = open_context(write, kv_type=kv_type, flash_attention=flash, context_tokens=512, max_sequences=7)
    assert other.codec.slices
    assert other.restore_parts(5, parts) == 200
    assert np.array_equal(compute(other, 5, QUESTION, 200), plain)
    assert other.restore_parts(2, [state]) == 200
    assert np.array_equal(compute(other, 2, QUESTION, 200), plain)


def test_what_was_restored_is_saved_as_it_was(open_context):
    """Prefixes that are stored, restored, made longer and stored again stay the same bytes."""
    context = open_context()
    whole = saved(context)
    context.restore_parts(2, cut(context, whole, 50, 100, 50))
    assert np.array_equal(context.codec.rows(context.save(2), 0, 200), context.codec.rows(whole, 0, 200))


@pytest.mark.parametrize("kv_type", ["f16", "q8_0"])
def test_strangers_in_the_context_change_nothing(open_context, kv_type):
    first = open_context(kv_type=kv_type)
    state = saved(first)
    plain = compute(first, 0, QUESTION, 200)
    other = open_context(kv_type=kv_type)
    stranger = compute(other, 0, MEMORY[::-1])
    compute(other, 1, MEMORY[:77])
    other.restore_parts(2, cut(other, state, 100, 100))
    assert np.abs(compute(other, 2, QUESTION, 200) - plain).max() < TOLERANCE
    other.truncate(2, 0)
    again = compute(other, 3, MEMORY[::-1])
    assert np.abs(again - stranger).max() < TOLERANCE
    assert [other.length(sequence) for sequence in range(4)] == [200, 77, 0, 200]


def test_a_sequence_in_scattered_cells_is_cut_by_position(open_context):
    """Cells are used again wherever they are free: a state's rows are then not in the order of its tokens."""
    tidy = open_context()
    plain_state = saved(tidy)
    plain = compute(tidy, 0, QUESTION, 200)
    context = open_context()
    compute(context, 0, MEMORY[:40])
    compute(context, 1, MEMORY[:120])
    context.truncate(0, 0)
    context.truncate(1, 0)
    compute(context, 1, MEMORY[:90])
    compute(context, 2, MEMORY[:150])
    context.truncate(1, 0)
    compute(context, 2, MEMORY[150:], 150)
    state = context.save(2)
    positions = parse(state).positions
    assert (np.diff(positions) < 0).any(), "this is what the test is about"
    parts = cut(context, state, 60, 110, 30)
    assert np.abs(tidy.codec.parse(parts[0]).rows[0] - tidy.codec.parse(plain_state).rows[0][:60]).max() == 0
    context.truncate(2, 0)
    context.restore_parts(3, parts)
    assert np.abs(compute(context, 3, QUESTION, 200) - plain).max() < TOLERANCE
    context.restore_parts(0, [state])
    assert np.abs(compute(context, 0, QUESTION, 200) - plain).max() < TOLERANCE


def test_what_was_restored_can_be_cut_and_shared(open_context):
    context = open_context()
    whole = saved(context)
    branch = [*MEMORY[:110], *QUESTION]
    compute(context, 1, MEMORY[:110])
    plain = compute(context, 1, QUESTION, 110)
    context.restore_parts(2, cut(context, whole, 100, 100))
    context.fork(2, 3, 110)
    assert np.abs(compute(context, 3, branch[110:], 110) - plain).max() < TOLERANCE
    context.truncate(2, 110)
    assert np.abs(compute(context, 2, branch[110:], 110) - plain).max() < TOLERANCE


# Sequences


def test_as_many_sequences_as_are_asked_for_are_left_to_the_caller(open_context):
    context = open_context(max_sequences=3)
    assert context.max_sequences == 3
    state = saved(context)
    for sequence in range(3):
        context.truncate(sequence, 0)
        context.restore_parts(sequence, cut(context, state, 150, 50))
    assert [context.length(sequence) for sequence in range(4)] == [200, 200, 200, 0]
    context.decode([Span(sequence, 200, QUESTION, True) for sequence in range(3)])
    assert open_context(max_sequences=256).max_sequences == 255
    assert open_context(write_recurrent, max_sequences=5).max_sequences == 5
    assert open_context(write_sliding_window, max_sequences=256).max_sequences == 256


def test_looking_at_the_states_disturbs_nobody(open_context):
    context = open_context()
    compute(context, 0, MEMORY)
    untouched = open_context()
    compute(untouched, 0, MEMORY)
    assert context.codec.slices
    assert context.rope.base == 100000.0
    assert np.array_equal(compute(context, 0, QUESTION, 200), compute(untouched, 0, QUESTION, 200))
    assert [context.length(sequence) for sequence in range(5)] == [221, 0, 0, 0, 0]


def test_a_full_context_is_looked_at_later(open_context):
    context = open_context(context_tokens=256)
    compute(context, 0, (MEMORY * 2)[:256])
    with pytest.raises(CellsExhausted):
        _ = context.codec
    context.truncate(0, 100)
    assert context.codec.slices


# What is refused


def test_parts_that_do_not_follow_each_other_are_refused(open_context):
    context = open_context()
    stranger = compute(context, 3, MEMORY[::-1])
    one, two, three = cut(context, saved(context), 80, 80, 40)
    for parts in ([one, three], [two], [one, one], [two, one], [one, two[:-1]], [one[:500], two]):
        with pytest.raises(Invalid):
            context.restore_parts(1, parts)
        assert context.length(1) == context.length(4) == 0
    assert context.restore_parts(1, [one, two, three]) == 200
    compute(context, 2, MEMORY[::-1])
    context.truncate(3, 0)
    assert np.abs(compute(context, 3, MEMORY[::-1]) - stranger).max() < TOLERANCE


def test_a_part_too_many_for_the_cells_leaves_the_sequence_empty(open_context):
    large = open_context()
    parts = cut(large, saved(large), 100, 100)
    context = open_context(context_tokens=256)
    assert context.codec.slices
    compute(context, 0, MEMORY[:100])
    with pytest.raises(Invalid):
        context.restore_parts(1, parts)
    assert [context.length(sequence) for sequence in range(5)] == [100, 0, 0, 0, 0]
    context.truncate(0, 0)
    assert context.restore_parts(1, parts) == 200, "the cells are free again"


OTHERS = [
    (embedded, {"kv_type": "q8_0"}),
    (embedded, {"kv_type": "f32"}),
    (embedded, {"flash_attention": "off"}),
    (llama, {}),
    (write_sliding_window, {}),
    (write_recurrent, {}),
]


@pytest.mark.parametrize(("write", "options"), OTHERS)
def test_states_of_other_contexts_are_refused_both_ways(open_context, write, options):
    context, other = open_context(), open_context(write, **options)
    mine, foreign = saved(context), saved(other)
    for there, state in ((context, foreign), (other, mine)):
        with pytest.raises(Invalid):
            there.restore_parts(1, [state])
        assert there.length(1) == 0
    assert context.restore_parts(1, [mine]) == other.restore_parts(1, [foreign]) == 200


@pytest.mark.parametrize(("write", "options"), [(embedded, {}), *OTHERS])
def test_states_that_are_cut_short_are_refused_by_every_kind_of_context(open_context, write, options):
    context = open_context(write, **options)
    state = saved(context)
    for keep in (0, 3, 8, 15, 16, 20, 40, len(state) // 2, len(state) - 1):
        with pytest.raises(Invalid):
            context.restore_parts(1, [state[:keep]])
        assert context.length(1) == 0
    assert context.restore_parts(1, [state]) == 200


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 255)), min_size=1, max_size=3))
def test_a_damaged_state_is_refused_or_read_never_a_crash(open_context, damages):
    context = open_context(once=True)
    context.reset()
    state = saved(context, tokens=MEMORY[:20]).copy()
    for place, bits in damages:
        state[place] ^= bits
    try:
        assert context.restore_parts(1, [state]) == 20
    except Invalid:
        assert context.length(1) == 0
    assert context.length(0) == 20


# Contexts whose states stay whole


@pytest.mark.parametrize(
    ("write", "options"),
    [
        (embedded, {"kv_type": "f16", "flash_attention": "off"}),
        (embedded, {"kv_type": "f32", "flash_attention": "off"}),
        (write_sliding_window, {}),
        (write_recurrent, {}),
    ],
)
def test_where_states_cannot_be_cut_whole_ones_are_restored(open_context, write, options):
    first = open_context(write, **options)
    assert not first.codec.slices
    state = saved(first)
    plain = compute(first, 0, QUESTION, 200)
    other = open_context(write, context_tokens=512, max_sequences=3, **options)
    assert other.restore_parts(2, [state]) == 200
    assert np.array_equal(compute(other, 2, QUESTION, 200), plain)
    assert other.codec.to_int8(state) is None
    for refused in (
        lambda: other.codec.rows(state, 0, 100),
        lambda: other.restore_parts(1, [state, state]),
        lambda: other.rope,
    ):
        with pytest.raises(Invalid):
            refused()


def several_dimensions(path):
    return write_attention(path, "qwen2vl", prepare=lambda m: m.writer.add_rope_dimension_sections([8, 4, 4, 0]))


def test_a_model_whose_positions_have_several_dimensions_keeps_its_states_whole(open_context):
    """Its cells carry more than one position: not the layout that is known."""
    first = open_context(several_dimensions)
    assert not first.codec.slices
    state = saved(first)
    plain = compute(first, 0, QUESTION, 200)
    other = open_context(several_dimensions)
    assert other.restore_parts(1, [state]) == 200
    assert np.array_equal(compute(other, 1, QUESTION, 200), plain)
    with pytest.raises(Invalid):
        _ = first.rope


# Moved


@pytest.mark.parametrize("write", [embedded, llama, qwen2])
@pytest.mark.parametrize(("kv_type", "allowed"), [("f16", 1e-2), ("f32", 1e-2), ("bf16", 5e-2)])
@pytest.mark.parametrize("by", [1, 300])
def test_moved_keys_are_those_of_encoding_at_the_offset(open_context, write, kv_type, allowed, by):
    """Attention sees distances only, so the same tokens further on have the same keys, turned, in all layers."""
    context = open_context(write, kv_type=kv_type)
    here = saved(context, 0)
    compute(context, 1, MEMORY, by)
    there = context.codec.parse(context.save(1))
    moved = context.codec.parse(context.codec.shifted(here, by, context.rope))
    assert moved.positions.tolist() == there.positions.tolist() == list(range(by, by + 200))
    for kind, one, other in zip(there.layout.all, moved.rows, there.rows, strict=True):
        found, expected = to_values(one, kind), to_values(other, kind)
        assert np.abs(found - expected).max() < allowed * max(1.0, float(np.abs(expected).max()))


def test_a_moved_block_continues_like_one_encoded_there(open_context):
    context = open_context()
    first, block = MEMORY[:100], MEMORY[100:]
    head, alone = saved(context, 0, first), saved(context, 1, block)
    moved = context.codec.shifted(alone, 100, context.rope)
    assert context.restore_parts(2, [head, moved]) == 200
    composed = compute(context, 2, QUESTION, 200)
    assert context.restore_parts(3, [context.codec.joined([head, moved])]) == 200
    assert np.abs(compute(context, 3, QUESTION, 200) - composed).max() < TOLERANCE
    context.truncate(3, 0)
    context.restore(3, alone)
    with pytest.raises(Invalid):
        context.restore_parts(3, [head, alone])  # at the positions where it was encoded


def scaled(kind):
    def prepare(model):
        model.writer.add_rope_scaling_type(kind)
        model.writer.add_rope_scaling_factor(8.0)
        model.writer.add_rope_scaling_orig_ctx_len(128)

    def write(path):
        return write_attention(path, "llama", prepare=prepare)

    write.__name__ = kind.value
    return write


def with_factors(path):
    """As Llama 3.1: slow turns are slower by a factor for each pair, which stands in no metadata."""

    def prepare(model):
        model.writer.add_tensor("rope_freqs.weight", np.linspace(1, 8, 16).astype(np.float32))

    return write_attention(path, "llama", prepare=prepare)


@pytest.mark.parametrize("write", [scaled(gguf.RopeScalingType.YARN), with_factors])
def test_keys_that_are_not_plainly_turned_are_not_moved(open_context, write):
    context = open_context(write)
    assert context.codec.slices, "cutting does not turn anything"
    with pytest.raises(Invalid):
        _ = context.rope
    assert context.length(4) == 0


def test_evenly_scaled_positions_are_plain_turns(open_context):
    context = open_context(scaled(gguf.RopeScalingType.LINEAR))
    assert context.rope.scale == pytest.approx(1 / 8)


# In 8 bits


@pytest.mark.parametrize("kv_type", ["f16", "f32", "bf16"])
def test_a_state_in_8_bits_says_nearly_the_same(open_context, kv_type):
    context = open_context(kv_type=kv_type)
    state = saved(context)
    small = context.codec.to_int8(state)
    assert small.nbytes < state.nbytes * (0.3 if kv_type == "f32" else 0.55)
    plain = compute(context, 0, QUESTION, 200)
    context.restore_parts(1, [context.codec.from_int8(small)])
    near = compute(context, 1, QUESTION, 200)
    assert divergence(plain, near) < 1e-3
    assert divergence(plain, near) > 0


def test_quantized_states_have_no_8_bit_form(open_context):
    context = open_context(kv_type="q8_0")
    assert context.codec.to_int8(saved(context)) is None
    with pytest.raises(Invalid):
        _ = context.rope


def divergence(plain: np.ndarray, near: np.ndarray) -> float:
    """Kullback-Leibler divergence of the distributions after the last token, in nats."""
    p, q = (logits - np.logaddexp.reduce(logits.astype(np.float64)) for logits in (plain, near))
    return float((np.exp(p) * (p - q)).sum())


FACTS = [
    ("lives in Lisbon", "Where do I live?"),
    ("lives in Porto", "Where do I live?"),
    ("lives in Kyoto", "Where do I live?"),
    ("works as a nurse", "What is my job?"),
    ("works as a baker", "What do I do for a living?"),
    ("has a dog named Rex", "What is my dog called?"),
    ("has a cat named Luna", "What is my cat's name?"),
    ("is allergic to peanuts", "What am I allergic to?"),
    ("plays the violin", "Which instrument do I play?"),
    ("likes green tea", "What do I like to drink?"),
]


def test_answers_from_8_bits_are_nearly_always_the_same(open_context):
    """Twenty prompts: ten facts alone, and the same with all others beside them."""
    context = open_context()
    same = [
        greedy(context, known, question, exact=True) == greedy(context, known, question, exact=False)
        for fact, question in FACTS
        for known in ([fact], [other for other, _ in FACTS])
    ]
    assert sum(same) >= 18, f"only {sum(same)} of {len(same)} answers are the same"


def greedy(context: LlamaContext, facts: Sequence[str], question: str, *, exact: bool) -> list[int]:
    lines = "".join(f"\n- 2026-03-14: The user {fact}." for fact in facts)
    block = f"<|im_start|>system\nKnown about the user:{lines}<|im_end|>\n"
    memory = context.model.tokenize(block, parse_special=True)
    rest = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    context.reset()
    state = saved(context, 0, memory)
    if not exact:
        state = context.codec.from_int8(context.codec.to_int8(state))
    at = context.restore_parts(1, [state])
    tokens, answer = context.model.tokenize(rest, parse_special=True), []
    while len(answer) < 24 and not (answer and context.is_end(answer[-1])):
        answer.append(int(compute(context, 1, tokens, at).argmax()))
        at, tokens = at + len(tokens), answer[-1:]
    return answer


# What a state means


def test_the_fingerprint_tells_contexts_apart_whose_states_differ(open_context):
    plain = dict(open_context().fingerprint)
    assert plain["engine"] == "llama.cpp"
    assert plain["flash_attention"] == "on"
    assert dict(open_context(context_tokens=512, max_sequences=9, batch_tokens=64).fingerprint) == plain
    assert dict(open_context(flash_attention="auto").fingerprint) == plain, "what it does counts, not how it was asked"
    others = [
        open_context(kv_type="f32").fingerprint,
        open_context(flash_attention="off").fingerprint,
        open_context(llama).fingerprint,
        open_context(scaled(gguf.RopeScalingType.LINEAR)).fingerprint,
        open_context(scaled(gguf.RopeScalingType.YARN)).fingerprint,
        open_context(write_recurrent).fingerprint,
    ]
    distinct = {tuple(sorted(fingerprint.items())) for fingerprint in [plain, *others]}
    assert len(distinct) == 7


def test_a_part_that_fails_in_any_way_leaves_nothing_behind(open_context):
    """Not only one that is refused: neither the sequence nor the one that parts go through keeps a cell."""
    context = open_context()
    parts = cut(context, saved(context), 120, 80)
    used = context.length(context._scratch)
    fork = context.fork

    def fails(source, target, length):
        fork(source, target, length)
        raise MemoryError

    context.fork = fails
    with pytest.raises(MemoryError):
        context.restore_parts(5, parts)
    del context.fork
    assert (context.length(5), context.length(context._scratch), used) == (0, 0, 0)
    assert context.restore_parts(5, parts) == 200
