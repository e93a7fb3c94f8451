"""Models for the engine's benchmark: the embedded one, a larger one of random numbers, and their quantised forms.

Random weights say nothing, at the price of weights that do. Made in a moment with numpy; nothing is downloaded.
"""

from pathlib import Path

import gguf
import numpy as np

from adapters.embedded import gguf_path
from adapters.llama_cpp import load_binding

FILE_TYPES = {"f16": 1, "q8_0": 7, "q4_0": 2}  # llama_ftype
WIDTH, INNER, LAYERS, HEADS, KV_HEADS, VOCABULARY = 512, 2048, 8, 8, 4, 4096


def model_file(folder: Path, name: str, kind: str) -> Path:
    """Return a GGUF file of the model, made if it is not there: "embedded" or "random", in one of FILE_TYPES."""
    source = gguf_path()
    if name == "random":
        source = folder / "random-f16.gguf"
        if not source.exists():
            write_random(source)
    if kind == "f16":
        return source
    target = folder / f"{name}-{kind}.gguf"
    if not target.exists():
        quantise(source, target, kind)
    return target


def quantise(source: Path, target: Path, kind: str) -> None:
    api = load_binding().api
    params = api.llama_model_quantize_default_params()
    params.ftype = FILE_TYPES[kind]
    if api.llama_model_quantize(str(source).encode(), str(target).encode(), params):
        raise SystemExit(f"{source} could not be quantised to {kind}.")


def vocabulary_of(size: int) -> tuple[list[str], list[int]]:
    """Return the embedded model's first tokens and their kinds, and fillers where it has fewer."""
    fields = gguf.GGUFReader(gguf_path()).fields
    tokens = list(fields["tokenizer.ggml.tokens"].contents())[:size]
    kinds = list(fields["tokenizer.ggml.token_type"].contents())[:size]
    missing = range(size - len(tokens))
    return [*tokens, *(f"filler{number}Ġ" for number in missing)], [*kinds, *(gguf.TokenType.NORMAL for _ in missing)]


def add_tokenizer(writer: gguf.GGUFWriter, size: int) -> None:
    """Write the embedded model's tokenizer and its chat template, with a vocabulary of that size."""
    fields = gguf.GGUFReader(gguf_path()).fields
    tokens, kinds = vocabulary_of(size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(fields["tokenizer.ggml.pre"].contents())
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(fields["tokenizer.ggml.merges"].contents())
    writer.add_eos_token_id(fields["tokenizer.ggml.eos_token_id"].contents())
    writer.add_add_bos_token(False)
    writer.add_chat_template(fields["tokenizer.chat_template"].contents())


def write_random(path: Path) -> None:
    """Write a Llama of 35 M parameters with the embedded model's tokenizer."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(VOCABULARY)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    add_tokenizer(writer, VOCABULARY)
    _add_weights(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_weights(writer: gguf.GGUFWriter) -> None:
    random = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> None:
        values = random.standard_normal(shape, dtype=np.float32) * 0.05
        writer.add_tensor(f"{name}.weight", values.astype(np.float16))

    kv_width = KV_HEADS * WIDTH // HEADS
    weights("token_embd", VOCABULARY, WIDTH)
    weights("output", VOCABULARY, WIDTH)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{block}.{norm}.weight", np.ones(WIDTH, np.float32))
        weights(f"{block}.attn_q", WIDTH, WIDTH)
        weights(f"{block}.attn_k", kv_width, WIDTH)
        weights(f"{block}.attn_v", kv_width, WIDTH)
        weights(f"{block}.attn_output", WIDTH, WIDTH)
        weights(f"{block}.ffn_gate", INNER, WIDTH)
        weights(f"{block}.ffn_up", INNER, WIDTH)
        weights(f"{block}.ffn_down", WIDTH, INNER)
