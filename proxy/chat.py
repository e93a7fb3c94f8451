"""``POST /v1/chat/completions``: the hot path, as a bare ASGI app.

    who, what may memory do ─▸ recall ─▸ model server ─▸ ledger row ─▸ bytes as they come ─▸ row closed ─▸ [DONE]

With memory off, request and response go through byte for byte. With memory on only ``messages`` change, and what the
model server must know of its prompt cache is added. A client that leaves, at whatever moment, closes the model server's
socket.
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from adapters.backend import Backend, BackendResponse
from adapters.prompt_cache import PromptCache
from memory.errors import Invalid, MemoryFault, QueueFull
from memory.ports import Clock
from memory.prefix import block_key
from memory.rules.sentences import well_formed
from memory.turn import Mode
from proxy.activating import Activating
from proxy.activation_use import ChatUse
from proxy.auth import Authenticator, Caller
from proxy.bookkeeping import Bookkeeper, OpenTurn
from proxy.closing import Call, Closing, record_of
from proxy.controls import ControlReader, allowed_mode
from proxy.errors import fault_code, internal_fault, send_fault
from proxy.notes import Notes
from proxy.overflow import OVERFLOW_STATUS, Replayed, is_overflow
from proxy.presence import Presence
from proxy.recall import Recalled, Recaller
from proxy.receipt import memory_headers
from proxy.relay import is_event_stream, relay, relay_body, relay_events, send_start
from proxy.restored import TEXT, Restored
from proxy.sse import BodyReader, StreamReader
from proxy.telemetry import Journal, RequestLine
from proxy.wire import (
    BodyLimit,
    ClientLeft,
    Headers,
    RequestHeaders,
    dump_object,
    parse_object,
    read_body,
    returned,
)

logger = logging.getLogger(__name__)

_PATH = "/chat/completions"
_UNNAMED = (
    "no user was named in this request, so it shares one memory with all others of this key that name none; "
    "send X-Memory-User-Id, or `user` in the body"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLimits:
    """How much a chat may ask for."""

    body: BodyLimit
    max_concurrent: int
    silence_s: float  #: an event stream gets a comment after so long without a byte


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatParts:
    """What the hot path works with."""

    backend: Backend
    authenticator: Authenticator
    controls: ControlReader
    request_headers: RequestHeaders
    recaller: Recaller
    bookkeeper: Bookkeeper
    notes: Notes
    journal: Journal
    clock: Clock
    limits: ChatLimits
    prompt_cache: PromptCache
    activating: Activating | None = None  #: where our own engine keeps what it computed


class Chat:
    """The chat endpoint."""

    def __init__(self, parts: ChatParts) -> None:
        self._at = parts
        self._running = 0
        self._warned: set[str] = set()  # keys; there are as many as people make

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one chat."""
        line = RequestLine(route=scope["path"], memory="off", write="off")
        presence = Presence(receive)
        started = False

        async def sending(message: Any) -> None:
            nonlocal started
            started = True
            if not message.get("more_body", True):
                presence.over = True
            await send(message)

        try:
            caller = self._at.authenticator.caller(scope["headers"])
            caller.holder.check_chat()
            with self._place():
                call = await self._understood(scope, receive, line, caller)
                presence.watch()
                await self._answer(sending, call)
        except ClientLeft:
            line.left = True
        except asyncio.CancelledError:
            if not presence.excuse():
                raise
            line.left = True
        except MemoryFault as fault:
            await self._refuse(send, fault, line, started=started)
        except Exception:
            logger.exception("request %s failed", line.request_id)
            await self._refuse(send, internal_fault(), line, started=started)
        finally:
            presence.stop()
            self._at.journal.write(line)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """One of the chats that may run at once; only who has a key takes one. Raises: QueueFull."""
        if self._running >= self._at.limits.max_concurrent:
            raise QueueFull("Too many chats at once; try again in a moment.", retry_after_s=1.0)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    async def _understood(self, scope: AsgiScope, receive: Receive, line: RequestLine, caller: Caller) -> Call:
        at = self._at
        line.key_id = caller.holder.key_id
        by_name = at.controls.by_name(scope["headers"])
        controls = at.controls.read(by_name)
        raw = await read_body(receive, by_name, at.limits.body)
        body = parse_object(raw)
        identity = caller.acting(body)
        line.model = well_formed(str(body.get("model") or "")[:200])
        mode = allowed_mode(controls, identity)
        if identity.unnamed and mode is not Mode.OFF:
            line.warnings = (_UNNAMED,)
            self._warn_once(identity.key_id)
        return Call(
            raw=raw,
            body=body,
            headers=at.request_headers.forwarded(scope["headers"], identity.authorization),
            identity=identity,
            controls=replace(controls, mode=mode),
            line=line,
        )

    def _warn_once(self, key_id: str) -> None:
        if key_id not in self._warned:
            self._warned.add(key_id)
            logger.warning("key %s may name users: %s", key_id, _UNNAMED)

    async def _answer(self, send: Send, call: Call) -> None:
        if call.controls.mode is Mode.OFF:
            await self._without_memory(send, call)
            return
        messages = _messages(call.body)
        recalled = await self._at.recaller.recall(messages, call.identity.scope, call.controls)
        try:
            response, recalled = await self._asked(call, recalled)
            if self._at.backend.shares_cache:  # what another server says of it is not ours to believe
                recalled = replace(recalled, restored=Restored.of(response.headers))
        except BaseException:
            recalled.let_go()
            raise
        try:
            if 200 <= response.status < 300:
                self._count_use(call, recalled)
                recalled = await recalled.named()
                await self._with_memory(send, call, recalled, response)
            else:
                extra = memory_headers(call.line.request_id, recalled, write="off")
                await relay(send, response, _identified(response, extra, call.line), call.line.progress)
        finally:
            recalled.let_go()
            _note(call.line, recalled, response.status, restorable=self._restorable(call, recalled))
            response.close()

    async def _without_memory(self, send: Send, call: Call) -> None:
        response = await self._sent(call, self._salted(call, call.body, call.raw))
        extra: Headers = [
            (b"x-memory-status", b"off"),
            (b"x-memory-request-id", call.line.request_id.encode()),
            (b"x-memory-write", b"off"),
        ]
        call.line.status = response.status
        try:
            await relay(send, response, _identified(response, extra, call.line), call.line.progress)
        finally:
            response.close()

    async def _asked(self, call: Call, recalled: Recalled) -> tuple[BackendResponse, Recalled]:
        """Ask the model server; once more without memory when the memory is what made the request too long."""
        prepared = recalled.prepared
        if prepared is None or not prepared.changed:
            return await self._sent(call, self._salted(call, call.body, call.raw)), recalled
        changed = {**call.body, "messages": prepared.messages}
        response = await self._sent(call, self._salted(call, changed, None))
        if response.status != OVERFLOW_STATUS:
            return response, recalled
        try:
            replayed = await Replayed.of(response)
        finally:
            response.close()
        if not is_overflow(replayed.body):
            return replayed, recalled
        recalled = recalled.without("with memory the request was longer than the model's context")
        return await self._sent(call, self._salted(call, call.body, call.raw)), recalled

    async def _sent(self, call: Call, body: bytes) -> BackendResponse:
        call.line.sent_at = call.line.sent_at or time.perf_counter()
        response = await self._at.backend.send("POST", _PATH, call.headers, body)
        call.line.headers_at = time.perf_counter()
        call.line.upstream_status = response.status if response.status >= 400 else None
        return response

    def _salted(self, call: Call, body: dict[str, Any], raw: bytes | None) -> bytes:
        """Return the body to send: the caller's own bytes when nothing in it changed."""
        if self._at.backend.shares_cache:
            return dump_object({**body, **self._for_engine(call)})
        salt, memory = self._at.authenticator.cache_salt(call.identity), call.controls.mode is not Mode.OFF
        told = self._at.prompt_cache.told(body, salt, memory=memory)
        return dump_object(told) if raw is None or told is not body else raw

    def _for_engine(self, call: Call) -> dict[str, Any]:
        """What our own engine is told beside: whose tokens these are, and whether what it keeps may be used."""
        authenticator = self._at.authenticator
        return {
            "cache_salt": authenticator.cache_salt(call.identity),
            "shared_cache_salt": authenticator.shared_cache_salt(call.identity),
            "activation": self._serves(call),
        }

    def _serves(self, call: Call) -> bool:
        """Whether activation memory may serve this chat."""
        activating, controls = self._at.activating, call.controls
        return activating is not None and controls.mode.reads and activating.planner.policy.serves(controls.policy)

    def _count_use(self, call: Call, recalled: Recalled) -> None:
        """Tell the scheduler of activation memory that a chat began with this user's stable block."""
        activating, controls, prepared = self._at.activating, call.controls, recalled.prepared
        if activating is None or prepared is None or not controls.mode.reads:
            return
        if controls.as_of is not None or controls.without:  # what is asked of another memory tells nothing of this one
            return
        activating.showed_up(call.identity.scope)
        if self._serves(call):
            block = block_key(prepared.injection.stable_text)
            missed = recalled.restored is not None and recalled.restored.tier == TEXT
            wished = controls.policy == "kv"
            activating.used(ChatUse(call.identity.scope, call.body, controls.budget_tokens, block, missed, wished))

    def _restorable(self, call: Call, recalled: Recalled) -> bool:
        """Whether this user's activation memory might have served this chat: where not, none is missing."""
        prepared = recalled.prepared
        return self._serves(call) and prepared is not None and bool(prepared.injection.stable_text)

    async def _with_memory(self, send: Send, call: Call, recalled: Recalled, response: BackendResponse) -> None:
        record = record_of(call, recalled, self._at.clock)
        opening = self._at.bookkeeper.open(record) if record is not None else None
        reader: StreamReader | BodyReader = StreamReader() if is_event_stream(response.headers) else BodyReader()
        closing = Closing(self._at.bookkeeper, self._at.notes, call, recalled, reader, opening)
        try:
            turn = await asyncio.shield(opening) if opening is not None else OpenTurn()
            if turn.write == "spooled":
                reason = recalled.reason or "the vault cannot be written at the moment"
                recalled = closing.recalled = replace(recalled, status="degraded", reason=reason)
            call.line.write, call.line.status = turn.write, response.status
            headers = returned(response.headers)
            headers += _identified(response, memory_headers(call.line.request_id, recalled, turn.write), call.line)
            if isinstance(reader, StreamReader):
                headers = [(name, value) for name, value in headers if name != b"content-length"]  # comments add to it
                await send_start(send, response.status, headers)
                silence_s = self._at.limits.silence_s
                await relay_events(send, response, reader, closing.whole, call.line.progress, silence_s)
            else:
                await send_start(send, response.status, headers)
                await relay_body(send, response, reader, closing.whole, call.line.progress)
        finally:
            closing.broken()

    async def _refuse(self, send: Send, fault: MemoryFault, line: RequestLine, *, started: bool) -> None:
        line.status = line.status or 500
        line.error = fault_code(fault)
        if started:
            return  # too late for an answer: the server closes the connection, which says that it is not whole
        headers = [(b"x-request-id", line.request_id.encode()), (b"x-memory-request-id", line.request_id.encode())]
        line.status = await send_fault(send, fault, headers)


