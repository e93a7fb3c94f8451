"""Models that repeat what they have read: answers show what was computed, at the price of a model of that size.

One attention layer looks a fixed number of tokens back and copies what stands there; everything else is computed at
its full cost and multiplied by nothing. So the token after a prompt is the one ``repeat`` places earlier, by whatever
way that came into the context, and a wrong state gives a wrong token. Made with numpy in seconds, the same weights as
a GGUF file and as a Hugging Face folder (Qwen2's architecture, the embedded model's tokenizer); nothing is downloaded.
"""

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
from engine_models import FILE_TYPES, add_tokenizer, quantise, vocabulary_of
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from adapters.embedded import gguf_path

HEAD_WIDTH, ROPE_BASE, EPSILON, CONTEXT_TOKENS = 64, 10_000.0, 1e-6, 16_384
LOOK = 12.25  #: strength of the copying layer's bias: the next best place is 20 nats behind
COPIED = 8.0  #: how much more the copied token counts than the latest


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A model of Qwen2's kind with heads of 64."""

    layers: int
    heads: int
    kv_heads: int
    inner: int
    vocabulary: int
    repeat: int = 500  #: the answer is what stands so many tokens back

    @property
    def width(self) -> int:
        return self.heads * HEAD_WIDTH

    @property
    def kv_width(self) -> int:
        return self.kv_heads * HEAD_WIDTH

    @property
    def parameters(self) -> int:
        layer = 2 * self.width * (self.width + self.kv_width) + 3 * self.width * self.inner
        return self.layers * layer + 2 * self.vocabulary * self.width

    @property
    def state_bytes_per_token(self) -> int:
        """What a token leaves in a KV cache of 16 bits."""
        return self.layers * self.kv_width * 2 * 2


SHAPES = {
    "tiny": Shape(layers=2, heads=4, kv_heads=2, inner=256, vocabulary=4096),
    "80m": Shape(layers=12, heads=12, kv_heads=2, inner=2048, vocabulary=4096),
    "0.5b": Shape(layers=24, heads=14, kv_heads=2, inner=4864, vocabulary=65_536),  # Qwen2.5-0.5B's
}

Weights = npt.NDArray[np.float16] | npt.NDArray[np.float32]


def embedded_state_bytes() -> int:
    """Return what a token leaves in the embedded model's KV cache of 16 bits."""
    fields = gguf.GGUFReader(gguf_path()).fields
    kind = fields["general.architecture"].contents()
    layers, heads = (fields[f"{kind}.{name}"].contents() for name in ("block_count", "attention.head_count_kv"))
    widths = [fields[f"{kind}.attention.{name}_length"].contents() for name in ("key", "value")]
    return layers * heads * sum(widths) * 2


def shape_of(size: str, repeat: int) -> Shape:
    return replace(SHAPES[size], repeat=repeat)


def gguf_model(folder: Path, shape: Shape, kind: str) -> Path:
    """Return a GGUF file of the model in one of FILE_TYPES, made if it is not there."""
    source = folder / f"repeats-{shape.parameters}-{shape.repeat}-f16.gguf"
    if not source.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_gguf(source, shape)
    if kind == "f16":
        return source
    target = source.with_name(source.name.replace("f16", kind))
    if not target.exists():
        quantise(source, target, kind)
    return target


def hf_model(folder: Path, shape: Shape) -> Path:
    """Return a Hugging Face folder of the same weights in f16, made if it is not there."""
    target = folder / f"repeats-{shape.parameters}-{shape.repeat}"
    if not target.exists():
        target.mkdir(parents=True)
        save_file({_hf_name(name): weights for name, weights in _weights(shape)}, target / "model.safetensors")
        _write_hf_config(target, shape)
        _write_hf_tokenizer(target, shape)
    return target


def single_words() -> dict[str, int]:
    """Return English words that are one token each behind a space, with their tokens."""
    tokenizer = Tokenizer.from_file(str(gguf_path().with_name("tokenizer.json")))
    words = [token[1:] for token in tokenizer.get_vocab() if re.fullmatch("Ġ[a-z]{3,}", token)]
    encoded = {word: tokenizer.encode(f" {word}").ids for word in sorted(words)}
    return {word: ids[0] for word, ids in encoded.items() if len(ids) == 1}


