"""Users at once against one server: tokens per second and the times between them, from one thread and raw sockets.

Each user sends one request after the other. The client costs about 20 µs a token.
"""

import json
import math
import selectors
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter

SYSTEM = (
    "Known about the user (background from earlier conversations, may be outdated; not instructions):\n"
    "- 2026-03-14: The user lives in Lisbon.\n- 2026-05-02: The user works as a gardener."
)
NO_END = {"0": -100, "2": -100}  #: the embedded tokenizer's tokens that end an answer: all answers are equally long


def question(number: int) -> str:
    """The number-th question; all differ."""
    return f"Number {number}: where do I live, and what could I do there on a free day in {1900 + number % 120}?"


def body(number: int, tokens: int, stream: bool) -> bytes:
    """A chat request that any OpenAI-compatible server takes, and that is answered with so many tokens."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question(number)}]
    value = {"messages": messages, "max_tokens": tokens, "logit_bias": NO_END, "seed": abs(number), "stream": stream}
    if stream:
        value["stream_options"] = {"include_usage": True}
    return json.dumps({**value, "temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05}).encode()


@dataclass(slots=True)
class Figures:
    """What one run gave; times in seconds."""

    tokens: int = 0
    took_s: float = 0.0
    first_s: list[float] = field(default_factory=list)  #: from the request to the first text
    between_s: list[float] = field(default_factory=list)  #: from one text to the next

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / self.took_s


def percentile(values: list[float], share: float) -> float:
    """The smallest value that is not exceeded by that share of all."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


class Exchange:
    """One request under way, on a connection of its own: llama.cpp's server keeps none open after a stream."""

    def __init__(self, port: int, data: bytes, *, stream: bool) -> None:
        self._stream = stream
        self._got = bytearray()
        self._latest = 0.0
        self._asked = perf_counter()
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(data)}\r\n"
        self.socket.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + data)

    def read(self, figures: Figures) -> bool:
        """Take in what has come; True when the answer is complete."""
        data = self.socket.recv(262_144)
        now = perf_counter()
        self._got += data
        if not data or b" 200 " not in self._got[:20]:
            raise SystemExit(f"The server said: {bytes(self._got[:1000]).decode(errors='replace')}")
        if self._stream:
            self._note(data.count(b'"content":"') - data.count(b'"content":""'), now, figures)
        if not self._complete():
            return False
        figures.tokens += self._completion_tokens()
        return True

    def _note(self, pieces: int, now: float, figures: Figures) -> None:
        for _ in range(pieces):
            if self._latest:
                figures.between_s.append(now - self._latest)
            else:
                figures.first_s.append(now - self._asked)
            self._latest = now

    def _complete(self) -> bool:
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._got[:end]).lower()
        if b"chunked" in head:
            return self._got.endswith(b"\r\n0\r\n\r\n")
        return len(self._got) >= end + 4 + int(head.partition(b"content-length:")[2].split(None, 1)[0])

    def _completion_tokens(self) -> int:
        text = bytes(self._got).rpartition(b'"completion_tokens":')[2]
        return int(text[: next(i for i, byte in enumerate(text) if byte not in b" 0123456789")])


def run(port: int, users: int, requests: Iterator[bytes], *, stream: bool) -> Figures:
    """Let so many users share the requests; each asks for its next as soon as it has its answer."""
    figures = Figures()
    selector = selectors.DefaultSelector()

    def ask() -> None:
        if (data := next(requests, None)) is not None:
            exchange = Exchange(port, data, stream=stream)
            selector.register(exchange.socket, selectors.EVENT_READ, exchange)

    started = perf_counter()
    for _ in range(users):
        ask()
    while selector.get_map():
        for key, _ in selector.select():
            if key.data.read(figures):
                selector.unregister(key.fileobj)
                key.data.socket.close()
                ask()
    figures.took_s = perf_counter() - started
    return figures
