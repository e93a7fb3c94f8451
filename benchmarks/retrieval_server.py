"""A running product in, what it keeps and finds over its HTTP API out, with the CPU that its process took."""

import http.client
import json
import math
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_processes import free_port, memos, running, wait_until_ready
from retrieval_metrics import Result

from adapters.ranker.training.conversations import Message

_RESTS_MS = 5  # of CPU in half a second
_LONGEST_S = 600


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a search."""

    results: tuple[Result, ...]
    sufficiency: float | None


class Memory:
    """The memory API; the key may assert users."""

    def __init__(self, url: str, key: str, pid: int | None = None) -> None:
        """``pid``: of the server's process, whose CPU is to be counted; it runs on this machine."""
        self._connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=_LONGEST_S)
        self._key, self._pid = key, pid

    def keep(self, user: str, messages: Sequence[Message]) -> None:
        """Keep the messages of one session; returns when they can be found."""
        said = [
            {
                "id": message.id,
                "role": message.role,
                "content": message.text,
                "created_at": message.said_at.isoformat(),
                **({"name": message.name} if message.name else {}),
            }
            for message in messages
        ]
        body = {"user": user, "conversation_id": messages[0].session, "messages": said, "wait": True}
        self._call("/v1/memory/turns", body)

    def search(self, user: str, query: str, top_k: int, now: str | None) -> Found:
        """Return what is found, best first."""
        body = {"user": user, "query": query, "top_k": top_k, **({"now": now} if now else {})}
        found = self._call("/v1/memory/search", body)
        sources = ((each["text"], (each.get("source") or {}).get("message_ids") or ()) for each in found["data"])
        return Found(tuple(Result(text, tuple(ids)) for text, ids in sources), found.get("sufficiency"))

    def erase(self, user: str) -> None:
        """Remove all that the user has."""
        self._call("/v1/memory/erase", {"user": user})

    def cpu_ms(self) -> float:
        """CPU that the server has used so far; NaN when its process is not known."""
        return math.nan if self._pid is None else time.clock_gettime_ns((~self._pid << 3) | 2) / 1e6

    def rest(self, limit_s: float = 60) -> None:
        """Wait until the server rests: what it does after a response belongs to that response."""
        deadline = time.monotonic() + limit_s
        while self._pid is not None and time.monotonic() < deadline:
            before = self.cpu_ms()
            time.sleep(0.5)
            if self.cpu_ms() - before < _RESTS_MS:
                return

    def _call(self, path: str, body: object) -> dict[str, Any]:
        try:
            status, text = self._posted(path, body)
        except (http.client.HTTPException, ConnectionError):  # a server may close a connection that rests
            self._connection.close()
            status, text = self._posted(path, body)
        if status >= 300:
            raise SystemExit(f"{path}: {status} {text.decode(errors='replace')[:400]}")
        found: dict[str, Any] = json.loads(text)
        return found

    def _posted(self, path: str, body: object) -> tuple[int, bytes]:
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        self._connection.request("POST", path, json.dumps(body), headers)
        response = self._connection.getresponse()
        return response.status, response.read()


@contextmanager
def served(flags: Sequence[str] = ()) -> Iterator[Memory]:
    """Yield the product on a temporary folder, with the backend that answers nothing of its own."""
    with tempfile.TemporaryDirectory(prefix="retrieval-") as folder:
        data, port, log = Path(folder, "data"), free_port(), Path(folder, "serve.log")
        create = memos("keys", "create", "retrieval", "--assert-users", "--json", "--data", str(data))
        made = subprocess.run(create, check=True, capture_output=True, text=True)
        command = memos("serve", "--port", str(port), "--data", str(data), "--backend", "echo", *flags)
        with log.open("w") as out, running([*command, "--log-level", "warning"], stdout=out, stderr=out) as process:
            wait_until_ready(process, port, "/health/ready", log)
            yield Memory(f"http://127.0.0.1:{port}", json.loads(made.stdout)["key"], process.pid)
