"""Requests in, the same requests with bodies that end in bounds out: larger ones are 413, stalled ones 408.

Pure ASGI, for every route but chat, which reads its body itself. A chunked body is counted as it comes.
"""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memory.errors import Invalid
from proxy.errors import send_fault
from proxy.wire import BodyLimit, value_of


class BodyLimits:
    """Stops reading a body at its limit and answers in the application's place."""

    def __init__(self, app: ASGIApp, limit: BodyLimit, by_path: Mapping[str, BodyLimit]) -> None:
        self._app = app
        self._limit = limit
        self._by_path = by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._by_path.get(scope["path"], self._limit)
        try:
            limit.check_declared(value_of(scope["headers"], b"content-length"))
        except Invalid as fault:
            await send_fault(send, fault)
            return
        body = _Counted(limit, receive, send)
        try:
            await self._app(scope, body.receive, body.send)
        except Exception:
            if body.fault is None:
                raise
        if body.fault is not None and not body.started:
            await send_fault(send, body.fault)


class _Counted:
    """One request's two channels; after a fault the application's own answer to it is dropped."""

    def __init__(self, limit: BodyLimit, receive: Receive, send: Send) -> None:
        self._limit = limit
        self._receive, self._send = receive, send
        self._size_bytes = 0
        self._whole = False
        self.started = False
        self.fault: Invalid | None = None

    async def receive(self) -> Message:
        """Return what comes next. Raises: Invalid: the body is too large or stalls."""
        if self._whole:
            return await self._receive()
        try:
            message = await self._limit.next_message(self._receive)
            self._size_bytes += len(message.get("body", b""))
            if self._size_bytes > self._limit.size_bytes:
                raise self._limit.too_large()
        except Invalid as fault:
            self.fault = fault
            raise
        self._whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Pass on what the application answers."""
        if self.fault is not None and not self.started:
            return
        self.started = self.started or message["type"] == "http.response.start"
        await self._send(message)
