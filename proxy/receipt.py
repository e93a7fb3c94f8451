"""What recall did in, the ``x-memory-*`` headers and the receipt of the request out."""

from datetime import UTC, datetime
from typing import Any

from memory.cube import Kind
from memory.turn import Controls, Injection
from proxy.bookkeeping import OpenTurn
from proxy.recall import Recalled
from proxy.sse import Answer
from proxy.telemetry import RequestLine
from proxy.wire import Headers

#: the headers of an answer that speak of memory, in their order
MEMORY_HEADERS = (
    "x-memory-status",
    "x-memory-request-id",
    "x-memory-conversation-id",
    "x-memory-ids",
    "x-memory-kinds",
    "x-memory-tokens-injected",
    "x-memory-lookup-ms",
    "x-memory-write",
)
_HEADERS = tuple(name.encode() for name in MEMORY_HEADERS)
_MAX_NAMED = 16  # of ids that are nobody's; the station "what_if" has them all
_MAX_HEADER_CHARS = 4000  # many servers on the way refuse longer ones; the receipt has them all


def memory_headers(request_id: str, recalled: Recalled, write: str) -> Headers:
    """Return what is told in headers, before the first byte."""
    prepared = recalled.prepared
    injection = prepared.injection if prepared is not None else Injection()
    values = (
        recalled.status,
        request_id,
        prepared.conversation_id if prepared is not None else "",
        _short(injection.cube_ids),
        ",".join(_kinds(injection, recalled)),
        str(injection.tokens),
        f"{recalled.lookup_ms:.1f}",
        write,
    )
    return [(name, _header_bytes(value)) for name, value in zip(_HEADERS, values, strict=True)]


def receipt_of(
    line: RequestLine, recalled: Recalled, turn: OpenTurn, answer: Answer, controls: Controls
) -> dict[str, Any]:
    """Return all that happened in a request. No text of a memory: what is forgotten later must not stay here."""
    prepared = recalled.prepared
    injection = prepared.injection if prepared is not None else Injection()
    plan = next((s.detail for s in prepared.trace if s.name == "scheduler"), {}) if prepared is not None else {}
    first = line.progress.first_byte_at
    return {
        "object": "memory.request",
        "id": line.request_id,
        "created_at": datetime.now(UTC).isoformat(),
        "model": line.model,
        "conversation_id": prepared.conversation_id if prepared is not None else None,
        "turn_id": turn.turn_id,
        "status": recalled.status,
        "reason": recalled.reason,
        "warnings": [*line.warnings, *_unknown(recalled)],
        "write": turn.write,
        "mode": controls.mode.value,
        "as_of": controls.as_of.isoformat() if controls.as_of is not None else None,
        "without": list(controls.without),
        "budget_tokens": plan.get("budget_tokens", controls.budget_tokens),
        "lookup_ms": round(recalled.lookup_ms, 3),
        "ttft_ms": round(1000 * (first - line.started_at), 3) if first is not None else None,
        "stations": prepared.trace if prepared is not None else [],
        "injected": {
            "ids": list(injection.cube_ids),
            "kinds": _kinds(injection, recalled),
            "tokens": injection.tokens,
        },
        "activation": recalled.restored.fields() if recalled.restored is not None else None,
        "candidates": injection.candidates,
        "answer": {"finish_reason": answer.finish_reason, "tool_calls": len(answer.tool_calls), "usage": answer.usage},
    }


def _unknown(recalled: Recalled) -> list[str]:
    """What to say of ids in ``X-Memory-Without`` that name no memory: such a header is mostly a mistake."""
    trace = recalled.prepared.trace if recalled.prepared is not None else ()
    left_out = next((station.detail for station in trace if station.name == "what_if"), {})
    unknown = left_out.get("unknown", [])
    if not unknown:
        return []
    named = ", ".join(unknown[:_MAX_NAMED]) + (f" and {len(unknown) - _MAX_NAMED} more" * (len(unknown) > _MAX_NAMED))
    return [f"X-Memory-Without names what is no memory of this user, so nothing was left out for it: {named}"]


def _kinds(injection: Injection, recalled: Recalled) -> list[str]:
    """The kinds of memory that acted: also what the engine had computed beforehand.

    In front of a chat without a stable block stands the caller's own system message alone: restoring that is no memory.
    """
    restored = bool(injection.stable_text) and recalled.restored is not None and recalled.restored.tokens > 0
    return [kind.value for kind in (*injection.kinds, *((Kind.ACTIVATION,) if restored else ()))]


def _short(ids: tuple[str, ...]) -> str:
    text = ",".join(ids)
    return text if len(text) <= _MAX_HEADER_CHARS else text[:_MAX_HEADER_CHARS].rpartition(",")[0]


def _header_bytes(value: str) -> bytes:
    """UTF-8 as it came; control characters, which would end the header, become spaces."""
    return "".join(letter if letter >= " " and letter != "\x7f" else " " for letter in value).encode(errors="replace")
