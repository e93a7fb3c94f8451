"""A scripted model server on a real port, and a real proxy in front of it: both in threads of the test's process."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import uvicorn

from config.settings import load
from proxy.app import create_app
from proxy.compose import compose

Script = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Request:
    """What arrived at the model server."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    gone: threading.Event = field(default_factory=threading.Event)  #: the other side closed the connection

    @property
    def json(self):
        return json.loads(self.body)

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


def head(status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(body: bytes, status: str = "200 OK", content_type: str = "application/json", **headers: str) -> Script:
    async def script(_request, writer):
        writer.write(head(status, content_type=content_type, content_length=str(len(body)), **headers) + body)

    return script


def answer(text: str, **more) -> Script:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], **more}
    return whole(json.dumps(body).encode())


def stream(*pieces: bytes | float, end: bool = True, **headers: str) -> Script:
    """Pieces are sent as HTTP chunks of their own; a number is a pause in seconds."""

    async def script(_request, writer):
        writer.write(head(content_type="text/event-stream", transfer_encoding="chunked", **headers))
        for piece in pieces:
            await writer.drain()
            if isinstance(piece, bytes):
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            else:
                await asyncio.sleep(piece)
        if end:
            writer.write(b"0\r\n\r\n")
        else:
            writer.close()

    return script


def delta(content: str | None = None, finish: str | None = None, **more) -> bytes:
    choice = {"index": 0, "delta": {} if content is None else {"content": content}, "finish_reason": finish}
    choice["delta"] |= more
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


class Upstream:
    """A model server that does what the test says and remembers what it was asked."""

    def __init__(self, socket_path: str | None = None) -> None:
        self.script: Script = answer("Hello.")
        self.requests: list[Request] = []
        self.connections = 0
        self._socket_path = socket_path
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(5)
        self.port = 0 if socket_path else self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"

    async def _start(self):
        if self._socket_path:
            return await asyncio.start_unix_server(self._serve, self._socket_path)
        return await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _serve(self, reader, writer):
        self.connections += 1
        try:
            while request := await self._read(reader):
                self.requests.append(request)
                script = asyncio.ensure_future(self.script(request, writer))
                next_byte = asyncio.ensure_future(reader.read(1))
                await asyncio.wait({script, next_byte}, return_when=asyncio.FIRST_COMPLETED)
                if not script.done():
                    assert next_byte.exception() or next_byte.result() == b""  # reset, or closed
                    request.gone.set()
                    script.cancel()
                    return
                if script.exception():
                    raise script.exception()
                await writer.drain()
                first = await next_byte
                if not first:
                    request.gone.set()
                    return
                reader._buffer[:0] = first
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _read(self, reader) -> Request | None:
        try:
            start = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError:
            return None
        method, path, _ = start[0].split(" ")
        headers = [tuple(line.split(": ", 1)) for line in start[1:] if line]
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        return Request(method, path, headers, await reader.readexactly(length) if length else b"")

    def close(self) -> None:
        async def stop():
            self._server.close()
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
            await asyncio.sleep(0)
            self._loop.stop()

        asyncio.run_coroutine_threadsafe(stop(), self._loop)
        self._thread.join(5)
        self._loop.close()


class Proxy:
    """The real application under the real server, on a real port."""

    def __init__(self, data, upstream_url: str, *, parts=None, **flags) -> None:
        flags = {"backend.kind": "upstream", "backend.base_url": upstream_url, "embedder.kind": "none", **flags}
        self.settings = load(flags={"data.dir": str(data), **flags}, environ={}).settings
        self.parts = compose(self.settings)
        self.parts = replace(self.parts, **(parts(self.parts) if parts else {}))
        self.app = create_app(self.parts)
        self.key = self.parts.store.keys.create("test").key
        config = uvicorn.Config(self.app, host="127.0.0.1", port=0, log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def scope(self):
        return self.parts.authenticator.authenticate([(b"authorization", f"Bearer {self.key}".encode())]).scope

    def rows(self) -> list:
        """All rows of the turn ledger, oldest first: (state, messages, answer)."""
        with self.parts.store.connections.read() as connection:
            rows = connection.execute("SELECT state, messages, answer FROM turns ORDER BY seq").fetchall()
        return [(row["state"], json.loads(row["messages"]), row["answer"]) for row in rows]

    def wait_rows(self, wanted: Callable[[list], bool], timeout_s: float = 5.0) -> list:
        end = time.monotonic() + timeout_s
        while not wanted(rows := self.rows()) and time.monotonic() < end:
            time.sleep(0.01)
        return rows

    def raw(self, body: bytes, path: str = "/v1/chat/completions", method: str = "POST", **headers: str) -> "Raw":
        """Send one request by hand."""
        sent = {"host": "proxy", "authorization": f"Bearer {self.key}", "content_type": "application/json"} | headers
        if "transfer_encoding" not in sent:
            sent.setdefault("content_length", str(len(body)))
        lines = [f"{method} {path} HTTP/1.1", *(f"{k.replace('_', '-')}: {v}" for k, v in sent.items())]
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.settimeout(10)
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        return Raw(connection)

    def chat(self, text: str = "Hi there", **more) -> "Raw":
        headers = more.pop("headers", {})
        return self.raw(
            json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], **more}).encode(), **headers
        )

    def receipt(self, reply: "Raw") -> dict:
        """The receipt of the request that this is the reply to."""
        path = f"/v1/memory/requests/{reply.headers['x-memory-request-id']}"
        return self.raw(b"", path, "GET").json()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive(), "the server did not stop"


class Raw:
    """A response, read by hand from the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._file = connection.makefile("rb")
        self.status, self.headers = 0, {}

    def read_head(self) -> "Raw":
        self.status = int(self._file.readline().split()[1])
        while (line := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.lower()] = value.strip()
        return self

    def read_chunk(self) -> bytes:
        """One HTTP chunk: what the proxy wrote at once. Empty at the end."""
        size = int(self._file.readline() or b"0", 16)
        piece = self._file.read(size)
        self._file.readline()
        return piece

    def pieces(self) -> list[bytes]:
        if "content-length" in self.headers:
            return [self._file.read(int(self.headers["content-length"]))]
        return list(iter(self.read_chunk, b""))

    def read(self) -> bytes:
        """Head and body, whole."""
        if not self.status:
            self.read_head()
        with contextlib.closing(self):
            return b"".join(self.pieces())

    def json(self):
        return json.loads(self.read())

    def close(self) -> None:
        self._file.close()
        self.socket.close()
