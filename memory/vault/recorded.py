"""A data folder in, the turns of one user as the ledger holds them out, oldest first.

Reads only, beside a running server or in a folder that stands still, without making anything. Texts are as they were
stored: redacted, and without what was forgotten since.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from memory.cube import Trust
from memory.errors import NotFound
from memory.turn import Message
from memory.vault.chain import AuditFile
from memory.vault.exchanges import UNREADABLE, messages_of
from memory.vault.rows import moment

# A turn that is open has no answer yet, and a dead one could not be written.
_RECORDED = "state NOT IN ('open', 'dead') AND messages <> '[]'"
_BUSIEST = f"SELECT user FROM turns WHERE {_RECORDED} GROUP BY user ORDER BY count(*) DESC, user LIMIT 1"
_TURNS = f"SELECT * FROM turns WHERE user = ? AND {_RECORDED} ORDER BY occurred_at, seq"
_KNOWN = "SELECT EXISTS (SELECT 1 FROM keys WHERE user = :user) OR EXISTS (SELECT 1 FROM cubes WHERE owner = :user)"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTurn:
    """One turn, and what was brought into it."""

    conversation_id: str
    turn_hash: str
    follows: str  #: turn hash of the turn before it in its chat; "" for the first
    request_id: str  #: "": it came whole by the memory API
    messages: tuple[Message, ...]  #: the turn's own, without the answer to a chat
    answer: str | None  #: to a chat; None: it broke off, or the answer is among the messages
    at: datetime
    stable: str = ""  #: the blocks that were brought in
    turn: str = ""
    trust: Trust = Trust.USER  #: the least of what the answer rests on

    @property
    def question(self) -> Message | None:
        """What the user said; None where only an assistant spoke."""
        return next((message for message in self.messages if message.role == "user" and message.text.strip()), None)

    @property
    def answered(self) -> str:
        """All that the assistant said."""
        said = [message.text for message in self.messages if message.role == "assistant"]
        return "\n".join([*said, self.answer or ""]).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What one user's ledger holds."""

    user: str
    turns: tuple[RecordedTurn, ...]
    unreadable: int = 0  #: rows that are damaged


def recorded(data_dir: Path, user: str | None = None) -> Recording:
    """Return the turns of a user, in order of time; None: of the user who has most.

    Raises: NotFound: there is no vault, no such user, or no turn. Unavailable: the vault cannot be read.
    """
    while True:
        file = AuditFile(data_dir)
        try:
            with file.read() as connection:
                found = _recording(connection, user)
            if not file.moved:  # else a server opened what stood still, and changed it under the reading
                return found
        finally:
            file.close()


def _recording(connection: sqlite3.Connection, user: str | None) -> Recording:
    if user is None:
        busiest = connection.execute(_BUSIEST).fetchone()
        if busiest is None:
            raise NotFound("The ledger holds no turns yet: talk through the proxy first.")
        user = str(busiest[0])
    turns: list[RecordedTurn] = []
    unreadable = 0
    for row in connection.execute(_TURNS, (user,)):
        try:
            turns.append(_turn(row))
        except UNREADABLE:
            unreadable += 1
    if not turns:
        known = connection.execute(_KNOWN, {"user": user}).fetchone()[0]
        why = (
            f"{user!r} has no recorded turns." if known else f"There is no user {user!r}; `memos keys list` shows all."
        )
        raise NotFound(why, param="--user")
    return Recording(user=user, turns=tuple(turns), unreadable=unreadable)


def _turn(row: sqlite3.Row) -> RecordedTurn:
    messages, injected = messages_of(row), orjson.loads(row["injected"])
    return RecordedTurn(
        conversation_id=row["conversation_id"],
        turn_hash=row["turn_hash"],
        follows=row["follows"],
        request_id=row["request_id"],
        messages=messages[:-1] if row["answer"] else messages,
        answer=row["answer"],
        at=moment(row["occurred_at"]),
        stable=_text(injected, "stable"),
        turn=_text(injected, "turn"),
        trust=Trust(injected.get("trust", Trust.USER)),
    )


def _text(injected: Mapping[str, Any], name: str) -> str:
    text = injected.get(name, "")
    if not isinstance(text, str):
        raise TypeError(f"{name} is no text")
    return text
