"""The commands around the local engine."""

import argparse
from pathlib import Path

from config.settings import Settings
from memory.errors import Invalid
from proxy.engine_options import EngineOptions


def build_llama(chosen: argparse.Namespace) -> int:
    """Build and install llama.cpp; the options are those of ``adapters/llama_build.py``."""
    from adapters.llama_build import main

    return main(chosen.rest)


def engine(chosen: argparse.Namespace) -> int:
    """Serve one local model until a signal, without memory and without keys: behind a proxy, never in the open."""
    from proxy.cli_config import loaded
    from proxy.engine import run_engine

    if chosen.uds is None and chosen.port is None:
        raise Invalid("Say where to listen: --uds PATH, or --port PORT with --host.")
    flags = {} if chosen.model is None else {"backend.kind": "llama_cpp", "backend.model_path": chosen.model}
    options = _options(chosen, loaded(chosen, flags).settings)
    where = f"unix:{options.socket_path}" if options.socket_path else f"http://{options.host}:{options.port}"
    print(f"{options.model_id} on {where}/v1", flush=True)
    run_engine(options)
    return 0


def _options(chosen: argparse.Namespace, settings: Settings) -> EngineOptions:
    from adapters import embedded

    path, knobs = settings.backend.model_path, settings.engine
    if path is not None and not path.is_file():
        raise Invalid(f"There is no model file at {path}.")
    return EngineOptions(
        model_path=path or embedded.gguf_path(),
        model_id=settings.backend.model_id or (path.stem if path else embedded.MODEL_ID),
        description="" if path else embedded.DESCRIPTION,
        default_temperature=None if path else embedded.DEFAULT_TEMPERATURE,
        socket_path=None if chosen.uds is None else Path(chosen.uds),
        host=chosen.host or "127.0.0.1",
        port=chosen.port or 0,
        context_tokens=knobs.context_tokens,
        max_context_tokens=knobs.max_context_tokens,
        max_sequences=knobs.max_sequences,
        batch_tokens=knobs.batch_tokens,
        threads=knobs.threads,
        gpu_layers=knobs.gpu_layers,
        kv_type=knobs.kv_type,
        flash_attention=knobs.flash_attention,
        queue_limit=knobs.queue_limit,
        default_max_tokens=knobs.default_max_tokens,
        max_body_mb=settings.server.max_body_mb,
        drain_timeout_s=settings.server.drain_timeout_s,
    )
