"""A GGUF path in, a model and contexts out: the door to llama.cpp.

The law: the only file that imports ``llama_cpp``, lazily, and only its low-level functions.
"""

import ctypes
import importlib
import logging
from functools import cache
from pathlib import Path
from typing import Any, Final

from adapters.llama_build import VERSION
from adapters.llama_context import ContextOptions, LlamaContext
from adapters.llama_model import Binding, LlamaModel
from memory.errors import EngineMissing

logger = logging.getLogger(__name__)
_ERROR: Final = 4  #: ggml's log level; the lines below it tell how a model is laid out
_GPUS: Final = (1, 2)  #: ggml's device types with memory for layers: discrete and integrated


@cache
def load_binding() -> Binding:
    """Return the library, loaded once per process, its log going to ours.

    Raises: EngineMissing (``engine_missing``) when it is not installed, does not load or has another version.
    """
    binding = Binding(_imported())
    api = binding.api

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


def _imported() -> Any:
    try:
        api: Any = importlib.import_module("llama_cpp")
    except ModuleNotFoundError as error:
        raise EngineMissing(f"The package {error.name} is not installed.", code="engine_missing") from error
    except (ImportError, OSError, RuntimeError, AttributeError) as error:  # the last: a function that is not in there
        raise EngineMissing(f"llama.cpp's library does not load: {error}", code="engine_missing") from error
    found = getattr(api, "__version__", "unknown")
    if found != VERSION:
        raise EngineMissing(f"llama-cpp-python {found} is installed, and {VERSION} is needed.", code="engine_missing")
    return api


def free_gpu_bytes() -> int | None:
    """Return the free memory of all GPUs together; None when the library cannot use one. Raises: EngineMissing."""
    if not load_binding().api.llama_supports_gpu_offload():
        return None
    return sum(free for kind, free in _devices() if kind in _GPUS)


def _devices() -> list[tuple[int, int]]:
    """Return type and free bytes of every device that ggml computes on."""
    library = importlib.import_module("llama_cpp._ggml").libggml
    library.ggml_backend_dev_count.restype = ctypes.c_size_t
    library.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    library.ggml_backend_dev_get.restype = ctypes.c_void_p
    library.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    library.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, *[ctypes.POINTER(ctypes.c_size_t)] * 2]
    found = []
    for index in range(library.ggml_backend_dev_count()):
        device = library.ggml_backend_dev_get(index)
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        library.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
        found.append((int(library.ggml_backend_dev_type(device)), free.value))
    return found


def load_model(path: Path, *, gpu_layers: int = 0, use_mmap: bool = True) -> LlamaModel:
    """Return the model; ``gpu_layers`` -1 puts all layers on the GPU.

    Raises: EngineMissing (no binding, no such file), Invalid (not a language model in GGUF form).
    """
    return LlamaModel(load_binding(), path, gpu_layers=gpu_layers, use_mmap=use_mmap)


def new_context(model: LlamaModel, options: ContextOptions) -> LlamaContext:
    """Return a context, which owns the model from now on: closing it frees both. Raises: Invalid."""
    return LlamaContext(load_binding(), model, options)
