"""The commands around the local engine."""

import argparse
from dataclasses import replace
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
    from proxy.compose import engine_options

    options = engine_options(settings)
    if not options.model_path.is_file():
        raise Invalid(f"There is no model file at {options.model_path}.")
    socket_path = None if chosen.uds is None else Path(chosen.uds)
    return replace(options, socket_path=socket_path, host=chosen.host or "127.0.0.1", port=chosen.port or 0)
