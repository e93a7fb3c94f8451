"""A folder in, what is in it as a Hugging Face model out: read without torch, before anything is loaded.

The law: weights come from safetensors files only, since a pickle is a program; code that a folder brings is never run.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from memory.errors import EngineMissing, Invalid

_WHOLE: Final = "model.safetensors"
_INDEX: Final = "model.safetensors.index.json"
_PICKLES: Final = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_MOST_HEADER_BYTES: Final = 100 << 20  #: safetensors' own limit


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """What the files of a model say."""

    path: Path
    config: Mapping[str, Any]
    generation: Mapping[str, Any]  #: generation_config.json; empty without one
    weights: tuple[Path, ...]
    parameters: int  #: numbers in the weights

    @property
    def files(self) -> list[Path]:
        """The files whose content decides what a computed state means."""
        return [*self.weights, self.path / "config.json", self.path / "tokenizer.json"]

    @property
    def decoder(self) -> Mapping[str, Any]:
        """The part of the configuration that is about text."""
        inner = self.config.get("text_config")
        return inner if isinstance(inner, Mapping) else self.config

    @property
    def dtype(self) -> str:
        """The number type of the weights, by the configuration; empty when it does not say."""
        said = self.config.get("dtype") or self.config.get("torch_dtype") or self.decoder.get("dtype")
        return said if isinstance(said, str) else ""

    @property
    def trained_tokens(self) -> int:
        """The context that the model was trained for; 0: not said."""
        return self._number("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")

    @property
    def vocabulary(self) -> int:
        """How many tokens the model knows."""
        return self._number("vocab_size")

    @property
    def width(self) -> int:
        """Numbers that stand for one token between two layers."""
        return self._number("hidden_size", "n_embd", "d_model")

    @property
    def kv_numbers(self) -> int:
        """Numbers of one token's keys and values over all layers, at most: some layers may keep less."""
        layers = self._number("num_hidden_layers", "n_layer", "n_layers", "num_layers")
        heads = self._number("num_attention_heads", "n_head", "n_heads") or 1
        if self._number("kv_lora_rank"):  # latent attention is kept written out
            key = self._number("qk_nope_head_dim") + self._number("qk_rope_head_dim")
            return layers * heads * (key + self._number("v_head_dim"))
        kv_heads = self._number("num_key_value_heads") or heads
        return layers * kv_heads * 2 * (self._number("head_dim") or self.width // heads)

    def _number(self, *names: str) -> int:
        for name in names:
            value = self.decoder.get(name)
            if isinstance(value, int) and not isinstance(value, bool):
                return value
        return 0


def read_model_folder(path: Path) -> ModelFolder:
    """Return what is in the folder.

    Raises: EngineMissing (``model_file_missing``): there is none. Invalid: what is there cannot be served.
    """
    if path.is_file():
        raise Invalid(f"{path} is a file, and a Hugging Face model is a folder. A GGUF file is served by --model.")
    if not path.is_dir():
        raise EngineMissing(f"There is no model folder at {path}.", code="model_file_missing")
    config = _json(path / "config.json", "it is no Hugging Face model folder")
    _check(config, path)
    if not (path / "tokenizer.json").is_file():
        raise Invalid(
            f"{path} has no tokenizer.json. Copy it there from where the model is from; other forms of tokenizers are "
            "not read.",
            code="tokenizer_missing",
        )
    weights = _weights(path)
    generation = path / "generation_config.json"
    return ModelFolder(
        path=path,
        config=config,
        generation=_json(generation, "") if generation.is_file() else {},
        weights=weights,
        parameters=sum(map(_parameters, weights)),
    )


def _check(config: Mapping[str, Any], path: Path) -> None:
    quantized = config.get("quantization_config")
    if quantized:
        method = quantized.get("quant_method", "") if isinstance(quantized, Mapping) else ""
        raise Invalid(
            f"The weights in {path} are quantized ({method or 'in a way that is not named'}), which is not supported. "
            "Take the unquantized model, or a quantized GGUF file with --model.",
            code="model_not_supported",
        )
    if config.get("is_encoder_decoder"):
        raise Invalid(f"{path} is not a decoder-only language model.", code="model_not_generative")


def _weights(path: Path) -> tuple[Path, ...]:
    if (path / _WHOLE).is_file():
        return (path / _WHOLE,)
    if (path / _INDEX).is_file():
        listed = _json(path / _INDEX, "").get("weight_map")
        names = sorted(set(listed.values())) if isinstance(listed, Mapping) else []
        missing = [name for name in names if not (path / str(name)).is_file()]
        if missing or not names:
            raise Invalid(
                f"{path} is not complete: {', '.join(map(str, missing)) or 'the files that its index names'} missing. "
                "Download it again.",
                code="model_not_loadable",
            )
        return tuple(path / str(name) for name in names)
    if any(next(path.glob(pattern), None) for pattern in _PICKLES):
        raise Invalid(
            f"The weights in {path} are pickled, and a pickle can run any program when it is read. Take the model in "
            "safetensors form: most have it, and https://huggingface.co/spaces/safetensors/convert makes it.",
            code="model_pickled",
        )
    raise Invalid(f"There are no weights in {path}: no {_WHOLE}, and no {_INDEX}.", code="model_not_loadable")


def _parameters(path: Path) -> int:
    """Return how many numbers a safetensors file holds; reads its header only."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _MOST_HEADER_BYTES:
                raise ValueError("header too long")
            header = json.loads(file.read(length))
        entries = [entry for name, entry in header.items() if name != "__metadata__"]
        end = max((entry["data_offsets"][1] for entry in entries), default=0)
        if path.stat().st_size != 8 + length + end:
            raise ValueError("another length than the header says")
        return sum(math.prod(entry["shape"]) for entry in entries)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(f"{path} is damaged: {error}. Download it again.", code="model_not_loadable") from error


def _json(path: Path, otherwise: str) -> Mapping[str, Any]:
    """Return the object in the file. Raises: Invalid."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Invalid(f"There is no {path.name} in {path.parent}: {otherwise}.", code="model_not_loadable") from None
    except (OSError, ValueError) as error:
        raise Invalid(f"{path} cannot be read: {error}", code="model_not_loadable") from error
    if not isinstance(value, dict):
        raise Invalid(f"{path} holds no object.", code="model_not_loadable")
    return value
