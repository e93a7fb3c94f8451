"""A running product in, streamed answers out: what was said, when its first word came, what it took.

`memos serve` on a data folder of its own; the processor clocks are those of proxy and engine. Linux only.
"""

import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from bench_processes import call, cpu_ms, make_key, served_on
from chat_stream import Reply, chat
from retrieval_server import Memory
from soak import Engine, engine_of

_ALL_OF_IT = 1 << 20
_EMBEDDED_CONTEXT_TOKENS = 2048
Chat = Sequence[Mapping[str, str]]


@dataclass
class Server:
    """A running `memos serve`."""

    process: subprocess.Popen[str]
    port: int
    key: str  #: it may assert users
    engine: Engine | None  #: None: the backend has none of its own

    @property
    def memory(self) -> Memory:
        """The memory API."""
        return Memory(f"http://127.0.0.1:{self.port}", self.key, self.process.pid)

    def cpu_s(self) -> float:
        """Return the CPU that proxy and engine have used."""
        return (cpu_ms(self.process.pid) + (cpu_ms(self.engine.pid) if self.engine else 0.0)) / 1000

    def context_tokens(self) -> int:
        """Return how long prompt and answer may be together; that of the embedded model where no model says."""
        models = call(self.port, self.key, "GET", "/v1/models")[1]["data"]
        return models[0].get("context_length") or _EMBEDDED_CONTEXT_TOKENS

    def ask(self, user: str, messages: Chat, mode: str, *, tokens: int) -> Reply:
        """Return the answer; ``mode``: of X-Memory."""
        reply = self._chat(user, messages, mode, tokens)
        if reply.headers.get("x-memory-status") == "degraded":
            raise SystemExit("The memory was too slow or failed: the answer would be one without it.")
        return reply

    def texts(self, user: str, memory_ids: Sequence[str]) -> list[str]:
        """Return what these memories say."""
        query = urlencode({"user": user})
        found = (call(self.port, self.key, "GET", f"/v1/memory/cubes/{each}?{query}") for each in memory_ids)
        return [cube["text"] for status, cube in found if status == 200]

    def empty_context(self, limit_s: float = 60) -> None:
        """Let nothing computed stay in the engine's context: somebody reserves all of it, and hangs up."""
        if self.engine is None:
            return
        self._chat("nobody", [{"role": "user", "content": "Hi!"}], "off", _ALL_OF_IT, hang_up=True)
        self.engine.rest(limit_s)

    def _chat(self, user: str, messages: Chat, mode: str, tokens: int, *, hang_up: bool = False) -> Reply:
        headers = {"Authorization": f"Bearer {self.key}", "X-Memory-User-Id": user, "X-Memory": mode}
        body = {"messages": list(messages), "max_tokens": tokens}
        return chat(self.port, body, self.cpu_s, headers=headers, hang_up=hang_up)


@contextmanager
def served(flags: Sequence[str] = ()) -> Iterator[Server]:
    """Yield the product on a temporary folder, ready; without flags it answers with the embedded model."""
    with tempfile.TemporaryDirectory(prefix="answers-") as folder:
        data = Path(folder, "data")
        key = make_key(data, "answers", "--assert-users")
        # what is computed goes with the engine's context, which one request fills; lookups are slow on a busy machine
        context = f"engine.context_tokens={_EMBEDDED_CONTEXT_TOKENS}"
        knobs = (context, "engine.parked_mb=0", "memory.timeout_ms=60000", "memory.settle_timeout_ms=60000")
        sets = [word for knob in knobs for word in ("--set", knob)]
        with served_on(data, *sets, *flags, log=Path(folder, "serve.log"), limit_s=300) as (process, port):
            yield Server(process, port, key, engine_of(process.pid))
