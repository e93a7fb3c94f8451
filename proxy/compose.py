"""Settings in, everything that an app is made of out: the only place that chooses implementations.

Engines and models are imported and loaded here and not before; nothing listens and no thread runs until the app starts.
"""

import logging
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from adapters import embedded, registry
from adapters.backend import Backend
from adapters.engine_activations import EngineActivations
from adapters.flat import Flat
from adapters.gguf_header import model_name
from adapters.kept_vectors import kept_vectors
from adapters.ranker import TreeRanker
from config.pipelines import shipped_and
from config.settings import Settings
from memory.activation import ActivationPlanner, ActivationPolicy
from memory.cube import SemanticType
from memory.embeddings import Embeddings
from memory.errors import EngineMissing, MemoryFault
from memory.extraction import Extraction
from memory.governance import Governance
from memory.injector import Injector
from memory.lifespan import Lifespans
from memory.operator import Operator, Weights
from memory.pipeline import Pipeline, Stations
from memory.pipelines import Pipelines
from memory.ports import Clock, Derivations, Embedder, Ranker, TokenCounter
from memory.reader import Reader
from memory.reranking import Reranking
from memory.rules.questions import asked_about
from memory.scheduler import Policy, Scheduler
from memory.sharing import Sharing
from memory.timemachine import TimeMachine
from memory.topics import Topics, prototype_texts
from memory.updates import Updates
from memory.upkeep import Quota, Upkeep
from memory.vault import VaultFiles, open_vault
from memory.vault.failpoints import Failpoints
from memory.writer import Writer
from proxy.activating import Activating
from proxy.activation_files import ACTIVATIONS_FOLDER, ActivationFiles
from proxy.auth import Authenticator
from proxy.background import Background, QueueOptions
from proxy.engine_backend import EngineBackend
from proxy.engine_options import LOCAL, EngineOptions
from proxy.extracting import Extracting
from proxy.memory_pipelines import recipes_of
from proxy.notes import Notes, ReadLog
from proxy.organising import organising_of
from proxy.parts import Parts
from proxy.screening import governance_of, is_loopback, local_only_tags, withheld_tags
from proxy.shelving import shelf_of, shelving_of
from proxy.spool import Spool
from proxy.supervisor import EngineProcess
from proxy.sweeper import Sweeper

logger = logging.getLogger(__name__)

_ENGINE_URL = "http://engine/v1"  # a name only: the connection goes to a Unix socket


def utc_now() -> datetime:
    """Return the time, aware and in UTC."""
    return datetime.now(UTC)


def compose(settings: Settings, *, clock: Clock = utc_now, failpoints: Failpoints | None = None) -> Parts:
    """Return the parts; the data folder is open, nothing else runs yet. ``failpoints``: where to die, in a crash test.

    Raises: EngineMissing: something that the configuration needs is not installed. Unavailable: the vault cannot be
    opened. EngineDown: a remote embedder does not answer.
    """
    engine = _engine(settings)
    backend = _backend(settings, engine)
    governance = governance_of(settings)
    files = open_vault(
        settings.data.dir,
        clock=clock,
        redact=governance.redact,
        receipts_ttl_s=settings.memory.receipts_ttl_s,
        decaying=_types(settings),
        failpoints=failpoints,
    )
    activation_files = ActivationFiles(settings.data.dir / ACTIVATIONS_FOLDER, files.keys)
    activating = _activating(settings, backend, activation_files) if backend.shares_cache else None
    stations = _stations(settings, files, governance, engine, clock, activating or activation_files)
    pipeline = Pipeline(stations)
    sharing = Sharing(pipeline, files.vault, files.spaces)
    extracting = _extracting(settings, files, pipeline)
    upkeep = _upkeep(settings, files, stations)
    organising = organising_of(settings, files.vault, stations)
    write = upkeep.after(pipeline.after if extracting is None else extracting.after(pipeline.after))
    write = write if organising is None else organising.after(write)
    return Parts(
        settings=settings,
        store=files,
        pipeline=pipeline,
        pipelines=_pipelines(settings, files, stations),
        time_machine=TimeMachine(pipeline, stations, files.history),
        sharing=sharing,
        background=Background(
            files.ledger,
            write,
            Spool(settings.data.dir / "spool", redact=governance.redact, failpoints=failpoints),
            queue_options(settings),
            failpoints=failpoints,
        ),
        extracting=extracting,
        upkeep=upkeep,
        shelving=shelving_of(settings, files.vault, pipeline, stations),
        updates=Updates(pipeline, stations, files.vault, sharing),
        graph=files.vault,
        organising=organising,
        sweeper=Sweeper(upkeep, interval_s=settings.lifecycle.interval_s),
        notes=Notes(files.receipts, upkeep.used, _read_log(settings, files, clock)),
        backend=backend,
        authenticator=Authenticator(
            files.keys,
            user_headers=settings.identity.user_headers,
            pass_through=settings.identity.pass_through,
        ),
        clock=clock,
        activation_files=activation_files,
        activating=activating,
        engine=engine,
    )


