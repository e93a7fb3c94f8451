"""A row of the turn ledger in, the exchange that it holds out: what the writer and the extractor read."""

import logging
import sqlite3
from collections.abc import Sequence

import orjson

from memory.cube import Trust
from memory.turn import Exchange, Message, Scope
from memory.vault.rows import maybe_moment, moment

logger = logging.getLogger(__name__)

#: What is raised of a row that was damaged or that no program of this version wrote.
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, OverflowError)

_CONTEXT_MESSAGES = 4

_BEFORE = """
    SELECT id, messages, answer, occurred_at FROM turns
    WHERE user = ? AND conversation_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?
"""
_FOLLOWED = """
    SELECT id, messages, answer, occurred_at, seq, follows FROM turns
    WHERE user = ? AND turn_hash = ? AND seq < ? ORDER BY seq DESC LIMIT 1
"""


def exchange_of(
    connection: sqlite3.Connection, row: sqlite3.Row, *, attempt: int, withheld: Sequence[Sequence[str]] = ()
) -> Exchange:
    """Return the exchange of a whole row, with the messages before it as they are now.

    Raises: UNREADABLE: it is no row that the ledger writes.
    """
    injected = orjson.loads(row["injected"])
    texts = [injected.get("stable"), injected.get("turn")]
    return Exchange(
        turn_id=row["id"],
        scope=Scope(user=row["user"], key_id=row["key_id"]),
        conversation_id=row["conversation_id"],
        messages=messages_of(row),
        injected="\n".join(text for text in texts if text),
        occurred_at=moment(row["occurred_at"]),
        context=_before(connection, row),
        # a chat's answer is kept beside its messages, so an assistant's words among them came by the API
        imported=any(each["role"] == "assistant" for each in orjson.loads(row["messages"])),
        attempt=attempt,
        withheld=tuple((subject, attribute) for subject, attribute in withheld),
        trust=Trust(injected.get("trust", Trust.USER)),
    )


def messages_of(row: sqlite3.Row) -> tuple[Message, ...]:
    """Return the turn's messages, the answer last."""
    messages = [
        Message(
            role=each["role"],
            text=each["text"],
            id=each["id"] or f"{row['id']}:{position}",
            name=each["name"],
            created_at=maybe_moment(each["created_at"]),
        )
        for position, each in enumerate(orjson.loads(row["messages"]))
    ]
    if row["answer"]:
        messages.append(Message(role="assistant", text=row["answer"], id=f"{row['id']}:{len(messages)}"))
    return tuple(messages)


def _before(connection: sqlite3.Connection, row: sqlite3.Row) -> tuple[Message, ...]:
    """Return the last few messages of the same conversation before this turn, oldest first.

    Of chats these are the turns that the request itself repeated: many chats begin with the same words and so have the
    same conversation id. Turns that came by the API are in the conversation that the caller named.
    """
    if row["request_id"]:
        rows = _followed(connection, row)
    elif row["conversation_id"]:
        key = (row["user"], row["conversation_id"], row["seq"], _CONTEXT_MESSAGES)
        rows = connection.execute(_BEFORE, key).fetchall()
    else:
        return ()
    messages = [message for before in reversed(rows) for message in _readable(before)]
    return tuple(messages[-_CONTEXT_MESSAGES:])


def _readable(row: sqlite3.Row) -> tuple[Message, ...]:
    """Return the messages of a turn before; none of one that cannot be read, for the turn itself can be."""
    try:
        return messages_of(row)
    except UNREADABLE as error:
        logger.warning("turn %s cannot be read as context: %s", row["id"], type(error).__name__)
        return ()


def _followed(connection: sqlite3.Connection, row: sqlite3.Row) -> list[sqlite3.Row]:
    """Return the turns before, newest first."""
    found: list[sqlite3.Row] = []
    user = row["user"]
    while row["follows"] and len(found) < _CONTEXT_MESSAGES:
        before = connection.execute(_FOLLOWED, (user, row["follows"], row["seq"])).fetchone()
        if before is None:
            break
        found.append(before)
        row = before
    return found
