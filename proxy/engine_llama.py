"""Engine options in, a GGUF file's model in a context of llama.cpp out."""

import logging
from dataclasses import replace

from adapters.generation import Sampling
from adapters.gguf_header import read_language_model
from adapters.llama_context import ContextOptions
from adapters.llama_cpp import free_gpu_bytes, load_model, new_context
from adapters.llama_memory import ContextPlan, ContextWish, free_memory, plan_context
from adapters.llama_model import LlamaModel
from proxy.engine_loaded import LoadedModel, sampling_defaults, system_fingerprint
from proxy.engine_options import EngineOptions

logger = logging.getLogger(__name__)


def load_gguf(options: EngineOptions) -> LoadedModel:
    """Return the model and its context. Raises: EngineMissing, Invalid."""
    plan = _plan(options)
    model = load_model(options.model_path, gpu_layers=options.gpu_layers)
    context = new_context(
        model,
        ContextOptions(
            context_tokens=plan.cells,
            max_sequences=options.max_sequences,
            batch_tokens=options.batch_tokens,
            threads=options.thread_count(),
            kv_type=options.kv_type,
            flash_attention=options.flash(),
        ),
    )
    return LoadedModel(
        model=model,
        context=context,
        request_tokens=options.max_context_tokens or model.context_length or plan.cells,
        defaults=_sampling_defaults(model, options.default_temperature),
        fingerprint=_fingerprint(model, options),
        files=[options.model_path],
    )


def _plan(options: EngineOptions) -> ContextPlan:
    """Return the context that the file and the free memory allow, and say it in the log. Raises: Invalid."""
    header = read_language_model(options.model_path)
    gpu_bytes = free_gpu_bytes()
    gpu_layers = options.gpu_layers if gpu_bytes is not None else 0
    wish = ContextWish(
        cells=options.context_tokens,
        sequences=options.max_sequences,
        batch_tokens=options.batch_tokens,
        kv_type=options.kv_type,
        flash_attention=options.flash_attention,
        gpu_layers=gpu_layers,
        parked_bytes=(options.parked_mb + options.activation_ram_mb) << 20,
    )
    plan = plan_context(header, wish, replace(free_memory(), gpu_bytes=gpu_bytes) if options.check_memory else None)
    layers = "all" if gpu_layers < 0 else str(gpu_layers)
    logger.info(
        "%s: %s; threads: %d, tokens in a batch: %d, KV as %s, layers on a GPU: %s",
        options.model_id,
        plan.line,
        options.thread_count(),
        options.batch_tokens,
        options.kv_type,
        layers,
    )
    if options.gpu_layers and not gpu_layers:
        logger.warning("--gpu-layers has no effect: this llama.cpp was built without a GPU (memos build-llama --help)")
    elif gpu_bytes and not gpu_layers:
        logger.info("this llama.cpp can use a GPU: --gpu-layers -1 puts all layers there")
    return plan


def _sampling_defaults(model: LlamaModel, temperature: float | None) -> Sampling:
    def recommended(key: str, otherwise: float) -> float:
        try:
            return float(model.metadata(f"general.sampling.{key}") or otherwise)
        except ValueError:
            return otherwise

    return sampling_defaults(temperature, recommended, name="temp")


def _fingerprint(model: LlamaModel, options: EngineOptions) -> str:
    size_bytes = options.model_path.stat().st_size
    settings = options.kv_type, options.flash_attention
    return system_fingerprint(model.name, model.architecture, model.parameters, size_bytes, *settings)
