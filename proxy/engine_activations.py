"""The endpoints under ``/v1/activations``: messages in, their computed beginning kept; what is kept listed and dropped.

The law: the store is touched in the engine's thread only; what was dropped is not made again by a build that was asked
for before.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.activation_store.folder import Removed
from adapters.activation_store.stats import Preloaded
from adapters.activation_store.store import ActivationStore
from adapters.generation import BuildRequest
from adapters.prefix_cache import StoredPrefix, Tier
from memory.errors import Invalid, NotFound, Unavailable
from proxy.engine_chat import ClientGone, parse_json, read_body
from proxy.engine_fields import text
from proxy.engine_model import ServedModel, loading
from proxy.engine_wire import ActivationRequest, parse_activation

T = TypeVar("T")
logger = logging.getLogger(__name__)
_STATS_TIMEOUT_S: Final = 0.5
_PRELOADED_BYTES_A_TURN: Final = 64 << 20  #: between two batches, for which everybody waits


@dataclass(slots=True, eq=False)
class _Build:
    """One that was asked for and has not ended."""

    salts: Collection[str]
    digests: Collection[str] | None = None  #: of what it will make; None: not known yet
    refused: set[str] = field(default_factory=set)  #: digests that were dropped before that was known
    future: "Future[StoredPrefix] | None" = None
    task: "asyncio.Task[StoredPrefix] | None" = None
    dropped: bool = False

    def drop(self) -> None:
        self.dropped = True
        if self.future is not None:
            self.future.cancel()

    def refuse(self, digest: str) -> None:
        """Drop it if it makes that, or turns out to."""
        if self.digests is None:
            self.refused.add(digest)
        elif digest in self.digests:
            self.drop()

    def expect(self, digests: Collection[str]) -> None:
        """Take note of what it will make."""
        self.digests = digests
        if not self.refused.isdisjoint(digests):
            self.drop()

    async def begin(self, model: ServedModel, plan: BuildRequest) -> None:
        """Hand it to the engine, which has looked at it on return. Raises: NotFound, EngineDown."""
        if self.dropped:
            raise _dropped()
        self.future = model.engine.build(plan)
        await asyncio.wrap_future(model.engine.call(lambda _: None))

    @property
    def ended(self) -> bool:
        return self.future is not None and self.future.done()

    async def made(self) -> StoredPrefix:
        """Return what it made.

        Raises: NotFound: it was dropped meanwhile. Invalid: it is too short or too long. Unavailable: the queue or the
        store has no room for it.
        """
        if self.future is None:
            raise ValueError("it has not begun")
        try:
            stored = await asyncio.wrap_future(self.future)
        except asyncio.CancelledError:
            if self.dropped:
                raise _dropped() from None
            raise
        if stored.tier is Tier.TEXT:
            raise Unavailable(
                "It is not kept: those that are kept are more useful, and there is no room beside them. Raise "
                "engine.activation_disk_mb.",
                code="activation_not_kept",
            )
        return stored


class Activations:
    """Activation memories over HTTP."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model
        self._builds: set[_Build] = set()
        self._stats: Any = None  # the latest

    def routes(self) -> list[Route]:
        """Return what the engine's application serves."""
        return [
            Route("/v1/activations", self.build, methods=["POST"]),
            Route("/v1/activations", self.listed, methods=["GET"]),
            Route("/v1/activations", self.drop, methods=["DELETE"]),
            Route("/v1/activations/preload", self.preload, methods=["POST"]),
            Route("/v1/activations/{digest}", self.drop_one, methods=["DELETE"]),
        ]

    async def build(self, request: Request) -> Response:
        """Compute and keep a beginning, which goes on when the client hangs up."""
        wanted = parse_activation(parse_json(await self._body(request)), self._model.options.model_id)
        build = _Build({wanted.cache_salt, wanted.shared_cache_salt or wanted.cache_salt})
        self._builds.add(build)
        try:
            return await self._build(wanted, build)
        finally:
            if build.task is None:
                self._builds.discard(build)

    async def listed(self, request: Request) -> Response:
        """Return what is kept, of one owner or of all."""
        salt = request.query_params.get("cache_salt")
        stored = await self._in_engine(lambda store: store.list(salt))
        return _json({"object": "list", "data": [_entry(each) for each in stored]})

    async def drop(self, request: Request) -> Response:
        """Remove all that is kept of an owner, wherever it is, and what is being built for it."""
        salt = request.query_params.get("cache_salt")
        if salt is None:
            raise Invalid("Say whose are to be dropped: ?cache_salt=", param="cache_salt")
        for build in self._builds:
            if salt in build.salts:
                build.drop()
        engine = self._model.engine
        if self._model.ready and self._model.store is None:  # what it computed is in the context all the same
            await asyncio.wrap_future(engine.call(lambda _: engine.forget(lambda owner: owner == salt)))
        return _json(_report(await self._drop(lambda store: {store.salt_hash(salt)}, lambda store: store.drop(salt))))

    async def drop_one(self, request: Request) -> Response:
        """Remove one that is kept, and what follows it; nothing of its owners stays in the context."""
        digest = request.path_params["digest"]
        building = [build for build in self._builds if not build.dropped]
        for build in building:
            build.refuse(digest)
        removed = await self._drop(lambda store: store.owners(digest), lambda store: store.drop(digests=[digest]))
        if not removed.digests and not any(build.dropped for build in building):
            raise NotFound(f"There is no activation memory {digest!r}.", code="activation_not_found")
        return _json(_report(removed))

    async def preload(self, request: Request) -> Response:
        """Bring what is kept of an owner from disk into memory."""
        body = parse_json(await self._body(request))
        if not isinstance(body, dict):
            raise Invalid("The body must be a JSON object.")
        salt = text(body, "cache_salt")
        loaded = dict.fromkeys(("entries", "size_bytes", "damaged"), 0)
        left: Sequence[str] | None = None
        while left is None or left:
            part = await self._in_engine(partial(_preload, salt=salt, left=left))
            loaded = {name: number + getattr(part, name) for name, number in loaded.items()}
            left = part.left
        return _json(loaded)

    async def stats(self) -> Any:
        """Return what the store counts; what it last said while the engine is busy with a long batch."""
        if self._model.store is not None:
            try:
                async with asyncio.timeout(_STATS_TIMEOUT_S):
                    self._stats = await self._in_engine(lambda store: store.stats())
            except TimeoutError:
                pass
        return self._stats

    async def _build(self, wanted: ActivationRequest, build: _Build) -> Response:
        plan = await asyncio.to_thread(self._model.plan_build, wanted)
        store = self._store()
        build.expect([store.digest(plan.tokens[: each.length], each.salt) for each in plan.boundaries])
        known = {part.digest for part in await self._parts(plan)}
        await build.begin(self._model, plan)
        if wanted.wait or build.ended:
            await build.made()
            parts = await self._parts(plan)
            if not parts or parts[-1].length < len(plan.tokens):
                raise _dropped()
            return _made(plan, parts, known, durable=await self._durable(parts, wait=wanted.wait))
        build.task = asyncio.create_task(build.made(), name="activation-build")
        build.task.add_done_callback(lambda task: self._end(build, task))
        return _made(plan, [], known, durable=False)

    def _end(self, build: _Build, task: "asyncio.Task[StoredPrefix]") -> None:
        self._builds.discard(build)
        error = None if task.cancelled() else task.exception()
        if error is not None and not build.dropped:
            logger.warning("an activation memory that nobody waited for was not made: %s", error)

    async def _parts(self, plan: BuildRequest) -> list[StoredPrefix]:
        """Return what is kept of a prefix, part by part."""
        wanted = [(plan.tokens[: each.length], each.salt) for each in plan.boundaries]
        found = await self._in_engine(lambda store: [store.find(tokens, salt) for tokens, salt in wanted])
        return [part for part in found if part is not None]

    async def _durable(self, parts: Sequence[StoredPrefix], *, wait: bool) -> bool:
        """Return True when all of them would outlive a crash."""
        written = await self._in_engine(lambda store: [store.durable(part.digest) for part in parts])
        if not wait:
            return all(each.done() and each.result() for each in written)
        futures: list[asyncio.Future[bool]] = [asyncio.wrap_future(each) for each in written]
        return all(await asyncio.gather(*futures))

    async def _body(self, request: Request) -> bytes:
        """Return the body. Raises: Invalid when it is too long, ClientDisconnect."""
        try:
            return await read_body(request.receive, self._model.options.max_body_mb << 20)
        except ClientGone as error:
            raise ClientDisconnect from error

    async def _drop(
        self, owners: Callable[[ActivationStore], set[str]], drop: Callable[[ActivationStore], Removed]
    ) -> Removed:
        """Drop from the store, and whatever the context holds of these owners, given as hashes of their salts."""
        engine = self._model.engine

        def dropped(store: ActivationStore) -> Removed:
            hashes = owners(store)
            engine.forget(lambda salt: store.salt_hash(salt) in hashes)
            return drop(store)

        return await self._in_engine(dropped)

    async def _in_engine(self, function: Callable[[ActivationStore], T]) -> T:
        """Run a function of the store in the thread that owns it. Raises: EngineDown, Invalid when there is none."""
        store = self._store()
        return await asyncio.wrap_future(self._model.engine.call(lambda _: function(store)))

    def _store(self) -> ActivationStore:
        """Return the store. Raises: EngineDown, Invalid when there is none."""
        model = self._model
        if not model.ready:
            raise loading()
        store = model.store
        if store is None:
            raise Invalid(
                "This engine keeps no activation memories: it has no room. Raise engine.activation_disk_mb above 0.",
                code="activations_off",
            )
        return store


