"""One chat request as the stations see it, and what of it the proxy needs in the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from memory.conversation import TurnName
from memory.trace import Trace
from memory.turn import Controls, Injection, LedgerRow, Message, Prepared, Scope
from memory.whatif import WhatIf


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as the stations see it."""

    scope: Scope
    controls: Controls
    said: tuple[Message, ...]
    conversation_id: str
    turns: tuple[TurnName, ...]
    rows: Mapping[str, Sequence[LedgerRow]]  #: ledger rows by turn hash, newest first
    repeats: bool  #: a client's retry, or an agent loop that goes on
    case: WhatIf = field(default_factory=WhatIf)  #: what is left out of it


def prepared(request: Request, messages: list[dict[str, Any]], injection: Injection, trace: Trace) -> Prepared:
    """Return what ``pipeline.before`` hands to the proxy, without what was changed."""
    last = request.turns[-1] if request.turns else None
    return Prepared(
        messages=messages,
        conversation_id=request.conversation_id,
        turn_hash=last.hash if last else "",
        user_text=request.said[last.position].text if last else "",
        injection=injection,
        changed=False,
        trace=tuple(trace.stations),
        repeats=request.repeats,
        follows=request.turns[-2].hash if len(request.turns) > 1 else "",
    )
