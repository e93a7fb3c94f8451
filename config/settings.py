"""default.yaml, the user's file, the environment and flags in (each wins over those before it), Settings out.

The only file that reads ``os.environ``. The models have no defaults: every default stands in default.yaml, with its
reason. Values are read once, at start; below the composition root constructors get plain values.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

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


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value


def _switch(value: Any) -> Any:
    """YAML 1.1 reads an unquoted ``on`` as true."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


def _web_address(url: str) -> str:
    if re.match(r"https?://[^/\s]+", url):
        return url.rstrip("/")
    hint = f"; did you mean http://{url}?" if re.fullmatch(r"[\w.-]+(:\d+)?(/[\w./-]*)?", url) else ""
    raise PydanticCustomError("url", "must begin with http:// or https://{hint}", {"hint": hint})


Word = Annotated[str, Field(min_length=1)]
Text = Annotated[Word | None, BeforeValidator(_empty_is_none)]
Url = Annotated[Annotated[str, AfterValidator(_web_address)] | None, BeforeValidator(_empty_is_none)]
Secret = Annotated[SecretStr | None, BeforeValidator(_empty_is_none)]
File = Annotated[
    Annotated[Path, AfterValidator(lambda path: path.expanduser())] | None, BeforeValidator(_empty_is_none)
]
Folder = Annotated[Path, AfterValidator(lambda path: path.expanduser())]
Count = Annotated[int, Field(ge=1)]
Limit = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A frozen group of settings; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


class Server(Section):
    """Where and how the proxy listens."""

    host: Word = Field(description="address to listen on; other than loopback only behind TLS")
    port: int = Field(ge=0, le=65535, description="TCP port; 0: any free one")
    max_body_mb: Count = Field(description="largest request body in MiB, imports excepted")
    max_import_mb: Count = Field(description="largest import in MiB")
    body_timeout_s: Seconds = Field(description="silence inside a request body for so long is a 408")
    drain_timeout_s: Annotated[int, Field(ge=0)] = Field(description="running answers may finish for so long")
    cors_origins: tuple[Word, ...] = Field(description="origins of browsers that may call")
    log_level: Literal["debug", "info", "warning", "error"]
    log_json: bool = Field(description="one JSON object per line")


class Data(Section):
    """Where everything that lasts lies."""

    dir: Folder = Field(description="vault, pepper, spool; relative to the working directory")
    cache_dir: Folder = Field(description="what can be made again at any time, such as the embedder's graph")


class Backend(Section):
    """The model that answers."""

    kind: Literal["embedded", "upstream", "llama_cpp", "hf", "litellm", "echo"]
    base_url: Url = Field(description="upstream: its OpenAI base URL, with /v1 where it has one")
    api_key: Secret = Field(description="upstream: sent when the caller brings no key of their own")
    model_path: File = Field(description="llama_cpp: a GGUF file; hf: a folder")
    model_id: Text = Field(description="the name that clients use; null: the model's own")
    connect_timeout_s: Seconds
    read_timeout_s: Seconds = Field(description="silence of an upstream for so long is a 504")
    keep_alive_comment_s: Seconds = Field(description="silence after which a stream gets an SSE comment")
    max_connections: Limit = Field(description="to the upstream; 0: no limit")
    prompt_cache: Literal["auto", "none", "vllm", "sglang", "openai", "anthropic"] = Field(
        description="what an upstream is told about its prompt cache, in whose words"
    )


class Engine(Section):
    """The local engine: llama.cpp, or transformers for a model folder."""

    context_tokens: Annotated[int, Field(ge=128)] | None = Field(
        description="KV cells shared by all sequences; null: by the file's trained length and the free memory"
    )
    check_memory: bool = Field(description="refuse a model that does not fit into the free memory")
    max_context_tokens: Count | None = Field(description="one request's limit; null: what the model was trained for")
    max_sequences: Annotated[int, Field(ge=2, le=256)] = Field(description="requests at once plus prefixes kept")
    batch_tokens: Annotated[int, Field(ge=8)] = Field(description="chunk of a long prompt")
    threads: Count | None = Field(description="null: cores minus one")
    gpu_layers: Annotated[int, Field(ge=-1)] = Field(description="layers on the GPU; -1: all")
    kv_type: Literal["f16", "f32", "bf16", "q8_0", "q4_0"]
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(description="hf: what is computed in")
    device: Literal["auto", "cpu", "cuda"] = Field(description="hf: where; auto: on a GPU if there is one")
    flash_attention: bool
    parked_mb: Limit = Field(description="MiB of computed prefixes beside the context; 0: none")
    activation_ram_mb: Limit = Field(description="MiB of activation memories in memory; 0: none")
    activation_disk_mb: Limit = Field(description="MiB of activation memories in files of the data folder; 0: none")
    activation_cold_mb: Limit = Field(description="MiB of activation memories in 8 bits, not exact; 0: none")
    queue_limit: Count = Field(description="waiting requests; beyond it 429")
    default_max_tokens: Count = Field(description="when the caller sets no limit")


