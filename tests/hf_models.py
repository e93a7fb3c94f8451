"""Model folders for tests: the embedded model as one, and random ones of other architectures with its tokenizer."""

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest

from adapters.embedded import DEFAULT_TEMPERATURE, MODEL_ID, gguf_path
from adapters.transformers import load_binding, load_model
from adapters.transformers_context import ContextOptions
from adapters.transformers_folder import read_model_folder
from adapters.transformers_model import TransformersModel
from adapters.transformers_probe import new_context
from proxy.engine_options import EngineOptions

HF_FOLDER = gguf_path().parent
WINDOW = 16
needs_hf = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "transformers")), reason="the extra hf is needed"
)
_SIZES = {
    "vocab_size": 2048,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,  # so large that what is missing shows
    "bos_token_id": None,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "full": ("LlamaConfig", {}),
    "sliding": ("Gemma3TextConfig", {"head_dim": 16, "sliding_window": WINDOW, "num_hidden_layers": 6}),
    "recurrent": (
        "Qwen3_5TextConfig",
        {
            "head_dim": 16,
            "layer_types": [*["linear_attention"] * 3, "full_attention"],
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
            "linear_key_head_dim": 16,
            "linear_value_head_dim": 16,
        },
    ),
    "convolution": ("Lfm2Config", {"layer_types": ["conv", "full_attention"] * 2, "conv_L_cache": 3}),
    "stateless": ("MambaConfig", {"state_size": 8}),
}


def write_folder(path: Path, kind: str, **changes: Any) -> Path:
    """Write a random model of that kind."""
    binding = load_binding()
    name, own = CONFIGS[kind]
    config = getattr(binding.library, name)(**{**_SIZES, **own, **changes})
    binding.torch.manual_seed(0)
    binding.library.AutoModelForCausalLM.from_config(config).save_pretrained(path)
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(HF_FOLDER / file, path / file)
    return path


def folder_copy(path: Path) -> Path:
    """Copy the embedded model's folder."""
    path.mkdir()
    for file in HF_FOLDER.iterdir():
        if file.suffix in (".json", ".safetensors", ".jinja"):
            shutil.copy(file, path / file.name)
    return path


def open_folder(path: Path = HF_FOLDER) -> TransformersModel:
    return load_model(read_model_folder(path), dtype="float32", device="cpu", threads=1)


def open_context(path: Path = HF_FOLDER, **options: Any) -> Any:
    chosen = {"context_tokens": 4096, "max_sequences": 16, **options}
    return new_context(open_folder(path), ContextOptions(**chosen))


def hf_options(folder: Path = HF_FOLDER, **changes: Any) -> EngineOptions:
    chosen: dict[str, Any] = {
        "kind": "hf",
        "model_path": folder,
        "model_id": MODEL_ID,
        "context_tokens": 8192,
        "max_sequences": 8,
        "threads": 1,
        "default_temperature": DEFAULT_TEMPERATURE,
    }
    return EngineOptions(**{**chosen, **changes})
