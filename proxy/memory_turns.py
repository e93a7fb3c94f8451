"""Messages of an import in, rows for the turn ledger out.

A turn is a user message with the assistant messages that follow it, until the next user message; what an assistant says
first is a turn of its own. Only what users and assistants said is kept: system text and tool output are not, but an
answer that follows a tool's output is marked as resting on it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import orjson

from memory.cube import Trust
from memory.trust import TOOL_ROLES
from memory.turn import Message, Scope, TurnRecord
from proxy.memory_wire import TurnMessage


def turn_records(scope: Scope, conversation_id: str, messages: Sequence[TurnMessage]) -> list[TurnRecord]:
    """Return the turns, in order.

    The hash of a turn covers its ids and content, so sending the same messages again makes no second memory; the same
    words said twice in one call are two turns.
    """
    seen: Counter[str] = Counter()
    records = []
    for turn, trust in _grouped(messages):
        content = _digest([conversation_id, [[m.id, m.role, m.name, m.text, m.created_at] for m in turn]])
        seen[content] += 1
        turn_hash = _digest([content, seen[content]])
        records.append(_record(scope, conversation_id, turn, turn_hash, trust))
    return records


def _grouped(messages: Iterable[TurnMessage]) -> Iterator[tuple[list[TurnMessage], Trust]]:
    """Yield each turn with the trust in what its answers rest on: a tool's output counts for all that comes after."""
    turn: list[TurnMessage] = []
    trust = Trust.USER
    for message in messages:
        if message.role in TOOL_ROLES:
            trust = Trust.TOOL
        if message.role not in ("user", "assistant") or not message.text.strip():
            continue
        if message.role == "user" and turn:
            yield turn, trust
            turn = []
        turn.append(message)
    if turn:
        yield turn, trust


def _record(
    scope: Scope, conversation_id: str, turn: Sequence[TurnMessage], turn_hash: str, trust: Trust
) -> TurnRecord:
    return TurnRecord(
        scope=scope,
        turn_hash=turn_hash,
        conversation_id=conversation_id,
        messages=tuple(
            Message(
                role=message.role,
                text=message.text,
                id=message.id or f"msg_{turn_hash[:20]}_{number}",
                name=message.name,
                created_at=message.created_at,
            )
            for number, message in enumerate(turn)
        ),
        injected={"trust": int(trust)} if trust is not Trust.USER else {},
        occurred_at=next((message.created_at for message in turn if message.created_at), None),
    )


def _digest(value: object) -> str:
    return hashlib.sha256(orjson.dumps(value)).hexdigest()
