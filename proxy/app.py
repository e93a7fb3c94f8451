"""Parts in, the ASGI application out: which route is served by what, what starts with it and what ends.

The chat routes stand before the framework, as a bare ASGI app; everything else is FastAPI's.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.prompt_cache import PromptCache
from config.settings import Settings
from memory.errors import Unavailable
from proxy import error_pages
from proxy.body_limits import BodyLimits
from proxy.bookkeeping import Bookkeeper
from proxy.chat import Chat, ChatLimits, ChatParts
from proxy.controls import ControlReader
from proxy.engine_address import announce, withdraw
from proxy.memory_api import memory_router
from proxy.memory_documents import documents_router
from proxy.memory_graph import graph_router
from proxy.memory_log import log_router
from proxy.memory_pipelines import pipelines_router
from proxy.memory_schema import schema_router
from proxy.memory_sharing import sharing_router
from proxy.memory_time import time_router
from proxy.metrics import Metrics
from proxy.models import Health, Models
from proxy.openapi import DocumentedApp
from proxy.parts import Parts
from proxy.recall import Recaller
from proxy.receipt import MEMORY_HEADERS
from proxy.telemetry import AccessLog, Journal
from proxy.wire import BodyLimit, RequestHeaders

logger = logging.getLogger(__name__)

CHAT_PATHS = ("/v1/chat/completions", "/chat/completions")
IMPORT_PATH = "/v1/memory/import"
_NOTES_DRAIN_S = 5.0
_EXPOSED = ("x-request-id", *MEMORY_HEADERS, "retry-after", "x-should-retry")


class HotRoutes:
    """Pure ASGI: serves POST requests to some paths before any routing, passes on all others."""

    def __init__(self, app: ASGIApp, routes: Mapping[str, ASGIApp]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        hot = self._routes.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        await (hot or self._app)(scope, receive, send)


def create_app(parts: Parts) -> FastAPI:
    """Return the application; everything in ``parts`` starts and ends with its lifespan."""
    settings = parts.settings
    journal = Journal(parts.counters)
    request_headers = RequestHeaders((*settings.identity.user_headers, *settings.identity.conversation_headers))
    recaller = Recaller(
        parts.pipeline,
        parts.background,
        timeout_s=settings.memory.timeout_ms / 1000,
        settle_timeout_s=settings.memory.settle_timeout_ms / 1000,
    )
    bookkeeper = Bookkeeper(
        parts.store.ledger,
        parts.background,
        dedupe_window_s=settings.memory.dedupe_window_s,
    )
    chat = Chat(_chat_parts(parts, recaller, bookkeeper, request_headers, journal))
    engine = parts.engine
    health = Health(parts.backend, parts.store.ledger, lambda: engine is None or engine.ready)
    app = DocumentedApp(
        title="MemOS Proxy",
        description="An OpenAI-compatible inference proxy with memory.",
        lifespan=_lifespan(parts, recaller, bookkeeper, health),
    )
    error_pages.install(app)
    activating = parts.activating
    kept = activating.engine.stats if activating is not None else None
    app.include_router(Metrics(parts.counters, parts.authenticator, parts.upkeep.tally, kept).router())
    here = activating.showed_up if activating is not None else None
    app.include_router(Models(parts.backend, parts.authenticator, request_headers, here).router())
    app.include_router(health.router())
    app.include_router(memory_router(parts))
    app.include_router(documents_router(parts))
    app.include_router(log_router(parts))
    app.include_router(sharing_router(parts))
    app.include_router(time_router(parts))
    app.include_router(schema_router(parts))
    app.include_router(graph_router(parts))
    app.include_router(pipelines_router(parts))
    for path in CHAT_PATHS:  # found by POST before; here for the other methods, which are told that POST is the one
        app.router.routes.append(Route(path, endpoint=chat, methods=["POST"]))
    limit = _body_limit(settings)
    import_limit = replace(limit, size_bytes=settings.server.max_import_mb << 20, knob="server.max_import_mb")
    app.add_middleware(BodyLimits, limit=limit, by_path={IMPORT_PATH: import_limit})
    app.add_middleware(AccessLog, journal=journal, routes=lambda: _patterns(app))
    app.add_middleware(HotRoutes, routes=dict.fromkeys(CHAT_PATHS, chat))
    if settings.server.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.server.cors_origins),
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=list(_EXPOSED),
        )
    app.state.health = health
    return app


def _patterns(app: FastAPI) -> Iterator[str]:
    for route in iter_route_contexts(app.routes):
        if route.path is not None:
            yield route.path


def _body_limit(settings: Settings) -> BodyLimit:
    server = settings.server
    return BodyLimit(size_bytes=server.max_body_mb << 20, knob="server.max_body_mb", silence_s=server.body_timeout_s)


def _chat_parts(
    parts: Parts, recaller: Recaller, bookkeeper: Bookkeeper, request_headers: RequestHeaders, journal: Journal
) -> ChatParts:
    settings = parts.settings
    return ChatParts(
        backend=parts.backend,
        authenticator=parts.authenticator,
        controls=ControlReader(
            default_mode=settings.memory.mode, conversation_headers=settings.identity.conversation_headers
        ),
        request_headers=request_headers,
        recaller=recaller,
        bookkeeper=bookkeeper,
        notes=parts.notes,
        journal=journal,
        clock=parts.clock,
        limits=ChatLimits(
            body=_body_limit(settings),
            max_concurrent=settings.limits.max_concurrent,
            silence_s=settings.backend.keep_alive_comment_s,
        ),
        prompt_cache=PromptCache.of(settings.backend.prompt_cache, settings.backend.base_url),
        activating=parts.activating,
    )


def _lifespan(
    parts: Parts, recaller: Recaller, bookkeeper: Bookkeeper, health: Health
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        drain_s = float(parts.settings.server.drain_timeout_s)
        try:
            await _start(parts)
            yield
        finally:
            health.draining = True
            recaller.close()
            await bookkeeper.finish(drain_s)
            await parts.notes.finish(min(drain_s, _NOTES_DRAIN_S))
            await parts.sweeper.stop()
            await parts.shelving.stop()
            if parts.organising is not None:
                await parts.organising.stop()
            if parts.extracting is not None:
                await parts.extracting.stop()
            if not await parts.background.drain(drain_s):
                logger.warning("some turns are not yet written; the next start takes them up")
            if parts.activating is not None:  # after the last turn that may hold a wish to forget
                await parts.activating.stop()
            await parts.backend.close()
            if parts.engine is not None:
                withdraw(parts.settings.data.dir)
                await parts.engine.stop()
            _close(parts)

    return lifespan


async def _start(parts: Parts) -> None:
    await parts.background.start()
    await parts.sweeper.start()
    await parts.shelving.start()
    if parts.organising is not None:
        await parts.organising.start()
    if parts.extracting is not None:
        await parts.extracting.start()
    if parts.engine is not None:
        await parts.engine.start()
    if parts.activating is not None:
        parts.activating.start(parts.pipeline)
    if parts.engine is not None:
        announce(parts.settings.data.dir, parts.engine.address)


def _close(parts: Parts) -> None:
    try:
        parts.store.close()
    except Unavailable:
        logger.exception("the vault did not close in peace")
