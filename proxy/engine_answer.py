"""Events of generations in, OpenAI's ``chat.completion`` and ``chat.completion.chunk`` objects out.

The law: a whole answer is put together from the very deltas that a stream would have sent.
"""

import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.generation import Finished, FinishReason, Piece, Restored, Started, TokenScore, Usage
from adapters.tool_calls import Delta, TextDelta, ToolCallReader
from proxy.restored import PENDING, PREFIX

_IMPOSSIBLE = -9999.0  #: OpenAI's number for a logarithm of nothing


@dataclass(frozen=True, slots=True)
class Said:
    """One delta of a choice, and the scores of the tokens behind it."""

    delta: Mapping[str, Any]
    scores: Sequence[TokenScore] = ()
    finish_reason: str | None = None


class ChoiceStream:
    """One choice, from its generation's events to OpenAI's deltas."""

    def __init__(self, reader: ToolCallReader | None) -> None:
        self._reader = reader
        self._scores: list[TokenScore] = []
        self.ended = False

    def first(self) -> Said:
        """Return the delta that begins the choice."""
        return Said({"role": "assistant", "content": "" if self._reader is None else None})

    def read(self, event: Started | Piece | Finished) -> list[Said]:
        """Return what an event brings; with the last one the finish reason."""
        if isinstance(event, Started):
            return []
        if isinstance(event, Piece):
            self._scores += event.scores
            if self._reader is None:
                return self._said([{"content": event.text}])
            return self._said(map(_openai_delta, self._reader.push(event.text)))
        self.ended = True
        cut = event.reason is FinishReason.LENGTH
        said = self._said(map(_openai_delta, self._reader.finish(cut=cut))) if self._reader is not None else []
        return [*said, Said({}, self._take_scores(), self._finish_reason(event.reason))]

    def _said(self, deltas: Iterable[Mapping[str, Any]]) -> list[Said]:
        return [Said(delta, self._take_scores()) for delta in deltas]

    def _take_scores(self) -> Sequence[TokenScore]:
        scores, self._scores = self._scores, []
        return scores

    def _finish_reason(self, reason: FinishReason) -> str:
        called = self._reader is not None and self._reader.calls > 0
        return "tool_calls" if called and reason is FinishReason.STOP else reason.value


def _openai_delta(delta: Delta) -> Mapping[str, Any]:
    if isinstance(delta, TextDelta):
        return {"content": delta.text}
    function: dict[str, Any] = {"arguments": delta.arguments}
    if delta.name is None:
        return {"tool_calls": [{"index": delta.index, "function": function}]}
    call = {"index": delta.index, "id": "call_" + secrets.token_hex(12), "type": "function"}
    return {"tool_calls": [{**call, "function": {"name": delta.name, **function}}]}


@dataclass(slots=True)
class _Message:
    """A choice's message as its deltas make it."""

    texts: list[str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    scores: list[TokenScore] = field(default_factory=list)
    finish_reason: str | None = None

    def add(self, said: Said) -> None:
        self.texts.append(said.delta.get("content") or "")
        self.scores += said.scores
        self.finish_reason = said.finish_reason or self.finish_reason
        for call in said.delta.get("tool_calls", ()):
            if "id" in call:
                self.calls.append({"id": call["id"], "type": "function", "function": dict(call["function"])})
            else:
                self.calls[call["index"]]["function"]["arguments"] += call["function"]["arguments"]

    def json(self) -> dict[str, Any]:
        text = "".join(self.texts)
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        return {**message, "content": text or None, "tool_calls": self.calls} if self.calls else message


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionShape:
    """What is the same in every object of one completion."""

    id: str
    created: int
    model: str
    fingerprint: str
    with_scores: bool = False  #: ``logprobs`` were asked for

    def whole(self, choices: Sequence[Sequence[Said]], usage: Usage) -> dict[str, Any]:
        """Return the ``chat.completion`` object."""
        listed = []
        for index, choice in enumerate(choices):
            message = _Message()
            for said in choice:
                message.add(said)
            listed.append(
                {
                    "index": index,
                    "message": message.json(),
                    "logprobs": self._logprobs(message.scores),
                    "finish_reason": message.finish_reason,
                }
            )
        return {**self._head("chat.completion"), "choices": listed, "usage": usage_json(usage)}

    def chunk(self, index: int, said: Said, *, usage_asked: bool) -> dict[str, Any]:
        """Return a ``chat.completion.chunk`` object."""
        choice = {
            "index": index,
            "delta": said.delta,
            "logprobs": self._logprobs(said.scores) if said.scores else None,
            "finish_reason": said.finish_reason,
        }
        chunk = {**self._head("chat.completion.chunk"), "choices": [choice]}
        return {**chunk, "usage": None} if usage_asked else chunk

    def usage_chunk(self, usage: Usage) -> dict[str, Any]:
        """Return the last chunk of a stream that was asked for its usage."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": usage_json(usage)}

    def _logprobs(self, scores: Sequence[TokenScore]) -> dict[str, Any] | None:
        if not self.with_scores:
            return None
        listed = [{**_score_json(score), "top_logprobs": list(map(_score_json, score.top))} for score in scores]
        return {"content": listed, "refusal": None}

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }


def _score_json(score: TokenScore) -> dict[str, Any]:
    return {
        "token": score.data.decode("utf-8", errors="replace"),
        "logprob": score.logprob if math.isfinite(score.logprob) else _IMPOSSIBLE,
        "bytes": list(score.data),
    }


def total(usages: Sequence[Usage]) -> Usage:
    """Return what all choices cost together: they share one prompt."""
    return Usage(
        prompt_tokens=usages[0].prompt_tokens,
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        cached_tokens=usages[0].cached_tokens,
    )


def usage_json(usage: Usage) -> dict[str, Any]:
    """Return OpenAI's usage object."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def activation_headers(restored: Restored | None) -> dict[str, str]:
    """Return the response headers that say what a stored prefix spared; None: the request still waits for its place."""
    if restored is None:
        return {f"{PREFIX}tier": PENDING}
    told = {"tokens": str(restored.tokens), "tier": restored.tier.value}
    told |= {name: value for name, value in (("digest", restored.digest), ("note", restored.note)) if value}
    return {f"{PREFIX}{name}": value for name, value in told.items()}
