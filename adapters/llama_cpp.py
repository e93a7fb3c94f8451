"""A GGUF path in, a model and contexts out: the door to llama.cpp.

The law: the only file that imports ``llama_cpp``, lazily, and only its low-level functions.
"""

import ctypes
import importlib
import logging
from functools import cache
from pathlib import Path
from typing import Any, Final

from adapters.llama_context import ContextOptions, LlamaContext
from adapters.llama_model import Binding, LlamaModel
from memory.errors import EngineMissing

logger = logging.getLogger(__name__)
_ERROR: Final = 4  #: ggml's log level; the lines below it tell how a model is laid out


@cache
def load_binding() -> Binding:
    """Return the library, loaded once per process, its log going to ours.

    Raises: EngineMissing when it is not installed or does not run here.
    """
    try:
        api: Any = importlib.import_module("llama_cpp")
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineMissing(
            f"The llama.cpp binding cannot be loaded ({error}). Install it with: pip install 'memos-proxy[llama]'",
            code="engine_missing",
        ) from error
    binding = Binding(api)

    def log(level: int, text: bytes, _data: object) -> None:
        line = text.decode(errors="replace").strip()
        if line and level == _ERROR:
            binding.errors.append(line)  # for the message of what is raised next
        if line:
            logger.log(logging.INFO if level == _ERROR else logging.DEBUG, "%s", line)

    # The library calls this for as long as the process lives; so long lives the cached binding.
    binding.kept.append(api.llama_log_callback(log))
    api.llama_log_set(binding.kept[0], ctypes.c_void_p(0))
    api.llama_backend_init()
    return binding


def load_model(path: Path, *, gpu_layers: int = 0, use_mmap: bool = True) -> LlamaModel:
    """Return the model; ``gpu_layers`` -1 puts all layers on the GPU.

    Raises: EngineMissing (no binding, no such file), Invalid (not a language model in GGUF form).
    """
    return LlamaModel(load_binding(), path, gpu_layers=gpu_layers, use_mmap=use_mmap)


def new_context(model: LlamaModel, options: ContextOptions) -> LlamaContext:
    """Return a context, which owns the model from now on: closing it frees both. Raises: Invalid."""
    return LlamaContext(load_binding(), model, options)
