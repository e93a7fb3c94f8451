"""Requests in, one log line each and a few counters out; never what was said, never a key, never an id in a path.

Text for people, or one JSON object per line for collectors.
"""

import json
import logging
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proxy.relay import Progress
from proxy.restored import PENDING, TEXT
from proxy.wire import request_id

access = logging.getLogger("proxy.access")
UNMATCHED = "unmatched"  #: stands for every path that is no route: it may hold anything
_QUIET = frozenset(("/health", "/health/live", "/health/ready", "/metrics"))
#: C0, DEL, C1, the two line ends of Unicode, signs that turn the direction of writing, halves of surrogate pairs
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SEPARATOR = re.compile(r'[\s="]')


@dataclass(slots=True)
class RequestLine:
    """What the log says about one request; filled in on the way."""

    route: str = UNMATCHED  #: the path's pattern, such as ``/v1/memory/cubes/{cube_id}``; what counters are kept by
    request_id: str = field(default_factory=request_id)
    started_at: float = field(default_factory=time.perf_counter)
    sent_at: float | None = None  #: when the model server was asked
    headers_at: float | None = None  #: when it began to answer
    model: str = ""
    key_id: str = ""
    status: int = 0
    upstream_status: int | None = None  #: what the model server refused with
    warnings: tuple[str, ...] = ()  #: for the receipt: what the caller may not have meant
    error: str = ""  #: the code of the fault that ended it
    memory: str = ""
    reason: str = ""
    memories: int = 0
    tokens: int = 0
    lookup_ms: float = 0.0
    activation_tokens: int = 0  #: that our engine need not compute
    activation_tier: str = ""  #: where it had them; "": it did not say
    write: str = ""
    left: bool = False  #: the client closed the connection first
    progress: Progress = field(default_factory=Progress)

    def fields(self) -> dict[str, Any]:
        """Return the line as a flat object; times in milliseconds, those that never came are left out."""
        now, first = time.perf_counter(), self.progress.first_byte_at
        line: dict[str, Any] = {
            "request_id": self.request_id,
            "path": self.route,
            "status": 499 if self.left else self.status,
            "upstream_status": self.upstream_status,
            "error": self.error,
            "key_id": self.key_id,
            "model": self.model,
            "total_ms": _ms(self.started_at, now),
            "ttft_ms": _ms(self.started_at, first),
            "overhead_ms": self.overhead_ms(first),
            "bytes": self.progress.size_bytes,
            "memory": self.memory,
            "reason": self.reason,
            "memories": self.memories,
            "tokens": self.tokens,
            "lookup_ms": round(self.lookup_ms, 1),
            "activation_tokens": self.activation_tokens or None,
            "activation_tier": self.activation_tier,
            "write": self.write,
            "broken": self.progress.broken,
        }
        return {name: value for name, value in line.items() if value not in ("", None, False)}

    def overhead_ms(self, first: float | None) -> float | None:
        """Return what the first byte waited for this proxy, memory included, the model server not."""
        if first is None or self.sent_at is None or self.headers_at is None:
            return None
        return round(1000 * (first - self.started_at - (self.headers_at - self.sent_at)), 2)


