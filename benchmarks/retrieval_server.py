"""A running product in, what it keeps and finds over its HTTP API out, with the CPU that its process took."""

import http.client
import json
import math
import tempfile
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_processes import cpu_ms, make_key, served_on, settle
from retrieval_metrics import Result

from adapters.ranker.training.conversations import Message, Question

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

    def search(self, user: str, question: Question, top_k: int) -> Found:
        """Return what is found, best first."""
        now = {"now": question.asked_at.isoformat()} if question.asked_at else {}
        found = self._call("/v1/memory/search", {"user": user, "query": question.text, "top_k": top_k, **now})
        sources = ((each["text"], (each.get("source") or {}).get("message_ids") or ()) for each in found["data"])
        return Found(tuple(Result(text, tuple(ids)) for text, ids in sources), found.get("sufficiency"))

    def erase(self, user: str) -> None:
        """Remove all that the user has."""
        self._call("/v1/memory/erase", {"user": user})

    def cpu_ms(self) -> float:
        """CPU that the server has used so far; NaN when its process is not known."""
        return math.nan if self._pid is None else cpu_ms(self._pid)

    def rest(self, limit_s: float = 60) -> None:
        """Wait until the server rests: what it does after a response belongs to that response."""
        if self._pid is not None:
            settle(self._pid, limit_s)

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
def served() -> Iterator[Memory]:
    """Yield the product on a temporary folder, with the backend that answers nothing of its own."""
    with tempfile.TemporaryDirectory(prefix="retrieval-") as folder:
        data = Path(folder, "data")
        key = make_key(data, "retrieval", "--assert-users")
        with served_on(data, "--backend", "echo", log=Path(folder, "serve.log")) as (process, port):
            yield Memory(f"http://127.0.0.1:{port}", key, process.pid)
