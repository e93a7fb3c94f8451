"""Architectures that cannot be cut anywhere: random models written here show that what is reused is exact."""

import queue
from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np
import pytest

from adapters.embedded import gguf_path
from adapters.engine import Engine
from adapters.generation import Event, Finished, GenerationRequest, Sampling, Span
from adapters.llama_context import ContextOptions, LlamaContext
from adapters.llama_cpp import load_model, new_context

pytestmark = pytest.mark.engine

WINDOW = 32
TOLERANCE = 0.05  #: logits; flash attention rounds by the shape of the batch, a lost window is off by a multiple of it
TOKENS = np.random.default_rng(1).integers(10, 2000, 600).tolist()


class ModelWriter:
    """Writes a GGUF with random weights and the embedded model's vocabulary."""

    def __init__(self, path: Path, architecture: str, width: int) -> None:
        self.path, self.width = path, width
        self.writer = gguf.GGUFWriter(str(path), architecture)
        self.random = np.random.default_rng(0)
        fields = gguf.GGUFReader(str(gguf_path())).fields
        tokens = fields["tokenizer.ggml.tokens"].contents()
        self.writer.add_tokenizer_model("gpt2")
        self.writer.add_tokenizer_pre("gpt-2")
        self.writer.add_token_list(tokens)
        self.writer.add_token_types(fields["tokenizer.ggml.token_type"].contents())
        self.writer.add_token_merges(fields["tokenizer.ggml.merges"].contents())
        self.writer.add_eos_token_id(2)
        self.writer.add_add_bos_token(False)
        self.writer.add_context_length(4096)
        self.writer.add_embedding_length(width)
        self.writer.add_vocab_size(len(tokens))
        self.writer.add_file_type(0)
        self.noise("token_embd", len(tokens), width)
        self.ones("output_norm", width)

    def noise(self, name: str, *shape: int, suffix: str = ".weight") -> None:
        values = self.random.standard_normal(shape) * 0.1
        self.writer.add_tensor(name + suffix, values.astype(np.float32))

    def ones(self, name: str, *shape: int, suffix: str = ".weight", sign: float = 1.0) -> None:
        self.writer.add_tensor(name + suffix, np.full(shape, sign, np.float32))

    def close(self) -> Path:
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_tensors_to_file()
        self.writer.close()
        return self.path


def write_sliding_window(path: Path) -> Path:
    model = ModelWriter(path, "gemma3", 64)
    layers, heads, size, inner = 6, 2, 32, 128
    w = model.writer
    w.add_block_count(layers)
    w.add_feed_forward_length(inner)
    w.add_head_count(heads)
    w.add_head_count_kv(1)
    w.add_key_length(size)
    w.add_value_length(size)
    w.add_layer_norm_rms_eps(1e-6)
    w.add_rope_freq_base(10000.0)
    w.add_sliding_window(WINDOW)
    for layer in range(layers):
        block = f"blk.{layer}."
        for name in ("attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm"):
            model.ones(block + name, 64)
        for name in ("attn_q_norm", "attn_k_norm"):
            model.ones(block + name, size)
        model.noise(block + "attn_q", heads * size, 64)
        model.noise(block + "attn_k", size, 64)
        model.noise(block + "attn_v", size, 64)
        model.noise(block + "attn_output", 64, heads * size)
        model.noise(block + "ffn_gate", inner, 64)
        model.noise(block + "ffn_up", inner, 64)
        model.noise(block + "ffn_down", 64, inner)
    return model.close()


def write_recurrent(path: Path) -> Path:
    model = ModelWriter(path, "mamba", 64)
    layers, inner, kernel, state, rank = 3, 128, 4, 16, 4
    w = model.writer
    w.add_block_count(layers)
    w.add_feed_forward_length(0)
    w.add_head_count(0)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_ssm_conv_kernel(kernel)
    w.add_ssm_inner_size(inner)
    w.add_ssm_state_size(state)
    w.add_ssm_time_step_rank(rank)
    for layer in range(layers):
        block = f"blk.{layer}."
        model.ones(block + "attn_norm", 64)
        model.noise(block + "ssm_in", 2 * inner, 64)
        model.noise(block + "ssm_conv1d", inner, kernel)
        model.noise(block + "ssm_conv1d", inner, suffix=".bias")
        model.noise(block + "ssm_x", rank + 2 * state, inner)
        model.noise(block + "ssm_dt", inner, rank)
        model.noise(block + "ssm_dt", inner, suffix=".bias")
        model.ones(block + "ssm_a", inner, state, suffix="", sign=-1.0)
        model.ones(block + "ssm_d", inner, suffix="")
        model.noise(block + "ssm_out", 64, inner)
    return model.close()


@pytest.fixture(params=[write_sliding_window, write_recurrent], ids=["sliding_window", "recurrent"])
def context(request, tmp_path):
    path = request.param(tmp_path / "model.gguf")
    context = new_context(load_model(path), ContextOptions(context_tokens=4096, max_sequences=8, batch_tokens=256))
    yield context
    context.close()


def compute(context: LlamaContext, sequence: int, tokens: Sequence[int], start: int = 0) -> np.ndarray:
    for at in range(0, len(tokens), 256):
        context.decode([Span(sequence, start + at, tokens[at : at + 256], True)])
    return context.logits(0)


@pytest.mark.parametrize("cut", [600, 590, 500, 300, 20])
def test_what_branches_off_gives_the_logits_of_computing_it_anew(context, cut):
    compute(context, 0, TOKENS)
    compute(context, 1, TOKENS[::-1])  # somebody else, whose cells lie between
    point = context.branch_point(0, cut)
    assert point in ((0, cut) if context.model.is_recurrent else (cut,))
    assert point == cut or cut < 600, "a whole sequence can always be continued"
    if not point:
        return
    context.fork(0, 2, point)
    rest = [*TOKENS[point:], 50, 51]
    branched = compute(context, 2, rest, point)
    anew = compute(context, 3, [*TOKENS, 50, 51])
    assert np.abs(branched - anew).max() < TOLERANCE


def test_a_restored_state_is_continued_at_its_end_and_cut_nowhere_else(context):
    compute(context, 0, TOKENS)
    context.restore(4, context.save(0))
    assert context.length(4) == 600
    assert context.branch_point(4, 600) == 600
    assert context.branch_point(4, 500) == 0, "a saved state holds only the window, or the last state"
    plain, restored = compute(context, 0, [50, 51], 600), compute(context, 4, [50, 51], 600)
    assert np.array_equal(plain, restored)


def test_the_engine_reuses_only_what_is_exact(context):
    engine = Engine(lambda: context)
    engine.start().result(timeout=60)

    def ask(prompt: list[int], salt: str) -> Finished:
        events: queue.Queue[Event] = queue.Queue()
        greedy = Sampling(temperature=0, logit_bias={2: -100.0})
        engine.submit(
            GenerationRequest(prompt=prompt, max_tokens=4, on_event=events.put, sampling=greedy, cache_salt=salt)
        )
        while not isinstance(event := events.get(timeout=60), Finished):
            pass
        return event

    try:
        first = ask(TOKENS[:100], "a")
        again = ask(TOKENS[:100], "a")
        longer = ask(TOKENS[:40], "a")
        assert first.usage.cached_tokens == 0
        reused = (again.usage.cached_tokens, longer.usage.cached_tokens)
        assert reused == ((0, 0) if context.model.is_recurrent else (99, 39))
    finally:
        engine.close()
    assert engine.failure is None