def _read_log(settings: Settings, files: VaultFiles, clock: Clock) -> ReadLog | None:
    if not settings.governance.audit_reads:
        return None
    return ReadLog(audit=files.audit, clock=clock, together=files.connections.write)


def _pipelines(settings: Settings, files: VaultFiles, stations: Stations) -> Pipelines:
    """Raises: ConfigError: a pipeline cannot be used."""
    wanted = settings.pipelines
    recipes = recipes_of(shipped_and(wanted.dir), time_s=wanted.max_time_s, cubes=wanted.max_cubes)
    return Pipelines(stations, files.connections.write, tuple(recipes))


def _types(settings: Settings) -> frozenset[SemanticType]:
    return frozenset(map(SemanticType, settings.lifecycle.decay))


def _upkeep(settings: Settings, files: VaultFiles, stations: Stations) -> Upkeep:
    wanted, most = settings.lifecycle, settings.governance
    rules = Lifespans(
        half_life=timedelta(days=wanted.half_life_days),
        cold_below=wanted.cold_below,
        expired_keep=None if wanted.expired_keep_s is None else timedelta(seconds=wanted.expired_keep_s),
    )
    size_bytes = None if most.max_mb_per_user is None else most.max_mb_per_user << 20
    return Upkeep(
        files.vault,
        stations.embeddings,
        stations.derivations,
        rules=rules,
        quota=Quota(cubes=most.max_cubes_per_user, size_bytes=size_bytes),
        batch=wanted.batch,
    )


def queue_options(settings: Settings) -> QueueOptions:
    """Return how the turn ledger is worked off."""
    queue = settings.queue
    return QueueOptions(
        batch=queue.batch,
        lease_s=queue.lease_s,
        max_attempts=queue.max_attempts,
        backoff_s=queue.backoff_s,
        dedupe_window_s=settings.memory.dedupe_window_s,
    )


def _activating(settings: Settings, backend: Backend, files: ActivationFiles) -> Activating:
    scheduler = settings.scheduler
    policy = ActivationPolicy(
        mode=scheduler.activation,
        hot_uses=scheduler.activation_hot_uses,
        half_life_s=scheduler.activation_half_life_s,
        stable_s=scheduler.activation_stable_s,
        min_tokens=scheduler.activation_min_tokens,
        shared_users=scheduler.activation_shared_users,
    )
    return Activating(EngineActivations(backend), ActivationPlanner(policy, time.monotonic), files)


def _extracting(settings: Settings, files: VaultFiles, pipeline: Pipeline) -> Extracting | None:
    llm, options = settings.writer.llm, queue_options(settings)
    if llm.base_url is None:
        return None
    lease_s = options.lease_s + 2 * llm.timeout_s  # of connecting and of silence: a call may take both
    return Extracting(files.extractions, pipeline.extract, replace(options, lease_s=lease_s), parallel=llm.parallel)


