"""A model server's response in, the same bytes to the client out.

One read is at most one write and nothing is held back, except the very end: with memory on, the last piece leaves after
the turn is in the ledger.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from starlette.types import Send

from adapters.backend import BackendResponse, BrokenOff
from proxy.errors import fault_body
from proxy.sse import KEEP_ALIVE, BodyReader, StreamReader
from proxy.wire import Headers, returned, value_of

_EVENT_STREAM = b"text/event-stream"
_FRAME_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")

Finish = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Progress:
    """What was relayed so far, for the log."""

    status: int = 0
    first_byte_at: float | None = None  #: ``time.perf_counter``
    size_bytes: int = 0
    broken: bool = field(default=False)  #: the model server ended in the middle

    def note(self, piece: bytes) -> None:
        """Count a piece that was written."""
        if self.first_byte_at is None:
            self.first_byte_at = time.perf_counter()
        self.size_bytes += len(piece)


def is_event_stream(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """True for a response that comes as events."""
    return value_of(headers, b"content-type").lower().startswith(_EVENT_STREAM)


async def send_start(send: Send, status: int, headers: Headers) -> None:
    """Write status and headers; an event stream is told to be passed on at once by whoever else is on the way."""
    if is_event_stream(headers):
        for name, value in ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")):
            if not value_of(headers, name):
                headers.append((name, value))
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def relay(send: Send, response: BackendResponse, extra: Headers, progress: Progress) -> None:
    """Relay a whole response, untouched."""
    headers = returned(response.headers)
    headers += extra
    progress.status = response.status
    await send_start(send, response.status, headers)
    tail = b""
    try:
        async for piece in response.chunks():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            progress.note(piece)
            tail = piece if len(piece) >= 4 else (tail + piece)[-4:]
    except BrokenOff as fault:
        progress.broken = True
        at_border = not tail or tail.endswith(_FRAME_ENDS)
        await _send_break(send, fault, in_events=is_event_stream(headers) and at_border)
    else:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def relay_events(
    send: Send, response: BackendResponse, reader: StreamReader, finish: Finish, progress: Progress, silence_s: float
) -> None:
    """Relay an event stream whose start was sent; ``finish`` has run before ``[DONE]`` or the end leaves.

    After ``silence_s`` without a byte a comment is sent, where it breaks no frame.
    """
    pen = _Pen(send, reader)
    comments = asyncio.create_task(pen.keep_alive(silence_s))
    try:
        async for piece in response.chunks():
            early = reader.may_end_with(piece)
            if early:
                reader.feed(piece)
                if reader.done:
                    await finish()
            await pen.write(piece, read=not early)
            progress.note(piece)
    except BrokenOff as fault:
        progress.broken = True
        await _stopped(comments)
        await finish()
        await _send_break(send, fault, in_events=reader.between_frames)
    else:
        await _stopped(comments)
        reader.finish()
        await finish()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        comments.cancel()


class _Pen:
    """The one place that writes to an event stream, so that a comment never lands inside a frame."""

    def __init__(self, send: Send, reader: StreamReader) -> None:
        self._send = send
        self._reader = reader
        self._lock = asyncio.Lock()
        self._last_at = time.monotonic()

    async def write(self, piece: bytes, *, read: bool) -> None:
        """Write a piece of the stream, then read it unless that was done before."""
        async with self._lock:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            self._last_at = time.monotonic()
            if read:
                self._reader.feed(piece)

    async def keep_alive(self, silence_s: float) -> None:
        """Write a comment each time that nothing was written for so long; ends only by being cancelled."""
        while True:
            await asyncio.sleep(max(0.001, silence_s - (time.monotonic() - self._last_at)))
            async with self._lock:
                if time.monotonic() - self._last_at < silence_s:
                    continue
                if self._reader.between_frames:
                    await self._send({"type": "http.response.body", "body": KEEP_ALIVE, "more_body": True})
                self._last_at = time.monotonic()


async def relay_body(
    send: Send, response: BackendResponse, reader: BodyReader, finish: Finish, progress: Progress
) -> None:
    """Relay a plain body whose start was sent; ``finish`` has run before its last piece leaves."""
    held = b""
    try:
        async for piece in response.chunks():
            reader.feed(piece)
            if held:
                await send({"type": "http.response.body", "body": held, "more_body": True})
                progress.note(held)
            held = piece
    except BrokenOff as fault:
        progress.broken = True
        await finish()
        await _send_break(send, fault, in_events=False)
    else:
        reader.finish()
        await finish()
        await send({"type": "http.response.body", "body": held, "more_body": False})
        progress.note(held)


async def _send_break(send: Send, fault: BrokenOff, *, in_events: bool) -> None:
    """Tell the client that the rest will not come: by an error event where one fits, else by the broken connection."""
    if in_events:
        frame = b"data: " + fault_body(fault) + b"\n\n"
        await send({"type": "http.response.body", "body": frame, "more_body": False})


async def _stopped(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