class Counters:
    """Totals since the start, for one app. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()  # by route and status
        self._chats: Counter[tuple[str, str]] = Counter()  # by what memory did and what became of the turn
        self._memories = 0
        self._tokens = 0
        self._restores: Counter[str] = Counter()  # chats by the tier that spared the most of the prompt
        self._restored_tokens = 0

    def add(self, line: RequestLine) -> None:
        """Count a finished request."""
        status = 499 if line.left else line.status
        with self._lock:
            self._requests[line.route, status] += 1
            if line.activation_tier:
                self._restores[line.activation_tier] += 1
                self._restored_tokens += line.activation_tokens
            if line.memory:
                self._chats[line.memory, line.write] += 1
                self._memories += line.memories
                self._tokens += line.tokens

    def prometheus(self) -> str:
        """Return the totals in Prometheus' text format 0.0.4. Of paths that are no route only the number is told."""
        with self._lock:
            requests, chats = sorted(self._requests.items()), sorted(self._chats.items())
            memories, tokens = self._memories, self._tokens
            restores, restored_tokens = sorted(self._restores.items()), self._restored_tokens
        lines = ["# TYPE memos_requests_total counter"]
        lines += [f'memos_requests_total{{route="{route}",status="{status}"}} {n}' for (route, status), n in requests]
        lines.append("# TYPE memos_chats_total counter")
        lines += [f'memos_chats_total{{memory="{memory}",write="{write}"}} {n}' for (memory, write), n in chats]
        lines += ["# TYPE memos_memories_injected_total counter", f"memos_memories_injected_total {memories}"]
        lines += ["# TYPE memos_tokens_injected_total counter", f"memos_tokens_injected_total {tokens}"]
        if restores:
            lines.append("# TYPE memos_activation_chats_total counter")
            lines += [f'memos_activation_chats_total{{tier="{tier}"}} {n}' for tier, n in restores]
            lines.append("# TYPE memos_activation_tokens_total counter")
            lines.append(f"memos_activation_tokens_total {restored_tokens}")
            lines.append("# TYPE memos_activation_hit_ratio gauge")
            lines.append(f"memos_activation_hit_ratio {_hit_ratio(dict(restores)):.4f}")
        return "\n".join(lines) + "\n"


def _hit_ratio(restores: Mapping[str, int]) -> float:
    """The share of chats for which anything was restored, of those of which that is known."""
    known = sum(restores.values()) - restores.get(PENDING, 0)
    return 1 - restores.get(TEXT, 0) / known if known else 0.0


class Journal:
    """Writes request lines and counts them."""

    def __init__(self, counters: Counters) -> None:
        self.counters = counters

    def write(self, line: RequestLine) -> None:
        """Finish a request's line."""
        self.counters.add(line)
        if access.isEnabledFor(logging.INFO):
            access.info("request", extra={"fields": line.fields()})


class AccessLog:
    """Pure ASGI: one line for each request that the hot routes have not taken, and an ``x-request-id`` for it."""

    def __init__(self, app: ASGIApp, journal: Journal, routes: Callable[[], Iterable[str]]) -> None:
        """``routes`` tells the patterns of all paths, first things first."""
        self._app = app
        self._journal = journal
        self._routes = routes
        self._patterns: list[tuple[re.Pattern[str], str]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in _QUIET:
            await self._app(scope, receive, send)
            return
        line = RequestLine()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                line.status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", line.request_id.encode())]
            elif message["type"] == "http.response.body":
                line.progress.note(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            line.status = 500
            raise
        finally:
            line.route = self._route(scope)
            self._journal.write(line)

    def _route(self, scope: Scope) -> str:
        """The pattern that the router found, or would have found had the request come so far."""
        found: str | None = getattr(scope.get("route"), "path", None)
        if found is not None:
            return found
        self._patterns = self._patterns or [(compile_path(path)[0], path) for path in self._routes()]
        return next((path for pattern, path in self._patterns if pattern.match(scope["path"])), UNMATCHED)


class _Text(logging.Formatter):
    """One line a record, exceptions excepted: what callers sent can neither begin a line nor pass for a field."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the library's name
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        text = super().formatMessage(record)
        return _escaped(" ".join([text, *(f"{name}={_quoted(value)}" for name, value in fields.items())]))


def _quoted(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if _SEPARATOR.search(text) else text


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        try:
            return orjson.dumps(line, default=str).decode()
        except TypeError:  # halves of surrogate pairs
            return json.dumps(line, default=str)


def set_up_logging(level: str, *, as_json: bool) -> None:
    """Send the process's log to stderr; the servers' own access log is replaced by ours."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(_Json() if as_json else _Text("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [stream]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn.access").disabled = True
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


def _ms(start: float, end: float | None) -> float | None:
    return None if end is None else round(1000 * (end - start), 1)