def _engine(settings: Settings) -> EngineProcess | None:
    if settings.backend.kind not in LOCAL:
        return None
    return EngineProcess(engine_options(settings))


def engine_options(settings: Settings) -> EngineOptions:
    """Return how the local model is run: what is configured, else the embedded demonstration model."""
    backend, engine = settings.backend, settings.engine
    own = backend.kind == "embedded" or backend.model_path is None
    path = embedded.gguf_path() if own or backend.model_path is None else backend.model_path
    keeps = settings.scheduler.activation != "off"  # else the model file need not be hashed, nor memory reserved
    more: dict[str, Any] = (
        {"description": embedded.DESCRIPTION, "default_temperature": embedded.DEFAULT_TEMPERATURE} if own else {}
    )
    return EngineOptions(
        model_path=path,
        kind="embedded" if own else backend.kind,
        model_id=backend.model_id or _model_id(path, own=own),
        context_tokens=engine.context_tokens,
        max_context_tokens=engine.max_context_tokens,
        max_sequences=engine.max_sequences,
        batch_tokens=engine.batch_tokens,
        threads=engine.threads,
        gpu_layers=engine.gpu_layers,
        kv_type=engine.kv_type,
        dtype=engine.dtype,
        device=engine.device,
        check_memory=engine.check_memory,
        flash_attention=engine.flash_attention,
        parked_mb=engine.parked_mb,
        activations_dir=settings.data.dir / ACTIVATIONS_FOLDER if keeps else None,
        activation_ram_mb=engine.activation_ram_mb if keeps else 0,
        activation_disk_mb=engine.activation_disk_mb if keeps else 0,
        activation_cold_mb=engine.activation_cold_mb if keeps else 0,
        queue_limit=engine.queue_limit,
        default_max_tokens=min(engine.default_max_tokens, embedded.DEFAULT_MAX_TOKENS if own else sys.maxsize),
        keep_alive_comment_s=backend.keep_alive_comment_s,
        max_body_mb=settings.server.max_body_mb,
        drain_timeout_s=settings.server.drain_timeout_s,
        **more,
    )


def _model_id(path: Path, *, own: bool) -> str:
    if own:
        return embedded.MODEL_ID
    return path.resolve().name if path.is_dir() else model_name(path)


def _backend(settings: Settings, engine: EngineProcess | None) -> Backend:
    wanted = settings.backend
    known = registry.backends()
    network: dict[str, Any] = {
        "connect_timeout_s": wanted.connect_timeout_s,
        "read_timeout_s": wanted.read_timeout_s,
        "max_connections": wanted.max_connections,
    }
    if engine is not None:
        socket_path = str(engine.socket_path)
        inner = known.create("upstream", base_url=_ENGINE_URL, socket_path=socket_path, shares_cache=True, **network)
        return EngineBackend(inner, engine)
    if wanted.kind == "upstream":
        api_key = wanted.api_key.get_secret_value() if wanted.api_key is not None else None
        return known.create("upstream", base_url=wanted.base_url, api_key=api_key, **network)
    if wanted.kind == "echo":
        return known.create("echo", **({"model_id": wanted.model_id} if wanted.model_id else {}))
    raise EngineMissing(
        f"The backend {wanted.kind!r} waits for a later version; there are {', '.join(sorted((*known.names, *LOCAL)))}."
    )


def _ranker(name: str) -> Ranker | None:
    if name == "none":
        return None
    return TreeRanker() if name == "shipped" else TreeRanker(Path(name))


def _reranking(settings: Settings) -> Reranking | None:
    wanted = settings.reranker
    if wanted.kind == "none":
        return None
    remote = not is_loopback(wanted.base_url)
    return Reranking(
        reranker=registry.reranker(
            base_url=wanted.base_url,
            model=wanted.model,
            api_key=wanted.api_key.get_secret_value() if wanted.api_key is not None else "",
            timeout_s=wanted.timeout_s,
        ),
        candidates=wanted.candidates,
        weight=wanted.weight,
        withheld=local_only_tags(settings) if remote else frozenset(),
    )