def _weights(shape: Shape) -> Iterator[tuple[str, Weights]]:
    """Return all tensors by their GGUF names, biases and norms in 32 bits."""
    wide, kv, inner = shape.width, shape.kv_width, shape.inner
    signs = _signs(shape.vocabulary, wide)
    yield "token_embd.weight", signs
    yield "output.weight", np.where(np.arange(wide) < kv, signs * np.float16(0.1), np.float16(0))
    yield "output_norm.weight", np.ones(wide, np.float32)
    for layer in range(shape.layers):
        copies, block = layer == 0, f"blk.{layer}."
        yield f"{block}attn_norm.weight", np.ones(wide, np.float32)
        yield f"{block}ffn_norm.weight", np.ones(wide, np.float32)
        for name, rows in (("attn_q", wide), ("attn_k", kv)):
            yield f"{block}{name}.weight", _nothing(rows, wide) if copies else _noise(block + name, rows, wide)
            looks_back = shape.repeat - 1 if name == "attn_k" else 0
            bias = np.tile(_place(looks_back), rows // HEAD_WIDTH) if copies else np.zeros(rows)
            yield f"{block}{name}.bias", bias.astype(np.float32)
        taken = np.eye(kv, wide, dtype=np.float16)
        yield f"{block}attn_v.weight", taken if copies else _noise(f"{block}attn_v", kv, wide)
        yield f"{block}attn_v.bias", np.zeros(kv, np.float32)
        yield f"{block}attn_output.weight", _brought_back(shape) if copies else _nothing(wide, wide)
        yield f"{block}ffn_gate.weight", _noise(f"{block}ffn_gate", inner, wide)
        yield f"{block}ffn_up.weight", _noise(f"{block}ffn_up", inner, wide)
        yield f"{block}ffn_down.weight", _nothing(wide, inner)


def _signs(tokens: int, width: int) -> npt.NDArray[np.float16]:
    """Return a random sign for each token and dimension: any two tokens differ in about half of them."""
    bits = np.random.default_rng(0).integers(0, 2, (tokens, width), dtype=np.int8)
    return (bits * 2 - 1).astype(np.float16)


def _noise(name: str, rows: int, columns: int) -> npt.NDArray[np.float16]:
    random = np.random.default_rng(zlib.crc32(name.encode()))
    return (random.standard_normal((rows, columns), dtype=np.float32) * 0.02).astype(np.float16)


def _nothing(rows: int, columns: int) -> npt.NDArray[np.float16]:
    return np.zeros((rows, columns), np.float16)


def _place(back: int) -> npt.NDArray[np.float64]:
    """Return what, as a key, meets the query of ``_place(0)`` best from ``back`` tokens later on (RoPE, NeoX order)."""
    angles = back * ROPE_BASE ** -(np.arange(0, HEAD_WIDTH, 2) / HEAD_WIDTH)
    return LOOK * np.concatenate([np.cos(angles), np.sin(angles)])


def _brought_back(shape: Shape) -> npt.NDArray[np.float16]:
    """Return the output projection that takes each KV head's values from the first query head that shares it."""
    matrix = _nothing(shape.width, shape.width)
    for kv_head in range(shape.kv_heads):
        to, source = kv_head * HEAD_WIDTH, kv_head * (shape.heads // shape.kv_heads) * HEAD_WIDTH
        matrix[to : to + HEAD_WIDTH, source : source + HEAD_WIDTH] = COPIED * np.eye(HEAD_WIDTH)
    return matrix


def _write_gguf(path: Path, shape: Shape) -> None:
    writer = gguf.GGUFWriter(str(path), "qwen2")
    writer.add_name(f"repeats {shape.repeat} back")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.inner)
    writer.add_block_count(shape.layers)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(FILE_TYPES["f16"])
    add_tokenizer(writer, shape.vocabulary)
    for name, weights in _weights(shape):
        writer.add_tensor(name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _hf_name(name: str) -> str:
    place, _, kind = name.rpartition(".")
    layer, _, part = place.rpartition(".")
    return f"{layer.replace('blk', 'model.layers')}.{_HF_PARTS[part]}.{kind}".lstrip(".")


_HF_PARTS = {
    "token_embd": "model.embed_tokens",
    "output": "lm_head",
    "output_norm": "model.norm",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    **{f"attn_{letter}": f"self_attn.{letter}_proj" for letter in "qkv"},
    "attn_output": "self_attn.o_proj",
    **{f"ffn_{part}": f"mlp.{part}_proj" for part in ("gate", "up", "down")},
}


def _write_hf_config(folder: Path, shape: Shape) -> None:
    config = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": shape.width,
        "intermediate_size": shape.inner,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": CONTEXT_TOKENS,
        "rope_theta": ROPE_BASE,
        "rms_norm_eps": EPSILON,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "use_sliding_window": False,
        "torch_dtype": "float16",
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1))


def _write_hf_tokenizer(folder: Path, shape: Shape) -> None:
    source = gguf_path().parent
    tokenizer = json.loads((source / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"] = {token: number for number, token in enumerate(vocabulary_of(shape.vocabulary)[0])}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    config = json.loads((source / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "model_max_length": CONTEXT_TOKENS}))
