"""GGUF files for tests: the header is real, the weights are a hole in the file, so any size takes no disk."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from adapters.embedded import gguf_path


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A model of the llama kind; weights are f16 and zero."""

    layers: int = 2
    width: int = 64
    heads: int = 4
    kv_heads: int | Sequence[int] = 2
    inner: int = 128
    vocabulary: int = 2048
    trained: int = 4096
    architecture: str = "llama"
    metadata: Mapping[str, Any] = field(default_factory=dict)  #: further keys; integers, texts, booleans
    weights: bool = True


def write_model(path: Path, shape: Shape | None = None, tensors_in_part: int = 0) -> Path:
    """Write a model that llama.cpp loads; it says the same nothing to everything. Return its first file."""
    shape = shape or Shape()
    writer = gguf.GGUFWriter(str(path), shape.architecture, split_max_tensors=tensors_in_part)
    _hyperparameters(writer, shape)
    _tokenizer(writer, shape)
    for key, value in shape.metadata.items():
        _add(writer, key, value)
    if shape.weights:
        _tensors(writer, shape)
    return _written(writer)


def write_header(path: Path, architecture: str, metadata: Mapping[str, Any], tensors: int = 1) -> Path:
    """Write a file with these keys and, for their number only, some small tensors."""
    writer = gguf.GGUFWriter(str(path), architecture)
    for key, value in metadata.items():
        _add(writer, key, value)
    for number in range(tensors):
        writer.add_tensor_info(f"t{number}", (32,), np.dtype(np.float32), 128)
    return _written(writer)


def _written(writer: gguf.GGUFWriter) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    parts, pad = [Path(file.name) for file in writer.fout], gguf.GGUFWriter.ggml_pad
    writer.close()
    for part, tensors in zip(parts, writer.tensors, strict=True):
        size = sum(pad(tensor.nbytes, writer.data_alignment) for tensor in tensors.values())
        with part.open("r+b") as file:
            file.truncate(pad(part.stat().st_size, writer.data_alignment) + size)
    return parts[0]


def _hyperparameters(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_context_length(shape.trained)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads if isinstance(shape.kv_heads, int) else list(shape.kv_heads))
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(shape.vocabulary)


def _tokenizer(writer: gguf.GGUFWriter, shape: Shape) -> None:
    """The embedded model's, with as many unused tokens as are asked for."""
    fields = gguf.GGUFReader(str(gguf_path())).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    unused = shape.vocabulary - len(tokens)
    assert unused >= 0
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*tokens, *(f"unused {number}" for number in range(unused))])
    writer.add_token_types([*types, *[5] * unused])
    writer.add_token_merges(fields["tokenizer.ggml.merges"].contents())
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)


def _tensors(writer: gguf.GGUFWriter, shape: Shape) -> None:
    def add(name: str, *dimensions: int, dtype: type = np.float16) -> None:
        size = math.prod(dimensions) * np.dtype(dtype).itemsize
        writer.add_tensor_info(f"{name}.weight", dimensions, np.dtype(dtype), size)

    head = shape.width // shape.heads
    add("token_embd", shape.vocabulary, shape.width)
    add("output_norm", shape.width, dtype=np.float32)
    for layer in range(shape.layers):
        kv_heads = shape.kv_heads if isinstance(shape.kv_heads, int) else shape.kv_heads[layer]
        block = f"blk.{layer}."
        add(f"{block}attn_norm", shape.width, dtype=np.float32)
        add(f"{block}ffn_norm", shape.width, dtype=np.float32)
        add(f"{block}attn_q", shape.width, shape.width)
        add(f"{block}attn_k", kv_heads * head, shape.width)
        add(f"{block}attn_v", kv_heads * head, shape.width)
        add(f"{block}attn_output", shape.width, shape.width)
        add(f"{block}ffn_gate", shape.inner, shape.width)
        add(f"{block}ffn_up", shape.inner, shape.width)
        add(f"{block}ffn_down", shape.width, shape.inner)


def _add(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, list(value))