def _stations(
    settings: Settings,
    files: VaultFiles,
    governance: Governance,
    engine: EngineProcess | None,
    clock: Clock,
    derivations: Derivations,
) -> Stations:
    index = Flat(budget_bytes=settings.embedder.index_cache_mb << 20)
    embedder = create_embedder(settings)
    embeddings = Embeddings(embedder, index, files.vault, shelf=shelf_of(settings))
    topics = _topics(settings, embedder, embeddings)
    scheduler, operator = settings.scheduler, settings.operator
    weights = Weights(
        lexical=operator.lexical_weight,
        dense=operator.dense_weight,
        recency=operator.recency_weight,
        recency_half_life_days=operator.recency_half_life_days,
        usefulness=operator.usefulness_weight,
        archived_below=operator.archived_below,
        candidates=operator.candidates,
    )
    return Stations(
        reader=Reader(clock),
        scheduler=Scheduler(
            Policy(
                name=scheduler.policy,
                top_k=scheduler.top_k,
                budget_tokens=scheduler.budget_tokens,
                stable_budget_tokens=scheduler.stable_budget_tokens,
                min_relevance=scheduler.min_relevance,
                min_sufficiency=scheduler.min_sufficiency,
                skip_small_talk=scheduler.skip_small_talk,
                activation=engine is not None and scheduler.activation != "off",
            )
        ),
        operator=Operator(
            files.vault, embeddings, weights, asked_about, topics, _ranker(operator.ranker), _reranking(settings)
        ),
        injector=Injector(_counter(engine), withheld=withheld_tags(settings)),
        writer=Writer(
            keep_turns=settings.writer.keep_turns,
            derive_facts=settings.writer.derive_facts,
            assistant_novel_words=settings.writer.assistant_novel_words,
        ),
        governance=governance,
        vault=files.vault,
        ledger=files.ledger,
        embeddings=embeddings,
        clock=clock,
        topics=topics,
        extraction=_extraction(settings),
        derivations=derivations,
    )


def _topics(settings: Settings, embedder: Embedder | None, embeddings: Embeddings) -> Topics:
    """Return what tells topics, ready: else the first chat after a start would wait for hundreds of embeddings."""
    if embedder is None:
        return Topics(embeddings.embed)
    try:
        return Topics(embeddings.embed, kept_vectors(settings.data.cache_dir, embedder, prototype_texts()))
    except MemoryFault as fault:  # it may come up later
        logger.warning("the embedder does not embed the topics' prototypes: %s", fault)
        return Topics(embeddings.embed)


def create_embedder(settings: Settings) -> Embedder | None:
    """Return the embedder, loaded; None when there is to be none.

    Raises: EngineMissing. EngineDown: a remote one does not answer.
    """
    wanted, known = settings.embedder, registry.embedders()
    if wanted.kind == "none":
        return None
    if wanted.kind == "minilm":
        return known.create("minilm", cache_dir=settings.data.cache_dir, threads=wanted.threads)
    api_key = wanted.api_key.get_secret_value() if wanted.api_key is not None else ""
    return known.create(
        "openai", base_url=wanted.base_url, model=wanted.model, api_key=api_key, timeout_s=wanted.timeout_s
    )


def _extraction(settings: Settings) -> Extraction | None:
    llm = settings.writer.llm
    if llm.base_url is None or llm.model is None:
        return None
    api_key = llm.api_key.get_secret_value() if llm.api_key is not None else None
    llm_client = registry.extractor(base_url=llm.base_url, api_key=api_key, model=llm.model, timeout_s=llm.timeout_s)
    return Extraction(llm_client)


def _counter(engine: EngineProcess | None) -> TokenCounter:
    """Count as the model does where it can be asked, else as OpenAI's models do."""
    if engine is None:
        return registry.token_counter()
    return registry.engine_tokens(lambda: str(engine.socket_path))
