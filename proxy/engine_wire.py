"""A chat request's JSON in, typed values out, and the JSON of answers and errors.

The law: what the engine cannot do is refused by name, never left undone in silence; fields that it does not know are
ignored.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.chat_template import Message, flatten
from adapters.generation import Finished, Sampling, Usage
from memory.errors import EngineMissing, Invalid, MemoryFault, NotFound, QueueFull, Unavailable

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_MOST_STOPS = 4
BODY_TOO_LARGE = "body_too_large"
_STATUS: tuple[tuple[type[MemoryFault], int, str], ...] = (
    (NotFound, 404, "invalid_request_error"),
    (Invalid, 400, "invalid_request_error"),
    (QueueFull, 429, "rate_limit_error"),
    (Unavailable, 503, "server_error"),
    (EngineMissing, 503, "server_error"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A chat completion that the engine can do."""

    messages: list[Message]
    sampling: Sampling
    stop: tuple[str, ...]
    max_tokens: int | None
    stream: bool
    include_usage: bool
    cache_salt: str
    template_options: Mapping[str, Any]


def parse_chat(body: Any, model_id: str, defaults: Sampling) -> ChatRequest:
    """Return the request. Raises: Invalid, NotFound for another model."""
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object.")
    model = body.get("model")
    if model is not None and model != model_id:
        raise NotFound(
            f"The model {model!r} does not exist here; this engine serves {model_id!r}.",
            param="model",
            code="model_not_found",
        )
    _refuse_unsupported(body)
    stream_options = _mapping(body, "stream_options")
    return ChatRequest(
        messages=parse_messages(body),
        sampling=_sampling(body, defaults),
        stop=_stops(body),
        max_tokens=_max_tokens(body),
        stream=_flag(body, "stream"),
        include_usage=_flag(stream_options, "include_usage"),
        cache_salt=_text(body, "cache_salt"),
        template_options=_mapping(body, "chat_template_kwargs"),
    )


