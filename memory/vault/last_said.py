"""A message in, what was read out of it and what was answered to it out: "forget that" means both, and nothing else."""

import re
import sqlite3

from memory.vault.known import KnownCube, with_ids
from memory.vault.scrub import FORGOTTEN

_FROM = """
    SELECT id FROM cubes
    WHERE owner = ? AND EXISTS (SELECT 1 FROM json_each(cubes.data, '$.source.message_ids') WHERE value = ?)
"""
_NO_ANSWER = """
    UPDATE turns SET answer = ?, changed = leased_until IS NOT NULL WHERE user = ? AND id = ? AND answer IS NOT NULL
"""
_PLACE = re.compile(r"(?P<turn>.+):(?P<position>\d+)")  #: of a message that came without an id of its own


def said_in(connection: sqlite3.Connection, user: str, message_id: str) -> list[KnownCube]:
    """Return what rests on the message and on the answer to it, whose words are taken out of the ledger."""
    ids = _from(connection, user, message_id)
    place = _PLACE.fullmatch(message_id)
    if place is None:
        return with_ids(connection, user, ids)
    answers = with_ids(connection, user, _from(connection, user, f"{place['turn']}:{int(place['position']) + 1}"))
    connection.execute(_NO_ANSWER, (FORGOTTEN, user, place["turn"]))
    return [
        *with_ids(connection, user, ids),
        *(each for each in answers if each.stored.cube.source.role == "assistant"),
    ]


def _from(connection: sqlite3.Connection, user: str, message_id: str) -> list[str]:
    return [row[0] for row in connection.execute(_FROM, (user, message_id))]
