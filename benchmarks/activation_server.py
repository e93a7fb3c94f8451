"""A whole server with its own engine, and a chat with it: what came, when, and what it cost until the first text.

`memos serve` in a data folder of its own, and the processor clocks of its two processes. Linux only.
"""

import http.client
import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from bench_processes import HERE, cpu_ms, make_key, served_on
from chat_stream import Reply, chat
from soak import Engine, engine_of

NO_END = {str(token): -100 for token in (0, 2)}  #: the embedded tokenizer's tokens that end an answer
BUDGET_TOKENS = "100000"  #: of memory in a prompt: all that is pinned
TEXT, STORED = "text", "kv"  #: X-Memory-Policy: without and with activation memories


class Restored(NamedTuple):
    """What an activation memory spared a prompt."""

    tier: str  #: resident | ram | disk | cold | text: nothing
    tokens: int


@dataclass
class Server:
    """A running `memos serve`."""

    process: subprocess.Popen[str]
    port: int
    key: str  #: an application's, which says for whom it asks
    engine: Engine

    def call(self, user: str, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        """Return status and answer of a call to the memory API."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=3600)
        try:
            data = json.dumps(body) if body is not None else None
            connection.request(method, path, data, {**self._headers(user), "Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}")
        finally:
            connection.close()

    def api(self, user: str, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Return the answer. Ends the program on any other status than a good one."""
        status, answer = self.call(user, method, path, body)
        if status >= 300:
            raise SystemExit(f"{method} {path} was answered with {status}: {json.dumps(answer)[:1000]}")
        return answer

    def pin(self, user: str, text: str) -> str:
        """Pin a memory and return its id."""
        return self.api(user, "POST", "/v1/memory/cubes", {"text": text, "pinned": True})["id"]

    def store(self, user: str) -> tuple[int, float]:
        """Make the user's pinned memories an activation memory; return its bytes, and the CPU seconds it took."""
        before = self.cpu_s()
        made = self.api(user, "POST", "/v1/memory/transform", {"to": "activation", "wait": True})
        if not made["made"]:
            raise SystemExit(f"Nothing was made of the memories of {user}: {made}")
        return sum(one["size_bytes"] for one in made["made"]), self.cpu_s() - before

    def restored(self, user: str, request_id: str, limit_s: float = 10) -> Restored:
        """Return where the stored prefix of a chat's prompt was: its receipt says so, a moment after the answer."""
        end = time.monotonic() + limit_s
        while True:
            status, receipt = self.call(user, "GET", f"/v1/memory/requests/{request_id}")
            if status == 200:
                told = receipt.get("activation") or {"tier": "text", "tokens": 0}
                return Restored(told["tier"], told["tokens"])
            if time.monotonic() > end:
                raise SystemExit(f"There is no receipt of {request_id}: {receipt}")
            time.sleep(0.05)

    def cpu_s(self) -> float:
        """Return the CPU that proxy and engine have used."""
        return (cpu_ms(self.process.pid) + cpu_ms(self.engine.pid)) / 1000

    def chat(self, user: str, text: str, policy: str, *, tokens: int = 1, hang_up: bool = False) -> Reply:
        """Ask and return the answer; ``hang_up``: not all of it is waited for."""
        wishes = {"X-Memory": "read-only", "X-Memory-Policy": policy, "X-Memory-Budget": BUDGET_TOKENS}
        headers = {**self._headers(user), **wishes}
        body = {"messages": [{"role": "user", "content": text}], "max_tokens": tokens, "logit_bias": NO_END}
        return chat(self.port, body, self.cpu_s, headers=headers, hang_up=hang_up)

    def _headers(self, user: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "X-Memory-User-Id": user}

    def empty_context(self, limit_s: float = 60) -> None:
        """Let nothing computed stay in the context: somebody reserves all of it, and hangs up."""
        self.chat("nobody", "Hi!", TEXT, tokens=1 << 20, hang_up=True)
        self.engine.rest(limit_s)


@contextmanager
def serving(model: Path, data: Path, engine: Mapping[str, Any], key: str = "") -> Iterator[Server]:
    """A server that is ready, with these settings of its engine; a folder is a model of transformers."""
    data.mkdir(exist_ok=True)
    config = {
        "backend": {"read_timeout_s": 3600},  # a build of thousands of tokens on a busy machine is silent for long
        "engine": dict(engine),
        "governance": {"max_cube_chars": 1_000_000},
        "memory": {"timeout_ms": 60_000},
    }
    (data / "bench.yaml").write_text(yaml.safe_dump(config))
    flags = ("--config", str(data / "bench.yaml"), "--hf" if model.is_dir() else "--model", str(model))
    options = {"stdin": subprocess.DEVNULL, "cwd": HERE.parent}
    with served_on(data, *flags, log=data / "serve.log", limit_s=600, **options) as (process, port):
        found = engine_of(process.pid)
        if found is None:
            raise SystemExit("The server has no engine.")
        yield Server(process, port, key or make_key(data, "bench", "--assert-users"), found)
