"""A chat completion over ASGI: request bytes in, JSON or server-sent events out.

The law: a client that hangs up, at whatever moment, cancels its generation; once a stream has begun its errors are
frames, before that they are statuses.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from adapters.generation import Event, Failed, Finished, GenerationRequest, Piece, Usage
from memory.errors import Invalid, MemoryFault
from proxy.engine_answer import ChoiceStream, CompletionShape, Said, activation_headers, total
from proxy.engine_choices import Choices
from proxy.engine_model import ServedModel
from proxy.engine_wire import ChatRequest, parse_chat
from proxy.errors import fault_body, send_fault

logger = logging.getLogger(__name__)
_SSE_HEADERS = {"content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no"}
_JSON_HEADERS = {"content-type": "application/json"}


class ClientGone(Exception):
    """The client has closed the connection."""


class EventQueue:
    """The events of one generation, on the event loop; the client's leaving ends it."""

    def __init__(self, *, whole: bool = False) -> None:
        """``whole``: nobody waits for the pieces one by one."""
        self._whole = whole
        self._loop = asyncio.get_running_loop()
        self._events: deque[Event | None] = deque()  # bounded by the request's max_tokens
        self._waiter: asyncio.Future[None] | None = None
        self.post = self._loop.call_soon_threadsafe  #: how the engine's thread has ``deliver`` called

    def deliver(self, event: Event | None) -> None:
        """Take an event; None: the client has gone."""
        self._events.append(event)
        if not (self._whole and isinstance(event, Piece)):
            self._wake()

    async def watch(self, receive: Receive) -> None:
        """Wait until the client has gone."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.deliver(None)

    @property
    def more(self) -> bool:
        """True when the next event is there already."""
        return bool(self._events)

    async def next(self, timeout_s: float | None = None) -> Event:
        """Return the next event. Raises: ClientGone, TimeoutError."""
        if not self._events:
            await self._wait(timeout_s)
        event = self._events.popleft()
        if event is None:
            raise ClientGone
        return event

    async def _wait(self, timeout_s: float | None) -> None:
        """Wait for an event; a timer and a future instead of ``asyncio.timeout``, which costs as much as the rest."""
        self._waiter = self._loop.create_future()
        timer = None if timeout_s is None else self._loop.call_later(timeout_s, self._wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()
        if not self._events:
            raise TimeoutError

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


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
            await send_fault(send, error)

    async def _read(self, receive: Receive) -> ChatRequest:
        raw = await read_body(receive, self._options.max_body_mb << 20)
        return parse_chat(parse_json(raw), self._options.model_id, self._model.defaults)

    async def _answer(self, request: ChatRequest, receive: Receive, send: Send) -> None:
        model = self._model
        plan = await asyncio.to_thread(model.plan, request)
        events = EventQueue(whole=not request.stream and request.choices == 1)
        choices = Choices(
            model.engine.submit,
            model.engine.cancel,
            GenerationRequest(
                prompt=plan.prompt,
                max_tokens=request.max_tokens or self._options.default_max_tokens,
                on_event=events.deliver,
                post=events.post,
                sampling=plan.sampling,
                stop=request.stop,
                cache_salt=request.cache_salt,
                shared_salt=request.shared_cache_salt,
                use_activation=request.use_activation,
            ),
            request.choices,
            events,
        )
        watcher = asyncio.create_task(events.watch(receive))
        shape = CompletionShape(
            id="chatcmpl-" + secrets.token_hex(12),
            created=int(time.time()),
            model=self._options.model_id,
            fingerprint=model.fingerprint,
            with_scores=plan.sampling.top_logprobs is not None,
        )
        streams = [ChoiceStream(plan.new_reader()) for _ in range(request.choices)]
        try:
            if request.stream:
                stream = _Stream(send, shape, choices, request.include_usage)
                await stream.run(streams, events, self._options.keep_alive_comment_s)
            else:
                await _whole(send, shape, choices, streams)
        except OSError as error:  # the server's way to say that the connection broke while it was written to
            raise ClientGone from error
        finally:
            choices.cancel()
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher


async def _whole(send: Send, shape: CompletionShape, choices: Choices, streams: Sequence[ChoiceStream]) -> None:
    said: list[list[Said]] = [[] for _ in streams]
    usages: list[Usage | None] = [None] * len(streams)
    while not all(stream.ended for stream in streams):
        index, event = await choices.next()
        if isinstance(event, Failed):
            raise fault_of(event.error)
        said[index] += streams[index].read(event)
        if isinstance(event, Finished):
            usages[index] = event.usage
    body = shape.whole(said, total([usage for usage in usages if usage is not None]))
    await send_json(send, 200, body, activation_headers(choices.restored))


class _Stream:
    """One answer as server-sent events. The response begins with the first event or the first comment."""

    def __init__(self, send: Send, shape: CompletionShape, choices: Choices, include_usage: bool) -> None:
        self._send = send
        self._shape = shape
        self._choices = choices
        self._include_usage = include_usage
        self._begun = False
        self._unsent: list[bytes] = []
        self._usages: dict[int, Usage] = {}

    async def run(self, streams: Sequence[ChoiceStream], events: EventQueue, comment_s: float) -> None:
        """Send events until all choices have ended. Raises: ClientGone, and MemoryFault before it has begun."""
        for index, stream in enumerate(streams):
            self._add(index, stream.first())
        try:
            await self._pass_on(streams, events, comment_s)
        except MemoryFault as fault:
            if not self._begun:
                raise
            self._unsent.append(_frame_of(fault_body(fault)))
        else:
            if self._include_usage:
                usages = [self._usages[index] for index in sorted(self._usages)]
                self._unsent.append(_frame(self._shape.usage_chunk(total(usages))))
            self._unsent.append(b"data: [DONE]\n\n")
        await self._flush(more=False)

    async def _pass_on(self, streams: Sequence[ChoiceStream], events: EventQueue, comment_s: float) -> None:
        while not all(stream.ended for stream in streams):
            try:
                index, event = await self._choices.next(comment_s)
            except TimeoutError:
                await self._write(b": keep-alive\n\n")
                continue
            self._read(index, streams[index], event)
            ended = isinstance(event, Finished) and all(stream.ended for stream in streams)
            if not events.more and not ended:  # what is there already goes out in one write
                await self._flush()

    def _read(self, index: int, stream: ChoiceStream, event: Event) -> None:
        if isinstance(event, Failed):
            raise fault_of(event.error)
        for said in stream.read(event):
            self._add(index, said)
        if isinstance(event, Finished):
            self._usages[index] = event.usage

    def _add(self, index: int, said: Said) -> None:
        self._unsent.append(_frame(self._shape.chunk(index, said, usage_asked=self._include_usage)))

    async def _flush(self, *, more: bool = True) -> None:
        data, self._unsent = b"".join(self._unsent), []
        if data or not more:
            await self._write(data, more=more)

    async def _write(self, data: bytes, *, more: bool = True) -> None:
        if not self._begun:
            self._begun = True
            await _start(self._send, 200, {**_SSE_HEADERS, **activation_headers(self._choices.restored)})
        await self._send({"type": "http.response.body", "body": data, "more_body": more})


def fault_of(error: Exception) -> MemoryFault:
    """Return the fault that the caller is told of; a mistake in the program is for the log only."""
    return error if isinstance(error, MemoryFault) else MemoryFault("The engine failed on this request.")


def _frame(value: Mapping[str, Any]) -> bytes:
    return _frame_of(orjson.dumps(value))


def _frame_of(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


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
            raise Invalid(f"The body is longer than {limit_bytes >> 20} MiB.", code="request_too_large")
        if not message.get("more_body", False):
            return b"".join(parts)


def parse_json(raw: bytes) -> Any:
    """Return the parsed body. Raises: Invalid."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"The body is not valid JSON: {error}", code="invalid_json") from error


async def send_json(send: Send, status: int, value: Any, headers: Mapping[str, str]) -> None:
    """Send a whole JSON response."""
    body = orjson.dumps(value)
    await _start(send, status, {**_JSON_HEADERS, **headers, "content-length": str(len(body))})
    await send({"type": "http.response.body", "body": body})


async def _start(send: Send, status: int, headers: Mapping[str, str]) -> None:
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
