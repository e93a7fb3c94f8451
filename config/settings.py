"""default.yaml, the user's file, the environment and flags in (each wins over those before it), Settings out.

The only file that reads ``os.environ``. The models have no defaults: every default stands in default.yaml, with its
reason. Values are read once, at start; below the composition root constructors get plain values.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.layers import (
    DEFAULT,
    ConfigError,
    Entry,
    Layer,
    check_keys,
    flatten,
    from_environment,
    from_text,
    nest,
    read_file,
    substitute,
)
from config.sections import (
    Backend,
    Data,
    Documents,
    Embedder,
    Engine,
    Governance,
    Identity,
    Lifecycle,
    Limits,
    Memory,
    Operator,
    Organiser,
    Pipelines,
    Queue,
    Reranker,
    Scheduler,
    Section,
    Server,
    Writer,
)

DEFAULT_FILE = Path(__file__).with_name("default.yaml")
POLICIES = Path(__file__).with_name("policies")

#: flags of ``memos serve`` that set one key; any key can be set by ``--set KEY=VALUE``
FLAGS: Mapping[str, str] = {
    "server.host": "--host",
    "server.port": "--port",
    "server.log_level": "--log-level",
    "data.dir": "--data",
    "backend.kind": "--backend",
    "backend.base_url": "--upstream",
    "backend.model_path": "--model or --hf",
    "engine.context_tokens": "--ctx-size",
    "engine.threads": "--threads",
    "engine.gpu_layers": "--gpu-layers",
    "engine.batch_tokens": "--batch-size",
    "engine.kv_type": "--kv-type",
}


class Settings(Section):
    """Every knob; its default and the reason for it stand in default.yaml."""

    server: Server
    data: Data
    backend: Backend
    engine: Engine
    identity: Identity
    memory: Memory
    scheduler: Scheduler
    operator: Operator
    writer: Writer
    governance: Governance
    lifecycle: Lifecycle
    organiser: Organiser
    embedder: Embedder
    reranker: Reranker
    documents: Documents
    pipelines: Pipelines
    queue: Queue
    limits: Limits

    def flat(self) -> dict[str, Any]:
        """Return the value of every dotted key, JSON-ready, secrets as asterisks."""
        return dict(flatten(self.model_dump(mode="json")))


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where each value came from."""

    settings: Settings
    sources: Mapping[str, str]  #: dotted key to ``default``, ``file PATH``, ``environment NAME`` or ``flag --x``


def load(
    config_file: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """Return the settings; ``flags`` are by dotted key, ``environ`` None is the process's own.

    Raises: ConfigError: anything is unknown or out of bounds; every problem is named with its key and its place.
    """
    environ = os.environ if environ is None else environ
    defaults = {key: Entry(entry.value, DEFAULT) for key, entry in read_file(DEFAULT_FILE).items()}
    shape = {key: entry.value for key, entry in defaults.items()}
    layers = [
        defaults,
        read_file(config_file) if config_file is not None else {},
        from_environment(environ, shape),
        {key: _flag(key, value, shape) for key, value in (flags or {}).items()},
    ]
    problems = [problem for layer in layers[1:] for problem in check_keys(layer, shape)]
    for number, layer in enumerate(layers[:2]):
        layers[number], unset = substitute(layer, environ)
        problems += unset
    return _validate({key: entry for layer in layers for key, entry in layer.items() if key in shape}, problems)


def _flag(key: str, value: Any, shape: Mapping[str, Any]) -> Entry:
    value = from_text(value, shape.get(key)) if isinstance(value, str) else value
    return Entry(value, f"flag {FLAGS.get(key, '--set')}")


def _validate(layer: Layer, problems: Sequence[str]) -> Loaded:
    """``problems``: those met so far. What follows from one of them is not told as another."""
    try:
        settings = Settings.model_validate(nest({key: entry.value for key, entry in layer.items()}))
    except ValidationError as error:
        wrong = [_explain(detail, layer) for detail in error.errors(include_url=False)]
        told = {_key(problem) for problem in problems}
        raise ConfigError([*problems, *(each for each in wrong if _key(each) not in told)]) from None
    if problems := problems or [*_missing(settings), *_unused(settings, layer)]:
        raise ConfigError(problems)
    return Loaded(settings, {key: entry.source for key, entry in layer.items()})


def _key(problem: str) -> str:
    return problem.partition(":")[0]


def _explain(detail: ErrorDetails, layer: Layer) -> str:
    parts = [str(part) for part in detail["loc"]]
    dotted = next((key for end in range(len(parts), 0, -1) if (key := ".".join(parts[:end])) in layer), ".".join(parts))
    message = detail["msg"][:1].lower() + detail["msg"][1:]
    if detail["type"] == "string_type":
        message += " (put it in quotes)"
    place = layer[dotted].place if dotted in layer else "default"
    return f"{dotted}: {message} ({place})"


def _missing(settings: Settings) -> list[str]:
    """What a choice needs and was not given."""
    backend, embedder, llm = settings.backend, settings.embedder, settings.writer.llm
    reranker = settings.reranker
    needs = [
        (backend.kind == "upstream" and backend.base_url is None, "backend.base_url", "backend.kind is upstream"),
        (backend.kind == "llama_cpp" and backend.model_path is None, "backend.model_path", "backend.kind needs a file"),
        (backend.kind == "hf" and backend.model_path is None, "backend.model_path", "backend.kind needs a folder"),
        (embedder.kind == "openai" and embedder.base_url is None, "embedder.base_url", "embedder.kind is openai"),
        (embedder.kind == "openai" and embedder.model is None, "embedder.model", "embedder.kind is openai"),
        (reranker.kind == "api" and reranker.base_url is None, "reranker.base_url", "reranker.kind is api"),
        (reranker.kind == "api" and reranker.model is None, "reranker.model", "reranker.kind is api"),
        (llm.base_url is not None and llm.model is None, "writer.llm.model", "writer.llm.base_url is set"),
    ]
    return [f"{key}: must be set, because {reason}" for needed, key, reason in needs if needed]


def _unused(settings: Settings, layer: Layer) -> list[str]:
    """A model that was named and is not the one that answers, because nothing says of which kind it is."""
    backend = settings.backend
    if layer["backend.kind"].source != DEFAULT:
        return []
    named = [
        (backend.base_url, "backend.base_url", "upstream"),
        (backend.model_path, "backend.model_path", "llama_cpp (a GGUF file) or hf (a folder)"),
    ]
    return [
        f"{key}: has no effect, because backend.kind is {backend.kind}: set it to {kind} ({layer[key].place})"
        for value, key, kind in named
        if value is not None
    ]