def _messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages = body.get("messages")
    if messages is None and "input" in body:
        raise Invalid(
            "This is a Responses request (`input`, no `messages`); a chat completion needs `messages`.",
            param="messages",
            code="responses_not_supported",
        )
    if messages is None:
        raise Invalid("Missing required parameter: 'messages', a list of messages.", param="messages")
    if not isinstance(messages, list) or not messages:
        raise Invalid("'messages' must be a list with at least one message.", param="messages")
    for position, message in enumerate(messages):
        if not isinstance(message, dict):
            raise Invalid(f"messages[{position}] must be an object.", param=f"messages[{position}]")
    return messages


def _identified(response: BackendResponse, extra: Headers, line: RequestLine) -> Headers:
    """Add an ``x-request-id`` where the model server gave none."""
    if not any(name.lower() == b"x-request-id" for name, _ in response.headers):
        extra.append((b"x-request-id", line.request_id.encode()))
    return extra


def _note(line: RequestLine, recalled: Recalled, status: int, *, restorable: bool) -> None:
    injection = recalled.prepared.injection if recalled.prepared is not None else None
    line.status, line.memory, line.reason = status, recalled.status, recalled.reason
    line.lookup_ms = recalled.lookup_ms
    if recalled.restored is not None and (restorable or recalled.restored.tokens):
        line.activation_tokens, line.activation_tier = recalled.restored.tokens, recalled.restored.tier
    if injection is not None:
        line.memories, line.tokens = len(injection.cube_ids), injection.tokens
