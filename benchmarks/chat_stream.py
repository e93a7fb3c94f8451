"""A chat request in, the streamed answer out: its text, when that began, and what it took."""

import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

_LONGEST_S = 3600  # building thousands of tokens on a busy machine is silent for long


@dataclass(frozen=True, slots=True)
class Reply:
    """A streamed answer."""

    text: str
    first_s: float  #: from the request to the first text, or to the end of an answer without one
    cpu_s: float  #: of the server, in the same time
    usage: Mapping[str, Any]
    headers: http.client.HTTPMessage

    @property
    def prompt_tokens(self) -> int:
        """What the model read."""
        return int(self.usage.get("prompt_tokens", 0))

    @property
    def cached_tokens(self) -> int:
        """What of it was not computed."""
        return int((self.usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0))

    @property
    def request_id(self) -> str:
        """Of the memory's receipt."""
        return self.headers.get("x-memory-request-id", "")

    @property
    def memory_ids(self) -> list[str]:
        """Of what the proxy brought in."""
        return self.headers.get("x-memory-ids", "").replace(",", " ").split()


def chat(
    port: int,
    body: Mapping[str, Any],
    cpu_s: Callable[[], float],
    *,
    headers: Mapping[str, str] | None = None,
    hang_up: bool = False,
) -> Reply:
    """Return what an OpenAI-compatible server answers, greedily; ``cpu_s``: its clock, ``hang_up``: at the first text.

    An error ends the program: a benchmark goes on with no wrong figure.
    """
    data = json.dumps({**body, "temperature": 0, "stream": True, "stream_options": {"include_usage": True}})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_LONGEST_S)
    try:
        connection.connect()
        wall, cpu = perf_counter(), cpu_s()
        sent = {"Content-Type": "application/json", **(headers or {})}
        connection.request("POST", "/v1/chat/completions", data, sent)
        return _read(connection.getresponse(), lambda: (perf_counter() - wall, cpu_s() - cpu), hang_up=hang_up)
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse, since: Callable[[], tuple[float, float]], *, hang_up: bool) -> Reply:
    if response.status != 200:
        raise SystemExit(f"The server said {response.status}: {response.read(1000).decode(errors='replace')}")
    first: tuple[float, float] | None = None
    usage: Mapping[str, Any] = {}
    text = ""
    for line in response:
        if not line.startswith(b"data: {"):
            continue
        chunk = json.loads(line[6:])
        if "error" in chunk:
            raise SystemExit(f"The answer broke off: {chunk['error']}")
        for choice in chunk["choices"]:
            text += choice["delta"].get("content") or ""
            if first is None and (text or choice["finish_reason"]):
                first = since()
        usage = chunk.get("usage") or usage
        if hang_up and first is not None:
            break
    return Reply(text, *(first or since()), usage, response.headers)
