"""A trained model in, the files that ship out: safetensors for transformers, GGUF for llama.cpp.

Law: both files hold the same f16 numbers, and the tokenizer of both is the one file.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

from adapters.chat_template import CHATML
from adapters.embedded.training.network import Shape
from adapters.embedded.training.tokenizer import END, END_OF_TEXT

_END_OF_TEXT_ID, _END_ID = 0, 2
_OUTER_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm"}
_BLOCK_NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def export(run: Path, out: Path) -> None:
    """Write a run's model into a folder, as transformers loads it and as one GGUF file."""
    shape = Shape(**json.loads((run / "shape.json").read_text(encoding="utf-8")))
    weights = {name: weight.half().contiguous() for name, weight in torch.load(run / "reader.pt").items()}
    out.mkdir(parents=True, exist_ok=True)
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)
    for name, content in (
        ("config.json", _config(shape)),
        ("generation_config.json", {"eos_token_id": _END_ID, "pad_token_id": _END_OF_TEXT_ID, "do_sample": False}),
        ("tokenizer_config.json", _tokenizer_config(shape)),
    ):
        (out / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (out / "tokenizer.json").write_bytes((run / "tokenizer.json").read_bytes())
    (out / "chat_template.jinja").write_text(CHATML, encoding="utf-8")
    _write_gguf(out / "model.gguf", shape, weights, out / "tokenizer.json")


def _config(shape: Shape) -> dict[str, Any]:
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "max_position_embeddings": shape.context_tokens,
        "rope_theta": shape.rope_theta,
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": True,
        "attention_bias": False,
        "hidden_act": "silu",
        "bos_token_id": None,
        "eos_token_id": _END_ID,
        "pad_token_id": _END_OF_TEXT_ID,
        "torch_dtype": "float16",
        "use_sliding_window": False,
    }


def _tokenizer_config(shape: Shape) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": END_OF_TEXT,
        "clean_up_tokenization_spaces": False,
        "model_max_length": shape.context_tokens,
        "chat_template": CHATML,
    }


def _write_gguf(path: Path, shape: Shape, weights: dict[str, torch.Tensor], tokenizer_path: Path) -> None:
    writer = gguf.GGUFWriter(str(path), "qwen3")
    writer.add_name("memos-tiny: a demonstration model that reads its memories")
    writer.add_context_length(shape.context_tokens)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    _add_tokenizer(writer, shape, json.loads(tokenizer_path.read_text(encoding="utf-8")))
    for name, weight in weights.items():
        array = weight.float().numpy()
        writer.add_tensor(_gguf_name(name), array.astype(np.float32 if array.ndim == 1 else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter, shape: Shape, tokenizer: dict[str, Any]) -> None:
    tokens = [""] * shape.vocabulary
    types = [gguf.TokenType.NORMAL] * shape.vocabulary
    for token, index in tokenizer["model"]["vocab"].items():
        tokens[index] = token
    for added in tokenizer["added_tokens"]:
        tokens[added["id"]], types[added["id"]] = added["content"], gguf.TokenType.CONTROL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    merges = tokenizer["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_eos_token_id(_END_ID)
    writer.add_pad_token_id(_END_OF_TEXT_ID)
    writer.add_bos_token_id(_END_OF_TEXT_ID)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHATML)


def _gguf_name(name: str) -> str:
    stem = name.removesuffix(".weight")
    if stem in _OUTER_NAMES:
        return f"{_OUTER_NAMES[stem]}.weight"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{_BLOCK_NAMES[part]}.weight"


def main() -> None:
    """Export from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    export(given.run, given.out)


if __name__ == "__main__":
    main()
