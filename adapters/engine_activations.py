"""Orders to keep computed prefixes in, requests to our own engine out: the port ``ActivationEngine`` over a backend.

The law: what the engine refuses is ``Invalid`` with its own words, what it cannot do now is ``Unavailable``.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import quote

import orjson

from adapters.backend import Backend
from memory.errors import EngineDown, Invalid, NotFound, QueueFull, Unavailable
from memory.prefix import Activation, BuildOrder, Built, Dropped

_PATH = "/activations"
_HEADERS = ((b"content-type", b"application/json"), (b"accept-encoding", b"identity"))
NOT_KEPT = "activation_not_kept"  # what is kept already is worth more
_KEEPS_NONE = "activations_off"
_MISSING, _CONFLICT, _TOO_MANY, _FAILED = 404, 409, 429, 500


class EngineActivations:
    """What our own engine keeps; one instance for each backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def build(self, order: BuildOrder) -> Built:
        """Compute and keep a beginning.

        Raises: Invalid: it is too short or too long. NotFound: it was dropped meanwhile. EngineDown, QueueFull.
        Unavailable (code ``NOT_KEPT``): there is no room.
        """
        body: dict[str, Any] = {
            **order.more,
            "messages": order.messages,
            "cache_salt": order.owner,
            "labels": order.labels,
            "priority": "idle" if order.idle else "now",
            "wait": order.wait,
        }
        if order.shared_owner and order.shared_messages:
            body |= {"shared_messages": order.shared_messages, "shared_cache_salt": order.shared_owner}
        status, made = await self._ask("POST", _PATH, body)
        return Built(
            digest=str(made.get("digest") or ""),
            tokens=int(made.get("tokens") or 0),
            size_bytes=int(made.get("size_bytes") or 0),
            build_ms=float(made.get("build_ms") or 0.0),
            new=bool(made.get("new", True)),
            durable=status == 200,
        )

    async def drop(self, owner: str, digests: Sequence[str] | None = None) -> Dropped:
        """Remove all that is kept of an owner, or what is named; what is gone is no fault. Raises: EngineDown."""
        if digests is None:
            return _dropped(await self._ask_keeper("DELETE", _of(owner)))
        reports: list[Mapping[str, Any]] = []
        for digest in digests:
            try:
                reports.append(await self._ask_keeper("DELETE", f"{_PATH}/{quote(digest, safe='')}"))
            except NotFound:
                continue
        return _dropped(*reports)

    async def list(self, owner: str | None) -> list[Activation]:
        """Return what is kept of an owner, None: of all. Raises: EngineDown."""
        answer = await self._ask_keeper("GET", _PATH if owner is None else _of(owner))
        return [activation_of(each) for each in answer.get("data", ())]

    async def preload(self, owner: str) -> None:
        """Hint that prompts of this owner will come. Raises: EngineDown."""
        await self._ask_keeper("POST", f"{_PATH}/preload", {"cache_salt": owner})

    async def stats(self) -> Mapping[str, Any]:
        """Return what the engine counts. Raises: EngineDown."""
        _, answer = await self._ask("GET", "/health")
        stats = answer.get("activations")
        return stats if isinstance(stats, dict) else {}

    async def _ask_keeper(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Return what is said about what is kept; an engine that keeps none has nothing to say."""
        try:
            return (await self._ask(method, path, body))[1]
        except Invalid as fault:
            if fault.code == _KEEPS_NONE:
                return {}
            raise

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        sent = b"" if body is None else _dumped(body)
        response = await self._backend.send(method, path, _HEADERS, sent)
        try:
            raw = b"".join([piece async for piece in response.chunks()])
        finally:
            response.close()
        try:
            answer = orjson.loads(raw)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise EngineDown(f"The engine answered {response.status} to {method} {path.partition('?')[0]}.")
        if response.status >= 400:
            _raise(response.status, answer)
        return response.status, answer


def activation_of(entry: Mapping[str, Any]) -> Activation:
    """Return an entry of the engine's list."""
    return Activation(
        digest=str(entry["digest"]),
        tokens=int(entry.get("tokens") or 0),
        size_bytes=int(entry.get("size_bytes") or 0),
        tier=str(entry.get("tier") or ""),
        uses=int(entry.get("uses") or 0),
        build_ms=float(entry.get("build_ms") or 0.0),
        created_at=float(entry.get("created_at") or 0.0),
        last_used_at=float(entry.get("last_used_at") or 0.0),
        salt_hash=str(entry.get("salt_hash") or ""),
        labels=entry.get("labels") or {},
    )


def _dumped(body: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError as error:  # integers beyond 64 bits, halves of surrogate pairs: the caller's own
        raise Invalid(f"This prompt cannot be kept: {error}.", code="activation_not_json") from error


def _of(owner: str) -> str:
    return f"{_PATH}?cache_salt={quote(owner, safe='')}"


def _dropped(*reports: Mapping[str, Any]) -> Dropped:
    def total(name: str) -> int:
        return sum(int(report.get(name) or 0) for report in reports)

    return Dropped(prefixes=total("dropped"), files=total("files"), size_bytes=total("file_bytes"))


def _raise(status: int, answer: Mapping[str, Any]) -> NoReturn:
    error = answer.get("error")
    said = error if isinstance(error, dict) else {}
    message, code = said.get("message"), said.get("code")
    if status in (_MISSING, _CONFLICT):
        raise NotFound(message, code=code)
    if status == _TOO_MANY:
        raise QueueFull(message, code=code)
    if status >= _FAILED:
        raise Unavailable(message, code=code) if code == NOT_KEPT else EngineDown(message, code=code)
    raise Invalid(message, param=said.get("param"), code=code)
