"""What was forgotten in, ledger and receipts without it out: reading a turn again cannot bring it back."""

import re
import sqlite3
from collections.abc import Callable, Collection
from typing import Any

import orjson

from memory.vault.exchanges import UNREADABLE
from memory.vault.rows import dumps
from memory.vault.scrub import Forgotten

_ESCAPED_SPACE = re.compile(r"\\[nrtbf]")
_ESCAPED_LETTER = re.compile(r"\\u(?![dD][89a-fA-F])([0-9a-fA-F]{4})")  # halves of one stay as they are
_ID_LISTS = {"ids", "turn_ids", "shared"}
_ROWS = "SELECT seq, id, messages, answer, injected FROM turns WHERE user = ?"
#: What was said is read again where it is other words now. What was brought in says nothing by itself; and a wish to
#: forget that was read twice would take what is like the thing that is gone.
_REWRITE = """
    UPDATE turns SET changed = changed OR (leased_until IS NOT NULL AND (messages, answer) IS NOT (?1, ?2)),
                     messages = ?1, answer = ?2, injected = ?3
    WHERE seq = ?4
"""
_BLANK = """
    UPDATE turns SET messages = '[]', answer = NULL, injected = '{}', error = '', changed = leased_until IS NOT NULL,
                     state = CASE WHEN state = 'open' THEN 'open' ELSE 'empty' END
    WHERE user = ?
"""


def scrub_turns(
    connection: sqlite3.Connection,
    user: str,
    *,
    anywhere: Forgotten,
    linked: Forgotten,
    links: Collection[str],
    shown: Forgotten | None = None,
) -> int:
    """Scrub the user's ledger rows and return how many changed.

    ``anywhere`` goes from all rows. ``linked`` also goes from the rows whose id, or the id of one of whose messages,
    is in ``links``. The lines that hold ``shown``, else ``linked``, go from what was injected in any row.
    """
    shown = shown or linked
    changed = 0
    for row in connection.execute(_ROWS, (user,)).fetchall():
        try:
            scrubbed = _scrubbed(row, anywhere, linked, links, shown)
        except UNREADABLE:
            scrubbed = _damaged(row, anywhere, shown)
        if scrubbed != (row["messages"], row["answer"], row["injected"]):
            connection.execute(_REWRITE, (*scrubbed, row["seq"]))
            changed += 1
    return changed


def _damaged(row: sqlite3.Row, anywhere: Forgotten, linked: Forgotten) -> tuple[str, str | None, str]:
    """As ``_scrubbed``: what is no JSON is text all the same, and whatever it was, the words must go."""
    scrub = _both(anywhere.scrub, linked.scrub)

    def of(json: str) -> str:
        try:
            whole = orjson.loads(json)
        except ValueError:
            bare = _ESCAPED_LETTER.sub(lambda found: chr(int(found[1], 16)), _ESCAPED_SPACE.sub(" ", json))
            return json if scrub(bare) == bare else scrub(bare)
        kept = linked.scrub_json(anywhere.scrub_json(whole))
        return json if kept == whole else dumps(kept)

    return of(row["messages"]), None if row["answer"] is None else scrub(row["answer"]), of(row["injected"])


def _scrubbed(
    row: sqlite3.Row, anywhere: Forgotten, linked: Forgotten, links: Collection[str], shown: Forgotten
) -> tuple[str, str | None, str]:
    """Return a turn's columns of words; those of which nothing goes are as they were, to the byte.

    Raises: UNREADABLE.
    """
    messages, injected = orjson.loads(row["messages"]), orjson.loads(row["injected"])
    near = row["id"] in links or any(id_ in links for id_ in _message_ids(row["id"], messages))
    scrub = _both(anywhere.scrub, linked.scrub) if near else anywhere.scrub
    new_messages = [{**message, "text": scrub(message["text"])} for message in messages]
    new_injected = _without(injected, anywhere, shown)
    return (
        row["messages"] if new_messages == messages else dumps(new_messages),
        None if row["answer"] is None else scrub(row["answer"]),
        row["injected"] if new_injected == injected else dumps(new_injected),
    )


def blank_turns(connection: sqlite3.Connection, user: str) -> int:
    """Take all texts out of the user's ledger rows; nothing is left to be read from them."""
    return connection.execute(_BLANK, (user,)).rowcount


def scrub_receipts(connection: sqlite3.Connection, user: str, *, anywhere: Forgotten, linked: Forgotten) -> None:
    """Scrub the user's receipts."""
    rows = connection.execute("SELECT request_id, data FROM receipts WHERE user = ?", (user,)).fetchall()
    for row in rows:
        receipt = orjson.loads(row["data"])
        scrubbed = linked.scrub_json(anywhere.scrub_json(receipt))
        if scrubbed != receipt:
            sql = "UPDATE receipts SET data = ? WHERE user = ? AND request_id = ?"
            connection.execute(sql, (dumps(scrubbed), user, row["request_id"]))


def _without(injected: dict[str, Any], anywhere: Forgotten, linked: Forgotten) -> dict[str, Any]:
    scrub = _both(anywhere.scrub_lines, linked.scrub_lines)
    kept = {key: scrub(value) if isinstance(value, str) else value for key, value in injected.items()}
    for name in _ID_LISTS & kept.keys():
        kept[name] = [cube_id for cube_id in kept[name] if cube_id not in linked.ids]
    return kept


def _message_ids(turn_id: str, messages: list[dict[str, Any]]) -> list[str]:
    return [message["id"] or f"{turn_id}:{position}" for position, message in enumerate(messages)]


def _both(first: Callable[[str], str], second: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: second(first(text))
