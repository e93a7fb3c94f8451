"""The journal and the audit log: each change of memories stands in both, in the same transaction."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory.change import Change, Operation
from memory.cube import Origin, SemanticType, Source
from memory.governance import Governance
from memory.turn import Draft, Scope
from memory.vault import VaultFiles, open_vault
from memory.vault.cubes import by_ids, remove

ADA = Scope(user="ada", key_id="k1")


def _now() -> datetime:
    return datetime(2026, 3, 14, 12, tzinfo=UTC)


@pytest.fixture
def files(tmp_path: Path):
    opened = open_vault(tmp_path, clock=_now)
    yield opened
    opened.close()


def _tell(files: VaultFiles, text: str) -> str:
    draft = Draft(
        text=text,
        semantic_type=SemanticType.FACT,
        origin=Origin.USER_INPUT,
        source=Source(),
        valid_from=_now(),
    )
    return files.vault.put(Governance(None).admit(ADA, [draft]), None, "").created[0].id


def _rows(files: VaultFiles, sql: str) -> list[tuple[object, ...]]:
    with files.connections.read() as connection:
        return [tuple(row) for row in connection.execute(sql)]


def _remove_and_fail(files: VaultFiles, cube_id: str) -> None:
    with files.connections.write(Change.by(ADA, Operation.DELETE)) as connection:
        remove(connection, by_ids(connection, "ada", [cube_id]))
        raise ZeroDivisionError


def test_each_change_stands_in_the_journal_and_in_the_audit_log(files: VaultFiles) -> None:
    cube_id = _tell(files, "The user likes tea.")
    assert _rows(files, "SELECT user, key_id, operation FROM changes") == [("ada", "k1", "remember")]
    files.vault.delete(ADA, [cube_id])
    assert _rows(files, "SELECT user, key_id, operation FROM changes") == []  # it went with all that it was about
    assert _rows(files, "SELECT seq, key_id, operation, cubes FROM audit") == [
        (1, "k1", "remember", 1),
        (2, "k1", "delete", 1),
    ]


def test_a_removed_memory_leaves_no_trace_of_its_id_in_the_journal(files: VaultFiles) -> None:
    cube_id = _tell(files, "The user likes tea.")
    files.vault.delete(ADA, [cube_id])
    assert _rows(files, "SELECT * FROM change_cubes") == []


def test_the_audit_log_holds_neither_user_nor_text_nor_cube(files: VaultFiles) -> None:
    cube_id = _tell(files, "The user likes tea.")
    line = str(_rows(files, "SELECT * FROM audit"))
    assert re.search(r"\bada\b", line) is None  # as a word: a hash may hold these letters
    assert "tea" not in line
    assert cube_id not in line


def test_a_change_that_fails_leaves_no_line(files: VaultFiles) -> None:
    cube_id = _tell(files, "The user likes tea.")
    with pytest.raises(ZeroDivisionError):
        _remove_and_fail(files, cube_id)
    assert files.vault.get(ADA, cube_id).text == "The user likes tea."
    assert len(_rows(files, "SELECT * FROM audit")) == 1


def test_memories_cannot_change_outside_a_change(files: VaultFiles) -> None:
    cube_id = _tell(files, "The user likes tea.")
    with pytest.raises(RuntimeError, match="outside"), files.connections.write() as connection:
        remove(connection, by_ids(connection, "ada", [cube_id]))
    assert files.vault.get(ADA, cube_id)


def test_several_writes_in_one_are_one_change(files: VaultFiles) -> None:
    with files.connections.write(Change.by(ADA, Operation.PIPELINE)):
        _tell(files, "The user likes tea.")
        _tell(files, "The user likes jam.")
    assert _rows(files, "SELECT operation FROM changes") == [("pipeline",)]
    assert _rows(files, "SELECT operation, cubes FROM audit") == [("pipeline", 2)]