def parse_messages(body: Mapping[str, Any]) -> list[Message]:
    """Return the messages with their text. Raises: Invalid."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Invalid("'messages' must be a list with at least one message.", param="messages")
    return [_message(message, f"messages[{index}]") for index, message in enumerate(messages)]


def _message(message: Any, param: str) -> Message:
    if not isinstance(message, dict):
        raise Invalid(f"{param} must be an object.", param=param)
    role = message.get("role")
    if role in ("tool", "function") or message.get("tool_calls"):
        raise _unsupported(param, "Tool calls and their results are")
    if not isinstance(role, str) or role not in _ROLES:
        raise Invalid(f"{param}.role must be one of {', '.join(_ROLES)}.", param=f"{param}.role")
    content = message.get("content")
    if content is None and role != "assistant":
        raise Invalid(f"{param}.content is missing.", param=f"{param}.content")
    text = flatten(content)
    if text is None:
        raise _unsupported(f"{param}.content", "Parts other than text (images, audio, files) are")
    return {"role": _ROLES[role], "content": text}


def _refuse_unsupported(body: Mapping[str, Any]) -> None:
    if body.get("n") not in (None, 1):
        raise _unsupported("n", "More than one choice is")
    response_format = body.get("response_format")
    if response_format is not None and (not isinstance(response_format, dict) or response_format.get("type") != "text"):
        raise _unsupported("response_format", "An output format other than text is")
    for name in ("tools", "functions", "logprobs", "top_logprobs", "audio"):
        if body.get(name):
            raise _unsupported(name, f"'{name}' is")
    modalities = body.get("modalities")
    if modalities is not None and modalities != ["text"]:
        raise _unsupported("modalities", "Output other than text is")


def _unsupported(param: str, what: str) -> Invalid:
    return Invalid(
        f"{what} not supported by the local engine. Leave it out, or serve a model that can do it with --upstream.",
        param=param,
        code="unsupported_parameter",
    )


def _sampling(body: Mapping[str, Any], defaults: Sampling) -> Sampling:
    repeat_name = "repeat_penalty" if "repeat_penalty" in body else "repetition_penalty"
    top_k = _whole(body, "top_k", -1, 1 << 20)
    return Sampling(
        temperature=_number(body, "temperature", 0, 2, defaults.temperature),
        top_k=defaults.top_k if top_k is None else max(0, top_k),
        top_p=_number(body, "top_p", 0, 1, defaults.top_p),
        min_p=_number(body, "min_p", 0, 1, defaults.min_p),
        presence_penalty=_number(body, "presence_penalty", -2, 2, 0.0),
        frequency_penalty=_number(body, "frequency_penalty", -2, 2, 0.0),
        repeat_penalty=_number(body, repeat_name, 0, 10, 1.0),
        seed=_whole(body, "seed", -(1 << 63), (1 << 64) - 1),
        logit_bias=_logit_bias(body),
    )


def _logit_bias(body: Mapping[str, Any]) -> dict[int, float]:
    entries = _mapping(body, "logit_bias")
    if not all(key.isdecimal() and len(key) < 10 for key in entries):
        raise Invalid("'logit_bias' maps token ids to numbers.", param="logit_bias")
    return {int(key): _number(entries, key, -100, 100, 0.0, param="logit_bias") for key in entries}


def _max_tokens(body: Mapping[str, Any]) -> int | None:
    newer = _whole(body, "max_completion_tokens", 1, 1 << 31)
    return newer if newer is not None else _whole(body, "max_tokens", 1, 1 << 31)


def _stops(body: Mapping[str, Any]) -> tuple[str, ...]:
    stop = body.get("stop")
    stops = [stop] if isinstance(stop, str) else [] if stop is None else stop
    if not isinstance(stops, list) or len(stops) > _MOST_STOPS or not all(isinstance(s, str) and s for s in stops):
        raise Invalid(f"'stop' must be a string or a list of up to {_MOST_STOPS} strings.", param="stop")
    return tuple(stops)


def _number(
    body: Mapping[str, Any], name: str, low: float, high: float, otherwise: float, *, param: str | None = None
) -> float:
    value = body.get(name)
    if value is None:
        return otherwise
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Invalid(f"'{param or name}' must be a number.", param=param or name)
    if not low <= value <= high:
        raise Invalid(f"'{param or name}' must be between {low} and {high}.", param=param or name)
    return float(value)


def _whole(body: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Invalid(f"'{name}' must be a whole number of at least {low}.", param=name)
    return value


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise Invalid(f"'{name}' must be true or false.", param=name)
    return bool(value)


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise Invalid(f"'{name}' must be a string.", param=name)
    return value or ""


def _mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise Invalid(f"'{name}' must be an object.", param=name)
    return value or {}


def error_answer(error: Exception) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return status, headers and body for an error, in OpenAI's shape."""
    known = (row[1:] for row in _STATUS if isinstance(error, row[0]))
    status, name = next(known, (500, "server_error"))
    message = str(error) if isinstance(error, MemoryFault) else "The engine failed on this request."
    code = getattr(error, "code", None)
    if code == BODY_TOO_LARGE:
        status = 413
    body = {"error": {"message": message, "type": name, "param": getattr(error, "param", None), "code": code}}
    headers = {}
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        headers["retry-after"] = str(max(1, math.ceil(retry_after_s)))
    if status < 429:  # the same request would fail again
        headers["x-should-retry"] = "false"
    return status, headers, body


def usage_json(usage: Usage) -> dict[str, Any]:
    """Return OpenAI's usage object."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionShape:
    """What is the same in every object of one completion."""

    id: str
    created: int
    model: str
    fingerprint: str

    def whole(self, text: str, end: Finished) -> dict[str, Any]:
        """Return the ``chat.completion`` object."""
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": end.reason.value}
        return {**self._head("chat.completion"), "choices": [choice], "usage": usage_json(end.usage)}

    def chunk(self, delta: Mapping[str, Any], *, usage_asked: bool, finish_reason: str | None = None) -> dict[str, Any]:
        """Return a ``chat.completion.chunk`` object."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        chunk = {**self._head("chat.completion.chunk"), "choices": [choice]}
        return {**chunk, "usage": None} if usage_asked else chunk

    def usage_chunk(self, usage: Usage) -> dict[str, Any]:
        """Return the last chunk of a stream that was asked for its usage."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": usage_json(usage)}

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }
