"""A running product in, streamed answers out: what was said, when its first word came, what it took.

`memos serve` on a data folder of its own; the processor clocks are those of proxy and engine. Linux only.
"""

import http.client
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any
from urllib.parse import urlencode

from bench_processes import call, cpu_ms, free_port, memos, running, wait_until_ready
from chat_stream import streamed
from retrieval_server import Memory
from soak import Engine, engine_of

_LONGEST_S = 600
_ALL_OF_IT = 1 << 20
_EMBEDDED_CONTEXT_TOKENS = 2048
Chat = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """A streamed answer."""

    text: str
    first_s: float  #: from the request to the first text
    first_cpu_s: float  #: of proxy and engine in that time
    prompt_tokens: int
    cached_tokens: int  #: of the prompt, not computed
    memory_ids: tuple[str, ...]  #: of what the proxy brought in


@dataclass
class Server:
    """A running `memos serve`."""

    process: "subprocess.Popen[str]"
    port: int
    key: str  #: it may assert users
    engine: Engine | None  #: None: the backend has none of its own

    @property
    def memory(self) -> Memory:
        """The memory API."""
        return Memory(f"http://127.0.0.1:{self.port}", self.key, self.process.pid)

    def cpu_s(self) -> float:
        """Return the CPU that proxy and engine have used."""
        return (cpu_ms(self.process) + (cpu_ms(self.engine) if self.engine else 0.0)) / 1000  # type: ignore[arg-type]

    def context_tokens(self) -> int:
        """Return how long prompt and answer may be together; that of the embedded model where no model says."""
        models = call(self.port, self.key, "GET", "/v1/models")[1]["data"]
        return models[0].get("context_length") or _EMBEDDED_CONTEXT_TOKENS

    def ask(self, user: str, messages: Chat, mode: str, *, tokens: int) -> Reply:
        """Return the answer; ``mode``: of X-Memory."""
        body = {"messages": list(messages), "max_tokens": tokens, "temperature": 0}
        return self._streamed(user, body, mode, hang_up=False)

    def texts(self, user: str, memory_ids: Sequence[str]) -> list[str]:
        """Return what these memories say."""
        query = urlencode({"user": user})
        found = (call(self.port, self.key, "GET", f"/v1/memory/cubes/{each}?{query}") for each in memory_ids)
        return [cube["text"] for status, cube in found if status == 200]

    def empty_context(self, limit_s: float = 60) -> None:
        """Let nothing computed stay in the engine's context: somebody reserves all of it, and hangs up."""
        if self.engine is None:
            return
        body = {"messages": [{"role": "user", "content": "Hi!"}], "max_tokens": _ALL_OF_IT}
        self._streamed("nobody", body, "off", hang_up=True)
        end = monotonic() + limit_s
        while (health := self.engine.health())["running"] + health["waiting"]:
            if monotonic() > end:
                raise SystemExit("The engine did not come to rest.")
            sleep(0.01)

    def _streamed(self, user: str, body: Mapping[str, Any], mode: str, *, hang_up: bool) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_LONGEST_S)
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/json",
            "X-Memory-User-Id": user,
            "X-Memory": mode,
        }
        data = json.dumps({**body, "stream": True, "stream_options": {"include_usage": True}})
        try:
            connection.connect()
            wall, cpu = perf_counter(), self.cpu_s()
            connection.request("POST", "/v1/chat/completions", data, headers)
            return _read(connection.getresponse(), lambda: (perf_counter() - wall, self.cpu_s() - cpu), hang_up=hang_up)
        finally:
            connection.close()


def _read(response: http.client.HTTPResponse, since: Callable[[], tuple[float, float]], *, hang_up: bool) -> Reply:
    if response.headers.get("x-memory-status") == "degraded":
        raise SystemExit("The memory was too slow or failed: the answer would be one without it.")
    said = streamed(response, since, hang_up=hang_up)
    ids = response.headers.get("x-memory-ids", "").replace(",", " ").split()
    return Reply(said.text, said.first_s, said.first_cpu_s, said.prompt_tokens, said.cached_tokens, tuple(ids))


@contextmanager
def served(flags: Sequence[str] = ()) -> Iterator[Server]:
    """Yield the product on a temporary folder, ready; without flags it answers with the embedded model."""
    with tempfile.TemporaryDirectory(prefix="answers-") as folder:
        data, port, log = Path(folder, "data"), free_port(), Path(folder, "serve.log")
        create = memos("keys", "create", "answers", "--assert-users", "--json", "--data", str(data))
        made = subprocess.run(create, check=True, capture_output=True, text=True)
        # what is computed goes with the engine's context, which one request fills; lookups are slow on a busy machine
        context = f"engine.context_tokens={_EMBEDDED_CONTEXT_TOKENS}"
        knobs = (context, "engine.parked_mb=0", "memory.timeout_ms=60000", "memory.settle_timeout_ms=60000")
        sets = [word for knob in knobs for word in ("--set", knob)]
        command = memos("serve", "--port", str(port), "--data", str(data), "--log-level", "warning", *sets, *flags)
        with log.open("w") as out, running(command, stdout=out, stderr=out) as process:
            wait_until_ready(process, port, "/health/ready", log, limit_s=300)
            yield Server(process, port, json.loads(made.stdout)["key"], engine_of(process.pid))
