"""``/v1/models`` relayed from the model server, and what probes ask: ``/health`` and ``/version``.

A probe never asks a model anything.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Request, Response

from adapters.backend import Backend
from adapters.backend import RawHeaders as BackendHeaders
from memory.errors import EngineDown, NotFound, Unavailable
from memory.ports import Ledger
from memory.turn import Scope
from proxy.auth import Authenticator
from proxy.memory_wire import ERRORS
from proxy.overflow import Replayed
from proxy.wire import IDENTITY_ENCODING, RequestHeaders, returned

DISTRIBUTION = "memos-proxy"
_PROBE_EVERY_S = 1.0
_UNKNOWN = (404, 405, 501)  # servers without a page for one model


class Models:
    """The list of models and each of them."""

    def __init__(
        self,
        backend: Backend,
        authenticator: Authenticator,
        request_headers: RequestHeaders,
        showed_up: Callable[[Scope], None] | None = None,
    ) -> None:
        """``showed_up`` is told who asks: clients list the models before the first chat."""
        self._backend = backend
        self._authenticator = authenticator
        self._request_headers = request_headers
        self._showed_up = showed_up

    def router(self) -> APIRouter:
        """Return the routes, with and without ``/v1``."""
        router = APIRouter(tags=["models"], responses=ERRORS)
        for prefix, shown in (("/v1", True), ("", False)):
            router.add_api_route(f"{prefix}/models", self.list, methods=["GET"], include_in_schema=shown)
            router.add_api_route(f"{prefix}/models/{{model:path}}", self.get, methods=["GET"], include_in_schema=shown)
        return router

    async def list(self, request: Request) -> Response:
        """List the models, as the model server does."""
        return _relayed(await self._read("/models", request))

    async def get(self, request: Request, model: str) -> Response:
        """Return one model; its id may hold slashes."""
        answer = await self._read(f"/models/{quote(model, safe='/:')}", request)
        if answer.status not in _UNKNOWN:
            return _relayed(answer)
        answer = await self._read("/models", request)
        if answer.status != 200:
            return _relayed(answer)
        found = next((entry for entry in _entries(answer.body) if entry.get("id") == model), None)
        if found is None:
            raise NotFound(f"The model {model[:200]!r} does not exist.", param="model", code="model_not_found")
        return Response(orjson.dumps(found), media_type="application/json")

    async def _read(self, path: str, request: Request) -> Replayed:
        headers = request.scope["headers"]
        identity = await asyncio.to_thread(self._authenticator.authenticate, headers)
        identity.check_chat()
        if self._showed_up is not None:
            self._showed_up(identity.scope)
        sent = [h for h in self._request_headers.forwarded(headers, identity.authorization) if h[0] != b"content-type"]
        response = await self._backend.send("GET", path, sent)
        try:
            return await Replayed.of(response)
        finally:
            response.close()


async def listed_models(backend: Backend) -> tuple[int, list[str]]:
    """Return the status of the model server's list and the ids on it, in its order.

    Raises: EngineDown: the server cannot be asked.
    """
    response = await backend.send("GET", "/models", [IDENTITY_ENCODING])
    try:
        answer = await Replayed.of(response)
    finally:
        response.close()
    return answer.status, [entry["id"] for entry in _entries(answer.body) if isinstance(entry.get("id"), str)]


class Health:
    """Whether this process lives, and whether it can take chats."""

    def __init__(self, backend: Backend, ledger: Ledger, engine_ready: Callable[[], bool]) -> None:
        self._backend = backend
        self._engine_ready = engine_ready
        self._ledger = ledger
        self._checked_at = -_PROBE_EVERY_S
        self._missing: dict[str, str] = {}
        self._probing = asyncio.Lock()
        self.draining = False  #: set when the server was told to stop

    def router(self) -> APIRouter:
        """Return the routes; none of them needs a key."""
        router = APIRouter(tags=["health"])
        router.add_api_route("/health/live", self.live, methods=["GET"])
        router.add_api_route("/health/ready", self.ready, methods=["GET"])
        router.add_api_route("/health", self.ready, methods=["GET"])
        router.add_api_route("/version", self.version, methods=["GET"])
        return router

    async def live(self) -> Response:
        """Say that the process answers."""
        return _answer(200, {"status": "live"})

    async def ready(self) -> Response:
        """Say what is missing, if anything: the model server, the vault, or the will to go on."""
        async with self._probing:
            if time.monotonic() - self._checked_at >= _PROBE_EVERY_S:
                self._missing = await self._look()
                self._checked_at = time.monotonic()
        missing = self._missing | ({"server": "it is shutting down"} if self.draining else {})
        if missing:
            return _answer(503, {"status": "not ready", "missing": missing})
        return _answer(200, {"status": "ready"})

    async def version(self) -> Response:
        """Say which version this is."""
        try:
            number = version(DISTRIBUTION)
        except PackageNotFoundError:
            number = "unknown"
        return _answer(200, {"name": DISTRIBUTION, "version": number})

    async def _look(self) -> dict[str, str]:
        missing: dict[str, str] = {}
        if not self._engine_ready():
            missing["engine"] = "the model is not loaded yet"
        try:
            if reason := await self._backend.ready():
                missing["backend"] = reason
        except EngineDown as fault:
            missing["backend"] = str(fault)
        try:
            await asyncio.to_thread(self._ledger.counts)
        except Unavailable as fault:
            missing["vault"] = str(fault)
        return missing


def _answer(status: int, content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json", headers={"cache-control": "no-store"})


def _relayed(answer: Replayed) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers[:] = _lengthed(answer.headers, len(answer.body))
    return response


def _lengthed(headers: BackendHeaders, size_bytes: int) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in returned(headers) if name != b"content-length"]
    return [*kept, (b"content-length", str(size_bytes).encode())]


def _entries(body: bytes) -> Sequence[dict[str, Any]]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ()
    data = content.get("data") if isinstance(content, dict) else None
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else ()
