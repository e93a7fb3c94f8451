"""The sections of the configuration: every knob with its type and bounds, none with a default.

Every default stands in default.yaml, with its reason.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError


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


SemanticTypeName = Literal["fact", "preference", "event", "procedure", "task_prompt", "document", "turn"]


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
    min_sufficiency: Share = Field(description="nothing is brought in where no hit is so likely to answer")
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
    usefulness_weight: Weight = Field(description="of a memory of which every answer made use; hybrid only")
    archived_below: Share = Field(description="best relevance under which archived memories are searched too")
    candidates: Count = Field(description="taken from each signal")
    ranker: Word = Field(description="the learned order of what was said: shipped, none, or an ONNX file")


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


Rule = Literal["store", "mask", "refuse", "local_only"]


class Sensitivity(Section):
    """What is done with each kind of sensitive data that a detector finds."""

    secret: Literal["store", "mask", "refuse"] = Field(description="keys, tokens, passwords")
    card: Rule = Field(description="payment cards: issuer, checksum, and shape or words beside it")
    bank_account: Rule = Field(description="IBANs")
    national_id: Rule = Field(description="numbers of persons with a checksum: social security, identity, tax")
    email: Rule
    phone: Rule


class Governance(Section):
    """What may be stored, and who may read it."""

    sensitivity: Sensitivity
    local_upstream: bool = Field(description="an upstream on loopback counts as a local model")
    max_cube_chars: Annotated[int, Field(ge=100)] = Field(description="characters of one memory")
    max_cubes_per_user: Count | None = Field(description="memories in use; beyond it the coldest are archived")
    max_mb_per_user: Count | None = Field(description="MiB of memories in use, with their vectors")
    audit_reads: bool = Field(description="the audit log also has a line for each time that memories are read")


class Lifecycle(Section):
    """When memories leave use."""

    interval_s: Seconds = Field(description="between two looks for what is due")
    batch: Annotated[int, Field(ge=1, le=10_000)] = Field(description="memories in one transaction of the sweeper")
    decay: tuple[SemanticTypeName, ...] = Field(description="types whose new memories are archived when they are cold")
    half_life_days: Annotated[float, Field(gt=0, le=36_500)] = Field(description="after which uses count half")
    cold_below: Annotated[float, Field(gt=0, lt=1)] = Field(description="heat; being told once is 1")
    expired_keep_s: Annotated[float, Field(ge=0, le=3e9)] | None = Field(
        description="expired memories are removed for good after so long; null: they stay in history"
    )


class Organiser(Section):
    """How duplicates are found and merged."""

    enabled: bool
    quiet_s: Weight = Field(description="after the last write")
    batch: Annotated[int, Field(ge=1, le=10_000)] = Field(description="memories looked at in one go")
    same_above: Share = Field(description="cosine at which words of one meaning are one memory")
    ask_above: Share = Field(description="cosine from which writer.llm is asked")
    ask_pairs: Annotated[int, Field(ge=0, le=64)] = Field(description="pairs in one call; 0: it is never asked")


class Embedder(Section):
    """What turns text into vectors."""

    kind: Literal["minilm", "openai", "none"]
    base_url: Url
    api_key: Secret
    model: Text
    timeout_s: Seconds
    threads: Count
    index_cache_mb: Count = Field(description="vectors in memory over all users, in MiB")


class Reranker(Section):
    """A model that reads the question and what was found together, for those who run one."""

    kind: Literal["none", "api"]
    base_url: Url
    api_key: Secret
    model: Text
    timeout_s: Seconds
    candidates: Annotated[int, Field(ge=2, le=200)] = Field(description="hits that it reads")
    weight: Weight = Field(description="of its scores; those of the search have 1")


class Documents(Section):
    """Documents that users hand over, and the index of these and of what is shared in spaces."""

    index: Literal["flat", "chroma"] = Field(description="of documents and of what is shared in spaces")
    max_mb: Count = Field(description="largest file in MiB, decoded")
    max_chars: Count = Field(description="of its text, once converted")
    max_pages: Count = Field(description="of a PDF")
    convert_timeout_s: Seconds = Field(description="a file that takes longer is refused")
    batch: Annotated[int, Field(ge=1, le=256)] = Field(description="chunks that are embedded and stored at once")


class Pipelines(Section):
    """Memory pipelines: steps that run as one change."""

    dir: File = Field(description="a folder of your own, beside the shipped ones; the same name replaces a shipped one")
    max_time_s: Annotated[float, Field(gt=0, le=60)] = Field(description="of one run, whatever the pipeline says")
    max_cubes: Count = Field(description="memories that one run may touch, whatever the pipeline says")


class Queue(Section):
    """The background writer's queue."""

    batch: Count = Field(description="turns leased at once")
    lease_s: Seconds
    max_attempts: Count = Field(description="then the turn is dead")
    backoff_s: Seconds = Field(description="before the second attempt; doubles with each")


class Limits(Section):
    """Limits over all users."""

    max_concurrent: Count = Field(description="chats at once; beyond it 429")
