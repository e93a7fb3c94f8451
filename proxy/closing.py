"""A chat that ended, one way or another, in; its turn closed, exactly once, out."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from memory.ports import Clock
from memory.rules.sentences import well_formed
from memory.trust import least, trust_of_roles
from memory.turn import Controls, Message, TurnRecord
from proxy.bookkeeping import Bookkeeper, OpenTurn
from proxy.identity import Identity
from proxy.notes import Note, Notes
from proxy.recall import Recalled
from proxy.receipt import receipt_of
from proxy.sse import BodyReader, StreamReader
from proxy.telemetry import RequestLine
from proxy.wire import Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One chat request, understood."""

    raw: bytes
    body: dict[str, Any]
    headers: Headers  #: those to forward
    identity: Identity
    controls: Controls  #: with the mode that is allowed
    line: RequestLine


class Closing:
    """Closes a turn once: with its answer when it came to its end, without when it broke off."""

    def __init__(
        self,
        bookkeeper: Bookkeeper,
        notes: Notes,
        call: Call,
        recalled: Recalled,
        reader: StreamReader | BodyReader,
        opening: "asyncio.Future[OpenTurn] | None",
    ) -> None:
        self._bookkeeper = bookkeeper
        self._notes = notes
        self._call = call
        self.recalled = recalled
        self._reader = reader
        self._opening = opening
        self._closed = False

    async def whole(self) -> None:
        """Return when the turn, with what was read of its answer, is on disk."""
        if not self._closed and (future := self._close(self._reader.answer.text)):
            await asyncio.shield(future)

    def broken(self) -> None:
        """Make sure that it is closed; waits for nothing."""
        if not self._closed:
            opening = self._opening
            if opening is None or opening.done():
                self._close(None)
            else:
                opening.add_done_callback(lambda _: self._close(None))

    def _close(self, answer: str | None) -> "asyncio.Future[None] | None":
        if self._closed:
            return None
        self._closed = True
        call = self._call
        turn = self._opening.result() if self._opening is not None and not self._opening.cancelled() else OpenTurn()
        recalled, reading = self.recalled, self._reader.answer
        self._notes.take(
            Note(
                call.identity.scope,
                call.line.request_id,
                lambda: receipt_of(call.line, recalled, turn, reading, call.controls),
                recalled.prepared.injection.cube_ids if recalled.prepared is not None else (),
            )
        )
        return self._bookkeeper.close(turn, answer) if turn.write != "off" else None


def record_of(call: Call, recalled: Recalled, clock: Clock) -> TurnRecord | None:
    """Return what the ledger gets; None when there is nothing to keep or it may not be kept."""
    prepared = recalled.prepared
    if prepared is None or not prepared.turn_hash or not prepared.user_text or not call.controls.mode.writes:
        return None
    said: Mapping[str, Any] = next((m for m in reversed(call.body["messages"]) if m.get("role") == "user"), {})
    name, message_id = said.get("name"), said.get("id")
    message = Message(
        role="user",
        text=prepared.user_text,
        id=well_formed(message_id) if isinstance(message_id, str) else "",
        name=well_formed(name) if isinstance(name, str) else None,
    )
    return TurnRecord(
        scope=replace(call.identity.scope, task=call.controls.task or ""),
        turn_hash=prepared.turn_hash,
        conversation_id=prepared.conversation_id,
        messages=(message,),
        request_id=call.line.request_id,
        # what the answer rests on: tools' output anywhere in the request, and memories that came from outside
        injected={
            **prepared.injection.for_ledger(),
            "trust": int(least((prepared.injection.trust, trust_of_roles(call.body["messages"])))),
        },
        repeats=prepared.repeats,
        follows=prepared.follows,
        occurred_at=clock(),
    )