def _preload(store: ActivationStore, *, salt: str, left: Sequence[str] | None) -> Preloaded:
    return store.preload(salt, most_bytes=_PRELOADED_BYTES_A_TURN, left=left)


def _dropped() -> NotFound:
    return NotFound("It was dropped while it was being made.", code="activation_dropped")


def _made(plan: BuildRequest, parts: Sequence[StoredPrefix], known: Collection[str], *, durable: bool) -> Response:
    """Return the answer to a build; without parts it is still being computed."""
    fresh = [part for part in parts if part.digest not in known]
    body = {
        "object": "activation",
        "digest": parts[-1].digest if parts else None,
        "tokens": len(plan.tokens),
        "size_bytes": sum(part.size_bytes for part in parts),
        "build_ms": _ms(sum(part.build_s for part in fresh)),
        "new": bool(fresh) or not parts,
        "parts": [_part(part, new=part.digest not in known) for part in parts],
        "tier": parts[-1].tier if parts else Tier.TEXT,
        "durable": durable,
    }
    return _json(body, 200 if durable else 202)


def _part(part: StoredPrefix, *, new: bool) -> dict[str, Any]:
    return {"digest": part.digest, "tokens": part.length - part.start, "size_bytes": part.size_bytes, "new": new}


def _entry(stored: StoredPrefix) -> dict[str, Any]:
    return {
        "object": "activation",
        "digest": stored.digest,
        "parent": stored.parent,
        "salt_hash": stored.salt_hash,
        "tokens": stored.length,
        "own_tokens": stored.length - stored.start,
        "size_bytes": stored.size_bytes,
        "build_ms": _ms(stored.build_s),
        "tier": stored.tier,
        "uses": stored.uses,
        "created_at": stored.created_at,
        "last_used_at": stored.last_used_at,
        "labels": stored.labels,
    }


def _report(removed: Removed) -> dict[str, Any]:
    return {
        "object": "activation.dropped",
        "dropped": len(removed.digests),
        "files": removed.files,
        "file_bytes": removed.file_bytes,
        "digests": removed.digests,
    }


def _ms(duration_s: float) -> float:
    return round(duration_s * 1000, 3)


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
