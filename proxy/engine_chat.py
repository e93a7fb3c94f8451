"""A chat completion over ASGI: request bytes in, JSON or server-sent events out.

The law: a client that hangs up, at whatever moment, cancels its generation; once a stream has begun its errors are
frames, before that they are statuses.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from adapters.generation import Event, Failed, Finished, GenerationRequest, Piece
from memory.errors import Invalid, MemoryFault
from proxy.engine_model import ServedModel
from proxy.engine_wire import BODY_TOO_LARGE, ChatRequest, CompletionShape, error_answer, parse_chat

logger = logging.getLogger(__name__)
_SSE_HEADERS = {"content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no"}
_JSON_HEADERS = {"content-type": "application/json"}


class ClientGone(Exception):
    """The client has closed the connection."""


class EventQueue:
    """The events of one generation, on the event loop; the client's leaving ends it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()  # bounded by the request's max_tokens

    def deliver(self, event: Event) -> None:
        """Take an event in the engine's thread."""
        self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def watch(self, receive: Receive) -> None:
        """Wait until the client has gone."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._events.put_nowait(None)

    async def next(self, timeout_s: float | None = None) -> Event:
        """Return the next event. Raises: ClientGone, TimeoutError."""
        async with asyncio.timeout(timeout_s):
            event = await self._events.get()
        if event is None:
            raise ClientGone
        return event


class ChatEndpoint:
    """``POST /v1/chat/completions`` as an ASGI application."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model
        self._options = model.options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI's signature
        """Answer one request."""
        try:
            request = await self._read(receive)
            await self._answer(request, receive, send)
        except ClientGone:
            return
        except MemoryFault as error:
            await send_error(send, error)

    async def _read(self, receive: Receive) -> ChatRequest:
        raw = await read_body(receive, self._options.max_body_mb << 20)
        return parse_chat(parse_json(raw), self._options.model_id, self._model.defaults)

    async def _answer(self, request: ChatRequest, receive: Receive, send: Send) -> None:
        model = self._model
        prompt = await asyncio.to_thread(model.prompt, request.messages, request.template_options)
        events = EventQueue()
        generation = model.engine.submit(
            GenerationRequest(
                prompt=prompt,
                max_tokens=request.max_tokens or self._options.default_max_tokens,
                on_event=events.deliver,
                sampling=request.sampling,
                stop=request.stop,
                cache_salt=request.cache_salt,
            )
        )
        watcher = asyncio.create_task(events.watch(receive))
        shape = CompletionShape(
            id="chatcmpl-" + secrets.token_hex(12),
            created=int(time.time()),
            model=self._options.model_id,
            fingerprint=model.fingerprint,
        )
        try:
            if request.stream:
                await _Stream(send, shape, request.include_usage).run(events, self._options.keep_alive_comment_s)
            else:
                await _whole(send, shape, events)
        except OSError as error:  # the server's way to say that the connection broke while it was written to
            raise ClientGone from error
        finally:
            # Without effect on a generation that has ended.
            model.engine.cancel(generation)
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher


async def _whole(send: Send, shape: CompletionShape, events: EventQueue) -> None:
    texts: list[str] = []
    while True:
        match await events.next():
            case Piece(text):
                texts.append(text)
            case Finished() as end:
                await send_json(send, 200, shape.whole("".join(texts), end))
                return
            case Failed(error):
                await send_error(send, error)
                return


class _Stream:
    """One answer as server-sent events. The response begins with the first event or the first comment."""

    def __init__(self, send: Send, shape: CompletionShape, include_usage: bool) -> None:
        self._send = send
        self._shape = shape
        self._include_usage = include_usage
        self._begun = False

    async def run(self, events: EventQueue, comment_s: float) -> None:
        """Send events until the generation ends. Raises: ClientGone."""
        role_sent = False
        while True:
            try:
                event = await events.next(comment_s)
            except TimeoutError:
                await self._write(b": keep-alive\n\n")
                continue
            if isinstance(event, Failed):
                await self._fail(event.error)
                return
            frames = b"" if role_sent else self._chunk({"role": "assistant", "content": ""})
            role_sent = True
            if isinstance(event, Piece):
                await self._write(frames + self._chunk({"content": event.text}))
                continue
            frames += self._chunk({}, finish_reason=event.reason.value)
            if self._include_usage:
                frames += _frame(self._shape.usage_chunk(event.usage))
            await self._write(frames + b"data: [DONE]\n\n", more=False)
            return

    def _chunk(self, delta: Mapping[str, Any], *, finish_reason: str | None = None) -> bytes:
        return _frame(self._shape.chunk(delta, usage_asked=self._include_usage, finish_reason=finish_reason))

    async def _fail(self, error: Exception) -> None:
        if self._begun:
            await self._write(_frame(error_answer(error)[2]), more=False)
        else:
            await send_error(self._send, error)

    async def _write(self, data: bytes, *, more: bool = True) -> None:
        if not self._begun:
            self._begun = True
            await _start(self._send, 200, _SSE_HEADERS)
        await self._send({"type": "http.response.body", "body": data, "more_body": more})


def _frame(value: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


async def read_body(receive: Receive, limit_bytes: int) -> bytes:
    """Return the request's body. Raises: ClientGone, Invalid when it is too long."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit_bytes:
            raise Invalid(f"The body is longer than {limit_bytes >> 20} MiB.", code=BODY_TOO_LARGE)
        if not message.get("more_body", False):
            return b"".join(parts)


def parse_json(raw: bytes) -> Any:
    """Return the parsed body. Raises: Invalid."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"The body is not valid JSON: {error}", code="invalid_json") from error


async def send_json(send: Send, status: int, value: Any, headers: Mapping[str, str] | None = None) -> None:
    """Send a whole JSON response."""
    body = orjson.dumps(value)
    await _start(send, status, {**_JSON_HEADERS, "content-length": str(len(body)), **(headers or {})})
    await send({"type": "http.response.body", "body": body})


async def send_error(send: Send, error: Exception) -> None:
    """Send an error in OpenAI's shape."""
    status, headers, body = error_answer(error)
    await send_json(send, status, body, headers)


async def _start(send: Send, status: int, headers: Mapping[str, str]) -> None:
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
