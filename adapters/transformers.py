"""A model folder in, a model and contexts out: the door to torch and transformers.

The law: the only file that imports either, lazily.
"""

import importlib
import importlib.util
import logging
from functools import cache
from typing import Any, Final

from adapters.installing import install_command, pip_command
from adapters.transformers_folder import ModelFolder
from adapters.transformers_model import Binding, TransformersModel
from adapters.transformers_rows import ATTENTION, attend_rows
from adapters.transformers_state import NUMBER_BYTES
from memory.errors import EngineMissing, Invalid

logger = logging.getLogger(__name__)
PACKAGES: Final = ("torch", "transformers")
_QUICK_16_BITS: Final = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  #: torch.cpu: where bfloat16 is no loss


@cache
def load_binding() -> Binding:
    """Return the libraries, loaded once per process; takes seconds.

    Raises: EngineMissing (``transformers_missing``) when one is not installed or does not load.
    """
    try:
        torch: Any = importlib.import_module("torch")
        library: Any = importlib.import_module("transformers")
    except ModuleNotFoundError as error:
        raise _not_installed(str(error.name)) from error
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise EngineMissing(f"torch or transformers does not load: {error}", code="transformers_missing") from error
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    library.AttentionInterface.register(ATTENTION, attend_rows)
    return Binding(torch, library)


def require_packages() -> None:
    """Raises: EngineMissing (``transformers_missing``), without loading what is there."""
    for name in PACKAGES:
        if importlib.util.find_spec(name) is None:
            raise _not_installed(name)


def choose_device(wanted: str) -> str:
    """Return cpu or cuda for ``auto``. Raises: EngineMissing, Invalid: there is no GPU."""
    there = bool(load_binding().torch.cuda.is_available())
    if wanted == "auto":
        return "cuda" if there else "cpu"
    if wanted == "cuda" and not there:
        raise Invalid("engine.device is cuda, but torch finds no GPU here. Set it to cpu, or to auto.", param="device")
    return wanted


def choose_dtype(wanted: str, folder: ModelFolder, device: str) -> str:
    """Return what is computed in, by torch's name.

    For ``auto`` what the weights are in, but on a CPU that computes it slowly float32. Raises: EngineMissing.
    """
    if wanted != "auto":
        return wanted
    said = folder.dtype if folder.dtype in NUMBER_BYTES else "float32"
    if device != "cpu" or said == "float32":
        return said
    cpu = load_binding().torch.cpu
    quick = any(getattr(cpu, name, bool)() for name in _QUICK_16_BITS)
    return said if said == "bfloat16" and quick else "float32"


def _not_installed(package: str) -> EngineMissing:
    return EngineMissing(
        f"The package {package} is not installed, which a model folder needs: {install_command('hf')}. Where there is "
        f"no GPU, get the smaller build of torch first: {pip_command(['torch'])} --index-url "
        "https://download.pytorch.org/whl/cpu",
        code="transformers_missing",
    )


def free_gpu_bytes() -> int:
    """Return the free memory of the GPU. Raises: EngineMissing."""
    free, _ = load_binding().torch.cuda.mem_get_info()
    return int(free)


def load_model(folder: ModelFolder, *, dtype: str, device: str, threads: int) -> TransformersModel:
    """Return the model; ``threads`` is for the whole process. Raises: EngineMissing, Invalid."""
    binding = load_binding()
    binding.torch.set_num_threads(threads)
    return TransformersModel(binding, folder, dtype=dtype, device=device)
