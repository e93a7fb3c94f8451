"""The JSON of a chat, or of a prefix to be kept, in, typed values out.

The law: what the engine cannot do is refused by name, never left undone in silence; fields that it does not know are
ignored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.chat_shape import Message
from adapters.generation import Sampling
from memory.errors import Invalid, NotFound
from proxy.engine_fields import flag, mapping, number, text, unsupported, whole
from proxy.engine_formats import ToolUse, parse_format, parse_tools
from proxy.engine_messages import parse_messages

_MOST_STOPS = 4
_MOST_CHOICES = 8
_MOST_LOGPROBS = 20
_MOST_LABELS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A chat completion that the engine can do."""

    messages: list[Message]
    tool_use: ToolUse
    answer_schema: Any  #: JSON Schema; None: the answer is text
    sampling: Sampling  #: without a grammar
    choices: int
    stop: tuple[str, ...]
    max_tokens: int | None
    stream: bool
    include_usage: bool
    cache_salt: str
    shared_cache_salt: str  #: whose stored prefixes may be used beside the caller's own
    use_activation: bool
    template_options: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationRequest:
    """The beginning of conversations, to be computed and kept."""

    messages: list[Message]
    shared_messages: list[Message]  #: what of them belongs to ``shared_cache_salt``
    tool_use: ToolUse
    template_options: Mapping[str, Any]
    cache_salt: str
    shared_cache_salt: str
    labels: Mapping[str, Sequence[str]]
    idle: bool  #: computed only while nothing else is
    wait: bool  #: for it to be on the disk


def parse_chat(body: Any, model_id: str, defaults: Sampling) -> ChatRequest:
    """Return the request. Raises: Invalid, NotFound for another model."""
    body = _object(body)
    _check_model(body, model_id)
    _refuse_unsupported(body)
    stream_options = mapping(body, "stream_options")
    return ChatRequest(
        messages=parse_messages(body),
        tool_use=parse_tools(body),
        answer_schema=parse_format(body),
        sampling=_sampling(body, defaults),
        choices=whole(body, "n", 1, _MOST_CHOICES) or 1,
        stop=_stops(body),
        max_tokens=_max_tokens(body),
        stream=flag(body, "stream"),
        include_usage=flag(stream_options, "include_usage"),
        cache_salt=text(body, "cache_salt"),
        shared_cache_salt=text(body, "shared_cache_salt"),
        use_activation=flag(body, "activation", otherwise=True),
        template_options=mapping(body, "chat_template_kwargs"),
    )


def parse_activation(body: Any, model_id: str) -> ActivationRequest:
    """Return what is to be kept. Raises: Invalid, NotFound for another model."""
    body = _object(body)
    _check_model(body, model_id)
    priority = text(body, "priority") or "idle"
    if priority not in ("idle", "now"):
        raise Invalid("'priority' must be idle or now.", param="priority")
    return ActivationRequest(
        messages=parse_messages(body),
        shared_messages=parse_messages(body, "shared_messages") if body.get("shared_messages") else [],
        tool_use=parse_tools(body),
        template_options=mapping(body, "chat_template_kwargs"),
        cache_salt=text(body, "cache_salt"),
        shared_cache_salt=text(body, "shared_cache_salt"),
        labels=_labels(body),
        idle=priority == "idle",
        wait=flag(body, "wait"),
    )


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object.")
    return body


def _check_model(body: Mapping[str, Any], model_id: str) -> None:
    model = body.get("model")
    if model is not None and model != model_id:
        raise NotFound(
            f"The model {model!r} does not exist here; this engine serves {model_id!r}.",
            param="model",
            code="model_not_found",
        )


def _labels(body: Mapping[str, Any]) -> dict[str, list[str]]:
    labels = mapping(body, "labels")
    for name, values in labels.items():
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise Invalid(f"'labels.{name}' must be a list of strings.", param=f"labels.{name}")
    if sum(map(len, labels.values())) > _MOST_LABELS:
        raise Invalid(f"'labels' may hold {_MOST_LABELS} strings together.", param="labels")
    return dict(labels)


def _refuse_unsupported(body: Mapping[str, Any]) -> None:
    if body.get("audio"):
        raise unsupported("audio", "'audio' is")
    if body.get("best_of") not in (None, 1):
        raise unsupported("best_of", "'best_of' is")
    modalities = body.get("modalities")
    if modalities is not None and modalities != ["text"]:
        raise unsupported("modalities", "Output other than text is")


def _sampling(body: Mapping[str, Any], defaults: Sampling) -> Sampling:
    repeat_name = "repeat_penalty" if "repeat_penalty" in body else "repetition_penalty"
    top_k = whole(body, "top_k", -1, 1 << 20)
    return Sampling(
        temperature=number(body, "temperature", 0, 2, defaults.temperature),
        top_k=defaults.top_k if top_k is None else max(0, top_k),
        top_p=number(body, "top_p", 0, 1, defaults.top_p),
        min_p=number(body, "min_p", 0, 1, defaults.min_p),
        presence_penalty=number(body, "presence_penalty", -2, 2, 0.0),
        frequency_penalty=number(body, "frequency_penalty", -2, 2, 0.0),
        repeat_penalty=number(body, repeat_name, 0, 10, 1.0),
        seed=whole(body, "seed", -(1 << 63), (1 << 64) - 1),
        logit_bias=_logit_bias(body),
        top_logprobs=_top_logprobs(body),
    )


def _logit_bias(body: Mapping[str, Any]) -> dict[int, float]:
    entries = mapping(body, "logit_bias")
    if not all(key.isdecimal() and len(key) < 10 for key in entries):
        raise Invalid("'logit_bias' maps token ids to numbers.", param="logit_bias")
    try:
        return {int(key): number(entries, key, -100, 100, 0.0) for key in entries}
    except Invalid as error:
        raise Invalid("'logit_bias' takes numbers between -100 and 100.", param="logit_bias") from error


def _top_logprobs(body: Mapping[str, Any]) -> int | None:
    asked = body.get("logprobs")
    if isinstance(asked, int) and not isinstance(asked, bool):
        raise Invalid(
            "'logprobs' is true or false in a chat; how many are wanted is said by 'top_logprobs'.", param="logprobs"
        )
    top = whole(body, "top_logprobs", 0, _MOST_LOGPROBS)
    if not flag(body, "logprobs"):
        if top:
            raise Invalid("'top_logprobs' needs 'logprobs': true.", param="top_logprobs")
        return None
    return top or 0


def _max_tokens(body: Mapping[str, Any]) -> int | None:
    newer = whole(body, "max_completion_tokens", 1, 1 << 31)
    return newer if newer is not None else whole(body, "max_tokens", 1, 1 << 31)


def _stops(body: Mapping[str, Any]) -> tuple[str, ...]:
    stop = body.get("stop")
    stops = [stop] if isinstance(stop, str) else [] if stop is None else stop
    if not isinstance(stops, list) or len(stops) > _MOST_STOPS or not all(isinstance(s, str) and s for s in stops):
        raise Invalid(f"'stop' must be a string or a list of up to {_MOST_STOPS} strings.", param="stop")
    return tuple(stops)
