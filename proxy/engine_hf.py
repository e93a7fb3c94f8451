"""Engine options in, a Hugging Face folder's model in a context of transformers out."""

import logging

from adapters.generation import Sampling
from adapters.llama_memory import ContextPlan, free_memory
from adapters.transformers import choose_device, choose_dtype, free_gpu_bytes, load_model
from adapters.transformers_context import ContextOptions
from adapters.transformers_folder import ModelFolder, read_model_folder
from adapters.transformers_memory import FolderWish, plan_folder
from adapters.transformers_model import TransformersModel
from adapters.transformers_probe import new_context
from proxy.engine_loaded import LoadedModel, sampling_defaults, system_fingerprint
from proxy.engine_options import EngineOptions

logger = logging.getLogger(__name__)


def load_folder(options: EngineOptions) -> LoadedModel:
    """Return the model and its context. Raises: EngineMissing, Invalid."""
    folder = read_model_folder(options.model_path)
    device = choose_device(options.device)
    dtype = choose_dtype(options.dtype, folder, device)
    plan = _plan(options, folder, dtype, device)
    model = load_model(folder, dtype=dtype, device=device, threads=options.thread_count())
    context = new_context(
        model,
        ContextOptions(
            context_tokens=plan.cells, max_sequences=options.max_sequences, batch_tokens=options.batch_tokens
        ),
    )
    logger.info("%s: its states are %s", options.model_id, context.fingerprint["states"])
    return LoadedModel(
        model=model,
        context=context,
        request_tokens=min(options.max_context_tokens or model.context_length or plan.cells, plan.cells),
        defaults=_sampling_defaults(folder, options.default_temperature),
        fingerprint=_fingerprint(model, context.fingerprint),
        files=folder.files,
    )


def _plan(options: EngineOptions, folder: ModelFolder, dtype: str, device: str) -> ContextPlan:
    """Return the context that the folder and the free memory allow, and say it in the log. Raises: Invalid."""
    free_bytes, place = None, ""
    if options.check_memory and device == "cpu":
        free = free_memory()
        free_bytes, place = free.host_bytes, free.limited_by or "on this machine"
    elif options.check_memory:
        free_bytes, place = free_gpu_bytes(), "on the GPU"
    wish = FolderWish(
        cells=options.context_tokens,
        sequences=options.max_sequences,
        batch_tokens=options.batch_tokens,
        dtype=dtype,
        parked_bytes=(options.parked_mb + options.activation_ram_mb) << 20 if device == "cpu" else 0,
    )
    plan = plan_folder(folder, wish, free_bytes, place)
    logger.info(
        "%s: %s; computed in %s on %s, threads: %d, tokens in a batch: %d",
        options.model_id,
        plan.line,
        dtype,
        device,
        options.thread_count(),
        options.batch_tokens,
    )
    return plan


def _sampling_defaults(folder: ModelFolder, temperature: float | None) -> Sampling:
    said = folder.generation

    def recommended(key: str, otherwise: float) -> float:
        value = said.get(key)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else otherwise

    usual = 0.0 if said.get("do_sample") is False else 0.8
    return sampling_defaults(temperature, recommended, usual=usual, name="temperature")


def _fingerprint(model: TransformersModel, settings: object) -> str:
    sizes = [path.stat().st_size for path in model.folder.weights]
    return system_fingerprint(model.name, model.architecture, model.parameters, sizes, settings)
