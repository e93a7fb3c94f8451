"""The commands around the local engine."""

import argparse
from dataclasses import replace
from pathlib import Path

from adapters.gguf_header import read_language_model
from adapters.transformers import require_packages
from adapters.transformers_folder import read_model_folder
from config.layers import DEFAULT, ConfigError
from config.settings import FLAGS, Loaded, Settings
from memory.errors import EngineMissing, Invalid, MemoryFault
from proxy.cli_config import loaded, runnable
from proxy.engine_fault import ENGINE_MISSING
from proxy.engine_options import LOCAL, EngineOptions
from proxy.telemetry import set_up_logging

_LLAMA_ONLY = ("engine.gpu_layers", "engine.kv_type")
_DEFAULT_DATA = Path("data")  # is not named in a command
_GO_ON = """{reason}

  To mend it:                   {build}   (needs a C++ compiler; in a clone `make serve` does it)
  To go on with another server: {serve}   (Ollama, vLLM, llama-server, OpenAI ...)
  Or in a container:            docker build -t memos-proxy . && docker run -p 8000:8000 -v memos:/data memos-proxy

`memos doctor` looks closer."""


def build_llama(chosen: argparse.Namespace) -> int:
    """Build and install llama.cpp; the options are those of ``adapters/llama_build.py``."""
    from adapters.llama_build import main

    return main(chosen.rest)


def engine(chosen: argparse.Namespace) -> int:
    """Serve one local model until a signal, without memory and without keys: behind a proxy, never in the open."""
    from proxy.engine import run_engine

    if chosen.uds is None and chosen.port is None:
        raise Invalid("Say where to listen: --uds PATH, or --port PORT with --host.")
    known = loaded(chosen, {**model_flags(chosen), **engine_flags(chosen)})
    settings = known.settings
    refuse_foreign(chosen, settings)
    set_up_logging(settings.server.log_level, as_json=settings.server.log_json)
    options = _options(chosen, known)
    where = f"unix:{options.socket_path}" if options.socket_path else f"http://{options.host}:{options.port}"
    print(f"{options.model_id} on {where}/v1", flush=True)
    try:
        run_engine(options)
    except EngineMissing as fault:
        raise advised(fault) from None
    return 0


def model_flags(chosen: argparse.Namespace) -> dict[str, object]:
    """Return what a command's flags say about which local model is run, by dotted key."""
    if chosen.hf is not None:
        return {"backend.kind": "hf", "backend.model_path": chosen.hf}
    if chosen.model is not None:
        return {"backend.kind": "llama_cpp", "backend.model_path": chosen.model}
    return {}


def check_model(settings: Settings) -> None:
    """Read what can be read of a local model in no time: what cannot be loaded is told before anything starts.

    Raises: ConfigError: it is not there. Invalid, EngineMissing: it cannot be loaded.
    """
    path = settings.backend.model_path
    if path is None:
        return
    if settings.backend.kind == "llama_cpp":
        if not path.is_file():
            raise ConfigError([f"backend.model_path: there is no file at {path}"])
        read_language_model(path)
    if settings.backend.kind == "hf":
        if not path.exists():
            raise ConfigError([f"backend.model_path: there is no folder at {path}"])
        read_model_folder(path)
        require_packages()


def engine_flags(chosen: argparse.Namespace) -> dict[str, object]:
    """Return what a command's flags say about how a local model is run, by dotted key."""
    given = {
        "engine.context_tokens": chosen.ctx_size,
        "engine.threads": chosen.threads,
        "engine.gpu_layers": chosen.gpu_layers,
        "engine.batch_tokens": chosen.batch_size,
        "engine.kv_type": chosen.kv_type,
    }
    return {key: value for key, value in given.items() if value is not None}


def refuse_vain(chosen: argparse.Namespace, settings: Settings) -> None:
    """Raises: ConfigError: flags say how a local model is run, and there is none."""
    if settings.backend.kind not in LOCAL and (given := engine_flags(chosen)):
        names = ", ".join(FLAGS[key] for key in given)
        raise ConfigError([f"{names}: for a local model only; answers come from the backend {settings.backend.kind}"])
    refuse_foreign(chosen, settings)


def refuse_foreign(chosen: argparse.Namespace, settings: Settings) -> None:
    """Raises: ConfigError: flags of llama.cpp, and the model is a folder."""
    given = [FLAGS[key] for key in engine_flags(chosen) if key in _LLAMA_ONLY]
    if settings.backend.kind == "hf" and given:
        raise ConfigError([f"{', '.join(given)}: for GGUF files only; for a folder set engine.device and engine.dtype"])


def advised(fault: MemoryFault) -> MemoryFault:
    """Return the fault, with the ways to go on where llama.cpp cannot be used on this machine."""
    if fault.code != ENGINE_MISSING:
        return fault
    build, serve = (runnable(words, _DEFAULT_DATA) for words in ("build-llama --force", "serve --upstream URL"))
    return EngineMissing(_GO_ON.format(reason=fault, build=build, serve=serve), code=fault.code)


def _options(chosen: argparse.Namespace, known: Loaded) -> EngineOptions:
    from proxy.compose import engine_options

    check_model(known.settings)
    options = engine_options(known.settings)
    if known.sources["data.dir"] == DEFAULT:  # nobody asked for a folder: what it computes it keeps in memory only
        options = replace(options, activations_dir=None)
    socket_path = None if chosen.uds is None else Path(chosen.uds)
    return replace(options, socket_path=socket_path, host=chosen.host or "127.0.0.1", port=chosen.port or 0)