class Identity(Section):
    """Who a caller is."""

    pass_through: bool = Field(description="the provider's own key is forwarded and its HMAC is the user")
    bootstrap_key: bool = Field(description="on the first start a key is made and shown once")
    conversation_headers: tuple[Word, ...] = Field(description="headers that name the conversation, first wins")
    user_headers: tuple[Word, ...] = Field(description="headers by which an asserting key names a user")


class Memory(Section):
    """How memory behaves in a request."""

    mode: Annotated[Literal["on", "off", "read-only", "write-only"], BeforeValidator(_switch)]
    timeout_ms: Count = Field(description="recall may take so long; then the chat goes on without memory")
    settle_timeout_ms: Limit = Field(description="wait for this user's earlier turns to be findable")
    dedupe_window_s: Weight = Field(description="the same turn inside this window is a retry")
    receipts_ttl_s: Seconds


class Scheduler(Section):
    """What is brought in, decided before anything is searched."""

    policy: Literal["hybrid", "semantic", "lru", "label"]
    top_k: Annotated[int, Field(ge=0, le=100)] = Field(description="memories beside the last message")
    budget_tokens: Limit = Field(description="of both blocks together")
    stable_budget_tokens: Limit = Field(description="of the stable block")
    min_relevance: Share = Field(description="hits below it are not brought in")
    skip_small_talk: bool
    activation: Annotated[Literal["auto", "on_request", "off"], BeforeValidator(_switch)] = Field(
        description="which stable blocks a local model keeps computed"
    )
    activation_hot_uses: Annotated[float, Field(ge=1, allow_inf_nan=False)] = Field(
        description="chats with the same block that make it worth keeping"
    )
    activation_half_life_s: Seconds = Field(description="age at which a use counts half")
    activation_stable_s: Weight = Field(description="a user's memory must have stood still for so long")
    activation_min_tokens: Limit = Field(description="shorter blocks are as fast as text")
    activation_shared_users: Annotated[int, Field(ge=1)] = Field(
        description="users of one key that sent a system message before it is kept for all of that key's users"
    )


class Operator(Section):
    """How memories are ranked."""

    lexical_weight: Weight
    dense_weight: Weight
    recency_weight: Weight = Field(description="hybrid only")
    recency_half_life_days: Seconds = Field(description="age at which recency counts half")
    candidates: Count = Field(description="taken from each signal")


class WriterLlm(Section):
    """An LLM that extracts facts in the background; off without base_url."""

    base_url: Url
    api_key: Secret
    model: Text
    timeout_s: Seconds
    parallel: Count = Field(description="turns that it reads at once")


class Writer(Section):
    """What is kept of a turn."""

    keep_turns: bool = Field(description="keep verbatim turns")
    derive_facts: bool = Field(description="derive facts by rules")
    assistant_novel_words: Limit = Field(description="new words that make an answer worth keeping")
    llm: WriterLlm


class Governance(Section):
    """What may be stored."""

    redact_secrets: bool
    max_cube_chars: Annotated[int, Field(ge=100)] = Field(description="characters of one memory")


class Embedder(Section):
    """What turns text into vectors."""

    kind: Literal["minilm", "openai", "none"]
    base_url: Url
    api_key: Secret
    model: Text
    timeout_s: Seconds
    threads: Count
    index_cache_mb: Count = Field(description="vectors in memory over all users, in MiB")


class Queue(Section):
    """The background writer's queue."""

    batch: Count = Field(description="turns leased at once")
    lease_s: Seconds
    max_attempts: Count = Field(description="then the turn is dead")
    backoff_s: Seconds = Field(description="before the second attempt; doubles with each")


class Limits(Section):
    """Limits over all users."""

    max_concurrent: Count = Field(description="chats at once; beyond it 429")


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
    embedder: Embedder
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
    if problems:
        raise ConfigError(problems)
    return _validate({key: entry for layer in layers for key, entry in layer.items() if key in shape})


def _flag(key: str, value: Any, shape: Mapping[str, Any]) -> Entry:
    value = from_text(value, shape.get(key)) if isinstance(value, str) else value
    return Entry(value, f"flag {FLAGS.get(key, '--set')}")


def _validate(layer: Layer) -> Loaded:
    try:
        settings = Settings.model_validate(nest({key: entry.value for key, entry in layer.items()}))
    except ValidationError as error:
        raise ConfigError([_explain(detail, layer) for detail in error.errors(include_url=False)]) from None
    if missing := list(_missing(settings)):
        raise ConfigError(missing)
    return Loaded(settings, {key: entry.source for key, entry in layer.items()})


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
    needs = [
        (backend.kind == "upstream" and backend.base_url is None, "backend.base_url", "backend.kind is upstream"),
        (backend.kind == "llama_cpp" and backend.model_path is None, "backend.model_path", "backend.kind needs a file"),
        (backend.kind == "hf" and backend.model_path is None, "backend.model_path", "backend.kind needs a folder"),
        (embedder.kind == "openai" and embedder.base_url is None, "embedder.base_url", "embedder.kind is openai"),
        (embedder.kind == "openai" and embedder.model is None, "embedder.model", "embedder.kind is openai"),
        (llm.base_url is not None and llm.model is None, "writer.llm.model", "writer.llm.base_url is set"),
    ]
    return [f"{key}: must be set, because {reason}" for needed, key, reason in needs if needed]
