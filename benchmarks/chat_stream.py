"""A streamed chat's response in, its text and when it began out."""

import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Streamed:
    """What came over the wire."""

    text: str
    first_s: float  #: until the first text, or the end of an answer without one
    first_cpu_s: float
    usage: Mapping[str, Any]

    @property
    def prompt_tokens(self) -> int:
        """What the model read."""
        return int(self.usage.get("prompt_tokens", 0))

    @property
    def cached_tokens(self) -> int:
        """What of it was not computed."""
        return int((self.usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0))


def streamed(
    response: http.client.HTTPResponse, since: Callable[[], tuple[float, float]], *, hang_up: bool = False
) -> Streamed:
    """Return the answer; ``since`` tells seconds of wall and of CPU, ``hang_up``: at its first text.

    An error ends the program: a benchmark goes on with no wrong figure.
    """
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
    first_s, first_cpu_s = first or since()
    return Streamed(text, first_s, first_cpu_s, usage)
