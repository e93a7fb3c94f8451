"""Receipts, uses and the audit log's lines of what was read: what a vault refuses is tried again, and nothing is lost
unsaid."""

import asyncio
import logging
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from memory.change import Operation
from memory.errors import VaultLocked
from memory.turn import Scope
from memory.vault import open_vault
from proxy import notes as module
from proxy.notes import Note, Notes, ReadLog

ADA, BEN = Scope(user="ada", key_id="k1"), Scope(user="ben", key_id="k2")


def now():
    return datetime(2026, 3, 14, 12, tzinfo=UTC)


class Place:
    """A vault that refuses for as long as it is told to."""

    def __init__(self, folder):
        self.files = open_vault(folder, clock=now)
        self.locked, self.tries, self.uses_locked = False, 0, False
        self.used = []
        self.notes = Notes(
            self.files.receipts,
            self.count,
            ReadLog(audit=self.files.audit, clock=now, together=self.together),
        )

    @contextmanager
    def together(self):
        self.tries += 1
        if self.locked:
            raise VaultLocked
        with self.files.connections.write() as connection:
            yield connection

    def count(self, scope, cube_ids):
        if self.uses_locked and scope is BEN:
            raise VaultLocked
        self.used.append((scope.user, list(cube_ids)))

    def note(self, name, scope=ADA):
        self.notes.take(Note(scope, name, dict, [f"mem_{name}"]))

    def kept(self):
        with self.files.connections.read() as connection:
            receipts = [row[0] for row in connection.execute("SELECT request_id FROM receipts ORDER BY request_id")]
            lines = connection.execute("SELECT count(*) FROM audit WHERE operation = 'recall'").fetchone()[0]
        return receipts, lines

    async def until(self, holds):
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.01)


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.files.close()


async def test_what_a_locked_vault_refused_is_written_later_without_another_request(place):
    place.locked = True
    place.note("a")
    await place.until(lambda: place.tries >= 2)
    assert place.kept() == ([], 0)
    place.locked = False
    await place.until(lambda: place.kept() == (["a"], 1))
    await place.notes.finish(5)
    assert place.used == [("ada", ["mem_a"])]


async def test_what_was_written_in_part_is_not_written_twice(place):
    place.uses_locked = True
    place.note("a")
    place.note("b", BEN)
    await place.until(lambda: place.tries >= 2)
    assert place.kept() == (["a", "b"], 2)
    place.uses_locked = False
    await place.notes.finish(5)
    assert place.kept() == (["a", "b"], 2)
    assert place.used == [("ada", ["mem_a"]), ("ben", ["mem_b"])]


async def test_what_waits_is_bounded_and_what_is_dropped_is_told(place, caplog):
    place.locked = True
    extra = 7
    for number in range(module.MAX_WAITING + extra):
        place.note(f"{number:06}")
    with caplog.at_level(logging.WARNING):
        await place.notes.written()
    assert f"{extra} receipts are lost" in caplog.text
    assert f"{extra} lines of the audit log are lost" in caplog.text
    for number in range(extra):
        place.note(f"later {number}")
    place.locked = False
    caplog.clear()
    await place.notes.finish(20)
    assert f"{extra} receipts are lost" in caplog.text
    receipts, lines = place.kept()
    assert len(receipts) == lines == module.MAX_WAITING
    assert receipts[0] == f"{2 * extra:06}"
    assert sum(len(ids) for _, ids in place.used) == module.MAX_WAITING


async def test_what_the_vault_refuses_until_the_end_is_told(place, caplog):
    place.locked = True
    place.note("a")
    place.notes.read(ADA, Operation.READ, ["mem_b"])
    with caplog.at_level(logging.WARNING):
        await place.notes.finish(0.5)
    assert "1 receipts, 2 lines of the audit log and 0 uses are lost" in caplog.text
    tries = place.tries
    await asyncio.sleep(2 * module.DELAY_S)
    assert place.tries == tries, "nothing is tried after the end"
