"""Chat requests in, the last user message back out: a model server without a model or a network.

Deterministic, so that everything around a model can be tested and tried by itself. Two words steer it: a user message
that begins with ``/messages`` is answered with the messages that arrived, as JSON; ``/fail`` with an error.
"""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson

from adapters.backend import RawHeaders

MODEL_ID = "echo"
CREATED = 1_700_000_000
SHOW_MESSAGES, FAIL = "/messages", "/fail"


class EchoResponse:
    """A response made here."""

    def __init__(self, status: int, content_type: bytes, pieces: Sequence[bytes]) -> None:
        self.status = status
        self.headers: RawHeaders = ((b"content-type", content_type),)
        self._pieces = pieces

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body, one frame or the whole JSON at a time."""
        for piece in self._pieces:
            yield piece

    def close(self) -> None:
        """There is nothing to close."""


class Echo:
    """A ``Backend`` that answers with what it was told."""

    def __init__(self, *, model_id: str = MODEL_ID) -> None:
        self._model_id = model_id

    @property
    def shares_cache(self) -> bool:
        """There is no cache."""
        return False

    async def send(self, method: str, path: str, headers: RawHeaders, body: bytes = b"") -> EchoResponse:
        """Return the answer of the OpenAI endpoint at ``path``."""
        del headers
        if (method, path) == ("GET", "/models"):
            return _json(200, {"object": "list", "data": [self._model()]})
        if method == "GET" and path.startswith("/models/"):
            wanted = path.removeprefix("/models/")
            return _json(200, self._model()) if wanted == self._model_id else _error(404, "model_not_found")
        if (method, path) == ("POST", "/chat/completions"):
            return self._chat(orjson.loads(body))
        return _error(404, "unknown_url")

    async def ready(self) -> str | None:
        """It always is."""
        return None

    async def close(self) -> None:
        """There is nothing to close."""

    def _chat(self, request: dict[str, Any]) -> EchoResponse:
        messages = request.get("messages") or []
        said = _last_user_text(messages)
        asked = said.rsplit("</memory>", 1)[-1].strip()
        if asked.startswith(FAIL):
            return _error(400, "echo_failure")
        answer = orjson.dumps(messages).decode() if asked.startswith(SHOW_MESSAGES) else said
        model = str(request.get("model") or self._model_id)
        asked_tokens, answer_tokens = len(orjson.dumps(messages)) // 4, len(answer.split())
        usage = {
            "prompt_tokens": asked_tokens,
            "completion_tokens": answer_tokens,
            "total_tokens": asked_tokens + answer_tokens,
        }
        if not request.get("stream"):
            message = {"role": "assistant", "content": answer}
            choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
            return _json(200, _completion("chat.completion", model, [choice]) | {"usage": usage})
        options = request.get("stream_options")
        with_usage = isinstance(options, dict) and bool(options.get("include_usage"))
        return EchoResponse(200, b"text/event-stream", _frames(model, answer, usage if with_usage else None))

    def _model(self) -> dict[str, Any]:
        return {"id": self._model_id, "object": "model", "created": CREATED, "owned_by": "echo"}


def _last_user_text(messages: Sequence[Any]) -> str:
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, str):
                return content
            parts = [p for p in content or () if isinstance(p, dict) and p.get("type") == "text"]
            return "\n".join(str(part.get("text", "")) for part in parts)
    return ""


def _frames(model: str, answer: str, usage: dict[str, int] | None) -> list[bytes]:
    """Word by word: every chunk has the same id, model and time, as OpenAI's have."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in re.findall(r"\s*\S+\s*$|\s*\S+", answer) or [answer]]
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    chunks = [_completion("chat.completion.chunk", model, [choice]) for choice in choices]
    if usage is not None:
        chunks = [chunk | {"usage": None} for chunk in chunks]
        chunks.append(_completion("chat.completion.chunk", model, []) | {"usage": usage})
    return [b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks] + [b"data: [DONE]\n\n"]


def _completion(kind: str, model: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": "chatcmpl-echo", "object": kind, "created": CREATED, "model": model, "choices": choices}


def _json(status: int, content: object) -> EchoResponse:
    return EchoResponse(status, b"application/json", [orjson.dumps(content)])


def _error(status: int, code: str) -> EchoResponse:
    error = {"message": f"The echo server says {code}.", "type": "invalid_request_error", "param": None, "code": code}
    return _json(status, {"error": error})
